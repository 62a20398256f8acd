// WorkerThread: a Worker with its own thread and Network. Built, started and joined by the control
// thread.
#pragma once

#include <atomic>
#include <memory>
#include <string_view>
#include <thread>

#include "pgsaba/net/epoll_network.h"
#include "pgsaba/worker/worker.h"

namespace pgsaba::control {

class WorkerThread {
 public:
  static Result<std::unique_ptr<WorkerThread>> create(
      std::size_t index, worker::Process& process, std::shared_ptr<const worker::Picture> picture);
  ~WorkerThread();

  worker::Worker& worker() { return *worker_; }
  // By what it asks the kernel: epoll or io_uring.
  std::string_view network_name() const { return network_name_; }
  void start();
  // Ends after the turn that runs now, whatever is still open.
  void stop();

 private:
  WorkerThread() = default;
  void run();

  std::unique_ptr<net::Network> network_;
  std::string_view network_name_;
  std::unique_ptr<worker::Worker> worker_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace pgsaba::control
