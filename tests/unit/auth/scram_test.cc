#include <doctest/doctest.h>
#include <pgsaba/auth/base64.h>

#include <string>
#include <vector>

#include "auth/scram_client.h"
#include "auth/scram_message.h"
#include "auth/scram_server.h"

using namespace pgsaba;
using namespace pgsaba::auth;

namespace {

// RFC 7677 section 3: user "user", password "pencil".
constexpr const char* kClientNonce = "rOprNGfwEbeRWgbNEkqO";
constexpr const char* kServerNonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
constexpr std::string_view kClientFirst = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
constexpr std::string_view kServerFirst =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
constexpr std::string_view kClientFinal =
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
constexpr std::string_view kServerFinal = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

std::string salt() { return decode_base64("W22ZaJ0SNY7soEsUEjb6gQ==").value(); }
ScramServer make_server() { return {salt(), 4096, kServerNonce}; }
ScramClient make_client() { return ScramClient(kClientNonce, "user"); }
ScramKeys pencil_keys() { return derive_keys({SecretBytes("pencil"), SecretBytes(salt())}); }

std::string nonce(const char* client = kClientNonce) { return std::string(client) + kServerNonce; }

std::string sqlstate(const std::optional<LoginError>& error) {
  return error ? std::string(error->sqlstate) : "ok";
}

std::string client_first_result(std::string_view message) {
  ScramServer server = make_server();
  return sqlstate(server.read_client_first(message));
}

std::string client_final_result(std::string_view message, std::string_view first = kClientFirst) {
  ScramServer server = make_server();
  REQUIRE_FALSE(server.read_client_first(first).has_value());
  if (auto error = server.read_client_final(message)) return std::string(error->sqlstate);
  const ScramKeys keys = pencil_keys();
  return server.proof_matches(stored_key_of(keys.client_key)) ? "ok" : "wrong proof";
}

std::string server_first_result(std::string_view message) {
  ScramClient client = make_client();
  return sqlstate(client.read_server_first(message, 10'000));
}

}  // namespace

TEST_CASE("SCRAM: the example of RFC 7677, from the server's side") {
  ScramServer server = make_server();
  CHECK_FALSE(server.read_client_first(kClientFirst).has_value());
  CHECK(server.server_first() == kServerFirst);
  CHECK_FALSE(server.read_client_final(kClientFinal).has_value());
  const ScramKeys keys = pencil_keys();
  CHECK(server.proof_matches(stored_key_of(keys.client_key)));
  CHECK(server.client_key() == keys.client_key);
  CHECK(server.server_final(keys.server_key) == kServerFinal);
}

TEST_CASE("SCRAM: the example of RFC 7677, from the client's side") {
  ScramClient client = make_client();
  CHECK(client.client_first() == kClientFirst);
  CHECK_FALSE(client.read_server_first(kServerFirst, 4096).has_value());
  CHECK(client.salt() == salt());
  CHECK(client.iterations() == 4096);
  CHECK(client.client_final(pencil_keys()) == kClientFinal);
  CHECK_FALSE(client.verify_server_final(kServerFinal).has_value());
}

TEST_CASE("SCRAM: client-first-message, good and bad") {
  const struct {
    std::string message;
    const char* result;
  } rows[] = {
      {"n,,n=,r=abc", "ok"},
      {"y,,n=,r=abc", "ok"},
      {"n,,n=user,r=abc,x=extension", "ok"},
      {"p=tls-server-end-point,,n=,r=abc", "08P01"},
      {"", "08P01"},
      {"n", "08P01"},
      {"n,", "08P01"},
      {"n,,", "08P01"},
      {"x,,n=,r=abc", "08P01"},
      {"n;,n=,r=abc", "08P01"},
      {"n,x,n=,r=abc", "08P01"},
      {"n,a=other,n=,r=abc", "0A000"},
      {"n,,m=must,n=,r=abc", "0A000"},
      {"n,,n=,r=abc,m=must", "08P01"},
      {"n,,r=abc", "08P01"},
      {"n,,r=abc,n=", "08P01"},
      {"n,,n=", "08P01"},
      {"n,,n=,", "08P01"},
      {"n,,n=,r=", "08P01"},
      {"n,,n=,r=a b", "08P01"},
      {"n,,n=,r=a\x01", "08P01"},
      {"n,,n=,r=\xc3\xa4", "08P01"},
      {"n,,n=,r=abc,", "08P01"},
      {"n,,n=,r=abc,,", "08P01"},
      {"n,,n=,r=abc,x", "08P01"},
      {"n,,n=,r=abc,1=2", "08P01"},
      {std::string("n,,n=,r=abc\0", 12), "08P01"},
      {std::string("n,,n=,r=a\0bc", 12), "08P01"},
      {"n,,n=,r=" + std::string(1016, 'a'), "ok"},
      {"n,,n=,r=" + std::string(1017, 'a'), "08P01"},
      {"n,,n=,r=" + std::string(1'000'000, 'a'), "08P01"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.message.substr(0, 60));
    CHECK(client_first_result(row.message) == row.result);
  }
}

TEST_CASE("SCRAM: client-final-message, good and bad") {
  const std::string proof = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
  const struct {
    std::string message;
    const char* result;
  } rows[] = {
      {"c=biws,r=" + nonce() + ",p=" + proof, "ok"},
      {"c=biws,r=" + nonce() + ",x=y,p=" + proof, "wrong proof"},  // not what was signed
      {"c=biws,r=" + nonce() + ",p=e" + proof.substr(1), "wrong proof"},
      {"c=biws,r=" + nonce() + ",p=" + std::string(43, 'A') + '=', "wrong proof"},
      {"c=eSws,r=" + nonce() + ",p=" + proof, "08P01"},
      {"c=bixx,r=" + nonce() + ",p=" + proof, "08P01"},
      {"c=,r=" + nonce() + ",p=" + proof, "08P01"},
      {"r=" + nonce() + ",p=" + proof, "08P01"},
      {"c=biws,p=" + proof, "08P01"},
      {"c=biws,r=,p=" + proof, "08P01"},
      {"c=biws,r=" + std::string(kClientNonce) + ",p=" + proof, "08P01"},
      {"c=biws,r=" + nonce() + "x,p=" + proof, "08P01"},
      {"c=biws,r=" + nonce("rOprNGfwEbeRWgbNEkqo") + ",p=" + proof, "08P01"},
      {"c=biws,r=" + nonce(), "08P01"},
      {"c=biws,r=" + nonce() + ",m=must,p=" + proof, "08P01"},
      {"c=biws,r=" + nonce() + ",p=", "08P01"},
      {"c=biws,r=" + nonce() + ",p=AAAA", "08P01"},
      {"c=biws,r=" + nonce() + ",p=" + std::string(44, 'A'), "08P01"},  // 33 bytes
      {"c=biws,r=" + nonce() + ",p=" + std::string(43, '!') + '=', "08P01"},
      {"c=biws,r=" + nonce() + ",p=" + proof + ',', "08P01"},
      {"c=biws,r=" + nonce() + ",p=" + proof + ",x=y", "08P01"},
      {"c=biws,r=" + nonce() + ",p=" + proof + '\n', "08P01"},
      {"c=biws,r=" + nonce() + ",p=" + std::string(100'000, 'A'), "08P01"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.message.substr(0, 130));
    CHECK(client_final_result(row.message) == row.result);
  }
  CHECK(client_final_result("c=biws,r=" + nonce() + ",p=" + proof,
                            "y,," + std::string(kClientFirst.substr(3))) == "08P01");
  CHECK(client_final_result("c=eSws,r=" + nonce() + ",p=" + proof,
                            "y,," + std::string(kClientFirst.substr(3))) == "wrong proof");
}

TEST_CASE("SCRAM: server-first-message, good and bad") {
  const std::string r = "r=" + nonce();
  const std::string s = ",s=W22ZaJ0SNY7soEsUEjb6gQ==";
  const struct {
    std::string message;
    const char* result;
  } rows[] = {
      {r + s + ",i=4096", "ok"},
      {r + s + ",i=10000", "ok"},
      {r + s + ",i=4096,x=extension", "ok"},
      {r + s + ",i=10001", "28000"},
      {r + s + ",i=4294967295", "28000"},
      {r + s + ",i=4294967296", "08P01"},
      {r + s + ",i=99999999999999999999999", "08P01"},
      {r + s + ",i=0", "08P01"},
      {r + s + ",i=-1", "08P01"},
      {r + s + ",i=4096x", "08P01"},
      {r + s + ",i= 4096", "08P01"},
      {r + s + ",i=", "08P01"},
      {r + s + ",i=4096,", "08P01"},
      {r + s + ",i=4096,m=must", "08P01"},
      {r + s, "08P01"},
      {r + ",s=,i=4096", "08P01"},
      {r + ",s=W22,i=4096", "08P01"},
      {r + ",i=4096", "08P01"},
      {"m=must," + r + s + ",i=4096", "08P01"},
      {"r=" + std::string(kClientNonce) + s + ",i=4096", "08P01"},  // nothing added to our nonce
      {"r=xOprNGfwEbeRWgbNEkqOabc" + s + ",i=4096", "08P01"},
      {"r=" + s + ",i=4096", "08P01"},
      {r + "\x80" + s + ",i=4096", "08P01"},
      {r + std::string(3000, 'a') + s + ",i=4096", "08P01"},
      {r + ",s=" + std::string(1'000'000, 'A') + ",i=4096", "08P01"},
      {"", "08P01"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.message.substr(0, 130));
    CHECK(server_first_result(row.message) == row.result);
  }
}

TEST_CASE("SCRAM: server-final-message, good and bad") {
  ScramClient client = make_client();
  REQUIRE_FALSE(client.read_server_first(kServerFirst, 4096).has_value());
  (void)client.client_final(pencil_keys());
  const struct {
    std::string message;
    const char* result;
  } rows[] = {
      {std::string(kServerFinal), "ok"},
      {std::string(kServerFinal) + ",x=y", "ok"},
      {"v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", "28000"},
      {"v=", "28000"},
      {"v=AAAA", "28000"},
      {"v=!!!!", "08P01"},
      {std::string(kServerFinal) + ",", "08P01"},
      {"e=invalid-proof", "28P01"},
      {"x=y", "08P01"},
      {"", "08P01"},
      {"v=" + std::string(1'000'000, 'A'), "08P01"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.message.substr(0, 80));
    CHECK(sqlstate(client.verify_server_final(row.message)) == row.result);
  }
  const auto refused = client.verify_server_final("e=\x1b[2J" + std::string(500, 'x'));
  REQUIRE(refused.has_value());
  CHECK(refused->message.find('\x1b') == std::string::npos);
  CHECK(refused->message.size() < 200);
}

TEST_CASE("SCRAM: truncated at any byte, a message is refused or does not prove anything") {
  for (std::size_t size = 0; size < kClientFinal.size(); ++size) {
    CAPTURE(size);
    CHECK(client_final_result(kClientFinal.substr(0, size)) == "08P01");
  }
  const std::size_t until_nonce = kClientFirst.find("r=") + 2;
  for (std::size_t size = 0; size <= until_nonce; ++size) {
    CAPTURE(size);
    CHECK(client_first_result(kClientFirst.substr(0, size)) == "08P01");
  }
  const std::size_t until_count = kServerFirst.find("i=") + 2;
  for (std::size_t size = 0; size <= until_count; ++size) {
    CAPTURE(size);
    CHECK(server_first_result(kServerFirst.substr(0, size)) == "08P01");
  }
  ScramClient client = make_client();
  REQUIRE_FALSE(client.read_server_first(kServerFirst, 4096).has_value());
  (void)client.client_final(pencil_keys());
  for (std::size_t size = 0; size < kServerFinal.size(); ++size) {
    CAPTURE(size);
    CHECK(client.verify_server_final(kServerFinal.substr(0, size)).has_value());
  }
}

TEST_CASE("SCRAM: nonces are printable, long enough and never the same") {
  const auto one = make_scram_nonce();
  const auto two = make_scram_nonce();
  REQUIRE(one.has_value());
  REQUIRE(two.has_value());
  CHECK(one->size() == 24);
  CHECK(is_scram_nonce(*one));
  CHECK(*one != *two);
}
