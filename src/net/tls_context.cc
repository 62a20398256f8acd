#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>

#include "net/ticket_keys.h"
#include "net/tls_bytes.h"
#include "pgsaba/base/clock.h"
#include "pgsaba/net/tls.h"

namespace pgsaba::net {
namespace {

constexpr long kMaxChainBytes = 65'536;  // of a peer's certificates

struct Free {
  void operator()(BIO* bio) const { ::BIO_free(bio); }
  void operator()(X509* certificate) const { ::X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { ::EVP_PKEY_free(key); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

Owned<BIO> reader_of(const std::string& text) {
  return Owned<BIO>(::BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// Nobody is there who could be asked for a passphrase.
int no_passphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

// The certificates of a PEM file, in its order.
Result<std::vector<Owned<X509>>> read_certificates(const std::string& pem,
                                                   const std::string& name) {
  ::ERR_clear_error();
  const Owned<BIO> reader = reader_of(pem);
  std::vector<Owned<X509>> found;
  while (X509* one = ::PEM_read_bio_X509(reader.get(), nullptr, nullptr, nullptr))
    found.emplace_back(one);
  const bool at_end = ERR_GET_REASON(::ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (found.empty() && at_end)
    return Error{"there is no certificate in \"" + name + "\"",
                 "The file has to be in PEM form: -----BEGIN CERTIFICATE-----"};
  if (!at_end)
    return Error{"cannot read the certificates in \"" + name + "\": " + tls_error_text()};
  ::ERR_clear_error();
  return found;
}

Result<Owned<EVP_PKEY>> read_key(const TlsIdentity& identity) {
  ::ERR_clear_error();
  const Owned<BIO> reader = reader_of(identity.key_pem);
  bool asked = false;
  Owned<EVP_PKEY> key(::PEM_read_bio_PrivateKey(reader.get(), nullptr, no_passphrase, &asked));
  if (key) return key;
  if (asked)
    return Error{"the key of \"" + identity.name + "\" is protected by a passphrase",
                 "pgsaba cannot ask for one: store the key without it (openssl pkey -in FILE), "
                 "readable by its user alone."};
  return Error{"cannot read the key of \"" + identity.name + "\": " + tls_error_text()};
}

Status use_identity(SSL_CTX* context, const TlsIdentity& identity) {
  auto chain = read_certificates(identity.chain_pem, identity.name);
  if (!chain) return chain.error();
  const auto key = read_key(identity);
  if (!key) return key.error();
  if (::SSL_CTX_use_certificate(context, chain->front().get()) != 1)
    return Error{"cannot use the certificate in \"" + identity.name + "\": " + tls_error_text()};
  for (std::size_t i = 1; i < chain->size(); ++i)
    SSL_CTX_add1_chain_cert(context, (*chain)[i].get());
  if (::SSL_CTX_use_PrivateKey(context, key->get()) != 1 ||
      ::SSL_CTX_check_private_key(context) != 1)
    return Error{"the key does not belong to the certificate in \"" + identity.name +
                 "\": " + tls_error_text()};
  return done();
}

Status trust(SSL_CTX* context, const TlsOptions& options) {
  auto known = read_certificates(options.ca_pem, options.ca_name);
  if (!known) return known.error();
  X509_STORE* store = ::SSL_CTX_get_cert_store(context);
  for (const Owned<X509>& one : *known) {
    if (::X509_STORE_add_cert(store, one.get()) != 1)
      return Error{"cannot use \"" + options.ca_name + "\": " + tls_error_text()};
    ::SSL_CTX_add_client_CA(context, one.get());  // so that a client can choose what it shows
  }
  return done();
}

// As PostgreSQL does: every certificate of a chain is looked up, so every signer needs its list.
Status revoke(SSL_CTX* context, const TlsOptions& options) {
  if (options.crl_name.empty()) return done();
  X509_STORE* store = ::SSL_CTX_get_cert_store(context);
  ::ERR_clear_error();
  const Owned<BIO> reader = reader_of(options.crl_pem);
  int count = 0;
  while (X509_CRL* one = ::PEM_read_bio_X509_CRL(reader.get(), nullptr, nullptr, nullptr)) {
    const int added = ::X509_STORE_add_crl(store, one);
    ::X509_CRL_free(one);
    if (added != 1) return Error{"cannot use \"" + options.crl_name + "\": " + tls_error_text()};
    ++count;
  }
  if (ERR_GET_REASON(::ERR_peek_last_error()) != PEM_R_NO_START_LINE || count == 0)
    return Error{"cannot read the lists of revoked certificates in \"" + options.crl_name + "\"",
                 "They have to be in PEM form: -----BEGIN X509 CRL-----"};
  ::ERR_clear_error();
  ::X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  return done();
}

int verify_mode(TlsContext::Side side, TlsVerify verify) {
  if (verify == TlsVerify::kNothing) return SSL_VERIFY_NONE;
  if (side == TlsContext::Side::kToServers) return SSL_VERIFY_PEER;
  const int once = SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE;
  return verify == TlsVerify::kIfGiven ? once : once | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
}

int number_of(TlsVersion version) {
  return version == TlsVersion::k12 ? TLS1_2_VERSION : TLS1_3_VERSION;
}

Status set_algorithms(SSL_CTX* context, const TlsOptions& options) {
  const auto bad = [](std::string_view what, const std::string& value) {
    return Error{std::string(what) + ": OpenSSL knows nothing in \"" + value + "\""};
  };
  if (!options.ciphers.empty() && ::SSL_CTX_set_cipher_list(context, options.ciphers.c_str()) != 1)
    return bad("ciphers", options.ciphers);
  if (!options.ciphersuites.empty() &&
      ::SSL_CTX_set_ciphersuites(context, options.ciphersuites.c_str()) != 1)
    return bad("ciphersuites", options.ciphersuites);
  if (!options.curves.empty() && SSL_CTX_set1_groups_list(context, options.curves.c_str()) != 1)
    return bad("curves", options.curves);
  if (options.minimum > options.maximum)
    return Error{"the lowest TLS version is higher than the highest one"};
  SSL_CTX_set_min_proto_version(context, number_of(options.minimum));
  SSL_CTX_set_max_proto_version(context, number_of(options.maximum));
  return done();
}

bool is_address(const std::string& host) {
  ASN1_OCTET_STRING* address = ::a2i_IPADDRESS(host.c_str());
  ::ASN1_OCTET_STRING_free(address);
  return address != nullptr;
}

}  // namespace

std::string tls_error_text() {
  const unsigned long code = ::ERR_peek_last_error();
  const char* reason = ::ERR_reason_error_string(code);
  std::string text = reason != nullptr ? reason : "error " + std::to_string(code);
  if (ERR_SYSTEM_ERROR(code)) text = "system error";
  ::ERR_clear_error();
  return text;
}

void TlsContext::FreeContext::operator()(SSL_CTX* context) const { ::SSL_CTX_free(context); }

TlsContext::TlsContext(Side side, TlsOptions options)
    : side_(side),
      options_(std::move(options)),
      protocol_list_(static_cast<char>(options_.protocol.size()) + options_.protocol),
      tickets_(std::make_unique<TicketKeys>()) {}

TlsContext::~TlsContext() = default;

// RFC 7301: a client that offers protocols, but not ours, is refused.
int TlsContext::choose_protocol(SSL*, const unsigned char** out, unsigned char* size,
                                const unsigned char* in, unsigned int in_size, void* context) {
  const Bytes ours = bytes_of(static_cast<const TlsContext*>(context)->protocol_list_);
  unsigned char* chosen = nullptr;
  if (::SSL_select_next_proto(&chosen, size, ours.data(), static_cast<unsigned int>(ours.size()),
                              in, in_size) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

void TlsContext::serve_clients(SSL_CTX* context) const {
  ::SSL_CTX_set_alpn_select_cb(context, &TlsContext::choose_protocol,
                               const_cast<TlsContext*>(this));  // NOLINT: it is only read
  SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  // Sessions are resumed by tickets alone: nothing is kept for a client that has left.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  ::SSL_CTX_set_num_tickets(context, 1);
  const Bytes id = bytes_of(options_.protocol);
  ::SSL_CTX_set_session_id_context(context, id.data(), static_cast<unsigned int>(id.size()));
}

// 1: sealed or opened with this key. 2: opened, but the client is to have a ticket of the newest
// key. 0: the key is unknown, so that there is a whole handshake.
int TlsContext::use_ticket_key(SSL* session, unsigned char* name, unsigned char* iv,
                               EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int sealing) {
  auto& keys = *static_cast<TicketKeys*>(SSL_CTX_get_app_data(::SSL_get_SSL_CTX(session)));
  TicketKey key;
  bool newest = true;
  if (sealing != 0) {
    if (!keys.current(monotonic_now(), key)) return -1;
    std::copy(key.name.begin(), key.name.end(), name);
    if (::RAND_bytes(iv, EVP_MAX_IV_LENGTH) != 1) return -1;
  } else if (!keys.find({name, key.name.size()}, monotonic_now(), key, newest)) {
    return 0;
  }
  char digest[] = "SHA256";
  const OSSL_PARAM with[] = {
      ::OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac.data(), key.mac.size()),
      ::OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      ::OSSL_PARAM_construct_end()};
  if (::EVP_MAC_CTX_set_params(mac, with) != 1 ||
      ::EVP_CipherInit_ex(cipher, ::EVP_aes_256_cbc(), nullptr, key.cipher.data(), iv, sealing) !=
          1)
    return -1;
  return newest ? 1 : 2;
}

Result<std::shared_ptr<const TlsContext>> TlsContext::make(Side side, TlsOptions options) {
  std::shared_ptr<TlsContext> made(new TlsContext(side, std::move(options)));
  std::vector<const TlsIdentity*> identities;
  for (const TlsIdentity& identity : made->options_.identities) identities.push_back(&identity);
  if (identities.empty()) identities.push_back(nullptr);
  for (const TlsIdentity* identity : identities) {
    auto built = made->build(identity);
    if (!built) return built.error();
    made->contexts_.push_back(std::move(*built));
  }
  if (made->contexts_.size() > 1) {
    SSL_CTX* first = made->contexts_.front().get();
    SSL_CTX_set_tlsext_servername_callback(first, &TlsContext::choose_identity);
    SSL_CTX_set_tlsext_servername_arg(first, made.get());
  }
  return std::shared_ptr<const TlsContext>(std::move(made));
}

Result<TlsContext::Handle> TlsContext::build(const TlsIdentity* identity) const {
  ::ERR_clear_error();
  const bool to_clients = side_ == Side::kToClients;
  Handle context(::SSL_CTX_new(to_clients ? ::TLS_server_method() : ::TLS_client_method()));
  if (!context) return Error{"cannot use TLS: " + tls_error_text()};
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_max_cert_list(context.get(), kMaxChainBytes);
  SSL_CTX_set_verify(context.get(), verify_mode(side_, options_.verify), nullptr);
  if (Status set = set_algorithms(context.get(), options_); !set.ok()) return set.error();
  if (identity != nullptr)
    if (Status used = use_identity(context.get(), *identity); !used.ok()) return used.error();
  if (options_.verify != TlsVerify::kNothing)
    if (Status trusted = trust(context.get(), options_); !trusted.ok()) return trusted.error();
  if (options_.verify != TlsVerify::kNothing)
    if (Status revoked = revoke(context.get(), options_); !revoked.ok()) return revoked.error();
  if (to_clients) {
    serve_clients(context.get());
    SSL_CTX_set_app_data(context.get(), tickets_.get());
    ::SSL_CTX_set_tlsext_ticket_key_evp_cb(context.get(), &TlsContext::use_ticket_key);
  } else {
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
    const Bytes ours = bytes_of(protocol_list_);
    ::SSL_CTX_set_alpn_protos(context.get(), ours.data(), static_cast<unsigned int>(ours.size()));
  }
  return context;
}

// The certificate that is made out to the name the client has asked for (SNI), or the first one.
int TlsContext::choose_identity(SSL* session, int*, void* context) {
  const auto& own = *static_cast<const TlsContext*>(context);
  const char* name = ::SSL_get_servername(session, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
  for (const Handle& candidate : own.contexts_) {
    X509* certificate = ::SSL_CTX_get0_certificate(candidate.get());
    if (::X509_check_host(certificate, name, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, nullptr) != 1)
      continue;
    ::SSL_set_SSL_CTX(session, candidate.get());
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_NOACK;
}

std::unique_ptr<TlsSession> TlsContext::accept() const {
  SSL* session = ::SSL_new(contexts_.front().get());
  ::SSL_set_accept_state(session);
  ::SSL_set_options(session, SSL_OP_CLEANSE_PLAINTEXT);
  return std::unique_ptr<TlsSession>(new TlsSession(shared_from_this(), session, {}));
}

std::unique_ptr<TlsSession> TlsContext::connect(const std::string& host) const {
  SSL* session = ::SSL_new(contexts_.front().get());
  ::SSL_set_connect_state(session);
  if (!host.empty() && !is_address(host)) SSL_set_tlsext_host_name(session, host.c_str());
  return std::unique_ptr<TlsSession>(new TlsSession(shared_from_this(), session, host));
}

}  // namespace pgsaba::net
