#include "table_rows.h"
#include "time_text.h"

namespace pgsaba::admin {
namespace {

std::string hexadecimal(std::uint64_t number) {
  std::string digits;
  do {
    digits.insert(digits.begin(), "0123456789ABCDEF"[number & 0xFU]);
    number >>= 4U;
  } while (number != 0);
  return digits;
}

// As PostgreSQL writes a pg_lsn.
std::string position_text(std::uint64_t position) {
  return hexadecimal(position >> 32U) + "/" + hexadecimal(position & 0xFFFF'FFFFU);
}

template <class Number>
Cell optional_number(const std::optional<Number>& number) {
  return number ? cell(*number) : Cell{};
}

}  // namespace

Rows topology_rows(const ConsolePicture& picture) {
  Rows rows;
  for (const TopologyRow& row : picture.topology) {
    rows.push_back({
        cell(row.cluster),
        cell(row.server),
        row.host.empty() ? Cell{} : cell(row.host),
        cell(row.port),
        cell(row.role),
        cell(row.state),
        row.timeline == 0 ? Cell{} : cell(row.timeline),
        row.position == 0 ? Cell{} : cell(position_text(row.position)),
        optional_number(row.lag_bytes),
        optional_number(row.lag_us),
        cell(row.fit_for_reads ? "yes" : "no"),
        cell(row.weight),
        row.started == 0 ? Cell{} : cell(time_text(row.started)),
        cell(row.disabled ? "yes" : "no"),
    });
  }
  return rows;
}

}  // namespace pgsaba::admin
