#include "sockets.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace bench {
namespace {

constexpr int kBacklog = 4096;

void listen_or_die(int fd, const sockaddr* address, socklen_t size) {
  if (bind(fd, address, size) != 0) die("bind");
  if (listen(fd, kBacklog) != 0) die("listen");
}

sockaddr_in inet_address(const std::string& host, int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  if (inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1)
    refuse("not an IPv4 address: " + host);
  return address;
}

sockaddr_un unix_address(const std::string& directory, int port) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = directory + "/.s.PGSQL." + std::to_string(port);
  if (path.size() >= sizeof(address.sun_path)) refuse("socket path too long: " + path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

int open_socket(int family) {
  const int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  if (family == AF_INET) send_at_once(fd);
  return fd;
}

void connect_or_die(int fd, const sockaddr* address, socklen_t size) {
  if (connect(fd, address, size) != 0 && errno != EINPROGRESS) die("connect");
}

long waiting_or_gone(long result) {
  if (result >= 0) return result;
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? -1 : 0;
}

}  // namespace

void die(const std::string& what) { refuse(what + ": " + std::strerror(errno)); }

void refuse(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::exit(1);
}

void pin_to_cpu(int cpu) {
  if (cpu < 0) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  if (sched_setaffinity(0, sizeof(set), &set) != 0) die("sched_setaffinity");
}

void raise_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) die("getrlimit");
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) die("setrlimit");
}

void send_at_once(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

int listen_on_loopback(int port) {
  const int fd = open_socket(AF_INET);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  const sockaddr_in address = inet_address("127.0.0.1", port);
  listen_or_die(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  return fd;
}

int listen_on_unix(const std::string& directory, int port) {
  const int fd = open_socket(AF_UNIX);
  const sockaddr_un address = unix_address(directory, port);
  unlink(address.sun_path);
  listen_or_die(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  return fd;
}

int begin_connect(const std::string& host, int port) {
  if (host.find('/') != std::string::npos) {
    const int fd = open_socket(AF_UNIX);
    const sockaddr_un address = unix_address(host, port);
    connect_or_die(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    return fd;
  }
  const int fd = open_socket(AF_INET);
  const sockaddr_in address = inet_address(host, port);
  connect_or_die(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  return fd;
}

long receive(int fd, char* into, unsigned long size) {
  return waiting_or_gone(recv(fd, into, size, 0));
}

long transmit(int fd, const char* from, unsigned long size) {
  return waiting_or_gone(send(fd, from, size, MSG_NOSIGNAL));
}

}  // namespace bench
