#include <pgsaba/auth/digest.h>
#include <pgsaba/auth/server_authenticator.h>

#include <cassert>

#include "login_errors.h"
#include "scram_client.h"
#include "scram_message.h"

namespace pgsaba::auth {
namespace {

constexpr std::size_t kMd5SaltBytes = 4;
constexpr std::size_t kMaxMechanismListBytes = 1024;

std::string zero_terminated(std::string_view text) {
  std::string result(text);
  result.push_back('\0');
  return result;
}

// A list of zero-terminated names, ended by an empty one.
bool offers(std::string_view mechanisms, std::string_view wanted) {
  if (mechanisms.size() > kMaxMechanismListBytes) return false;
  while (!mechanisms.empty()) {
    const std::size_t end = mechanisms.find('\0');
    if (end == std::string_view::npos || end == 0) return false;
    if (mechanisms.substr(0, end) == wanted) return true;
    mechanisms.remove_prefix(end + 1);
  }
  return false;
}

std::string sasl_initial_response(bool bound, std::string_view response) {
  std::string payload = zero_terminated(bound ? kScramPlusMechanism : kScramMechanism);
  std::uint8_t length[4];
  store_be32(length, static_cast<std::uint32_t>(response.size()));
  payload.append(text_of(length)).append(response);
  return payload;
}

std::string_view method_name(std::int32_t code) {
  switch (static_cast<AuthenticationCode>(code)) {
    case AuthenticationCode::kKerberosV5:
      return "Kerberos V5";
    case AuthenticationCode::kGss:
    case AuthenticationCode::kGssContinue:
      return "GSSAPI";
    case AuthenticationCode::kSspi:
      return "SSPI";
    default:
      return "unknown";
  }
}

struct ToCredentials {
  ServerCredentials operator()(const ScramVerifier&) const { return NoSecret{}; }
  template <class Known>
  ServerCredentials operator()(const Known& secret) const {
    return secret;
  }
};

}  // namespace

ServerCredentials credentials_of(const Secret& secret) {
  return std::visit(ToCredentials{}, secret);
}

ServerAuthenticator::ServerAuthenticator(std::string user, ServerCredentials credentials,
                                         ServerBinding binding, std::uint32_t max_scram_iterations)
    : user_(std::move(user)),
      credentials_(std::move(credentials)),
      binding_(std::move(binding)),
      max_scram_iterations_(max_scram_iterations) {}

ServerAuthenticator::ServerAuthenticator(ServerAuthenticator&&) noexcept = default;
ServerAuthenticator& ServerAuthenticator::operator=(ServerAuthenticator&&) noexcept = default;
ServerAuthenticator::~ServerAuthenticator() = default;

ServerAuthStep ServerAuthenticator::on_authentication(std::int32_t code, Bytes payload) {
  const std::string_view text = text_of(payload);
  switch (static_cast<AuthenticationCode>(code)) {
    case AuthenticationCode::kOk:
      return on_ok();
    case AuthenticationCode::kCleartextPassword:
      return on_cleartext();
    case AuthenticationCode::kMd5Password:
      return on_md5(text);
    case AuthenticationCode::kSasl:
      return on_sasl(text);
    case AuthenticationCode::kSaslContinue:
      return on_sasl_continue(text);
    case AuthenticationCode::kSaslFinal:
      return on_sasl_final(text);
    default:
      return on_unsupported(code);
  }
}

ServerAuthStep ServerAuthenticator::provide_keys(const ScramKeys& keys) {
  assert(state_ == State::kAwaitKeys);
  key_request_ = {};
  return send(scram_->client_final(keys), State::kSentFinal);
}

ServerAuthStep ServerAuthenticator::on_ok() {
  // Ok in the middle of SCRAM would let in a server that has not proven that it knows the password.
  if (state_ != State::kIdle && state_ != State::kAnswered) {
    return fail(protocol_violation("the server ended the SCRAM exchange before its signature"));
  }
  if (binding_.wish == config::ChannelBinding::kRequire && !bound_) return unbound();
  state_ = State::kDone;
  return {Step::Kind::kDone};
}

ServerAuthStep ServerAuthenticator::on_cleartext() {
  if (state_ != State::kIdle) return fail(protocol_violation("unexpected password request"));
  if (binding_.wish == config::ChannelBinding::kRequire) return unbound();
  const auto* plain = std::get_if<PlainSecret>(&credentials_);
  if (plain == nullptr) return cannot("the password in clear text");
  if (!binding_.may_show_password)
    return fail({kInvalidAuthorization,
                 "the server asks for the password in clear text, but there is no TLS",
                 "TLS to servers is the matter of server_tls; auth.plain_passwords allows it "
                 "without."});
  return send(zero_terminated(plain->password.text()), State::kAnswered);
}

ServerAuthStep ServerAuthenticator::on_md5(std::string_view salt) {
  if (state_ != State::kIdle) return fail(protocol_violation("unexpected password request"));
  if (binding_.wish == config::ChannelBinding::kRequire) return unbound();
  if (salt.size() != kMd5SaltBytes) return fail(protocol_violation("malformed MD5 salt"));
  Md5Hex stored;
  if (const auto* md5 = std::get_if<Md5Secret>(&credentials_)) {
    stored = md5->hash;
  } else if (const auto* plain = std::get_if<PlainSecret>(&credentials_)) {
    const auto hash = md5_hex(plain->password.text(), user_);
    if (!hash) return fail({kInternalError, hash.error().message});
    stored = *hash;
  } else {
    return cannot("an MD5 password");
  }
  const auto salted = md5_hex(stored.text(), salt);
  if (!salted) return fail({kInternalError, salted.error().message});
  return send(zero_terminated("md5" + std::string(salted->text())), State::kAnswered);
}

ServerAuthStep ServerAuthenticator::on_sasl(std::string_view mechanisms) {
  if (state_ != State::kIdle) return fail(protocol_violation("unexpected SASL request"));
  const bool can_bind =
      !binding_.end_point.empty() && binding_.wish != config::ChannelBinding::kDisable;
  bound_ = can_bind && offers(mechanisms, kScramPlusMechanism);
  if (binding_.wish == config::ChannelBinding::kRequire && !bound_) return unbound();
  if (!bound_ && !offers(mechanisms, kScramMechanism)) {
    return fail({kInvalidAuthorization,
                 "none of the server's SASL authentication mechanisms are supported",
                 "pgsaba speaks SCRAM-SHA-256."});
  }
  const bool usable = std::holds_alternative<PlainSecret>(credentials_) ||
                      std::holds_alternative<ScramPassThrough>(credentials_);
  if (!usable) return cannot("SCRAM-SHA-256");
  auto nonce = make_scram_nonce();
  if (!nonce) return fail({kInternalError, "no random numbers can be had"});
  // That we could, but the server did not offer it, is said too: then it would notice that somebody
  // in between has taken the offer away.
  ScramBinding binding;
  if (can_bind) binding.header = "y,,";
  if (bound_) binding = {std::string(kBoundHeader), binding_.end_point};
  scram_ = std::make_unique<ScramClient>(std::move(*nonce), std::string_view(), binding);
  return send(sasl_initial_response(bound_, scram_->client_first()), State::kSentFirst);
}

ServerAuthStep ServerAuthenticator::on_sasl_continue(std::string_view message) {
  if (state_ != State::kSentFirst) return fail(protocol_violation("unexpected SASL message"));
  if (auto error = scram_->read_server_first(message, max_scram_iterations_)) {
    return fail(std::move(*error));
  }
  if (const auto* pass_through = std::get_if<ScramPassThrough>(&credentials_)) {
    return answer_scram(*pass_through);
  }
  key_request_ = {std::get<PlainSecret>(credentials_).password, SecretBytes(scram_->salt()),
                  scram_->iterations(), KeepKeys::kForServers};
  state_ = State::kAwaitKeys;
  return {Step::Kind::kNeedsKeys};
}

ServerAuthStep ServerAuthenticator::answer_scram(const ScramPassThrough& pass_through) {
  if (pass_through.salt.text() != scram_->salt() ||
      pass_through.iterations != scram_->iterations()) {
    return fail({kInvalidPassword,
                 "the server stores another SCRAM secret for user \"" + user_ + "\" than pgsaba",
                 "Copy the secret from the server's pg_authid again, or configure a plain "
                 "password."});
  }
  return send(scram_->client_final(pass_through.keys), State::kSentFinal);
}

ServerAuthStep ServerAuthenticator::on_sasl_final(std::string_view message) {
  if (state_ != State::kSentFinal) return fail(protocol_violation("unexpected SASL message"));
  if (auto error = scram_->verify_server_final(message)) return fail(std::move(*error));
  state_ = State::kAnswered;
  return {Step::Kind::kWait};
}

ServerAuthStep ServerAuthenticator::on_unsupported(std::int32_t code) {
  return fail({kInvalidAuthorization,
               "the server asks for authentication method " + std::to_string(code) +
                   ", which pgsaba does not support (" + std::string(method_name(code)) + ')',
               "Supported are trust, password, md5 and scram-sha-256: see the server's "
               "pg_hba.conf."});
}

ServerAuthStep ServerAuthenticator::unbound() {
  return fail({kInvalidAuthorization,
               binding_.end_point.empty()
                   ? "channel binding is required, but the server connection has no TLS"
                   : "channel binding is required, but the server does not offer it",
               "It takes TLS, and scram-sha-256 in the server's pg_hba.conf; the setting is "
               "channel_binding."});
}

ServerAuthStep ServerAuthenticator::send(std::string payload, State next) {
  state_ = next;
  return {Step::Kind::kSend, std::move(payload)};
}

ServerAuthStep ServerAuthenticator::fail(LoginError error) {
  state_ = State::kFailed;
  return {Step::Kind::kFailed, {}, std::move(error)};
}

// We have no credentials, or not those for `what`.
ServerAuthStep ServerAuthenticator::cannot(std::string_view what) {
  std::string have = "none is known";
  if (std::holds_alternative<Md5Secret>(credentials_)) have = "only an MD5 hash is known";
  if (std::holds_alternative<ScramPassThrough>(credentials_)) have = "only SCRAM keys are known";
  return fail({kInvalidPassword,
               "the server asks user \"" + user_ + "\" for " + std::string(what) + ", but " + have,
               "Configure the user's plain password for this server."});
}

}  // namespace pgsaba::auth
