// TLS for one client of the load generator: asks for it, shakes hands, then reads and writes. Reads
// ahead, so that the generator itself costs few system calls. Sockets are non-blocking.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>

namespace bench {

// What all clients share: no certificate is verified; with `resume`, the last session is used
// again.
class TlsSetup {
 public:
  explicit TlsSetup(bool resume);
  TlsSetup(const TlsSetup&) = delete;
  TlsSetup& operator=(const TlsSetup&) = delete;
  TlsSetup(TlsSetup&&) = delete;
  TlsSetup& operator=(TlsSetup&&) = delete;
  ~TlsSetup();

  [[nodiscard]] SSL* new_session(int fd) const;

 private:
  static int keep(SSL* session, SSL_SESSION* ticket);

  SSL_CTX* context_;
  bool resume_;
  SSL_SESSION* ticket_ = nullptr;
};

class TlsClient {
 public:
  TlsClient(const TlsSetup& setup, int fd) : setup_(setup), fd_(fd) {}

  // After each event, until it is open. False: the connection is lost.
  bool advance();
  [[nodiscard]] bool open() const { return phase_ == Phase::kOpen; }

  // As receive and transmit in sockets.h.
  long receive(char* into, unsigned long size);
  long transmit(const char* from, unsigned long size);

 private:
  enum class Phase : std::uint8_t { kBegin, kAsked, kShaking, kOpen };
  // Without its goodbye, libssl would think that the session was cut, and not resume it.
  struct Free {
    void operator()(SSL* session) const {
      ::SSL_set_shutdown(session, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
      ::SSL_free(session);
    }
  };

  [[nodiscard]] long waiting_or_gone(int result) const;

  const TlsSetup& setup_;
  int fd_;
  Phase phase_ = Phase::kBegin;
  std::unique_ptr<SSL, Free> session_;
};

}  // namespace bench
