#include "control/status_pages.h"

#include <algorithm>
#include <array>

#include "control/console_picture.h"
#include "control/metrics.h"
#include "control/readiness.h"
#include "control/status_json.h"
#include "pgsaba/auth/base64.h"
#include "pgsaba/auth/secret_bytes.h"
#include "pgsaba/status_page.h"

namespace pgsaba::control {
namespace {

constexpr std::string_view kMetricsType = "text/plain; version=0.0.4; charset=utf-8";
constexpr std::string_view kHtmlType = "text/html; charset=utf-8";
constexpr std::string_view kJsonType = "application/json";
// Pages whose content needs the workers.
constexpr std::array<std::string_view, 4> kFigures = {"/metrics", "/healthz", "/readyz",
                                                      "/status.json"};

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

bool wants_waits(const HttpRequest& request) {
  return request.path == "/status.json" && parameter(request, "waits") == "1";
}

// Naming all clients costs the workers something: the page asks for that while some of them wait.
stats::Detail detail_of(const HttpRequest& request) {
  return wants_waits(request) ? stats::Detail::kClients : stats::Detail::kSums;
}

}  // namespace

void StatusPages::begin(net::ControlLoop& loop) {
  sampling_ = loop.every(LagLines::kIntervalUs,
                         [this] { lags_.record(topology_rows(controls_.picture())); });
}

// Whoever knows what is asked for is asked first: an answer says that it is alive.
void StatusPages::serve(const HttpRequest& request, std::function<void(HttpReply)> done) {
  const bool is_page = request.path == "/";
  if (!is_page && std::ranges::find(kFigures, request.path) == kFigures.end())
    return done(
        {.status = 404, .body = "there are /, /status.json, /metrics, /healthz and /readyz\n"});
  if (!may_look(request, controls_.picture().config->http))
    return done({.status = 401, .body = "a name and a password are needed\n"});
  if (is_page) return done({.type = std::string(kHtmlType), .body = std::string(kStatusPage)});
  const Micros asked_at = wall_clock_now();
  controls_.gather(detail_of(request), [this, request, asked_at, done = std::move(done)](
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
  if (request.path == "/status.json")
    return {.type = std::string(kJsonType),
            .body = status_json(picture, lags_, asked_at, wants_waits(request))};
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
