#include <algorithm>

#include "table_rows.h"

namespace pgsaba::admin {
namespace {

struct ListCounts {
  std::uint64_t clients = 0;
  std::uint64_t login_clients = 0;
  std::size_t servers = 0;
  std::size_t workers = 0;
};

ListCounts count_lists(const ConsolePicture& picture) {
  ListCounts counts;
  for (const stats::WorkerSnapshot& worker : picture.workers) {
    if (worker.worker != kControlThread) ++counts.workers;
    counts.servers += worker.servers.size();
    counts.login_clients += worker.login_clients;
    counts.clients += worker.login_clients;
    for (const stats::ClientCount& account : worker.accounts) counts.clients += account.clients;
  }
  return counts;
}

Row key_and_answer(std::string_view key, bool yes) { return {cell(key), cell(yes ? "yes" : "no")}; }

}  // namespace

// Nothing is kept in reserve for later connections, hence no free clients and servers.
Rows list_rows(const ConsolePicture& picture) {
  const ListCounts counts = count_lists(picture);
  return {
      {cell("databases"), cell(picture.databases.size() + 1)},  // and the console
      {cell("users"), cell(picture.users.size())},
      {cell("peers"), cell(picture.peers.size())},
      {cell("pools"), cell(pool_rows(picture).size())},
      {cell("peer_pools"), cell(picture.peers.size())},
      {cell("free_clients"), cell(0)},
      {cell("used_clients"), cell(counts.clients)},
      {cell("login_clients"), cell(counts.login_clients)},
      {cell("free_servers"), cell(0)},
      {cell("used_servers"), cell(counts.servers)},
      {cell("dns_names"), cell(picture.dns_hosts.size())},
      {cell("dns_zones"), cell(0)},
      {cell("dns_queries"),
       cell(std::ranges::count(picture.dns_hosts, true, &DnsHost::looked_up_now))},
      {cell("dns_pending"), cell(0)},
      {cell("workers"), cell(counts.workers)},
  };
}

Rows memory_rows(const ConsolePicture& picture) {
  struct Sum {
    std::uint64_t entry_bytes = 0;
    std::uint64_t used = 0;
    std::uint64_t free = 0;
  };
  std::map<std::string, Sum> sums;
  for (const stats::WorkerSnapshot& worker : picture.workers) {
    for (const stats::MemoryRow& memory : worker.memory) {
      Sum& sum = sums[memory.name];
      sum.entry_bytes = memory.entry_bytes;
      sum.used += memory.used;
      sum.free += memory.free;
    }
  }
  Rows rows;
  for (const auto& [name, sum] : sums) {
    rows.push_back({cell(name), cell(sum.entry_bytes), cell(sum.used), cell(sum.free),
                    cell(sum.entry_bytes * (sum.used + sum.free))});
  }
  return rows;
}

Rows dns_host_rows(const ConsolePicture& picture) {
  Rows rows;
  for (const DnsHost& host : picture.dns_hosts) {
    std::string addresses;
    for (const std::string& address : host.addresses) {
      addresses += (addresses.empty() ? "" : ",") + address;
    }
    rows.push_back(
        {cell(host.hostname), cell((host.ttl_us + kSecond - 1) / kSecond), cell(addresses)});
  }
  return rows;
}

Rows state_rows(const ConsolePicture& picture) {
  return {
      key_and_answer("active", picture.state == ProcessState::kActive),
      key_and_answer("paused", picture.state == ProcessState::kPaused),
      key_and_answer("suspended", picture.state == ProcessState::kSuspended),
  };
}

Rows version_rows(const ConsolePicture& picture) { return {{cell("pgsaba " + picture.version)}}; }

Rows no_rows(const ConsolePicture& /*picture*/) { return {}; }

}  // namespace pgsaba::admin
