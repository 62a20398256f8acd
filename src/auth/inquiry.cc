#include <netdb.h>
#include <netinet/in.h>
#include <pgsaba/auth/inquiry.h>
#include <pwd.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

namespace pgsaba::auth {
namespace {

using Addresses = std::unique_ptr<addrinfo, decltype([](addrinfo* list) { ::freeaddrinfo(list); })>;

Addresses look_up(const std::string& name, int flags) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = flags;
  addrinfo* found = nullptr;
  if (::getaddrinfo(name.c_str(), nullptr, &wanted, &found) != 0) return nullptr;
  return Addresses(found);
}

std::optional<IpAddress> address_of(const addrinfo& found) {
  std::array<char, NI_MAXHOST> text{};
  if (::getnameinfo(found.ai_addr, found.ai_addrlen, text.data(), text.size(), nullptr, 0,
                    NI_NUMERICHOST) != 0)
    return std::nullopt;
  return IpAddress::parse(text.data());
}

// Whoever owns an address says what it is called; only the name's owner can say that this is true.
std::string answer_one(const HostNameInquiry& inquiry) {
  const Addresses numeric = look_up(inquiry.address.to_string(), AI_NUMERICHOST);
  if (!numeric) return {};
  std::array<char, NI_MAXHOST> name{};
  if (::getnameinfo(numeric->ai_addr, numeric->ai_addrlen, name.data(), name.size(), nullptr, 0,
                    NI_NAMEREQD) != 0)
    return {};
  const Addresses back = look_up(name.data(), 0);
  for (const addrinfo* one = back.get(); one != nullptr; one = one->ai_next)
    if (address_of(*one) == inquiry.address) return name.data();
  return {};
}

std::string answer_one(const UserNameInquiry& inquiry) {
  std::vector<char> room(16'384);
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(inquiry.uid, &entry, room.data(), room.size(), &found) != 0 || found == nullptr)
    return {};
  return entry.pw_name;
}

}  // namespace

std::string answer(const Inquiry& inquiry) {
  return std::visit([](const auto& one) { return answer_one(one); }, inquiry);
}

}  // namespace pgsaba::auth
