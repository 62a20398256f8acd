#include "control/upgrade.h"

#include <unistd.h>

#include "control/standing.h"
#include "control/successor_process.h"
#include "pgsaba/base/log.h"
#include "pgsaba/wire/sqlstate.h"

namespace pgsaba::control {
namespace {

// How long the second process may take until it could serve.
constexpr Micros kStartUs = 60 * kSecond;

constexpr std::size_t kPartBytes = 32'768;  // of a session, in one message

}  // namespace

Upgrade::Upgrade(Place place, Deeds deeds, std::string config_path, std::string version)
    : place_(place),
      deeds_(std::move(deeds)),
      program_(own_program()),
      config_path_(std::move(config_path)),
      version_(std::move(version)) {
  if (const int end = passed_takeover(); end >= 0)
    predecessor_ = std::make_unique<TakeoverChannel>(place_.loop, end);
}

// ---- the start ---------------------------------------------------------------------------------

std::optional<std::string> Upgrade::objection() const {
  if (place_.controls.stopping()) return "pgsaba is shutting down";
  if (handed_over_) return "another process has taken over already";
  if (successor_) return "an upgrade is under way already";
  if (!may_serve()) return "pgsaba does not serve yet";
  if (!place_.controls.picture().switching.empty()) return "a switchover is under way";
  return std::nullopt;
}

void Upgrade::begin(Done done) {
  if (const auto why = objection()) {
    log::warning("no upgrade: {}", *why);
    return done(admin::failed(wire::sqlstate::kObjectNotInState, "no upgrade: " + *why));
  }
  done_ = std::move(done);
  refusal_.clear();
  handed_on_ = false;
  log::info("upgrade: starts {}", program_);
  const auto end = start_successor(program_, {"pgsaba", "serve", "-c", config_path_},
                                   place_.manager.environment());
  if (!end) return refuse(end.error().message);
  successor_ = std::make_unique<TakeoverChannel>(place_.loop, *end);
  const Status listening = successor_->listen(
      [this](const TakeoverChannel::Received& received) { from_successor(received.message); },
      [this] { successor_gone(); });
  if (!listening.ok()) {
    successor_.reset();
    return refuse(listening.error().message);
  }
  send_preface();
  patience_ = place_.loop.after(kStartUs, [this] {
    refusal_ = "it was not ready in time";
    successor_gone();
  });
}

void Upgrade::send_preface() {
  successor_->send({.kind = Kind::kHello, .number = TakeoverMessage::kFormat, .text = version_});
  for (const Listeners::Passed& one : place_.listeners.passed())
    successor_->send({.kind = Kind::kListener,
                      .flag = one.inherited,
                      .text = one.address.to_string(),
                      .more = one.path},
                     one.socket);
  successor_->send({.kind = Kind::kStanding, .text = pack_standing(place_.controls.picture())});
  for (const auto& [database, catalogue] : place_.controls.picture().catalogues)
    successor_->send({.kind = Kind::kCatalogue, .text = database.cluster, .more = database.dbname});
  successor_->send({.kind = Kind::kBegin});
}

void Upgrade::finish(admin::AdminReply reply) {
  if (auto done = std::exchange(done_, nullptr)) done(std::move(reply));
}

void Upgrade::refuse(const std::string& why) {
  log::error("upgrade refused, this process goes on: {}", why);
  finish(admin::failed(wire::sqlstate::kObjectNotInState, "upgrade refused: " + why,
                       "This process goes on as before. The log has what the new one said."));
}

// ---- what the second process says --------------------------------------------------------------

void Upgrade::from_successor(const TakeoverMessage& message) {
  switch (message.kind) {
    case Kind::kReady:
      return successor_ready(message.number);
    case Kind::kFailed:
      refusal_ = message.text;
      return;
    case Kind::kAnswer: {
      const auto client = static_cast<std::uint32_t>(message.number);
      const auto worker = departures_.find(client);
      if (worker != departures_.end())
        place_.controls.tell_worker(worker->second,
                                    worker::DepartureAnswered{client, message.flag});
      return;
    }
    case Kind::kCancel:
      return cancel_from(message, predecessor_.get());
    case Kind::kHandedOn:
      handed_on_ = true;
      return;
    case Kind::kStopping:
      handed_on_ = true;
      return successor_stops(static_cast<ShutdownMode>(std::min<std::uint64_t>(
          message.number, static_cast<std::uint64_t>(ShutdownMode::kAtOnce))));
    default:
      return;
  }
}

// A service manager may have told both: once more is not twice.
void Upgrade::successor_stops(ShutdownMode mode) {
  if (!place_.controls.stopping() || mode == ShutdownMode::kAtOnce) place_.controls.shutdown(mode);
}

// Before the other one serves, all workers have to know that they are not alone.
void Upgrade::successor_ready(std::uint64_t process) {
  if (handed_over_) return;
  place_.controls.change_picture([](worker::Picture& picture) { picture.shared = true; });
  place_.controls.gather(stats::Detail::kSums,
                         [this, process](const auto&) { hand_over(process); });
}

void Upgrade::hand_over(std::uint64_t process) {
  if (!successor_ || handed_over_ || place_.controls.stopping()) return;
  handed_over_ = true;
  deeds_.http(false);
  place_.listeners.lend();
  place_.controls.tell_workers([] { return worker::MoveOut{}; });
  place_.manager.hand_over(process);
  successor_->send({.kind = Kind::kServe});
  if (predecessor_) predecessor_->send({.kind = Kind::kHandedOn});
  log::info("upgrade: process {} serves from now on; clients move as they come to rest", process);
  const Micros limit = place_.controls.picture().config->timeouts.upgrade_us;
  patience_.reset();
  if (limit > 0)
    patience_ = place_.loop.after(limit, [this] {
      log::warning("timeouts.upgrade is over: clients that could not move are let go");
      place_.controls.shutdown(ShutdownMode::kWaitForTransactions);
    });
  finish({});
  deeds_.looked_again();
}

void Upgrade::successor_gone() {
  patience_.reset();
  successor_.reset();
  if (!handed_over_) {
    stop_sharing();
    return refuse(refusal_.empty() ? "the new process has ended" : refusal_);
  }
  if (!handed_on_ && !place_.controls.stopping()) take_back();
}

void Upgrade::take_back() {
  log::critical("the process that took over has ended; this one goes on instead");
  handed_over_ = false;
  departures_.clear();
  place_.listeners.own();
  place_.controls.tell_workers([this] {
    return worker::MoveOut{false, place_.listeners.sockets()};
  });
  stop_sharing();
  deeds_.http(true);
  place_.manager.take_back();
  deeds_.looked_again();
}

// ---- from workers ------------------------------------------------------------------------------

void Upgrade::client_leaves(worker::LeavingClient client) {
  if (!successor_) {
    ::close(client.socket);
    return place_.controls.tell_worker(client.worker, worker::DepartureAnswered{client.client});
  }
  departures_[client.client] = client.worker;
  std::string_view rest = client.session;
  for (; rest.size() > kPartBytes; rest.remove_prefix(kPartBytes))
    successor_->send({.kind = Kind::kClientPart,
                      .number = client.client,
                      .text = std::string(rest.substr(0, kPartBytes))});
  successor_->send({.kind = Kind::kClient, .number = client.client, .text = std::string(rest)},
                   client.socket);
}

void Upgrade::client_left(std::uint32_t client, bool left) {
  departures_.erase(client);
  if (successor_) successor_->send({.kind = Kind::kDecision, .number = client, .flag = left});
}

void Upgrade::heirloom(std::string bytes) {
  if (successor_) successor_->send({.kind = Kind::kHeirloom, .text = std::move(bytes)});
}

void Upgrade::cancel_astray(const wire::CancelKey& key) {
  cancel_here(key);
  const TakeoverMessage message{.kind = Kind::kCancel, .number = key.pid, .text = key.secret};
  if (predecessor_) predecessor_->send(message);
  if (successor_) successor_->send(message);
}

void Upgrade::stopping(ShutdownMode mode) {
  if (predecessor_ && served_)
    predecessor_->send({.kind = Kind::kStopping, .number = static_cast<std::uint64_t>(mode)});
}

}  // namespace pgsaba::control
