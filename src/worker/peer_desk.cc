#include "worker/peer_desk.h"

#include <algorithm>

#include "pgsaba/server/outgoing_connection.h"
#include "pgsaba/wire/frontend.h"
#include "worker/socket_options.h"

namespace pgsaba::worker {

// One request: connects, says it, and is done when the peer closes.
class PeerDesk::Carrier final : public server::OutgoingConnection {
 public:
  Carrier(PeerDesk& desk, std::uint32_t peer, Waiting what)
      : OutgoingConnection(desk.worker_.turn()), desk_(desk), peer_(peer), what_(std::move(what)) {}

  Status open(const net::Address& address, const net::SocketOptions& options) {
    return begin_connecting(address, options, {});
  }
  void step() override {
    retain(gather(true).size());
    if (broken() || ended()) desk_.carried(*this);
  }
  std::uint32_t peer() const { return peer_; }
  Micros since() const { return what_.since; }

 private:
  void agreed() override {
    std::string request;
    wire::append_cancel_request(request, wire::marked_as_forwarded(what_.key));
    send(request);
  }
  void not_agreed() override { desk_.carried(*this); }

  PeerDesk& desk_;
  std::uint32_t peer_;
  Waiting what_;
};

PeerDesk::PeerDesk(Worker& worker) : worker_(worker) {}
PeerDesk::~PeerDesk() = default;

void PeerDesk::forward(std::uint32_t peer, const wire::CancelKey& key) {
  const config::Config& config = worker_.config();
  const auto most = static_cast<std::size_t>(config.limits.max_client_connections);
  const bool known = config.peers.contains(peer);
  Line* line = known ? &lines_[peer] : nullptr;
  if (line == nullptr || line->waiting.size() >= most) {
    ++dropped_;
    return;
  }
  line->waiting.push_back({key, worker_.turn().now});
  start(peer, *line);
}

const net::Address* PeerDesk::address_of(std::uint32_t peer) const {
  const Picture& picture = worker_.picture();
  const auto found = picture.config->peers.find(peer);
  const auto all = picture.addresses.find(kPeerAddresses);
  if (found == picture.config->peers.end() || all == picture.addresses.end()) return nullptr;
  const auto at = static_cast<std::size_t>(std::distance(picture.config->peers.begin(), found));
  if (at >= all->second.size() || all->second[at].empty()) return nullptr;
  return &all->second[at].front();
}

void PeerDesk::start(std::uint32_t peer, Line& line) {
  const net::Address* address = address_of(peer);
  while (!line.waiting.empty() && line.carriers.size() < kAtOnce) {
    auto carrier = std::make_unique<Carrier>(*this, peer, std::move(line.waiting.front()));
    line.waiting.pop_front();
    const net::SocketOptions options = socket_options(worker_.config().tcp);
    if (address == nullptr || !carrier->open(*address, options).ok()) {
      ++dropped_;
    } else {
      line.carriers.push_back(std::move(carrier));
    }
  }
}

void PeerDesk::carried(Carrier& carrier) {
  Line& line = lines_[carrier.peer()];
  const auto mine =
      std::ranges::find_if(line.carriers, [&](const auto& held) { return held.get() == &carrier; });
  if (carrier.broken()) ++dropped_;
  (*mine)->close();
  worker_.turn().dead.push_back(std::move(*mine));
  line.carriers.erase(mine);
  start(carrier.peer(), line);
}

void PeerDesk::tick() {
  const Micros limit = worker_.config().timeouts.cancel_wait_us;
  const Micros now = worker_.turn().now;
  for (auto& [peer, line] : lines_) {
    while (limit > 0 && !line.waiting.empty() && now - line.waiting.front().since >= limit) {
      line.waiting.pop_front();
      ++dropped_;
    }
    std::vector<Carrier*> late;
    for (const auto& carrier : line.carriers)
      if (limit > 0 && now - carrier->since() >= limit) late.push_back(carrier.get());
    dropped_ += late.size();
    for (Carrier* carrier : late) carried(*carrier);
  }
}

void PeerDesk::close_all() { lines_.clear(); }

std::vector<stats::PeerRow> PeerDesk::rows() const {
  std::vector<stats::PeerRow> rows;
  for (const auto& [peer, line] : lines_)
    rows.push_back({peer, static_cast<std::uint32_t>(line.carriers.size()),
                    static_cast<std::uint32_t>(line.waiting.size())});
  return rows;
}

}  // namespace pgsaba::worker
