#include "tls_client.h"

#include <openssl/err.h>

#include <string>

#include "message.h"
#include "sockets.h"

namespace bench {

TlsSetup::TlsSetup(bool resume) : context_(::SSL_CTX_new(::TLS_client_method())), resume_(resume) {
  if (context_ == nullptr) refuse("no TLS");
  SSL_CTX_set_read_ahead(context_, 1);
  SSL_CTX_set_mode(context_, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                 SSL_MODE_ENABLE_PARTIAL_WRITE);
  if (!resume_) return;
  SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_set_app_data(context_, this);
  ::SSL_CTX_sess_set_new_cb(context_, &TlsSetup::keep);
}

TlsSetup::~TlsSetup() {
  ::SSL_SESSION_free(ticket_);
  ::SSL_CTX_free(context_);
}

int TlsSetup::keep(SSL* session, SSL_SESSION* ticket) {
  auto& setup = *static_cast<TlsSetup*>(SSL_CTX_get_app_data(::SSL_get_SSL_CTX(session)));
  ::SSL_SESSION_free(setup.ticket_);
  setup.ticket_ = ticket;
  return 1;  // it is ours now
}

SSL* TlsSetup::new_session(int fd) const {
  SSL* session = ::SSL_new(context_);
  ::SSL_set_fd(session, fd);
  ::SSL_set_connect_state(session);
  if (ticket_ != nullptr) ::SSL_set_session(session, ticket_);
  return session;
}

bool TlsClient::advance() {
  if (phase_ == Phase::kBegin) {
    std::string request;
    Message(request).int32(kSslRequest);
    const long sent = bench::transmit(fd_, request.data(), request.size());
    if (sent <= 0) return sent < 0;  // not connected yet, or gone
    phase_ = Phase::kAsked;
  }
  if (phase_ == Phase::kAsked) {
    char answer = 0;
    const long size = bench::receive(fd_, &answer, 1);
    if (size <= 0) return size < 0;
    if (answer != 'S') refuse("the server has no TLS");
    session_.reset(setup_.new_session(fd_));
    phase_ = Phase::kShaking;
  }
  if (phase_ == Phase::kShaking) {
    ::ERR_clear_error();
    const int result = ::SSL_do_handshake(session_.get());
    if (result != 1) return waiting_or_gone(result) < 0;
    phase_ = Phase::kOpen;
  }
  return true;
}

long TlsClient::waiting_or_gone(int result) const {
  const int why = ::SSL_get_error(session_.get(), result);
  return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? -1 : 0;
}

long TlsClient::receive(char* into, unsigned long size) {
  unsigned long total = 0;
  ::ERR_clear_error();
  while (total < size) {  // until nothing is left: the events are edge-triggered
    std::size_t count = 0;
    const int result = ::SSL_read_ex(session_.get(), into + total, size - total, &count);
    if (result != 1) return total > 0 ? static_cast<long>(total) : waiting_or_gone(result);
    total += count;
  }
  return static_cast<long>(total);
}

long TlsClient::transmit(const char* from, unsigned long size) {
  std::size_t count = 0;
  ::ERR_clear_error();
  const int result = ::SSL_write_ex(session_.get(), from, size, &count);
  return result == 1 ? static_cast<long>(count) : waiting_or_gone(result);
}

}  // namespace bench
