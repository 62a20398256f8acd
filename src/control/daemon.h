// Daemon: the process as a whole. Reads the configuration, opens the listening sockets, starts the
// workers, and then does on the control thread all that is not a query: signals, names, the cluster
// monitor, consoles, reload, shutdown. One per process; everything here runs on the thread that
// calls `run`.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "control/address_book.h"
#include "control/catalogue_watch.h"
#include "control/cluster_monitor.h"
#include "control/console_desk.h"
#include "control/daemon_controls.h"
#include "control/fate_desk.h"
#include "control/handshake_workshop.h"
#include "control/http_face.h"
#include "control/inquiry_workshop.h"
#include "control/key_workshop.h"
#include "control/listeners.h"
#include "control/password_workshop.h"
#include "control/position_watch.h"
#include "control/secret_desk.h"
#include "control/service_manager.h"
#include "control/status_pages.h"
#include "control/switchover.h"
#include "control/upgrade.h"
#include "control/worker_networks.h"
#include "control/worker_thread.h"
#include "pgsaba/net/control_loop.h"
#include "pgsaba/worker/process.h"

namespace pgsaba::control {

struct DaemonOptions {
  std::string config_path;
  std::string version;
};

class Daemon final : public DaemonControls {
 public:
  explicit Daemon(DaemonOptions options);
  ~Daemon() override;

  // Serves until told to stop. The exit status: 0, or 1 with the reason in the log.
  int run();
  // Once it has run: nothing goes on that somebody else's code does not let go of. Otherwise the
  // process must end at once when the daemon is gone: what libraries do at exit would pull the
  // ground from under it, or wait for it.
  bool left_alone() const { return left_alone_; }

  // DaemonControls
  const worker::Picture& picture() const override { return *picture_; }
  const AddressBook& addresses() const override { return addresses_; }
  void change_picture(const std::function<void(worker::Picture&)>& change) override;
  Status reload() override;
  Status use(std::shared_ptr<const config::Config> config) override;
  void upgrade(std::function<void(admin::AdminReply)> done) override {
    upgrade_.begin(std::move(done));
  }
  void shutdown(ShutdownMode mode) override;
  bool stopping() const override { return stopping_; }
  void tell_workers(const std::function<worker::Mail()>& make_letter) override;
  void tell_worker(std::size_t worker, worker::Mail letter) override;
  void gather(stats::Detail detail,
              std::function<void(std::vector<stats::WorkerSnapshot>)> answer) override;
  std::vector<stats::PreparedRow> prepared_statements() override;
  std::vector<stats::MemoryRow> memory() override;
  stats::PreparedBounds prepared_bounds() override;
  void switch_over(const std::string& cluster, std::size_t server,
                   std::function<void(admin::AdminReply)> done) override;
  void give_up_switchover() override { switchover_->give_up(); }
  void lift_switchover() override { switchover_->lift(); }

 private:
  Status start();
  // Into the picture: configuration, users, TLS.
  Status load(worker::Picture& picture) const;
  Status read_login_files(worker::Picture& picture, const config::Config& config) const;
  Status read_again();
  static Status open_log(const config::Config& config);
  static Status give_up_privileges(const config::Config& config);
  Status watch_signals();
  void on_signal(int number);
  void reload_by_signal();
  void start_monitor();
  void start_workers_when_ready();
  Status start_workers();
  void start_workshops();
  Status start_http();
  void worker_drained(std::size_t worker);
  void end_when_drained();
  void count_clients_again();
  void servers_are_known();
  void let_clients_in();
  void have_http(bool ours);
  void start_positions();
  void follow_primaries();
  void positions_wanted(const std::string& cluster);
  void publish();
  void follow_addresses();
  void limit_prepared_memory();

  DaemonOptions options_;
  net::ControlLoop loop_;
  worker::Process process_;
  std::shared_ptr<const worker::Picture> picture_;
  ServiceManager manager_;
  Listeners listeners_;
  Upgrade upgrade_;
  AddressBook addresses_;
  SecretDesk secrets_;
  FateDesk fates_;
  std::unique_ptr<ClusterMonitor> monitor_;
  std::map<std::string, std::unique_ptr<PositionWatch>> positions_;  // by cluster
  std::unique_ptr<CatalogueWatch> catalogues_;
  std::unique_ptr<Switchover> switchover_;
  std::unique_ptr<ConsoleDesk> consoles_;
  std::unique_ptr<KeyWorkshop> keys_;
  std::unique_ptr<InquiryWorkshop> inquiries_;
  std::unique_ptr<PasswordWorkshop> passwords_;
  bool left_alone_ = true;
  std::unique_ptr<HandshakeWorkshop> handshakes_;
  WorkerNetworks networks_;  // the workers', once there are any
  std::vector<std::unique_ptr<WorkerThread>> workers_;
  std::vector<net::Watch> signals_;
  net::Watch patience_;  // for the first word of the servers
  bool patience_is_over_ = false;
  bool catalogues_wanted_ = false;  // that the process before knows
  std::set<std::size_t> drained_;   // workers
  bool serving_ = false;
  StatusPages pages_;
  std::unique_ptr<HttpFace> http_;
  bool stopping_ = false;
  ShutdownMode shutdown_ = ShutdownMode::kWaitForClients;  // while stopping
  int status_ = 0;
};

}  // namespace pgsaba::control
