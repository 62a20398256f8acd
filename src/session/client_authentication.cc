// The part of ClientSession that finds out how a client has to prove who it is, and has it do so.
#include <unistd.h>

#include "pgsaba/auth/secret_bytes.h"
#include "pgsaba/session/client_session.h"
#include "pgsaba/wire/backend.h"
#include "pgsaba/wire/sqlstate.h"
#include "session/client_login_state.h"
#include "session/errors.h"

namespace pgsaba::session {

using wire::Piece;

namespace {

// As rules call it.
std::string_view name_of(auth::ClientAuthMethod method) {
  switch (method) {
    case auth::ClientAuthMethod::kTrust:
      return "trust";
    case auth::ClientAuthMethod::kPassword:
      return "password";
    case auth::ClientAuthMethod::kMd5:
      return "md5";
    default:
      return "scram-sha-256";
  }
}

}  // namespace

void ClientSession::begin_authentication() {
  if (state_ != State::kLogin) transition(State::kLogin);
  if (from_owner()) return login_proven();
  if (access() != nullptr) return consult_rules();
  switch (host_.config().auth.type) {
    case config::AuthType::kTrust:
      return authenticate(auth::ClientAuthMethod::kTrust);
    case config::AuthType::kPlain:
      return authenticate(auth::ClientAuthMethod::kPassword);
    case config::AuthType::kMd5:
      return authenticate(auth::ClientAuthMethod::kMd5);
    case config::AuthType::kScramSha256:
      return authenticate(auth::ClientAuthMethod::kScramSha256);
    default:
      return;  // they have rules
  }
}

// Under its own name, the kernel being the witness: whoever runs this process can do with it what
// they like without a console, too.
bool ClientSession::from_owner() const {
  if (!login_->console || !config::is_admin_database(login_->user)) return false;
  return turn().network.peer_user(socket()) == ::geteuid();
}

void ClientSession::authenticate(auth::ClientAuthMethod method) {
  // Without an auth file, trust lets in whoever names a user: PostgreSQL's own rules still hold.
  if (method == auth::ClientAuthMethod::kTrust && host_.config().auth.file.empty())
    return login_proven();
  login_->method = method;
  login_->asked_for = name_of(method);
  if (must_wait()) return;
  const auth::Secret* listed = host_.users().find(login_->user);
  if (listed == nullptr && host_.seeks_secrets(login_->database)) {
    login_->secret_awaited = true;
    return host_.seek_secret(*this);
  }
  begin_proof(listed);
}

// Whoever has guessed wrong before does not guess again at once.
bool ClientSession::must_wait() {
  if (login_->method == auth::ClientAuthMethod::kTrust || login_->has_waited) return false;
  login_->has_waited = true;
  switch (host_.brake(*this)) {
    case SessionHost::Brake::kNone:
      return false;
    case SessionHost::Brake::kWait:
      login_->braked = true;
      return true;
    case SessionHost::Brake::kRefuse:
      end(EndReason::kLoginFailed, errors::too_many_failures(login_->user));
      return true;
  }
  return false;
}

void ClientSession::brake_released() {
  if (state_ != State::kLogin || !std::exchange(login_->braked, false)) return;
  begin_authentication();  // a reload may have changed what is asked for
  if (state_ != State::kClosed && (has_carry() || readable())) schedule();
}

// Null: an unknown user, who goes through the same exchange.
void ClientSession::begin_proof(const auth::Secret* secret) {
  const bool in_clear = login_->method == auth::ClientAuthMethod::kPassword ||
                        login_->method == auth::ClientAuthMethod::kForeign;
  if (in_clear && !hides_passwords())
    return end(EndReason::kLoginFailed, errors::password_in_clear());
  auth::ClientLoginSettings settings = host_.login_settings();
  // What a server stores is SCRAM, as a rule.
  if (!host_.seeks_secrets(login_->database)) settings.usual_secret = host_.users().usual_kind();
  login_->proof =
      std::make_unique<auth::ClientLogin>(login_->method, login_->user, secret, settings,
                                          tls() ? tls()->server_end_point() : std::string());
  const auth::Secret* previous = host_.previous_users().find(login_->user);
  if (secret != nullptr && previous != nullptr) login_->proof->also_accept(*previous);
  follow_login(login_->proof->start());
}

// Nobody between the client and us can read what it sends; or that is nobody's concern.
bool ClientSession::hides_passwords() const {
  if (host_.config().auth.plain_passwords == config::PlainPasswords::kAlways) return true;
  return tls() != nullptr || peer_.is_loopback();
}

void ClientSession::secret_found(const auth::Secret* secret, const std::string& error) {
  if (state_ != State::kLogin || !std::exchange(login_->secret_awaited, false)) return;
  if (!error.empty()) return end(EndReason::kLoginFailed, errors::user_not_looked_up());
  login_->secret_found = true;
  begin_proof(secret);
  if (state_ != State::kClosed && (has_carry() || readable())) schedule();
}

const auth::HostAccess* ClientSession::access() const { return host_.host_access(login_->console); }

// ---- rules -------------------------------------------------------------------------------------

// What a rule depends on is asked for when it is met, and the rules are gone through again: the
// first that fits may be another one after a reload.
void ClientSession::consult_rules() {
  const net::Address& from = peer_;
  auth::HbaClient client{login_->database, login_->user};
  client.physical_replication = replication() == stats::Replication::kPhysical;
  client.tls = tls() != nullptr;
  if (!from.is_unix()) client.address = auth::IpAddress::parse(from.host());
  // A client that is gone has no address any more: it must not pass for one of this machine.
  if (!from.is_unix() && !client.address) return end(EndReason::kClientReset);
  client.host_name = login_->host_name ? &*login_->host_name : nullptr;
  const errors::Visitor visitor{from.is_unix() ? "" : from.host(), login_->user, login_->database,
                                client.physical_replication, client.tls};
  const auth::HbaVerdict verdict = access()->match(client);
  switch (verdict.kind) {
    case auth::HbaVerdict::Kind::kRule:
      if (verdict.rule->method == auth::HbaMethod::kReject)
        return end(EndReason::kLoginFailed, errors::rejected_by_rule(visitor));
      return follow_rule(*verdict.rule);
    case auth::HbaVerdict::Kind::kNoRule:
      if (access()->from_type)
        return end(EndReason::kLoginFailed, errors::not_by_type(visitor, host_.config().auth.type));
      return end(EndReason::kLoginFailed, errors::no_rule(visitor));
    case auth::HbaVerdict::Kind::kNeedsHostName:
      return inquire(auth::HostNameInquiry{*client.address}, login_->host_name);
  }
}

void ClientSession::follow_rule(const auth::HbaRule& rule) {
  login_->asked_for = auth::text_of(rule.method);
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
    case auth::HbaMethod::kPam:
      return check_by_pam(rule);
    case auth::HbaMethod::kLdap:
      return check_elsewhere(auth::LdapCheck{rule.ldap, host_.config().timeouts.password_check_us},
                             "LDAP");
    case auth::HbaMethod::kReject:
      return;  // was refused before
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
  if (!name.empty() && access()->maps.allows(rule.map, name, login_->user)) return true;
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
  if (!name.empty() && access()->maps.allows(rule.map, name, login_->user)) return login_proven();
  end(EndReason::kLoginFailed, errors::wrong_peer(login_->user));
}

// ---- passwords that somebody else judges -------------------------------------------------------

void ClientSession::check_by_pam(const auth::HbaRule& rule) {
  const net::Address& from = peer_;
  auth::PamCheck check{std::string(rule.option("pamservice")), from.is_unix() ? "" : from.host()};
  if (check.service.empty()) check.service = "pgsaba";
  if (!from.is_unix() && rule.option("pam_use_hostname") == "1") {
    const auto address = auth::IpAddress::parse(from.host());
    if (!login_->host_name && address)
      return inquire(auth::HostNameInquiry{*address}, login_->host_name);
    if (login_->host_name && !login_->host_name->empty()) check.host = *login_->host_name;
  }
  check_elsewhere(std::move(check), "PAM");
}

void ClientSession::check_elsewhere(std::variant<auth::PamCheck, auth::LdapCheck> by,
                                    std::string_view who) {
  login_->judge = std::move(by);
  login_->judge_name = who;
  login_->method = auth::ClientAuthMethod::kForeign;
  if (!must_wait()) begin_proof(nullptr);
}

void ClientSession::ask_for_verdict() {
  login_->verdict_awaited = std::make_shared<const bool>(true);
  login_->password = login_->proof->take_password();
  host_.check_password(*this, {login_->judge, login_->user, login_->password},
                       login_->verdict_awaited);
}

void ClientSession::password_judged(bool accepted) {
  if (state_ != State::kLogin || std::exchange(login_->verdict_awaited, nullptr) == nullptr) return;
  std::optional<auth::LoginError> refusal;
  if (accepted) {
    host_.password_known(*this, std::move(login_->password));
  } else {
    refusal = {wire::sqlstate::kInvalidAuthorization,
               login_->judge_name + " authentication failed for user \"" + login_->user + "\""};
  }
  follow_login(login_->proof->provide_verdict(std::move(refusal)));
  if (state_ != State::kClosed && (has_carry() || readable())) schedule();
}

void ClientSession::inquire(const auth::Inquiry& inquiry, std::optional<std::string>& answer) {
  login_->awaited = &answer;
  host_.inquire(*this, inquiry);
}

bool ClientSession::awaits_answer() const {
  return login_ != nullptr && (login_->awaited != nullptr || login_->secret_awaited ||
                               login_->verdict_awaited != nullptr || login_->braked);
}

void ClientSession::inquiry_answered(const std::string& answer) {
  if (state_ != State::kLogin || login_->awaited == nullptr) return;
  *std::exchange(login_->awaited, nullptr) = answer;
  begin_authentication();  // a reload may have done away with the rules
  if (state_ != State::kClosed && (has_carry() || readable())) schedule();
}

// ---- the proof ---------------------------------------------------------------------------------

void ClientSession::on_login_frame(const Piece& piece) {
  if (piece.tag == 'X') return end(EndReason::kClientTerminated);
  if (piece.tag != 'p' || !piece.complete || login_->proof == nullptr)
    return fail_protocol("expected password response, got message type '" +
                         std::string(1, piece.tag) + "'");
  const Bytes answer = piece.body();
  auth::ClientLoginStep step = login_->proof->on_message(answer);
  // It lies in the block that the next client's bytes come to.
  auth::wipe(const_cast<std::uint8_t*>(answer.data()), answer.size());  // NOLINT: ours to write
  follow_login(std::move(step));
}

void ClientSession::follow_login(auth::ClientLoginStep step) {
  using Kind = auth::ClientLoginStep::Kind;
  while (step.kind == Kind::kNeedsKeys) {  // twice where there are two secrets
    const auto keys = host_.scram_keys().ask(login_->proof->key_request(), *this);
    if (!keys) return;  // they come later
    step = login_->proof->provide_keys(*keys);
  }
  if (step.kind == Kind::kNeedsVerdict) return ask_for_verdict();
  if (step.message) {
    std::string frame;
    wire::append_authentication(frame, static_cast<std::uint32_t>(step.message->code),
                                step.message->payload);
    send(frame);
  }
  const bool foreign = login_->method == auth::ClientAuthMethod::kForeign;
  if (step.kind == Kind::kDone) {
    if (login_->method != auth::ClientAuthMethod::kTrust) host_.password_was(*this, true);
    return login_proven();
  }
  if (step.kind != Kind::kFailed) return;
  const auto wrong =
      foreign ? wire::sqlstate::kInvalidAuthorization : wire::sqlstate::kInvalidPassword;
  if (step.error.sqlstate == wrong) host_.password_was(*this, false);
  if (login_->secret_found) host_.doubt_secret(*this);
  end(EndReason::kLoginFailed,
      {"FATAL", std::string(step.error.sqlstate), step.error.message, step.error.detail},
      step.error.log_detail);
}

void ClientSession::keys_derived(const auth::ScramKeys& keys) {
  if (state_ != State::kLogin) return;
  follow_login(login_->proof->provide_keys(keys));
  if (state_ != State::kClosed && (has_carry() || readable())) schedule();
}

}  // namespace pgsaba::session
