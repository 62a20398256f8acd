#include "pgsaba/control/command_line.h"

#include <unistd.h>

#include <cstdio>
#include <optional>
#include <string>

#include "control/daemon.h"
#include "control/demo.h"
#include "control/host_access_file.h"
#include "control/import_command.h"
#include "control/privileges.h"
#include "control/tls_material.h"
#include "control/top/top_command.h"
#include "control/user_files.h"
#include "pgsaba/config/load.h"

namespace pgsaba::control {
namespace {

constexpr std::string_view kDefaultConfig = "/etc/pgsaba/pgsaba.yaml";

constexpr std::string_view kHelp =
    "pgsaba - transaction pooler and read/write router for PostgreSQL\n"
    "\n"
    "Usage:\n"
    "  pgsaba [serve] [-c FILE]   serve clients; FILE is /etc/pgsaba/pgsaba.yaml by default\n"
    "  pgsaba check [FILE]        check a configuration file; exits with 1 if it has errors\n"
    "  pgsaba top                 a running pgsaba, live in the terminal\n"
    "  pgsaba import FILE         write a configuration out of PgBouncer's, Makara's, Rails' or "
    "pgpool's\n"
    "  pgsaba demo [--check]      a throw-away primary and hot standby with pgsaba in front\n"
    "  pgsaba --version           print the version\n"
    "  pgsaba --help              print this help\n"
    "\n"
    "Signals to a serving pgsaba:\n"
    "  SIGHUP    reload the configuration; a file with errors is refused whole\n"
    "  SIGTERM   stop: idle clients go at once, running transactions may end; again: at once\n"
    "  SIGINT    stop at once\n"
    "  SIGURG    UPGRADE: the program as it is on the disk now takes over, with all clients\n"
    "  SIGUSR1   PAUSE all databases\n"
    "  SIGUSR2   RESUME all databases\n";

void print(std::FILE* to, std::string_view text) { std::fwrite(text.data(), 1, text.size(), to); }

int wrong(const std::string& what) {
  print(stderr, "pgsaba: " + what + "\nTry 'pgsaba --help'.\n");
  return 2;
}

int serve(int count, const char* const* arguments, std::string_view version) {
  std::string path(kDefaultConfig);
  for (int i = 0; i < count; ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "-c" || argument == "--config") {
      if (i + 1 == count) return wrong("option " + std::string(argument) + " needs a file");
      path = arguments[++i];
    } else if (argument.starts_with("--config=")) {
      path = argument.substr(9);
    } else {
      return wrong("unknown argument '" + std::string(argument) + "'");
    }
  }
  int status = 0;
  bool left_alone = true;
  {
    Daemon daemon({path, std::string(version)});
    status = daemon.run();
    left_alone = daemon.left_alone();
  }
  if (left_alone) return status;
  ::_exit(status);
}

bool usable(const Error* error) {
  if (error == nullptr) return true;
  print(stderr,
        "error: " + error->message + (error->hint.empty() ? "" : "; " + error->hint) + "\n");
  return false;
}

template <class T>
bool usable(const Result<T>& read) {
  return usable(read.ok() ? nullptr : &read.error());
}

// What it names: users, rules about logins, certificates and keys.
bool files_are_usable(const config::Config& config) {
  const bool users = usable(load_users(config));
  const bool rules = usable(load_host_access(config.auth)) && usable(load_console_access(config));
  const bool user = config.user.empty() || usable(find_system_user(config.user));
  const bool tls = usable(load_tls(config, {}));
  const bool log = usable(find_log_directory(config.log.file));
  return users && rules && tls && user && log;
}

int check(int count, const char* const* arguments) {
  std::optional<std::string> given;
  for (int i = 0; i < count; ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "-c" && i + 1 < count) continue;
    if (argument.starts_with("-")) return wrong("unknown option '" + std::string(argument) + "'");
    if (given) return wrong("one file at a time, not also '" + std::string(argument) + "'");
    given = argument;
  }
  const std::string path = given.value_or(std::string(kDefaultConfig));
  // Once: it may be a pipe.
  const config::Loaded loaded = config::load_with_problems(path, config::system_environment());
  bool failed = false;
  for (const config::Problem& problem : loaded.problems) {
    const bool error = problem.severity == config::Severity::kError;
    failed = failed || error;
    print(stderr, (error ? "error: " : "warning: ") + problem.text() + "\n");
  }
  if (!failed) failed = !files_are_usable(*loaded.config);
  if (!failed) print(stdout, path + ": ok\n");
  return failed ? 1 : 0;
}

}  // namespace

int run_command_line(int count, const char* const* arguments, std::string_view version) {
  const std::string_view command = count > 1 ? arguments[1] : "serve";
  if (command == "--help" || command == "-h" || command == "help") {
    print(stdout, kHelp);
    return 0;
  }
  if (command == "--version" || command == "-V") {
    print(stdout, "pgsaba " + std::string(version) + "\n");
    return 0;
  }
  if (command == "serve") return serve(count > 2 ? count - 2 : 0, arguments + 2, version);
  if (command == "check") return check(count - 2, arguments + 2);
  if (command == "import") return run_import({arguments + 2, arguments + count});
  if (command == "top") return top::run_top({arguments + 2, arguments + count});
  if (command == "demo") return run_demo(count - 2, arguments + 2);
  if (command.starts_with("-")) return serve(count - 1, arguments + 1, version);
  return wrong("unknown command '" + std::string(command) + "'");
}

}  // namespace pgsaba::control
