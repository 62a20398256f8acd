#include <doctest/doctest.h>

#include <map>
#include <set>
#include <sstream>

#include "migration/draft.h"
#include "migration/ini_file.h"
#include "migration/template_text.h"
#include "pgsaba/config/show.h"
#include "pgsaba/migration/migration.h"

using namespace pgsaba;
using namespace pgsaba::migration;

namespace {

// SHOW CONFIG of version 1.25, and what was added after it.
constexpr const char* kKnown =
    R"(admin_users application_name_add_host auth_dbname auth_file auth_hba_file auth_ident_file 
auth_ldap_options auth_query auth_type auth_user autodb_idle_timeout cancel_wait_timeout cleanup_server_connections 
client_idle_timeout client_login_timeout client_tls13_ciphers client_tls_ca_file 
client_tls_cert_file client_tls_ciphers client_tls_dheparams client_tls_ecdhcurve 
client_tls_key_file client_tls_protocols client_tls_sslmode conffile default_pool_size 
disable_pqexec dns_max_ttl dns_nxdomain_ttl dns_zone_check_period idle_transaction_timeout 
ignore_startup_parameters job_name listen_addr listen_backlog listen_port log_connections 
log_disconnections log_pooler_errors log_stats logfile login_notify_message max_client_conn 
max_db_client_connections max_db_connections max_packet_size max_prepared_statements 
max_user_client_connections max_user_connections min_pool_size peer_id pidfile pkt_buf 
pool_idle_timeout pool_mode query_timeout query_wait_notify query_wait_timeout 
reserve_pool_size reserve_pool_timeout resolv_conf sbuf_loopcnt scram_iterations 
server_check_delay server_check_query server_connect_timeout server_fast_close 
server_idle_timeout server_lifetime server_login_retry server_reset_query 
server_reset_query_always server_round_robin server_tls13_ciphers server_tls_ca_file 
server_tls_cert_file server_tls_ciphers server_tls_key_file server_tls_protocols 
server_tls_sslmode so_reuseport stats_period stats_users suspend_timeout syslog 
syslog_facility syslog_ident tcp_defer_accept tcp_keepalive tcp_keepcnt tcp_keepidle 
tcp_keepintvl tcp_socket_buffer tcp_user_timeout track_extra_parameters transaction_timeout 
unix_socket_dir unix_socket_group unix_socket_mode user verbose
)";

Result<Migrated> migrated(const std::string& text) {
  return from_pgbouncer("/etc/p.ini", [&](const std::string& path) -> Result<std::string> {
    if (path == "/etc/p.ini") return text;
    return Error{"no such file: " + path};
  });
}

std::string yaml_of(const std::string& settings) {
  const auto made = migrated("[databases]\np = host=h\n[pgbouncer]\n" + settings);
  REQUIRE(made.ok());
  return made->yaml;
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("every setting of PgBouncer's has a counterpart or a reason") {
  std::set<std::string_view> known;
  for (const Counterpart& setting : pgbouncer_settings()) {
    CAPTURE(setting.name);
    CHECK(known.insert(setting.name).second);
    CHECK((!setting.target.empty() || setting.remark.size() > 10));
  }
  std::istringstream names(kKnown);
  std::size_t count = 0;
  for (std::string name; names >> name; ++count) {
    CAPTURE(name);
    CHECK(known.contains(name));
  }
  CHECK(count >= 100);
}

TEST_CASE("SHOW CONFIG has each of them, but for what would be made up") {
  const std::set<std::string> left_out = {"cleanup_server_connections",
                                          "job_name",
                                          "pkt_buf",
                                          "pool_idle_timeout",
                                          "sbuf_loopcnt",
                                          "service_name",
                                          "suspend_timeout",
                                          "server_check_delay",
                                          "track_extra_parameters"};
  std::set<std::string> shown;
  for (const config::ShowRow& row : config::show(config::Config())) shown.insert(row.key);
  for (const Counterpart& setting : pgbouncer_settings()) {
    CAPTURE(setting.name);
    CHECK(shown.contains(std::string(setting.name)) !=
          left_out.contains(std::string(setting.name)));
  }
}

TEST_CASE("what has no counterpart is named with its line and why") {
  for (const Counterpart& setting : pgbouncer_settings()) {
    if (!setting.target.empty()) continue;
    CAPTURE(setting.name);
    CHECK(has(yaml_of(std::string(setting.name) + " = 1\n"),
              "# p.ini:4: " + std::string(setting.name) + " = 1\n#"));
  }
}

TEST_CASE("defaults that are others there are written") {
  const std::string yaml = yaml_of("");
  CHECK(has(yaml, "pool_mode: session  # PgBouncer's default"));
  CHECK(has(yaml, "max_client_connections: 100  # PgBouncer's default"));
  CHECK(has(yaml, "type: md5  # PgBouncer's default"));
  CHECK(has(yaml, "{unix: /tmp, port: 6432, mode: 0777}"));
  CHECK(has(yaml, "tls: {mode: prefer}"));
}

TEST_CASE("values in their notation") {
  CHECK(has(yaml_of("query_timeout = 1.5"), "query: 1.5s"));
  CHECK(has(yaml_of("query_timeout = 1e1"), "query: 10000000us"));
  CHECK(has(yaml_of("max_client_conn = 0x10"), "max_client_connections: 16"));
  CHECK(has(yaml_of("default_pool_size = 010"), "pool_size: 8"));
  CHECK(has(yaml_of("unix_socket_mode = 511"), "mode: 0777"));
  CHECK(has(yaml_of("log_connections = 0"), "connections: false"));
  CHECK(has(yaml_of("tcp_user_timeout = 250"), "user_timeout: 250ms"));
  CHECK(has(yaml_of("admin_users = a, b c,"), "users: [a, 'b c']"));
  CHECK(has(yaml_of("client_tls_sslmode = verify-full"), "mode: verify-ca"));
  CHECK(has(yaml_of("client_tls_protocols = tlsv1.2"), "maximum_version: 1.2"));
  CHECK(has(yaml_of("application_name_add_host = 1"), "application_name_mode: add_host"));
  CHECK(has(yaml_of("listen_addr = *"), "{address: '::', port: 6432}"));
  CHECK(has(yaml_of("auth_file = u.txt"), "file: /etc/u.txt"));
}

TEST_CASE("processes that share a port, and their peers") {
  const std::string yaml = yaml_of(
      "so_reuseport = 1\npeer_id = 2\n[peers]\n1 = host=/run/one\n2 = host=10.0.0.2 port=6433 "
      "pool_size=5\n200 = host=c\n");
  CHECK(has(yaml, "\nreuse_port: true  # p.ini:4\n"));
  CHECK(has(yaml, "\npeer_id: 2  # p.ini:5\n"));
  CHECK(has(yaml, "\npeers:\n  1: {host: /run/one, port: 6432}  # p.ini:7\n"));
  CHECK(has(yaml, "\n  2: {host: 10.0.0.2, port: 6433}  # p.ini:8\n"));
  CHECK(has(yaml, "# p.ini:8: 2: pool_size=5\n"));
  CHECK(has(yaml, "# p.ini:9: 200 = host=c\n"));
  CHECK(!has(yaml, "\n  200:"));
  CHECK(has(yaml, "all of them have to be pgsaba"));
}

TEST_CASE("peers that PgBouncer does not look at, and ids that there are none of here") {
  CHECK(has(yaml_of("[peers]\n1 = host=a\n"), "# p.ini:5: 1 = host=a\n"));
  const std::string yaml = yaml_of("peer_id = 300\n");
  CHECK(!has(yaml, "\npeer_id:"));
  CHECK(has(yaml, "peer_id = 300: choose one from 1 to 127"));
  for (const char* id : {"0", "16384", "x", ""}) {
    CAPTURE(id);
    CHECK(!migrated("[databases]\np =\n[peers]\n" + std::string(id) + " = host=a\n").ok());
  }
}

TEST_CASE("how clients log in") {
  for (const char* type : {"cert", "pam", "ldap"}) {
    CAPTURE(type);
    CHECK(has(yaml_of("auth_type = " + std::string(type)), "type: " + std::string(type)));
  }
  CHECK(has(yaml_of("auth_type = pam"), "options: pamservice=pgbouncer"));
  CHECK(has(yaml_of("auth_ldap_options = ldapserver=x ldapprefix=\"y\""), "ldapserver=x"));
  CHECK(has(yaml_of("auth_type = any"), "type: trust"));
}

TEST_CASE("a line that is set again is named") {
  const std::string yaml = yaml_of("pool_mode = session\npool_mode = statement\n");
  CHECK(has(yaml, "pool_mode: statement  # p.ini:5"));
  CHECK(has(yaml, "# p.ini:4: pool_mode = session"));
}

TEST_CASE("several hosts are a cluster, and need somebody to ask them") {
  const auto made =
      migrated("[databases]\np = host=a,b user=u password='x''${y}'\nq = host=c port=1\n");
  REQUIRE(made.ok());
  CHECK(has(made->yaml, "servers: [{host: a, port: 5432}, {host: b, port: 5432}]"));
  CHECK(has(made->yaml, "monitor: {user: u, password: 'x''$${y}'}"));
  CHECK(has(made->yaml, "q: {cluster: c-1}"));
  CHECK(made->warnings.size() == 2);
}

TEST_CASE("a server that is listed twice is one") {
  const auto made = migrated("[databases]\np = host=a,a\nq = host=b,b port=1,2\n");
  REQUIRE(made.ok());
  CHECK(has(made->yaml, "servers: [{host: a, port: 5432}]"));
  CHECK(has(made->yaml, "servers: [{host: b, port: 1}, {host: b, port: 2}]"));
  CHECK(has(made->yaml, "q: {cluster: b-b-1-2}"));
}

TEST_CASE("who wants a standby gets one, if somebody can say which it is") {
  const auto made = migrated(
      "[databases]\np = host=a\ns = host=a target_session_attrs=standby\n"
      "w = host=b target_session_attrs=read-write\n");
  REQUIRE(made.ok());
  CHECK(has(made->yaml, "s: {cluster: a, route: replica_only}"));
  CHECK(has(made->yaml, "w: {cluster: b}"));
  CHECK(has(made->yaml, "# p.ini:4: w: target_session_attrs=read-write"));
  CHECK(has(made->yaml, "monitor: {user: pgsaba}"));
  CHECK(made->warnings.size() == 2);
  CHECK_FALSE(migrated("[databases]\np = host=a target_session_attrs=prefer-standby\n").ok());
}

TEST_CASE("pairs are cut as PgBouncer cuts them") {
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  CHECK(*read_pairs("a=b  c = 'd e' f='it''s'") == Pairs{{"a", "b"}, {"c", "d e"}, {"f", "it's"}});
  CHECK(*read_pairs("") == Pairs{});
  for (const char* wrong : {"a", "a=", "a=''", "a='b", "=b", "a b=c"})
    CHECK(!read_pairs(wrong).ok());
}

TEST_CASE("Ruby becomes variables") {
  const auto text = [](const char* code) {
    return without_ruby("x: <%= " + std::string(code) + " %>");
  };
  CHECK(text("ENV['A']").text == "x: ${A}");
  CHECK(text("ENV[\"A\"] || 'b'").text == "x: ${A}");
  CHECK(text("ENV[\"A\"] || 'b'").defaults.size() == 1);
  CHECK(text("ENV.fetch('A', 5)").text == "x: ${A}");
  CHECK(text("ENV.fetch(\"A\") { 5 }").text == "x: ${A}");
  CHECK(text("Rails.root").unknown.size() == 1);
  CHECK(without_ruby("a\n<% if x\n %>\nb").text == "a\n\n\nb");
}

TEST_CASE("text is quoted where YAML needs it") {
  CHECK(scalar("abc-1.2") == "abc-1.2");
  CHECK(scalar("a b") == "'a b'");
  CHECK(scalar("") == "''");
  CHECK(scalar("null") == "'null'");
  CHECK(in_quotes("it's ${x}") == "'it''s $${x}'");
}
