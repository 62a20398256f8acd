#include "demo_options.h"

#include <charconv>

namespace pgsaba::control {
namespace {

Result<std::uint16_t> port_of(std::string_view text) {
  std::uint16_t port = 0;
  const auto [stop, problem] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (problem != std::errc{} || stop != text.data() + text.size() || port == 0) {
    return Error{"\"" + std::string(text) + "\" is not a port", "use a number from 1 to 65535"};
  }
  return port;
}

}  // namespace

Result<DemoOptions> parse_demo_options(const std::vector<std::string_view>& arguments) {
  constexpr std::string_view kPortIs = "--port=";
  DemoOptions options;
  for (std::size_t index = 0; index < arguments.size(); ++index) {
    const std::string_view word = arguments[index];
    if (word == "--check") {
      options.check = true;
    } else if (word == "-h" || word == "--help") {
      options.help = true;
    } else if (word.starts_with(kPortIs) || ((word == "-p" || word == "--port"))) {
      const bool joined = word.starts_with(kPortIs);
      if (!joined && index + 1 == arguments.size()) {
        return Error{"the option " + std::string(word) + " needs a port"};
      }
      const auto port = port_of(joined ? word.substr(kPortIs.size()) : arguments[++index]);
      if (!port) return port.error();
      options.port = *port;
    } else {
      return Error{"unknown option \"" + std::string(word) + "\"", "try pgsaba demo --help"};
    }
  }
  return options;
}

std::string_view demo_help() {
  return R"(usage: pgsaba demo [--check] [--port PORT]

Makes a PostgreSQL primary and a streaming hot standby from the installed PostgreSQL, in a temporary
directory and on free loopback ports, and starts pgsaba in front of them. Prints how to connect and
what to try. Ctrl-C takes everything down and leaves nothing behind.

  --check      unattended: writes and reads through pgsaba, prints which server answered and the
               console's pools, and takes everything down
  -p, --port PORT
               where pgsaba listens on 127.0.0.1 (6432; if that is taken or with --check, any free one)
  -h, --help   this text

Exit status: 0, or 1 with the reason on standard error; 2 for a wrong command line.
)";
}

}  // namespace pgsaba::control
