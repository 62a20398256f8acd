// The part of ClientSession that brings a client in: startup packet, login, first parameters.
#include <sys/random.h>

#include <algorithm>

#include "pgsaba/session/client_session.h"
#include "pgsaba/wire/backend.h"
#include "pgsaba/wire/sqlstate.h"
#include "session/client_login_state.h"
#include "session/errors.h"
#include "session/lease_traces.h"
#include "session/lesson.h"
#include "session/listening.h"
#include "session/relay.h"
#include "session/startup_options.h"

namespace pgsaba::session {

using wire::ErrorFields;

namespace {

constexpr std::uint8_t kTlsHandshake = 0x16;  // the type of the record that TLS begins with

}  // namespace

std::size_t ClientSession::consume_startup(Bytes input) {
  if (!std::exchange(login_->began, true) && input.front() == kTlsHandshake)
    return begin_direct_tls(input);
  auto cut = wire::cut_startup(input);
  if (!cut) return 0;
  const bool ssl = std::holds_alternative<wire::SslRequest>(cut->packet);
  if (ssl || std::holds_alternative<wire::GssRequest>(cut->packet))
    return on_encryption_request(ssl, input, cut->consumed);
  if (const auto* cancel = std::get_if<wire::CancelRequest>(&cut->packet)) {
    login_->may_hear_errors = false;
    host_.cancel(cancel->key);
    end(EndReason::kCancelRequest);
  } else if (const auto* broken = std::get_if<wire::BrokenStartup>(&cut->packet)) {
    fail_protocol(broken->reason);
  } else {
    on_startup(std::get<wire::StartupMessage>(cut->packet));
  }
  return cut->consumed;
}

// Each is asked for once, and GSSAPI not inside of TLS, as in PostgreSQL's ProcessStartupPacket.
std::size_t ClientSession::on_encryption_request(bool ssl, Bytes input, std::size_t consumed) {
  bool& asked = ssl ? login_->asked_ssl : login_->asked_gss;
  if (std::exchange(asked, true)) {
    end(EndReason::kProtocolError, errors::unsupported_protocol(1234, ssl ? 5679 : 5680));
  } else if (input.size() > consumed) {  // nothing may follow before the answer: CVE-2021-23214
    end(EndReason::kProtocolError, errors::unencrypted_data(ssl));
  } else if (ssl && may_use_tls()) {
    login_->asked_gss = true;
    send("S");
    flush();
    start_tls(host_.client_tls()->accept(), {});
  } else {
    send("N");
  }
  return consumed;
}

// Without a request, as PostgreSQL 17 allows: a TLS record where a packet would begin.
std::size_t ClientSession::begin_direct_tls(Bytes input) {
  if (may_use_tls()) {
    login_->asked_ssl = login_->asked_gss = login_->direct_tls = true;
    start_tls(host_.client_tls()->accept(), input);
  } else {
    host_.log_tls_failure(*this, "began with TLS, which is not offered here");
    end(EndReason::kTlsFailed);
  }
  return input.size();
}

// As the listener wants it that the client came in at.
config::TlsMode ClientSession::tls_mode() const {
  const net::Address here = turn().network.local_address(socket());
  if (here.is_unix()) return config::TlsMode::kDisable;
  return config::tls_mode_at(host_.config(), here.host(), here.port());
}

bool ClientSession::may_use_tls() const {
  return host_.client_tls() != nullptr && tls_mode() != config::TlsMode::kDisable;
}

void ClientSession::secured() {
  std::string why(tls_failure());
  // Whoever does without the request has to say what it takes us for: a browser might, too.
  if (why.empty() && login_->direct_tls && !tls()->agreed_on_protocol())
    why = "it began with TLS without asking for the protocol postgresql (ALPN)";
  if (why.empty()) return;
  host_.log_tls_failure(*this, "TLS failed: " + why);
  end(EndReason::kTlsFailed);
}

bool ClientSession::encrypted_as_needed() {
  const config::TlsMode mode = tls_mode();
  if (mode < config::TlsMode::kRequire) return true;
  if (tls() == nullptr) {
    end(EndReason::kLoginFailed, errors::tls_required());
    return false;
  }
  // A reload may have become stricter while hands were shaken.
  if (mode >= config::TlsMode::kVerifyCa && !tls()->peer_is_known()) {
    end(EndReason::kLoginFailed, errors::certificate_required());
    return false;
  }
  if (mode != config::TlsMode::kVerifyFull || tls()->peer_common_name() == login_->user)
    return true;
  end(EndReason::kLoginFailed, errors::wrong_certificate(login_->user, tls()->peer_common_name()));
  return false;
}

// Answers 3.0 to 3.2; a newer minor version, or an option of the protocol we do not know, is
// negotiated down.
bool ClientSession::negotiate(const wire::StartupMessage& startup) {
  if (startup.major() != 3) {
    end(EndReason::kProtocolError, errors::unsupported_protocol(startup.major(), startup.minor()));
    return false;
  }
  std::vector<std::string> unknown;
  for (const auto& [name, value] : startup.parameters)
    if (name.starts_with("_pq_.")) unknown.push_back(name);
  login_->version = std::min(startup.version, wire::kProtocol32);
  long_key_ = login_->version >= wire::kProtocol32;
  if (startup.version <= wire::kProtocol32 && unknown.empty()) return true;
  std::string frame;
  wire::append_negotiate_version(frame, login_->version, unknown);
  send(frame);
  return true;
}

bool ClientSession::read_parameters(const wire::StartupMessage& startup) {
  // Parameters of the packet are stronger than those in `options`, wherever they stand.
  const std::string* options = relay_ ? nullptr : startup.find("options");
  if (options != nullptr) {
    if (const auto bad = read_startup_options(*options, login_->settings)) {
      end(EndReason::kLoginFailed, errors::startup_option(*bad));
      return false;
    }
  }
  for (const auto& [name, value] : startup.parameters) {
    if (name == "user") {
      login_->user = value;
    } else if (name == "database") {
      login_->database = value;
    } else if (name == "application_name") {
      login_->application_name = value;
    } else if (relay_ || name == "options") {
      continue;  // its own server reads the rest
    } else if (!name.starts_with("_pq_.") && name != "replication") {
      login_->settings.push_back({server::lower_case(name), value});
    }
  }
  if (login_->user.empty()) {
    end(EndReason::kLoginFailed, errors::no_user_name());
    return false;
  }
  if (login_->database.empty()) login_->database = login_->user;
  return true;
}

bool ClientSession::read_replication(const wire::StartupMessage& startup) {
  const std::string* value = startup.find("replication");
  if (value == nullptr) return true;
  const auto mode = read_replication_mode(*value);
  if (!mode) {
    end(EndReason::kLoginFailed, errors::replication_mode_unknown(*value));
    return false;
  }
  if (*mode != stats::Replication::kNone) relay_ = std::make_unique<Relay>(*this, *mode, startup);
  return true;
}

void ClientSession::on_startup(const wire::StartupMessage& startup) {
  if (!negotiate(startup) || !read_replication(startup) || !read_parameters(startup)) return;
  if (!encrypted_as_needed()) return;
  login_->console = config::is_admin_database(login_->database);
  begin_authentication();
}

void ClientSession::login_proven() {
  if (login_->proof != nullptr && login_->proof->pass_through())
    host_.scram_keys().cache().remember(*login_->proof->pass_through());
  login_->proof.reset();
  [[maybe_unused]] const auto random = ::getrandom(secret_.data(), secret_.size(), 0);
  if (login_->console) {
    std::string ok;
    wire::append_authentication(ok, wire::auth_code::kOk, {});
    append_key(ok);
    send(ok);
    transition(State::kConsole);
    if (!host_.console_open(*this))
      end(EndReason::kLoginFailed, errors::not_an_admin(login_->user));
    return;
  }
  // Which databases there are is not told to whoever comes.
  if (auto refusal = host_.may_log_in(login_->database)) {
    if (replication() == stats::Replication::kPhysical)
      refusal->hint = std::string(errors::kPhysicalReplicationHint);
    return end(EndReason::kLoginFailed, *refusal);
  }
  Admission admission = host_.admit(login_->database, login_->user);
  if (admission.account == nullptr) return end(EndReason::kLimit, *admission.refusal);
  account_ = admission.account;
  if (relay_) return begin_relay();
  open_session();
}

// A server of its own is told the client's parameters as they are, and answers for itself.
void ClientSession::begin_relay() {
  settings_ = host_.settings().with(nullptr, "application_name", login_->application_name);
  ErrorFields why;
  pool::Pool* pool = host_.route(*account_, why);
  if (pool == nullptr) return end(EndReason::kNoServer, why);
  transition(State::kWelcome);
  relay_->begin(*pool);
}

// The client's settings are known; what a server answers to them may still have to be asked.
void ClientSession::open_session() {
  mode_ = account_->limits.pool_mode;
  choose_application_name();
  login_->learned_for = host_.settings().intern(login_->settings);
  settings_ = login_->learned_for;
  if (!login_->application_name.empty() || account_->forces_application_name())
    settings_ = host_.settings().with(settings_, "application_name", login_->application_name);
  login_settings_ = settings_;
  seek_welcome();
}

// What it has in `options` is a setting among others.
void ClientSession::choose_application_name() {
  std::string in_options;
  std::erase_if(login_->settings, [&](const server::Setting& one) {
    if (one.name != "application_name") return false;
    in_options = one.value;
    return true;
  });
  std::string& name = login_->application_name;
  if (name.empty()) name = in_options;
  if (name.empty() || account_->forces_application_name()) name = account_->application_name;
  if (account_->limits.application_name_mode != config::ApplicationName::kAddHost) return;
  constexpr std::size_t kLongestName = 63;  // PostgreSQL cuts what is longer
  const std::string host = " - " + (peer_.is_unix() ? std::string("unix") : peer_.to_string());
  if (name.empty()) name = "app";
  name = name.substr(0, kLongestName - std::min(kLongestName, host.size())) + host;
}

// How a server greets such a client is remembered, or has to be asked.
void ClientSession::seek_welcome() {
  ErrorFields why;
  pool::Pool* pool = host_.route(*account_, why);
  if (pool == nullptr) {
    if (!host_.wait_for_route(*this, connected_at_)) return end(EndReason::kNoServer, why);
    parked_at_ = turn().now;
    return transition(State::kWelcome);
  }
  parked_at_ = 0;
  if (const auto welcome = pool->welcomes().find(login_->learned_for))
    return send_welcome(*welcome);
  if (const auto refusal = pool->standing_refusal()) return end(EndReason::kNoServer, *refusal);
  transition(State::kWelcome);
  if (server::ServerConnection* server = pool->take(settings_)) {
    lease_pool_ = pool;
    server->lend(*this);
    server_ = server;
    return begin_learning();
  }
  lease_pool_ = pool;
  pool->enqueue(*this);
}

// Has a server try the client's settings: it alone knows whether they are valid, and how it will
// spell them. Done once for each combination.
void ClientSession::begin_learning() {
  login_->learned = server_->login().parameters();
  const server::Restoration wanted = server::difference(nullptr, login_->learned_for);
  const std::string sql = wanted.encoding_sql + wanted.sql;
  if (sql.empty()) return finish_learning();
  login_->learning = true;
  server_->match(nullptr);
  std::string frame;
  wire::append_query(frame, sql);
  server_->forward(server::Request::kQuery, bytes_of(frame));
}

void ClientSession::learn_from(Bytes bytes) { login_->answer.append(text_of(bytes)); }

void ClientSession::finish_learning() {
  server::ServerConnection* server = std::exchange(server_, nullptr);
  auto error = error_in(bytes_of(login_->answer));
  if (login_->learning && !error) server->settings_are(login_->learned_for);
  login_->learning = false;
  pool::Pool& pool = *std::exchange(lease_pool_, nullptr);
  pool.give_back(*server);
  if (error) {
    error->severity = "FATAL";
    return end(EndReason::kLoginFailed, *error);
  }
  if (login_->learned_for) pool.welcomes().learn(login_->learned_for, login_->learned);
  const wire::ParameterList learned = std::move(login_->learned);
  send_welcome(learned);
}

// PostgreSQL's clean-up of application_name (pg_clean_ascii up to version 15, 63 bytes).
static std::string cleaned_application_name(std::string_view name) {
  std::string clean;
  for (const char c : name.substr(0, 63)) clean.push_back(c < 32 || c > 126 ? '?' : c);
  return clean;
}

// The key that cancels this client's statements.
void ClientSession::append_key(std::string& out) const {
  wire::append_backend_key(out, {key_pid_, std::string(secret_.data(), secret_bytes())});
}

// As the server does: its other names, and a text in quotes, are the same setting.
void ClientSession::spell_encoding(std::string_view canonical) {
  constexpr std::string_view kName = "client_encoding";
  for (server::SettingsRef* settings : {&settings_, &login_settings_})
    if (server::find_setting(*settings, kName) != nullptr)
      *settings = host_.settings().with(*settings, kName, canonical);
}

void ClientSession::send_welcome(const wire::ParameterList& parameters) {
  std::string out;
  wire::append_authentication(out, wire::auth_code::kOk, {});
  for (const auto& [name, value] : parameters) {
    const bool own = name == "application_name" && !login_->application_name.empty();
    wire::append_parameter_status(out, name,
                                  own ? cleaned_application_name(login_->application_name) : value);
    note_dialect(name, value);
    if (name == "client_encoding") spell_encoding(value);
  }
  append_key(out);
  wire::append_ready(out, wire::TransactionStatus::kIdle);
  send(out);
  greeting_ = account_->pool->welcomes().find(nullptr);
  host_.log_client(*this, "logged in");
  ++account_->pool->totals().client_login_count;
  login_.reset();
  no_more_passwords();
  transition(relay_ ? State::kRelay : State::kIdle);
  if (has_carry() || readable()) schedule();
}

}  // namespace pgsaba::session
