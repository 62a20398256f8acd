#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>

#include "table_rows.h"

namespace pgsaba::admin {
namespace {

using stats::PoolRow;
using PoolCount = std::uint32_t PoolRow::*;

// In the order of the columns.
constexpr std::array<PoolCount, 11> kCounts = {
    &PoolRow::cl_active,
    &PoolRow::cl_waiting,
    &PoolRow::cl_active_cancel_req,
    &PoolRow::cl_waiting_cancel_req,
    &PoolRow::sv_active,
    &PoolRow::sv_active_cancel,
    &PoolRow::sv_being_canceled,
    &PoolRow::sv_idle,
    &PoolRow::sv_used,
    &PoolRow::sv_tested,
    &PoolRow::sv_login,
};

using PoolKey = std::tuple<std::string, std::string, std::string>;
struct MergedPool {
  PoolRow sum;
  std::set<std::string> servers;
};
using MergedPools = std::map<PoolKey, MergedPool>;

void merge(MergedPool& into, const PoolRow& pool) {
  for (const PoolCount count : kCounts) into.sum.*count += pool.*count;
  into.sum.database = pool.database;
  into.sum.user = pool.user;
  into.sum.pool_mode = pool.pool_mode;
  into.sum.maxwait_us = std::max(into.sum.maxwait_us, pool.maxwait_us);
  if (!pool.server.empty()) into.servers.insert(pool.server);
}

// The console is a pool of its own, whose clients wait for nobody.
PoolRow console_pool(const ConsolePicture& picture) {
  PoolRow pool;
  pool.database = kConsoleDatabase;
  pool.user = kConsoleDatabase;
  pool.pool_mode = "statement";
  for (const stats::WorkerSnapshot& worker : picture.workers) {
    for (const stats::ClientCount& account : worker.accounts)
      if (account.database == kConsoleDatabase) pool.cl_active += account.clients;
  }
  return pool;
}

MergedPools merged_pools(const ConsolePicture& picture, bool by_server) {
  MergedPools pools;
  for (const stats::WorkerSnapshot& worker : picture.workers) {
    for (const PoolRow& pool : worker.pools) {
      merge(pools[{pool.database, pool.user, by_server ? pool.server : ""}], pool);
    }
  }
  const PoolRow console = console_pool(picture);
  merge(pools[{console.database, console.user, ""}], console);
  return pools;
}

std::string joined(const std::set<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ",") + name;
  return text;
}

Row row_of(const MergedPool& pool) {
  Row row = {cell(pool.sum.database), cell(pool.sum.user)};
  for (const PoolCount count : kCounts) row.push_back(cell(pool.sum.*count));
  row.push_back(cell(pool.sum.maxwait_us / kSecond));
  row.push_back(cell(pool.sum.maxwait_us % kSecond));
  row.push_back(cell(pool.sum.pool_mode));
  row.emplace_back(std::nullopt);  // load_balance_hosts: routing decides, not the pool
  row.push_back(pool.servers.empty() ? Cell{} : cell(joined(pool.servers)));
  return row;
}

Rows rows_of(const MergedPools& pools) {
  Rows rows;
  for (const auto& [key, pool] : pools) rows.push_back(row_of(pool));
  return rows;
}

}  // namespace

// Exporters take (database, user) as the key of a series: two rows with the same one are an error
// to them, so the servers of a pool are summed here and told apart in SHOW SERVER_POOLS.
Rows pool_rows(const ConsolePicture& picture) { return rows_of(merged_pools(picture, false)); }

Rows server_pool_rows(const ConsolePicture& picture) {
  return rows_of(merged_pools(picture, true));
}

}  // namespace pgsaba::admin
