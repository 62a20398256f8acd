#include "sim/world.h"

#include <algorithm>

#include "pgsaba/config/config.h"

namespace pgsaba::sim {
namespace {

constexpr Micros kPatienceUs = 3 * kSecond;   // beyond query_wait, until a client counts as stuck
constexpr Micros kLongestUs = 600 * kSecond;  // of a run
constexpr int kMostIdleTurns = 200;
constexpr NetworkHabits kEvenNetwork{30, 60'000, 128'000, 0, 0};

NetworkHabits random_network(Random& random) {
  NetworkHabits habits;
  habits.max_delay = random.between<Micros>(1, 400);
  habits.max_piece = random.chance(30) ? 7 : random.between<std::size_t>(50, 60'000);
  habits.short_write_percent = random.chance(50) ? 0 : 10;
  return habits;
}

}  // namespace

// ---- scenario ----------------------------------------------------------------------------------

Scenario Scenario::random(std::uint64_t seed) {
  Random chance(seed ^ 0x5ca1ab1e);
  Scenario one;
  one.seed = seed;
  one.workers = chance.chance(40) ? 1 : chance.between<std::size_t>(2, 16);
  one.clients = chance.between(2, 40);
  one.pool.size = chance.between(1, 8);
  one.pool.max_prepared_statements = chance.between(1, 12);
  if (chance.chance(15)) one.query_wait_us = 100 * kMillisecond;
  if (chance.chance(20)) one.pool.server_lifetime_us = chance.between<Micros>(0, 50'000);
  if (chance.chance(20)) one.starting_us = chance.between<Micros>(1'000, 1'500'000);
  if (chance.chance(35)) one.kills = chance.between(1, 8);
  one.client.batches = chance.between(3, 25);
  one.client.depth = chance.chance(50) ? 1 : chance.between(2, 6);
  one.client.think_us = chance.chance(50) ? 0 : chance.between<Micros>(100, 20'000);
  one.client.read_delay_us = chance.chance(80) ? 100 : 5'000;
  one.client.cancel_percent = chance.chance(60) ? chance.between(1, 40) : 0;
  one.client.vanish_percent = chance.chance(40) ? chance.between(1, 5) : 0;
  one.workload.extended_percent = chance.between(0, 100);
  one.workload.failure_percent = chance.between(0, 15);
  one.workload.discard_percent = chance.chance(30) ? 3 : 0;
  one.workload.misuse_percent = chance.between(0, 30);
  one.workload.sleep_us = chance.between(0L, 15'000L);
  one.pool.max_pinned_servers = chance.between(0, 4);
  one.workload.pin_percent = chance.chance(50) ? chance.between(1, 15) : 0;
  one.workload.listen_percent = chance.chance(50) ? chance.between(1, 20) : 0;
  one.workload.prepare_percent = chance.chance(50) ? chance.between(1, 20) : 0;
  if (chance.chance(40)) one.reloads = chance.between(1, 6);
  one.session_pooling = chance.chance(40);
  return one;
}

std::string Outcome::text() const {
  std::string text = std::to_string(runs) + " statements, " + std::to_string(transactions) +
                     " transactions in " + std::to_string(duration / 1'000) + " virtual ms, " +
                     std::to_string(turns) + " turns, " + std::to_string(lent_servers) +
                     " servers lent between workers";
  for (const std::string& finding : findings) text += "\n  " + finding;
  return text;
}

// ---- making ------------------------------------------------------------------------------------

World::World(Scenario scenario)
    : scenario_(scenario),
      kernel_(scenario.seed),
      judge_(kernel_.now),
      back_end_(kernel_, judge_),
      pool_(scenario.pool),
      most_servers_(scenario.pool.size) {
  kernel_.habits = scenario.event_cost_us > 0 ? kEvenNetwork : random_network(kernel_.random);
  back_end_.starting_until = scenario.starting_us;
  kernel_.serve([this](net::Socket socket) { return back_end_.accept(socket); });
  process_.control = &control_;
  const auto picture_now = picture();
  for (std::size_t i = 0; i < scenario.workers; ++i) {
    Place place;
    place.network = std::make_unique<SimNetwork>(kernel_);
    place.worker =
        std::make_unique<worker::Worker>(i, *place.network, process_, picture_now, kernel_.now);
    process_.mailboxes.push_back(&place.worker->mailbox());
    process_.loads.push_back(std::make_unique<std::atomic<std::int32_t>>(0));
    place.worker->listen(1);
    places_.push_back(std::move(place));
  }
  slots_ = process_.slots.pool({"db", "u", 0});
  add_clients();
  for (int i = 0; i < scenario.kills; ++i)
    kernel_.at(kernel_.random.below(scenario.busy_us) + 2'000, [this] { back_end_.kill_one(); });
  for (int i = 0; i < scenario.reloads; ++i)
    kernel_.at(kernel_.random.below(scenario.busy_us), [this] { intervene(); });
}

World::~World() {
  for (Place& place : places_) place.worker->end_all();
}

std::shared_ptr<const worker::Picture> World::picture() const {
  auto config = std::make_shared<config::Config>();
  config->clusters["main"].servers.push_back({"one", "127.0.0.1", 5432, 1});
  config::DatabaseSettings& database = config->databases["db"];
  database.cluster = "main";
  database.pool_mode = pool_.mode;
  database.pool_size = pool_.size;
  database.server_lifetime_us = pool_.server_lifetime_us;
  database.query_wait_us = scenario_.query_wait_us;
  config->pool.max_prepared_statements = pool_.max_prepared_statements;
  config->pool.max_pinned_servers = pool_.max_pinned_servers;
  config->auth.type = config::AuthType::kTrust;
  config->log.connections = config->log.disconnections = false;
  auto topology = std::make_shared<routing::Topology>();
  routing::TopologyServer server;
  server.name = "one";
  server.role = routing::ServerRole::kPrimary;
  server.reachable = server.accepts_writes = true;
  topology->clusters.push_back({"main", {server}, routing::PrimaryState::kElected, 0});
  auto picture = std::make_shared<worker::Picture>();
  picture->generation = generation_;
  picture->config = std::move(config);
  picture->users = std::make_shared<auth::UserList>();
  picture->topology = std::move(topology);
  if (paused_) picture->paused.insert("db");
  picture->addresses["main"] = {{*net::Address::from_host("127.0.0.1", 5432)}};
  return picture;
}

// What an administrator does.
void World::intervene() {
  Random& random = kernel_.random;
  switch (random.below(6)) {
    case 0:
      judge_.reconnected = true;
      for (const Place& place : places_) place.worker->mailbox().post(worker::Reconnect{});
      return;
    case 1:
      judge_.reconnected = true;
      show(true);
      kernel_.at(kernel_.now + random.between<Micros>(1, 50'000), [this] { show(false); });
      return;
    case 2:
      pool_.server_lifetime_us =
          random.chance(50) ? 3600 * kSecond : random.between<Micros>(0, 50'000);
      break;
    case 3:
      pool_.max_prepared_statements = random.between(1, 12);
      break;
    default:
      pool_.size = random.between(1, 8);
      pool_.max_pinned_servers = random.between(0, 4);
      most_servers_ = std::max(most_servers_, pool_.size);
  }
  if (scenario_.session_pooling)
    pool_.mode = random.chance(50) ? config::PoolMode::kSession : config::PoolMode::kTransaction;
  show(paused_);
}

void World::show(bool paused) {
  paused_ = paused;
  ++generation_;
  const auto picture_now = picture();
  for (const Place& place : places_) place.worker->mailbox().post(worker::NewPicture{picture_now});
}

void World::add_clients() {
  for (int i = 0; i < scenario_.clients; ++i) {
    ClientHabits habits = scenario_.client;
    habits.query_wait_us = scenario_.query_wait_us;
    habits.session_pooling = scenario_.session_pooling;
    habits.own_time_zone = kernel_.random.chance(10);
    // Some never do: what hits them was meant for others.
    if (kernel_.random.chance(50)) habits.cancel_percent = 0;
    clients_.push_back(std::make_unique<SimClient>(i, kernel_, judge_, habits, scenario_.workload));
    kernel_.at(kernel_.random.below<Micros>(scenario_.workload.plain ? 1 : 5'000),
               [client = clients_.back().get()] { client->begin(); });
  }
}

// ---- running -----------------------------------------------------------------------------------

Outcome World::run() {
  while (!over() && judge_.findings().empty() && kernel_.now < kLongestUs) step();
  Outcome outcome;
  outcome.duration = kernel_.now;
  for (const auto& client : clients_)
    if (!client->finished() && judge_.findings().empty())
      judge_.accuse("never ends: " + client->describe());
  if (judge_.findings().empty()) check_rest();
  outcome.findings = judge_.findings();
  outcome.runs = judge_.runs;
  outcome.transactions = judge_.transactions;
  outcome.lent_servers = kernel_.moved_sockets;
  outcome.cancels_hit = judge_.cancels_hit;
  outcome.own_cancelled = judge_.own_cancelled;
  outcome.refused = judge_.refused;
  outcome.pins_refused = judge_.pins_refused;
  outcome.pinned = static_cast<std::size_t>(most_pinned_);
  outcome.heard = judge_.heard;
  outcome.turns = turns_;
  return outcome;
}

Pace World::measure(Micros warm_up, Micros window) {
  run_until(kernel_.now + warm_up);
  const std::size_t transactions = judge_.transactions;
  const std::size_t lent = kernel_.moved_sockets;
  run_until(kernel_.now + window);
  return {judge_.transactions - transactions, kernel_.moved_sockets - lent, judge_.findings()};
}

void World::thin_out(std::size_t first_worker, int left) {
  std::vector<int> seen(places_.size());
  for (const auto& client : clients_)
    if (client->worker() >= first_worker && ++seen[client->worker()] > left) client->finish();
}

void World::run_until(Micros when) {
  while (kernel_.now < when && judge_.findings().empty()) step();
}

bool World::over() const {
  return std::ranges::all_of(clients_, [](const auto& client) { return client->finished(); });
}

World::Place* World::choose_ready() {
  std::vector<Place*> ready;
  for (Place& place : places_)
    if (place.free_at <= kernel_.now && (place.network->pending() || place.wake_at <= kernel_.now))
      ready.push_back(&place);
  return ready.empty() ? nullptr : ready[kernel_.random.below(ready.size())];
}

void World::step() {
  kernel_.run_due();
  if (Place* place = choose_ready()) return run_turn(*place);
  Micros next = kernel_.next_event();
  for (const Place& place : places_)
    next = std::min(
        next, std::max(place.free_at, place.network->pending() ? kernel_.now : place.wake_at));
  kernel_.now = std::max(kernel_.now, next);
  if (kernel_.now < next_check_) return;
  next_check_ = kernel_.now + 50 * kMillisecond;
  check_progress();
}

void World::run_turn(Place& place) {
  ++turns_;
  const bool called = place.network->pending();
  const std::uint64_t events = kernel_.events_reported;
  place.network->wait(0);
  const Micros cost = turn_cost(kernel_.events_reported - events);
  place.worker->run_turn(kernel_.now);
  const Micros pause = place.worker->timeout(kernel_.now);
  place.idle_turns = called || pause > 0 ? 0 : place.idle_turns + 1;
  if (place.idle_turns > kMostIdleTurns) judge_.accuse("a worker turns without rest and work");
  place.free_at = kernel_.now + cost;
  place.wake_at = std::max(place.free_at, kernel_.now + pause);
  check_limits();
}

Micros World::turn_cost(std::uint64_t events) {
  if (scenario_.event_cost_us == 0)
    return kernel_.random.between<Micros>(1, scenario_.turn_cost_us);
  return scenario_.turn_cost_us + scenario_.event_cost_us * static_cast<Micros>(events);
}

// ---- judging -----------------------------------------------------------------------------------

void World::check_limits() {
  // The connection that listens for all takes no slot.
  const std::int32_t listener = scenario_.workload.listen_percent > 0 ? 1 : 0;
  const auto open = static_cast<std::int32_t>(kernel_.server_sockets());
  const std::int32_t held = slots_->servers.held();
  if (open - listener > most_servers_ || held > most_servers_)
    judge_.accuse(std::to_string(open) + " servers are open, pool_size is " +
                  std::to_string(most_servers_));
  check_pins();
  if (held < open - listener)
    judge_.accuse(std::to_string(open) + " servers are open on " +
                  std::to_string(slots_->servers.held()) + " slots");
}

// Pins are counted, and the last server is never kept, unless by clients of session pooling that
// has ended. Those do not keep others from a place with which they wait for a server.
void World::check_pins() {
  const std::int32_t pins = slots_->pins.lasting();
  most_pinned_ = std::max(most_pinned_, pins);
  const std::int32_t places = std::max(1, most_servers_ - 1);
  const std::int32_t most = scenario_.session_pooling ? most_servers_ + places : places;
  if (pins > most)
    judge_.accuse(std::to_string(pins) + " servers are kept of " + std::to_string(most_servers_));
}

void World::check_progress() {
  for (const auto& client : clients_) {
    if (!client->waits()) continue;
    const Micros still = kernel_.now - judge_.last_progress(client->id());
    if (still > scenario_.query_wait_us + kPatienceUs)
      judge_.accuse("hangs for " + std::to_string(still) + " us: " + client->describe());
  }
}

// All clients are gone: after a while nothing moves any more and nothing is missing.
void World::check_rest() {
  const Micros settled = kernel_.now + kSecond;
  while (kernel_.now < settled) step();
  const std::size_t before = turns_;
  while (kernel_.now < settled + kSecond) step();
  if (turns_ - before > 15 * places_.size())
    judge_.accuse(std::to_string(turns_ - before) + " turns in an idle second");
  const auto open = static_cast<std::int32_t>(kernel_.server_sockets());
  const auto expect = [&](const char* what, std::int32_t is, std::int32_t should) {
    if (is != should)
      judge_.accuse(std::string(what) + ": " + std::to_string(is) + " at rest, not " +
                    std::to_string(should));
  };
  expect("slots of the pool", slots_->servers.held(), open);
  expect("slots of the database", process_.slots.held_by_database("db"), open);
  expect("slots of the user", process_.slots.held_by_user("u"), open);
  expect("processes of the back end", static_cast<std::int32_t>(back_end_.open_processes().size()),
         open);
  expect("servers kept by clients", slots_->pins.lasting(), 0);
  expect("workers with waiting clients", slots_->waiting_workers.load(), 0);
  expect("clients", process_.clients.total().held(), 0);
  for (const auto& load : process_.loads) expect("load", load->load(), 0);
  for (const BackEndProcess* process : back_end_.open_processes())
    if (!process->at_rest() || !process->belongings().empty())
      judge_.accuse("a process of the back end is not at rest, or has what is nobody's");
}

}  // namespace pgsaba::sim
