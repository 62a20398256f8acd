#include <algorithm>
#include <array>

#include "table_rows.h"
#include "time_text.h"

namespace pgsaba::admin {
namespace {

using stats::ClientRow;
using stats::ClientState;
using stats::ConnectionRow;
using stats::ServerRow;

// One name in SHOW CLIENTS and SHOW SERVERS, another in SHOW SOCKETS.
struct StateName {
  std::string_view alone;
  std::string_view among_sockets;
};
// In the order of ClientState.
constexpr std::array kClientStates = {
    StateName{"login", "cl_login"},
    StateName{"idle", "idle"},
    StateName{"active", "cl_active"},
    StateName{"waiting", "cl_waiting"},
    StateName{"active_cancel_req", "cl_active_cancel_req"},
    StateName{"waiting_cancel_req", "cl_waiting_cancel_req"},
};
// In the order of ServerState.
constexpr std::array kServerStates = {
    StateName{"new", "sv_login"},
    StateName{"idle", "sv_idle"},
    StateName{"active", "sv_active"},
    StateName{"used", "sv_used"},
    StateName{"tested", "sv_tested"},
    StateName{"active_cancel", "sv_active_cancel"},
    StateName{"being_canceled", "sv_being_canceled"},
};
constexpr std::array<std::string_view, 3> kReplications = {"none", "logical", "physical"};

const StateName& name_of(const ClientRow& client) {
  return kClientStates.at(static_cast<std::size_t>(client.state));
}
const StateName& name_of(const ServerRow& server) {
  return kServerStates.at(static_cast<std::size_t>(server.state));
}

std::string pointer_text(std::uint64_t pointer) {
  if (pointer == 0) return {};
  std::string digits;
  for (; pointer != 0; pointer >>= 4U) digits += "0123456789abcdef"[pointer & 0xFU];
  std::reverse(digits.begin(), digits.end());
  return "0x" + digits;
}

struct Shown {
  std::string_view type;
  std::string_view state;
  Micros wait_us = 0;
};

Row connection_row(const ConnectionRow& row, const Shown& shown) {
  return {
      cell(shown.type),
      cell(row.user.empty() ? "(nouser)" : row.user),
      cell(row.database.empty() ? "(nodb)" : row.database),
      cell(kReplications.at(static_cast<std::size_t>(row.replication))),
      cell(shown.state),
      cell(row.peer_address),
      cell(row.peer_port),
      cell(row.local_address),
      cell(row.local_port),
      cell(time_text(row.connect_time)),
      cell(time_text(row.request_time)),
      cell(shown.wait_us / kSecond),
      cell(shown.wait_us % kSecond),
      flag(row.close_needed),
      cell(pointer_text(row.ptr)),
      cell(pointer_text(row.link)),
      cell(row.remote_pid),
      cell(row.tls),
      cell(row.application_name),
      cell(row.prepared_statement_count),
      cell(row.id),
  };
}

Cell worker_cell(std::uint32_t worker) { return worker == kControlThread ? Cell{} : cell(worker); }

// Positions inside a buffer mean nothing here: pgsaba's have one beginning and one end.
Row socket_row(const ConnectionRow& row, const Shown& shown, std::uint32_t worker) {
  Row cells = connection_row(row, shown);
  for (int position = 0; position < 5; ++position) cells.push_back(cell(0));
  cells.push_back(cell(row.receive_buffered_bytes));
  cells.push_back(cell(row.send_buffered_bytes));
  cells.push_back(worker_cell(worker));
  return cells;
}

bool has_bytes(const ConnectionRow& row) {
  return row.receive_buffered_bytes > 0 || row.send_buffered_bytes > 0;
}

Rows socket_rows_if(const ConsolePicture& picture, bool (*wanted)(const ConnectionRow& row)) {
  Rows rows;
  for (const stats::WorkerSnapshot& worker : picture.workers) {
    for (const ClientRow& row : worker.clients) {
      if (!wanted(row)) continue;
      const Shown shown = {"C", name_of(row).among_sockets, row.wait_us};
      rows.push_back(socket_row(row, shown, worker.worker));
    }
    for (const ServerRow& row : worker.servers) {
      if (!wanted(row)) continue;
      rows.push_back(socket_row(row, {"S", name_of(row).among_sockets}, worker.worker));
    }
  }
  return rows;
}

}  // namespace

// Clients that are still logging in belong to no database yet; SHOW SOCKETS has them.
Rows client_rows(const ConsolePicture& picture) {
  Rows rows;
  for (const stats::WorkerSnapshot& worker : picture.workers) {
    for (const ClientRow& client : worker.clients) {
      if (client.state == ClientState::kLogin) continue;
      Row row = connection_row(client, {"C", name_of(client).alone, client.wait_us});
      row.push_back(worker_cell(worker.worker));
      row.push_back(cell(client.reason));
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

Rows server_rows(const ConsolePicture& picture) {
  Rows rows;
  for (const stats::WorkerSnapshot& worker : picture.workers) {
    for (const ServerRow& server : worker.servers) {
      Row row = connection_row(server, {"S", name_of(server).alone});
      row.push_back(cell(server.server));
      row.push_back(worker_cell(worker.worker));
      row.push_back(cell(server.reason));
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

// Clients that keep a server between their transactions, and what for.
Rows pin_rows(const ConsolePicture& picture) {
  Rows rows;
  for (const stats::WorkerSnapshot& worker : picture.workers) {
    for (const ClientRow& client : worker.clients) {
      if (client.pinned_since == 0) continue;
      rows.push_back({cell(client.id), cell(client.database), cell(client.user),
                      cell(client.pinned_server), cell(client.remote_pid), cell(client.reason),
                      cell(time_text(client.pinned_since)), cell(client.pinned_idle_us),
                      worker_cell(worker.worker)});
    }
  }
  return rows;
}

Rows socket_rows(const ConsolePicture& picture) {
  return socket_rows_if(picture, [](const ConnectionRow&) { return true; });
}

Rows active_socket_rows(const ConsolePicture& picture) {
  return socket_rows_if(picture, has_bytes);
}

}  // namespace pgsaba::admin
