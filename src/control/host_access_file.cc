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
  info.error = rule.error.empty() ? auth::not_served(rule) : rule.error;
  if (!info.error.empty()) return info;
  info.type = text_of(rule.type);
  info.databases = joined(rule.databases);
  info.users = joined(rule.users);
  info.address = address_of(rule);
  info.method = text_of(rule.method);
  for (const auto& [name, value] : rule.options) {
    const bool secret = name == "ldapbindpasswd";
    info.options += (info.options.empty() ? "" : ",") + name + "=" + (secret ? "****" : value);
  }
  return info;
}

}  // namespace

std::vector<admin::HbaInfo> hba_infos(const config::Auth& auth) {
  std::vector<admin::HbaInfo> infos;
  if (auth.type != config::AuthType::kHba) return infos;
  const auto rules = auth::HbaRules::load(auth.hba_file, auth::disk_files());
  if (!rules) {
    infos.emplace_back().file = auth.hba_file;
    infos.back().error = rules.error().message;
    return infos;
  }
  for (const auth::HbaRule& rule : rules->rules()) infos.push_back(info_of(rule));
  return infos;
}

Result<std::shared_ptr<const auth::HostAccess>> load_host_access(const config::Auth& auth) {
  if (auth.type != config::AuthType::kHba) return std::shared_ptr<const auth::HostAccess>();
  const auth::RuleFiles files = auth::disk_files();
  auto rules = auth::HbaRules::load(auth.hba_file, files);
  if (!rules) return rules.error();
  if (auto error = rules->first_error()) return *error;
  auto access = std::make_shared<auth::HostAccess>();
  access->rules = std::move(*rules);
  access->own = own_networks();
  if (auth.ident_file.empty()) return std::shared_ptr<const auth::HostAccess>(std::move(access));
  auto maps = auth::IdentMaps::load(auth.ident_file, files);
  if (!maps) return maps.error();
  if (auto error = maps->first_error()) return *error;
  access->maps = std::move(*maps);
  return std::shared_ptr<const auth::HostAccess>(std::move(access));
}

}  // namespace pgsaba::control
