// Any text as pg_hba.conf, and as pg_ident.conf: every line is a rule or an error with its place,
// and somebody who wants in meets the same rule each time.
#include <cstdlib>
#include <string>

#include "pgsaba/auth/host_access.h"

namespace {

using namespace pgsaba;
using namespace pgsaba::auth;

void require(bool holds) {
  if (!holds) std::abort();
}

void judge(const HbaRules& rules, const HbaClient& client) {
  const std::vector<IpNetwork> own = {
      IpNetwork(*IpAddress::parse("127.0.0.1"), *IpAddress::parse("255.0.0.0"))};
  const HbaVerdict verdict = rules.match(client, own);
  const HbaVerdict again = rules.match(client, own);
  require(verdict.kind == again.kind && verdict.rule == again.rule);
  require((verdict.kind == HbaVerdict::Kind::kRule) == (verdict.rule != nullptr));
  if (verdict.rule == nullptr) return;
  require(verdict.rule->error.empty());
  require((verdict.rule->type == HbaType::kLocal) == !client.address.has_value());
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name libFuzzer calls
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const RuleFiles files = {
      [&](const std::string& path) -> Result<std::string> {
        if (path.find("missing") != std::string::npos) return Error{"no such file"};
        return path == "own.conf" ? text : std::string("host all all all reject\n");
      },
      [](const std::string&) -> Result<std::vector<std::string>> {
        return std::vector<std::string>{"other.conf"};
      },
      [](const std::string& path) { return path.find("missing") == std::string::npos; }};
  const auto rules = HbaRules::load("own.conf", files);
  if (rules.ok()) {
    for (const HbaRule& rule : rules->rules()) require(rule.line > 0 && !rule.file.empty());
    if (!rules->first_error()) {
      const std::string name = "client.example.org";
      HbaClient client{"shop", "ann"};
      judge(*rules, client);
      client.address = *IpAddress::parse("127.0.0.1");
      judge(*rules, client);
      client.host_name = &name;
      client.tls = true;
      judge(*rules, client);
    }
  }
  const auto maps = IdentMaps::load("own.conf", files);
  if (maps.ok() && !maps->first_error()) {
    require(!maps->allows("no such map \n", "ann", "ann"));
    (void)maps->allows("staff", "ann@EXAMPLE", "ann");
  }
  return 0;
}
