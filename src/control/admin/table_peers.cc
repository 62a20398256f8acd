#include "table_rows.h"

namespace pgsaba::admin {
namespace {

constexpr std::uint32_t kConnectionsAtOnce = 16;  // to a peer, in each worker

}  // namespace

Rows peer_rows(const ConsolePicture& picture) {
  Rows rows;
  for (const PeerInfo& peer : picture.peers)
    rows.push_back(
        {cell(peer.peer_id), cell(peer.host), cell(peer.port), cell(kConnectionsAtOnce)});
  return rows;
}

// A request and the connection that carries it are counted on either side, as there.
Rows peer_pool_rows(const ConsolePicture& picture) {
  Rows rows;
  for (const PeerInfo& peer : picture.peers) {
    std::uint32_t active = 0;
    std::uint32_t waiting = 0;
    for (const stats::WorkerSnapshot& worker : picture.workers)
      for (const stats::PeerRow& row : worker.peers) {
        if (row.peer_id != peer.peer_id) continue;
        active += row.active;
        waiting += row.waiting;
      }
    rows.push_back({cell(peer.peer_id), cell(active), cell(waiting), cell(active), cell(0)});
  }
  return rows;
}

}  // namespace pgsaba::admin
