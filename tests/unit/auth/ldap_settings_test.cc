#include <doctest/doctest.h>
#include <pgsaba/auth/ldap_settings.h>

#include <string>
#include <vector>

using namespace pgsaba;
using namespace pgsaba::auth;

namespace {

using Options = std::vector<std::pair<std::string, std::string>>;

LdapSettings settings_of(const Options& options) {
  auto settings = read_ldap_settings(options);
  REQUIRE_MESSAGE(settings.ok(), settings.error().message);
  return std::move(*settings);
}

std::string error_of(const Options& options) {
  const auto settings = read_ldap_settings(options);
  return settings.ok() ? "" : settings.error().message;
}

}  // namespace

TEST_CASE("ldap: the parts of a URL") {
  const LdapSettings all =
      settings_of({{"ldapurl", "ldaps://db.example.org:1636/dc=a%20b,dc=c??one?(x=%3f)"}});
  CHECK(all.scheme == "ldaps");
  CHECK(all.servers == "db.example.org");
  CHECK(all.port == 1636);
  CHECK(all.base == "dc=a b,dc=c");
  CHECK(all.scope == LdapScope::kOne);
  CHECK(all.search_filter == "(x=?)");
  CHECK(settings_of({{"ldapurl", "ldap://h/dc=c?uid,cn"}}).search_attribute == "uid");
  CHECK(error_of({{"ldapurl",
                   "ldap://h/dc=c?uid?"
                   "?(x=y)"}})
            .find("beside ldapsearchfilter") != std::string::npos);

  const LdapSettings bare = settings_of({{"ldapurl", "ldap://[::1]"}});
  CHECK(bare.servers == "[::1]");
  CHECK(bare.effective_port() == 389);
  CHECK(bare.base == "");
  CHECK_FALSE(bare.search_attribute);
  CHECK(bare.scope == LdapScope::kBase);
  CHECK(settings_of({{"ldapurl", "ldap://[::1]:3/dc=x"}}).port == 3);
}

TEST_CASE("ldap: what cannot be meant") {
  CHECK(error_of({}).find("needs ldapbasedn, ldapprefix or ldapsuffix") != std::string::npos);
  CHECK(error_of({{"ldapprefix", "a"}, {"ldapbasedn", "b"}}).find("search") != std::string::npos);
  CHECK(error_of({{"ldapprefix", ""}}) == "");  // the user's name alone
  CHECK(error_of({{"ldapbasedn", ""}}) == "");
  CHECK(error_of({{"ldapurl", "http://x"}}).find("URL") != std::string::npos);
  CHECK(error_of({{"ldapurl", "ldap://x:y"}}).find("port") != std::string::npos);
  CHECK(error_of({{"ldapurl", "ldap://x/y??all"}}).find("scope") != std::string::npos);
  CHECK(error_of({{"ldapport", "0"}, {"ldapbasedn", "b"}}).find("port") != std::string::npos);
  CHECK(error_of({{"ldapport", "70000"}, {"ldapbasedn", "b"}}).find("port") != std::string::npos);
  CHECK(error_of({{"ldapscheme", "ldapi"}, {"ldapbasedn", "b"}}).find("scheme") !=
        std::string::npos);
  CHECK(error_of({{"ldapscheme", "ldaps"}, {"ldaptls", "1"}, {"ldapbasedn", "b"}}) != "");
}

TEST_CASE("ldap: addresses of the servers") {
  LdapSettings settings = settings_of({{"ldapbasedn", "b"}});
  CHECK(ldap_uris(settings, "one two:390  [::1] [::1]:5") ==
        "ldap://one:389 ldap://two:390 ldap://[::1]:389 ldap://[::1]:5");
  settings.scheme = "ldaps";
  CHECK(ldap_uris(settings, "one") == "ldaps://one:636");
  settings.port = 7;
  CHECK(ldap_uris(settings, "one") == "ldaps://one:7");
  CHECK(ldap_uris(settings, "") == "");
}

TEST_CASE("ldap: what finds a user") {
  CHECK(ldap_filter(settings_of({{"ldapbasedn", "b"}}), "ann") == "(uid=ann)");
  const LdapSettings attribute = settings_of({{"ldapbasedn", "b"}, {"ldapsearchattribute", "cn"}});
  CHECK(ldap_filter(attribute, "ann") == "(cn=ann)");
  const LdapSettings filter = settings_of(
      {{"ldapbasedn", "b"}, {"ldapsearchfilter", "(|(uid=$username)(mail=$username@x))"}});
  CHECK(ldap_filter(filter, "ann") == "(|(uid=ann)(mail=ann@x))");
  CHECK(ldap_filter(filter, "$username") == "(|(uid=$username)(mail=$username@x))");
  for (const char* name : {"a*", "a)", "(a", "a\\", "a/b"}) CHECK_FALSE(ldap_filter(filter, name));
}
