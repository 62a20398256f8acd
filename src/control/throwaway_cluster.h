// ThrowawayCluster: a PostgreSQL primary and a streaming hot standby for an afternoon, made from
// the installed PostgreSQL in a temporary directory (0700) on free loopback ports, without fsync
// and with little memory. For `pgsaba demo` and for tests. Owning thread: the one that starts it;
// blocking, takes a few seconds. Everything is gone after stop() or destruction, also after a start
// that failed half-way; the servers end with this process even if it is killed (the directory then
// stays). As root the servers run as the user postgres, or nobody, since PostgreSQL refuses root.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "child_process.h"
#include "pgsaba/base/result.h"

namespace pgsaba::control {

class ThrowawayCluster {
 public:
  // Login is scram-sha-256 with one generated password for all roles: the superuser `postgres`,
  // `demo` (owns the database `demo`) and `pgsaba_monitor` (member of pg_monitor).
  static Result<std::unique_ptr<ThrowawayCluster>> start(const Interrupted& interrupted = {});

  ThrowawayCluster(const ThrowawayCluster&) = delete;
  ThrowawayCluster& operator=(const ThrowawayCluster&) = delete;
  ~ThrowawayCluster();

  // Fast shutdown, harsher after a limit; removes the directory. May be called again.
  void stop();

  const std::string& directory() const { return directory_; }
  const std::string& password() const { return password_; }
  const std::string& version() const { return version_; }  // "PostgreSQL 15.4 ..."
  std::uint16_t primary_port() const { return primary_port_; }
  std::uint16_t standby_port() const { return standby_port_; }
  const std::optional<Account>& account() const { return account_; }  // the servers' user
  // A file in the directory, 0600, that belongs to the servers' user.
  Status write_file(const std::string& name, const std::string& text) const;
  // A server that has ended by itself, with the end of its log; none while both run.
  std::optional<Error> failure();

 private:
  explicit ThrowawayCluster(Interrupted interrupted) : interrupted_(std::move(interrupted)) {}

  Status build();
  Status make_directory();
  Status run_tool(const std::vector<std::string>& arguments);
  Status init_primary();
  Status configure_primary() const;
  Status start_server(const std::string& name, std::uint16_t port,
                      std::optional<ChildProcess>& server);
  Status create_roles() const;
  Status copy_standby();
  Status await_streaming();
  Status await(const std::string& what, std::uint16_t port, const std::string& question);
  std::vector<std::string> environment() const;

  Interrupted interrupted_;
  std::optional<Account> account_;
  std::string bindir_;
  std::string directory_;
  std::string password_;
  std::string version_;
  std::uint16_t primary_port_ = 0;
  std::uint16_t standby_port_ = 0;
  std::optional<ChildProcess> primary_;
  std::optional<ChildProcess> standby_;
};

}  // namespace pgsaba::control
