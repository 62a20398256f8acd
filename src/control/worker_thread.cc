#include "control/worker_thread.h"

#include <csignal>
#include <string>

namespace pgsaba::control {

Result<std::unique_ptr<WorkerThread>> WorkerThread::create(
    std::size_t index, worker::Process& process, std::shared_ptr<const worker::Picture> picture) {
  auto network = net::EpollNetwork::create();
  if (!network) return network.error();
  std::unique_ptr<WorkerThread> thread(new WorkerThread());
  thread->network_ = std::move(*network);
  thread->worker_ = std::make_unique<worker::Worker>(index, *thread->network_, process,
                                                     std::move(picture), monotonic_now());
  return thread;
}

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
