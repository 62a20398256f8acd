#include "throwaway_cluster.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include "installed_postgres.h"
#include "loopback_query.h"
#include "nap.h"

namespace pgsaba::control {
namespace {

namespace fs = std::filesystem;

constexpr Micros kToolLimit = 60 * kSecond;
constexpr Micros kReadyLimit = 30 * kSecond;
constexpr Micros kShutdownLimit = 5 * kSecond;
constexpr const char* kSuperuser = "postgres";

// Nothing outside the directory: no Unix socket, and shared memory in files of the data directory.
constexpr std::string_view kSettings = R"(
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
dynamic_shared_memory_type = mmap
shared_buffers = 32MB
max_connections = 100
fsync = off
full_page_writes = off
max_wal_size = 256MB
min_wal_size = 32MB
wal_keep_size = 64MB
hot_standby_feedback = on
wal_receiver_status_interval = 1s
wal_retrieve_retry_interval = 500ms
logging_collector = off
)";

Error interrupted_error() { return Error{"interrupted"}; }

}  // namespace

Result<std::unique_ptr<ThrowawayCluster>> ThrowawayCluster::start(const Interrupted& interrupted) {
  std::unique_ptr<ThrowawayCluster> cluster(new ThrowawayCluster(interrupted));
  if (Status built = cluster->build(); !built) return built.error();
  return cluster;
}

ThrowawayCluster::~ThrowawayCluster() { stop(); }

Status ThrowawayCluster::build() {
  auto bindir = find_postgres_bindir();
  if (!bindir) return bindir.error();
  bindir_ = *bindir;
  auto account = unprivileged_account();
  if (!account) return account.error();
  account_ = *account;
  auto ports = free_loopback_ports(2);
  if (!ports) return ports.error();
  primary_port_ = ports->at(0);
  standby_port_ = ports->at(1);
  password_ = generated_password();
  if (Status made = make_directory(); !made) return made;
  if (Status ran = init_primary(); !ran) return ran;
  if (Status started = start_server("primary", primary_port_, primary_); !started) return started;
  if (Status created = create_roles(); !created) return created;
  if (Status copied = copy_standby(); !copied) return copied;
  if (Status started = start_server("standby", standby_port_, standby_); !started) return started;
  return await_streaming();
}

Status ThrowawayCluster::make_directory() {
  std::error_code problem;
  const fs::path parent = fs::temp_directory_path(problem);
  std::string name = (problem ? fs::path("/tmp") : parent) / "pgsaba-demo-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) {  // mode 0700
    return Error{"cannot create a temporary directory " + name + ": " + std::strerror(errno)};
  }
  directory_ = name;
  if (account_ && ::chown(name.c_str(), account_->uid, account_->gid) != 0) {
    return Error{"cannot give " + name + " to the user of the servers: " + std::strerror(errno)};
  }
  return done();
}

Status ThrowawayCluster::write_file(const std::string& name, const std::string& text) const {
  const std::string path = directory_ + "/" + name;
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return Error{"cannot create " + path + ": " + std::strerror(errno)};
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const bool given = !account_ || ::fchown(fd, account_->uid, account_->gid) == 0;
  ::close(fd);
  if (!written || !given) return Error{"cannot write " + path};
  return done();
}

std::vector<std::string> ThrowawayCluster::environment() const {
  // Not ours: PGDATA, PGOPTIONS, locales and the like must not reach the servers.
  return {"PATH=" + bindir_ + ":/usr/bin:/bin", "LC_ALL=C", "HOME=" + directory_,
          "PGPASSWORD=" + password_};
}

Status ThrowawayCluster::run_tool(const std::vector<std::string>& arguments) {
  const std::string log_file = directory_ + "/setup.log";
  auto tool = ChildProcess::start({.arguments = arguments,
                                   .environment = environment(),
                                   .directory = directory_,
                                   .log_file = log_file,
                                   .account = account_});
  if (!tool) return tool.error();
  if (!tool->wait(kToolLimit, interrupted_)) {
    tool->stop({SIGTERM}, kSecond);
    if (interrupted_ && interrupted_()) return interrupted_error();
    return Error{arguments.front() + " did not finish in time", tail_of_file(log_file)};
  }
  if (tool->succeeded()) return done();
  return Error{arguments.front() + " " + tool->how_it_ended(), tail_of_file(log_file)};
}

Status ThrowawayCluster::init_primary() {
  if (Status written = write_file("password", password_ + "\n"); !written) return written;
  const std::string password_file = directory_ + "/password";
  if (Status ran = run_tool({bindir_ + "/initdb", "-D", directory_ + "/primary", "-U", kSuperuser,
                             "-A", "scram-sha-256", "--pwfile=" + password_file, "-E", "UTF8",
                             "--no-locale", "--no-sync"});
      !ran) {
    return ran;
  }
  ::unlink(password_file.c_str());
  return configure_primary();
}

// The standby gets the same file with its copy of the data; ports come on the command line.
Status ThrowawayCluster::configure_primary() const {
  std::ofstream file(directory_ + "/primary/postgresql.conf", std::ios::app);
  file << kSettings << std::flush;
  if (!file) return Error{"cannot write the configuration of the primary"};
  return done();
}

Status ThrowawayCluster::start_server(const std::string& name, std::uint16_t port,
                                      std::optional<ChildProcess>& server) {
  auto started = ChildProcess::start(
      {.arguments = {bindir_ + "/postgres", "-D", directory_ + "/" + name, "-p",
                     std::to_string(port)},
       .environment = environment(),
       .directory = directory_,
       .log_file = directory_ + "/" + name + ".log",
       .account = account_,
       .death_signal = SIGQUIT});  // immediate shutdown, so that its own children end too
  if (!started) return started.error();
  server = std::move(started).value();
  return await("the " + name + " did not accept connections", port, "SELECT true");
}

Status ThrowawayCluster::create_roles() const {
  const LoopbackTarget target{primary_port_, kSuperuser, password_, kSuperuser};
  const std::string login = " LOGIN PASSWORD '" + password_ + "'";
  for (const std::string& sql :
       {"CREATE ROLE demo" + login, std::string("CREATE DATABASE demo OWNER demo"),
        "CREATE ROLE pgsaba_monitor" + login + " IN ROLE pg_monitor"}) {
    if (auto result = query_loopback(target, sql); !result) return result.error();
  }
  return done();
}

Status ThrowawayCluster::copy_standby() {
  return run_tool({bindir_ + "/pg_basebackup", "-D", directory_ + "/standby", "-d",
                   "host=127.0.0.1 port=" + std::to_string(primary_port_) + " user=" + kSuperuser +
                       " application_name=standby",
                   "-R", "-X", "stream", "-c", "fast", "--no-sync"});
}

Status ThrowawayCluster::await_streaming() {
  if (Status streams = await("the standby does not stream from the primary", primary_port_,
                             "SELECT count(*) = 1 FROM pg_stat_replication"
                             " WHERE state = 'streaming' AND replay_lsn IS NOT NULL");
      !streams) {
    return streams;
  }
  auto version = query_loopback({primary_port_, kSuperuser, password_, kSuperuser},
                                "SELECT 'PostgreSQL ' || current_setting('server_version')");
  if (!version) return version.error();
  version_ = version->rows.at(0).at(0);
  return done();
}

Status ThrowawayCluster::await(const std::string& what, std::uint16_t port,
                               const std::string& question) {
  const Micros deadline = monotonic_now() + kReadyLimit;
  std::string last;
  while (monotonic_now() < deadline) {
    if (interrupted_ && interrupted_()) return interrupted_error();
    if (auto ended = failure()) return *ended;
    auto answer = query_loopback({port, kSuperuser, password_, kSuperuser}, question);
    if (answer && !answer->rows.empty() && answer->rows[0][0] == "t") return done();
    last = answer ? "not yet" : answer.error().message;
    nap(20 * kMillisecond);
  }
  return Error{what + " in time: " + last};
}

std::optional<Error> ThrowawayCluster::failure() {
  const auto ended = [&](std::optional<ChildProcess>& server,
                         const std::string& name) -> std::optional<Error> {
    if (!server || server->running()) return std::nullopt;
    return Error{"the " + name + " " + server->how_it_ended(),
                 tail_of_file(directory_ + "/" + name + ".log")};
  };
  if (auto error = ended(primary_, "primary")) return error;
  return ended(standby_, "standby");
}

void ThrowawayCluster::stop() {
  // The standby first: a primary in shutdown waits for those that stream from it.
  for (std::optional<ChildProcess>* server : {&standby_, &primary_}) {
    if (*server) (*server)->stop({SIGINT, SIGQUIT}, kShutdownLimit);
    server->reset();
  }
  if (directory_.empty()) return;
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
  directory_.clear();
}

}  // namespace pgsaba::control
