// LdapSettings: how a directory is asked about a password, from the ldap options of a rule.
// Two ways: with a prefix or suffix the user's name is made into the name to bind as; with a base
// the directory is searched for the user first. Values and pure functions; any thread.
// Sources: PostgreSQL, chapter 21.10, and src/backend/libpq/auth.c, hba.c; RFC 4516 for the URL.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "pgsaba/auth/secret_bytes.h"
#include "pgsaba/base/result.h"

namespace pgsaba::auth {

enum class LdapScope : std::uint8_t { kBase, kOne, kSubtree };

struct LdapSettings {
  std::string scheme = "ldap";  // or ldaps
  std::string servers;          // names or addresses with blanks between; empty: DNS is asked
  std::uint16_t port = 0;       // 0: the scheme's
  bool start_tls = false;
  std::optional<std::string> prefix;
  std::optional<std::string> suffix;
  std::optional<std::string> base;  // where a search begins
  LdapScope scope = LdapScope::kSubtree;
  std::optional<std::string> bind_name;  // as whom is searched
  SecretBytes bind_password;
  std::optional<std::string> search_attribute;
  std::optional<std::string> search_filter;  // with $username

  bool searches() const { return base.has_value(); }
  std::uint16_t effective_port() const { return port != 0 ? port : scheme == "ldaps" ? 636 : 389; }
};

// From options as a line has them; the last one of a name counts.
Result<LdapSettings> read_ldap_settings(
    std::span<const std::pair<std::string, std::string>> options);

// "ldap://one:389 ldap://two:389", for servers between blanks; one with a port keeps its own.
std::string ldap_uris(const LdapSettings& settings, std::string_view servers);
// What finds the user, if its name can be searched for: characters with a meaning in a filter or a
// name refuse the login, as in PostgreSQL.
std::optional<std::string> ldap_filter(const LdapSettings& settings, std::string_view user);

}  // namespace pgsaba::auth
