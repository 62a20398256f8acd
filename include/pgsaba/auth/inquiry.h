// Inquiry: what a login has to ask the system before it can go on, which may take long: it is
// answered away from the threads that serve queries. Values; any thread.
#pragma once

#include <sys/types.h>

#include <string>
#include <variant>

#include "pgsaba/auth/ip_address.h"

namespace pgsaba::auth {

// The name of an address, if that name leads back to it; empty otherwise.
struct HostNameInquiry {
  IpAddress address;
};
// The name of a user of this machine; empty if there is none.
struct UserNameInquiry {
  uid_t uid = 0;
};
using Inquiry = std::variant<HostNameInquiry, UserNameInquiry>;

// Asks resolver and name service, and waits for them. Any thread.
std::string answer(const Inquiry& inquiry);

}  // namespace pgsaba::auth
