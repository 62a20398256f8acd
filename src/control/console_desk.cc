#include "control/console_desk.h"

#include <fmt/core.h>

#include "control/admin/console_parameters.h"
#include "pgsaba/base/log.h"
#include "pgsaba/wire/backend.h"
#include "pgsaba/wire/frame.h"

namespace pgsaba::control {
namespace {

// What follows AuthenticationOk and the key for cancel requests, which the worker has sent.
std::string greeting(const wire::ParameterList& parameters) {
  std::string bytes;
  for (const auto& [name, value] : parameters) wire::append_parameter_status(bytes, name, value);
  wire::append_ready(bytes, wire::TransactionStatus::kIdle);
  return bytes;
}

}  // namespace

ConsoleDesk::ConsoleDesk(net::ControlLoop& loop, DaemonControls& controls, std::string version,
                         WorkerDrained on_worker_drained, OfCluster on_positions_wanted,
                         OfCluster on_roles_doubted, OfDatabase on_catalogue_wanted)
    : loop_(loop),
      controls_(controls),
      version_(std::move(version)),
      on_worker_drained_(std::move(on_worker_drained)),
      on_positions_wanted_(std::move(on_positions_wanted)),
      on_roles_doubted_(std::move(on_roles_doubted)),
      on_catalogue_wanted_(std::move(on_catalogue_wanted)),
      waits_(loop, controls),
      averages_(loop, controls),
      services_{controls, waits_, [this] { return facts(); }} {}

// ---- from workers' threads ---------------------------------------------------------------------

void ConsoleDesk::post(net::ControlLoop::Callback callback) {
  if (!loop_.post(std::move(callback)))
    log::error("the control thread is behind: a message of a worker was dropped");
}

void ConsoleDesk::console_opened(std::size_t worker, std::uint32_t client, std::string user,
                                 bool admin) {
  const auto access = admin ? admin::Access::kAdmin : admin::Access::kStats;
  post([this, key = Key{worker, client}, user = std::move(user), access] {
    open(key, user, access);
  });
}

void ConsoleDesk::console_frame(std::size_t worker, std::uint32_t client, std::string frame) {
  post([this, key = Key{worker, client}, frame = std::move(frame)] { receive(key, frame); });
}

void ConsoleDesk::console_canceled(std::size_t worker, std::uint32_t client) {
  post([this, key = Key{worker, client}] { cancel(key); });
}

void ConsoleDesk::console_closed(std::size_t worker, std::uint32_t client) {
  post([this, key = Key{worker, client}] { close(key); });
}

void ConsoleDesk::positions_wanted(const std::string& cluster) {
  post([this, cluster] {
    if (on_positions_wanted_) on_positions_wanted_(cluster);
  });
}

void ConsoleDesk::roles_doubted(const std::string& cluster) {
  post([this, cluster] {
    if (on_roles_doubted_) on_roles_doubted_(cluster);
  });
}

void ConsoleDesk::secret_wanted(std::size_t worker, std::uint32_t client, std::string database,
                                std::string user) {
  post([this, worker, client, database = std::move(database), user = std::move(user)] {
    if (on_secret_wanted_) on_secret_wanted_(worker, client, database, user);
  });
}

void ConsoleDesk::secret_doubted(std::string database, std::string user) {
  post([this, database = std::move(database), user = std::move(user)] {
    if (on_secret_doubted_) on_secret_doubted_(database, user);
  });
}

void ConsoleDesk::fate_wanted(worker::FateWanted wanted) {
  post([this, wanted = std::move(wanted)] {
    if (on_fate_wanted_) on_fate_wanted_(wanted);
  });
}

void ConsoleDesk::catalogue_wanted(const routing::DatabaseName& database) {
  post([this, database] {
    if (on_catalogue_wanted_) on_catalogue_wanted_(database);
  });
}

void ConsoleDesk::client_leaves(worker::LeavingClient client) {
  post([this, client = std::move(client)] { upgrade_->client_leaves(client); });
}

void ConsoleDesk::client_left(std::uint32_t client, bool left) {
  post([this, client, left] { upgrade_->client_left(client, left); });
}

void ConsoleDesk::client_arrived(worker::ArrivedClient client) {
  post([this, client] { upgrade_->client_arrived(client); });
}

void ConsoleDesk::heirloom(std::string bytes) {
  post([this, bytes = std::move(bytes)] { upgrade_->heirloom(bytes); });
}

void ConsoleDesk::cancel_astray(wire::CancelKey key) {
  post([this, key = std::move(key)] {
    if (upgrade_ != nullptr) upgrade_->cancel_astray(key);
  });
}

void ConsoleDesk::worker_drained(std::size_t worker) {
  post([this, worker] {
    if (on_worker_drained_) on_worker_drained_(worker);
  });
}

// ---- on the control thread ---------------------------------------------------------------------

void ConsoleDesk::open(Key key, const std::string& user, admin::Access access) {
  auto finish_one = [this, key](admin::Ticket ticket, admin::AdminReply reply) {
    finish(key, ticket, std::move(reply));
  };
  consoles_[key] =
      std::make_unique<Console>(services_, fmt::format("console C-{} of {}", key.client, user),
                                std::move(finish_one), access);
  controls_.tell_worker(
      key.worker, worker::ConsoleOutput{
                      key.client, greeting(admin::console_parameters(user, access, version_))});
}

void ConsoleDesk::receive(Key key, std::string_view frame) {
  const auto found = consoles_.find(key);
  if (found == consoles_.end() || frame.size() < wire::kHeaderBytes) return;
  found->second->session.receive(frame.front(), bytes_of(frame.substr(wire::kHeaderBytes)));
  send_output(key);
}

void ConsoleDesk::cancel(Key key) {
  const auto found = consoles_.find(key);
  if (found == consoles_.end()) return;
  found->second->session.cancel();
  send_output(key);
}

void ConsoleDesk::close(Key key) {
  const auto found = consoles_.find(key);
  if (found == consoles_.end()) return;
  const std::unique_ptr<Console> console = std::move(found->second);
  consoles_.erase(found);
  console->session.disconnected();
}

void ConsoleDesk::finish(Key key, admin::Ticket ticket, admin::AdminReply reply) {
  const auto found = consoles_.find(key);
  if (found == consoles_.end()) return;
  found->second->session.finish(ticket, std::move(reply));
  send_output(key);
}

// The worker keeps what its client does not read, so nothing is held back here.
void ConsoleDesk::send_output(Key key) {
  const auto found = consoles_.find(key);
  if (found == consoles_.end()) return;
  admin::ConsoleSession& session = found->second->session;
  for (std::string bytes = session.take_output(); !bytes.empty(); bytes = session.take_output())
    controls_.tell_worker(key.worker, worker::ConsoleOutput{key.client, std::move(bytes)});
  if (!session.closing()) return;
  controls_.tell_worker(key.worker, worker::ConsoleOutput{key.client, {}, true});
  close(key);
}

ConsoleFacts ConsoleDesk::facts() const {
  ConsoleFacts facts{version_, averages_.keeper(), {}};
  const Micros now = monotonic_now();
  for (const AddressBook::Name& name : controls_.addresses().names())
    facts.dns_hosts.push_back({name.host,
                               std::max<Micros>(0, name.valid_until - now),
                               {name.addresses.begin(), name.addresses.end()},
                               name.valid_until == 0});
  for (const auto& [key, console] : consoles_) facts.consoles.insert(key.client);
  return facts;
}

}  // namespace pgsaba::control
