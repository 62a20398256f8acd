// HbaRules: who may log in from where, and how it has to be proven, in the syntax of PostgreSQL's
// pg_hba.conf. The first rule that fits a client decides; if none fits it stays outside.
//
// Rules that PostgreSQL knows and we cannot judge (+role, samerole, gss, ident over TCP, ...) are
// errors with their reason, never left out: a rule that vanished would let the next one decide.
// A file with an error is not to be used; all its errors can be shown.
//
// Built on one thread, then shared as const. Matching allocates nothing.
// Source: PostgreSQL, chapter 21.1, and src/backend/libpq/hba.c.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pgsaba/auth/ip_address.h"
#include "pgsaba/auth/ldap_settings.h"
#include "pgsaba/auth/name_pattern.h"
#include "pgsaba/auth/rule_lines.h"

namespace pgsaba::auth {

enum class HbaType : std::uint8_t {
  kLocal,
  kHost,
  kHostSsl,
  kHostNoSsl,
  kHostGssEnc,
  kHostNoGssEnc
};

enum class HbaMethod : std::uint8_t {
  kTrust,
  kReject,
  kPassword,
  kMd5,
  kScramSha256,
  kCert,
  kPeer,
  kPam,
  kLdap,
};
std::string_view text_of(HbaMethod method);
std::string_view text_of(HbaType type);

enum class ClientCertificate : std::uint8_t { kAny, kVerifyCa, kVerifyFull };

struct HbaRule {
  enum class From : std::uint8_t { kAnywhere, kNetwork, kSameHost, kSameNet, kHostName };

  std::string file;
  std::size_t line = 0;
  HbaType type = HbaType::kLocal;
  std::vector<NamePattern> databases;
  std::vector<NamePattern> users;
  From from = From::kAnywhere;
  IpNetwork network;      // kNetwork
  std::string host_name;  // kHostName; ".example.com" stands for all names that end so
  HbaMethod method = HbaMethod::kReject;
  std::vector<std::pair<std::string, std::string>> options;  // as written, without secrets
  ClientCertificate certificate = ClientCertificate::kAny;   // clientcert
  bool by_distinguished_name = false;                        // clientname=DN
  std::string map;                                           // of pg_ident.conf; cert and peer
  std::shared_ptr<const LdapSettings> ldap;                  // kLdap
  std::string error = {};  // not empty: what is wrong with the line; the rest means nothing
  std::string hint = {};

  // An option's value; empty if it is not there.
  std::string_view option(std::string_view name) const;
};

// What a client is known by when it asks for a database.
struct HbaClient {
  std::string_view database;
  std::string_view user;
  bool physical_replication = false;  // asks for no database
  bool tls = false;
  std::optional<IpAddress> address = {};  // none: a Unix socket
  // The name of the address if that name leads back to it; empty if there is none. Not set: it was
  // not looked up.
  const std::string* host_name = nullptr;
};

struct HbaVerdict {
  enum class Kind : std::uint8_t { kRule, kNoRule, kNeedsHostName };
  Kind kind = Kind::kNoRule;
  const HbaRule* rule = nullptr;
};

class HbaRules {
 public:
  // An error only if the file cannot be read; errors of its lines stand in their rules.
  static Result<HbaRules> load(const std::string& path, const RuleFiles& files);

  const std::vector<HbaRule>& rules() const { return rules_; }
  // The first error as "file:line: ..." or none. A file without rules is one: nobody could log in.
  std::optional<Error> first_error() const;

  // `own`: the machine's addresses with their networks, for samehost and samenet.
  HbaVerdict match(const HbaClient& client, std::span<const IpNetwork> own) const;

 private:
  std::string path_;
  std::vector<HbaRule> rules_;
};

}  // namespace pgsaba::auth
