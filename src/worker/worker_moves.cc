// The part of Worker that gives its clients to another process, and takes another one's.
#include <algorithm>

#include "pgsaba/base/fields.h"
#include "pgsaba/base/log.h"
#include "pgsaba/worker/worker.h"
#include "worker/acceptor.h"
#include "worker/found_secrets.h"
#include "worker/listen_desk.h"

namespace pgsaba::worker {

using session::ClientSession;
using session::Phase;

namespace {

constexpr std::size_t kMostLeaving = 64;  // at a time
constexpr Micros kLookAgainUs = kSecond;
// The mark of a client that listens comes at once, if the connection on which it does is there.
constexpr Micros kPatienceUs = 5 * kSecond;

// What an heirloom is made of, one behind the other.
constexpr std::uint8_t kSecret = 1;
constexpr std::uint8_t kRevealed = 2;
constexpr std::uint8_t kCustomName = 3;
constexpr std::size_t kHeirloomBytes = 16'384;  // of one, about

bool fill(auth::Sha256Digest& to, FieldReader& from) {
  const std::string_view bytes = from.text();
  if (bytes.size() != to.size()) return false;
  std::ranges::copy(bytes_of(bytes), to.data());
  return true;
}

}  // namespace

// ---- where they come from ----------------------------------------------------------------------

void Worker::on_mail(MoveOut& mail) {
  moving_out_ = mail.begins;
  drained_told_ = false;
  reconfigure_pools();
  if (!moving_out_) {
    departing_.clear();
    for (const auto& [id, since] : std::exchange(leaving_, {}))
      if (ClientSession* session = find_client(id)) session->stay(false);
    for (const net::Socket listener : mail.listeners) listen(listener);
    return;
  }
  for (const auto& acceptor : acceptors_) turn_.network.unwatch(acceptor->listener());
  acceptors_.clear();
  send_heirlooms();
  look_for_departures();
}

// Those that merely did not suit before, and those that have begun a transaction without a
// statement.
void Worker::look_for_departures() {
  next_look_ = turn_.now + kLookAgainUs;
  for (const Phase phase : {Phase::kIdle, Phase::kLinked})
    sessions_in(phase).for_each([this](const ClientSession& session) {
      if (session.may_move()) departing_.push_back(session.id());
    });
}

// Behind everything else in the turn: what clients were told is on its way.
void Worker::move_clients_out() {
  for (const std::uint32_t id : std::exchange(may_leave_, {}))
    if (ClientSession* session = find_client(id)) let_go(*session);
  if (moving_out_ && logged_in_since_) send_heirlooms();
  while (moving_out_ && !departing_.empty() && leaving_.size() < kMostLeaving) {
    ClientSession* session = find_client(departing_.front());
    departing_.pop_front();
    if (session != nullptr && session->may_move()) offer(*session);
  }
  if (turn_.now >= next_look_) {
    look_for_departures();
    give_up_departures();
  }
  if (all_left() && !std::exchange(drained_told_, true)) process_.control->worker_drained(index_);
}

void Worker::offer(ClientSession& session) {
  LeavingClient client{index_, session.id(), session::pack(session.begin_leaving())};
  const bool fits = client.session.size() <= session::PortableSession::kMostBytes;
  if (fits) client.socket = turn_.network.duplicate(session.socket());
  if (client.socket == net::kNoSocket) return session.stay(!fits);
  leaving_[session.id()] = turn_.now;
  process_.control->client_leaves(std::move(client));
}

void Worker::on_mail(DepartureAnswered& mail) {
  if (!leaving_.contains(mail.client)) return;
  ClientSession* session = find_client(mail.client);
  const bool leaves =
      session != nullptr && mail.taken && session->state() == ClientSession::State::kLeaving;
  if (leaves) return session->taken();
  leaving_.erase(mail.client);
  process_.control->client_left(mail.client, false);
  if (session != nullptr) session->stay(false);
}

// In the middle of what it heard: what it is told last is not sent yet.
void Worker::may_leave(ClientSession& session) { may_leave_.push_back(session.id()); }

void Worker::let_go(ClientSession& session) {
  if (session.state() != ClientSession::State::kLeaving) return;
  if (!session.sent_all()) return may_leave_.push_back(session.id());
  leaving_.erase(session.id());
  process_.control->client_left(session.id(), true);
  ++moved_out_;
  session.vanish();
}

// The other process did not say a word, or the mark does not come.
void Worker::give_up_departures() {
  for (auto at = leaving_.begin(); at != leaving_.end();) {
    ClientSession* session = find_client(at->first);
    const bool waits = session != nullptr && turn_.now - at->second < kPatienceUs;
    if (waits) {
      ++at;
      continue;
    }
    process_.control->client_left(at->first, false);
    if (session != nullptr) session->stay(false);
    at = leaving_.erase(at);
  }
}

// Also nobody on the way to this worker. A console is nobody: it may be what looks on.
bool Worker::all_left() const {
  const std::size_t consoles = sessions_[static_cast<std::size_t>(Phase::kConsole)].size();
  return moving_out_ && leaving_.empty() && clients_.size() == consoles &&
         static_cast<std::size_t>(*process_.loads[index_]) == clients_.size();
}

// ---- where they go -----------------------------------------------------------------------------

void Worker::on_mail(ClientArrives& mail) {
  auto from = session::unpack(mail.session);
  if (!from || stopping_) {
    log::warning("a client of the process before stays there: {}",
                 from ? std::string("this one stops") : from.error().message);
    turn_.network.close(mail.socket);
    --*process_.loads[index_];
    return process_.control->client_arrived({.number = mail.number});
  }
  const std::uint32_t id = new_client_id();
  auto made = std::make_unique<ClientSession>(*this, id, mail.socket);
  ClientSession& session = *made;
  sessions_in(Phase::kLogin).push_back(session);
  clients_.emplace(id, std::move(made));
  arriving_[id] = mail.number;
  const bool open = !may_log_in(from->database);
  const session::Admission admission =
      open ? admit(from->database, from->user) : session::Admission{};
  const bool well =
      admission.account != nullptr && session.arrive(std::move(*from), *admission.account);
  if (!well) arrived(session, false);
}

void Worker::arrived(ClientSession& session, bool well) {
  const auto number = arriving_.find(session.id());
  if (number == arriving_.end()) return;
  process_.control->client_arrived({number->second, well, session.id(), session.key_pid()});
  if (well) return;
  arriving_.erase(number);
  session.vanish();
}

void Worker::on_mail(ArrivalDecided& mail) {
  const auto arrived =
      std::ranges::find_if(arriving_, [&](const auto& one) { return one.second == mail.number; });
  if (arrived == arriving_.end()) return;
  ClientSession* session = find_client(arrived->first);
  arriving_.erase(arrived);
  if (session == nullptr) return;
  if (!mail.stays) return session->vanish();
  ++moved_in_;
  session->go_on(mail.unheard);
}

void Worker::mark_notifications(ClientSession& session, std::uint32_t ticket,
                                std::vector<std::string> channels, const std::string& mark) {
  listen_desk_->order({session.account()->database, session.account()->user, session.id(), ticket,
                       std::move(channels), mark});
}

// ---- what they leave behind --------------------------------------------------------------------

// Secrets that servers told of users, and keys that logins have revealed: servers are logged in to
// with them. And the names of parameters, by which servers are asked for what clients have set.
void Worker::send_heirlooms() {
  logged_in_since_ = false;
  std::string bytes;
  FieldWriter to(bytes);
  const auto send = [&](std::size_t above) {
    if (bytes.size() > above) process_.control->heirloom(std::exchange(bytes, {}));
  };
  found_secrets_->visit([&](const FoundSecrets::Who& who, const auth::Secret& secret) {
    to.byte(kSecret).text(who.first).text(who.second).text(auth::format_secret(secret));
    send(kHeirloomBytes);
  });
  for (const auth::ScramPassThrough& one : scram_keys_.cache().revealed()) {
    to.byte(kRevealed).text(one.keys.client_key.text()).text(one.keys.server_key.text());
    to.text(one.salt.text()).number(one.iterations);
    send(kHeirloomBytes);
  }
  for (const std::string& name : process_.custom_names.learned()) {
    to.byte(kCustomName).text(name);
    send(kHeirloomBytes);
  }
  send(0);
}

void Worker::on_mail(Heirloom& mail) {
  FieldReader from(mail.bytes);
  while (!from.complete() && !from.failed()) {
    const std::uint8_t kind = from.byte();
    if (kind == kSecret) {
      std::string database(from.text());
      std::string user(from.text());
      const auto secret = auth::parse_secret(from.text());
      if (secret.ok() && !from.failed())
        keep_secret({std::move(database), std::move(user)}, *secret);
    } else if (kind == kCustomName) {
      process_.custom_names.learn(std::string(from.text()));
    } else {
      auth::ScramPassThrough one;
      const bool whole = fill(one.keys.client_key, from) && fill(one.keys.server_key, from);
      one.salt = auth::SecretBytes(from.text());
      one.iterations = static_cast<std::uint32_t>(from.number());
      if (!whole || from.failed()) return;
      scram_keys_.cache().remember(one);
    }
  }
}

}  // namespace pgsaba::worker
