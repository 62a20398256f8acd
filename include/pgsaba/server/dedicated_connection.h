// DedicatedConnection: a connection to PostgreSQL that belongs to one client alone, for
// replication. It logs in with what the client said of itself, and from then on every byte passes
// untouched in both directions until one side closes. Nothing is gathered: while one side does not
// take bytes, the other is not read.
//
//   kLogin ──ReadyForQuery──▶ kRelay ──either side closes──▶ kClosed
//
// Owned by a pool of one worker, borrowed by the client's session, never lent to anybody else.
// Source: "Streaming Replication Protocol" of the protocol chapter.
#pragma once

#include <memory>
#include <string>

#include "pgsaba/server/server_connection.h"

namespace pgsaba::server {

class DedicatedConnection;

// The client's side. Every call comes from within the server's own `step`, or from whoever
// closes it; after `dedicated_lost` the holder gives the connection back to its pool.
class DedicatedHolder {
 public:
  virtual ~DedicatedHolder() = default;
  // The login is done; what the server said of itself is in `login()`.
  virtual void dedicated_ready(DedicatedConnection& server) = 0;
  virtual void dedicated_sent(Bytes bytes) = 0;
  virtual void dedicated_lost(DedicatedConnection& server, CloseReason reason) = 0;
  // Whether the client can take more bytes now.
  virtual bool accepts_bytes() const = 0;
  // The server takes bytes again, after it was congested.
  virtual void dedicated_drained() = 0;
};

class DedicatedConnection final : public OutgoingConnection, private auth::ScramKeyWaiter {
 public:
  enum class State : std::uint8_t { kLogin, kRelay, kClosed };

  // `target` carries the client's own startup parameters.
  DedicatedConnection(net::Turn& turn, DedicatedHolder& holder,
                      std::shared_ptr<const ServerTarget> target, auth::ScramKeyDesk& keys,
                      std::uint64_t id);

  // Connects and logs in; the holder hears of the outcome.
  Status open_connection(const net::Address& address, const net::SocketOptions& options);
  // Ends the connection and tells the holder, once.
  void lose(CloseReason reason);
  // Ends the connection; nobody is told. What the client has sent goes out first.
  void shut();

  State state() const { return state_; }
  std::uint64_t id() const { return id_; }
  const ServerTarget& target() const { return *target_; }
  // Which of the target's addresses it is connected to.
  const net::Address& address() const { return address_; }
  const ServerLogin& login() const { return login_; }
  const DedicatedHolder& holder() const { return holder_; }
  Micros opened_at() const { return opened_at_; }
  // The server's own word if it refused the login, as a whole frame; else empty.
  const std::string& refusal() const { return refusal_; }

  void step() override;
  void drained() override;

 private:
  void agreed() override;
  void not_agreed() override;
  void step_login(Bytes input, std::size_t& used);
  ServerLogin::Outcome ask_for_keys(std::string& out);
  void keys_derived(const auth::ScramKeys& keys) override;

  DedicatedHolder& holder_;
  std::shared_ptr<const ServerTarget> target_;
  net::Address address_;
  auth::ScramKeyDesk& keys_;
  ServerLogin login_;
  bool refused_over_tls_ = false;  // the login; it may do without
  std::uint64_t id_;
  State state_ = State::kLogin;
  wire::FrameReader reader_{wire::Direction::kFromServer};
  std::string refusal_;
  Micros opened_at_ = 0;
};

}  // namespace pgsaba::server
