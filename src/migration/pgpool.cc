// From a pgpool.conf: the back ends, and what else means something here.
#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>

#include "migration/draft.h"
#include "migration/ini_file.h"

namespace pgsaba::migration {
namespace {

constexpr std::string_view kHead =
    "# pgsaba: made by `pgsaba import` out of a pgpool.conf. pgpool lends a server for a session,\n"
    "# pgsaba for a transaction: pool_size is how many run at a time, not how many are "
    "connected.\n";

struct Line {
  std::string value;
  int number = 0;
};

// As in postgresql.conf: name = 'value' # comment; quotes may be doubled or escaped.
std::pair<std::string, std::string> read_line(std::string_view text) {
  std::string key;
  std::string value;
  std::size_t at = 0;
  const auto space = [&] {
    while (at < text.size() && std::isspace(static_cast<unsigned char>(text[at])) != 0) ++at;
  };
  space();
  while (at < text.size() &&
         (std::isalnum(static_cast<unsigned char>(text[at])) != 0 || text[at] == '_'))
    key += text[at++];
  space();
  if (at < text.size() && text[at] == '=') ++at;
  space();
  const bool within = at < text.size() && text[at] == '\'';
  if (within) ++at;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (within && c == '\'' && at + 1 < text.size() && text[at + 1] == '\'') {
      value += text[++at];
    } else if (within && c == '\\' && at + 1 < text.size()) {
      value += text[++at];
    } else if (within ? c == '\''
                      : (c == '#' || std::isspace(static_cast<unsigned char>(c)) != 0)) {
      break;
    } else {
      value += c;
    }
  }
  return {key, value};
}

const std::map<std::string, std::string_view>& remarks() {
  static const std::map<std::string, std::string_view> kRemarks = {
      {"max_pool", "servers are not tied to processes: see pool.pool_size."},
      {"connection_cache", "server connections are always kept for the next client."},
      {"reset_query_list", "in transaction mode nothing has to be reset between clients."},
      {"load_balance_mode", "on is route: split, off is route: primary."},
      {"statement_level_load_balance", "each read chooses its standby."},
      {"ignore_leading_white_space", "statements are read as PostgreSQL reads them."},
      {"disable_load_balance_on_write",
       "a standby serves reads once it shows what was written; see routing.read_your_writes."},
      {"delay_threshold", "in bytes there, in time here: routing.max_lag."},
      {"delay_threshold_by_time", "routing.max_lag."},
      {"enable_pool_hba", "auth.type: hba and auth.hba_file; pgsaba reads PostgreSQL's format."},
      {"pool_passwd", "auth.file, in PgBouncer's format: \"user\" \"secret\"."},
      {"backend_clustering_mode", "streaming replication is what is served."},
      {"master_slave_mode", "streaming replication is what is served."},
      {"failover_command",
       "pgsaba follows failovers (Patroni, repmgr, pg_promote) and makes none by "
       "itself; SWITCHOVER on the console does what it is told."}};
  return kRemarks;
}

// Of a weight with a fraction; what is no number, or none that counts, has none.
int thousandths(const std::string& weight) {
  const double value = std::strtod(weight.c_str(), nullptr) * 1000;
  return value >= 0 && value < 1e6 ? static_cast<int>(value) : 0;
}

class Pgpool {
 public:
  Pgpool(const std::string& path, const std::string& text)
      : name_(std::filesystem::path(path).filename().string()), draft_(std::string(kHead)) {
    int number = 0;
    for (std::string_view rest = text; !rest.empty();) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      auto [key, value] = read_line(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
      ++number;
      if (!key.empty()) lines_[key] = {std::move(value), number};
    }
  }

  Result<Migrated> run() {
    std::string servers;
    for (int index = 0; index < 128; ++index) add_server(std::to_string(index), servers);
    if (servers.empty()) return Error{name_ + " has no backend_hostname0", "is it a pgpool.conf?"};
    write_listeners();
    draft_.add("clusters", "main:", "");
    draft_.add("clusters", "  servers: [" + servers + "]", place("backend_hostname0"));
    draft_.add("clusters", "  monitor: " + monitor().text(), place("sr_check_user"));
    const bool split = value("load_balance_mode", "on") != "off";
    draft_.add("databases",
               std::string("'*': {cluster: main, route: ") + (split ? "split}" : "primary}"),
               place("load_balance_mode"));
    used_.insert("load_balance_mode");
    write_functions("black_function_list", "deny_functions");
    write_functions("write_function_list", "deny_functions");
    write_functions("white_function_list", "allow_functions");
    write_functions("read_only_function_list", "allow_functions");
    if (lines_.contains("num_init_children"))
      draft_.set("limits", "max_client_connections", scalar(value("num_init_children", "32")),
                 place("num_init_children"));
    used_.insert("num_init_children");
    draft_.set("auth", "type", "scram-sha-256", "");
    draft_.set("auth", "file", "userlist.txt", "");
    draft_.warn("users and their secrets belong into userlist.txt: \"user\" \"secret\"");
    note_rest();
    return draft_.finish();
  }

 private:
  std::string value(const std::string& key, const std::string& otherwise) const {
    const auto found = lines_.find(key);
    return found == lines_.end() ? otherwise : found->second.value;
  }
  std::string place(const std::string& key) const {
    const auto found = lines_.find(key);
    return found == lines_.end() ? std::string()
                                 : name_ + ":" + std::to_string(found->second.number);
  }

  void add_server(const std::string& index, std::string& list) {
    const std::string host = value("backend_hostname" + index, "");
    if (host.empty()) return;
    FlowMap server;
    if (const auto name = value("backend_application_name" + index, ""); !name.empty())
      server.add("name", scalar(name));
    server.add("host", scalar(host)).add("port", scalar(value("backend_port" + index, "5432")));
    const std::string weight = value("backend_weight" + index, "1");
    // Only the ratios count, there as here.
    const bool whole = weight.find_first_not_of("0123456789") == std::string::npos;
    server.add("weight", whole ? weight : std::to_string(thousandths(weight)));
    list += (list.empty() ? "" : ", ") + server.text();
    for (const char* name : {"hostname", "port", "weight", "application_name"})
      used_.insert("backend_" + std::string(name) + index);
  }

  void write_listeners() {
    const std::string port = scalar(value("port", "9999"));
    for (const std::string& given : split_list(value("listen_addresses", "localhost"))) {
      const std::string address = given == "*" ? "0.0.0.0" : given;
      draft_.add("listen", "- {address: " + scalar(address) + ", port: " + port + "}",
                 place("listen_addresses"));
    }
    for (const char* key : {"unix_socket_directories", "socket_dir"})
      for (const std::string& directory : split_list(value(key, "")))
        draft_.add("listen", "- {unix: " + scalar(directory) + ", port: " + port + "}", place(key));
    used_.insert({"listen_addresses", "port", "unix_socket_directories", "socket_dir"});
  }

  FlowMap monitor() {
    FlowMap map;
    map.add("user", scalar(value("sr_check_user", "pgsaba")));
    if (const auto password = value("sr_check_password", ""); !password.empty())
      map.add("password", in_quotes(password));
    map.add("database", scalar(value("sr_check_database", "postgres")));
    used_.insert({"sr_check_user", "sr_check_password", "sr_check_database"});
    return map;
  }

  // pgpool's are regular expressions; a plain name is one, too.
  void write_functions(const std::string& key, const std::string& target) {
    if (!lines_.contains(key)) return;
    used_.insert(key);
    std::vector<std::string> names;
    for (const std::string& item : split_list(value(key, ""))) {
      const bool plain = std::ranges::all_of(item, [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
      });
      if (plain) {
        names.push_back(item);
      } else {
        draft_.note({place(key), item},
                    "a pattern: functions are named one by one here. What PostgreSQL "
                    "brings along is known, and what is unknown runs on the primary.");
      }
    }
    if (!names.empty()) draft_.set("routing", target, list_of(names), place(key));
  }

  void note_rest() {
    for (const auto& [key, line] : lines_) {
      if (used_.contains(key)) continue;
      const auto known = remarks().find(key);
      const bool secret = key.find("password") != std::string::npos;
      draft_.note({place(key), key + " = " + (secret ? "…" : line.value)},
                  known == remarks().end() ? "not about back ends; nothing here is meant by it."
                                           : known->second);
    }
  }

  std::string name_;
  Draft draft_;
  std::map<std::string, Line> lines_;
  std::set<std::string> used_;
};

}  // namespace

Result<Migrated> from_pgpool(const std::string& path, const ReadFile& read) {
  const auto text = read(path);
  if (!text) return text.error();
  return Pgpool(path, *text).run();
}

}  // namespace pgsaba::migration
