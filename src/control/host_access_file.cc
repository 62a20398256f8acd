#include "control/host_access_file.h"

#include <ifaddrs.h>
#include <netinet/in.h>

#include "pgsaba/net/address.h"

namespace pgsaba::control {
namespace {

std::optional<auth::IpAddress> ip_of(const sockaddr* address) {
  if (address == nullptr) return std::nullopt;
  const socklen_t length =
      address->sa_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  return auth::IpAddress::parse(net::Address::from_sockaddr(address, length).host());
}

std::vector<auth::IpNetwork> own_networks() {
  std::vector<auth::IpNetwork> own;
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return own;
  for (const ifaddrs* one = first; one != nullptr; one = one->ifa_next) {
    const auto address = ip_of(one->ifa_addr);
    const auto mask = ip_of(one->ifa_netmask);
    if (address && mask) own.emplace_back(*address, *mask);
  }
  ::freeifaddrs(first);
  return own;
}

std::string joined(const std::vector<auth::NamePattern>& names) {
  std::string text;
  for (const auth::NamePattern& name : names) text += (text.empty() ? "" : ",") + name.text;
  return text;
}

std::string address_of(const auth::HbaRule& rule) {
  if (rule.type == auth::HbaType::kLocal) return {};
  switch (rule.from) {
    case auth::HbaRule::From::kAnywhere:
      return "all";
    case auth::HbaRule::From::kNetwork:
      return rule.network.base().to_string() + " " + rule.network.mask().to_string();
    case auth::HbaRule::From::kSameHost:
      return "samehost";
    case auth::HbaRule::From::kSameNet:
      return "samenet";
    case auth::HbaRule::From::kHostName:
      return rule.host_name;
  }
  return {};
}

admin::HbaInfo info_of(const auth::HbaRule& rule) {
  admin::HbaInfo info;
  info.file = rule.file;
  info.line = static_cast<std::uint32_t>(rule.line);
  info.error = rule.error;
  if (!info.error.empty()) return info;
  info.type = text_of(rule.type);
  info.databases = joined(rule.databases);
  info.users = joined(rule.users);
  info.address = address_of(rule);
  info.method = text_of(rule.method);
  for (const auto& [name, value] : rule.options) {
    info.options += (info.options.empty() ? "" : ",") + name + "=" + value;
  }
  return info;
}

constexpr std::string_view kOptions = "auth.options";  // in place of a file's name

// The rules that such a type stands for.
std::string rules_of(const config::Auth& auth) {
  const std::string local = "local all,replication all ";
  const std::string host = "all,replication all all ";
  switch (auth.type) {
    case config::AuthType::kCert:
      return "hostssl " + host + "cert " + auth.options;
    case config::AuthType::kPeer:
      return local + "peer " + auth.options;
    case config::AuthType::kPam:
      return local + "pam " + auth.options + "\nhost " + host + "pam " + auth.options;
    case config::AuthType::kLdap:
      return local + "ldap " + auth.options + "\nhost " + host + "ldap " + auth.options;
    default:
      return {};
  }
}

Result<auth::HbaRules> read_rules(const config::Auth& auth) {
  auth::RuleFiles files = auth::disk_files();
  if (!config::stands_for_rule(auth.type)) return auth::HbaRules::load(auth.hba_file, files);
  if (auth.options.find('\n') != std::string::npos)
    return Error{"auth.options has more than one line"};
  files.read = [&auth, disk = files.read](const std::string& path) {
    return path == kOptions ? Result<std::string>(rules_of(auth)) : disk(path);
  };
  return auth::HbaRules::load(std::string(kOptions), files);
}

bool has_rules(const config::Auth& auth) {
  return auth.type == config::AuthType::kHba || config::stands_for_rule(auth.type);
}

void add_infos(const config::Auth& auth, std::vector<admin::HbaInfo>& infos) {
  if (!has_rules(auth)) return;
  const auto rules = read_rules(auth);
  if (!rules) {
    infos.emplace_back().file = auth.hba_file;
    infos.back().error = rules.error().message;
    return;
  }
  for (const auth::HbaRule& rule : rules->rules()) infos.push_back(info_of(rule));
}

// What admin.hba_file is among rules.
config::Auth of_console(const config::Config& config) {
  config::Auth auth;
  if (config.admin.hba_file.empty()) return auth;
  auth.type = config::AuthType::kHba;
  auth.hba_file = config.admin.hba_file;
  auth.ident_file = config.auth.ident_file;
  return auth;
}

}  // namespace

std::vector<admin::HbaInfo> hba_infos(const config::Config& config) {
  std::vector<admin::HbaInfo> infos;
  add_infos(config.auth, infos);
  add_infos(of_console(config), infos);
  return infos;
}

Result<std::shared_ptr<const auth::HostAccess>> load_console_access(const config::Config& config) {
  return load_host_access(of_console(config));
}

Result<std::shared_ptr<const auth::HostAccess>> load_host_access(const config::Auth& auth) {
  if (!has_rules(auth)) return std::shared_ptr<const auth::HostAccess>();
  auto rules = read_rules(auth);
  if (!rules) return rules.error();
  if (auto error = rules->first_error()) return *error;
  auto access = std::make_shared<auth::HostAccess>();
  access->rules = std::move(*rules);
  access->own = own_networks();
  access->from_type = config::stands_for_rule(auth.type);
  if (auth.ident_file.empty()) return std::shared_ptr<const auth::HostAccess>(std::move(access));
  auto maps = auth::IdentMaps::load(auth.ident_file, auth::disk_files());
  if (!maps) return maps.error();
  if (auto error = maps->first_error()) return *error;
  access->maps = std::move(*maps);
  return std::shared_ptr<const auth::HostAccess>(std::move(access));
}

}  // namespace pgsaba::control
