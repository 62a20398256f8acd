#include "control/daemon.h"

#include <algorithm>
#include <csignal>
#include <thread>

#include "control/file_limit.h"
#include "control/log_options.h"
#include "control/monitor_target.h"
#include "control/password_judges.h"
#include "control/privileges.h"
#include "pgsaba/auth/digest.h"
#include "pgsaba/base/log.h"

namespace pgsaba::control {

namespace {

// How long clients are kept waiting at start until the servers have told their roles.
constexpr Micros kPatienceUs = 2 * kSecond;
// While the process before serves there is less of a hurry: what it knew of functions is wanted.
constexpr Micros kSuccessorPatienceUs = 5 * kSecond;

constexpr std::size_t kWorkersPerHandshakeThread = 4;

constexpr std::string_view kServing = "serving";  // for the service manager

std::size_t worker_count(const config::Config& config) {
  const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
  const std::size_t wanted = config.workers > 0 ? static_cast<std::size_t>(config.workers) : cores;
  return std::min(wanted, pool::kMaxWorkers);
}

std::string_view describe(ShutdownMode mode) {
  switch (mode) {
    case ShutdownMode::kWaitForClients:
      return "clients stay until they leave";
    case ShutdownMode::kWaitForTransactions:
      return "running transactions may end";
    case ShutdownMode::kAtOnce:
      return "at once";
  }
  return "?";
}

// Every role is known, or will not be.
bool told(const routing::Topology& topology) {
  return std::ranges::none_of(topology.clusters, [](const auto& cluster) {
    return cluster.primary_state == routing::PrimaryState::kUnknown && cluster.servers.size() > 1;
  });
}

}  // namespace

Daemon::Daemon(DaemonOptions options)
    : options_(std::move(options)),
      manager_(loop_),
      upgrade_({loop_, *this, listeners_, manager_, process_},
               {[this] { let_clients_in(); }, [this](bool ours) { have_http(ours); },
                [this] {
                  status_ = 1;
                  loop_.stop();
                },
                [this] { end_when_drained(); }, [this] { count_clients_again(); }},
               options_.config_path, options_.version),
      addresses_(loop_, [this] { follow_addresses(); }),
      secrets_(loop_, *this),
      fates_(loop_, *this),
      pages_(*this, options_.version) {}

Daemon::~Daemon() {
  http_.reset();
  if (keys_) keys_->stop();
  if (inquiries_) inquiries_->stop();
  if (passwords_) passwords_->stop();
  if (handshakes_) handshakes_->stop();
  workers_.clear();
  listeners_.close();
}

int Daemon::run() {
  if (Status started = start(); !started.ok()) {
    log::critical("{}", started.error().message);
    if (!started.error().hint.empty()) log::critical("hint: {}", started.error().hint);
    upgrade_.failed(started.error());
    return 1;
  }
  loop_.run();
  for (const auto& worker : workers_) worker->stop();
  left_alone_ = !passwords_ || passwords_->stop();
  log::info("pgsaba has ended");
  return status_;
}

// ---- start -------------------------------------------------------------------------------------

Status Daemon::start() {
  auto picture = std::make_shared<worker::Picture>();
  if (Status read = load(*picture); !read.ok()) return read;
  const config::Config& config = *picture->config;
  if (Status opened = open_log(config); !opened.ok()) return opened;
  raise_file_limit(config, picture->users->size(), worker_count(config));
  if (Status random = auth::random_bytes({process_.login_settings.mock_key.data(), 32});
      !random.ok())
    return random;
  if (Status inherited = upgrade_.inherit(*picture); !inherited.ok()) return inherited;
  picture_ = std::move(picture);
  limit_prepared_memory();
  auto networks = open_networks(config.network, worker_count(config));
  if (!networks) return networks.error();
  networks_ = std::move(*networks);
  // Whoever sees the sockets may send signals: they must not meet the system's default.
  if (Status signals = watch_signals(); !signals.ok()) return signals;
  if (!upgrade_.takes_over())  // who still has the port
    if (Status http = start_http(); !http.ok()) return http;
  if (Status listening =
          listeners_.open(config.listen, config.limits.listen_backlog, config.reuse_port);
      !listening.ok())
    return listening;
  if (Status less = give_up_privileges(config); !less.ok()) return less;
  consoles_ = std::make_unique<ConsoleDesk>(
      loop_, *this, options_.version, [this](std::size_t worker) { worker_drained(worker); },
      [this](const std::string& cluster) { positions_wanted(cluster); },
      [this](const std::string& cluster) {
        if (monitor_) monitor_->probe_now(cluster);
      },
      [this](const routing::DatabaseName& database) { catalogues_->want(database); });
  consoles_->on_secrets(
      [this](std::size_t worker, std::uint32_t client, const std::string& database,
             const std::string& user) {
        secrets_.ask(database, user, [this, worker, client](const SecretDesk::Answer& answer) {
          tell_worker(worker, worker::SecretFound{client, answer.secret, answer.error});
        });
      },
      [this](const std::string& database, const std::string& user) {
        secrets_.doubt(database, user);
      });
  consoles_->on_moves(upgrade_);
  consoles_->on_fates([this](const worker::FateWanted& wanted) { fates_.ask(wanted); });
  process_.control = consoles_.get();
  catalogues_ = std::make_unique<CatalogueWatch>(loop_, addresses_, process_.definitions,
                                                 process_.custom_names, [this] {
                                                   publish();
                                                   start_workers_when_ready();
                                                 });
  catalogues_->configure(picture_->config);
  switchover_ = std::make_unique<Switchover>(loop_, *this, [this](const std::string& cluster) {
    if (monitor_) monitor_->probe_now(cluster);
  });
  addresses_.watch(config);
  start_monitor();
  patience_ = loop_.after(upgrade_.takes_over() ? kSuccessorPatienceUs : kPatienceUs, [this] {
    patience_is_over_ = true;
    if (!serving_) servers_are_known();
  });
  start_workers_when_ready();
  return done();
}

// Root would make a file that a lesser user cannot write to later.
Status Daemon::open_log(const config::Config& config) {
  if (!config.user.empty() && ::geteuid() == 0) {
    const auto user = find_system_user(config.user);
    if (!user) return user.error();
    if (!config.log.file.empty())
      if (Status given = make_file(config.log.file, *user); !given.ok()) return given;
  }
  return log::configure(log_options(config.log));
}

// Before there are threads that could do anything for a client.
Status Daemon::give_up_privileges(const config::Config& config) {
  if (!config.user.empty()) {
    const auto user = find_system_user(config.user);
    if (!user) return user.error();
    if (Status became = become(*user); !became.ok()) return became;
  }
  if (::geteuid() == 0) log::warning("runs as root: the setting user names whom it should become");
  if (!config.core_dumps) forbid_core_dumps();
  return done();
}

void Daemon::start_monitor() {
  auto previous = monitor_ ? monitor_->topology() : nullptr;
  monitor_.reset();
  monitor_ = std::make_unique<ClusterMonitor>(
      loop_, monitored_clusters(*picture_->config, addresses_),
      ClusterMonitor::Observer{[this](const ClusterMonitor::TopologyPointer&) { publish(); }},
      previous);
  start_positions();
}

void Daemon::start_positions() {
  positions_.clear();
  for (const MonitorCluster& cluster : monitored_clusters(*picture_->config, addresses_)) {
    if (cluster.servers.size() < 2) continue;
    const auto clock = process_.causal_clocks.cluster(cluster.name);
    const auto progress = [this, clock] {
      const std::uint64_t waiting = clock->waiting_workers();
      for (std::size_t worker = 0; worker < process_.mailboxes.size(); ++worker)
        if ((waiting >> worker & 1U) != 0) tell_worker(worker, worker::StandbyProgress{});
    };
    positions_[cluster.name] = std::make_unique<PositionWatch>(loop_, cluster, clock, progress);
  }
  follow_primaries();
}

void Daemon::follow_primaries() {
  for (const auto& [name, positions] : positions_)
    if (const auto* cluster = monitor_->topology()->find(name)) positions->follow(*cluster);
  catalogues_->follow(*monitor_->topology());
  fates_.follow(monitor_->topology());
}

void Daemon::positions_wanted(const std::string& cluster) {
  const auto positions = positions_.find(cluster);
  if (positions != positions_.end()) return positions->second->look();
  process_.causal_clocks.cluster(cluster)->look_failed();
}

// Clients wait in the listening sockets' queues until the first picture is worth acting upon.
void Daemon::start_workers_when_ready() {
  if (serving_ || !addresses_.complete() || !told(*monitor_->topology())) return;
  servers_are_known();
}

// A process that clients still come to says when. They will find known what it knows of their
// databases.
void Daemon::servers_are_known() {
  if (upgrade_.may_serve()) return let_clients_in();
  const auto& needed = upgrade_.known_catalogues();
  if (!std::exchange(catalogues_wanted_, true))
    for (const routing::DatabaseName& database : needed) catalogues_->want(database);
  const bool known = std::ranges::all_of(needed, [this](const routing::DatabaseName& database) {
    return catalogues_->catalogues().contains(database);
  });
  if (known || patience_is_over_) upgrade_.ready();
}

void Daemon::let_clients_in() {
  if (serving_) return;
  if (Status started = start_workers(); !started.ok()) {
    log::critical("{}", started.error().message);
    status_ = 1;
    loop_.stop();
  }
}

Status Daemon::start_workers() {
  serving_ = true;
  patience_.reset();
  change_picture([](worker::Picture&) {});
  start_workshops();
  const std::size_t count = networks_.all.size();
  for (std::size_t i = 0; i < count; ++i) {
    workers_.push_back(
        std::make_unique<WorkerThread>(i, std::move(networks_.all[i]), process_, picture_));
    process_.mailboxes.push_back(&workers_.back()->worker().mailbox());
    process_.loads.push_back(std::make_unique<std::atomic<std::int32_t>>(0));
  }
  keys_->start();
  inquiries_->start();
  passwords_->start();
  handshakes_->start(std::max<std::size_t>(1, count / kWorkersPerHandshakeThread));
  for (const auto& worker : workers_) {
    for (const net::Socket socket : listeners_.sockets()) worker->worker().listen(socket);
    worker->start();
  }
  log::info("pgsaba {} serves with {} {} over {}", options_.version, count,
            count == 1 ? "worker" : "workers", networks_.kind);
  manager_.ready(kServing);
  manager_.keep_watchdog_quiet([this](std::function<void()> alive) {
    gather(stats::Detail::kSums, [alive = std::move(alive)](const auto&) { alive(); });
  });
  return done();
}

// What would take a worker too long.
void Daemon::start_workshops() {
  keys_ = std::make_unique<KeyWorkshop>([this](std::size_t worker, worker::KeysDerived letter) {
    process_.mailboxes[worker]->post(std::move(letter));
  });
  process_.key_maker = keys_.get();
  inquiries_ =
      std::make_unique<InquiryWorkshop>([this](std::size_t worker, worker::InquiryAnswered letter) {
        process_.mailboxes[worker]->post(std::move(letter));
      });
  process_.inquirer = inquiries_.get();
  handshakes_ = std::make_unique<HandshakeWorkshop>(
      [this](std::size_t worker, worker::HandshakeComputed letter) {
        process_.mailboxes[worker]->post(std::move(letter));
      });
  process_.handshake_maker = handshakes_.get();
  passwords_ = std::make_unique<PasswordWorkshop>(
      judge, [this](std::size_t worker, worker::PasswordJudged letter) {
        process_.mailboxes[worker]->post(letter);
      });
  process_.password_judge = passwords_.get();
}

// The process that had the port before has just given it up; without it clients are served all the
// same.
void Daemon::have_http(bool ours) {
  http_.reset();
  if (!ours) return;
  if (Status started = start_http(); !started.ok())
    log::error("{}; {}", started.error().message, started.error().hint);
}

Status Daemon::start_http() {
  const config::Http& http = picture_->config->http;
  if (http.port == 0) return done();
  auto face =
      HttpFace::start(loop_, http.address, http.port, picture_->http_tls,
                      [this](const HttpRequest& request, std::function<void(HttpReply)> done) {
                        pages_.serve(request, std::move(done));
                      });
  if (!face) return face.error();
  http_ = std::move(*face);
  pages_.begin(loop_);
  log::info("serves status, metrics and health on http{}://{}:{}", http.has_tls() ? "s" : "",
            http.address, http.port);
  return done();
}

// ---- signals -----------------------------------------------------------------------------------

Status Daemon::watch_signals() {
  ::signal(SIGPIPE, SIG_IGN);
  for (const int number : {SIGHUP, SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGURG}) {
    auto watch = loop_.on_signal(number, [this](int signal) { on_signal(signal); });
    if (!watch) return watch.error();
    signals_.push_back(std::move(*watch));
  }
  return done();
}

void Daemon::on_signal(int number) {
  switch (number) {
    case SIGHUP:
      reload_by_signal();
      break;
    case SIGTERM:
      shutdown(ShutdownMode::kWaitForTransactions);
      break;
    case SIGURG:
      upgrade_.begin([](const admin::AdminReply&) {});  // what comes of it is in the log
      break;
    case SIGUSR1:
      log::info("all databases paused by signal");
      change_picture([](worker::Picture& picture) { picture.all_paused = true; });
      break;
    case SIGUSR2:
      log::info("all databases resumed by signal");
      lift_switchover();
      change_picture([](worker::Picture& picture) {
        picture.all_paused = false;
        picture.paused.clear();
      });
      break;
    default:
      shutdown(ShutdownMode::kAtOnce);
  }
}

void Daemon::reload_by_signal() {
  manager_.reloading();
  const Status reloaded = reload();
  if (reloaded.ok()) return manager_.ready(kServing);
  // The manager shows one line, and has no word for a reload that failed.
  const std::string& why = reloaded.error().message;
  manager_.ready("reload refused, the old settings stay: " + why.substr(0, why.find('\n')));
}

void Daemon::shutdown(ShutdownMode mode) {
  if (stopping_) {
    if (mode == ShutdownMode::kWaitForClients) return;  // what is under way waits for no more
    // A second request does not wait for what the first one waits for.
    if (shutdown_ == ShutdownMode::kWaitForTransactions) mode = ShutdownMode::kAtOnce;
  }
  stopping_ = true;
  shutdown_ = mode;
  upgrade_.stopping(mode);
  listeners_.stop();
  log::info("shutting down, {}", describe(mode));
  manager_.stopping("shutting down, " + std::string(describe(mode)));
  tell_workers([mode] { return worker::Shutdown{mode}; });
  if (mode == ShutdownMode::kAtOnce || workers_.empty()) return loop_.stop();
  const Micros limit = picture_->config->timeouts.shutdown_us;
  if (limit > 0) patience_ = loop_.after(limit, [this] { shutdown(ShutdownMode::kAtOnce); });
  end_when_drained();
}

void Daemon::worker_drained(std::size_t worker) {
  drained_.insert(worker);
  end_when_drained();
}

void Daemon::count_clients_again() {
  drained_.clear();
  if (upgrade_.handed_over()) tell_workers([] { return worker::MoveOut{}; });
}

void Daemon::end_when_drained() {
  const bool wanted = stopping_ || upgrade_.handed_over();
  if (!wanted) drained_.clear();
  if (wanted && drained_.size() == workers_.size() && (stopping_ || upgrade_.may_end()))
    loop_.stop();
}

// ---- for the console ---------------------------------------------------------------------------

void Daemon::switch_over(const std::string& cluster, std::size_t server,
                         std::function<void(admin::AdminReply)> done) {
  switchover_->begin(cluster, server, std::move(done));
}

void Daemon::tell_workers(const std::function<worker::Mail()>& make_letter) {
  for (worker::Mailbox* mailbox : process_.mailboxes) mailbox->post(make_letter());
}

void Daemon::tell_worker(std::size_t worker, worker::Mail letter) {
  process_.mailboxes[worker]->post(std::move(letter));
}

void Daemon::gather(stats::Detail detail,
                    std::function<void(std::vector<stats::WorkerSnapshot>)> answer) {
  struct Gathering {
    std::vector<stats::WorkerSnapshot> shots;
    std::size_t missing = 0;
    std::function<void(std::vector<stats::WorkerSnapshot>)> answer;
  };
  auto gathering = std::make_shared<Gathering>();
  gathering->missing = process_.mailboxes.size();
  gathering->answer = std::move(answer);
  if (gathering->missing == 0) return gathering->answer({});
  const auto collect = [this, gathering](stats::WorkerSnapshot shot) {
    auto carried = std::make_shared<stats::WorkerSnapshot>(std::move(shot));
    const bool posted = loop_.post([gathering, carried] {
      gathering->shots.push_back(std::move(*carried));
      if (--gathering->missing == 0) gathering->answer(std::move(gathering->shots));
    });
    if (!posted) log::error("the control thread is behind: a snapshot was dropped");
  };
  tell_workers([&] { return worker::SnapshotRequest{detail, collect}; });
}

// ---- prepared statements -----------------------------------------------------------------------

void Daemon::limit_prepared_memory() {
  const std::int64_t bytes = picture_->config->limits.max_prepared_bytes;
  process_.prepared_statements.limit(static_cast<std::size_t>(bytes));
}

std::vector<stats::PreparedRow> Daemon::prepared_statements() {
  constexpr std::size_t kMostShown = 1'000;
  constexpr std::size_t kShownBytes = 1'000;  // of each text
  std::vector<stats::PreparedRow> rows;
  process_.prepared_statements.visit_latest(
      kMostShown, [&](const server::PreparedStatement& statement, std::size_t bytes) {
        rows.push_back({.id = statement.id,
                        .query = std::string(statement.query().substr(0, kShownBytes)),
                        .bytes = bytes,
                        .names = statement.names.load(std::memory_order_relaxed)});
      });
  return rows;
}

stats::PreparedBounds Daemon::prepared_bounds() {
  return {.limit_bytes = process_.prepared_statements.limit(),
          .refused = process_.prepared_statements.memory().refused};
}

std::vector<stats::MemoryRow> Daemon::memory() {
  const server::PreparedMemory memory = process_.prepared_statements.memory();
  const auto row = [](std::string name, std::size_t count, std::size_t free, std::size_t bytes) {
    const std::size_t each = count == 0 ? 0 : bytes / count;
    return stats::MemoryRow{std::move(name), static_cast<std::uint32_t>(each),
                            static_cast<std::uint32_t>(count - free),
                            static_cast<std::uint32_t>(free)};
  };
  return {row("prepared_statement_texts", memory.texts, memory.unused_texts, memory.text_bytes),
          row("prepared_statement_names", memory.names, 0, memory.name_bytes)};
}

}  // namespace pgsaba::control
