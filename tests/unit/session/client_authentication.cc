// What decides about a login besides secrets: where the client is, how it came, and whether it is
// still there. Without a kernel: addresses of machines far away, and of clients that have gone.
#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "pgsaba/wire/frontend.h"
#include "unit/session/login_host.h"

using namespace pgsaba;
using namespace pgsaba::session;
using testing::LoginHost;

namespace {

std::unique_ptr<auth::HostAccess> rules_of(const std::string& text) {
  const auth::RuleFiles files = {[&](const std::string&) -> Result<std::string> { return text; },
                                 [](const std::string&) -> Result<std::vector<std::string>> {
                                   return std::vector<std::string>();
                                 },
                                 [](const std::string&) { return false; }};
  auto rules = auth::HbaRules::load("hba", files);
  REQUIRE_FALSE(rules->first_error());
  auto access = std::make_unique<auth::HostAccess>();
  access->rules = std::move(*rules);
  return access;
}

// A client of such a host, from such an address.
class Visit {
 public:
  Visit(LoginHost& host, const net::Address& from, const std::string& database = "shop")
      : host_(host), socket_(*host.network.connect({}, {})) {
    host.network.peer = from;
    session_ = std::make_unique<ClientSession>(host, 1, socket_);
    std::string packet;
    wire::append_startup(packet, wire::kProtocol30, {{"user", "ann"}, {"database", database}});
    say(packet);
  }
  ~Visit() {
    if (session_->state() != ClientSession::State::kClosed) session_->end(EndReason::kClientClosed);
  }

  void say(std::string_view bytes) {
    host_.network.say(socket_, bytes);
    run();
  }
  void say_password(const std::string& password) {
    std::string frame;
    wire::append_password(frame, password + '\0');
    say(frame);
  }
  ClientSession& session() { return *session_; }
  void run() {
    testing::run(host_.turn());
    if (host_.network.lines.contains(socket_)) heard += host_.network.sent(socket_);
    heard += std::exchange(host_.network.last_words[socket_], {});
  }
  bool hears(std::string_view text) const { return heard.find(text) != std::string::npos; }
  // The kind of proof that is asked for; -1: none is.
  int asked() const {
    return heard.size() >= 9 && heard[0] == 'R' ? static_cast<unsigned char>(heard[8]) : -1;
  }

  std::string heard;

 private:
  LoginHost& host_;
  net::Socket socket_;
  std::unique_ptr<ClientSession> session_;
};

net::Address tcp(const char* host) { return *net::Address::from_host(host, 40'000); }
net::Address unix_socket() { return *net::Address::from_unix_path(""); }

constexpr int kClearText = 3;

}  // namespace

TEST_CASE("a client that has gone is not taken for one of this machine") {
  LoginHost host;
  host.configuration.auth.type = config::AuthType::kHba;
  host.rules = rules_of("local all all trust\nhost all all 10.0.0.0/8 trust\n");
  host.known.set("ann", auth::NoSecret{});
  host.configuration.auth.file = "users";
  SUBCASE("on a Unix socket") {
    const Visit visit(host, unix_socket());
    CHECK(host.admitted == 1);
  }
  SUBCASE("from an address with a rule") {
    const Visit visit(host, tcp("10.1.2.3"));
    CHECK(host.admitted == 1);
  }
  SUBCASE("from another one") {
    const Visit visit(host, tcp("11.1.2.3"));
    CHECK(host.admitted == 0);
    CHECK(visit.hears("no pg_hba.conf entry for host \"11.1.2.3\""));
  }
  SUBCASE("gone: the kernel knows no address of it any more") {
    const Visit visit(host, net::Address());
    CHECK(host.admitted == 0);
    CHECK(host.buried);
    CHECK(visit.heard.empty());
  }
}

TEST_CASE("passwords in clear text are taken from where nobody can listen") {
  LoginHost host;
  host.configuration.auth.type = config::AuthType::kPlain;
  host.configuration.auth.file = "users";
  host.known.set("ann", auth::PlainSecret{auth::SecretBytes("right")});
  SUBCASE("far away") {
    const Visit visit(host, tcp("192.0.2.1"));
    CHECK(visit.asked() == -1);
    CHECK(visit.hears("passwords in clear text are not taken without TLS"));
    CHECK(visit.hears("auth.plain_passwords"));
  }
  SUBCASE("far away, and allowed") {
    host.configuration.auth.plain_passwords = config::PlainPasswords::kAlways;
    CHECK(Visit(host, tcp("192.0.2.1")).asked() == kClearText);
  }
  SUBCASE("on this machine") {
    CHECK(Visit(host, tcp("127.0.0.1")).asked() == kClearText);
    CHECK(Visit(host, tcp("::1")).asked() == kClearText);
    CHECK(Visit(host, unix_socket()).asked() == kClearText);
  }
  SUBCASE("by rules, to PAM and directories as well") {
    host.configuration.auth.type = config::AuthType::kHba;
    for (const char* method : {"password", "pam", "ldap ldapbasedn=x"}) {
      host.rules = rules_of(std::string("host all all all ") + method);
      CHECK(Visit(host, tcp("192.0.2.1")).asked() == -1);
      CHECK(Visit(host, tcp("127.0.0.1")).asked() == kClearText);
    }
  }
  SUBCASE("other methods do not show them") {
    host.configuration.auth.type = config::AuthType::kScramSha256;
    CHECK(Visit(host, tcp("192.0.2.1")).asked() == 10);
  }
}

TEST_CASE("a password that PAM judges") {
  LoginHost host;
  host.configuration.auth.type = config::AuthType::kPam;
  host.rules = rules_of("host all all all pam pamservice=shop\n");
  Visit visit(host, tcp("127.0.0.1"));
  CHECK(visit.asked() == kClearText);
  visit.say_password("a guess");
  REQUIRE(host.checked);
  const auto* by_pam = std::get_if<auth::PamCheck>(&host.checked->by);
  REQUIRE(by_pam != nullptr);
  CHECK(by_pam->service == "shop");
  CHECK(by_pam->host == "127.0.0.1");
  CHECK(host.checked->user == "ann");
  CHECK(host.checked->password.text() == "a guess");
  CHECK_FALSE(host.verdict_wanted.expired());
  SUBCASE("right") {
    visit.session().password_judged(true);
    CHECK(host.admitted == 1);
    CHECK(host.rights == 1);
    CHECK(host.accepted.text() == "a guess");  // servers may want it
  }
  SUBCASE("wrong") {
    visit.session().password_judged(false);
    visit.run();
    CHECK(host.admitted == 0);
    CHECK(host.wrongs == 1);
  }
  SUBCASE("what is said twice, or of nobody") {
    visit.session().password_judged(false);
    visit.session().password_judged(true);
    CHECK(host.admitted == 0);
  }
  SUBCASE("nobody waits any more") {
    visit.session().end(EndReason::kClientClosed);
    testing::run(host.turn());
    CHECK(host.buried);
  }
}

TEST_CASE("whoever has guessed wrong waits, or is sent away") {
  LoginHost host;
  host.configuration.auth.type = config::AuthType::kPlain;
  host.configuration.auth.file = "users";
  host.known.set("ann", auth::PlainSecret{auth::SecretBytes("right")});
  SUBCASE("waits") {
    host.braked = SessionHost::Brake::kWait;
    Visit visit(host, tcp("127.0.0.1"));
    CHECK(visit.heard.empty());
    visit.session().brake_released();
    visit.run();
    CHECK(visit.asked() == kClearText);
    visit.say_password("wrong");
    CHECK(host.wrongs == 1);
    CHECK(visit.hears("28P01"));
  }
  SUBCASE("is sent away") {
    host.braked = SessionHost::Brake::kRefuse;
    const Visit visit(host, tcp("127.0.0.1"));
    CHECK(visit.hears("53300"));
    CHECK(visit.hears("auth.failure_pause"));
  }
  SUBCASE("is right") {
    Visit visit(host, tcp("127.0.0.1"));
    visit.say_password("right");
    CHECK(host.rights == 1);
    CHECK(host.admitted == 1);
  }
}

TEST_CASE("the console may have rules of its own") {
  LoginHost host;
  host.configuration.auth.type = config::AuthType::kTrust;
  host.console_rules = rules_of("local all all trust\nhost all all all reject\n");
  CHECK(Visit(host, tcp("127.0.0.1"), "pgsaba").hears("pg_hba.conf rejects connection"));
  CHECK(host.consoles == 0);
  const Visit local(host, unix_socket(), "pgsaba");
  CHECK(host.consoles == 1);
  const Visit other(host, tcp("127.0.0.1"), "shop");
  CHECK(host.admitted == 1);
}
