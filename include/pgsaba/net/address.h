// Address: where a socket listens or connects to: IPv4, IPv6 or a Unix-domain path. Never a name;
// names are looked up by ControlLoop::resolve, which yields these.
// Any thread; a value type without system calls, except that parsing an IPv6 zone ("fe80::1%eth0")
// asks the kernel for the interface's number. Ports are in host byte order.
// Rules: unix(7) for path lengths and the abstract name space (written with a leading '@', as libpq
// does); PostgreSQL's src/include/libpq/pqcomm.h for ".s.PGSQL.<port>".
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "pgsaba/base/result.h"

namespace pgsaba::net {

class Address {
 public:
  enum class Family : std::uint8_t { kNone, kIpv4, kIpv6, kUnix };

  Address() = default;  // no address: family kNone

  // "127.0.0.1", "::1", "fe80::1%eth0", "[::1]"; a directory ("/run/x" or "@x") with a port names
  // PostgreSQL's socket in it. Host names are an error.
  static Result<Address> from_host(std::string_view numeric_host, std::uint16_t port);
  // A socket's full path; '@' starts an abstract name; empty is the unnamed peer of a Unix socket.
  static Result<Address> from_unix_path(std::string_view path);
  // <directory>/.s.PGSQL.<port>, as PostgreSQL and its clients name it.
  static Result<Address> from_unix_directory(std::string_view directory, std::uint16_t port);
  // The inverse of to_string.
  static Result<Address> parse(std::string_view text);
  // What accept, getsockname or getaddrinfo gave; kNone for a family we do not know.
  static Address from_sockaddr(const sockaddr* address, socklen_t length);

  Family family() const { return static_cast<Family>(place_.index()); }
  bool is_unix() const { return family() == Family::kUnix; }
  bool is_loopback() const;  // 127.0.0.0/8, ::1, ::ffff:127.0.0.0/104 or a Unix socket
  std::uint16_t port() const;

  // The numeric host, or the Unix path; "" for kNone.
  std::string host() const;
  // "127.0.0.1:5432", "[::1]:5432", "unix:/run/x/.s.PGSQL.5432", "none".
  std::string to_string() const;
  // Fills `out` for bind or connect and returns the length to pass; 0 for kNone.
  socklen_t to_sockaddr(sockaddr_storage& out) const;

  friend bool operator==(const Address& left, const Address& right) {
    return left.place_ == right.place_;
  }

 private:
  struct Ipv4 {
    std::uint32_t address;  // network byte order
    std::uint16_t port;
    bool operator==(const Ipv4&) const = default;
  };
  struct Ipv6 {
    std::uint8_t address[16];
    std::uint32_t scope;
    std::uint16_t port;
    bool operator==(const Ipv6&) const = default;
  };
  struct Unix {
    std::string path;
    bool operator==(const Unix&) const = default;
  };
  using Place = std::variant<std::monostate, Ipv4, Ipv6, Unix>;  // in Family's order

  explicit Address(Place place) : place_(std::move(place)) {}
  static Address from_sockaddr_un(const sockaddr* address, socklen_t length);
  static Result<Address> from_ipv6(std::string_view host, std::uint16_t port);

  Place place_;
};

}  // namespace pgsaba::net
