// IpAddress and IpNetwork: numeric addresses as access rules compare them. A mapped IPv4 address
// (::ffff:10.0.0.1) is the IPv4 address it stands for.
// Any thread; value types without system calls.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pgsaba::auth {

class IpAddress {
 public:
  // "10.0.0.1", "::1"; a zone ("%eth0") is ignored. Null if it is no numeric address.
  static std::optional<IpAddress> parse(std::string_view text);
  static IpAddress v4(std::uint32_t host_order);

  bool is_v6() const { return v6_; }
  unsigned bits() const { return v6_ ? 128 : 32; }
  bool bit(unsigned number) const;  // 0 is the highest
  std::string to_string() const;
  // The same with only its first `length` bits.
  IpAddress prefix(unsigned length) const;

  friend bool operator==(const IpAddress&, const IpAddress&) = default;

 private:
  friend class IpNetwork;
  bool v6_ = false;
  std::array<std::uint8_t, 16> bytes_{};  // network order; 4 of them without v6
};

// The addresses that agree with `base` wherever `mask` has a bit; masks may have holes, as in
// PostgreSQL.
class IpNetwork {
 public:
  IpNetwork() = default;
  IpNetwork(const IpAddress& base, const IpAddress& mask) : base_(base), mask_(mask) {}
  // Null if the length exceeds the address.
  static std::optional<IpNetwork> of_length(const IpAddress& base, unsigned length);

  bool contains(const IpAddress& address) const;
  const IpAddress& base() const { return base_; }
  const IpAddress& mask() const { return mask_; }

  friend bool operator==(const IpNetwork&, const IpNetwork&) = default;

 private:
  IpAddress base_;
  IpAddress mask_;
};

}  // namespace pgsaba::auth
