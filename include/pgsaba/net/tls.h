// TLS without sockets: TlsContext is what all connections of one kind share (certificates, whom to
// trust, versions, ciphers, the key of session tickets); TlsSession is one connection's half of the
// exchange, bytes in, bytes out. The only place that knows libssl.
//
// TlsContext: immutable, made at start and reload by the control thread; any thread opens sessions.
// TlsSession: used by one thread at a time; while hands are shaken it may wander to another thread
// (HandshakeDesk). An idle one costs some 10 KB: its record buffers are given back when empty.
// Sources: RFC 8446, 5246, 5929 (tls-server-end-point); PostgreSQL's be-secure-openssl.c and
// fe-secure-openssl.c for what is allowed, refused and checked.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "pgsaba/base/bytes.h"
#include "pgsaba/base/result.h"

struct ssl_st;      // OpenSSL's SSL
struct ssl_ctx_st;  // OpenSSL's SSL_CTX
struct evp_cipher_ctx_st;
struct evp_mac_ctx_st;

namespace pgsaba::net {

// Certificate with the chain behind it, and its key, both as the text of PEM files. `name` is what
// messages call it: the path of the certificate's file.
struct TlsIdentity {
  std::string name = {};
  std::string chain_pem = {};
  std::string key_pem = {};

  bool operator==(const TlsIdentity&) const = default;
};

enum class TlsVersion : std::uint8_t { k12, k13 };

// What is asked of the other side's certificate.
enum class TlsVerify : std::uint8_t {
  kNothing,
  kIfGiven,      // of clients: none need be shown, but a bad one is refused
  kChain,        // signed by one of ours
  kChainAndName  // and made out to the host that was meant
};

struct TlsOptions {
  std::vector<TlsIdentity> identities = {};  // to clients: the first one serves unknown names
  std::string ca_name = {};                  // what messages call the certificates in ca_pem
  std::string ca_pem = {};
  std::string crl_name = {};  // the lists of revoked certificates, if there are any
  std::string crl_pem = {};
  TlsVerify verify = TlsVerify::kNothing;
  TlsVersion minimum = TlsVersion::k12;
  TlsVersion maximum = TlsVersion::k13;
  std::string ciphers = {};             // of TLS 1.2, in OpenSSL's words
  std::string ciphersuites = {};        // of TLS 1.3
  std::string curves = {};              // "X25519:P-256"
  std::string protocol = "postgresql";  // what is spoken inside (ALPN), as registered with IANA

  bool operator==(const TlsOptions&) const = default;
};

// Why hands could not be shaken.
enum class TlsFailure : std::uint8_t {
  kNone,
  kNothingInCommon,  // no version, cipher, curve or protocol that both sides have
  kCertificate,      // the peer's is missing, or not good
  kRefusedByPeer,    // it has said so, by an alert: of our certificate, for one
  kNotTls,
  kPeerLeft,
  kOther,
};
inline constexpr std::size_t kTlsFailures = 7;
std::string_view text_of(TlsFailure failure);  // "not_tls"

class TicketKeys;
class TlsSession;

class TlsContext : public std::enable_shared_from_this<TlsContext> {
 public:
  enum class Side : std::uint8_t { kToClients, kToServers };

  // The error says which file or setting is at fault.
  static Result<std::shared_ptr<const TlsContext>> make(Side side, TlsOptions options);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // For a connection that a client opened.
  std::unique_ptr<TlsSession> accept() const;
  // For one to `host`, a name or an address, which is told to the server and, if that is asked for,
  // has to stand in its certificate.
  std::unique_ptr<TlsSession> connect(const std::string& host) const;

  const TlsOptions& options() const { return options_; }

 private:
  struct FreeContext {
    void operator()(ssl_ctx_st* context) const;
  };
  using Handle = std::unique_ptr<ssl_ctx_st, FreeContext>;

  TlsContext(Side side, TlsOptions options);
  Result<Handle> build(const TlsIdentity* identity) const;
  static int use_ticket_key(ssl_st* session, unsigned char* name, unsigned char* iv,
                            evp_cipher_ctx_st* cipher, evp_mac_ctx_st* mac, int sealing);
  static int choose_identity(ssl_st* session, int* alert, void* context);
  static int choose_protocol(ssl_st* session, const unsigned char** out, unsigned char* size,
                             const unsigned char* in, unsigned int in_size, void* context);
  void serve_clients(ssl_ctx_st* context) const;

  Side side_;
  TlsOptions options_;
  std::string protocol_list_;     // as RFC 7301 writes it
  std::vector<Handle> contexts_;  // one an identity; at least one
  const std::unique_ptr<TicketKeys> tickets_;
};

class TlsSession {
 public:
  enum class Handshake : std::uint8_t { kGoesOn, kDone, kFailed };
  struct Read {
    std::size_t count = 0;  // bytes written to `into`
    bool ended = false;     // the peer has said goodbye
    bool failed = false;    // `failure` says why
  };

  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  // One step: takes what the peer has sent, appends what it is to be sent. Costs up to some
  // milliseconds. What came behind the handshake is kept for `read`.
  Handshake shake_hands(Bytes received, std::vector<std::uint8_t>& out);

  // --- once hands are shaken ---
  // Opens all of what is kept and of `received`: `into` needs room for both, which it has if it is
  // kKeptBytes larger than `received`. What has to be answered is appended to `out`.
  static constexpr std::size_t kKeptBytes = 40'000;
  Read read(Bytes received, std::span<std::uint8_t> into, std::vector<std::uint8_t>& out);
  bool keeps_bytes() const { return !kept_.empty(); }
  // At the server's side libssl wipes its copy of what it has opened, which may be a password,
  // until this is said.
  void no_more_passwords();
  // Seals `plain` in records of up to 16 KiB. False: the session is unusable.
  bool write(Bytes plain, std::vector<std::uint8_t>& out);
  // Tells the peer that no more comes.
  void say_goodbye(std::vector<std::uint8_t>& out);

  // Why it failed, in words for a log.
  const std::string& failure() const { return failure_; }
  TlsFailure failure_kind() const { return failure_kind_; }
  // "TLSv1.3/TLS_AES_256_GCM_SHA384/ECDH=X25519", as PgBouncer writes it.
  std::string description() const;
  // The peer asked for the protocol of the context's options (ALPN), or agreed to it.
  bool agreed_on_protocol() const;
  bool resumed() const;
  // The peer has shown a certificate, which was found good.
  bool peer_is_known() const;
  // The common name in it; empty if there is none, or one with a zero byte.
  std::string peer_common_name() const;
  // The whole name, as RFC 2253 writes it (CN=alice,O=Example); empty as above.
  std::string peer_distinguished_name() const;
  // The hash of the server's certificate, ours or the peer's, for tls-server-end-point; empty if
  // there is none.
  std::string server_end_point() const;

 private:
  friend class TlsContext;
  friend struct TlsBytes;  // libssl's way to the bytes, in tls_session.cc
  struct FreeSession {
    void operator()(ssl_st* session) const;
  };

  TlsSession(std::shared_ptr<const TlsContext> context, ssl_st* session, std::string host);
  void begin(Bytes received, std::vector<std::uint8_t>* out);
  Handshake finish_handshake();
  bool peer_has_right_name();
  void open_records(std::span<std::uint8_t> into, Read& read);
  bool note_failure(int result);

  std::shared_ptr<const TlsContext> context_;
  std::unique_ptr<ssl_st, FreeSession> session_;
  std::string host_;                          // the server meant; empty at the server's side
  Bytes input_;                               // what libssl has not yet taken, during a call
  std::vector<std::uint8_t>* out_ = nullptr;  // where it writes to, during a call
  std::vector<std::uint8_t> kept_;            // came behind the handshake
  std::string failure_;
  TlsFailure failure_kind_ = TlsFailure::kNone;
  std::uint32_t restarts_ = 0;  // messages of the handshake's kind behind it, in one call
  bool done_ = false;
};

}  // namespace pgsaba::net
