// Listing: a snapshot with a row for every client, in the making. Owned by a worker.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "pgsaba/stats/snapshot.h"
#include "pgsaba/worker/worker.h"

namespace pgsaba::worker {

struct Worker::Listing {
  std::vector<std::uint32_t> clients;  // still to be described
  std::vector<stats::ClientRow> rows;
  std::function<void(stats::WorkerSnapshot)> answer;  // as in SnapshotRequest
};

}  // namespace pgsaba::worker
