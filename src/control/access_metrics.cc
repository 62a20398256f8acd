#include "control/access_metrics.h"

#include <map>
#include <tuple>

namespace pgsaba::control {
namespace {

std::string_view side(bool to_servers) { return to_servers ? "server" : "client"; }

void add_handshakes(Families& all, const admin::ConsolePicture& picture) {
  std::map<std::pair<std::string, std::string>, std::uint64_t> results;
  std::map<std::pair<std::string, std::string>, std::uint64_t> failures;
  for (const stats::WorkerSnapshot& worker : picture.workers) {
    for (const stats::HandshakeRow& row : worker.handshakes) {
      const std::string of(side(row.to_servers));
      results[{of, row.result}] += row.count;
      if (!row.reason.empty()) failures[{of, row.reason}] += row.count;
    }
  }
  all.counter("pgsaba_tls_handshakes_total",
              "TLS handshakes with clients and servers: full, resumed or failed.");
  for (const auto& [key, count] : results)
    all.add({{"side", key.first}, {"result", key.second}}, count);
  all.counter("pgsaba_tls_handshake_failures_total", "Of those that failed: why.");
  for (const auto& [key, count] : failures)
    all.add({{"side", key.first}, {"reason", key.second}}, count);
}

// Wrong passwords are there from the start: a rate needs a series.
void add_refused_logins(Families& all, const admin::ConsolePicture& picture) {
  std::map<std::pair<std::string, std::string>, std::uint64_t> sums;
  for (const char* method : {"scram-sha-256", "md5", "password"}) sums[{method, "wrong_password"}];
  for (const stats::WorkerSnapshot& worker : picture.workers)
    for (const stats::RefusedLoginRow& row : worker.refused_logins)
      sums[{row.method, row.reason}] += row.count;
  all.counter("pgsaba_logins_refused_total",
              "Logins that came to nothing, by what was asked for and why.");
  for (const auto& [key, count] : sums)
    all.add({{"method", key.first}, {"reason", key.second}}, count);
}

void add_errors(Families& all, const admin::ConsolePicture& picture) {
  std::map<std::pair<std::string, std::string>, std::uint64_t> sums;
  // As above: what clients hear when there is no room.
  for (const char* sqlstate : {"53300", "57P03", "08006"}) sums[{"pgsaba", sqlstate}];
  for (const stats::WorkerSnapshot& worker : picture.workers)
    for (const stats::ErrorRow& row : worker.errors)
      sums[{row.of_servers ? "server" : "pgsaba", row.sqlstate}] += row.count;
  all.counter("pgsaba_errors_total",
              "Errors that clients were told, of pgsaba's own or of servers, by SQLSTATE.");
  for (const auto& [key, count] : sums)
    all.add({{"source", key.first}, {"sqlstate", key.second}}, count);
}

}  // namespace

void add_access(Families& all, const admin::ConsolePicture& picture) {
  add_handshakes(all, picture);
  add_refused_logins(all, picture);
  add_errors(all, picture);
}

}  // namespace pgsaba::control
