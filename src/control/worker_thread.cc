#include "control/worker_thread.h"

#include <csignal>
#include <string>

#include "pgsaba/net/epoll_network.h"
#include "pgsaba/net/uring_network.h"

namespace pgsaba::control {
namespace {

Result<std::unique_ptr<net::Network>> open_network(config::NetworkKind kind) {
  if (kind == config::NetworkKind::kUring) {
    auto uring = net::UringNetwork::create();
    if (!uring) return Error{"network: io_uring: " + uring.error().message, uring.error().hint};
    return std::unique_ptr<net::Network>(std::move(*uring));
  }
  auto epoll = net::EpollNetwork::create();
  if (!epoll) return epoll.error();
  return std::unique_ptr<net::Network>(std::move(*epoll));
}

}  // namespace

Result<std::unique_ptr<WorkerThread>> WorkerThread::create(
    std::size_t index, worker::Process& process, std::shared_ptr<const worker::Picture> picture) {
  auto network = open_network(picture->config->network);
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
