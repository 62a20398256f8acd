#include "control/standing.h"

#include "pgsaba/base/fields.h"

namespace pgsaba::control {
namespace {

using Names = std::set<std::string, std::less<>>;

constexpr std::size_t kLeastText = 8;

void write(FieldWriter& to, const Names& names) {
  to.number(names.size());
  for (const std::string& name : names) to.text(name);
}

Names read_names(FieldReader& from) {
  Names names;
  for (std::size_t left = from.count(kLeastText); left > 0; --left) names.emplace(from.text());
  return names;
}

}  // namespace

std::string pack_standing(const worker::Picture& picture) {
  std::string bytes;
  FieldWriter to(bytes);
  to.flag(picture.all_paused);
  write(to, picture.paused);
  write(to, picture.disabled);
  to.number(picture.disabled_servers.size());
  for (const auto& [cluster, server] : picture.disabled_servers) to.text(cluster).text(server);
  return bytes;
}

void apply_standing(std::string_view bytes, worker::Picture& picture) {
  FieldReader from(bytes);
  const bool all_paused = from.flag();
  Names paused = read_names(from);
  Names disabled = read_names(from);
  std::set<std::pair<std::string, std::string>> servers;
  for (std::size_t left = from.count(2 * kLeastText); left > 0; --left) {
    std::string cluster(from.text());
    servers.emplace(std::move(cluster), from.text());
  }
  if (!from.complete()) return;
  picture.all_paused = all_paused;
  picture.paused = std::move(paused);
  picture.disabled = std::move(disabled);
  picture.disabled_servers = std::move(servers);
}

}  // namespace pgsaba::control
