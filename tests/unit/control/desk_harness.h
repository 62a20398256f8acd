// A ConsoleDesk on a real loop, with a daemon that is only a picture and whatever snapshots a test
// sets. Consoles are numbers; what they are sent is kept as text, see describe_output.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "admin/console_harness.h"
#include "control/console_desk.h"

namespace pgsaba::control {

struct FakeDaemon final : DaemonControls {
  explicit FakeDaemon(net::ControlLoop& its_loop) : loop(its_loop) {
    auto config = std::make_shared<config::Config>();
    config->path = "/etc/pgsaba.yaml";
    config->clusters["rdb"].servers = {{"one", "127.0.0.1", 5433}, {"two", "db.test", 5433}};
    config->databases["app"].cluster = "rdb";
    config->databases["shop"].cluster = "rdb";
    config->auth.type = config::AuthType::kTrust;
    config->log.stats = false;
    current.config = config;
    current.users = std::make_shared<auth::UserList>();
    snapshots.resize(1);
  }

  const worker::Picture& picture() const override { return current; }
  void change_picture(const std::function<void(worker::Picture&)>& change) override {
    change(current);
    ++current.generation;
  }
  const AddressBook& addresses() const override { return address_book; }
  Status reload() override { return reload_result; }
  Status use(std::shared_ptr<const config::Config> config) override {
    current.config = std::move(config);
    return done();
  }
  void upgrade(std::function<void(admin::AdminReply)> done) override {
    ++upgrades;
    done({});
  }
  void shutdown(ShutdownMode mode) override { shutdowns.push_back(mode); }
  bool stopping() const override { return !shutdowns.empty(); }
  void tell_workers(const std::function<worker::Mail()>& make_letter) override {
    for (std::size_t worker = 0; worker < snapshots.size(); ++worker)
      tell_worker(worker, make_letter());
  }
  void tell_worker(std::size_t worker, worker::Mail letter) override {
    if (auto* output = std::get_if<worker::ConsoleOutput>(&letter)) {
      outputs[output->client] += output->bytes;
      ended[output->client] = ended[output->client] || output->last;
    } else if (const auto* kill = std::get_if<worker::Kill>(&letter)) {
      kills.emplace_back(worker, *kill);
    } else if (const auto* reconnect = std::get_if<worker::Reconnect>(&letter)) {
      reconnects.push_back(reconnect->database);
    }
  }
  void switch_over(const std::string& cluster, std::size_t server,
                   std::function<void(admin::AdminReply)> done) override {
    switchovers.emplace_back(cluster, server);
    finish_switchover = std::move(done);
  }
  void give_up_switchover() override { switchovers.clear(); }
  void lift_switchover() override { current.switching.clear(); }
  // As the workers do: the answer is what was so when the question was read, and comes later.
  void gather(stats::Detail detail,
              std::function<void(std::vector<stats::WorkerSnapshot>)> answer) override {
    ++gathered;
    auto shots = snapshots;
    for (stats::WorkerSnapshot& shot : shots) {
      if (detail != stats::Detail::kClients) shot.clients.clear();
      if (detail == stats::Detail::kSums) shot.servers.clear();
    }
    auto give = [answer = std::move(answer), shots = std::move(shots)] { answer(shots); };
    if (holding) return held.push_back(give);
    if (!loop.post(give)) outputs.clear();
  }

  std::vector<stats::PreparedRow> prepared_statements() override { return prepared; }
  std::vector<stats::MemoryRow> memory() override { return {{"texts", 10, 2, 1}}; }
  stats::PreparedBounds prepared_bounds() override { return {}; }

  net::ControlLoop& loop;
  AddressBook address_book{loop, [] {}};
  std::vector<stats::PreparedRow> prepared = {{3, "select 1", 300, 1}};
  worker::Picture current;
  std::vector<std::pair<std::string, std::size_t>> switchovers;
  int upgrades = 0;
  std::function<void(admin::AdminReply)> finish_switchover;
  std::vector<stats::WorkerSnapshot> snapshots;
  Status reload_result = done();
  std::vector<ShutdownMode> shutdowns;
  std::map<std::uint32_t, std::string> outputs;
  std::map<std::uint32_t, bool> ended;
  std::vector<std::pair<std::size_t, worker::Kill>> kills;
  std::vector<std::string> reconnects;
  int gathered = 0;
  bool holding = false;  // workers do not answer
  std::vector<std::function<void()>> held;
};

struct DeskHarness {
  net::ControlLoop loop;
  FakeDaemon daemon{loop};
  std::vector<std::size_t> drained;
  ConsoleDesk desk{loop, daemon, "0.1.0",
                   [this](std::size_t worker) { drained.push_back(worker); }};

  void run_for(Micros duration) {
    const net::Watch end = loop.after(duration, [this] { loop.stop(); });
    loop.run();
  }
  bool run_until(const std::function<bool()>& condition) {
    const Micros give_up_at = monotonic_now() + 5 * kSecond;
    while (!condition() && monotonic_now() < give_up_at) run_for(kMillisecond);
    return condition();
  }

  // A console that has read its greeting.
  void open(std::uint32_t client, bool admin = true) {
    desk.console_opened(0, client, "root", admin);
    run_until([&] { return !daemon.outputs[client].empty(); });
    daemon.outputs[client].clear();
  }
  void close(std::uint32_t client) {
    desk.console_closed(0, client);
    run_for(5 * kMillisecond);
  }
  void send(std::uint32_t client, std::string_view sql) {
    std::string frame(5, 'Q');
    store_be32(reinterpret_cast<std::uint8_t*>(frame.data()) + 1,
               static_cast<std::uint32_t>(sql.size() + 5));
    desk.console_frame(0, client, frame + admin::text_z(sql));
  }
  // What has come until now.
  std::string take(std::uint32_t client) {
    return admin::describe_output(std::exchange(daemon.outputs[client], {}));
  }
  // What comes up to ReadyForQuery.
  std::string answer(std::uint32_t client, std::string_view sql) {
    send(client, sql);
    return rest_of_answer(client);
  }
  std::string rest_of_answer(std::uint32_t client) {
    run_until([&] { return daemon.outputs[client].ends_with(std::string("Z\0\0\0\5I", 6)); });
    return take(client);
  }

  stats::PoolRow& add_pool(const std::string& database, std::uint32_t active) {
    stats::PoolRow row;
    row.database = database;
    row.user = "alice";
    row.server = "one";
    row.sv_active = active;
    row.pool_mode = "transaction";
    return daemon.snapshots[0].pools.emplace_back(row);
  }
  stats::ClientRow& add_client(std::uint32_t id, const std::string& database) {
    stats::ClientRow row;
    row.id = id;
    row.user = "alice";
    row.database = database;
    row.state = stats::ClientState::kActive;
    daemon.snapshots[0].accounts.push_back({row.database, row.user, 1, database != "app"});
    return daemon.snapshots[0].clients.emplace_back(row);
  }
};

}  // namespace pgsaba::control
