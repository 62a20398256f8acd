#include "pgsaba/net/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <optional>

namespace pgsaba::net {
namespace {

constexpr std::string_view kUnixScheme = "unix:";
constexpr std::size_t kUnixPathOffset = offsetof(sockaddr_un, sun_path);
constexpr std::size_t kUnixPathMax = sizeof(sockaddr_un::sun_path) - 1;  // room for the final NUL

bool names_unix_place(std::string_view host) {
  return !host.empty() && (host.front() == '/' || host.front() == '@');
}

template <class Number>
std::optional<Number> number_of(std::string_view text) {
  Number value{};
  const char* end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, value);
  if (problem != std::errc{} || stop != end) return std::nullopt;
  return value;
}

Error not_numeric(std::string_view host) {
  return Error{"\"" + std::string(host) + "\" is not a numeric address",
               "write an IPv4 or IPv6 address, or the directory of a Unix socket"};
}

std::optional<std::uint32_t> scope_of(std::string_view zone) {
  if (auto index = number_of<std::uint32_t>(zone)) return index;
  const unsigned index = ::if_nametoindex(std::string(zone).c_str());
  if (index == 0) return std::nullopt;
  return index;
}

template <class Concrete>
Concrete copied_from(const sockaddr* address) {
  Concrete concrete{};
  std::memcpy(&concrete, address, sizeof concrete);
  return concrete;
}

}  // namespace

Result<Address> Address::from_host(std::string_view numeric_host, std::uint16_t port) {
  if (names_unix_place(numeric_host)) return from_unix_directory(numeric_host, port);
  std::string_view host = numeric_host;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  if (host.find(':') != std::string_view::npos) return from_ipv6(host, port);
  Ipv4 ipv4{0, port};
  if (::inet_pton(AF_INET, std::string(host).c_str(), &ipv4.address) != 1) {
    return not_numeric(numeric_host);
  }
  return Address(Place(ipv4));
}

Result<Address> Address::from_ipv6(std::string_view host, std::uint16_t port) {
  Ipv6 ipv6{{}, 0, port};
  const std::size_t percent = host.find('%');
  if (percent != std::string_view::npos) {
    const auto scope = scope_of(host.substr(percent + 1));
    if (!scope) return Error{"no network interface for the address \"" + std::string(host) + "\""};
    ipv6.scope = *scope;
  }
  const std::string digits(host.substr(0, percent));
  if (::inet_pton(AF_INET6, digits.c_str(), ipv6.address) != 1) return not_numeric(host);
  return Address(Place(ipv6));
}

Result<Address> Address::from_unix_path(std::string_view path) {
  if (path.size() > kUnixPathMax) {
    return Error{"the Unix socket path \"" + std::string(path) + "\" is too long",
                 "at most " + std::to_string(kUnixPathMax) + " bytes are possible"};
  }
  if (!path.empty() && !names_unix_place(path)) {
    return Error{"the Unix socket path \"" + std::string(path) + "\" is not absolute"};
  }
  return Address(Place(Unix{std::string(path)}));
}

Result<Address> Address::from_unix_directory(std::string_view directory, std::uint16_t port) {
  return from_unix_path(std::string(directory) + "/.s.PGSQL." + std::to_string(port));
}

Result<Address> Address::parse(std::string_view text) {
  if (text.substr(0, kUnixScheme.size()) == kUnixScheme) {
    return from_unix_path(text.substr(kUnixScheme.size()));
  }
  const std::size_t colon = text.rfind(':');
  const auto port = colon == std::string_view::npos
                        ? std::nullopt
                        : number_of<std::uint16_t>(text.substr(colon + 1));
  if (!port) return Error{"no port in the address \"" + std::string(text) + "\""};
  const std::string_view host = text.substr(0, colon);
  // A bare "::1:5432" could be read in two ways, so IPv6 needs its brackets here.
  if (host.find(':') != std::string_view::npos && host.front() != '[') return not_numeric(text);
  if (names_unix_place(host)) return not_numeric(text);
  return from_host(host, *port);
}

Address Address::from_sockaddr(const sockaddr* address, socklen_t length) {
  if (address == nullptr || length < sizeof(sa_family_t)) return {};
  if (address->sa_family == AF_INET && length >= sizeof(sockaddr_in)) {
    const auto in = copied_from<sockaddr_in>(address);
    return Address(Place(Ipv4{in.sin_addr.s_addr, ntohs(in.sin_port)}));
  }
  if (address->sa_family == AF_INET6 && length >= sizeof(sockaddr_in6)) {
    const auto in = copied_from<sockaddr_in6>(address);
    Ipv6 ipv6{{}, in.sin6_scope_id, ntohs(in.sin6_port)};
    std::memcpy(ipv6.address, &in.sin6_addr, sizeof ipv6.address);
    return Address(Place(ipv6));
  }
  if (address->sa_family == AF_UNIX) return from_sockaddr_un(address, length);
  return {};
}

Address Address::from_sockaddr_un(const sockaddr* address, socklen_t length) {
  sockaddr_un un{};
  const std::size_t used = std::min<std::size_t>(length, sizeof un);
  std::memcpy(&un, address, used);
  const std::size_t path_length = used <= kUnixPathOffset ? 0 : used - kUnixPathOffset;
  if (path_length == 0) return Address(Place(Unix{}));
  if (un.sun_path[0] == '\0') {  // abstract: the length ends it, not a NUL
    return Address(Place(Unix{"@" + std::string(un.sun_path + 1, path_length - 1)}));
  }
  return Address(Place(Unix{std::string(un.sun_path, ::strnlen(un.sun_path, path_length))}));
}

bool Address::is_loopback() const {
  if (const auto* ipv4 = std::get_if<Ipv4>(&place_)) return (ntohl(ipv4->address) >> 24) == 127;
  if (const auto* ipv6 = std::get_if<Ipv6>(&place_)) {
    in6_addr raw{};
    std::memcpy(&raw, ipv6->address, sizeof raw);
    if (IN6_IS_ADDR_V4MAPPED(&raw)) return ipv6->address[12] == 127;
    return IN6_IS_ADDR_LOOPBACK(&raw) != 0;
  }
  return is_unix();
}

std::uint16_t Address::port() const {
  if (const auto* ipv4 = std::get_if<Ipv4>(&place_)) return ipv4->port;
  if (const auto* ipv6 = std::get_if<Ipv6>(&place_)) return ipv6->port;
  if (const auto* un = std::get_if<Unix>(&place_)) {
    const std::size_t dot = un->path.rfind("/.s.PGSQL.");
    if (dot == std::string::npos) return 0;
    return number_of<std::uint16_t>(std::string_view(un->path).substr(dot + 10)).value_or(0);
  }
  return 0;
}

std::string Address::host() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (const auto* ipv4 = std::get_if<Ipv4>(&place_)) {
    return ::inet_ntop(AF_INET, &ipv4->address, text, sizeof text);
  }
  if (const auto* ipv6 = std::get_if<Ipv6>(&place_)) {
    std::string host = ::inet_ntop(AF_INET6, ipv6->address, text, sizeof text);
    if (ipv6->scope != 0) host += "%" + std::to_string(ipv6->scope);
    return host;
  }
  if (const auto* un = std::get_if<Unix>(&place_)) return un->path;
  return {};
}

std::string Address::to_string() const {
  switch (family()) {
    case Family::kIpv4:
      return host() + ":" + std::to_string(port());
    case Family::kIpv6:
      return "[" + host() + "]:" + std::to_string(port());
    case Family::kUnix:
      return std::string(kUnixScheme) + host();
    case Family::kNone:
      break;
  }
  return "none";
}

socklen_t Address::to_sockaddr(sockaddr_storage& out) const {
  out = {};
  if (const auto* ipv4 = std::get_if<Ipv4>(&place_)) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(ipv4->port);
    in.sin_addr.s_addr = ipv4->address;
    std::memcpy(&out, &in, sizeof in);
    return sizeof in;
  }
  if (const auto* ipv6 = std::get_if<Ipv6>(&place_)) {
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(ipv6->port);
    in.sin6_scope_id = ipv6->scope;
    std::memcpy(&in.sin6_addr, ipv6->address, sizeof ipv6->address);
    std::memcpy(&out, &in, sizeof in);
    return sizeof in;
  }
  const auto* un = std::get_if<Unix>(&place_);
  if (un == nullptr) return 0;
  sockaddr_un raw{};
  raw.sun_family = AF_UNIX;
  if (un->path.empty()) {
    std::memcpy(&out, &raw, sizeof raw);
    return static_cast<socklen_t>(kUnixPathOffset);  // unnamed
  }
  const bool abstract = un->path.front() == '@';
  std::memcpy(raw.sun_path, un->path.data(), un->path.size());
  if (abstract) raw.sun_path[0] = '\0';
  std::memcpy(&out, &raw, sizeof raw);
  // An abstract name ends with the length; a path also carries its NUL.
  return static_cast<socklen_t>(kUnixPathOffset + un->path.size() + (abstract ? 0 : 1));
}

}  // namespace pgsaba::net
