#include <ldap.h>

#include <memory>

#include "control/password_judges.h"

namespace pgsaba::control {
namespace {

struct Unbind {
  void operator()(LDAP* ldap) const { ::ldap_unbind_ext_s(ldap, nullptr, nullptr); }
};
using Connection = std::unique_ptr<LDAP, Unbind>;

struct FreeMemory {
  void operator()(char* text) const { ::ldap_memfree(text); }
};
using LdapText = std::unique_ptr<char, FreeMemory>;

std::string explain(LDAP* ldap, const std::string& what, int result) {
  std::string text = what + ": " + ::ldap_err2string(result);
  char* more = nullptr;
  if (ldap != nullptr &&
      ::ldap_get_option(ldap, LDAP_OPT_DIAGNOSTIC_MESSAGE, &more) == LDAP_OPT_SUCCESS &&
      more != nullptr) {
    if (*more != '\0') text += std::string(" (") + more + ")";
    ::ldap_memfree(more);
  }
  return text;
}

// The directories that DNS knows for a base like dc=example,dc=org.
std::string servers_of(const std::string& base) {
  char* domain = nullptr;
  if (::ldap_dn2domain(base.c_str(), &domain) != LDAP_SUCCESS || domain == nullptr) return {};
  const LdapText owned_domain(domain);
  char* servers = nullptr;
  if (::ldap_domain2hostlist(domain, &servers) != LDAP_SUCCESS || servers == nullptr) return {};
  return LdapText(servers).get();
}

class Directory {
 public:
  Directory(const auth::LdapSettings& settings, Micros limit)
      : settings_(settings), limit_(limit) {}

  std::string judge(const std::string& user, const auth::SecretBytes& password) {
    std::string name = settings_.prefix.value_or("") + user + settings_.suffix.value_or("");
    if (settings_.searches()) {
      if (std::string why = find(user, name); !why.empty()) return why;
    }
    // A new connection, as in PostgreSQL: what was allowed to the one who searched is gone.
    if (std::string why = connect(); !why.empty()) return why;
    return bind(name, password, "LDAP login failed for \"" + name + "\"");
  }

 private:
  std::string connect() {
    connection_.reset();
    std::string servers = settings_.servers;
    if (servers.empty() && settings_.searches()) servers = servers_of(*settings_.base);
    const std::string uris = auth::ldap_uris(settings_, servers);
    if (uris.empty()) return "no LDAP server is named, and DNS knows none for the base";
    LDAP* ldap = nullptr;
    int result = ::ldap_initialize(&ldap, uris.c_str());
    if (result != LDAP_SUCCESS) return explain(nullptr, "cannot use \"" + uris + "\"", result);
    connection_.reset(ldap);
    const int version = LDAP_VERSION3;
    const timeval limit = {static_cast<time_t>(limit_ / kSecond),
                           static_cast<suseconds_t>(limit_ % kSecond)};
    ::ldap_set_option(ldap, LDAP_OPT_PROTOCOL_VERSION, &version);
    if (limit_ > 0) {
      ::ldap_set_option(ldap, LDAP_OPT_NETWORK_TIMEOUT, &limit);
      ::ldap_set_option(ldap, LDAP_OPT_TIMEOUT, &limit);
    }
    if (!settings_.start_tls) return {};
    result = ::ldap_start_tls_s(ldap, nullptr, nullptr);
    return result == LDAP_SUCCESS ? "" : explain(ldap, "cannot start TLS to the directory", result);
  }

  std::string bind(const std::string& name, const auth::SecretBytes& password,
                   const std::string& what) {
    berval credentials = {password.size(), const_cast<char*>(password.text().data())};  // NOLINT
    const int result = ::ldap_sasl_bind_s(connection_.get(), name.c_str(), LDAP_SASL_SIMPLE,
                                          &credentials, nullptr, nullptr, nullptr);
    return result == LDAP_SUCCESS ? "" : explain(connection_.get(), what, result);
  }

  // Which name the user has in the directory.
  std::string find(const std::string& user, std::string& name) {
    const auto filter = auth::ldap_filter(settings_, user);
    if (!filter) return "the user's name has a character that LDAP cannot search for";
    if (std::string why = connect(); !why.empty()) return why;
    const std::string searcher = settings_.bind_name.value_or("");
    if (std::string why = bind(searcher, settings_.bind_password,
                               "cannot bind as \"" + searcher + "\" to search");
        !why.empty())
      return why;
    return search(*filter, name);
  }

  std::string search(const std::string& filter, std::string& name) {
    char no_attributes[] = "1.1";
    char* attributes[] = {no_attributes, nullptr};
    LDAPMessage* found = nullptr;
    const int result =
        ::ldap_search_ext_s(connection_.get(), settings_.base->c_str(), scope(), filter.c_str(),
                            attributes, 0, nullptr, nullptr, nullptr, kTwo, &found);
    const std::unique_ptr<LDAPMessage, decltype([](LDAPMessage* one) { ::ldap_msgfree(one); })>
        owned(found);
    const bool too_many = result == LDAP_SIZELIMIT_EXCEEDED;
    if (result != LDAP_SUCCESS && !too_many)
      return explain(connection_.get(), "cannot search for " + filter, result);
    const int count = too_many ? kTwo : ::ldap_count_entries(connection_.get(), found);
    if (count != 1)
      return (count == 0 ? "nobody" : "more than one") + std::string(" in the directory fits ") +
             filter;
    const LdapText text(
        ::ldap_get_dn(connection_.get(), ::ldap_first_entry(connection_.get(), found)));
    if (!text) return "the directory names nobody for " + filter;
    name = text.get();
    return {};
  }

  int scope() const {
    switch (settings_.scope) {
      case auth::LdapScope::kBase:
        return LDAP_SCOPE_BASE;
      case auth::LdapScope::kOne:
        return LDAP_SCOPE_ONELEVEL;
      case auth::LdapScope::kSubtree:
        break;
    }
    return LDAP_SCOPE_SUBTREE;
  }

  static constexpr int kTwo = 2;  // are too many: whoever it is has to be one

  const auth::LdapSettings& settings_;
  Micros limit_;
  Connection connection_;
};

}  // namespace

std::string judge_by_ldap(const auth::LdapCheck& by, const auth::PasswordCheck& check) {
  return Directory(*by.settings, by.limit_us).judge(check.user, check.password);
}

std::string judge(const auth::PasswordCheck& check) {
  if (const auto* by_pam = std::get_if<auth::PamCheck>(&check.by))
    return judge_by_pam(*by_pam, check);
  return judge_by_ldap(std::get<auth::LdapCheck>(check.by), check);
}

}  // namespace pgsaba::control
