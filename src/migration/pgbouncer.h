// PgbouncerMigration: gathers the lines of a pgbouncer.ini, then writes what they mean. Lives for
// one migration.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "migration/draft.h"
#include "migration/ini_file.h"

namespace pgsaba::migration {

class PgbouncerMigration {
 public:
  explicit PgbouncerMigration(std::string path);

  Result<Migrated> run(const std::vector<IniLine>& lines);

 private:
  using Values = std::map<std::string, std::string, std::less<>>;
  struct Entry {  // of [databases] or [peers]
    IniLine line;
    Values values;
  };

  Status take(const IniLine& line);
  Status take_peer(const IniLine& line);
  Status take_database(const IniLine& line);
  Status take_user(const IniLine& line);

  // As it is set, or PgBouncer's default.
  std::string value_of(std::string_view name) const;
  static std::string from(const IniLine& line);
  Status write_setting(const Counterpart& setting, const IniLine& line);
  void write_listeners();
  void write_peers();
  FlowMap peer_map(const Entry& peer);
  void write_users();
  void finish_login();

  // pgbouncer_databases.cc
  void write_databases();
  void write_database(const Entry& database);

  // pgbouncer_clusters.cc
  void write_clusters();
  void write_monitor(const Entry& database, const std::string& cluster);
  static bool asks_for_standby(const Values& values);
  FlowMap cluster_tls();
  std::string server_list(const Entry& database, bool& several) const;
  std::string where(const Entry& database) const;

  std::string path_;
  Draft draft_;
  std::map<std::string, IniLine, std::less<>> settings_;  // [pgbouncer], the last of each
  std::vector<Entry> databases_;
  std::vector<std::pair<IniLine, FlowMap>> users_;
  std::vector<Entry> peers_;
  std::map<std::string, std::string> clusters_;  // by where(): its name
};

}  // namespace pgsaba::migration
