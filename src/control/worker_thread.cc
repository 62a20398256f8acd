#include "control/worker_thread.h"

#include <csignal>
#include <string>
#include <utility>

namespace pgsaba::control {
WorkerThread::WorkerThread(std::size_t index, std::unique_ptr<net::Network> network,
                           worker::Process& process, std::shared_ptr<const worker::Picture> picture)
    : network_(std::move(network)),
      worker_(std::make_unique<worker::Worker>(index, *network_, process, std::move(picture),
                                               monotonic_now())) {}

WorkerThread::~WorkerThread() { stop(); }

void WorkerThread::start() {
  thread_ = std::thread([this] { run(); });
  const std::string name = "worker-" + std::to_string(worker_->worker_index());
  ::pthread_setname_np(thread_.native_handle(), name.c_str());
}

void WorkerThread::stop() {
  stop_ = true;
  network_->wake();
  if (thread_.joinable()) thread_.join();
}

void WorkerThread::run() {
  sigset_t all;  // signals are the control thread's business
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
  while (!stop_.load(std::memory_order_relaxed)) {
    network_->wait(worker_->timeout(monotonic_now()));
    worker_->run_turn(monotonic_now());
  }
  worker_->end_all();
}

}  // namespace pgsaba::control
