#include <doctest/doctest.h>
#include <pgsaba/auth/hba.h>
#include <pgsaba/auth/ident_map.h>

#include <map>
#include <string>

using namespace pgsaba;
using namespace pgsaba::auth;

namespace {

using Files = std::map<std::string, std::string>;

RuleFiles in_memory(const Files& files) {
  return {[&files](const std::string& path) -> Result<std::string> {
            const auto found = files.find(path);
            if (found == files.end()) return Error{"\"" + path + "\" cannot be read"};
            return found->second;
          },
          [&files](const std::string& path) -> Result<std::vector<std::string>> {
            std::vector<std::string> names;
            for (const auto& [name, text] : files)
              if (name.starts_with(path + "/")) names.push_back(name);
            return names;
          },
          [&files](const std::string& path) { return files.contains(path); }};
}

HbaRules rules_of(const std::string& text, Files files = {}) {
  files["/etc/hba"] = text;
  auto rules = HbaRules::load("/etc/hba", in_memory(files));
  REQUIRE(rules.ok());
  return std::move(*rules);
}

std::string error_of(const std::string& text, const Files& files = {}) {
  const auto error = rules_of(text, files).first_error();
  return error ? error->message : "";
}

HbaClient client(std::string_view database, std::string_view user, std::string_view address = {}) {
  HbaClient one{database, user};
  if (!address.empty()) one.address = IpAddress::parse(address);
  return one;
}

// The line of the rule that decides; 0: none does; -1: a name is needed first.
int line_for(const HbaRules& rules, const HbaClient& one, std::vector<IpNetwork> own = {}) {
  const HbaVerdict verdict = rules.match(one, own);
  if (verdict.kind == HbaVerdict::Kind::kNeedsHostName) return -1;
  return verdict.rule == nullptr ? 0 : static_cast<int>(verdict.rule->line);
}

}  // namespace

TEST_CASE("hba: the first rule that fits decides") {
  const HbaRules rules = rules_of(R"(
local   all       all                        peer
host    shop      alice   10.0.0.0/8         md5
host    shop      alice   10.0.0.7/32        trust
host    sameuser  all     10.0.0.0/8         scram-sha-256
host    all       bob     ::1/128            reject
host    replication repl  10.0.0.0/8         scram-sha-256
host    "all"     carol   10.0.0.0/8         md5
)");
  REQUIRE(!rules.first_error());
  CHECK(line_for(rules, client("shop", "alice")) == 2);
  CHECK(line_for(rules, client("shop", "alice", "10.0.0.7")) == 3);
  CHECK(line_for(rules, client("shop", "alice", "::ffff:10.0.0.7")) == 3);
  CHECK(line_for(rules, client("shop", "alice", "11.0.0.7")) == 0);
  CHECK(line_for(rules, client("alice", "alice", "10.0.0.7")) == 5);
  CHECK(line_for(rules, client("shop", "bob", "::1")) == 6);
  CHECK(line_for(rules, client("shop", "carol", "10.0.0.7")) == 0);  // "all" in quotes is a name
  CHECK(line_for(rules, client("all", "carol", "10.0.0.7")) == 8);
  HbaClient replica = client("", "repl", "10.0.0.7");
  replica.physical_replication = true;
  CHECK(line_for(rules, replica) == 7);
  replica.user = "bob";  // "all" is no physical replication
  replica.address = IpAddress::parse("::1");
  CHECK(line_for(rules, replica) == 0);
  CHECK(line_for(rules, client("replication", "repl", "10.0.0.7")) == 0);
}

TEST_CASE("hba: with and without TLS") {
  const HbaRules rules = rules_of(
      "hostgssenc all all all trust\nhostssl all alice all trust\nhostnossl all all all reject\n"
      "hostnogssenc all all all md5\n");
  HbaClient one = client("shop", "alice", "10.0.0.7");
  CHECK(line_for(rules, one) == 3);
  one.tls = true;
  CHECK(line_for(rules, one) == 2);
  one.user = "bob";
  CHECK(line_for(rules, one) == 4);
}

TEST_CASE("hba: samehost, samenet and masks with holes") {
  const std::vector<IpNetwork> own = {*IpNetwork::of_length(*IpAddress::parse("10.1.2.3"), 24),
                                      *IpNetwork::of_length(*IpAddress::parse("fd00::3"), 64)};
  const HbaRules rules = rules_of(
      "host all all samehost trust\nhost all all samenet md5\n"
      "host all all 10.0.0.9 255.0.0.255 reject\n");
  CHECK(line_for(rules, client("d", "u", "10.1.2.3"), own) == 1);
  CHECK(line_for(rules, client("d", "u", "10.1.2.4"), own) == 2);
  CHECK(line_for(rules, client("d", "u", "fd00::77"), own) == 2);
  CHECK(line_for(rules, client("d", "u", "10.1.3.9"), own) == 3);
  CHECK(line_for(rules, client("d", "u", "10.1.3.8"), own) == 0);
}

TEST_CASE("hba: host names are asked for only where they decide") {
  const HbaRules rules = rules_of(
      "host all admin all reject\nhost all all .Example.com trust\n"
      "host all all db.example.org md5\n");
  HbaClient one = client("d", "admin", "10.0.0.1");
  CHECK(line_for(rules, one) == 1);
  one.user = "bob";
  CHECK(line_for(rules, one) == -1);
  const struct {
    std::string name;
    int line;
  } rows[] = {{"web.example.com", 2},
              {"WEB.EXAMPLE.COM", 2},
              {"example.com", 0},
              {".example.com", 0},
              {"db.example.org", 3},
              {"x.db.example.org", 0},
              {"", 0}};
  for (const auto& row : rows) {
    CAPTURE(row.name);
    one.host_name = &row.name;
    CHECK(line_for(rules, one) == row.line);
  }
}

TEST_CASE("hba: regular expressions for databases and users") {
  const HbaRules rules =
      rules_of("local /^shop_[0-9]+$ \"/^(a|b),x\" trust\nlocal /op x,/^y md5\n");
  REQUIRE(!rules.first_error());
  CHECK(line_for(rules, client("shop_12", "a,xyz")) == 1);
  CHECK(line_for(rules, client("shop_", "a,xyz")) == 0);
  CHECK(line_for(rules, client("shop_1x", "yes")) == 2);
  CHECK(line_for(rules, client("shop_1x", "x")) == 2);
}

TEST_CASE("hba: other files' tokens and lines") {
  const Files files = {{"/etc/names", "alice, bob # and nobody else\n@more\n\"all\""},
                       {"/etc/more", "carol"},
                       {"/etc/d/1.conf", "local one all trust\n"},
                       {"/etc/d/2.conf", "local two @../names trust\n"}};
  const HbaRules rules = rules_of(
      "local shop @names md5\ninclude_dir d\ninclude_if_exists nothing\ninclude d/1.conf\n", files);
  REQUIRE_MESSAGE(!rules.first_error(), rules.first_error()->message);
  CHECK(line_for(rules, client("shop", "carol")) == 1);
  CHECK(line_for(rules, client("shop", "all")) == 1);
  CHECK(line_for(rules, client("shop", "dave")) == 0);
  CHECK(line_for(rules, client("one", "dave")) == 1);
  CHECK(rules.rules().size() == 4);
  CHECK(rules.rules()[2].file == "/etc/d/2.conf");
}

TEST_CASE("hba: errors name file and line, and say what would do") {
  const Files files = {{"/etc/loop", "@loop"}, {"/etc/own", "include own\n"}};
  const struct {
    std::string text;
    std::string error;
  } rows[] = {
      {"\nhosts all all all trust", "/etc/hba:2: invalid connection type \"hosts\""},
      {"local", "/etc/hba:1: the line ends before its database"},
      {"local all", "/etc/hba:1: the line ends before its user"},
      {"local all all", "/etc/hba:1: the line ends before its authentication method"},
      {"host all all trust", "/etc/hba:1: the line ends before its authentication method"},
      {"host all all 10.0.0.1 trust", "/etc/hba:1: invalid IP mask \"trust\""},
      {"host all all 10.0.0.1", "/etc/hba:1: the line ends before its address's mask"},
      {"local all all x", "/etc/hba:1: invalid authentication method \"x\""},
      {"local all all radius", "/etc/hba:1: authentication method \"radius\" is not supported"},
      {"host all all all peer", "/etc/hba:1: the method peer works on local lines only"},
      {"host all all all cert", "/etc/hba:1: the method cert works on hostssl lines only"},
      {"local all +staff trust",
       "/etc/hba:1: \"+staff\" is not supported: who is a member of a role only the server knows"},
      {"local samerole all trust",
       "/etc/hba:1: \"samerole\" is not supported: who is a member of a role only the server "
       "knows"},
      {"local /( all trust", "invalid regular expression"},
      {"local all all trust \\\n  what",
       "/etc/hba:1: an option has to be written name=value: \"what\""},
      {"local all all peer x=1", "/etc/hba:1: unknown option \"x\""},
      {"local all @nothing trust", "/etc/hba:1: \"/etc/nothing\" cannot be read"},
      {"local all @loop trust", "files are nested too deeply"},
      {"include own", "files are nested too deeply"},
      {"include nothing", "/etc/hba:1: \"/etc/nothing\" cannot be read"},
      {"# nothing\n", "/etc/hba: has no rules, nobody could log in"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const std::string error = error_of(row.text, files);
    CAPTURE(error);
    CHECK(error.find(row.error) != std::string::npos);
  }
  CHECK(error_of("local all \"+staff\" trust").empty());
}

TEST_CASE("ident maps: who may be whom") {
  const Files files = {{"/etc/ident", R"(
web     www-data        shop
web     www-data        blog   # a second one
staff   /^(.*)@corp\.example$  \1
staff   /^admin         all
odd     "a b"           /^x
)"}};
  const auto maps = IdentMaps::load("/etc/ident", in_memory(files));
  REQUIRE(maps.ok());
  REQUIRE(!maps->first_error());
  CHECK(maps->allows("", "alice", "alice"));
  CHECK(!maps->allows("", "alice", "bob"));
  CHECK(maps->allows("web", "www-data", "blog"));
  CHECK(!maps->allows("web", "www-data", "www-data"));
  CHECK(!maps->allows("nothing", "alice", "alice"));
  CHECK(maps->allows("staff", "carol@corp.example", "carol"));
  CHECK(!maps->allows("staff", "carol@corp.example", "bob"));
  CHECK(!maps->allows("staff", "carol@corp.example.net", "carol"));
  CHECK(maps->allows("staff", "administrator", "bob"));
  CHECK(maps->allows("odd", "a b", "xyz"));
}

TEST_CASE("ident maps: errors") {
  const struct {
    std::string text;
    std::string error;
  } rows[] = {
      {"web www-data", "/etc/ident:1: a line is a map, one system name and one database user"},
      {"\nweb /[ x", "/etc/ident:2: invalid regular expression"},
      {"web /x \\1", "has no group in parentheses"},
      {"web x +staff", "\"+staff\" is not supported"}};
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const Files files = {{"/etc/ident", row.text}};
    const auto maps = IdentMaps::load("/etc/ident", in_memory(files));
    REQUIRE(maps.ok());
    const auto error = maps->first_error();
    REQUIRE(error.has_value());
    CHECK(error->message.find(row.error) != std::string::npos);
  }
}

TEST_CASE("hba: no name and no expression takes for ever, or all of the stack") {
  const HbaRules rules = rules_of(
      "host all /^(a+)+$ all trust\nhost all /^(a|b|x)*$ all md5\n"
      "host all all all trust\n");
  CHECK(line_for(rules, client("shop", std::string(100, 'a'), "10.0.0.1")) == 1);
  CHECK(line_for(rules, client("shop", std::string(100, 'a') + "!", "10.0.0.1")) == 3);
  CHECK(line_for(rules, client("shop", std::string(127, 'x'), "10.0.0.1")) == 2);
  for (const std::size_t length : {std::size_t{128}, std::size_t{9'000}, std::size_t{1'000'000}}) {
    const std::string name(length, 'x');
    CHECK(line_for(rules, client("shop", name, "10.0.0.1")) == 0);
    CHECK(line_for(rules, client(name, "ann", "10.0.0.1")) == 0);
  }
  CHECK(error_of("host all /^(a)\\1$ all trust\n").find("invalid regular expression") !=
        std::string::npos);
}
