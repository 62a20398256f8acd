#include "pgsaba/server/server_login.h"

#include <doctest/doctest.h>

#include <vector>

#include "unit/wire/frames.h"

using namespace pgsaba;
using namespace pgsaba::server;
using namespace pgsaba::testing;
using Outcome = ServerLogin::Outcome;

namespace {

struct Fixture {
  explicit Fixture(const std::string& secret = {}) {
    auto where = std::make_shared<ServerTarget>();
    where->user = "saba";
    where->database = "mackerel";
    where->startup = {{"application_name", "x"}};
    where->secret = *auth::parse_secret(secret);
    login = std::make_unique<ServerLogin>(where, keys);
  }
  Outcome say(char tag, const std::string& body) {
    out.clear();
    return login->on_message(tag, bytes_of(body), out);
  }

  auth::ScramKeyCache keys;
  std::unique_ptr<ServerLogin> login;
  std::string out;
};

}  // namespace

TEST_CASE("the startup packet") {
  Fixture fixture;
  fixture.login->start(fixture.out);
  CHECK(fixture.out == packet(0x30000, zeros("user|saba|database|mackerel|application_name|x||")));
}

TEST_CASE("a login without a password, and what it teaches") {
  Fixture fixture;
  CHECK(fixture.say('R', be32(0)) == Outcome::kContinue);
  CHECK(fixture.out.empty());
  CHECK(fixture.say('S', zeros("a|1|")) == Outcome::kContinue);
  CHECK(fixture.say('S', zeros("b|2|")) == Outcome::kContinue);
  CHECK(fixture.say('S', zeros("a|3|")) == Outcome::kContinue);
  CHECK(fixture.say('S', "broken") == Outcome::kContinue);
  CHECK(fixture.say('N', zeros("Mhello||")) == Outcome::kContinue);
  CHECK(fixture.say('v', be32(0x30000) + be32(0)) == Outcome::kContinue);
  CHECK(fixture.say('K', be32(0x80000001) + "\xff\xfe\xfd\xfc") == Outcome::kContinue);
  CHECK(fixture.say('Z', "I") == Outcome::kDone);
  CHECK(fixture.login->parameters() == wire::ParameterList{{"a", "3"}, {"b", "2"}});
  CHECK(fixture.login->cancel_key() == wire::CancelKey{0x80000001, "\xff\xfe\xfd\xfc"});
}

TEST_CASE("what says that it is a standby is asked, if it should be none") {
  for (const bool expected : {false, true}) {
    Fixture fixture;
    if (expected) fixture.login->expect_primary();
    CHECK(fixture.say('R', be32(0)) == Outcome::kContinue);
    CHECK(fixture.say('S', zeros("in_hot_standby|on|")) == Outcome::kContinue);
    CHECK(fixture.say('Z', "I") == (expected ? Outcome::kContinue : Outcome::kDone));
    CHECK(fixture.out == (expected ? frame('Q', zeros("SHOW in_hot_standby|")) : ""));
    if (!expected) continue;
    CHECK(fixture.say('T', "whatever") == Outcome::kContinue);
    CHECK(fixture.login->in_hot_standby());
    CHECK(fixture.say('D', std::string("\0\1", 2) + be32(3) + "off") == Outcome::kContinue);
    CHECK(fixture.say('C', zeros("SHOW|")) == Outcome::kContinue);
    CHECK(fixture.say('Z', "I") == Outcome::kDone);
    CHECK_FALSE(fixture.login->in_hot_standby());
  }
}

TEST_CASE("without an answer it stays a standby") {
  Fixture fixture;
  fixture.login->expect_primary();
  CHECK(fixture.say('R', be32(0)) == Outcome::kContinue);
  CHECK(fixture.say('S', zeros("in_hot_standby|on|")) == Outcome::kContinue);
  CHECK(fixture.say('Z', "I") == Outcome::kContinue);
  CHECK(fixture.say('E', zeros("SERROR|C42704||")) == Outcome::kContinue);
  CHECK(fixture.say('Z', "I") == Outcome::kDone);
  CHECK(fixture.login->in_hot_standby());
}

TEST_CASE("a password in clear is sent where the server asks for it") {
  Fixture fixture("secret word");
  CHECK(fixture.say('R', be32(wire::auth_code::kCleartext)) == Outcome::kContinue);
  CHECK(fixture.out == frame('p', zeros("secret word|")));
  CHECK(fixture.say('R', be32(0)) == Outcome::kContinue);
  CHECK(fixture.say('Z', "I") == Outcome::kDone);
}

TEST_CASE("an md5 answer") {
  // printf secret\ wordsaba | md5sum, and that with the salt once more.
  Fixture fixture("secret word");
  CHECK(fixture.say('R', be32(wire::auth_code::kMd5) + "salt") == Outcome::kContinue);
  CHECK(fixture.out == frame('p', zeros("md5002fc74fe3d09f7916b81757f4bffa57|")));
}

TEST_CASE("SCRAM begins with the client's first message") {
  Fixture fixture("secret word");
  CHECK(fixture.say('R', be32(wire::auth_code::kSasl) + zeros("SCRAM-SHA-256||")) ==
        Outcome::kContinue);
  CHECK(fixture.out.find("SCRAM-SHA-256") != std::string::npos);
}

TEST_CASE("the server's refusal is kept as it is") {
  Fixture fixture;
  CHECK(fixture.say('E', zeros("SFATAL|VFATAL|C53300|Mfull|Hwait||")) == Outcome::kFailed);
  const wire::ErrorFields& error = fixture.login->error();
  CHECK(error.severity == "FATAL");
  CHECK(error.sqlstate == "53300");
  CHECK(error.message == "full");
  CHECK(error.hint == "wait");
}

TEST_CASE("what ends a login") {
  struct Row {
    char tag;
    std::string body;
    const char* sqlstate;
  };
  const std::vector<Row> rows = {
      {'R', "x", "08P01"}, {'D', "", "08P01"}, {'T', "", "08P01"}, {'!', "", "08P01"}};
  for (const Row& row : rows) {
    Fixture fixture;
    CAPTURE(row.tag);
    CHECK(fixture.say(row.tag, row.body) == Outcome::kFailed);
    CHECK(fixture.login->error().sqlstate == row.sqlstate);
    CHECK(fixture.login->error().severity == "FATAL");
  }
  Fixture without_password;
  CHECK(without_password.say('R', be32(wire::auth_code::kCleartext)) == Outcome::kFailed);
  CHECK_FALSE(without_password.login->error().message.empty());
  Fixture unknown_method;
  CHECK(unknown_method.say('R', be32(99)) == Outcome::kFailed);
}
