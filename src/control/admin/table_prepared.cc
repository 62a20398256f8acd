// SHOW PREPARED: the statements that clients have prepared, and the servers that know them.
#include <algorithm>
#include <unordered_map>

#include "pgsaba/server/prepared_statements.h"
#include "table_rows.h"

namespace pgsaba::admin {
namespace {

// The client's encoding is not known here, and the console's is UTF-8.
std::string in_ascii(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
  return text;
}

}  // namespace

Rows prepared_rows(const ConsolePicture& picture) {
  std::unordered_map<std::uint32_t, stats::PreparedCopies> copies;
  for (const stats::WorkerSnapshot& worker : picture.workers) {
    for (const stats::PreparedCopies& known : worker.prepared) {
      copies[known.id].servers += known.servers;
      copies[known.id].hits += known.hits;
    }
  }
  Rows rows;
  for (const stats::PreparedRow& one : picture.prepared) {
    const stats::PreparedCopies& known = copies[one.id];
    rows.push_back({cell(server::server_statement_name(one.id)), cell(in_ascii(one.query)),
                    cell(one.bytes), cell(one.names), cell(known.servers), cell(known.hits)});
  }
  return rows;
}

}  // namespace pgsaba::admin
