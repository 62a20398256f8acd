#include "worker/shared_listener.h"

#include <algorithm>
#include <iterator>

#include "pgsaba/session/portable_session.h"
#include "pgsaba/wire/backend.h"
#include "pgsaba/wire/frame.h"

namespace pgsaba::worker {

using server::CloseReason;
using server::ServerConnection;

namespace {

constexpr Micros kFirstDelay = 100 * kMillisecond;
constexpr Micros kLongestDelay = 5'000 * kMillisecond;

std::string statement(std::string_view verb, std::string_view channel) {
  std::string sql(verb);
  sql += " \"";
  for (const char c : channel) sql.append(c == '"' ? 2 : 1, c);
  return sql + "\";";
}

// Digits.
std::string notify(const std::string& mark) {
  return "NOTIFY \"" + std::string(session::kMoveChannel) + "\", '" + mark + "';";
}

}  // namespace

bool still_fits(const ServerConnection& server, const pool::PoolKey& made_for,
                const pool::PoolKey& key, const server::ServerTarget& target) {
  const server::ServerTarget& there = server.target();
  return made_for == key && there.user == target.user && there.database == target.database &&
         there.tls == target.tls &&
         std::ranges::find(target.addresses, server.address()) != target.addresses.end();
}

SharedListener::~SharedListener() {
  if (server_) server_->shut();
}

// Changes the books; what the server has to be told of it is returned.
std::string SharedListener::change(std::uint32_t client, const Channels& wanted) {
  std::string sql;
  const Channels before = clients_.contains(client) ? clients_[client] : Channels();
  for (const std::string& channel : wanted) {
    auto& listeners = listeners_[channel];
    if (listeners.empty()) sql += statement("LISTEN", channel);
    listeners.insert(client);
  }
  for (const std::string& channel : before) {
    if (wanted.contains(channel)) continue;
    const auto found = listeners_.find(channel);
    found->second.erase(client);
    if (!found->second.empty()) continue;
    sql += statement("UNLISTEN", channel);
    listeners_.erase(found);
  }
  if (wanted.empty()) {
    clients_.erase(client);
  } else {
    clients_[client] = wanted;
  }
  return sql;
}

void SharedListener::order(std::uint32_t client, std::uint32_t ticket,
                           std::optional<std::vector<std::string>> channels,
                           const std::string& mark) {
  Order order{client, ticket};
  std::string sql;
  if (channels) {
    const auto known = clients_.find(client);
    if (known != clients_.end()) order.before = known->second;
    const Channels wanted(channels->begin(), channels->end());
    order.adds = ticket != 0 && !std::ranges::includes(order.before, wanted);
    if (ticket != 0)
      std::ranges::set_difference(order.before, wanted,
                                  std::inserter(order.gives_up, order.gives_up.end()));
    sql = change(client, wanted);
  }
  if (!mark.empty()) sql += notify(mark);
  if (ready()) return send(std::move(order), sql);
  // What is given up is not listened to again.
  if (channels && !order.adds) return host_.answer_listener(client, ticket, true);
  if (!server_ && (paused_ || host_.now() < retry_at_)) return refuse(order);
  waiting_.push_back(std::move(order));
  if (!server_) connect();
}

// What it adds cannot be had; what was in force will be again.
void SharedListener::refuse(const Order& order) {
  if (order.adds) change(order.client, order.before);
  host_.answer_listener(order.client, order.ticket, !order.adds);
}

void SharedListener::send(Order order, std::string_view sql) {
  order.sent_at = host_.now();
  orders_.push_back(std::move(order));
  server_->ask(sql);
}

void SharedListener::connect() {
  server_ = host_.open_listener(*this);
  if (!server_) connection_lost();
}

void SharedListener::server_logged_in(ServerConnection& server) {
  server.lend(*this);
  // All that is wanted by now; the orders that came meanwhile ask for a part of it.
  std::string sql;
  for (const auto& [channel, clients] : listeners_) sql += statement("LISTEN", channel);
  send({}, sql);
  for (Order& order : std::exchange(waiting_, {})) send(std::move(order), {});
}

// Calls visit for each whole message that has come; what is left waits for its rest.
template <class Visit>
void SharedListener::take_messages(Bytes bytes, Visit visit) {
  partial_.append(text_of(bytes));
  wire::FrameReader reader(wire::Direction::kFromServer);
  std::size_t used = 0;
  for (;;) {
    const wire::Piece piece = reader.next(bytes_of(partial_).subspan(used), wire::kWholeFrameBytes);
    if (piece.kind != wire::Piece::Kind::kFrame || !piece.complete) break;
    used += piece.bytes.size();
    visit(piece);
  }
  partial_.erase(0, used);
}

void SharedListener::answered(Bytes bytes) {
  take_messages(bytes, [this](const wire::Piece& piece) {
    if (piece.tag == 'E' && !orders_.empty()) orders_.front().failed = true;
  });
}

void SharedListener::answer_complete() {
  partial_.clear();
  if (orders_.empty()) return;
  const Order order = std::move(orders_.front());
  orders_.pop_front();
  if (order.failed) {
    if (order.client != 0) refuse(order);
    return reconnect();  // and listens to what the books say
  }
  if (order.client != 0) return host_.answer_listener(order.client, order.ticket, true);
  retry_delay_ = 0;
  listens_ = true;
  if (!std::exchange(missed_, false)) return;
  for (const auto& [client, channels] : clients_) host_.warn_listener(client);
}

// Notifications, and what the server says without being asked.
void SharedListener::server_sent(Bytes bytes) {
  take_messages(bytes, [this](const wire::Piece& piece) {
    if (piece.tag != 'A') return;
    const auto clients = hearers(std::string(wire::read_channel(piece.body())));
    if (!clients.empty()) host_.notify(clients, piece.bytes);
  });
}

// Also who gives the channel up, but has not yet been told that this is in force.
std::vector<std::uint32_t> SharedListener::hearers(const std::string& channel) const {
  std::vector<std::uint32_t> clients;
  const auto found = listeners_.find(channel);
  if (found != listeners_.end()) clients.assign(found->second.begin(), found->second.end());
  for (const Order& order : orders_)
    if (order.gives_up.contains(channel) &&
        std::ranges::find(clients, order.client) == clients.end())
      clients.push_back(order.client);
  return clients;
}

void SharedListener::server_closed(ServerConnection&, CloseReason) { connection_lost(); }

// One that listened is made again at once, and whoever waits for an answer gets it from that. If it
// cannot be made, nobody is kept waiting: he can listen on a server of his own.
void SharedListener::connection_lost() {
  if (listens_) return start_over();
  bury();
  retry_delay_ = std::clamp(retry_delay_ * 2, kFirstDelay, kLongestDelay);
  retry_at_ = host_.now() + retry_delay_;
  std::deque<Order> failed = std::exchange(orders_, {});
  std::ranges::move(waiting_, std::back_inserter(failed));
  waiting_.clear();
  // The last comes first, so that the books end where they were.
  // NOLINTNEXTLINE(modernize-loop-convert)
  for (auto order = failed.rbegin(); order != failed.rend(); ++order)
    if (order->client != 0) refuse(*order);
}

void SharedListener::start_over() {
  bury();
  std::erase_if(orders_, [](const Order& order) { return order.client == 0; });
  std::ranges::move(std::exchange(waiting_, {}), std::back_inserter(orders_));
  waiting_ = std::exchange(orders_, {});
  connect();
}

void SharedListener::bury() {
  partial_.clear();
  missed_ = missed_ || listens_;
  listens_ = false;
  if (server_) host_.bury_listener(std::move(server_));
}

void SharedListener::reconnect() {
  if (!server_) return;
  server_->shut();
  start_over();
}

// It does not answer, or must not be there; nobody is kept waiting.
void SharedListener::give_up() {
  server_->shut();
  bury();
  connection_lost();
}

void SharedListener::pause(bool paused) {
  if (paused == paused_) return;
  paused_ = paused;
  if (paused && server_) give_up();
  if (paused) return;
  retry_at_ = retry_delay_ = 0;
  if (!server_ && !clients_.empty()) connect();
}

void SharedListener::tick(Micros limit) {
  if (server_ && clients_.empty() && orders_.empty() && waiting_.empty()) {
    server_->shut();
    return host_.bury_listener(std::move(server_));
  }
  const bool logs_in = server_ && server_->state() == ServerConnection::State::kLogin;
  const Micros asked_at = orders_.empty() ? 0 : orders_.front().sent_at;
  const Micros since = logs_in ? server_->opened_at() : asked_at;
  if (server_ && since > 0 && host_.now() - since >= limit) return give_up();
  const bool wanted = !clients_.empty() || !waiting_.empty();
  if (!server_ && wanted && !paused_ && host_.now() >= retry_at_) connect();
}

}  // namespace pgsaba::worker
