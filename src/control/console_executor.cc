#include "control/console_executor.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "control/admin/tables.h"
#include "control/host_access_file.h"
#include "control/route_explanation.h"
#include "pgsaba/base/log.h"
#include "pgsaba/config/change.h"
#include "pgsaba/wire/sqlstate.h"

namespace pgsaba::control {
namespace {

using admin::AdminReply;
using admin::DatabaseVerb;
using admin::failed;
using worker::Picture;
namespace sqlstate = wire::sqlstate;

constexpr std::string_view kConfigFileError = "F0000";
constexpr std::string_view kUndefinedObject = "42704";
constexpr std::string_view kCannotChangeNow = "55P02";
constexpr std::string_view kInvalidValue = "22023";

// "*" stands for names that nobody has listed; it is none itself.
bool is_known(const Picture& picture, const std::string& database) {
  return database != "*" && config::find_database(*picture.config, database) != nullptr;
}

// A database that is gone from the configuration may still be paused or disabled.
bool lifts_something(const Picture& picture, const admin::OnDatabase& command) {
  return (command.verb == DatabaseVerb::kResume && picture.paused.contains(command.database)) ||
         (command.verb == DatabaseVerb::kEnable && picture.disabled.contains(command.database));
}

std::optional<AdminReply> refusal(const Picture& picture, const admin::OnDatabase& command) {
  const std::string& name = command.database;
  if (name.empty() || lifts_something(picture, command)) return std::nullopt;
  if (config::is_admin_database(name))
    return failed(sqlstate::kFeatureNotSupported,
                  admin::tag_of(command) + " does not apply to the admin console: " + name);
  if (is_known(picture, name)) return std::nullopt;
  return failed(sqlstate::kUndefinedDatabase, "no such database: " + name,
                "SHOW DATABASES lists them.");
}

void lift_pause(Picture& picture, const std::string& database) {
  if (database.empty()) {
    picture.all_paused = false;
  } else {
    picture.paused.erase(database);
  }
}

void set_pause(Picture& picture, const std::string& database) {
  if (database.empty()) {
    picture.all_paused = true;
  } else {
    picture.paused.insert(database);
  }
}

struct ServerPlace {
  std::string cluster;
  std::size_t server = 0;
};

// Or why there is none.
std::variant<ServerPlace, AdminReply> find_server(const Picture& picture,
                                                  const admin::OnServer& command) {
  std::vector<ServerPlace> found;
  for (const auto& [name, cluster] : picture.config->clusters) {
    if (!command.cluster.empty() && name != command.cluster) continue;
    const auto server =
        std::ranges::find(cluster.servers, command.server, &config::ServerAddress::name);
    if (server != cluster.servers.end())
      found.push_back({name, static_cast<std::size_t>(server - cluster.servers.begin())});
  }
  if (found.size() == 1) return found.front();
  if (!found.empty())
    return failed(
        kUndefinedObject, "several clusters have a server " + command.server,
        "Say which is meant: " + admin::tag_of(command) + " … " + command.server + " IN cluster.");
  return failed(kUndefinedObject,
                "no such server: " + command.server +
                    (command.cluster.empty() ? "" : " in cluster " + command.cluster),
                "SHOW TOPOLOGY lists them.");
}

// The worker that has this client.
std::optional<std::size_t> worker_of(const std::vector<stats::WorkerSnapshot>& workers,
                                     std::uint64_t client) {
  for (const stats::WorkerSnapshot& worker : workers)
    if (std::ranges::find(worker.clients, client, &stats::ClientRow::id) != worker.clients.end())
      return worker.worker;
  return std::nullopt;
}

}  // namespace

std::optional<AdminReply> ConsoleExecutor::run(Ticket ticket, const admin::AdminCommand& command) {
  // What SET has changed is logged by itself: a value that is refused may be a secret.
  if (!admin::is_harmless(command) && !std::holds_alternative<admin::SetSetting>(command))
    log_command(command);
  return std::visit([&](const auto& one) { return perform(ticket, one); }, command);
}

void ConsoleExecutor::log_command(const admin::AdminCommand& command) const {
  std::string what = admin::tag_of(command);
  if (const auto* on = std::get_if<admin::OnDatabase>(&command); on && !on->database.empty())
    what += " " + on->database;
  if (const auto* on = std::get_if<admin::OnServer>(&command)) what += " " + on->server;
  if (const auto* kill = std::get_if<admin::KillClient>(&command))
    what += " " + std::to_string(kill->id);
  log::info("{} gave {}", who_, what);
}

// A PAUSE that still waits is taken back; what has been done already stays.
void ConsoleExecutor::abandon(Ticket ticket) {
  if (switching_ == ticket) {
    switching_.reset();
    return controls().give_up_switchover();
  }
  if (!waiting_ || waiting_->ticket != ticket) return;
  const Waiting given_up = *std::exchange(waiting_, std::nullopt);
  if (!services_.waits.remove(given_up.id) || !given_up.made_pause) return;
  log::info("{} gave up its PAUSE, which is taken back", who_);
  change([&](Picture& picture) { lift_pause(picture, given_up.database); });
}

// Waits that depend on a pause learn of it at once.
void ConsoleExecutor::change(const std::function<void(Picture&)>& change) {
  controls().change_picture(change);
  services_.waits.check_pauses();
}

ConsoleWaits::Done ConsoleExecutor::finisher(Ticket ticket) const {
  return [finish = finish_, ticket](AdminReply reply) { finish(ticket, std::move(reply)); };
}

// ---- SHOW --------------------------------------------------------------------------------------

ConsoleExecutor::Answer ConsoleExecutor::perform(Ticket ticket, const admin::Show& command) {
  controls().gather(admin::detail_for(command.subject),
                    [&services = services_, done = finisher(ticket),
                     subject = command.subject](std::vector<stats::WorkerSnapshot> workers) {
                      const Picture& now = services.controls.picture();
                      ConsoleFacts facts = services.facts();
                      if (subject == admin::Subject::kHba) facts.hba = hba_infos(*now.config);
                      if (subject == admin::Subject::kPrepared)
                        facts.prepared = services.controls.prepared_statements();
                      if (subject == admin::Subject::kMem)
                        facts.memory = services.controls.memory();
                      const auto picture =
                          make_console_picture(now, std::move(workers), std::move(facts));
                      AdminReply reply;
                      reply.table = admin::build_table(subject, picture);
                      done(std::move(reply));
                    });
  return std::nullopt;
}

ConsoleExecutor::Answer ConsoleExecutor::perform(Ticket, const admin::ExplainRoute& command) {
  const Picture& picture = controls().picture();
  const std::string& name = command.database;
  const bool named = !name.empty();
  if (named &&
      (config::is_admin_database(name) || config::find_database(*picture.config, name) == nullptr))
    return failed(sqlstate::kUndefinedDatabase, "no such database: " + name,
                  "SHOW DATABASES lists them.");
  AdminReply reply;
  reply.table = admin::ResultTable{admin::columns_of(command), explain_route(picture, command)};
  return reply;
}

// ---- databases ---------------------------------------------------------------------------------

ConsoleExecutor::Answer ConsoleExecutor::perform(Ticket ticket, const admin::OnDatabase& command) {
  const std::string& database = command.database;
  if (auto refused = refusal(controls().picture(), command)) return refused;
  switch (command.verb) {
    case DatabaseVerb::kPause:
      return pause(ticket, database);
    case DatabaseVerb::kResume:
      return resume(database);
    case DatabaseVerb::kKill:
      return kill(ticket, database);
    case DatabaseVerb::kWaitClose:
      return wait_close(ticket, database);
    case DatabaseVerb::kReconnect:
      controls().tell_workers([&] { return worker::Reconnect{database}; });
      break;
    case DatabaseVerb::kDisable:
      change([&](Picture& picture) { picture.disabled.insert(database); });
      break;
    case DatabaseVerb::kEnable:
      change([&](Picture& picture) { picture.disabled.erase(database); });
      break;
  }
  return AdminReply{};
}

// A second PAUSE of one database waits with the first, as in PgBouncer; a second one of all is an
// error there as well.
ConsoleExecutor::Answer ConsoleExecutor::pause(Ticket ticket, const std::string& database) {
  const Picture& before = controls().picture();
  if (database.empty() && before.all_paused)
    return failed(sqlstate::kObjectNotInState, "already paused", "RESUME lifts the pause.");
  const bool made_pause = database.empty() || !before.paused.contains(database);
  if (made_pause) change([&](Picture& picture) { set_pause(picture, database); });
  const auto id = services_.waits.add(ConsoleWaits::Until::kPaused, database, finisher(ticket));
  waiting_ = Waiting{ticket, id, database, made_pause};
  return std::nullopt;
}

ConsoleExecutor::Answer ConsoleExecutor::resume(const std::string& database) {
  const Picture& before = controls().picture();
  if (database.empty()) {
    if (!before.all_paused && before.paused.empty() && before.switching.empty())
      return failed(sqlstate::kObjectNotInState, "pooler is not paused");
    controls().lift_switchover();
    change([](Picture& picture) {
      picture.all_paused = false;
      picture.paused.clear();
    });
    return AdminReply{};
  }
  if (!before.paused.contains(database))
    return failed(sqlstate::kObjectNotInState, "database " + database + " is not paused",
                  before.all_paused ? "All databases are: RESUME without a name lifts that." : "");
  change([&](Picture& picture) { lift_pause(picture, database); });
  return AdminReply{};
}

// Workers read their mail in order: once they have answered, they have killed.
ConsoleExecutor::Answer ConsoleExecutor::kill(Ticket ticket, const std::string& database) {
  change([&](Picture& picture) { set_pause(picture, database); });
  controls().tell_workers([&] { return worker::Kill{database}; });
  controls().gather(stats::Detail::kSums, [done = finisher(ticket)](const auto&) { done({}); });
  return std::nullopt;
}

ConsoleExecutor::Answer ConsoleExecutor::wait_close(Ticket ticket, const std::string& database) {
  const auto id = services_.waits.add(ConsoleWaits::Until::kClosed, database, finisher(ticket));
  waiting_ = Waiting{ticket, id};
  return std::nullopt;
}

// ---- servers -----------------------------------------------------------------------------------

ConsoleExecutor::Answer ConsoleExecutor::perform(Ticket ticket, const admin::OnServer& command) {
  const auto place = find_server(controls().picture(), command);
  if (const auto* refused = std::get_if<AdminReply>(&place)) return *refused;
  const auto& [cluster, server] = std::get<ServerPlace>(place);
  const std::pair<std::string, std::string> key{cluster, command.server};
  switch (command.verb) {
    case admin::ServerVerb::kDisable: {
      const auto& topology = controls().picture().topology;
      const auto* seen = topology ? topology->find(cluster) : nullptr;
      if (seen != nullptr && seen->primary == server)
        return failed(sqlstate::kObjectNotInState,
                      command.server + " is the primary of cluster " + cluster,
                      "SWITCHOVER TO another server first.");
      change([&](Picture& picture) { picture.disabled_servers.insert(key); });
      break;
    }
    case admin::ServerVerb::kEnable:
      change([&](Picture& picture) { picture.disabled_servers.erase(key); });
      break;
    case admin::ServerVerb::kSwitchover:
      switching_ = ticket;
      controls().switch_over(cluster, server, finisher(ticket));
      return std::nullopt;
  }
  return AdminReply{};
}

// ---- clients -----------------------------------------------------------------------------------

ConsoleExecutor::Answer ConsoleExecutor::perform(Ticket ticket, const admin::KillClient& command) {
  controls().gather(stats::Detail::kClients, [&services = services_, done = finisher(ticket),
                                              client = command.id](
                                                 const std::vector<stats::WorkerSnapshot>&
                                                     workers) {
    const auto worker = worker_of(workers, client);
    // A client without a number would be all clients to the worker.
    if (!worker || client == 0)
      return done(failed(kUndefinedObject, "client not found",
                         "SHOW CLIENTS has the numbers in its column id."));
    services.controls.tell_worker(*worker, worker::Kill{{}, static_cast<std::uint32_t>(client)});
    done({});
  });
  return std::nullopt;
}

// ---- the process -------------------------------------------------------------------------------

ConsoleExecutor::Answer ConsoleExecutor::perform(Ticket ticket, const admin::OnProcess& command) {
  switch (command.verb) {
    case admin::ProcessVerb::kReload:
      return reload();
    case admin::ProcessVerb::kUpgrade:
      controls().upgrade(finisher(ticket));
      return std::nullopt;
    case admin::ProcessVerb::kSuspend:
      return failed(sqlstate::kFeatureNotSupported, "SUSPEND is not supported",
                    "PAUSE holds queries back just as well and leaves connections alone.");
    case admin::ProcessVerb::kShutdown:  // whose answer is the end of the connection
      controls().shutdown(ShutdownMode::kAtOnce);
      return std::nullopt;
    case admin::ProcessVerb::kShutdownWaitForServers:
      controls().shutdown(ShutdownMode::kWaitForTransactions);
      break;
    case admin::ProcessVerb::kShutdownWaitForClients:
      controls().shutdown(ShutdownMode::kWaitForClients);
      break;
  }
  return AdminReply{};
}

ConsoleExecutor::Answer ConsoleExecutor::reload() {
  const Status reloaded = controls().reload();
  if (reloaded.ok()) return AdminReply{};
  const Error& error = reloaded.error();
  return failed(kConfigFileError, "RELOAD failed: " + error.message,
                error.hint.empty() ? "The old settings stay in force." : error.hint);
}

ConsoleExecutor::Answer ConsoleExecutor::perform(Ticket, const admin::SetSetting& command) {
  const config::Change change =
      config::with_setting(*controls().picture().config, command.key, command.value);
  if (change.config) {
    if (Status used = controls().use(change.config); !used.ok())
      return failed(sqlstate::kObjectNotInState, used.error().message, used.error().hint);
    log::info("{}: SET {} = {}", who_, command.key, command.value);
    return admin::AdminReply{};
  }
  const auto code = change.refusal == config::ChangeRefusal::kUnknown  ? kUndefinedObject
                    : change.refusal == config::ChangeRefusal::kNotNow ? kCannotChangeNow
                                                                       : kInvalidValue;
  return failed(code, change.error.message, change.error.hint);
}

}  // namespace pgsaba::control
