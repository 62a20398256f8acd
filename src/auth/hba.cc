#include <pgsaba/auth/hba.h>
#include <strings.h>

#include <algorithm>

#include "auth/hba_line.h"

namespace pgsaba::auth {
namespace {

// Physical replication is no database, so that not even "all" means it.
bool fits_database(const NamePattern& pattern, const HbaClient& client) {
  if (client.physical_replication) return pattern.kind == NamePattern::Kind::kReplication;
  if (pattern.kind == NamePattern::Kind::kSameUser) return client.database == client.user;
  return pattern.names(client.database);
}

bool fits_type(HbaType type, const HbaClient& client) {
  switch (type) {
    case HbaType::kLocal:
      return !client.address;
    case HbaType::kHost:
    case HbaType::kHostNoGssEnc:
      return client.address.has_value();
    case HbaType::kHostSsl:
      return client.address && client.tls;
    case HbaType::kHostNoSsl:
      return client.address && !client.tls;
    case HbaType::kHostGssEnc:  // which no client of ours has
      return false;
  }
  return false;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

bool fits_host_name(std::string_view wanted, std::string_view name) {
  if (!wanted.starts_with('.')) return equal_ignoring_case(wanted, name);
  return name.size() > wanted.size() &&
         equal_ignoring_case(wanted, name.substr(name.size() - wanted.size()));
}

// `needs_name`: it depends on a name that nobody has looked up.
bool fits_address(const HbaRule& rule, const HbaClient& client, std::span<const IpNetwork> own,
                  bool& needs_name) {
  const auto same_host = [&](const IpNetwork& network) {
    return network.base() == *client.address;
  };
  const auto same_net = [&](const IpNetwork& network) { return network.contains(*client.address); };
  switch (rule.from) {
    case HbaRule::From::kAnywhere:
      return true;
    case HbaRule::From::kNetwork:
      return rule.network.contains(*client.address);
    case HbaRule::From::kSameHost:
      return std::ranges::any_of(own, same_host);
    case HbaRule::From::kSameNet:
      return std::ranges::any_of(own, same_net);
    case HbaRule::From::kHostName:
      needs_name = client.host_name == nullptr;
      return !needs_name && fits_host_name(rule.host_name, *client.host_name);
  }
  return false;
}

}  // namespace

// The last one counts.
std::string_view HbaRule::option(std::string_view name) const {
  std::string_view value;
  for (const auto& [key, text] : options)
    if (key == name) value = text;
  return value;
}

Result<HbaRules> HbaRules::load(const std::string& path, const RuleFiles& files) {
  const auto lines = read_rule_lines(path, files);
  if (!lines) return lines.error();
  HbaRules rules;
  rules.path_ = path;
  for (const RuleLine& line : *lines) rules.rules_.push_back(read_hba_line(line));
  return rules;
}

std::optional<Error> HbaRules::first_error() const {
  for (const HbaRule& rule : rules_) {
    if (!rule.error.empty())
      return Error{rule.file + ":" + std::to_string(rule.line) + ": " + rule.error, rule.hint};
  }
  if (rules_.empty()) return Error{path_ + ": has no rules, nobody could log in"};
  return std::nullopt;
}

HbaVerdict HbaRules::match(const HbaClient& client, std::span<const IpNetwork> own) const {
  // Nobody is called so; a rule that is passed over might be the one that rejects.
  if (std::max(client.user.size(), client.database.size()) > kMaxMatchedBytes) return {};
  for (const HbaRule& rule : rules_) {
    if (!fits_type(rule.type, client)) continue;
    const auto database = [&](const NamePattern& one) { return fits_database(one, client); };
    const auto user = [&](const NamePattern& one) { return one.names(client.user); };
    if (std::ranges::none_of(rule.databases, database)) continue;
    if (std::ranges::none_of(rule.users, user)) continue;
    bool needs_name = false;
    const bool fits = fits_address(rule, client, own, needs_name);
    if (needs_name) return {HbaVerdict::Kind::kNeedsHostName, nullptr};
    if (fits) return {HbaVerdict::Kind::kRule, &rule};
  }
  return {};
}

}  // namespace pgsaba::auth
