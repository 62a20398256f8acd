// SHOW WAITS: who waits for a server connection, since when, and which client holds what it waits
// for. The servers of a database and user are shared by all workers, so its clients of all workers
// are looked at.
#include <algorithm>
#include <map>
#include <utility>

#include "table_rows.h"
#include "time_text.h"

namespace pgsaba::admin {
namespace {

using stats::ClientRow;
using stats::ClientState;

using PoolName = std::pair<std::string, std::string>;

// Those that have a server of a pool, whoever has not asked for anything for longest first: it is
// the one that lets others wait.
using Holders = std::map<PoolName, std::vector<const ClientRow*>>;

constexpr std::size_t kMostHolders = 5;

Holders holders_of(const ConsolePicture& picture) {
  Holders holders;
  for (const stats::WorkerSnapshot& worker : picture.workers)
    for (const ClientRow& client : worker.clients)
      if (client.link != 0 && client.state == ClientState::kActive)
        holders[{client.database, client.user}].push_back(&client);
  for (auto& [pool, clients] : holders) {
    std::ranges::sort(clients, [](const ClientRow* left, const ClientRow* right) {
      return std::pair(left->request_time, left->id) < std::pair(right->request_time, right->id);
    });
  }
  return holders;
}

std::string address_of(const ClientRow& client) {
  if (client.peer_port == 0) return client.peer_address;
  return client.peer_address + ":" + std::to_string(client.peer_port);
}

std::string numbers_of(const std::vector<const ClientRow*>& clients) {
  std::string text;
  for (std::size_t i = 0; i < std::min(clients.size(), kMostHolders); ++i)
    text += (i == 0 ? "" : ", ") + std::to_string(clients[i]->id);
  if (clients.size() > kMostHolders)
    text += " and " + std::to_string(clients.size() - kMostHolders) + " more";
  return text;
}

Row row_of(const ClientRow& client, const std::vector<const ClientRow*>* holders, Micros now) {
  Row row = {cell(client.id),
             cell(client.database),
             cell(client.user),
             cell(client.application_name),
             cell(address_of(client)),
             cell(client.reason),
             cell(time_text(now - client.wait_us)),
             cell(client.wait_us)};
  if (holders == nullptr) {
    row.resize(row.size() + 5);
    return row;
  }
  const ClientRow& first = *holders->front();
  row.push_back(cell(numbers_of(*holders)));
  row.push_back(cell(first.application_name));
  row.push_back(cell(address_of(first)));
  row.push_back(first.reason.empty() ? Cell{} : cell(first.reason));
  row.push_back(cell(std::max<Micros>(0, now - first.request_time)));
  return row;
}

}  // namespace

Rows wait_rows(const ConsolePicture& picture) {
  const Holders holders = holders_of(picture);
  std::vector<std::pair<const ClientRow*, Micros>> waiting;
  for (const stats::WorkerSnapshot& worker : picture.workers)
    for (const ClientRow& client : worker.clients)
      if (client.state == ClientState::kWaiting) waiting.emplace_back(&client, worker.time);
  std::ranges::stable_sort(waiting, [](const auto& left, const auto& right) {
    return left.first->wait_us > right.first->wait_us;
  });
  Rows rows;
  for (const auto& [client, now] : waiting) {
    const auto found = holders.find({client->database, client->user});
    rows.push_back(row_of(*client, found == holders.end() ? nullptr : &found->second, now));
  }
  return rows;
}

}  // namespace pgsaba::admin
