// ClusterReads: what one worker knows of the standbys of one cluster. Owned by the worker.
#pragma once

#include <memory>

#include "pgsaba/routing/causal_clock.h"
#include "pgsaba/routing/read_balance.h"
#include "pgsaba/worker/worker.h"

namespace pgsaba::worker {

struct Worker::ClusterReads {
  routing::ReadBalance balance;
  std::shared_ptr<routing::CausalClock> clock;
  bool read = false;     // a standby was, since the last tick
  bool in_need = false;  // some route leads there as soon as the primary is gone
};

}  // namespace pgsaba::worker
