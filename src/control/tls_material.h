// TlsMaterial: the certificates, keys and rules of TLS that a configuration names, read from their
// files and ready for use. Read at start and at each reload, by the control thread; what cannot be
// used is an error, so that a reload is refused as a whole. What has not changed stays the same
// object: sessions can be resumed, and servers keep their connections.
#pragma once

#include <sys/stat.h>

#include <map>
#include <memory>
#include <string>

#include "pgsaba/config/config.h"
#include "pgsaba/net/tls.h"

namespace pgsaba::control {

struct TlsMaterial {
  std::shared_ptr<const net::TlsContext> clients = {};  // null: no TLS
  std::map<std::string, std::shared_ptr<const net::TlsContext>, std::less<>> servers = {};
  std::shared_ptr<const net::TlsContext> http = {};  // null: no TLS
};

Result<TlsMaterial> load_tls(const config::Config& config, const TlsMaterial& before);

// Why a key in such a file may be known to others; empty if it may be used. As PostgreSQL's
// check_ssl_key_file_permissions in src/backend/libpq/be-secure-common.c, except that root's files
// may be readable by their group also when we are root. Pure.
std::string key_file_fault(const struct stat& file, uid_t us);

}  // namespace pgsaba::control
