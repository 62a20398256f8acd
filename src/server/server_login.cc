#include "pgsaba/server/server_login.h"

#include <algorithm>

#include "pgsaba/wire/row.h"
#include "pgsaba/wire/sqlstate.h"

namespace pgsaba::server {
namespace {

constexpr std::string_view kInHotStandby = "in_hot_standby";

}  // namespace

ServerLogin::ServerLogin(std::shared_ptr<const ServerTarget> target,
                         const auth::ScramKeyCache& keys)
    : target_(std::move(target)), keys_(keys) {}

ServerLogin::~ServerLogin() = default;

void ServerLogin::restart() {
  authenticator_.reset();
  asks_ = false;
  parameters_.clear();
  cancel_key_ = {};
  error_ = {};
}

void ServerLogin::start(std::string& out, auth::ServerBinding binding) {
  binding_ = std::move(binding);
  binding_.wish = target_->tls.channel_binding;
  wire::ParameterList parameters = {{"user", target_->user}, {"database", target_->database}};
  parameters.insert(parameters.end(), target_->startup.begin(), target_->startup.end());
  wire::append_startup(out, wire::kProtocol30, parameters);
}

ServerLogin::Outcome ServerLogin::fail(std::string_view sqlstate, std::string message) {
  error_ = {"FATAL", std::string(sqlstate), std::move(message)};
  return Outcome::kFailed;
}

void ServerLogin::set_parameter(std::string_view name, std::string_view value) {
  const auto known = std::ranges::find(parameters_, name, [](const auto& p) { return p.first; });
  if (known != parameters_.end()) {
    known->second = value;
  } else {
    parameters_.emplace_back(name, value);
  }
}

ServerLogin::Outcome ServerLogin::on_message(char tag, Bytes body, std::string& out) {
  if (asks_) return on_standby_answer(tag, body);
  switch (tag) {
    case 'R':
      return on_authentication(body, out);
    case 'E':
      error_ = wire::read_error(body);
      return Outcome::kFailed;
    case 'N':
    case 'v':  // we ask for nothing that an older server does not know
      return Outcome::kContinue;
    case 'S':
      if (const auto parameter = wire::read_parameter_status(body))
        set_parameter(parameter->first, parameter->second);
      return Outcome::kContinue;
    case 'K':
      if (auto key = wire::read_backend_key(body)) cancel_key_ = std::move(*key);
      return Outcome::kContinue;
    case 'Z':
      authenticator_.reset();
      asks_ = expects_primary_ && in_hot_standby();
      if (!asks_) return Outcome::kDone;
      wire::append_query(out, "SHOW in_hot_standby");
      return Outcome::kContinue;
    default:
      return fail(wire::sqlstate::kProtocolViolation,
                  std::string("the server sent a message of type '") + tag + "' during login");
  }
}

// A stored SCRAM secret opens no door, but a client that has proven to know its password left the
// keys with us.
auth::ServerCredentials ServerLogin::credentials() const {
  if (const auto* verifier = std::get_if<auth::ScramVerifier>(&target_->secret))
    if (const auth::ScramPassThrough* revealed = keys_.recall(*verifier)) return *revealed;
  return auth::credentials_of(target_->secret);
}

bool ServerLogin::in_hot_standby() const {
  return std::ranges::any_of(parameters_, [](const auto& parameter) {
    return parameter.first == kInHotStandby && parameter.second == "on";
  });
}

// Without an answer it stays what it said.
ServerLogin::Outcome ServerLogin::on_standby_answer(char tag, Bytes body) {
  if (tag == 'Z') return Outcome::kDone;
  if (tag == 'S')
    if (const auto parameter = wire::read_parameter_status(body))
      set_parameter(parameter->first, parameter->second);
  if (tag == 'D') {
    const auto row = wire::read_row(body);
    if (row.size() == 1 && row[0]) set_parameter(kInHotStandby, *row[0]);
  }
  return Outcome::kContinue;
}

ServerLogin::Outcome ServerLogin::on_authentication(Bytes body, std::string& out) {
  const auto request = wire::read_authentication(body);
  if (!request)
    return fail(wire::sqlstate::kProtocolViolation, "broken authentication request of the server");
  if (!authenticator_)
    authenticator_ = std::make_unique<auth::ServerAuthenticator>(target_->user, credentials(),
                                                                 std::move(binding_));
  return follow(authenticator_->on_authentication(static_cast<std::int32_t>(request->code),
                                                  bytes_of(request->payload)),
                out);
}

ServerLogin::Outcome ServerLogin::provide_keys(const auth::ScramKeys& keys, std::string& out) {
  return follow(authenticator_->provide_keys(keys), out);
}

ServerLogin::Outcome ServerLogin::follow(const auth::ServerAuthStep& step, std::string& out) {
  if (step.kind == auth::ServerAuthStep::Kind::kNeedsKeys) return Outcome::kNeedsKeys;
  if (step.kind == auth::ServerAuthStep::Kind::kFailed) {
    fail(step.error.sqlstate, step.error.message);
    error_.detail = step.error.detail;
    return Outcome::kFailed;
  }
  if (step.kind == auth::ServerAuthStep::Kind::kSend) wire::append_password(out, step.payload);
  return Outcome::kContinue;
}

}  // namespace pgsaba::server
