// DaemonControls: what an administrator can do to the daemon, whoever asks: the console, a signal,
// an HTTP request. Implemented by Daemon. Control thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "control/address_book.h"
#include "control/admin/reply.h"
#include "pgsaba/base/result.h"
#include "pgsaba/stats/snapshot.h"
#include "pgsaba/worker/mail.h"
#include "pgsaba/worker/picture.h"

namespace pgsaba::control {

using worker::ShutdownMode;

class DaemonControls {
 public:
  virtual ~DaemonControls() = default;

  // What the workers see now.
  virtual const worker::Picture& picture() const = 0;
  // A copy of it, changed by `change`, goes to all workers.
  virtual void change_picture(const std::function<void(worker::Picture&)>& change) = 0;
  // Where the servers are.
  virtual const AddressBook& addresses() const = 0;
  // Reads configuration and user list anew; an error leaves everything as it was.
  virtual Status reload() = 0;
  // Settings that were changed by hand, until the next reload.
  virtual Status use(std::shared_ptr<const config::Config> config) = 0;
  // Another process, of the program as it is on the disk now, takes over; `done` hears whether it
  // does.
  virtual void upgrade(std::function<void(admin::AdminReply)> done) = 0;
  virtual void shutdown(ShutdownMode mode) = 0;
  virtual bool stopping() const = 0;
  // A letter to every worker.
  virtual void tell_workers(const std::function<worker::Mail()>& make_letter) = 0;
  virtual void tell_worker(std::size_t worker, worker::Mail letter) = 0;
  // Makes another server of the cluster the primary; `done` hears of it once, later. It keeps the
  // databases of the cluster paused meanwhile.
  virtual void switch_over(const std::string& cluster, std::size_t server,
                           std::function<void(admin::AdminReply)> done) = 0;
  // As if it had never been asked for, unless the server is being promoted already.
  virtual void give_up_switchover() = 0;
  // Whoever does not want to wait any longer for one whose end is not known.
  virtual void lift_switchover() = 0;
  // All workers' snapshots, later, on the control thread.
  virtual void gather(stats::Detail detail,
                      std::function<void(std::vector<stats::WorkerSnapshot>)> answer) = 0;
  // The prepared statements that clients have parsed last.
  virtual std::vector<stats::PreparedRow> prepared_statements() = 0;
  // What all workers share.
  virtual std::vector<stats::MemoryRow> memory() = 0;
  virtual stats::PreparedBounds prepared_bounds() = 0;
};

}  // namespace pgsaba::control
