// StatusPages: what is served over HTTP, page by page. / for people, which asks for /status.json;
// /metrics for Prometheus; /healthz (alive: the workers answer) and /readyz (can be sent work) for
// load balancers. All of it read-only.
// Control thread only; what it is made with outlives it.
#pragma once

#include <functional>
#include <string>

#include "control/admin/picture.h"
#include "control/daemon_controls.h"
#include "control/http_face.h"
#include "control/lag_lines.h"
#include "pgsaba/net/control_loop.h"

namespace pgsaba::control {

class StatusPages {
 public:
  StatusPages(DaemonControls& controls, std::string version)
      : controls_(controls), version_(std::move(version)) {}

  // From now on it remembers what the last minutes were like. The loop outlives it.
  void begin(net::ControlLoop& loop);
  void serve(const HttpRequest& request, std::function<void(HttpReply)> done);

 private:
  HttpReply page(const HttpRequest& request, std::vector<stats::WorkerSnapshot> workers,
                 Micros asked_at) const;
  HttpReply ready_page(const HttpRequest& request, const admin::ConsolePicture& picture) const;

  DaemonControls& controls_;
  std::string version_;
  LagLines lags_;
  net::Watch sampling_;
};

}  // namespace pgsaba::control
