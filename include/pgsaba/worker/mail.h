// Mail: the complete list of what threads say to a worker, and ControlLink: what a worker says to
// the control thread. Values that own what they carry.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "pgsaba/auth/inquiry.h"
#include "pgsaba/auth/password_check.h"
#include "pgsaba/auth/scram_keys.h"
#include "pgsaba/net/handshake_desk.h"
#include "pgsaba/net/mailbox.h"
#include "pgsaba/pool/pool.h"
#include "pgsaba/routing/commit_fate.h"
#include "pgsaba/server/server_connection.h"
#include "pgsaba/stats/snapshot.h"
#include "pgsaba/wire/cancel_key.h"
#include "pgsaba/worker/picture.h"

namespace pgsaba::worker {

// --- from the control thread ---
struct NewPicture {
  std::shared_ptr<const Picture> picture;
};
struct StandbyProgress {};  // a standby shows more than before: reads that wait may go on
struct SnapshotRequest {
  stats::Detail detail = stats::Detail::kSums;
  std::function<void(stats::WorkerSnapshot)> answer;  // called on the worker's thread
};
// What a server said of a user that no file lists.
struct SecretFound {
  std::uint32_t client = 0;
  std::string secret;  // as in a user list; empty: there is no such user, or none with a password
  std::string error;   // not empty: nobody could be asked
};
// What has become of the COMMIT that a client waits for.
struct FateKnown {
  std::uint32_t client = 0;
  std::uint64_t xid = 0;
  routing::Fate fate = routing::Fate::kUnknown;
};
struct ConsoleOutput {
  std::uint32_t client = 0;
  std::string bytes;
  bool last = false;
};
struct Reconnect {
  std::string database;  // empty: all
};
struct Kill {
  std::string database;      // empty: all
  std::uint32_t client = 0;  // or this one client
};
// What a shutdown waits for, the longest wait first. No mode lets new clients in.
enum class ShutdownMode : std::uint8_t {
  kWaitForClients,  // until they leave by themselves
  kWaitForTransactions,
  kAtOnce,
};
struct Shutdown {
  ShutdownMode mode = ShutdownMode::kWaitForTransactions;
};

// Another process takes over: nobody is let in any more, and clients at rest go there.
struct MoveOut {
  bool begins = true;                       // false: it is gone, and all is as before
  std::vector<net::Socket> listeners = {};  // then: where clients come to
};
// Of a client that leaves (ControlLink::client_leaves): whether the other process has it.
struct DepartureAnswered {
  std::uint32_t client = 0;
  bool taken = false;
};
// A client of another process, under the number that it has there; the worker closes the socket.
// Its answer is ControlLink::client_arrived.
struct ClientArrives {
  std::uint32_t number = 0;
  std::string session;
  net::Socket socket = net::kNoSocket;
};
// The other process has let go of it, or keeps it.
struct ArrivalDecided {
  std::uint32_t number = 0;
  bool stays = false;
  bool unheard = false;  // the other process is gone: what it has not told may be missed
};
// What workers of another process know that logins alone can bring back.
struct Heirloom {
  std::string bytes;
};

// --- from the thread that derives keys ---
struct KeysDerived {
  std::uint64_t order = 0;
  auth::ScramKeys keys;
};

// --- from the threads that ask the system ---
struct InquiryAnswered {
  std::uint32_t client = 0;
  std::string answer;
};

// --- from the threads that have passwords judged ---
struct PasswordJudged {
  std::uint32_t client = 0;
  bool accepted = false;
};

// --- from the threads that compute TLS handshakes ---
struct HandshakeComputed {
  net::HandshakeStep step;
};

// --- from other workers ---
struct NewClient {
  net::Socket socket = net::kNoSocket;
};
struct CancelOrder {
  wire::CancelKey key;
  bool forwarded = false;    // from another process: it is asked no further
  std::uint32_t client = 0;  // whose it may be, if the key does not tell
};
struct ListenOrder {  // SessionHost::listen, to the worker that listens
  std::string database;
  std::string user;
  std::uint32_t client = 0;
  std::uint32_t ticket = 0;
  std::optional<std::vector<std::string>> channels;
  std::string mark = {};  // SessionHost::mark_notifications
};
struct ListenAnswer {
  std::uint32_t client = 0;
  std::uint32_t ticket = 0;
  bool in_force = false;
};
struct Notification {
  std::vector<std::uint32_t> clients;
  std::string frame;
};
struct ListenGap {
  std::uint32_t client = 0;
};
struct WantServer {
  pool::PoolKey key;
};
struct EvictIdle {
  pool::PoolKey key;  // of the pool that is short
  pool::SlotRefusal refusal = pool::SlotRefusal::kNone;
};
struct LeaveDatabases {};  // SessionHost::leave_databases
struct ServerArrives {
  pool::PoolKey key;
  std::unique_ptr<server::ServerConnection> server;
  net::Socket socket = net::kNoSocket;
};

using Mail = std::variant<NewPicture, SecretFound, StandbyProgress, SnapshotRequest, FateKnown,
                          ConsoleOutput, Reconnect, Kill, Shutdown, MoveOut, DepartureAnswered,
                          ClientArrives, ArrivalDecided, Heirloom, KeysDerived, InquiryAnswered,
                          PasswordJudged, HandshakeComputed, NewClient, CancelOrder, ListenOrder,
                          ListenAnswer, Notification, ListenGap, WantServer, EvictIdle,
                          LeaveDatabases, ServerArrives>;
using Mailbox = net::Mailbox<Mail>;

struct FateWanted {
  std::size_t worker = 0;
  std::uint32_t client = 0;
  std::string cluster;
  std::uint64_t cluster_number = 0;
  std::uint32_t server = 0;  // where the COMMIT was under way
  routing::CommitMark mark;
};

struct LeavingClient {
  std::size_t worker = 0;
  std::uint32_t client = 0;
  std::string session;
  net::Socket socket = net::kNoSocket;  // a copy, the receiver's
};
struct ArrivedClient {
  std::uint32_t number = 0;  // of ClientArrives
  bool well = false;
  std::uint32_t client = 0;   // its number here
  std::uint32_t key_pid = 0;  // in the key that it has
};

// Implemented by the control thread; every call may come from any worker's thread.
class ControlLink {
 public:
  virtual ~ControlLink() = default;
  virtual void console_opened(std::size_t worker, std::uint32_t client, std::string user,
                              bool admin) = 0;
  virtual void console_frame(std::size_t worker, std::uint32_t client, std::string frame) = 0;
  // A cancel request came for the console.
  virtual void console_canceled(std::size_t worker, std::uint32_t client) = 0;
  virtual void console_closed(std::size_t worker, std::uint32_t client) = 0;
  // Reads wait for a standby of the cluster: where it stands has to be looked at.
  virtual void positions_wanted(const std::string& cluster) = 0;
  // What a database has of its own has to be read anew.
  virtual void catalogue_wanted(const routing::DatabaseName& database) = 0;
  // Connections to a server of the cluster broke: roles may change.
  virtual void roles_doubted(const std::string& cluster) = 0;
  // The secret of a user that no file lists is wanted; the answer is SecretFound.
  virtual void secret_wanted(std::size_t worker, std::uint32_t client, std::string database,
                             std::string user) = 0;
  // A login failed with it: it may have been changed.
  virtual void secret_doubted(std::string database, std::string user) = 0;
  // What has become of a COMMIT is to be asked for; the answer is FateKnown.
  virtual void fate_wanted(FateWanted wanted) = 0;
  // Of MoveOut: to be taken over by the other process; the answer is DepartureAnswered.
  virtual void client_leaves(LeavingClient client) = 0;
  // What was taken over is not here any more, or still is: it has ended, or is kept.
  virtual void client_left(std::uint32_t client, bool left) = 0;
  virtual void client_arrived(ArrivedClient client) = 0;
  virtual void heirloom(std::string bytes) = 0;
  // Nobody of this worker has the key.
  virtual void cancel_astray(wire::CancelKey key) = 0;
  // The worker has nobody left that its shutdown waits for.
  virtual void worker_drained(std::size_t worker) = 0;
};

// Derives keys away from the threads that serve queries; every call may come from any worker's
// thread, the answer is KeysDerived.
class KeyMaker {
 public:
  virtual ~KeyMaker() = default;
  virtual void order_keys(std::size_t worker, std::uint64_t order,
                          const auth::ScramKeyRequest& request) = 0;
};

// Asks the system what a login has to know, away from the threads that serve queries; every call
// may come from any worker's thread, the answer is InquiryAnswered.
class Inquirer {
 public:
  virtual ~Inquirer() = default;
  virtual void inquire(std::size_t worker, std::uint32_t client, const auth::Inquiry& inquiry) = 0;
};

// Has passwords judged away from the threads that serve queries; every call may come from any
// worker's thread, the answer is PasswordJudged, unless nobody holds `wanted` any more.
class PasswordJudge {
 public:
  virtual ~PasswordJudge() = default;
  virtual void check_password(std::size_t worker, std::uint32_t client, auth::PasswordCheck check,
                              std::weak_ptr<const bool> wanted) = 0;
};

// Computes steps of TLS handshakes away from the threads that serve queries; every call may come
// from any worker's thread, the answer is HandshakeComputed.
class HandshakeMaker {
 public:
  virtual ~HandshakeMaker() = default;
  virtual void order_handshake(std::size_t worker, net::HandshakeStep step) = 0;
};

}  // namespace pgsaba::worker
