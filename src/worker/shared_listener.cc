#include "worker/shared_listener.h"

#include <algorithm>

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

}  // namespace

SharedListener::~SharedListener() {
  if (server_) server_->shut();
}

// Changes the books; what the server has to be told of it is returned.
std::string SharedListener::change(std::uint32_t client, const std::vector<std::string>& channels) {
  std::string sql;
  const Channels wanted(channels.begin(), channels.end());
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

void SharedListener::order(std::uint32_t client, std::optional<std::vector<std::string>> channels) {
  const bool gives_up = channels && channels->empty();
  Order order{client, channels ? change(client, *channels) : std::string()};
  if (ready()) return send(std::move(order));
  if (gives_up) return host_.answer_listener(client, true);
  waiting_.push_back(std::move(order));
  if (!server_ && host_.now() >= retry_at_) connect();
}

void SharedListener::send(Order order) {
  orders_.push_back(std::move(order));
  server_->ask(orders_.back().sql);
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
  send({0, std::move(sql)});
  for (Order& order : std::exchange(waiting_, {})) send({order.client, {}});
}

void SharedListener::answered(Bytes bytes) {
  partial_.append(text_of(bytes));
  wire::FrameReader reader(wire::Direction::kFromServer);
  std::size_t used = 0;
  for (;;) {
    const wire::Piece piece = reader.next(bytes_of(partial_).subspan(used), wire::kWholeFrameBytes);
    if (piece.kind != wire::Piece::Kind::kFrame || !piece.complete) break;
    used += piece.bytes.size();
    if (piece.tag == 'E' && !orders_.empty()) orders_.front().failed = true;
  }
  partial_.erase(0, used);
}

void SharedListener::answer_complete() {
  partial_.clear();
  if (orders_.empty()) return;
  const Order order = std::move(orders_.front());
  orders_.pop_front();
  if (order.client != 0) {
    if (order.failed && clients_.contains(order.client)) change(order.client, {});
    return host_.answer_listener(order.client, !order.failed);
  }
  if (order.failed) return reconnect();
  retry_delay_ = 0;
  listens_ = true;
  if (!std::exchange(missed_, false)) return;
  for (const auto& [client, channels] : clients_) host_.warn_listener(client);
}

// Notifications, and what the server says without being asked.
void SharedListener::server_sent(Bytes bytes) {
  partial_.append(text_of(bytes));
  wire::FrameReader reader(wire::Direction::kFromServer);
  std::size_t used = 0;
  for (;;) {
    const wire::Piece piece = reader.next(bytes_of(partial_).subspan(used), wire::kWholeFrameBytes);
    if (piece.kind != wire::Piece::Kind::kFrame || !piece.complete) break;
    used += piece.bytes.size();
    if (piece.tag != 'A') continue;
    const auto found = listeners_.find(wire::read_channel(piece.body()));
    if (found == listeners_.end()) continue;
    host_.notify({found->second.begin(), found->second.end()}, piece.bytes);
  }
  partial_.erase(0, used);
}

void SharedListener::server_closed(ServerConnection&, CloseReason) { connection_lost(); }

void SharedListener::connection_lost() {
  partial_.clear();
  missed_ = missed_ || listens_;
  listens_ = false;
  if (server_) host_.bury_listener(std::move(server_));
  retry_delay_ = std::clamp(retry_delay_ * 2, kFirstDelay, kLongestDelay);
  retry_at_ = host_.now() + retry_delay_;
  // Whoever waits is not kept waiting: it can listen on a server of its own.
  std::deque<Order> failed = std::exchange(orders_, {});
  std::ranges::move(waiting_, std::back_inserter(failed));
  waiting_.clear();
  for (const Order& order : failed) {
    if (order.client == 0) continue;
    if (!order.sql.empty()) change(order.client, {});
    host_.answer_listener(order.client, order.sql.empty() && clients_.contains(order.client));
  }
}

void SharedListener::reconnect() {
  if (!server_) return;
  server_->shut();
  connection_lost();
}

void SharedListener::tick(Micros connect_limit) {
  if (server_ && clients_.empty() && orders_.empty() && waiting_.empty()) {
    server_->shut();
    return host_.bury_listener(std::move(server_));
  }
  const bool late = server_ && server_->state() == ServerConnection::State::kLogin &&
                    connect_limit > 0 && host_.now() - server_->opened_at() >= connect_limit;
  if (late) return reconnect();
  const bool wanted = !clients_.empty() || !waiting_.empty();
  if (!server_ && wanted && host_.now() >= retry_at_) connect();
}

}  // namespace pgsaba::worker
