// The settings table, and everything that is derived from it.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "config/documents.h"
#include "config/setting_value.h"
#include "config/settings_table.h"
#include "fake_world.h"
#include "pgsaba/config/change.h"
#include "pgsaba/config/compare.h"
#include "pgsaba/config/show.h"

using namespace pgsaba;
using namespace pgsaba::config;

namespace {

std::filesystem::path source_root() { return PGSABA_SOURCE_DIR; }

// Generated files are written anew with PGSABA_WRITE_DOCUMENTS=1 in the environment.
void check_document(const std::string& name, const std::string& text) {
  const std::filesystem::path path = source_root() / name;
  if (std::getenv("PGSABA_WRITE_DOCUMENTS") != nullptr) std::ofstream(path) << text;
  std::ifstream stream(path);
  std::ostringstream content;
  content << stream.rdbuf();
  CHECK_MESSAGE(content.str() == text, name,
                " is out of date: run unit_config with PGSABA_WRITE_DOCUMENTS=1");
}

// The sample with every default switched on.
std::string uncommented(const std::string& text) {
  std::istringstream lines(text);
  std::string out;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t mark = line.find('#');
    const bool setting = mark != std::string::npos && line[mark + 1] != ' ' &&
                         line.find_first_not_of(' ') == mark &&
                         line.find("include") == std::string::npos;
    if (setting) line.erase(mark, 1);
    out += line + "\n";
  }
  return out;
}

std::map<std::string, ShowRow> rows_of(const Config& config) {
  std::map<std::string, ShowRow> rows;
  for (const ShowRow& row : show(config)) {
    CHECK_MESSAGE(rows.emplace(row.key, row).second, row.key, " is there twice");
  }
  return rows;
}

// Another allowed value than the default.
Value other_value(const Setting& setting, const Value& value) {
  if (const bool* flag = std::get_if<bool>(&value)) return !*flag;
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    return *number == setting.minimum ? *number + 1 : setting.minimum;
  }
  if (std::holds_alternative<std::vector<std::string>>(value)) {
    return std::vector<std::string>{"other"};
  }
  return std::string("other");
}

}  // namespace

TEST_CASE("every row is complete and reads and writes its own member") {
  for (const Section& section : sections()) {
    std::set<std::string_view> names;
    for (const Setting& setting : section.settings) {
      CAPTURE(key_of(section, setting));
      CHECK(names.insert(setting.name).second);
      CHECK_FALSE(setting.help.empty());
      CHECK(setting.minimum <= setting.maximum);
      CHECK((setting.kind == Kind::kChoice) == !setting.choices.empty());
      // A choice is held as its number: a member of another type would never be written.
      const Value by_default = setting.access.load(section.defaults);
      if (setting.kind == Kind::kChoice)
        CHECK_FALSE(std::holds_alternative<std::string>(by_default));
      if (!is_global(section)) continue;
      const Value other = other_value(setting, by_default);
      Config config;
      setting.access.store(&config, other);
      CHECK(setting.access.load(&config) == other);
      // A password and the file it may come from are one member.
      const bool secret = setting.kind == Kind::kSecret || setting.kind == Kind::kSecretFile;
      CHECK(compare(Config(), config).settings.size() +
                compare(Config(), config).start_only.size() ==
            (secret ? 2 : 1));
    }
  }
}

TEST_CASE("named rows read and write their own member too") {
  const auto check_rows = [](const char* path, auto record) {
    for (const Setting& setting : section_at(path).settings) {
      CAPTURE(setting.name);
      using T = decltype(record);
      T fresh;
      Value other = setting.access.load(&fresh);
      if (std::holds_alternative<std::monostate>(other)) other = std::int64_t{0};
      other = other_value(setting, other);
      setting.access.store(&fresh, other);
      CHECK(fresh != T());
      CHECK(setting.access.load(&fresh) == other);
    }
  };
  check_rows("databases.*", DatabaseSettings());
  check_rows("users.*", UserSettings());
  check_rows("listen[]", Listener());
  check_rows("clusters.*.servers[]", ServerAddress());
  check_rows("clusters.*.monitor", Monitor());
  check_rows("clusters.*.tls", ServerTls());
  check_rows("tls.certificates[]", TlsFiles());
}

TEST_CASE("the sample and the manual are up to date") {
  check_document("conf/pgsaba.yaml", sample_text());
  check_document("man/pgsaba.yaml.5", manual_text());
}

TEST_CASE("the sample loads, and its comments are the defaults") {
  const Loaded plain = load_text(sample_text());
  CHECK(texts_of(plain) == "");
  REQUIRE(plain.config);
  CHECK(plain.config->databases.contains("*"));

  FakeWorld world;
  world.variables["PGSABA_MONITOR_PASSWORD"] = "x";
  world.files["archive.password"] = "y";
  const Loaded full = load_text(uncommented(sample_text()), world);
  CHECK(texts_of(full) == "");
  REQUIRE(full.config);
  CHECK(full.config->databases.size() == 4);
  CHECK(full.config->clusters.at("main").servers.size() == 2);
  const auto before = rows_of(*plain.config);
  for (const ShowRow& row : show(*full.config)) {
    // Examples of one more listener, and of secrets.
    if (row.key.starts_with("unix_socket_") || row.value == "***") continue;
    CAPTURE(row.key);
    CHECK(row.value == before.at(row.key).value);
  }
}

TEST_CASE("the manual names every setting") {
  const std::string manual = manual_text();
  for (const Section& section : sections()) {
    for (const Setting& setting : section.settings) {
      CHECK(manual.find(".BR " + std::string(setting.name) + " ") != std::string::npos);
    }
  }
}

TEST_CASE("SHOW CONFIG") {
  Config config;
  config.timeouts.query_wait_us = 2'500'000;
  config.admin.users = {"a", "b"};
  config.path = "p.yaml";
  const auto rows = rows_of(config);
  const auto is = [&](const char* key, const char* value, const char* initial, bool changeable) {
    CAPTURE(key);
    REQUIRE(rows.contains(key));
    CHECK(rows.at(key).value == value);
    CHECK(rows.at(key).default_value == initial);
    CHECK(rows.at(key).changeable == changeable);
  };
  is("query_wait_timeout", "2.5", "120", true);
  is("default_pool_size", "20", "20", true);
  is("max_client_conn", "1000", "1000", true);
  is("pool_mode", "transaction", "transaction", true);
  is("server_round_robin", "0", "0", true);
  is("admin_users", "a,b", "", true);
  is("listen_backlog", "1024", "1024", false);
  is("workers", "auto", "auto", false);
  is("routing.causal_wait", "20ms", "20ms", true);
  is("conffile", "p.yaml", "", false);
}

TEST_CASE("SHOW CONFIG has what PgBouncer says otherwise") {
  Config config;
  config.listen = {
      {.address = "127.0.0.1", .port = 6400},
      {.address = "::1", .port = 6401},
      {.port = 6402, .unix_directory = "/run/p", .unix_mode = 0770, .unix_group = "g"}};
  config.tls.settings.minimum_version = TlsVersion::k13;
  config.server_tls.settings.maximum_version = TlsVersion::k12;
  config.pool.application_name_mode = ApplicationName::kAddHost;
  config.log.level = LogLevel::kDebug;
  config.tcp.user_timeout_us = 1'500 * kMillisecond;
  config.auth.options = "ldapbindpasswd=secret";
  const auto rows = rows_of(config);
  const auto is = [&](const char* key, const char* value, const char* initial, bool changeable) {
    CAPTURE(key);
    REQUIRE(rows.contains(key));
    CHECK(rows.at(key).value == value);
    CHECK(rows.at(key).default_value == initial);
    CHECK(rows.at(key).changeable == changeable);
  };
  is("listen_addr", "127.0.0.1,::1", "", false);
  is("listen_port", "6400", "6432", false);
  is("unix_socket_dir", "/run/p", "", false);
  is("unix_socket_mode", "0770", "0777", false);
  is("unix_socket_group", "g", "", false);
  is("client_tls_protocols", "tlsv1.3", "secure", true);
  is("server_tls_protocols", "tlsv1.2", "secure", true);
  is("application_name_add_host", "1", "0", true);
  is("verbose", "1", "0", true);
  is("tcp_user_timeout", "1500", "0", true);
  is("pidfile", "", "", false);
  is("server_check_query", "", "", false);
  is("auth_ldap_options", "***", "", true);
}

TEST_CASE("SET takes PgBouncer's words and numbers") {
  Config config;
  config.auth.type = AuthType::kTrust;
  const auto changed = [&](const char* key, const char* value) {
    CAPTURE(key);
    const Change change = with_setting(config, key, value);
    REQUIRE(change.config);
    return *change.config;
  };
  CHECK(changed("verbose", "2").log.level == LogLevel::kDebug);
  CHECK(changed("application_name_add_host", "1").pool.application_name_mode ==
        ApplicationName::kAddHost);
  CHECK(changed("tcp_user_timeout", "1500").tcp.user_timeout_us == 1'500 * kMillisecond);
  CHECK(changed("tcp_user_timeout", "2s").tcp.user_timeout_us == 2 * kSecond);
  CHECK(changed("tcp.user_timeout", "2").tcp.user_timeout_us == 2 * kSecond);
  CHECK(changed("Query_Timeout", "3").timeouts.query_us == 3 * kSecond);
  CHECK(changed("query_timeout", "1.5").timeouts.query_us == 1'500 * kMillisecond);
  const auto refusal = [&](const char* key, const char* value) {
    const Change change = with_setting(config, key, value);
    CHECK_FALSE(change.config);
    return change.error.message + "; " + change.error.hint;
  };
  CHECK(refusal("verbose", "loud") == "verbose: 'loud' is not a number; ");
  CHECK(refusal("pidfile", "/p") == "setting \"pidfile\" cannot be changed; None is written.");
  CHECK(
      refusal("client_tls_protocols", "all") ==
      "setting \"client_tls_protocols\" is called otherwise here; See tls.minimum_version in SHOW "
      "CONFIG.");
  CHECK(refusal("unix_socket_mode", "0700")
            .starts_with(
                "setting \"unix_socket_mode\" is changed only at start; Change listen[].mode in "));
}
