// ConsoleDesk: all admin consoles of the process. Their sockets stay with the workers: what clients
// send comes here by ControlLink, what consoles say goes back as worker::ConsoleOutput.
// Lives on the control thread, where all work is done; only the calls of ControlLink may come from
// other threads, and they merely post to the loop. Loop and controls outlive it. The loop must not
// run any more once it is gone, since posts and snapshots on their way still name it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include "control/admin/console_session.h"
#include "control/console_executor.h"
#include "control/console_waits.h"
#include "control/daemon_controls.h"
#include "control/traffic_averages.h"
#include "control/upgrade.h"
#include "pgsaba/net/control_loop.h"
#include "pgsaba/worker/mail.h"

namespace pgsaba::control {

class ConsoleDesk final : public worker::ControlLink {
 public:
  using WorkerDrained = std::function<void(std::size_t worker)>;
  // The secret of a user that no file lists is wanted, or in doubt.
  using SecretWanted = std::function<void(std::size_t worker, std::uint32_t client,
                                          std::string database, std::string user)>;
  using SecretDoubted = std::function<void(const std::string& database, const std::string& user)>;
  using OfCluster = std::function<void(const std::string& cluster)>;
  using OfDatabase = std::function<void(const routing::DatabaseName& database)>;

  // `version` is pgsaba's own, such as "0.1.0". The callbacks are called on the control thread.
  ConsoleDesk(net::ControlLoop& loop, DaemonControls& controls, std::string version,
              WorkerDrained on_worker_drained = {}, OfCluster on_positions_wanted = {},
              OfCluster on_roles_doubted = {}, OfDatabase on_catalogue_wanted = {});

  // worker::ControlLink
  void console_opened(std::size_t worker, std::uint32_t client, std::string user,
                      bool admin) override;
  void console_frame(std::size_t worker, std::uint32_t client, std::string frame) override;
  void console_canceled(std::size_t worker, std::uint32_t client) override;
  void console_closed(std::size_t worker, std::uint32_t client) override;
  void positions_wanted(const std::string& cluster) override;
  void roles_doubted(const std::string& cluster) override;
  void secret_wanted(std::size_t worker, std::uint32_t client, std::string database,
                     std::string user) override;
  void secret_doubted(std::string database, std::string user) override;
  // Before the first worker starts.
  void on_secrets(SecretWanted wanted, SecretDoubted doubted) {
    on_secret_wanted_ = std::move(wanted);
    on_secret_doubted_ = std::move(doubted);
  }
  void fate_wanted(worker::FateWanted wanted) override;
  // Before the first worker starts.
  void on_fates(std::function<void(const worker::FateWanted&)> wanted) {
    on_fate_wanted_ = std::move(wanted);
  }
  void catalogue_wanted(const routing::DatabaseName& database) override;
  void client_leaves(worker::LeavingClient client) override;
  void client_left(std::uint32_t client, bool left) override;
  void client_arrived(worker::ArrivedClient client) override;
  void heirloom(std::string bytes) override;
  void cancel_astray(wire::CancelKey key) override;
  // Before the first worker starts; outlives the workers.
  void on_moves(Upgrade& upgrade) { upgrade_ = &upgrade; }
  void worker_drained(std::size_t worker) override;

  std::size_t size() const { return consoles_.size(); }
  const admin::AverageKeeper& averages() const { return averages_.keeper(); }

 private:
  // Client numbers come again only after 2^25 others, so an answer never meets a later console.
  struct Key {
    std::size_t worker = 0;
    std::uint32_t client = 0;
    bool operator<(const Key& other) const {
      return std::tie(worker, client) < std::tie(other.worker, other.client);
    }
  };
  struct Console {
    Console(const ConsoleServices& services, std::string who, ConsoleExecutor::Finish finish,
            admin::Access access)
        : executor(services, std::move(who), std::move(finish)), session(executor, access) {}

    ConsoleExecutor executor;
    admin::ConsoleSession session;
  };

  void post(net::ControlLoop::Callback callback);
  void open(Key key, const std::string& user, admin::Access access);
  void receive(Key key, std::string_view frame);
  void cancel(Key key);
  void close(Key key);
  void finish(Key key, admin::Ticket ticket, admin::AdminReply reply);
  void send_output(Key key);
  ConsoleFacts facts() const;

  net::ControlLoop& loop_;
  DaemonControls& controls_;
  std::string version_;
  WorkerDrained on_worker_drained_;
  SecretWanted on_secret_wanted_;
  SecretDoubted on_secret_doubted_;
  std::function<void(const worker::FateWanted&)> on_fate_wanted_;
  OfCluster on_positions_wanted_;
  OfCluster on_roles_doubted_;
  OfDatabase on_catalogue_wanted_;
  Upgrade* upgrade_ = nullptr;
  ConsoleWaits waits_;
  TrafficAverages averages_;
  ConsoleServices services_;
  std::map<Key, std::unique_ptr<Console>> consoles_;
};

}  // namespace pgsaba::control
