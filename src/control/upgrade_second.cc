// The part of Upgrade that takes over from the process before.
#include <unistd.h>

#include <algorithm>

#include "control/standing.h"
#include "control/upgrade.h"
#include "pgsaba/base/log.h"
#include "pgsaba/session/portable_session.h"
#include "pgsaba/worker/client_number.h"

namespace pgsaba::control {
namespace {

// How long the first process may take to say what it passes on: it has said so already.
constexpr Micros kPrefaceUs = 10 * kSecond;

std::size_t least_loaded(const worker::Process& process) {
  std::size_t chosen = 0;
  for (std::size_t i = 0; i < process.loads.size(); ++i)
    if (*process.loads[i] < *process.loads[chosen]) chosen = i;
  return chosen;
}

}  // namespace

// ---- the start ---------------------------------------------------------------------------------

Status Upgrade::inherit(worker::Picture& picture) {
  if (!predecessor_) return done();
  picture.shared = true;
  for (bool begun = false; !begun;) {
    auto received = predecessor_->receive_now(kPrefaceUs);
    if (!received) return received.error();
    begun = received->message.kind == Kind::kBegin;
    if (Status taken = take_preface(std::move(*received), picture); !taken.ok()) return taken;
  }
  return predecessor_->listen(
      [this](TakeoverChannel::Received received) { from_predecessor(std::move(received)); },
      [this] { predecessor_gone(); });
}

Status Upgrade::take_preface(TakeoverChannel::Received received, worker::Picture& picture) {
  const TakeoverMessage& message = received.message;
  if (message.kind == Kind::kHello && message.number != TakeoverMessage::kFormat)
    return Error{"pgsaba " + message.text + " passes its clients on in format " +
                     std::to_string(message.number) + ", this version takes them in format " +
                     std::to_string(TakeoverMessage::kFormat),
                 "Restart it instead."};
  if (message.kind == Kind::kHello) log::info("takes over from pgsaba {}", message.text);
  if (message.kind == Kind::kStanding) apply_standing(message.text, picture);
  if (message.kind == Kind::kCatalogue) known_catalogues_.push_back({message.text, message.more});
  if (message.kind != Kind::kListener || received.socket == net::kNoSocket) return done();
  auto address = net::Address::parse(message.text);
  if (!address) {
    ::close(received.socket);
    return address.error();
  }
  place_.listeners.take_over({*address, received.socket, message.more, message.flag});
  return done();
}

void Upgrade::ready() {
  if (!predecessor_ || std::exchange(ready_, true)) return;
  predecessor_->send({.kind = Kind::kReady, .number = static_cast<std::uint64_t>(::getpid())});
}

void Upgrade::failed(const Error& why) {
  if (!predecessor_ || served_) return;
  predecessor_->send(
      {.kind = Kind::kFailed, .text = why.message + (why.hint.empty() ? "" : "; " + why.hint)});
}

// ---- what the first process says ---------------------------------------------------------------

void Upgrade::from_predecessor(TakeoverChannel::Received received) {
  TakeoverMessage& message = received.message;
  const bool moves = message.kind == Kind::kClient || message.kind == Kind::kClientPart;
  if (moves && served_) return client_comes(std::move(message), received.socket);
  if (received.socket != net::kNoSocket) ::close(received.socket);
  switch (message.kind) {
    case Kind::kServe:
      if (std::exchange(served_, true)) return;
      place_.listeners.own();
      deeds_.http(true);
      return deeds_.serve();
    case Kind::kHeirloom:
      return place_.controls.tell_workers([&] { return worker::Heirloom{message.text}; });
    case Kind::kDecision: {
      const auto number = static_cast<std::uint32_t>(message.number);
      const auto arrival = arrivals_.find(number);
      if (arrival == arrivals_.end()) return;
      place_.controls.tell_worker(arrival->second.worker,
                                  worker::ArrivalDecided{number, message.flag});
      arrivals_.erase(arrival);
      return;
    }
    case Kind::kCancel:
      return cancel_from(message, successor_.get());
    default:
      return;
  }
}

void Upgrade::client_comes(TakeoverMessage message, net::Socket socket) {
  const auto number = static_cast<std::uint32_t>(message.number);
  Arrival& arrival = arrivals_[number];
  if (arrival.session.size() <= session::PortableSession::kMostBytes)
    arrival.session += message.text;
  if (socket == net::kNoSocket) return;
  arrival.worker = least_loaded(place_.process);
  ++*place_.process.loads[arrival.worker];
  place_.controls.tell_worker(
      arrival.worker, worker::ClientArrives{number, std::exchange(arrival.session, {}), socket});
}

void Upgrade::client_arrived(const worker::ArrivedClient& client) {
  const auto arrival = arrivals_.find(client.number);
  if (arrival == arrivals_.end()) return;
  if (client.well) moved_.emplace(client.key_pid, std::pair(arrival->second.worker, client.client));
  if (predecessor_)
    predecessor_->send({.kind = Kind::kAnswer, .number = client.number, .flag = client.well});
  if (!client.well) arrivals_.erase(arrival);
}

// Nobody else has the clients that were on their way.
void Upgrade::predecessor_gone() {
  predecessor_.reset();
  if (!served_) {
    log::critical("the process to take over from has ended, or has given up");
    return deeds_.give_up();
  }
  for (const auto& [number, arrival] : std::exchange(arrivals_, {}))
    place_.controls.tell_worker(arrival.worker, worker::ArrivalDecided{number, true, true});
  log::info("the process before has ended: its clients are all here, or have left");
  if (!handed_over_) return stop_sharing();
  // Behind whatever workers have said without knowing of those that came last.
  counts_ = true;
  place_.controls.gather(stats::Detail::kSums, [this](const auto&) {
    counts_ = false;
    deeds_.count_again();
  });
}

// Whatever the other's clients have written and defined was before now.
void Upgrade::stop_sharing() {
  if (predecessor_ || successor_) return;
  place_.process.causal_clocks.everything_written();
  place_.process.definitions.everything_changed();
  place_.controls.change_picture([](worker::Picture& picture) { picture.shared = false; });
}

// ---- cancel requests ---------------------------------------------------------------------------

// Clients that came from elsewhere. True: there is one, perhaps the one that is meant.
bool Upgrade::cancel_here(const wire::CancelKey& key) {
  const auto [first, last] = moved_.equal_range(key.pid);
  std::for_each(first, last, [&](const auto& moved) {
    const auto& [worker, client] = moved.second;
    place_.controls.tell_worker(worker, worker::CancelOrder{key, true, client});
  });
  return first != last;
}

void Upgrade::cancel_from(const TakeoverMessage& message, TakeoverChannel* onward) {
  const wire::CancelKey key{static_cast<std::uint32_t>(message.number), message.text};
  cancel_here(key);
  const std::size_t worker =
      worker::worker_of_key(key.pid, place_.controls.picture().config->peer_id);
  if (worker < place_.process.mailboxes.size())
    place_.controls.tell_worker(worker, worker::CancelOrder{key, true});
  if (onward != nullptr) onward->send(message);
}

}  // namespace pgsaba::control
