// WorkerThread: a Worker with its own thread and Network. Built, started and joined by the control
// thread.
#pragma once

#include <atomic>
#include <memory>
#include <thread>

#include "pgsaba/net/network.h"
#include "pgsaba/worker/worker.h"

namespace pgsaba::control {

class WorkerThread {
 public:
  WorkerThread(std::size_t index, std::unique_ptr<net::Network> network, worker::Process& process,
               std::shared_ptr<const worker::Picture> picture);
  ~WorkerThread();

  worker::Worker& worker() { return *worker_; }
  void start();
  // Ends after the turn that runs now, whatever is still open.
  void stop();

 private:
  void run();

  std::unique_ptr<net::Network> network_;
  std::unique_ptr<worker::Worker> worker_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace pgsaba::control
