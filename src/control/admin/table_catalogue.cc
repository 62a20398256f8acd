#include <algorithm>

#include "table_rows.h"

namespace pgsaba::admin {
namespace {

struct Connections {
  std::uint64_t servers = 0;
  std::uint64_t clients = 0;
};
using ConnectionsByName = std::map<std::string, Connections>;

// How many connections there are now, by the names that `of_client` and `of_server` give; those
// that no limit counts stand beside a limit and are left out.
ConnectionsByName count_by(const ConsolePicture& picture,
                           std::string stats::ClientCount::*of_client,
                           std::string stats::ConnectionRow::*of_server) {
  ConnectionsByName counts;
  for (const stats::WorkerSnapshot& worker : picture.workers) {
    for (const stats::ClientCount& account : worker.accounts)
      counts[account.*of_client].clients += account.clients;
    for (const stats::ServerRow& server : worker.servers)
      counts[server.*of_server].servers += server.takes_slot ? 1U : 0U;
  }
  return counts;
}

Cell optional_text(const std::optional<std::string>& text) { return text; }

// PgBouncer writes these two numbers as text: right-aligned in nine places, or empty.
Cell padded(const std::optional<std::uint32_t>& number) {
  if (!number) return cell("");
  const std::string digits = std::to_string(*number);
  return std::string(digits.size() < 9 ? 9 - digits.size() : 0, ' ') + digits;
}

DatabaseInfo console_database(const ConsolePicture& picture) {
  DatabaseInfo info;
  info.name = kConsoleDatabase;
  info.database = kConsoleDatabase;
  info.force_user = kConsoleDatabase;
  info.port = picture.listen_port;
  info.pool_mode = "statement";
  return info;
}

Row database_row(const DatabaseInfo& info, const Connections& now) {
  return {
      cell(info.name),
      info.host.empty() ? Cell{} : cell(info.host),
      cell(info.port),
      cell(info.database),
      optional_text(info.force_user),
      cell(info.pool_size),
      cell(info.min_pool_size),
      cell(info.reserve_pool_size),
      cell(info.server_lifetime_us / kSecond),
      optional_text(info.pool_mode),
      std::nullopt,  // load_balance_hosts
      cell(info.max_connections),
      cell(now.servers),
      cell(info.max_client_connections),
      cell(now.clients),
      flag(info.paused),
      flag(info.disabled),
      info.cluster.empty() ? Cell{} : cell(info.cluster),
      info.route.empty() ? Cell{} : cell(info.route),
      cell(info.reserve_pool_size),
  };
}

}  // namespace

Rows database_rows(const ConsolePicture& picture) {
  std::vector<DatabaseInfo> all = picture.databases;
  all.push_back(console_database(picture));
  std::sort(all.begin(), all.end(),
            [](const DatabaseInfo& a, const DatabaseInfo& b) { return a.name < b.name; });
  ConnectionsByName now =
      count_by(picture, &stats::ClientCount::database, &stats::ConnectionRow::database);
  Rows rows;
  for (const DatabaseInfo& info : all) rows.push_back(database_row(info, now[info.name]));
  return rows;
}

Rows user_rows(const ConsolePicture& picture) {
  ConnectionsByName now = count_by(picture, &stats::ClientCount::user, &stats::ConnectionRow::user);
  Rows rows;
  for (const UserInfo& user : picture.users) {
    const Connections& connections = now[user.name];
    rows.push_back({cell(user.name), padded(user.pool_size), padded(user.reserve_pool_size),
                    optional_text(user.pool_mode), cell(user.max_user_connections),
                    cell(connections.servers), cell(user.max_user_client_connections),
                    cell(connections.clients)});
  }
  return rows;
}

Rows config_rows(const ConsolePicture& picture) {
  Rows rows;
  for (const ConfigRow& setting : picture.config) {
    rows.push_back({cell(setting.key), optional_text(setting.value),
                    optional_text(setting.default_value), cell(setting.changeable ? "yes" : "no")});
  }
  return rows;
}

}  // namespace pgsaba::admin
