#include <doctest/doctest.h>
#include <pgsaba/auth/client_login.h>
#include <pgsaba/auth/digest.h>
#include <pgsaba/auth/server_authenticator.h>

#include <string>

using namespace pgsaba;
using namespace pgsaba::auth;

namespace {

using Kind = ServerAuthStep::Kind;
constexpr std::string_view kScramOnly{"SCRAM-SHA-256\0\0", 15};
constexpr std::string_view kScramAndPlus{"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0", 34};

ServerCredentials plain() { return PlainSecret{SecretBytes("secret")}; }
ServerCredentials md5() { return Md5Secret{*md5_hex("secret", "alice")}; }
ServerCredentials pass_through(std::string_view salt = "0123456789abcdef",
                               std::uint32_t iterations = 2) {
  return ScramPassThrough{derive_keys({SecretBytes("secret"), SecretBytes(salt), iterations}),
                          SecretBytes(salt), iterations};
}

ServerAuthStep ask(const ServerCredentials& credentials, std::int32_t code,
                   std::string_view payload = {}) {
  ServerAuthenticator client("alice", credentials);
  return client.on_authentication(code, bytes_of(payload));
}

// Logs in to a server (our own ClientLogin) that stores a SCRAM secret of "secret".
ServerAuthStep log_in_by_scram(const ServerCredentials& credentials, bool send_final = true) {
  const Secret stored = derive_verifier("secret", "0123456789abcdef", 2);
  ClientLogin server(ClientAuthMethod::kScramSha256, "alice", &stored, {});
  ServerAuthenticator client("alice", credentials);
  ClientLoginStep request = server.start();
  for (int turn = 0; turn < 3; ++turn) {
    const auto code = static_cast<std::int32_t>(request.message->code);
    auto answer = client.on_authentication(code, bytes_of(request.message->payload));
    if (answer.kind == Kind::kNeedsKeys) {
      answer = client.provide_keys(derive_keys(client.key_request()));
    }
    if (answer.kind == Kind::kFailed) return answer;
    if (answer.kind == Kind::kWait) break;
    request = server.on_message(bytes_of(answer.payload));
    if (request.kind == ClientLoginStep::Kind::kFailed) return {Kind::kFailed, {}, request.error};
    if (request.kind == ClientLoginStep::Kind::kDone && !send_final) break;
  }
  return client.on_authentication(0, {});
}

}  // namespace

TEST_CASE("server authenticator: which credentials answer which request") {
  const struct {
    ServerCredentials credentials;
    Kind cleartext;
    Kind md5;
    Kind scram;
  } rows[] = {
      {plain(), Kind::kSend, Kind::kSend, Kind::kSend},
      {md5(), Kind::kFailed, Kind::kSend, Kind::kFailed},
      {pass_through(), Kind::kFailed, Kind::kFailed, Kind::kSend},
      {NoSecret{}, Kind::kFailed, Kind::kFailed, Kind::kFailed},
  };
  for (const auto& row : rows) {
    CAPTURE(row.credentials.index());
    CHECK(ask(row.credentials, 0).kind == Kind::kDone);
    CHECK(ask(row.credentials, 3).kind == row.cleartext);
    CHECK(ask(row.credentials, 5, "salt").kind == row.md5);
    CHECK(ask(row.credentials, 10, kScramOnly).kind == row.scram);
    CHECK(ask(row.credentials, 10, kScramAndPlus).kind == row.scram);
  }
}

TEST_CASE("server authenticator: the bytes of password and md5 answers") {
  CHECK(ask(plain(), 3).payload == std::string("secret\0", 7));
  const std::string expected = std::string("md598a0412b9c31436fc53776e863350083") + '\0';
  CHECK(ask(plain(), 5, "\x01\x02\x03\x04").payload == expected);
  CHECK(ask(md5(), 5, "\x01\x02\x03\x04").payload == expected);
}

TEST_CASE("server authenticator: no password in clear text where somebody may read it") {
  const auto answer = [](bool may_show) {
    ServerAuthenticator login("alice", plain(), {.may_show_password = may_show});
    return login.on_authentication(3, {});
  };
  CHECK(answer(true).kind == Kind::kSend);
  CHECK(answer(false).kind == Kind::kFailed);
  CHECK(answer(false).error.message.find("no TLS") != std::string::npos);
  ServerAuthenticator hashed("alice", plain(), {.may_show_password = false});
  CHECK(hashed.on_authentication(5, bytes_of("salt")).kind == Kind::kSend);
}

TEST_CASE("server authenticator: SCRAM with a password and by pass-through") {
  CHECK(log_in_by_scram(plain()).kind == Kind::kDone);
  CHECK(log_in_by_scram(pass_through()).kind == Kind::kDone);
  const auto wrong = log_in_by_scram(PlainSecret{SecretBytes("wrong")});
  CHECK(wrong.error.sqlstate == "28P01");
  for (const auto& other :
       {pass_through("another salt 16b"), pass_through("0123456789abcdef", 3)}) {
    const auto step = log_in_by_scram(other);
    CHECK(step.kind == Kind::kFailed);
    CHECK(step.error.message ==
          "the server stores another SCRAM secret for user \"alice\" than pgsaba");
  }
}

TEST_CASE("server authenticator: Ok before the server's signature is refused") {
  const auto step = log_in_by_scram(plain(), false);
  CHECK(step.kind == Kind::kFailed);
  CHECK(step.error.sqlstate == "08P01");
}

TEST_CASE("server authenticator: requests that are unknown, malformed or out of order") {
  for (const std::int32_t code : {2, 6, 7, 8, 9, 13, -1, 1 << 30}) {
    const auto step = ask(plain(), code);
    REQUIRE(step.kind == Kind::kFailed);
    CHECK(step.error.message.starts_with("the server asks for authentication method " +
                                         std::to_string(code) + ", which"));
  }
  for (const std::string_view salt : {"", "sal", "salt5"}) {
    CHECK(ask(plain(), 5, salt).kind == Kind::kFailed);
  }
  for (const std::string_view list :
       {std::string_view(), std::string_view("\0", 1), std::string_view("SCRAM-SHA-256"),
        std::string_view("SCRAM-SHA-256-PLUS\0\0", 20),
        std::string_view("\0SCRAM-SHA-256\0\0", 16)}) {
    CHECK(ask(plain(), 10, list).kind == Kind::kFailed);
  }
  CHECK(ask(plain(), 11, "r=x,s=AAAA,i=1").kind == Kind::kFailed);
  CHECK(ask(plain(), 12, "v=AAAA").kind == Kind::kFailed);
  for (const std::int32_t second : {3, 5, 10, 11, 12}) {
    ServerAuthenticator client("alice", plain());
    REQUIRE(client.on_authentication(3, {}).kind == Kind::kSend);
    CHECK(client.on_authentication(second, bytes_of("salt")).kind == Kind::kFailed);
    CHECK(client.on_authentication(0, {}).kind == Kind::kFailed);
  }
}

TEST_CASE("server authenticator: a server cannot make us spin") {
  ServerAuthenticator client("alice", plain());
  const auto first = client.on_authentication(10, bytes_of(kScramOnly));
  REQUIRE(first.kind == Kind::kSend);
  const std::string nonce = first.payload.substr(first.payload.find("r=") + 2);
  const auto step = client.on_authentication(
      11, bytes_of("r=" + nonce + "x,s=MDEyMzQ1Njc4OWFiY2RlZg==,i=2000000000"));
  CHECK(step.kind == Kind::kFailed);
  CHECK(step.error.message ==
        "the server asks for 2000000000 SCRAM iterations, more than the limit of 100000");
}

TEST_CASE("server authenticator: a stored verifier is no credential") {
  CHECK(std::holds_alternative<NoSecret>(credentials_of(derive_verifier("secret", "salt", 1))));
  CHECK(std::holds_alternative<PlainSecret>(credentials_of(PlainSecret{SecretBytes("secret")})));
}
