#include <doctest/doctest.h>
#include <pgsaba/auth/client_login.h>
#include <pgsaba/auth/digest.h>
#include <pgsaba/auth/scram_key_cache.h>
#include <pgsaba/auth/server_authenticator.h>

#include <optional>
#include <string>
#include <vector>

using namespace pgsaba;
using namespace pgsaba::auth;

namespace {

using Kind = ClientLoginStep::Kind;
using ServerKind = ServerAuthStep::Kind;
constexpr auto kScram = ClientAuthMethod::kScramSha256;
constexpr auto kMd5 = ClientAuthMethod::kMd5;
constexpr auto kPassword = ClientAuthMethod::kPassword;
constexpr auto kTrust = ClientAuthMethod::kTrust;

ClientLoginSettings settings() {
  ClientLoginSettings result;
  result.mock_key[0] = 42;
  result.scram_iterations = 3;  // keeps the tests quick
  return result;
}

Secret plain(std::string_view password) { return PlainSecret{SecretBytes(password)}; }
Secret md5(std::string_view password, std::string_view user) {
  return Md5Secret{*md5_hex(password, user)};
}
Secret scram(std::string_view password) { return derive_verifier(password, "0123456789abcdef", 2); }
std::string text_of_string(std::string_view text) { return std::string(text) + '\0'; }

// What one whole login looked like from outside, and what it cost: all that takes time is keys.
struct Login {
  std::string shape;  // "10:15 11:84 …" codes and lengths sent, then the outcome
  std::string outcome;
  LoginError error;
  int derivations = 0;
  std::string wishes;  // "3*16 kept 1" iterations, bytes of salt, and what becomes of the keys
  std::optional<ScramPassThrough> pass_through;
};

// Plays a client with `password` (our own client side, which has its own tests) to the end.
Login log_in(ClientAuthMethod method, const std::string& user, const Secret* secret,
             std::string_view password, SecretKind usual = SecretKind::kScram) {
  Login result;
  ClientLoginSettings chosen = settings();
  chosen.usual_secret = usual;
  ClientLogin server(method, user, secret, chosen);
  ServerAuthenticator client(user, PlainSecret{SecretBytes(password)});
  ClientLoginStep step = server.start();
  for (int turn = 0; turn < 10; ++turn) {
    if (step.kind == Kind::kNeedsKeys) {
      ++result.derivations;
      const ScramKeyRequest& wish = server.key_request();
      result.wishes += std::to_string(wish.iterations) + '*' +
                       std::to_string(wish.salt.text().size()) + " kept " +
                       std::to_string(static_cast<int>(wish.keep)) + ' ';
      step = server.provide_keys(derive_keys(server.key_request()));
      continue;
    }
    ServerAuthStep answer{ServerKind::kWait};
    if (step.message) {
      const auto code = static_cast<std::int32_t>(step.message->code);
      result.shape +=
          std::to_string(code) + ':' + std::to_string(step.message->payload.size()) + ' ';
      answer = client.on_authentication(code, bytes_of(step.message->payload));
    }
    if (answer.kind == ServerKind::kNeedsKeys) {
      answer = client.provide_keys(derive_keys(client.key_request()));
    }
    if (step.kind == Kind::kDone) {
      CHECK(client.on_authentication(0, {}).kind == ServerKind::kDone);
      result.pass_through = server.pass_through();
      result.outcome = "ok";
      return result;
    }
    if (step.kind == Kind::kFailed) {
      result.error = step.error;
      result.outcome = step.error.sqlstate;
      return result;
    }
    REQUIRE(answer.kind == ServerKind::kSend);
    step = server.on_message(bytes_of(answer.payload));
  }
  FAIL("the login does not end");
  return result;
}

std::string sasl_initial(std::string_view mechanism, std::string_view response) {
  std::string payload = text_of_string(mechanism);
  std::uint8_t length[4];
  store_be32(length, static_cast<std::uint32_t>(response.size()));
  return payload.append(text_of(length)).append(response);
}

// Starts a login and hands it `payload` as first message.
std::string first_message_result(ClientAuthMethod method, const std::string& payload) {
  const Secret secret = plain("secret");
  ClientLogin login(method, "alice", &secret, settings());
  REQUIRE(login.start().kind == Kind::kSend);
  const ClientLoginStep step = login.on_message(bytes_of(payload));
  return step.kind == Kind::kFailed ? std::string(step.error.sqlstate) : "ok";
}

}  // namespace

TEST_CASE("client login: every method with every kind of secret, right and wrong password") {
  const struct {
    ClientAuthMethod method;
    Secret secret;
    const char* first_code;
    const char* right;
    const char* wrong;
    int derivations;
  } rows[] = {
      {kTrust, NoSecret{}, "", "ok", "ok", 0},
      {kTrust, plain("secret"), "", "ok", "ok", 0},
      {kPassword, plain("secret"), "3:", "ok", "28P01", 0},
      {kPassword, md5("secret", "alice"), "3:", "ok", "28P01", 0},
      {kPassword, scram("secret"), "3:", "ok", "28P01", 1},
      {kPassword, NoSecret{}, "3:", "28P01", "28P01", 1},
      {kMd5, plain("secret"), "5:", "ok", "28P01", 0},
      {kMd5, md5("secret", "alice"), "5:", "ok", "28P01", 0},
      {kMd5, md5("secret", "bob"), "5:", "28P01", "28P01", 0},
      {kMd5, scram("secret"), "10:", "ok", "28P01", 0},
      {kMd5, NoSecret{}, "10:", "28P01", "28P01", 0},
      {kScram, plain("secret"), "10:", "ok", "28P01", 1},
      {kScram, md5("secret", "alice"), "10:", "28P01", "28P01", 0},
      {kScram, scram("secret"), "10:", "ok", "28P01", 0},
      {kScram, NoSecret{}, "10:", "28P01", "28P01", 0},
  };
  int row_number = 0;
  for (const auto& row : rows) {
    CAPTURE(row_number++);
    const Login right = log_in(row.method, "alice", &row.secret, "secret");
    CHECK(right.outcome == row.right);
    CHECK(right.shape.starts_with(row.first_code));
    CHECK(right.derivations == row.derivations);
    CHECK(log_in(row.method, "alice", &row.secret, "Secret").outcome == row.wrong);
    CHECK(log_in(row.method, "alice", &row.secret, "secret2").outcome == row.wrong);
  }
}

TEST_CASE(
    "client login: an unknown user sees, and costs, what a known one with a wrong password does") {
  const ClientLoginSettings chosen = settings();
  // As PostgreSQL makes it: with as many rounds and as long a salt as are made up.
  const Secret stored = derive_verifier("secret", "0123456789abcdef", chosen.scram_iterations);
  const Secret none = NoSecret{};
  for (const Secret& known : {plain("secret"), md5("secret", "alice"), stored}) {
    for (const auto method : {kPassword, kMd5, kScram}) {
      CAPTURE(known.index());
      CAPTURE(static_cast<int>(method));
      const Login wrong = log_in(method, "alice", &known, "wrong", kind_of(known));
      for (const Secret* nobody : {static_cast<const Secret*>(nullptr), &none}) {
        const Login unknown = log_in(method, "alice", nobody, "wrong", kind_of(known));
        CHECK(unknown.shape == wrong.shape);
        CHECK(unknown.wishes == wrong.wishes);
        CHECK(unknown.error.sqlstate == "28P01");
        CHECK(unknown.error.message == "password authentication failed for user \"alice\"");
        CHECK(unknown.error.message == wrong.error.message);
        CHECK(unknown.error.detail == wrong.error.detail);
      }
    }
  }
  const Login wrong = log_in(kScram, "alice", &stored, "wrong");
  CHECK(log_in(kScram, "alice", nullptr, "wrong").error.log_detail != wrong.error.log_detail);
  const Login trusted = log_in(kTrust, "alice", nullptr, "");
  CHECK(trusted.error.sqlstate == "28000");
  CHECK(trusted.error.message == "role \"alice\" does not exist");
}

TEST_CASE("client login: keys of what is made up are found again, as those of listed users") {
  const Secret secret = plain("secret");
  for (const Secret* known : {&secret, static_cast<const Secret*>(nullptr)}) {
    std::vector<ScramKeyRequest> wishes;
    for (int attempt = 0; attempt < 2; ++attempt) {
      ClientLoginSettings chosen = settings();
      chosen.usual_secret = SecretKind::kPlain;
      ClientLogin login(kScram, "alice", known, chosen);
      (void)login.start();
      const std::string first = "n,,n=,r=abc";
      const auto told = login.on_message(bytes_of(sasl_initial("SCRAM-SHA-256", first)));
      const std::string nonce = told.message->payload.substr(0, told.message->payload.find(','));
      const std::string last = "c=biws," + nonce + ",p=" + std::string(43, 'A') + "=";
      REQUIRE(login.on_message(bytes_of(last)).kind == Kind::kNeedsKeys);
      wishes.push_back(login.key_request());
    }
    ScramKeyCache cache;
    CHECK(cache.find(wishes[0]) == nullptr);
    cache.insert(wishes[0], derive_keys(wishes[0]));
    CHECK(cache.find(wishes[1]) != nullptr);
  }
}

TEST_CASE("client login: under md5, unknown users look like the majority of the known") {
  for (const bool use_scram : {true, false}) {
    ClientLoginSettings chosen = settings();
    chosen.usual_secret = use_scram ? SecretKind::kScram : SecretKind::kMd5;
    ClientLogin login(kMd5, "nobody", nullptr, chosen);
    const auto code = login.start().message->code;
    CHECK(code == (use_scram ? AuthenticationCode::kSasl : AuthenticationCode::kMd5Password));
  }
}

TEST_CASE("client login: made-up salts are stable, differ by user, and hide who exists") {
  const auto salt_of = [](const std::string& user, const Secret* secret) {
    ClientLogin login(kScram, user, secret, settings());
    (void)login.start();
    const auto step = login.on_message(bytes_of(sasl_initial("SCRAM-SHA-256", "n,,n=,r=abc")));
    const std::string first = step.message->payload;
    return first.substr(first.find(",s="));
  };
  const Secret secret = plain("secret");
  CHECK(salt_of("alice", nullptr) == salt_of("alice", nullptr));
  CHECK(salt_of("alice", nullptr) == salt_of("alice", &secret));
  CHECK(salt_of("alice", nullptr) != salt_of("bob", nullptr));
}

TEST_CASE("client login: a SCRAM login reveals keys that log in to a server with the same secret") {
  const Secret secret = scram("secret");
  const Login login = log_in(kScram, "alice", &secret, "secret");
  REQUIRE(login.pass_through.has_value());
  const ScramKeys keys = derive_keys({SecretBytes("secret"), SecretBytes("0123456789abcdef"), 2});
  CHECK(login.pass_through->keys == keys);
  CHECK_FALSE(log_in(kScram, "alice", &secret, "wrong").pass_through.has_value());
}

TEST_CASE("client login: malformed first messages") {
  const struct {
    ClientAuthMethod method;
    std::string payload;
    const char* result;
  } rows[] = {
      {kPassword, "", "08P01"},
      {kPassword, "secret", "08P01"},
      {kPassword, text_of_string("secret"), "ok"},
      {kPassword, text_of_string("secret") + "x", "08P01"},
      {kPassword, text_of_string("se") + text_of_string("cret"), "08P01"},
      {kPassword, text_of_string(""), "28P01"},
      {kPassword, text_of_string(std::string(65'532, 'x')), "08P01"},
      {kMd5, "", "08P01"},
      {kMd5, text_of_string(""), "28P01"},
      {kMd5, text_of_string("md5"), "28P01"},
      {kMd5, text_of_string("secret"), "28P01"},
      {kMd5, text_of_string("md5" + std::string(100'000, 'a')), "28P01"},
      {kScram, "", "08P01"},
      {kScram, "SCRAM-SHA-256", "08P01"},
      {kScram, text_of_string("SCRAM-SHA-256"), "08P01"},
      {kScram, text_of_string("secret"), "08P01"},
      {kScram, sasl_initial("SCRAM-SHA-256", "n,,n=,r=abc"), "ok"},
      {kScram, sasl_initial("SCRAM-SHA-256", "n,,n=,r=abc") + "x", "08P01"},
      {kScram, sasl_initial("SCRAM-SHA-256-PLUS", "n,,n=,r=abc"), "08P01"},
      {kScram, sasl_initial("SCRAM-SHA-1", "n,,n=,r=abc"), "08P01"},
      {kScram, sasl_initial("", "n,,n=,r=abc"), "08P01"},
      {kScram, sasl_initial("SCRAM-SHA-256", "p=tls-unique,,n=,r=abc"), "08P01"},
      {kScram, sasl_initial("SCRAM-SHA-256", ""), "08P01"},
      {kScram, text_of_string("SCRAM-SHA-256") + "\xff\xff\xff\xff", "ok"},
      {kScram, text_of_string("SCRAM-SHA-256") + "\xff\xff\xff\xffn,,n=,r=abc", "08P01"},
      {kScram, text_of_string("SCRAM-SHA-256") + "\x7f\xff\xff\xffn,,n=,r=abc", "08P01"},
      {kScram, text_of_string("SCRAM-SHA-256") + "\xff\xff\xff\xfen,,n=,r=abc", "08P01"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.payload.substr(0, 60));
    CHECK(first_message_result(row.method, row.payload) == row.result);
  }
  const std::string whole = sasl_initial("SCRAM-SHA-256", "n,,n=,r=abc");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK(first_message_result(kScram, whole.substr(0, size)) == "08P01");
  }
}

TEST_CASE("client login: without initial response the client is asked for one, once") {
  const Secret secret = scram("secret");
  ClientLogin login(kScram, "alice", &secret, settings());
  (void)login.start();
  const std::string no_response = text_of_string("SCRAM-SHA-256") + "\xff\xff\xff\xff";
  const ClientLoginStep asked = login.on_message(bytes_of(no_response));
  REQUIRE(asked.kind == Kind::kSend);
  CHECK(asked.message->code == AuthenticationCode::kSaslContinue);
  CHECK(asked.message->payload.empty());
  SUBCASE("an answer goes on") {
    CHECK(login.on_message(bytes_of("n,,n=,r=abc")).kind == Kind::kSend);
  }
  SUBCASE("none ends it") { CHECK(login.on_message({}).kind == Kind::kFailed); }
}

TEST_CASE("client login: after the end nothing is answered any more") {
  const Secret secret = plain("secret");
  ClientLogin login(kPassword, "alice", &secret, settings());
  (void)login.start();
  REQUIRE(login.on_message(bytes_of(text_of_string("wrong"))).kind == Kind::kFailed);
  const ClientLoginStep again = login.on_message(bytes_of(text_of_string("secret")));
  CHECK(again.kind == Kind::kFailed);
  CHECK(again.error.sqlstate == "08P01");
}

TEST_CASE("client login: a message while keys are derived is refused") {
  const Secret secret = scram("secret");
  ClientLogin login(kPassword, "alice", &secret, settings());
  (void)login.start();
  const ClientLoginStep step = login.on_message(bytes_of(text_of_string("secret")));
  REQUIRE(step.kind == Kind::kNeedsKeys);
  CHECK(login.key_request().keep == KeepKeys::kNever);
  CHECK(login.on_message(bytes_of(text_of_string("secret"))).kind == Kind::kFailed);
}

TEST_CASE("client login: the md5 answer that fits an empty hash lets no unknown user in") {
  ClientLoginSettings chosen = settings();
  chosen.usual_secret = SecretKind::kMd5;
  const Secret none = NoSecret{};
  for (const Secret* secret : {static_cast<const Secret*>(nullptr), &none}) {
    ClientLogin login(kMd5, "nobody", secret, chosen);
    const std::string salt = login.start().message->payload;
    const auto guess = md5_hex(Md5Hex{}.text(), salt);
    const std::string answer = text_of_string("md5" + std::string(guess->text()));
    const ClientLoginStep step = login.on_message(bytes_of(answer));
    CHECK(step.kind == Kind::kFailed);
    CHECK(step.error.sqlstate == "28P01");
  }
}
