// ClientLogin: proves who a client is. We are the server; a step machine without sockets.
//
//   start() ──> kSend ──> (caller frames and sends, reads one 'p' message) ──> on_message() ──> …
//          └──> kDone (trust)      on_message() ──> kNeedsKeys ──> provide_keys() ──> …
//                                  on_message() ──> kNeedsVerdict ──> provide_verdict() ──> …
//
// The payloads are contents without tag and length: what follows the int32 code of an
// Authentication message, and what follows the length of a 'p' message. After kDone the caller
// sends the step's message, if there is one (SASLFinal), and then AuthenticationOk itself; after
// kFailed it sends the error and closes. Every message of the client moves to kDone or kFailed in
// at most four steps. Owned by one session, on one thread; destroyed when the login ends.
//
// An unknown user, or one whose secret does not fit the method, is given a made-up secret of the
// usual kind and goes through all of it, with the same lengths, the same wishes for keys and the
// same answer as for a wrong password (log_detail knows better): only the last word is another one.
//
// Sources: protocol section 53.2.1, PostgreSQL libpq/auth.c, auth-scram.c, RFC 5802 and 7677.
#pragma once

#include <pgsaba/auth/login_error.h>
#include <pgsaba/auth/scram_keys.h>
#include <pgsaba/auth/secret.h>
#include <pgsaba/base/bytes.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace pgsaba::auth {

class ScramServer;

enum class ClientAuthMethod : std::uint8_t {
  kTrust,        // the user must be listed, no secret needed
  kPassword,     // clear text; any stored secret
  kMd5,          // md5 for plain and md5 secrets, SCRAM for SCRAM secrets
  kScramSha256,  // plain and SCRAM secrets
  kForeign,      // clear text, which somebody else judges: PAM, a directory
};

struct ClientLoginSettings {
  // Random, the same on all threads, best kept across restarts: salts that we make up are derived
  // from it and the user's name, so that they are as stable as stored ones.
  Sha256Digest mock_key;
  std::uint32_t scram_iterations = kDefaultScramIterations;
  // What unknown users are treated as having; UserList::usual_kind() knows.
  SecretKind usual_secret = SecretKind::kScram;
};

struct ClientLoginStep {
  enum class Kind : std::uint8_t { kSend, kNeedsKeys, kNeedsVerdict, kDone, kFailed };
  Kind kind = Kind::kFailed;
  std::optional<AuthenticationMessage> message = {};  // kSend: always; kDone: maybe
  LoginError error = {};                              // kFailed
};

class ClientLogin {
 public:
  // `secret` is copied; null if the user is unknown. `end_point`: over TLS, the hash of our
  // certificate, to which the client may bind its login (SCRAM-SHA-256-PLUS).
  ClientLogin(ClientAuthMethod method, std::string user, const Secret* secret,
              ClientLoginSettings settings, std::string end_point = {});
  ClientLogin(ClientLogin&&) noexcept;
  ClientLogin& operator=(ClientLogin&&) noexcept;
  ClientLogin(const ClientLogin&) = delete;
  ClientLogin& operator=(const ClientLogin&) = delete;
  ~ClientLogin();

  // A second secret that lets the user in as well. One of SCRAM counts if it has the salt and
  // iterations of the first: the client is shown one salt.
  void also_accept(const Secret& previous) { previous_ = previous; }

  ClientLoginStep start();
  ClientLoginStep on_message(Bytes payload);
  // After kNeedsKeys: what derive_keys() or a ScramKeyCache is to be asked, on any thread, at
  // leisure.
  const ScramKeyRequest& key_request() const { return key_request_; }
  ClientLoginStep provide_keys(const ScramKeys& keys);
  // After kNeedsVerdict: the password to be judged, once, and what became of it.
  SecretBytes take_password() { return std::move(password_); }
  ClientLoginStep provide_verdict(std::optional<LoginError> refusal);

  // After kDone of a SCRAM exchange with a stored SCRAM secret.
  const std::optional<ScramPassThrough>& pass_through() const { return pass_through_; }

 private:
  // kIdle ─start─> kAwaitPassword | kAwaitMd5 | kAwaitSaslInitial | kDone | kFailed
  // kAwaitSaslInitial ─> kAwaitClientFirst (no initial response) | kAwaitClientFinal
  // kAwaitClientFirst ─> kAwaitClientFinal;  kAwaitClientFinal ─> kAwaitScramKeys | kDone
  // kAwaitPassword ─> kAwaitPasswordKeys | kAwaitVerdict | kDone;  every state ─> kFailed
  enum class State : std::uint8_t {
    kIdle,
    kAwaitPassword,
    kAwaitMd5,
    kAwaitSaslInitial,
    kAwaitClientFirst,
    kAwaitClientFinal,
    kAwaitPasswordKeys,
    kAwaitScramKeys,
    kAwaitVerdict,
    kDone,
    kFailed,
  };
  using Step = ClientLoginStep;

  Step start_password();
  Step start_md5();
  Step start_scram();
  Step on_password(std::string_view payload);
  Step on_md5_response(std::string_view payload);
  Step on_sasl_initial(std::string_view payload);
  Step on_client_first(std::string_view message);
  Step on_client_final(std::string_view message);
  Step check_password();
  Step check_proof();
  Step finish_scram();
  bool take_previous();
  Step judge(bool matches);
  bool uses_scram() const;
  std::string mock_salt() const;
  Secret mock_secret() const;
  bool make_verifier();
  std::optional<Md5Hex> expected_md5() const;

  Step send(AuthenticationCode code, std::string payload, State next);
  Step need_keys(ScramKeyRequest request, State next);
  Step finish(std::optional<AuthenticationMessage> message);
  Step fail(LoginError error);

  ClientAuthMethod method_;
  State state_ = State::kIdle;
  std::string user_;
  bool known_;
  Secret secret_;
  std::optional<Secret> previous_;  // until it is taken, when the first was not the one
  ClientLoginSettings settings_;
  std::string end_point_;
  // Not empty: the exchange is a mock, to be refused at its end for this reason.
  std::string_view doomed_because_;
  std::array<std::uint8_t, 4> md5_salt_{};
  std::unique_ptr<ScramServer> scram_;
  ScramVerifier verifier_;
  ScramKeyRequest key_request_;
  SecretBytes password_;
  std::optional<ScramPassThrough> pass_through_;
};

}  // namespace pgsaba::auth
