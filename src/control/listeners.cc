#include "control/listeners.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "pgsaba/base/log.h"
#include "pgsaba/net/epoll_network.h"

namespace pgsaba::control {
namespace {

constexpr int kFirstPassed = 3;  // SD_LISTEN_FDS_START
constexpr int kMostPassed = 1'024;

Result<net::Address> address_of(const config::Listener& from) {
  if (from.is_unix()) return net::Address::from_unix_directory(from.unix_directory, from.port);
  std::string host = from.address;
  if (host == "localhost") host = "127.0.0.1";
  return net::Address::from_host(host, from.port);
}

bool listens(int fd) {
  int value = 0;
  socklen_t size = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) == 0 && value == 1;
}

net::Address name_of(int fd) {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  auto* to = reinterpret_cast<sockaddr*>(&name);
  return ::getsockname(fd, to, &size) == 0 ? net::Address::from_sockaddr(to, size) : net::Address();
}

void give_to_group(const std::string& path, const std::string& name) {
  const group* owner = name.empty() ? nullptr : ::getgrnam(name.c_str());
  if (owner != nullptr && ::chown(path.c_str(), static_cast<uid_t>(-1), owner->gr_gid) != 0)
    log::warning("{}: cannot give the socket to group {}: {}", path, name, std::strerror(errno));
}

}  // namespace

std::vector<int> passed_sockets(const char* for_pid, const char* count, int pid) {
  if (for_pid == nullptr || count == nullptr || std::atoi(for_pid) != pid) return {};
  const int number = std::clamp(std::atoi(count), 0, kMostPassed);
  std::vector<int> sockets;
  for (int i = 0; i < number; ++i) sockets.push_back(kFirstPassed + i);
  return sockets;
}

void Listeners::inherit() {
  const auto passed =
      passed_sockets(std::getenv("LISTEN_PID"), std::getenv("LISTEN_FDS"), ::getpid());
  // They are ours alone, not those of programs that we start.
  for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) ::unsetenv(name);
  for (const int fd : passed) {
    if (!listens(fd)) {
      log::warning("the socket {} that was passed to pgsaba does not listen; it is not used", fd);
      continue;
    }
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    listening_.push_back({.address = name_of(fd), .socket = fd, .inherited = true});
  }
}

Status Listeners::open(const std::vector<config::Listener>& wanted, int backlog, bool shared) {
  inherit();
  for (Passed& passed : passed_)
    if (passed.inherited) listening_.push_back(std::exchange(passed, {}));
  for (const config::Listener& listener : wanted) {
    const bool all = !listener.is_unix() && listener.address == "*";
    if (Status opened =
            all ? open_all(listener, backlog, shared) : open_one(listener, backlog, shared);
        !opened.ok())
      return opened;
  }
  for (const Listening& listening : listening_)
    log::info("listening on {}{}", listening.address.to_string(),
              listening.inherited ? ", a socket that was passed on" : "");
  return done();
}

// "*": IPv4, and IPv6 if the machine has it.
Status Listeners::open_all(config::Listener from, int backlog, bool shared) {
  from.address = "0.0.0.0";
  if (Status opened = open_one(from, backlog, shared); !opened.ok()) return opened;
  const int probe = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return done();
  ::close(probe);
  from.address = "::";
  return open_one(from, backlog, shared);
}

Status Listeners::open_one(const config::Listener& from, int backlog, bool shared) {
  const auto address = address_of(from);
  if (!address) return address.error();
  const bool passed = std::ranges::any_of(listening_, [&](const Listening& listening) {
    return listening.inherited && listening.address == *address;
  });
  if (passed || was_passed(*address)) return done();
  // Nobody may connect to a Unix socket before it has its mode: accepted is what came in until
  // then.
  const mode_t before = ::umask(0777);
  const auto socket = net::listen_on(*address, backlog, shared);
  ::umask(before);
  if (!socket) return socket.error();
  Listening listening{.address = *address, .socket = *socket};
  if (from.is_unix() && from.unix_directory.front() != '@') {
    listening.path = address->host();
    ::chmod(listening.path.c_str(), from.unix_mode);
    give_to_group(listening.path, from.unix_group);
  }
  listening_.push_back(std::move(listening));
  return done();
}

// The other process opened it as we would.
bool Listeners::was_passed(const net::Address& address) {
  const auto found = std::ranges::find_if(passed_, [&](const Passed& passed) {
    return passed.socket != net::kNoSocket && passed.address == address;
  });
  if (found == passed_.end()) return false;
  listening_.push_back(std::exchange(*found, {}));
  return true;
}

std::vector<Listeners::Passed> Listeners::passed() const {
  std::vector<Passed> copies = listening_;
  for (Passed& copy : copies) copy.socket = ::fcntl(copy.socket, F_DUPFD_CLOEXEC, 0);
  return copies;
}

void Listeners::lend() {
  for (Listening& listening : listening_) listening.lent = true;
}

void Listeners::own() {
  for (Listening& listening : listening_) listening.lent = false;
  for (const Passed& left : std::exchange(passed_, {})) {
    if (left.socket == net::kNoSocket) continue;
    log::info("no longer listening on {}", left.address.to_string());
    if (!left.path.empty()) ::unlink(left.path.c_str());
    ::shutdown(left.socket, SHUT_RDWR);  // the other process has it, too, and takes nobody from it
    ::close(left.socket);
  }
}

void Listeners::take_over(Passed passed) {
  passed.lent = true;
  passed_.push_back(std::move(passed));
}

void Listeners::stop() {
  for (Listening& listening : listening_) {
    if (listening.inherited || listening.lent) continue;
    ::shutdown(listening.socket, SHUT_RDWR);
    if (!listening.path.empty()) ::unlink(listening.path.c_str());
    listening.path.clear();
  }
}

void Listeners::close() {
  stop();
  for (const Listening& listening : listening_) ::close(listening.socket);
  listening_.clear();
}

std::vector<net::Socket> Listeners::sockets() const {
  std::vector<net::Socket> sockets;
  for (const Listening& listening : listening_) sockets.push_back(listening.socket);
  return sockets;
}

}  // namespace pgsaba::control
