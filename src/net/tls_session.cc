#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "net/tls_bytes.h"
#include "pgsaba/net/tls.h"

namespace pgsaba::net {

namespace {

// Key updates, tickets and attempts to renegotiate that are put up with among the bytes of one
// read: each costs the receiver more than the sender.
constexpr std::uint32_t kMaxRestarts = 32;

// Of the error that libssl has met last.
TlsFailure kind_of_error() {
  const int reason = ERR_GET_REASON(::ERR_peek_last_error());
  if (reason > SSL_AD_REASON_OFFSET) return TlsFailure::kRefusedByPeer;
  switch (reason) {
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_GROUPS:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
    case SSL_R_NO_APPLICATION_PROTOCOL:
      return TlsFailure::kNothingInCommon;
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      return TlsFailure::kCertificate;
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_BAD_RECORD_TYPE:
    case SSL_R_RECORD_LENGTH_MISMATCH:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_LENGTH_MISMATCH:
    case SSL_R_UNEXPECTED_MESSAGE:
      return TlsFailure::kNotTls;
    default:
      return TlsFailure::kOther;
  }
}

}  // namespace

std::string_view text_of(TlsFailure failure) {
  constexpr std::array<std::string_view, kTlsFailures> kTexts = {
      "none",    "nothing_in_common", "certificate", "refused_by_peer",
      "not_tls", "peer_left",         "other"};
  return kTexts[static_cast<std::size_t>(failure)];
}

// A BIO over what lies in memory: libssl takes each record from where it was received, and appends
// what it seals to the block that is sent.
struct TlsBytes {
  static TlsSession& of(BIO* bio) { return *static_cast<TlsSession*>(::BIO_get_data(bio)); }

  static int read(BIO* bio, char* into, int size) {
    TlsSession& session = of(bio);
    BIO_clear_retry_flags(bio);
    if (session.restarts_ > kMaxRestarts) return -1;
    if (session.input_.empty()) {
      BIO_set_retry_read(bio);
      return -1;
    }
    const std::size_t count = std::min(static_cast<std::size_t>(size), session.input_.size());
    std::memcpy(into, session.input_.data(), count);
    session.input_ = session.input_.subspan(count);
    return static_cast<int>(count);
  }

  static int write(BIO* bio, const char* from, int size) {
    BIO_clear_retry_flags(bio);
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(from);
    std::vector<std::uint8_t>& out = *of(bio).out_;
    out.insert(out.end(), bytes, bytes + size);
    return size;
  }

  static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  static BIO_METHOD* make_method() {
    BIO_METHOD* method = ::BIO_meth_new(::BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "pgsaba");
    ::BIO_meth_set_read(method, &TlsBytes::read);
    ::BIO_meth_set_write(method, &TlsBytes::write);
    ::BIO_meth_set_ctrl(method, &TlsBytes::control);
    return method;
  }

  static BIO* make(TlsSession& session) {
    static BIO_METHOD* const method = make_method();
    BIO* bio = ::BIO_new(method);
    ::BIO_set_data(bio, &session);
    ::BIO_set_init(bio, 1);
    return bio;
  }

  static void note(int sent, int, int type, const void*, std::size_t, SSL*, void* session) {
    TlsSession& noted = *static_cast<TlsSession*>(session);
    if (sent == 0 && type == SSL3_RT_HANDSHAKE && noted.done_) ++noted.restarts_;
  }
};

TlsSession::TlsSession(std::shared_ptr<const TlsContext> context, SSL* session, std::string host)
    : context_(std::move(context)), session_(session), host_(std::move(host)) {
  BIO* bytes = TlsBytes::make(*this);
  ::SSL_set_bio(session, bytes, bytes);
  ::SSL_set_msg_callback(session, &TlsBytes::note);
  SSL_set_msg_callback_arg(session, this);
}

TlsSession::~TlsSession() = default;

void TlsSession::FreeSession::operator()(SSL* session) const { ::SSL_free(session); }

void TlsSession::begin(Bytes received, std::vector<std::uint8_t>* out) {
  input_ = received;
  out_ = out;
  restarts_ = 0;
}

// ---- the handshake -----------------------------------------------------------------------------

TlsSession::Handshake TlsSession::shake_hands(Bytes received, std::vector<std::uint8_t>& out) {
  begin(received, &out);
  ::ERR_clear_error();
  const int result = ::SSL_do_handshake(session_.get());
  if (result == 1) return finish_handshake();
  const int why = ::SSL_get_error(session_.get(), result);
  if (why == SSL_ERROR_WANT_READ) return Handshake::kGoesOn;
  note_failure(result);
  return Handshake::kFailed;
}

TlsSession::Handshake TlsSession::finish_handshake() {
  done_ = true;
  kept_.assign(input_.begin(), input_.end());
  input_ = {};
  if (peer_has_right_name()) return Handshake::kDone;
  failure_ = "the server's certificate is not made out to \"" + host_ + "\"";
  failure_kind_ = TlsFailure::kCertificate;
  return Handshake::kFailed;
}

// As libpq: an address may stand in the certificate as such or, in old ones, as a name.
bool TlsSession::peer_has_right_name() {
  if (context_->options().verify != TlsVerify::kChainAndName || host_.empty()) return true;
  X509* certificate = ::SSL_get0_peer_certificate(session_.get());
  if (certificate == nullptr) return false;
  return ::X509_check_ip_asc(certificate, host_.c_str(), 0) == 1 ||
         ::X509_check_host(certificate, host_.c_str(), host_.size(),
                           X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, nullptr) == 1;
}

bool TlsSession::note_failure(int result) {
  const long verdict = ::SSL_get_verify_result(session_.get());
  const bool verified = ::SSL_get_verify_mode(session_.get()) != SSL_VERIFY_NONE;
  failure_kind_ = TlsFailure::kOther;
  if (restarts_ > kMaxRestarts) {
    failure_ = "too many key updates";
  } else if (verified && verdict != X509_V_OK) {
    failure_kind_ = TlsFailure::kCertificate;
    failure_ = std::string("the peer's certificate is refused: ") +
               ::X509_verify_cert_error_string(verdict);
  } else if (::SSL_get_error(session_.get(), result) == SSL_ERROR_SSL) {
    failure_kind_ = kind_of_error();
    failure_ = tls_error_text();
  } else {
    failure_ = "the connection broke";
  }
  ::ERR_clear_error();
  return false;
}

// ---- bytes -------------------------------------------------------------------------------------

// What libssl takes of a record that is not complete stays with it: nothing is ever left over.
TlsSession::Read TlsSession::read(Bytes received, std::span<std::uint8_t> into,
                                  std::vector<std::uint8_t>& out) {
  Read read;
  if (!kept_.empty()) {
    const std::vector<std::uint8_t> kept = std::exchange(kept_, {});
    begin(kept, &out);
    open_records(into, read);
  }
  begin(received, &out);
  if (!read.ended && !read.failed) open_records(into, read);
  begin({}, nullptr);
  return read;
}

void TlsSession::open_records(std::span<std::uint8_t> into, Read& read) {
  ::ERR_clear_error();
  while (!input_.empty()) {
    std::size_t count = 0;
    const auto room = into.subspan(read.count);
    if (::SSL_read_ex(session_.get(), room.data(), room.size(), &count) == 1) {
      read.count += count;
      continue;
    }
    const int why = ::SSL_get_error(session_.get(), 0);
    if (why == SSL_ERROR_WANT_READ) continue;  // all is taken
    read.ended = why == SSL_ERROR_ZERO_RETURN;
    read.failed = !read.ended;
    if (read.failed) note_failure(0);
    return;
  }
}

void TlsSession::no_more_passwords() {
  ::SSL_clear_options(session_.get(), SSL_OP_CLEANSE_PLAINTEXT);
}

bool TlsSession::write(Bytes plain, std::vector<std::uint8_t>& out) {
  begin({}, &out);
  ::ERR_clear_error();
  std::size_t count = 0;
  const bool sealed = ::SSL_write_ex(session_.get(), plain.data(), plain.size(), &count) == 1;
  begin({}, nullptr);
  return sealed || note_failure(0);
}

void TlsSession::say_goodbye(std::vector<std::uint8_t>& out) {
  begin({}, &out);
  ::SSL_shutdown(session_.get());
  ::ERR_clear_error();
  begin({}, nullptr);
}

// ---- what is known of it -----------------------------------------------------------------------

std::string TlsSession::description() const {
  std::string text = ::SSL_get_version(session_.get());
  text += '/';
  text += SSL_get_cipher_name(session_.get());
  const int curve = static_cast<int>(SSL_get_negotiated_group(session_.get()));
  if (curve != NID_undef) text += std::string("/ECDH=") + ::OBJ_nid2sn(curve);
  return text;
}

bool TlsSession::agreed_on_protocol() const {
  const unsigned char* protocol = nullptr;
  unsigned int size = 0;
  ::SSL_get0_alpn_selected(session_.get(), &protocol, &size);
  return size > 0;  // no other one is ever chosen
}

bool TlsSession::resumed() const { return ::SSL_session_reused(session_.get()) == 1; }

bool TlsSession::peer_is_known() const {
  return ::SSL_get_verify_mode(session_.get()) != SSL_VERIFY_NONE &&
         ::SSL_get0_peer_certificate(session_.get()) != nullptr &&
         ::SSL_get_verify_result(session_.get()) == X509_V_OK;
}

std::string TlsSession::peer_common_name() const {
  X509* certificate = ::SSL_get0_peer_certificate(session_.get());
  if (certificate == nullptr) return {};
  X509_NAME* subject = ::X509_get_subject_name(certificate);
  const int at = ::X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0) return {};
  unsigned char* text = nullptr;
  const int size =
      ::ASN1_STRING_to_UTF8(&text, ::X509_NAME_ENTRY_get_data(::X509_NAME_get_entry(subject, at)));
  std::string name;
  if (size > 0) name.assign(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size));
  ::OPENSSL_free(text);
  return name.find('\0') == std::string::npos ? name : std::string();
}

std::string TlsSession::peer_distinguished_name() const {
  X509* certificate = ::SSL_get0_peer_certificate(session_.get());
  if (certificate == nullptr) return {};
  BIO* out = ::BIO_new(::BIO_s_mem());
  if (out == nullptr) return {};
  std::string name;
  char* text = nullptr;
  if (::X509_NAME_print_ex(out, ::X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) >= 0) {
    const long size = BIO_get_mem_data(out, &text);
    if (size > 0) name.assign(text, static_cast<std::size_t>(size));
  }
  ::BIO_free(out);
  return name.find('\0') == std::string::npos ? name : std::string();
}

// RFC 5929 section 4.1: the hash of the certificate's signature, SHA-256 in place of older ones.
std::string TlsSession::server_end_point() const {
  X509* certificate = host_.empty() && ::SSL_is_server(session_.get()) == 1
                          ? ::SSL_get_certificate(session_.get())
                          : ::SSL_get0_peer_certificate(session_.get());
  int algorithm = NID_undef;
  if (certificate == nullptr ||
      ::X509_get_signature_info(certificate, &algorithm, nullptr, nullptr, nullptr) != 1)
    return {};
  if (algorithm == NID_md5 || algorithm == NID_sha1) algorithm = NID_sha256;
  const EVP_MD* digest = ::EVP_get_digestbynid(algorithm);
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash;
  unsigned int size = 0;
  if (digest == nullptr || ::X509_digest(certificate, digest, hash.data(), &size) != 1) return {};
  return {reinterpret_cast<const char*>(hash.data()), size};
}

}  // namespace pgsaba::net
