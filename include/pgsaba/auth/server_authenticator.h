// ServerAuthenticator: answers a PostgreSQL server's Authentication messages. We are the client; a
// step machine without sockets.
//
// Give it each 'R' message (code and the rest, without tag, length and code) and do what the step
// says: kSend a 'p' message with this payload, kWait for the next message, kNeedsKeys (see
// key_request()), kDone when AuthenticationOk has come and the server has proven itself where the
// method lets it. The server is not trusted: messages, iterations and salts are bounded.
// Owned by one server connection, on one thread; destroyed when the login ends.
//
//   have \ asked    password  md5  scram-sha-256
//   PlainSecret     yes       yes  yes    (password: if the binding allows it)
//   Md5Secret       -         yes  -
//   ScramPassThrough -        -    if the server stores the same secret
//
// Sources: protocol section 53.2.1, PostgreSQL fe-auth.c and fe-auth-scram.c, RFC 5802 and 7677.
#pragma once

#include <pgsaba/auth/client_login.h>
#include <pgsaba/auth/login_error.h>
#include <pgsaba/auth/scram_keys.h>
#include <pgsaba/auth/secret.h>
#include <pgsaba/base/bytes.h>
#include <pgsaba/config/config.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

namespace pgsaba::auth {

class ScramClient;

using ServerCredentials = std::variant<NoSecret, PlainSecret, Md5Secret, ScramPassThrough>;

// A stored SCRAM verifier cannot log in anywhere, so it becomes NoSecret: wait for a client's
// ScramPassThrough instead.
ServerCredentials credentials_of(const Secret& secret);

// 4,096 take 1.5 ms; a server may not make us spin for longer than about 40.
inline constexpr std::uint32_t kMaxServerScramIterations = 100'000;

// Over TLS, the hash of the server's certificate, and whether the login has to be bound to it. And
// whether a password may be sent in clear text: nobody can read it on its way, or nobody minds.
struct ServerBinding {
  std::string end_point = {};
  bool may_show_password = true;
  config::ChannelBinding wish = config::ChannelBinding::kPrefer;
};

struct ServerAuthStep {
  enum class Kind : std::uint8_t { kSend, kWait, kNeedsKeys, kDone, kFailed };
  Kind kind = Kind::kFailed;
  std::string payload = {};  // kSend
  LoginError error = {};     // kFailed
};

class ServerAuthenticator {
 public:
  ServerAuthenticator(std::string user, ServerCredentials credentials, ServerBinding binding = {},
                      std::uint32_t max_scram_iterations = kMaxServerScramIterations);
  ServerAuthenticator(ServerAuthenticator&&) noexcept;
  ServerAuthenticator& operator=(ServerAuthenticator&&) noexcept;
  ServerAuthenticator(const ServerAuthenticator&) = delete;
  ServerAuthenticator& operator=(const ServerAuthenticator&) = delete;
  ~ServerAuthenticator();

  ServerAuthStep on_authentication(std::int32_t code, Bytes payload);
  // After kNeedsKeys: what derive_keys() or a ScramKeyCache is to be asked, on any thread, at
  // leisure.
  const ScramKeyRequest& key_request() const { return key_request_; }
  ServerAuthStep provide_keys(const ScramKeys& keys);

 private:
  // kIdle ─3|5─> kAnswered ─0─> kDone;  kIdle ─0─> kDone
  // kIdle ─10─> kSentFirst ─11─> [kAwaitKeys ─>] kSentFinal ─12─> kAnswered
  // every state ─anything else─> kFailed
  enum class State : std::uint8_t {
    kIdle,
    kSentFirst,
    kAwaitKeys,
    kSentFinal,
    kAnswered,
    kDone,
    kFailed,
  };
  using Step = ServerAuthStep;

  Step on_ok();
  Step on_cleartext();
  Step on_md5(std::string_view salt);
  Step on_sasl(std::string_view mechanisms);
  Step on_sasl_continue(std::string_view message);
  Step on_sasl_final(std::string_view message);
  Step on_unsupported(std::int32_t code);
  Step answer_scram(const ScramPassThrough& pass_through);
  Step unbound();
  Step send(std::string payload, State next);
  Step fail(LoginError error);
  Step cannot(std::string_view what);

  std::string user_;
  ServerCredentials credentials_;
  ServerBinding binding_;
  std::uint32_t max_scram_iterations_;
  State state_ = State::kIdle;
  bool bound_ = false;
  std::unique_ptr<ScramClient> scram_;
  ScramKeyRequest key_request_;
};

}  // namespace pgsaba::auth
