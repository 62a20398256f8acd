#include "control/import_command.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>

#include "pgsaba/config/load.h"
#include "pgsaba/migration/migration.h"

namespace pgsaba::control {
namespace {

constexpr std::string_view kHelp = R"(usage: pgsaba import [OPTIONS] FILE

Writes a configuration for pgsaba that means what FILE means: a pgbouncer.ini (with what it
includes), a database.yml of Rails or Makara, or a pgpool.conf. Behind each setting stands the line
it comes from; what could not be taken over is named at the end, with the reason. What has to be
looked at is printed to standard error.

      --from KIND         pgbouncer, database.yml or pgpool, instead of going by FILE's name
  -e, --environment NAME  which part of a database.yml (production)
  -o, --output FILE       write there instead of to standard output, and check the result; users with
                          plain passwords go to userlist.txt beside it. Nothing is overwritten.
  -h, --help              this text

Exit status: 0; 1 if it could not be done, with the reason on standard error; 2 for a wrong command
line.
)";

struct Options {
  std::string file;
  std::string from;
  std::string environment = "production";
  std::string output;
  bool help = false;
};

Result<Options> parse(const std::vector<std::string_view>& arguments) {
  Options options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    const auto value = [&](std::string& to) -> Status {
      if (i + 1 == arguments.size()) return Error{"option " + std::string(word) + " needs a value"};
      to = arguments[++i];
      return done();
    };
    Status taken = done();
    if (word == "-h" || word == "--help") {
      options.help = true;
    } else if (word == "--from") {
      taken = value(options.from);
    } else if (word == "-e" || word == "--environment") {
      taken = value(options.environment);
    } else if (word == "-o" || word == "--output") {
      taken = value(options.output);
    } else if (word.starts_with("-")) {
      return Error{"unknown option '" + std::string(word) + "'"};
    } else if (!options.file.empty()) {
      return Error{"one file at a time"};
    } else {
      options.file = word;
    }
    if (!taken.ok()) return taken.error();
  }
  if (options.file.empty() && !options.help) return Error{"import needs a file"};
  return options;
}

std::string kind_of(const Options& options) {
  if (!options.from.empty()) return options.from;
  const std::filesystem::path file(options.file);
  if (file.extension() == ".ini") return "pgbouncer";
  if (file.extension() == ".yml" || file.extension() == ".yaml") return "database.yml";
  if (file.extension() == ".conf") return "pgpool";
  return {};
}

Result<migration::Migrated> migrate(const Options& options, const std::string& kind) {
  const auto read = config::system_environment().read_file;
  if (kind == "pgbouncer") return migration::from_pgbouncer(options.file, read);
  if (kind == "pgpool") return migration::from_pgpool(options.file, read);
  return migration::from_database_yml(options.file, read, options.environment);
}

void say(const std::string& text) { std::fputs((text + "\n").c_str(), stderr); }

// Never over another file: what is there may be all there is. For its owner and group alone, since
// passwords may stand in it.
Status write_new(const std::string& path, const std::string& text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
  if (fd < 0) return Error{path + ": " + std::strerror(errno)};
  std::size_t written = 0;
  while (written < text.size()) {
    const ssize_t now = ::write(fd, text.data() + written, text.size() - written);
    if (now <= 0) break;
    written += static_cast<std::size_t>(now);
  }
  if (::close(fd) != 0 || written < text.size()) return Error{path + ": " + std::strerror(errno)};
  return done();
}

void print(const migration::Migrated& made) {
  std::fputs(made.yaml.c_str(), stdout);
  if (made.userlist.empty()) return;
  std::fputs("\n# userlist.txt beside it:\n", stdout);
  std::string line = "# ";
  for (const char c : made.userlist) {
    line += c;
    if (c != '\n') continue;
    std::fputs(line.c_str(), stdout);
    line = "# ";
  }
}

int write(const migration::Migrated& made, const std::string& output) {
  const std::string list = (std::filesystem::path(output).parent_path() / "userlist.txt").string();
  Status written = made.userlist.empty() ? done() : write_new(list, made.userlist);
  if (written.ok()) written = write_new(output, made.yaml);
  if (!written.ok()) {
    say("error: " + written.error().message);
    return 1;
  }
  bool usable = true;
  for (const config::Problem& problem : config::check(output, config::system_environment())) {
    const bool error = problem.severity == config::Severity::kError;
    usable = usable && !error;
    say((error ? "error: " : "warning: ") + problem.text());
  }
  if (!usable) say(output + " has to be completed before it can be used");
  return 0;
}

int wrong(const Error& error) {
  say("pgsaba: " + error.message + "\nTry 'pgsaba import --help'.");
  return 2;
}

}  // namespace

int run_import(const std::vector<std::string_view>& arguments) {
  const auto options = parse(arguments);
  if (!options) return wrong(options.error());
  if (options->help) {
    std::fputs(std::string(kHelp).c_str(), stdout);
    return 0;
  }
  const std::string kind = kind_of(*options);
  if (kind != "pgbouncer" && kind != "pgpool" && kind != "database.yml")
    return wrong(Error{kind.empty() ? "say what it is: --from pgbouncer, database.yml or pgpool"
                                    : "nothing is known about '" + kind + "'"});
  const auto made = migrate(*options, kind);
  if (!made) {
    say("error: " + made.error().message +
        (made.error().hint.empty() ? "" : "; " + made.error().hint));
    return 1;
  }
  for (const std::string& warning : made->warnings) say("look at: " + warning);
  if (!options->output.empty()) return write(*made, options->output);
  print(*made);
  return 0;
}

}  // namespace pgsaba::control
