#include "auth/hba_line.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace pgsaba::auth {
namespace {

struct MethodName {
  std::string_view name;
  HbaMethod method;
};

constexpr std::array kMethods = {
    MethodName{"trust", HbaMethod::kTrust},
    MethodName{"reject", HbaMethod::kReject},
    MethodName{"password", HbaMethod::kPassword},
    MethodName{"md5", HbaMethod::kMd5},
    MethodName{"scram-sha-256", HbaMethod::kScramSha256},
    MethodName{"cert", HbaMethod::kCert},
    MethodName{"peer", HbaMethod::kPeer},
    MethodName{"pam", HbaMethod::kPam},
    MethodName{"ldap", HbaMethod::kLdap},
};

struct TypeName {
  std::string_view name;
  HbaType type;
};

constexpr std::array kTypes = {
    TypeName{"local", HbaType::kLocal},           TypeName{"host", HbaType::kHost},
    TypeName{"hostssl", HbaType::kHostSsl},       TypeName{"hostnossl", HbaType::kHostNoSsl},
    TypeName{"hostgssenc", HbaType::kHostGssEnc}, TypeName{"hostnogssenc", HbaType::kHostNoGssEnc},
};

constexpr std::array<std::string_view, 5> kForeignMethods = {"gss", "sspi", "ident", "radius",
                                                             "bsd"};

// Options of a method alone, beside those that stand with every one of them.
constexpr std::array<std::string_view, 12> kLdapOptions = {"ldapurl",
                                                           "ldapserver",
                                                           "ldapport",
                                                           "ldapscheme",
                                                           "ldaptls",
                                                           "ldapprefix",
                                                           "ldapsuffix",
                                                           "ldapbasedn",
                                                           "ldapbinddn",
                                                           "ldapbindpasswd",
                                                           "ldapsearchattribute",
                                                           "ldapsearchfilter"};

// Reads the fields of a line one after the other; the first thing that is wrong ends it.
class HbaLineReader {
 public:
  explicit HbaLineReader(const RuleLine& line) : line_(line) {
    rule_.file = line.file;
    rule_.line = line.number;
    rule_.error = line.error;
  }

  HbaRule read() {
    (void)(rule_.error.empty() && read_type() && read_names() && read_address() && read_method() &&
           read_options() && check());
    return std::move(rule_);
  }

 private:
  bool fail(std::string error, std::string hint = {}) {
    rule_.error = std::move(error);
    rule_.hint = std::move(hint);
    return false;
  }

  const RuleField* next() { return at_ < line_.fields.size() ? &line_.fields[at_++] : nullptr; }

  // A field that is no list.
  const RuleToken* single(std::string_view what) {
    const RuleField* field = next();
    if (field == nullptr) {
      fail("the line ends before its " + std::string(what));
      return nullptr;
    }
    if (field->size() == 1) return &field->front();
    fail("more than one value for the " + std::string(what),
         "Write one per line; spaces separate fields, commas the values of one.");
    return nullptr;
  }

  bool read_type() {
    const RuleToken* token = single("connection type");
    if (token == nullptr) return false;
    const auto* known = std::ranges::find(kTypes, token->text, &TypeName::name);
    if (known == kTypes.end())
      return fail("invalid connection type \"" + token->text + "\"",
                  "There are local, host, hostssl, hostnossl, hostgssenc and hostnogssenc.");
    rule_.type = known->type;
    return true;
  }

  bool read_names() {
    const RuleField* databases = next();
    if (databases == nullptr) return fail("the line ends before its database");
    for (const RuleToken& token : *databases)
      if (!add(rule_.databases, NamePattern::of_database(token))) return false;
    const RuleField* users = next();
    if (users == nullptr) return fail("the line ends before its user");
    for (const RuleToken& token : *users)
      if (!add(rule_.users, NamePattern::of_user(token))) return false;
    return true;
  }

  bool add(std::vector<NamePattern>& names, Result<NamePattern> name) {
    if (!name) return fail(name.error().message, name.error().hint);
    names.push_back(std::move(*name));
    return true;
  }

  bool read_address() {
    if (rule_.type == HbaType::kLocal) return true;
    const RuleToken* token = single("address");
    if (token == nullptr) return false;
    if (token->is("all")) return true;
    if (token->is("samehost") || token->is("samenet")) {
      rule_.from = token->is("samehost") ? HbaRule::From::kSameHost : HbaRule::From::kSameNet;
      return true;
    }
    const std::size_t slash = token->text.find('/');
    const auto base = IpAddress::parse(std::string_view(token->text).substr(0, slash));
    if (!base) return read_host_name(*token, slash);
    rule_.from = HbaRule::From::kNetwork;
    return slash == std::string::npos ? read_mask(*base) : read_length(*base, *token, slash);
  }

  bool read_host_name(const RuleToken& token, std::size_t slash) {
    if (slash != std::string::npos)
      return fail("a host name cannot have a mask: \"" + token.text + "\"",
                  "Numeric addresses can: 10.0.0.0/8.");
    rule_.from = HbaRule::From::kHostName;
    rule_.host_name = token.text;
    return true;
  }

  bool read_length(const IpAddress& base, const RuleToken& token, std::size_t slash) {
    const std::string_view digits = std::string_view(token.text).substr(slash + 1);
    unsigned length = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), length);
    const bool number = read.ec == std::errc() && read.ptr == digits.data() + digits.size();
    const auto network = number ? IpNetwork::of_length(base, length) : std::nullopt;
    if (!network)
      return fail("invalid CIDR mask in address \"" + token.text + "\"",
                  "It is a number of bits: up to 32 for IPv4, up to 128 for IPv6.");
    rule_.network = *network;
    return true;
  }

  bool read_mask(const IpAddress& base) {
    const RuleToken* token = single("address's mask");
    if (token == nullptr) {
      rule_.hint = "Write the address with a CIDR mask: " + base.to_string() +
                   (base.is_v6() ? "/128." : "/32.");
      return false;
    }
    const auto mask = IpAddress::parse(token->text);
    if (!mask) return fail("invalid IP mask \"" + token->text + "\"");
    if (mask->is_v6() != base.is_v6())
      return fail("the address and its mask are not both IPv4 or both IPv6");
    rule_.network = IpNetwork(base, *mask);
    return true;
  }

  bool read_method() {
    const RuleToken* token = single("authentication method");
    if (token == nullptr) return false;
    std::string_view name = token->text;
    if (name == "ident" && rule_.type == HbaType::kLocal) name = "peer";
    const auto* known = std::ranges::find(kMethods, name, &MethodName::name);
    if (known != kMethods.end()) {
      rule_.method = known->method;
      return true;
    }
    const bool foreign = std::ranges::find(kForeignMethods, name) != kForeignMethods.end();
    return fail((foreign ? "authentication method \"" : "invalid authentication method \"") +
                    token->text + (foreign ? "\" is not supported" : "\""),
                "There are trust, reject, password, md5, scram-sha-256, cert, peer, pam and ldap.");
  }

  bool read_options() {
    while (const RuleField* field = next()) {
      for (const RuleToken& token : *field) {
        const std::size_t equals = token.text.find('=');
        if (equals == std::string::npos)
          return fail("an option has to be written name=value: \"" + token.text + "\"");
        if (!read_option(token.text.substr(0, equals), token.text.substr(equals + 1))) return false;
      }
    }
    return true;
  }

  bool read_option(const std::string& name, const std::string& value) {
    rule_.options.emplace_back(name, value);
    if (name == "map") return read_map(value);
    if (name == "clientcert") return read_clientcert(value);
    if (name == "clientname") return read_clientname(value);
    const bool of_pam = name == "pamservice" || name == "pam_use_hostname";
    if (of_pam) return belongs(name, HbaMethod::kPam);
    if (std::ranges::find(kLdapOptions, name) != kLdapOptions.end())
      return belongs(name, HbaMethod::kLdap);
    return fail("unknown option \"" + name + "\"");
  }

  bool belongs(const std::string& name, HbaMethod method) {
    if (rule_.method == method) return true;
    return fail("option \"" + name + "\" belongs to the method " + std::string(text_of(method)));
  }

  bool read_map(const std::string& value) {
    if (rule_.method != HbaMethod::kPeer && rule_.method != HbaMethod::kCert)
      return fail("option \"map\" belongs to the methods peer and cert");
    rule_.map = value;
    return true;
  }

  bool read_clientcert(const std::string& value) {
    if (rule_.type != HbaType::kHostSsl)
      return fail("option \"clientcert\" belongs to hostssl lines");
    if (value == "verify-full") {
      rule_.certificate = ClientCertificate::kVerifyFull;
      return true;
    }
    if (value != "verify-ca")
      return fail("invalid value for clientcert: \"" + value + "\"",
                  "It can be verify-ca or verify-full.");
    if (rule_.method == HbaMethod::kCert)
      return fail(
          "the method cert verifies the certificate's name: clientcert can only be verify-full");
    rule_.certificate = ClientCertificate::kVerifyCa;
    return true;
  }

  bool read_clientname(const std::string& value) {
    if (rule_.type != HbaType::kHostSsl)
      return fail("option \"clientname\" belongs to hostssl lines");
    if (value != "CN" && value != "DN")
      return fail("invalid value for clientname: \"" + value + "\"", "It can be CN or DN.");
    rule_.by_distinguished_name = value == "DN";
    return true;
  }

  // What the fields mean together.
  bool check() {
    if (rule_.method == HbaMethod::kPeer && rule_.type != HbaType::kLocal)
      return fail("the method peer works on local lines only");
    if (rule_.method == HbaMethod::kCert) {
      if (rule_.type != HbaType::kHostSsl)
        return fail("the method cert works on hostssl lines only");
      rule_.certificate = ClientCertificate::kVerifyFull;
    }
    return rule_.method != HbaMethod::kLdap || read_ldap();
  }

  bool read_ldap() {
    auto settings = read_ldap_settings(rule_.options);
    if (!settings) return fail(settings.error().message, settings.error().hint);
    rule_.ldap = std::make_shared<const LdapSettings>(std::move(*settings));
    for (auto& [name, value] : rule_.options) {
      if (name != "ldapbindpasswd") continue;
      wipe(value.data(), value.size());
      value = "****";
    }
    return true;
  }

  const RuleLine& line_;
  std::size_t at_ = 0;
  HbaRule rule_;
};

}  // namespace

std::string_view text_of(HbaMethod method) {
  return std::ranges::find(kMethods, method, &MethodName::method)->name;
}

std::string_view text_of(HbaType type) {
  return std::ranges::find(kTypes, type, &TypeName::type)->name;
}

HbaRule read_hba_line(const RuleLine& line) { return HbaLineReader(line).read(); }

}  // namespace pgsaba::auth
