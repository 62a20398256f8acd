#include "control/tls_material.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace pgsaba::control {
namespace {

using net::TlsContext;
using ContextPointer = std::shared_ptr<const TlsContext>;

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  if (file) content << file.rdbuf();
  if (!file) return Error{"cannot read \"" + path + "\": " + std::strerror(errno)};
  return content.str();
}

Result<std::string> read_key(const std::string& path) {
  struct stat file = {};
  if (::stat(path.c_str(), &file) != 0)
    return Error{"cannot read the key \"" + path + "\": " + std::strerror(errno)};
  const std::string fault = key_file_fault(file, ::geteuid());
  if (!fault.empty())
    return Error{"the key file \"" + path + "\" " + fault,
                 "Allowed are mode 0600 or less if the file is ours, 0640 or less if it is "
                 "root's."};
  return read_file(path);
}

Result<net::TlsIdentity> read_identity(const config::TlsFiles& files) {
  auto chain = read_file(files.certificate);
  if (!chain) return chain.error();
  auto key = read_key(files.key);
  if (!key) return key.error();
  return net::TlsIdentity{files.certificate, std::move(*chain), std::move(*key)};
}

net::TlsVersion version_of(config::TlsVersion version) {
  return version == config::TlsVersion::k12 ? net::TlsVersion::k12 : net::TlsVersion::k13;
}

// All lists of revoked certificates, one behind the other.
Status read_revoked(const config::TlsSettings& tls, net::TlsOptions& options) {
  std::vector<std::string> paths;
  if (!tls.crl.empty()) paths.push_back(tls.crl);
  if (!tls.crl_directory.empty()) {
    std::error_code error;
    std::filesystem::directory_iterator at(tls.crl_directory, error);
    for (const std::filesystem::directory_iterator end; !error && at != end; at.increment(error))
      if (at->is_regular_file(error)) paths.push_back(at->path().string());
    if (error) return Error{"cannot read \"" + tls.crl_directory + "\": " + error.message()};
    std::ranges::sort(paths);
    if (paths.empty())
      return Error{"there is no list of revoked certificates in \"" + tls.crl_directory + "\""};
  }
  for (const std::string& path : paths) {
    auto pem = read_file(path);
    if (!pem) return pem.error();
    options.crl_name += (options.crl_name.empty() ? "" : ", ") + path;
    options.crl_pem += *pem + "\n";
  }
  return done();
}

Result<net::TlsOptions> read_options(const config::TlsSettings& tls) {
  net::TlsOptions options;
  options.minimum = version_of(tls.minimum_version);
  options.maximum = version_of(tls.maximum_version);
  options.ciphers = tls.ciphers;
  options.ciphersuites = tls.ciphersuites;
  options.curves = tls.curves;
  if (!tls.files.certificate.empty()) {
    auto identity = read_identity(tls.files);
    if (!identity) return identity.error();
    options.identities.push_back(std::move(*identity));
  }
  if (!tls.ca.empty()) {
    auto ca = read_file(tls.ca);
    if (!ca) return ca.error();
    options.ca_name = tls.ca;
    options.ca_pem = std::move(*ca);
  }
  if (Status revoked = read_revoked(tls, options); !revoked.ok()) return revoked.error();
  return options;
}

Result<ContextPointer> make_context(TlsContext::Side side, net::TlsOptions options,
                                    const ContextPointer& before) {
  if (before && before->options() == options) return before;
  return TlsContext::make(side, std::move(options));
}

Error in_section(const std::string& section, const Error& error) {
  return {section + ": " + error.message, error.hint};
}

// Where only some listeners ask for certificates, the login refuses who shows none.
bool every_listener_verifies(const config::Config& config) {
  return std::ranges::all_of(config.listen, [&](const config::Listener& listener) {
    return listener.is_unix() || tls_mode_of(config, listener) >= config::TlsMode::kVerifyCa;
  });
}

Result<ContextPointer> load_clients(const config::Config& config, const ContextPointer& before) {
  if (!offers_tls(config)) return ContextPointer();
  const config::ClientTls& tls = config.tls;
  auto options = read_options(tls.settings);
  if (!options) return options.error();
  for (const config::TlsFiles& files : tls.more) {
    auto identity = read_identity(files);
    if (!identity) return identity.error();
    options->identities.push_back(std::move(*identity));
  }
  if (!tls.settings.ca.empty() && every_listener_verifies(config)) {
    options->verify = net::TlsVerify::kChain;  // whose name it bears is the login's business
  } else if (!tls.settings.ca.empty()) {
    options->verify = net::TlsVerify::kIfGiven;
  }
  return make_context(TlsContext::Side::kToClients, std::move(*options), before);
}

// Versions, ciphers and curves are as to clients.
Result<ContextPointer> load_http(const config::Config& config, const ContextPointer& before) {
  if (config.http.port == 0 || !config.http.has_tls()) return ContextPointer();
  config::TlsSettings tls = config.tls.settings;
  tls.files = config.http.files;
  tls.ca = config.http.ca;
  tls.crl.clear();
  tls.crl_directory.clear();
  auto options = read_options(tls);
  if (!options) return options.error();
  options->protocol = "http/1.1";
  if (!tls.ca.empty()) options->verify = net::TlsVerify::kChain;
  return make_context(TlsContext::Side::kToClients, std::move(*options), before);
}

Result<ContextPointer> load_servers(const config::ServerTls& tls, const ContextPointer& before) {
  if (tls.settings.mode == config::TlsMode::kDisable) return ContextPointer();
  auto options = read_options(tls.settings);
  if (!options) return options.error();
  if (tls.settings.mode == config::TlsMode::kVerifyCa) options->verify = net::TlsVerify::kChain;
  if (tls.settings.mode == config::TlsMode::kVerifyFull)
    options->verify = net::TlsVerify::kChainAndName;
  return make_context(TlsContext::Side::kToServers, std::move(*options), before);
}

}  // namespace

std::string key_file_fault(const struct stat& file, uid_t us) {
  constexpr mode_t kOfGroup = S_IRWXG;
  constexpr mode_t kOfOthers = S_IRWXO;
  if (!S_ISREG(file.st_mode)) return "is not a regular file";
  if (file.st_uid != us && file.st_uid != 0) return "belongs neither to us nor to root";
  const mode_t forbidden =
      file.st_uid == 0 ? (S_IWGRP | S_IXGRP | kOfOthers) : (kOfGroup | kOfOthers);
  if ((file.st_mode & forbidden) != 0) return "is accessible to its group or to others";
  return {};
}

Result<TlsMaterial> load_tls(const config::Config& config, const TlsMaterial& before) {
  TlsMaterial loaded;
  auto clients = load_clients(config, before.clients);
  if (!clients) return in_section("tls", clients.error());
  loaded.clients = std::move(*clients);
  auto http = load_http(config, before.http);
  if (!http) return in_section("http", http.error());
  loaded.http = std::move(*http);
  for (const auto& [name, cluster] : config.clusters) {
    const auto known = before.servers.find(name);
    auto context =
        load_servers(cluster.tls, known == before.servers.end() ? nullptr : known->second);
    if (!context) return in_section("clusters." + name + ".tls", context.error());
    if (*context) loaded.servers.emplace(name, std::move(*context));
  }
  return loaded;
}

}  // namespace pgsaba::control
