#include <pgsaba/auth/base64.h>
#include <pgsaba/auth/client_login.h>
#include <pgsaba/auth/digest.h>
#include <pgsaba/auth/userlist.h>

#include <cassert>
#include <span>

#include "login_errors.h"
#include "scram_message.h"
#include "scram_server.h"

namespace pgsaba::auth {
namespace {

constexpr std::size_t kMockSaltBytes = 16;  // PostgreSQL's SCRAM_DEFAULT_SALT_LEN

LoginError out_of_randomness() {
  return {kInternalError, "login is not possible: no random numbers can be had"};
}

// The one zero-terminated string that a password message consists of.
std::optional<std::string_view> read_string(std::string_view payload) {
  if (payload.find('\0') + 1 != payload.size() || payload.empty()) return std::nullopt;
  return payload.substr(0, payload.size() - 1);
}

std::string_view why_doomed(ClientAuthMethod method, bool known, const Secret& secret) {
  if (method == ClientAuthMethod::kForeign) return {};
  if (!known) return "The user is not known.";
  if (std::holds_alternative<NoSecret>(secret)) return "The user has no password.";
  if (method == ClientAuthMethod::kScramSha256 && std::holds_alternative<Md5Secret>(secret)) {
    return "The user's secret is an MD5 hash, which scram-sha-256 cannot check.";
  }
  return {};
}

// Comparing hashes keeps the time independent of where the passwords differ, and of their lengths.
bool same_password(std::string_view left, std::string_view right) {
  return sha256(bytes_of(left)) == sha256(bytes_of(right));
}

struct SaslInitial {
  std::string_view mechanism;
  std::optional<std::string_view> response;
};

// SASLInitialResponse: mechanism, its zero, int32 length (-1: no response), response.
std::optional<SaslInitial> read_sasl_initial(std::string_view payload) {
  const std::size_t end = payload.find('\0');
  if (end == std::string_view::npos || payload.size() - end - 1 < 4) return std::nullopt;
  const std::string_view response = payload.substr(end + 5);
  const std::uint32_t length = load_be32(bytes_of(payload).data() + end + 1);
  SaslInitial initial{payload.substr(0, end), std::nullopt};
  if (length == 0xffffffffU) {
    return response.empty() ? std::optional(initial) : std::nullopt;
  }
  if (length != response.size()) return std::nullopt;
  initial.response = response;
  return initial;
}

}  // namespace

ClientLogin::ClientLogin(ClientAuthMethod method, std::string user, const Secret* secret,
                         ClientLoginSettings settings, std::string end_point)
    : method_(method),
      user_(std::move(user)),
      known_(secret != nullptr),
      secret_(secret != nullptr ? *secret : Secret{}),
      settings_(std::move(settings)),
      end_point_(std::move(end_point)),
      doomed_because_(why_doomed(method_, known_, secret_)) {
  if (!doomed_because_.empty()) secret_ = mock_secret();
}

ClientLogin::ClientLogin(ClientLogin&&) noexcept = default;
ClientLogin& ClientLogin::operator=(ClientLogin&&) noexcept = default;
ClientLogin::~ClientLogin() = default;

ClientLoginStep ClientLogin::start() {
  assert(state_ == State::kIdle);
  if (method_ == ClientAuthMethod::kTrust) {
    if (known_) return finish(std::nullopt);
    return fail({kInvalidAuthorization, "role \"" + user_ + "\" does not exist"});
  }
  if (method_ == ClientAuthMethod::kPassword || method_ == ClientAuthMethod::kForeign)
    return start_password();
  return uses_scram() ? start_scram() : start_md5();
}

ClientLoginStep ClientLogin::on_message(Bytes payload) {
  const std::string_view text = text_of(payload);
  switch (state_) {
    case State::kAwaitPassword:
      return on_password(text);
    case State::kAwaitMd5:
      return on_md5_response(text);
    case State::kAwaitSaslInitial:
      return on_sasl_initial(text);
    case State::kAwaitClientFirst:
      return on_client_first(text);
    case State::kAwaitClientFinal:
      return on_client_final(text);
    default:
      return fail(protocol_violation("unexpected password message"));
  }
}

ClientLoginStep ClientLogin::provide_keys(const ScramKeys& keys) {
  assert(state_ == State::kAwaitPasswordKeys || state_ == State::kAwaitScramKeys);
  const bool is_password = state_ == State::kAwaitPasswordKeys;
  key_request_ = {};
  if (is_password) {
    if (stored_key_of(keys.client_key) == verifier_.stored_key) return judge(true);
    return take_previous() ? check_password() : judge(false);
  }
  verifier_.stored_key = stored_key_of(keys.client_key);
  verifier_.server_key = keys.server_key;
  return finish_scram();
}

ClientLoginStep ClientLogin::provide_verdict(std::optional<LoginError> refusal) {
  assert(state_ == State::kAwaitVerdict);
  return refusal ? fail(std::move(*refusal)) : finish(std::nullopt);
}

ClientLoginStep ClientLogin::start_password() {
  return send(AuthenticationCode::kCleartextPassword, {}, State::kAwaitPassword);
}

ClientLoginStep ClientLogin::start_md5() {
  if (!random_bytes(md5_salt_).ok()) return fail(out_of_randomness());
  return send(AuthenticationCode::kMd5Password, std::string(text_of(md5_salt_)), State::kAwaitMd5);
}

ClientLoginStep ClientLogin::start_scram() {
  auto nonce = make_scram_nonce();
  if (!nonce || !make_verifier()) return fail(out_of_randomness());
  scram_ = std::make_unique<ScramServer>(verifier_.salt.text(), verifier_.iterations,
                                         std::move(*nonce), end_point_);
  std::string mechanisms;
  if (!end_point_.empty()) mechanisms.append(kScramPlusMechanism).push_back('\0');
  mechanisms.append(kScramMechanism);
  mechanisms.append(2, '\0');  // the end of the name, the end of the list
  return send(AuthenticationCode::kSasl, std::move(mechanisms), State::kAwaitSaslInitial);
}

ClientLoginStep ClientLogin::on_password(std::string_view payload) {
  const auto password = read_string(payload);
  if (!password) return fail(protocol_violation("invalid password packet size"));
  if (password->empty()) {
    return fail({kInvalidPassword, "empty password returned by client"});
  }
  if (password->size() > kMaxPasswordBytes) return fail(protocol_violation("password too long"));
  if (method_ == ClientAuthMethod::kForeign) {
    password_ = SecretBytes(*password);
    state_ = State::kAwaitVerdict;
    return {Step::Kind::kNeedsVerdict};
  }
  password_ = SecretBytes(*password);
  return check_password();
}

ClientLoginStep ClientLogin::check_password() {
  if (const auto* stored = std::get_if<ScramVerifier>(&secret_)) {
    verifier_ = *stored;
    return need_keys({password_, verifier_.salt, verifier_.iterations, KeepKeys::kNever},
                     State::kAwaitPasswordKeys);
  }
  bool right = false;
  if (const auto* plain = std::get_if<PlainSecret>(&secret_)) {
    right = same_password(password_.text(), plain->password.text());
  } else if (const auto* md5 = std::get_if<Md5Secret>(&secret_)) {
    const auto hash = md5_hex(password_.text(), user_);
    if (!hash) return fail({kInternalError, hash.error().message});
    right = *hash == md5->hash;
  }
  return !right && take_previous() ? check_password() : judge(right);
}

bool ClientLogin::take_previous() {
  if (!previous_ || !doomed_because_.empty()) return false;
  secret_ = std::move(*previous_);
  previous_.reset();
  return true;
}

ClientLoginStep ClientLogin::on_md5_response(std::string_view payload) {
  const auto response = read_string(payload);
  if (!response) return fail(protocol_violation("invalid password packet size"));
  if (response->empty()) {
    return fail({kInvalidPassword, "empty password returned by client"});
  }
  bool right = false;
  do {
    if (std::holds_alternative<ScramVerifier>(secret_)) continue;
    const auto expected = expected_md5();
    if (!expected) return fail({kInternalError, "MD5 is not available"});
    right =
        response->starts_with("md5") && constant_time_equal(response->substr(3), expected->text());
  } while (!right && take_previous());
  return judge(right);
}

ClientLoginStep ClientLogin::on_sasl_initial(std::string_view payload) {
  const auto initial = read_sasl_initial(payload);
  if (!initial) return fail(protocol_violation("malformed SASLInitialResponse message"));
  const bool bound = initial->mechanism == kScramPlusMechanism && !end_point_.empty();
  if (bound) scram_->bind();
  if (!bound && initial->mechanism != kScramMechanism) {
    return fail(protocol_violation("client selected an invalid SASL authentication mechanism"));
  }
  if (initial->response) return on_client_first(*initial->response);
  return send(AuthenticationCode::kSaslContinue, {}, State::kAwaitClientFirst);
}

ClientLoginStep ClientLogin::on_client_first(std::string_view message) {
  if (auto error = scram_->read_client_first(message)) return fail(std::move(*error));
  return send(AuthenticationCode::kSaslContinue, scram_->server_first(), State::kAwaitClientFinal);
}

ClientLoginStep ClientLogin::on_client_final(std::string_view message) {
  if (auto error = scram_->read_client_final(message)) return fail(std::move(*error));
  return check_proof();
}

ClientLoginStep ClientLogin::check_proof() {
  if (const auto* plain = std::get_if<PlainSecret>(&secret_)) {
    return need_keys({plain->password, verifier_.salt, verifier_.iterations, KeepKeys::kForClients},
                     State::kAwaitScramKeys);
  }
  return finish_scram();
}

ClientLoginStep ClientLogin::finish_scram() {
  const bool matches = scram_->proof_matches(verifier_.stored_key);
  if (!matches && take_previous()) {
    const auto* stored = std::get_if<ScramVerifier>(&secret_);
    const bool same_salt = stored != nullptr && stored->salt == verifier_.salt &&
                           stored->iterations == verifier_.iterations;
    if (same_salt) verifier_ = *stored;
    if (same_salt || std::holds_alternative<PlainSecret>(secret_)) return check_proof();
  }
  if (!matches || !doomed_because_.empty()) return judge(false);
  if (std::holds_alternative<ScramVerifier>(secret_)) {
    pass_through_ = {
        {scram_->client_key(), verifier_.server_key}, verifier_.salt, verifier_.iterations};
  }
  return finish(AuthenticationMessage{AuthenticationCode::kSaslFinal,
                                      scram_->server_final(verifier_.server_key)});
}

ClientLoginStep ClientLogin::judge(bool matches) {
  if (matches && doomed_because_.empty()) return finish(std::nullopt);
  const bool doomed = !doomed_because_.empty();
  return fail(wrong_password(user_, doomed ? doomed_because_ : "The password does not match."));
}

bool ClientLogin::uses_scram() const {
  if (method_ == ClientAuthMethod::kScramSha256) return true;
  return std::holds_alternative<ScramVerifier>(secret_);
}

std::string ClientLogin::mock_salt() const {
  const Sha256Digest digest = hmac_sha256(settings_.mock_key.bytes(), bytes_of(user_));
  return std::string(digest.text().substr(0, kMockSaltBytes));
}

// Whatever is done with the secret of a user like most others is done with this one.
Secret ClientLogin::mock_secret() const {
  const auto made_up = [this](std::string_view what) {
    return hmac_sha256(settings_.mock_key.bytes(), bytes_of(std::string(what) + '\0' + user_));
  };
  const Sha256Digest password = made_up("password");
  SecretKind kind = settings_.usual_secret;
  if (kind == SecretKind::kMd5 && method_ == ClientAuthMethod::kScramSha256)
    kind = SecretKind::kScram;
  switch (kind) {
    case SecretKind::kPlain:
      return PlainSecret{SecretBytes(encode_base64(password.bytes()))};
    case SecretKind::kMd5: {
      const auto hash = md5_hex(encode_base64(password.bytes()), user_);
      return Md5Secret{hash ? *hash : Md5Hex{}};
    }
    default:
      return ScramVerifier{SecretBytes(mock_salt()), settings_.scram_iterations, made_up("stored"),
                           made_up("server")};
  }
}

// The salt and iterations to show the client, and as much of the keys as is known by now. A plain
// secret's salt is made like a mock one: the same on every thread, so that its keys can be cached.
bool ClientLogin::make_verifier() {
  if (const auto* stored = std::get_if<ScramVerifier>(&secret_)) {
    verifier_ = *stored;
    return true;
  }
  verifier_.salt = SecretBytes(mock_salt());
  verifier_.iterations = settings_.scram_iterations;
  return random_bytes({verifier_.stored_key.data(), Sha256Digest::size()}).ok();
}

// What the client has to answer, without "md5": hex(md5(hex(md5(password + user)) + salt)).
std::optional<Md5Hex> ClientLogin::expected_md5() const {
  Md5Hex stored;
  if (const auto* md5 = std::get_if<Md5Secret>(&secret_)) {
    stored = md5->hash;
  } else if (const auto* plain = std::get_if<PlainSecret>(&secret_)) {
    const auto hash = md5_hex(plain->password.text(), user_);
    if (!hash) return std::nullopt;
    stored = *hash;
  }
  const auto salted = md5_hex(stored.text(), text_of(md5_salt_));
  if (!salted) return std::nullopt;
  return *salted;
}

ClientLoginStep ClientLogin::send(AuthenticationCode code, std::string payload, State next) {
  state_ = next;
  return {Step::Kind::kSend, AuthenticationMessage{code, std::move(payload)}};
}

ClientLoginStep ClientLogin::need_keys(ScramKeyRequest request, State next) {
  state_ = next;
  key_request_ = std::move(request);
  return {Step::Kind::kNeedsKeys};
}

ClientLoginStep ClientLogin::finish(std::optional<AuthenticationMessage> message) {
  state_ = State::kDone;
  return {Step::Kind::kDone, std::move(message)};
}

ClientLoginStep ClientLogin::fail(LoginError error) {
  state_ = State::kFailed;
  return {Step::Kind::kFailed, std::nullopt, std::move(error)};
}

}  // namespace pgsaba::auth
