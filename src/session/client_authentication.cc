// The part of ClientSession that finds out how a client has to prove who it is, and has it do so.
#include "pgsaba/session/client_session.h"
#include "pgsaba/wire/backend.h"
#include "session/client_login_state.h"
#include "session/errors.h"

namespace pgsaba::session {

using wire::Piece;

void ClientSession::begin_authentication() {
  transition(State::kLogin);
  switch (host_.config().auth.type) {
    case config::AuthType::kTrust:
      return authenticate(auth::ClientAuthMethod::kTrust);
    case config::AuthType::kPlain:
      return authenticate(auth::ClientAuthMethod::kPassword);
    case config::AuthType::kMd5:
      return authenticate(auth::ClientAuthMethod::kMd5);
    case config::AuthType::kScramSha256:
      return authenticate(auth::ClientAuthMethod::kScramSha256);
    case config::AuthType::kHba:
      return consult_rules();
  }
}

void ClientSession::authenticate(auth::ClientAuthMethod method) {
  // Without an auth file, trust lets in whoever names a user: PostgreSQL's own rules still hold.
  if (method == auth::ClientAuthMethod::kTrust && host_.config().auth.file.empty())
    return login_proven();
  login_->method = method;
  const auth::Secret* listed = host_.users().find(login_->user);
  if (listed == nullptr && !login_->console && host_.seeks_secrets(login_->database)) {
    login_->secret_awaited = true;
    return host_.seek_secret(*this);
  }
  begin_proof(listed);
}

// Null: an unknown user, who goes through the same exchange.
void ClientSession::begin_proof(const auth::Secret* secret) {
  login_->proof = std::make_unique<auth::ClientLogin>(
      login_->method, login_->user, secret, host_.login_settings(),
      tls() ? tls()->server_end_point() : std::string());
  follow_login(login_->proof->start());
}

void ClientSession::secret_found(const auth::Secret* secret, const std::string& error) {
  if (state_ != State::kLogin || !std::exchange(login_->secret_awaited, false)) return;
  if (!error.empty()) return end(EndReason::kLoginFailed, errors::user_not_looked_up());
  login_->secret_found = true;
  begin_proof(secret);
  if (state_ != State::kClosed && (has_carry() || readable())) schedule();
}

// ---- rules -------------------------------------------------------------------------------------

// What a rule depends on is asked for when it is met, and the rules are gone through again: the
// first that fits may be another one after a reload.
void ClientSession::consult_rules() {
  const net::Address from = turn().network.peer_address(socket());
  auth::HbaClient client{login_->database, login_->user};
  client.physical_replication = replication() == stats::Replication::kPhysical;
  client.tls = tls() != nullptr;
  if (!from.is_unix()) client.address = auth::IpAddress::parse(from.host());
  // A client that is gone has no address any more: it must not pass for one of this machine.
  if (!from.is_unix() && !client.address) return end(EndReason::kClientReset);
  client.host_name = login_->host_name ? &*login_->host_name : nullptr;
  const errors::Visitor visitor{from.is_unix() ? "" : from.host(), login_->user, login_->database,
                                client.physical_replication, client.tls};
  const auth::HbaVerdict verdict = host_.host_access()->match(client);
  switch (verdict.kind) {
    case auth::HbaVerdict::Kind::kRule:
      if (verdict.rule->method == auth::HbaMethod::kReject)
        return end(EndReason::kLoginFailed, errors::rejected_by_rule(visitor));
      return follow_rule(*verdict.rule);
    case auth::HbaVerdict::Kind::kNoRule:
      return end(EndReason::kLoginFailed, errors::no_rule(visitor));
    case auth::HbaVerdict::Kind::kNeedsHostName:
      return inquire(auth::HostNameInquiry{*client.address}, login_->host_name);
  }
}

void ClientSession::follow_rule(const auth::HbaRule& rule) {
  if (!certificate_satisfies(rule)) return;
  switch (rule.method) {
    case auth::HbaMethod::kTrust:
      return authenticate(auth::ClientAuthMethod::kTrust);
    case auth::HbaMethod::kPassword:
      return authenticate(auth::ClientAuthMethod::kPassword);
    case auth::HbaMethod::kMd5:
      return authenticate(auth::ClientAuthMethod::kMd5);
    case auth::HbaMethod::kScramSha256:
      return authenticate(auth::ClientAuthMethod::kScramSha256);
    case auth::HbaMethod::kCert:
      return login_proven();
    case auth::HbaMethod::kPeer:
      return check_peer(rule);
    default:
      return end(EndReason::kLoginFailed, errors::method_not_served(text_of(rule.method)));
  }
}

bool ClientSession::certificate_satisfies(const auth::HbaRule& rule) {
  if (rule.certificate == auth::ClientCertificate::kAny) return true;
  if (tls() == nullptr || !tls()->peer_is_known()) {
    end(EndReason::kLoginFailed, errors::certificate_missing());
    return false;
  }
  if (rule.certificate == auth::ClientCertificate::kVerifyCa) return true;
  const std::string name =
      rule.by_distinguished_name ? tls()->peer_distinguished_name() : tls()->peer_common_name();
  if (!name.empty() && host_.host_access()->maps.allows(rule.map, name, login_->user)) return true;
  end(EndReason::kLoginFailed, errors::wrong_certificate(login_->user, name));
  return false;
}

// The kernel knows whose process is at the other end.
void ClientSession::check_peer(const auth::HbaRule& rule) {
  if (!login_->system_user) {
    const auto uid = turn().network.peer_user(socket());
    if (uid) return inquire(auth::UserNameInquiry{*uid}, login_->system_user);
    login_->system_user.emplace();
  }
  const std::string& name = *login_->system_user;
  if (!name.empty() && host_.host_access()->maps.allows(rule.map, name, login_->user))
    return login_proven();
  end(EndReason::kLoginFailed, errors::wrong_peer(login_->user));
}

void ClientSession::inquire(const auth::Inquiry& inquiry, std::optional<std::string>& answer) {
  login_->awaited = &answer;
  host_.inquire(*this, inquiry);
}

bool ClientSession::awaits_answer() const {
  return login_ != nullptr && (login_->awaited != nullptr || login_->secret_awaited);
}

void ClientSession::inquiry_answered(const std::string& answer) {
  if (state_ != State::kLogin || login_->awaited == nullptr) return;
  *std::exchange(login_->awaited, nullptr) = answer;
  if (host_.host_access() != nullptr) {
    consult_rules();
  } else {
    begin_authentication();  // a reload has done away with the rules
  }
  if (state_ != State::kClosed && (has_carry() || readable())) schedule();
}

// ---- the proof ---------------------------------------------------------------------------------

void ClientSession::on_login_frame(const Piece& piece) {
  if (piece.tag == 'X') return end(EndReason::kClientTerminated);
  if (piece.tag != 'p' || !piece.complete || login_->proof == nullptr)
    return fail_protocol("expected password response, got message type '" +
                         std::string(1, piece.tag) + "'");
  follow_login(login_->proof->on_message(piece.body()));
}

void ClientSession::follow_login(auth::ClientLoginStep step) {
  using Kind = auth::ClientLoginStep::Kind;
  if (step.kind == Kind::kNeedsKeys) {
    const auto keys = host_.scram_keys().ask(login_->proof->key_request(), *this);
    if (!keys) return;  // they come later
    step = login_->proof->provide_keys(*keys);
  }
  if (step.message) {
    std::string frame;
    wire::append_authentication(frame, static_cast<std::uint32_t>(step.message->code),
                                step.message->payload);
    send(frame);
  }
  if (step.kind == Kind::kDone) return login_proven();
  if (step.kind != Kind::kFailed) return;
  if (login_->secret_found) host_.doubt_secret(*this);
  end(EndReason::kLoginFailed,
      {"FATAL", std::string(step.error.sqlstate), step.error.message, step.error.detail});
}

void ClientSession::keys_derived(const auth::ScramKeys& keys) {
  if (state_ != State::kLogin) return;
  follow_login(login_->proof->provide_keys(keys));
  if (state_ != State::kClosed && (has_carry() || readable())) schedule();
}

}  // namespace pgsaba::session
