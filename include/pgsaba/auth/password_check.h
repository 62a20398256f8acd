// PasswordCheck: a password that somebody else has to judge, PAM or a directory, which may take
// long: it is judged away from the threads that serve queries. A value that owns what it carries;
// any thread.
#pragma once

#include <memory>
#include <string>
#include <variant>

#include "pgsaba/auth/ldap_settings.h"
#include "pgsaba/auth/secret_bytes.h"
#include "pgsaba/base/clock.h"

namespace pgsaba::auth {

struct PamCheck {
  std::string service;
  std::string host;  // where the client is; empty: on a Unix socket
};
struct LdapCheck {
  std::shared_ptr<const LdapSettings> settings;
  Micros limit_us = 0;  // for each step: to connect, to bind, to search; 0: none
};

struct PasswordCheck {
  std::variant<PamCheck, LdapCheck> by = {};
  std::string user = {};
  SecretBytes password = {};
};

}  // namespace pgsaba::auth
