#include <pgsaba/auth/ldap_settings.h>

#include <algorithm>
#include <charconv>
#include <vector>

namespace pgsaba::auth {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// %41 is A; what is no such sequence stays.
std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = i + 2 < text.size() && text[i] == '%' ? hex_digit(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
    if (low < 0) {
      out.push_back(text[i]);
    } else {
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    }
  }
  return out;
}

std::optional<std::uint16_t> port_in(std::string_view text) {
  std::uint16_t port = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), port);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return port;
}

// Cuts off what stands before `separator`, which goes, too.
std::string_view take(std::string_view& rest, char separator) {
  const std::string_view part = rest.substr(0, rest.find(separator));
  rest.remove_prefix(std::min(part.size() + 1, rest.size()));
  return part;
}

// Where the port begins in "host:port" or "[::1]:port"; npos without one.
std::size_t port_colon(std::string_view host) {
  const std::size_t bracket = host.rfind(']');
  const std::size_t colon = host.rfind(':');
  if (colon == std::string_view::npos) return colon;
  if (bracket != std::string_view::npos) return colon > bracket ? colon : std::string_view::npos;
  return colon;
}

std::optional<LdapScope> scope_of(std::string_view word) {
  if (word.empty() || word == "base") return LdapScope::kBase;
  if (word == "one" || word == "onetree" || word == "onelevel") return LdapScope::kOne;
  if (word == "sub" || word == "subtree") return LdapScope::kSubtree;
  return std::nullopt;
}

// ldap[s]://host[:port]/base?attribute?scope?filter
Status read_url(const std::string& url, LdapSettings& settings) {
  std::string_view rest = url;
  const std::size_t colon = rest.find("://");
  const std::string_view scheme = rest.substr(0, std::min(colon, rest.size()));
  if (colon == std::string_view::npos || (scheme != "ldap" && scheme != "ldaps"))
    return Error{"unsupported LDAP URL: \"" + url + "\"",
                 "It is ldap://host:port/base?attribute?scope?filter, or ldaps://…"};
  rest.remove_prefix(colon + 3);
  settings.scheme = scheme;
  std::string_view host = take(rest, '/');
  if (const std::size_t at = port_colon(host); at != std::string_view::npos) {
    const auto port = port_in(host.substr(at + 1));
    if (!port) return Error{"invalid port in the LDAP URL \"" + url + "\""};
    settings.port = *port;
    host = host.substr(0, at);
  }
  settings.servers = decoded(host);
  settings.base = decoded(take(rest, '?'));
  std::string_view attributes = take(rest, '?');
  if (!attributes.empty()) settings.search_attribute = decoded(take(attributes, ','));
  const auto scope = scope_of(take(rest, '?'));
  if (!scope) return Error{"invalid scope in the LDAP URL \"" + url + "\"", "base, one or sub"};
  settings.scope = *scope;
  if (const std::string_view filter = take(rest, '?'); !filter.empty())
    settings.search_filter = decoded(filter);
  return done();
}

Status read_option(const std::string& name, const std::string& value, LdapSettings& settings) {
  if (name == "ldapurl") return read_url(value, settings);
  if (name == "ldapserver") settings.servers = value;
  if (name == "ldapscheme") {
    if (value != "ldap" && value != "ldaps")
      return Error{"invalid ldapscheme value: \"" + value + "\"", "It can be ldap or ldaps."};
    settings.scheme = value;
  }
  if (name == "ldapport") {
    const auto port = port_in(value);
    if (!port || *port == 0) return Error{"invalid LDAP port number: \"" + value + "\""};
    settings.port = *port;
  }
  if (name == "ldaptls") settings.start_tls = value == "1";
  if (name == "ldapprefix") settings.prefix = value;
  if (name == "ldapsuffix") settings.suffix = value;
  if (name == "ldapbasedn") settings.base = value;
  if (name == "ldapbinddn") settings.bind_name = value;
  if (name == "ldapbindpasswd") settings.bind_password = SecretBytes(value);
  if (name == "ldapsearchattribute") settings.search_attribute = value;
  if (name == "ldapsearchfilter") settings.search_filter = value;
  return done();
}

Status check(const LdapSettings& settings) {
  const bool simple = settings.prefix || settings.suffix;
  const bool search = settings.searches() || settings.bind_name ||
                      !settings.bind_password.empty() || settings.search_attribute ||
                      settings.search_filter;
  if (simple && search)
    return Error{"ldapprefix and ldapsuffix cannot stand beside the options of a search"};
  if (!simple && !settings.searches())
    return Error{"the method ldap needs ldapbasedn, ldapprefix or ldapsuffix"};
  if (settings.search_attribute && settings.search_filter)
    return Error{"ldapsearchattribute cannot stand beside ldapsearchfilter"};
  if (settings.start_tls && settings.scheme == "ldaps")
    return Error{"ldaptls cannot stand beside ldaps", "Both encrypt: choose one."};
  return done();
}

}  // namespace

Result<LdapSettings> read_ldap_settings(
    std::span<const std::pair<std::string, std::string>> options) {
  LdapSettings settings;
  for (const auto& [name, value] : options)
    if (Status read = read_option(name, value, settings); !read.ok()) return read.error();
  if (Status checked = check(settings); !checked.ok()) return checked.error();
  return settings;
}

std::string ldap_uris(const LdapSettings& settings, std::string_view servers) {
  std::string uris;
  while (!servers.empty()) {
    const std::string_view host = take(servers, ' ');
    if (host.empty()) continue;
    const bool has_port = port_colon(host) != std::string_view::npos;
    if (!uris.empty()) uris.push_back(' ');
    uris.append(settings.scheme).append("://").append(host);
    if (!has_port) uris.append(":").append(std::to_string(settings.effective_port()));
  }
  return uris;
}

std::optional<std::string> ldap_filter(const LdapSettings& settings, std::string_view user) {
  if (user.find_first_of("*()\\/") != std::string_view::npos) return std::nullopt;
  const std::string name(user);
  if (!settings.search_filter)
    return "(" + settings.search_attribute.value_or("uid") + "=" + name + ")";
  constexpr std::string_view kPlaceholder = "$username";
  std::string filter;
  std::string_view rest = *settings.search_filter;
  for (std::size_t at = 0; (at = rest.find(kPlaceholder)) != std::string_view::npos;) {
    filter.append(rest.substr(0, at)).append(name);
    rest.remove_prefix(at + kPlaceholder.size());
  }
  return filter.append(rest);
}

}  // namespace pgsaba::auth
