#include "control/status_pages.h"

#include "control/console_picture.h"
#include "control/metrics.h"
#include "control/readiness.h"
#include "pgsaba/auth/base64.h"
#include "pgsaba/auth/secret_bytes.h"

namespace pgsaba::control {
namespace {

constexpr std::string_view kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

std::string parameter(const HttpRequest& request, const std::string& name) {
  const auto found = request.query.find(name);
  return found == request.query.end() ? std::string() : found->second;
}

// Those that say how it is, not only that it is.
bool is_for_everybody(const std::string& path) { return path == "/healthz" || path == "/readyz"; }

bool may_look(const HttpRequest& request, const config::Http& http) {
  if (http.user.empty() || is_for_everybody(request.path)) return true;
  const std::string wanted =
      "Basic " + auth::encode_base64(bytes_of(http.user + ":" + http.password));
  return auth::constant_time_equal(request.authorization, wanted);
}

}  // namespace

// Whoever knows what is asked for is asked first: an answer says that it is alive.
void StatusPages::serve(const HttpRequest& request, std::function<void(HttpReply)> done) {
  const bool known =
      request.path == "/metrics" || request.path == "/healthz" || request.path == "/readyz";
  if (!known) return done({.status = 404, .body = "there are /metrics, /healthz and /readyz\n"});
  if (!may_look(request, controls_.picture().config->http))
    return done({.status = 401, .body = "a name and a password are needed\n"});
  const Micros asked_at = wall_clock_now();
  controls_.gather(stats::Detail::kSums, [this, request, asked_at, done = std::move(done)](
                                             std::vector<stats::WorkerSnapshot> workers) {
    done(page(request, std::move(workers), asked_at));
  });
}

HttpReply StatusPages::page(const HttpRequest& request, std::vector<stats::WorkerSnapshot> workers,
                            Micros asked_at) const {
  if (workers.empty()) return {.status = 503, .body = "starting up\n"};
  if (request.path == "/healthz") return {.body = "alive\n"};
  ConsoleFacts facts{version_, {}, {}};
  facts.memory = controls_.memory();
  facts.prepared_bounds = controls_.prepared_bounds();
  const auto picture =
      make_console_picture(controls_.picture(), std::move(workers), std::move(facts));
  if (request.path == "/readyz") return ready_page(request, picture);
  ProcessFacts process = process_facts();
  process.asked_at = asked_at;
  return {.type = std::string(kMetricsType), .body = metrics_text(picture, process)};
}

HttpReply StatusPages::ready_page(const HttpRequest& request,
                                  const admin::ConsolePicture& picture) const {
  const std::string role = parameter(request, "role");
  if (!role.empty() && role != "primary" && role != "replica")
    return {.status = 503, .body = "no such role: " + role + "; there are primary and replica\n"};
  if (controls_.stopping()) return {.status = 503, .body = "shutting down\n"};
  const auto of = role == "replica" ? ReadinessOf::kReads : ReadinessOf::kWrites;
  const Readiness found = readiness(picture, of, parameter(request, "database"));
  return {.status = found.ready ? 200 : 503, .body = found.why + "\n"};
}

}  // namespace pgsaba::control
