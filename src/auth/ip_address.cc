#include <arpa/inet.h>
#include <pgsaba/auth/ip_address.h>

#include <algorithm>
#include <cstring>

namespace pgsaba::auth {
namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string number(text.substr(0, text.find('%')));
  IpAddress address;
  if (::inet_pton(AF_INET, number.c_str(), address.bytes_.data()) == 1) return address;
  if (::inet_pton(AF_INET6, number.c_str(), address.bytes_.data()) != 1) return std::nullopt;
  if (std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), address.bytes_.begin())) {
    std::memmove(address.bytes_.data(), address.bytes_.data() + kMappedPrefix.size(), 4);
    std::fill(address.bytes_.begin() + 4, address.bytes_.end(), std::uint8_t{0});
    return address;
  }
  address.v6_ = true;
  return address;
}

IpAddress IpAddress::v4(std::uint32_t host_order) {
  IpAddress address;
  for (unsigned i = 0; i < 4; ++i)
    address.bytes_[i] = static_cast<std::uint8_t>(host_order >> (24 - 8 * i));
  return address;
}

bool IpAddress::bit(unsigned number) const {
  return ((bytes_[number / 8] >> (7 - number % 8)) & 1) != 0;
}

IpAddress IpAddress::prefix(unsigned length) const {
  IpAddress first = *this;
  for (unsigned bit = length; bit < bits(); ++bit) {
    std::uint8_t& byte = first.bytes_[bit / 8];
    byte = static_cast<std::uint8_t>(byte & ~(0x80U >> bit % 8));
  }
  return first;
}

std::string IpAddress::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(v6_ ? AF_INET6 : AF_INET, bytes_.data(), text.data(), text.size());
  return text.data();
}

std::optional<IpNetwork> IpNetwork::of_length(const IpAddress& base, unsigned length) {
  if (length > base.bits()) return std::nullopt;
  IpAddress mask;
  mask.v6_ = base.v6_;
  for (unsigned bit = 0; bit < length; ++bit)
    mask.bytes_[bit / 8] = static_cast<std::uint8_t>(mask.bytes_[bit / 8] | (0x80U >> bit % 8));
  return IpNetwork(base, mask);
}

bool IpNetwork::contains(const IpAddress& address) const {
  if (address.v6_ != base_.v6_) return false;
  for (std::size_t i = 0; i < address.bytes_.size(); ++i)
    if (((address.bytes_[i] ^ base_.bytes_[i]) & mask_.bytes_[i]) != 0) return false;
  return true;
}

}  // namespace pgsaba::auth
