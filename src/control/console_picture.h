// What the console's tables are made from, out of the daemon's own values. Pure; any thread.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "control/admin/picture.h"
#include "pgsaba/worker/picture.h"

namespace pgsaba::control {

struct ConsoleFacts {
  std::string version;
  admin::AverageKeeper averages;
  std::set<std::uint32_t> consoles;  // client numbers
  std::vector<admin::DnsHost> dns_hosts = {};
  std::vector<admin::HbaInfo> hba = {};
  std::vector<stats::PreparedRow> prepared = {};
  std::vector<stats::MemoryRow> memory = {};  // of the process
  stats::PreparedBounds prepared_bounds = {};
};

// Workers hold the consoles' sockets and list them among their clients; here they move to the
// control thread, which serves them, and are clients of the console's database under whichever of
// its names they came.
admin::ConsolePicture make_console_picture(const worker::Picture& picture,
                                           std::vector<stats::WorkerSnapshot> workers,
                                           ConsoleFacts facts);

// The servers alone, which costs nobody a question.
std::vector<admin::TopologyRow> topology_rows(const worker::Picture& picture);

}  // namespace pgsaba::control
