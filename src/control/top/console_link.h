// ConsoleLink: the console of a running pgsaba, asked through libpq. Main thread, blocking.
#pragma once

#include <libpq-fe.h>

#include <memory>
#include <string>

#include "control/top/figures.h"
#include "pgsaba/base/result.h"

namespace pgsaba::control::top {

struct ConsoleAddress {
  std::string host;  // a name, a number, or the directory of a Unix socket
  std::string port;
  std::string user;
};

class ConsoleLink {
 public:
  explicit ConsoleLink(ConsoleAddress address) : address_(std::move(address)) {}

  // Connects first if it has to. Passwords come from PGPASSWORD or the password file.
  Result<Figures> ask();

 private:
  Status connect();
  Result<Table> table(const std::string& command);
  Result<Figures> figures();

  ConsoleAddress address_;
  std::unique_ptr<PGconn, decltype(&::PQfinish)> link_{nullptr, &::PQfinish};
};

}  // namespace pgsaba::control::top
