// What the machine offers for a throw-away cluster: where PostgreSQL's programs are, whom they may
// run as, which ports are free, and a password nobody knows. Any thread; no state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "child_process.h"
#include "pgsaba/base/result.h"

namespace pgsaba::control {

// The newest installed PostgreSQL with all server programs.
Result<std::string> find_postgres_bindir();
// None: run as we are. As root: postgres, else nobody.
Result<std::optional<Account>> unprivileged_account();
// Distinct TCP ports on 127.0.0.1 that were free a moment ago, and that the kernel does not give to
// outgoing connections as long as there are others.
Result<std::vector<std::uint16_t>> free_loopback_ports(std::size_t count);
bool is_free_loopback_port(std::uint16_t port);
std::string generated_password();
// The last lines of a log, for an error message.
std::string tail_of_file(const std::string& path);

}  // namespace pgsaba::control
