// What the parts of the TLS transport share of libssl. Any thread.
#pragma once

#include <string>

namespace pgsaba::net {

// libssl's last error in words; clears its queue.
std::string tls_error_text();

}  // namespace pgsaba::net
