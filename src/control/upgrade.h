// Upgrade: one process taking over from another, without a client noticing. Every process has one;
// it is the first process of an upgrade to come, and, if it was started by one, the second of that
// which is under way.
//
// The first starts the second, passes its listening sockets on, and hears that it could serve; only
// then it lets nobody in any more, and gives away its clients as they come to rest. What cannot
// move stays until it ends, or `timeouts.upgrade` does. If the second process cannot serve, or ends
// without having been told to, the first goes on as if nothing had been.
//
// While both serve, neither reads on standbys of its own accord: it does not know what the other's
// clients have written and defined. Control thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "control/daemon_controls.h"
#include "control/listeners.h"
#include "control/service_manager.h"
#include "control/takeover_channel.h"
#include "pgsaba/net/control_loop.h"
#include "pgsaba/worker/process.h"

namespace pgsaba::control {

class Upgrade {
 public:
  struct Place {
    net::ControlLoop& loop;
    DaemonControls& controls;
    Listeners& listeners;
    ServiceManager& manager;
    worker::Process& process;
  };
  // What the daemon does when it is time.
  struct Deeds {
    std::function<void()> serve;         // clients may come
    std::function<void(bool)> http;      // the port is ours, or no more
    std::function<void()> give_up;       // there is nobody to take over from
    std::function<void()> looked_again;  // `handed_over` may have changed
    std::function<void()> count_again;   // clients have come since workers said that all had left
  };
  using Done = std::function<void(admin::AdminReply)>;

  Upgrade(Place place, Deeds deeds, std::string config_path, std::string version);

  // ---- of the second process ----
  bool takes_over() const { return predecessor_ != nullptr; }
  bool may_serve() const { return predecessor_ == nullptr || served_; }
  // What the first process passes on, waited for.
  Status inherit(worker::Picture& picture);
  // Databases of which the first process knows what they have of their own.
  const std::vector<routing::DatabaseName>& known_catalogues() const { return known_catalogues_; }
  // The servers are known: as soon as the first process says so, clients may come.
  void ready();
  void failed(const Error& why);

  // ---- of the first process ----
  void begin(Done done);
  bool handed_over() const { return handed_over_; }
  // Once its clients are gone: others may still need it to find the process before, whose clients
  // come here first.
  bool may_end() const { return predecessor_ == nullptr && !counts_; }
  // This process shuts down, and means what is left of the one before as well.
  void stopping(ShutdownMode mode);

  // From workers.
  void client_leaves(worker::LeavingClient client);
  void client_left(std::uint32_t client, bool left);
  void client_arrived(const worker::ArrivedClient& client);
  void heirloom(std::string bytes);
  void cancel_astray(const wire::CancelKey& key);

 private:
  using Kind = TakeoverMessage::Kind;
  struct Arrival {
    std::size_t worker = 0;
    std::string session;  // as far as it has come
  };

  // upgrade.cc: the first process
  std::optional<std::string> objection() const;
  void send_preface();
  void from_successor(const TakeoverMessage& message);
  void successor_stops(ShutdownMode mode);
  void successor_ready(std::uint64_t process);
  void hand_over(std::uint64_t process);
  void successor_gone();
  void take_back();
  void finish(admin::AdminReply reply);
  void refuse(const std::string& why);

  // upgrade_second.cc
  Status take_preface(TakeoverChannel::Received received, worker::Picture& picture);
  void from_predecessor(TakeoverChannel::Received received);
  void client_comes(TakeoverMessage message, net::Socket socket);
  void predecessor_gone();
  void stop_sharing();
  bool cancel_here(const wire::CancelKey& key);
  void cancel_from(const TakeoverMessage& message, TakeoverChannel* onward);

  Place place_;
  Deeds deeds_;
  std::string program_;
  std::string config_path_;
  std::string version_;

  std::unique_ptr<TakeoverChannel> successor_;
  Done done_;
  std::string refusal_;
  net::Watch patience_;
  bool handed_over_ = false;
  bool handed_on_ = false;                                     // by the successor
  std::unordered_map<std::uint32_t, std::size_t> departures_;  // clients, with their workers

  std::unique_ptr<TakeoverChannel> predecessor_;
  std::vector<routing::DatabaseName> known_catalogues_;
  bool ready_ = false;
  bool served_ = false;
  bool counts_ = false;  // what came from there, before all can be said to have left
  std::unordered_map<std::uint32_t, Arrival> arrivals_;  // by their numbers there
  // Clients that came from there, by what their keys call them: the worker and the number here.
  std::unordered_multimap<std::uint32_t, std::pair<std::size_t, std::uint32_t>> moved_;
};

}  // namespace pgsaba::control
