#include "installed_postgres.h"

#include <pwd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "pgsaba/net/address.h"

namespace pgsaba::control {
namespace {

namespace fs = std::filesystem;

bool has_server_programs(const fs::path& bindir) {
  for (const char* program : {"postgres", "initdb", "pg_basebackup"}) {
    if (::access((bindir / program).c_str(), X_OK) != 0) return false;
  }
  return true;
}

std::string bindir_of_pg_config() {
  FILE* output = ::popen("pg_config --bindir 2>/dev/null", "r");  // NOLINT(cert-env33-c)
  if (output == nullptr) return {};
  std::array<char, 4096> line{};
  std::string bindir = std::fgets(line.data(), line.size(), output) == nullptr ? "" : line.data();
  ::pclose(output);
  while (!bindir.empty() && bindir.back() == '\n') bindir.pop_back();
  return bindir;
}

struct Socket {
  int fd = -1;
  Socket() : fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (fd >= 0) ::close(fd);
  }
};

// 0: it could not be bound.
std::uint16_t bound_port(const Socket& socket, std::uint16_t wanted) {
  sockaddr_storage place{};
  socklen_t length = net::Address::from_host("127.0.0.1", wanted)->to_sockaddr(place);
  auto* raw = reinterpret_cast<sockaddr*>(&place);
  if (::bind(socket.fd, raw, length) != 0) return 0;
  length = sizeof place;
  if (::getsockname(socket.fd, raw, &length) != 0) return 0;
  return net::Address::from_sockaddr(raw, length).port();
}

// Ports below this one may be those of services that are not running just now.
constexpr std::uint32_t kFirstOfOurs = 12'000;

// From this port on the kernel takes the local ends of connections: one that is free now may have
// become such an end when a server wants to listen on it seconds later. ip(7).
std::uint32_t first_outgoing_port() {
  std::uint32_t first = 0;
  std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> first;
  return first;
}

std::uint16_t below(std::uint32_t end) {
  std::uint32_t random = 0;
  while (::getrandom(&random, sizeof random, 0) != static_cast<ssize_t>(sizeof random)) {
  }
  return static_cast<std::uint16_t>(kFirstOfOurs + random % (end - kFirstOfOurs));
}

}  // namespace

Result<std::string> find_postgres_bindir() {
  int newest = 0;
  fs::path found;
  std::error_code problem;
  for (const auto& version : fs::directory_iterator("/usr/lib/postgresql", problem)) {
    const std::string name = version.path().filename();
    int number = 0;
    std::from_chars(name.data(), name.data() + name.size(), number);
    if (number > newest && has_server_programs(version.path() / "bin")) {
      newest = number;
      found = version.path() / "bin";
    }
  }
  if (found.empty()) {
    const std::string bindir = bindir_of_pg_config();
    if (!bindir.empty() && has_server_programs(bindir)) found = bindir;
  }
  if (found.empty()) {
    return Error{"no PostgreSQL server is installed (postgres, initdb and pg_basebackup)",
                 "apt-get install postgresql"};
  }
  return found.string();
}

Result<std::optional<Account>> unprivileged_account() {
  if (::geteuid() != 0) return std::optional<Account>{};
  for (const char* name : {"postgres", "nobody"}) {
    if (const passwd* entry = ::getpwnam(name)) {
      return std::optional<Account>(Account{entry->pw_uid, entry->pw_gid});
    }
  }
  return Error{"PostgreSQL does not run as root, and there is neither a user postgres nor nobody"};
}

Result<std::vector<std::uint16_t>> free_loopback_ports(std::size_t count) {
  const std::vector<Socket> sockets(count);  // held together, so that the ports differ
  const std::uint32_t outgoing = first_outgoing_port();
  std::vector<std::uint16_t> ports;
  for (const Socket& socket : sockets) {
    std::uint16_t port = 0;
    for (int attempt = 0; attempt < 100 && port == 0 && outgoing > kFirstOfOurs; ++attempt) {
      port = bound_port(socket, below(outgoing));
    }
    if (port == 0) port = bound_port(socket, 0);  // whatever the kernel gives
    if (port == 0) return Error{"no free TCP port on 127.0.0.1"};
    ports.push_back(port);
  }
  return ports;
}

bool is_free_loopback_port(std::uint16_t port) {
  const Socket socket;
  // As a server does, so that connections of one that has just ended do not count.
  const int yes = 1;
  ::setsockopt(socket.fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  return bound_port(socket, port) == port;
}

std::string generated_password() {
  constexpr std::string_view kLetters = "abcdefghijkmnpqrstuvwxyz23456789";  // 32, 5 bits each
  std::array<unsigned char, 16> random{};
  while (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
  }
  std::string password;
  for (const unsigned char byte : random) password += kLetters[byte % kLetters.size()];
  return password;
}

std::string tail_of_file(const std::string& path) {
  constexpr std::size_t kTailBytes = 1500;
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (text.size() > kTailBytes) text.erase(0, text.size() - kTailBytes);
  return text;
}

}  // namespace pgsaba::control
