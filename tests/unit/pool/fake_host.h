// What a pool needs around it: a host, a network of scripted servers, and clients that wait.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "pgsaba/pool/pool.h"
#include "unit/server/fake_network.h"
#include "unit/wire/frames.h"

namespace pgsaba::testing {

class FakeHost final : public pool::PoolHost {
 public:
  explicit FakeHost(std::size_t index = 0) : index_(index), turn_(network) {
    turn_.now = 1'000 * kSecond;
  }

  FakeNetwork network;
  bool match_wanted = false;
  std::vector<pool::SlotRefusal> shortages;
  std::vector<std::pair<std::size_t, std::unique_ptr<server::ServerConnection>>> sent_away;
  std::vector<net::Socket> sockets_sent_away;
  std::vector<std::string> log;
  int vanished = 0;      // connections that broke
  bool primary = false;  // all pools lead to a primary

  net::Turn& turn() override { return turn_; }
  std::size_t worker_index() const override { return index_; }
  auth::ScramKeyDesk& scram_keys() override { return keys_; }
  std::uint64_t next_id() override { return ++last_id_; }
  void needs_match(pool::Pool&) override { match_wanted = true; }
  void short_of_servers(pool::Pool&, pool::SlotRefusal refusal) override {
    shortages.push_back(refusal);
  }
  void short_of_slots(pool::Pool&, pool::SlotRefusal refusal) override {
    shortages.push_back(refusal);
  }
  void send_server(pool::Pool&, std::size_t worker,
                   std::unique_ptr<server::ServerConnection> server) override {
    sockets_sent_away.push_back(server->give_away());
    sent_away.emplace_back(worker, std::move(server));
  }
  void server_vanished(const pool::Pool&) override { ++vanished; }
  bool leads_to_primary(const pool::Pool&) const override { return primary; }
  void log_server(const server::ServerConnection&, std::string_view event) override {
    log.emplace_back(event);
  }

 private:
  std::size_t index_;
  net::Turn turn_;
  auth::ScramKeyDesk keys_;
  std::uint64_t last_id_ = 0;
};

// A client that holds what it is granted.
class FakeClient final : public pool::Waiter, public server::LeaseHolder {
 public:
  explicit FakeClient(pool::Pool& pool) : pool_(pool) {}
  ~FakeClient() override {
    if (wait_hook.linked()) pool_.leave(*this);
  }

  server::ServerConnection* server = nullptr;
  std::string refusal;  // the SQLSTATE
  server::SettingsRef settings;

  void granted(server::ServerConnection& granted) override {
    server = &granted;
    granted.lend(*this);
  }
  void refused(const wire::ErrorFields& error) override { refusal = error.sqlstate; }
  const server::SettingsRef& wanted_settings() const override { return settings; }

  void server_sent(Bytes) override {}
  void parameter_changed(std::string_view, std::string_view) override {}
  void change_undone(std::uint32_t) override {}
  void statements_discarded() override {}
  std::string statement_name(std::uint32_t) override { return {}; }
  void statement_outdated(std::uint32_t) override {}
  void begun() override {}
  void begin_failed(const wire::ErrorFields&, Bytes) override {}
  void own_query_done() override {}
  void setting_done() override {}
  void answered(Bytes) override {}
  bool holds_ready() override { return false; }
  bool wants_notification(std::string_view) override { return true; }
  void answer_complete() override {}
  void server_ready() override {}
  void server_lost(server::ServerConnection&, server::CloseReason, bool) override {
    server = nullptr;
  }
  bool accepts_bytes() const override { return true; }
  void server_drained() override {}

 private:
  pool::Pool& pool_;
};

// One pool with its surroundings; `step` does what a worker's turn does.
class PoolWorld {
 public:
  explicit PoolWorld(pool::PoolPolicy policy = default_policy(), std::size_t index = 0,
                     std::shared_ptr<pool::SharedPool> shared = nullptr)
      : host(index), book_pool(shared ? std::move(shared) : book.pool(key())) {
    auto target = std::make_shared<server::ServerTarget>();
    target->name = "one";
    target->addresses.emplace_back();
    pool =
        std::make_unique<pool::Pool>(host, key(), std::move(target), std::move(policy), book_pool);
  }
  ~PoolWorld() {
    pool.reset();
    host.sent_away.clear();
    host.turn().sweep();
  }

  static pool::PoolKey key() { return {"database", "user", 0}; }
  static pool::PoolPolicy default_policy() {
    pool::PoolPolicy policy;
    policy.settings.pool_size = 2;
    policy.settings.server_lifetime_us = 3'600 * kSecond;
    policy.settings.query_wait_us = 10 * kSecond;
    policy.server_login_retry_us = 15 * kSecond;
    policy.server_connect_us = 5 * kSecond;
    policy.failover_wait_us = 30 * kSecond;
    policy.reset_query = "DISCARD ALL";
    return policy;
  }

  void step() {
    do {
      host.match_wanted = false;
      run(host.turn());
      pool->match();
    } while (host.match_wanted && !done());
    run(host.turn());
  }
  void pass(Micros time) {
    host.turn().now += time;
    pool->tick(host.turn().now);
    step();
  }
  // Every server that connects gets through and is logged in; what it says of itself.
  void log_in(const char* parameter = "a|b|") {
    for (auto& [socket, line] : std::map(host.network.lines)) {
      if (line.owner == nullptr || line.out.find("user") != std::string::npos) continue;
      host.network.connected(socket);
    }
    run(host.turn());
    for (auto& [socket, line] : std::map(host.network.lines)) {
      if (line.out.find("user") == std::string::npos) continue;
      host.network.sent(socket);
      host.network.say(socket,
                       frame('R', be32(0)) + frame('S', zeros(parameter)) + frame('Z', "I"));
    }
    step();
  }
  // As a standby, which says so again when it is asked: it was taken for the primary.
  void log_in_as_standby() {
    log_in("in_hot_standby|on|");
    for (auto& [socket, line] : std::map(host.network.lines)) {
      if (line.out.find("SHOW in_hot_standby") == std::string::npos) continue;
      host.network.sent(socket);
      host.network.say(socket, frame('D', std::string("\0\1\0\0\0\2on", 8)) + frame('Z', "I"));
    }
    step();
  }
  // A client that has asked for a server, and has it if one was there.
  std::unique_ptr<FakeClient> client() {
    auto made = std::make_unique<FakeClient>(*pool);
    if (server::ServerConnection* server = pool->take(made->settings)) {
      made->granted(*server);
    } else {
      pool->enqueue(*made);
      step();
    }
    return made;
  }
  void give_back(FakeClient& client) {
    pool->give_back(*std::exchange(client.server, nullptr));
    step();
  }
  std::size_t at(pool::Pool::Place place) { return pool->servers_at(place).size(); }
  std::int32_t slots() const { return book_pool->servers.held(); }

  pool::SlotBook book;
  FakeHost host;
  std::shared_ptr<pool::SharedPool> book_pool;
  std::unique_ptr<pool::Pool> pool;

 private:
  // Opening servers ask for a match at each turn; four are enough for everything here.
  bool done() { return ++rounds_ % 4 == 0; }
  int rounds_ = 0;
};

}  // namespace pgsaba::testing
