#include "control/top/top_command.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include "control/top/console_link.h"
#include "control/top/screen.h"
#include "control/top/terminal.h"
#include "pgsaba/config/load.h"

namespace pgsaba::control::top {
namespace {

constexpr std::string_view kHelp = R"(usage: pgsaba top [OPTIONS]

Shows a running pgsaba: its servers, who waits for whom, its pools, and where statements go. Any key
asks anew, q ends it. It asks the console, as one of admin.users or admin.stats_users.

  -c, --config FILE     where host, port and user come from, if they are not given
                        (/etc/pgsaba/pgsaba.yaml, if it can be read)
  -h, --host HOST       name, address, or directory of a Unix socket (PGHOST; 127.0.0.1)
  -p, --port PORT       (PGPORT; 6432)
  -U, --username NAME   (PGUSER; the one who runs it)
  -s, --seconds N       between two looks (2)
  -n, --number N        ends after so many looks
  -b, --batch           writes one look below the other, as is done when the output is no terminal
                        (then once, unless -n says how often)
      --help            this text

A password comes from PGPASSWORD or from the password file of psql, ~/.pgpass.
Exit status: 0; 1 if the console cannot be asked; 2 for a wrong command line.
)";

struct Options {
  std::string config;
  ConsoleAddress address;
  Micros interval_us = 2 * kSecond;
  std::uint32_t looks = 0;  // 0: for ever
  bool batch = false;
  bool help = false;
};

void print(std::FILE* to, std::string_view text) { std::fwrite(text.data(), 1, text.size(), to); }

Result<std::uint32_t> count_of(std::string_view option, std::string_view text) {
  constexpr std::uint32_t kMost = 86'400;
  std::uint32_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end != text.data() + text.size() || count == 0 || count > kMost)
    return Error{"option " + std::string(option) + " needs a number from 1 to 86400, not '" +
                 std::string(text) + "'"};
  return count;
}

Result<Options> parse(const std::vector<std::string_view>& arguments) {
  Options options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string_view word = arguments[i];
    const auto is = [&](std::string_view brief, std::string_view full) {
      return word == brief || word == full;
    };
    if (word == "--help") {
      options.help = true;
      continue;
    }
    if (is("-b", "--batch")) {
      options.batch = true;
      continue;
    }
    std::string* text = is("-c", "--config")     ? &options.config
                        : is("-h", "--host")     ? &options.address.host
                        : is("-p", "--port")     ? &options.address.port
                        : is("-U", "--username") ? &options.address.user
                                                 : nullptr;
    const bool seconds = is("-s", "--seconds");
    if (text == nullptr && !seconds && !is("-n", "--number"))
      return Error{"unknown argument '" + std::string(word) + "'"};
    if (i + 1 == arguments.size()) return Error{"option " + std::string(word) + " needs a value"};
    const std::string_view value = arguments[++i];
    if (text != nullptr) {
      *text = value;
      continue;
    }
    const auto count = count_of(word, value);
    if (!count) return count.error();
    if (seconds)
      options.interval_us = *count * kSecond;
    else
      options.looks = *count;
  }
  return options;
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

void set_if_empty(std::string& to, const std::string& value) {
  if (to.empty()) to = value;
}

// Where the configuration says that pgsaba listens, and who may look. A file that was not named may
// be missing, or be nobody's business.
Status complete(ConsoleAddress& address, const std::string& config_file) {
  set_if_empty(address.host, environment("PGHOST"));
  set_if_empty(address.port, environment("PGPORT"));
  set_if_empty(address.user, environment("PGUSER"));
  const std::string file = config_file.empty() ? "/etc/pgsaba/pgsaba.yaml" : config_file;
  const auto config = ::access(file.c_str(), R_OK) == 0 || !config_file.empty()
                          ? config::load(file, config::system_environment())
                          : Error{"not readable"};
  if (!config && !config_file.empty()) return config.error();
  if (config) {
    const auto& listeners = (*config)->listen;
    const auto tcp =
        std::ranges::find_if(listeners, [](const config::Listener& one) { return !one.is_unix(); });
    if (tcp != listeners.end()) {
      const bool anywhere = tcp->address.empty() || tcp->address == "*" ||
                            tcp->address == "0.0.0.0" || tcp->address == "::";
      set_if_empty(address.host, anywhere ? "127.0.0.1" : tcp->address);
      set_if_empty(address.port, std::to_string(tcp->port));
    } else if (!listeners.empty()) {
      set_if_empty(address.host, listeners.front().unix_directory);
      set_if_empty(address.port, std::to_string(listeners.front().port));
    }
    const config::Admin& admin = (*config)->admin;
    if (!admin.stats_users.empty()) set_if_empty(address.user, admin.stats_users.front());
    if (!admin.users.empty()) set_if_empty(address.user, admin.users.front());
  }
  set_if_empty(address.host, "127.0.0.1");
  set_if_empty(address.port, std::to_string(config::Listener{}.port));
  return done();
}

int failed(const Error& error) {
  print(stderr,
        "pgsaba top: " + error.message + (error.hint.empty() ? "" : "; " + error.hint) + "\n");
  return 1;
}

int write_looks(ConsoleLink& link, const Options& options) {
  std::optional<Figures> before;
  const std::uint32_t looks = options.looks == 0 && !options.batch ? 1 : options.looks;
  for (std::uint32_t look = 0; looks == 0 || look < looks; ++look) {
    if (look > 0) ::usleep(static_cast<useconds_t>(options.interval_us));
    auto now = link.ask();
    if (!now) return failed(now.error());
    std::string text = look > 0 ? "\n" : "";
    for (const Line& line : screen(*now, before ? &*before : nullptr, {})) text += line.text + "\n";
    print(stdout, text);
    if (std::fflush(stdout) != 0) return 1;
    before = std::move(*now);
  }
  return 0;
}

// An answer that does not come is told on the screen: whoever looks wants to see it come back.
int show_looks(ConsoleLink& link, const Options& options) {
  auto now = link.ask();
  if (!now) return failed(now.error());
  std::optional<Figures> before;
  std::string trouble;
  Terminal terminal;
  for (std::uint32_t look = 1;; ++look) {
    auto lines = screen(*now, before ? &*before : nullptr, terminal.extent());
    if (!trouble.empty()) lines[1] = {trouble, Look::kAlarm};
    terminal.show(lines);
    if (look == options.looks) return 0;
    Wish wish = Wish::kNone;
    while ((wish = terminal.wait(options.interval_us)) == Wish::kNone)
      terminal.show(screen(*now, before ? &*before : nullptr, terminal.extent()));
    if (wish == Wish::kQuit) return 0;
    auto next = link.ask();
    trouble =
        next ? "" : "no answer: " + next.error().message.substr(0, next.error().message.find('\n'));
    if (!next) continue;
    before = std::move(*now);
    now = std::move(*next);
  }
}

}  // namespace

int run_top(const std::vector<std::string_view>& arguments) {
  auto options = parse(arguments);
  if (!options) {
    print(stderr, "pgsaba top: " + options.error().message + "\nTry 'pgsaba top --help'.\n");
    return 2;
  }
  if (options->help) {
    print(stdout, kHelp);
    return 0;
  }
  if (auto completed = complete(options->address, options->config); !completed)
    return failed(completed.error());
  ConsoleLink link(options->address);
  const bool live = !options->batch && ::isatty(STDOUT_FILENO) == 1;
  return live ? show_looks(link, *options) : write_looks(link, *options);
}

}  // namespace pgsaba::control::top
