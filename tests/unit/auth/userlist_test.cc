#include <doctest/doctest.h>
#include <malloc.h>
#include <pgsaba/auth/userlist.h>

#include <cstdio>
#include <string>

using namespace pgsaba;
using namespace pgsaba::auth;

namespace {

UserList parse(std::string_view text) {
  auto users = parse_userlist(text, "list");
  REQUIRE_MESSAGE(users.ok(), (users.ok() ? "" : users.error().message));
  return std::move(users).value();
}

std::string secret_of(const UserList& users, std::string_view name) {
  const Secret* secret = users.find(name);
  return secret == nullptr ? "(unknown)" : format_secret(*secret);
}

std::string error_of(std::string_view text, const UserListLimits& limits = {}) {
  const auto users = parse_userlist(text, "list", limits);
  return users.ok() ? "" : users.error().message;
}

}  // namespace

TEST_CASE("userlist: what a line may look like") {
  const struct {
    std::string line;
    std::string name;
    std::string secret;
  } rows[] = {
      {R"("alice" "secret")", "alice", "secret"},
      {R"(   "alice"     "secret")", "alice", "secret"},
      {"\t\"alice\"\t\"secret\"\r", "alice", "secret"},
      {R"("alice""secret")", "alice\"secret", "(no second field)"},
      {R"("alice" "secret" rest "is" ignored)", "alice", "secret"},
      {R"("alice" "secret" ; comment)", "alice", "secret"},
      {R"("al""ice" "se""cr""et")", "al\"ice", "se\"cr\"et"},
      {R"("alice" """")", "alice", "\""},
      {R"("alice" "")", "alice", ""},
      {R"("a b;c" "d ; e")", "a b;c", "d ; e"},
      {"\"\xe9\xaf\x96\" \"\xe3\x81\x95\xe3\x81\xb0\"", "\xe9\xaf\x96", "\xe3\x81\x95\xe3\x81\xb0"},
      {R"("alice" "md54a0a68b43b6cd5cf266fa02f196e2371")", "alice",
       "md54a0a68b43b6cd5cf266fa02f196e2371"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.line);
    if (row.secret == "(no second field)") {
      CHECK_FALSE(error_of(row.line).empty());
      continue;
    }
    const UserList users = parse("; before\n\n" + row.line + "\n;after");
    CHECK(users.size() == 1);
    CHECK(secret_of(users, row.name) == row.secret);
  }
}

TEST_CASE("userlist: errors name file and line, and refuse the whole file") {
  const struct {
    std::string text;
    std::string message;
  } rows[] = {
      {"alice secret", "list:1: expected the user name in double quotes"},
      {"\"a\" \"b\"\n\n# x", "list:3: expected the user name in double quotes"},
      {"\"a\" \"b\"\n\"alice", "list:2: the quoted user name does not end on this line"},
      {"\"alice\n\" \"x\"", "list:1: the quoted user name does not end on this line"},
      {R"("alice")", "list:1: expected the secret in double quotes"},
      {R"("alice" x "y")", "list:1: expected the secret in double quotes"},
      {R"("alice" "secret)", "list:1: the quoted secret does not end on this line"},
      {R"("alice" "secret"")", "list:1: the quoted secret does not end on this line"},
      {R"("" "secret")", "list:1: empty user name"},
      {std::string("\"al\0ice\" \"x\"", 12), "list:1: NUL byte in the user name"},
      {R"("a" "SCRAM-SHA-256$4096:AAAA")", "list:1: malformed SCRAM-SHA-256 secret"},
      {'"' + std::string(128, 'a') + R"(" "x")", "list:1: the user name is longer than 127 bytes"},
      {R"("a" ")" + std::string(65'532, 'x') + '"',
       "list:1: the secret is longer than 65531 bytes"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    CHECK(error_of(row.text) == row.message);
  }
  CHECK(error_of("\"" + std::string(127, 'a') + "\" \"" + std::string(65'531, 'x') + "\"").empty());
  UserListLimits one;
  one.max_users = 1;
  CHECK(error_of("\"a\" \"\"\n\"b\" \"\"", one) == "list:2: more than 1 users");
}

TEST_CASE("userlist: the last secret of a name counts; lists are compared for a reload") {
  const UserList before = parse("\"a\" \"1\"\n\"b\" \"2\"\n\"c\" \"3\"\n\"a\" \"4\"");
  CHECK(secret_of(before, "a") == "4");
  CHECK(before == parse("\"c\" \"3\"\n\"b\" \"2\"\n\"a\" \"4\"\n"));
  const UserList after = parse("\"a\" \"4\"\n\"b\" \"x\"\n\"d\" \"5\"");
  CHECK_FALSE(before == after);
  CHECK(after.changed_since(before) == std::vector<std::string>{"b", "c", "d"});
  CHECK(after.changed_since(after).empty());
}

TEST_CASE("userlist: what most secrets are") {
  const std::string scram =
      "SCRAM-SHA-256$4096:c2FsdA==$" + std::string(43, 'A') + "=:" + std::string(43, 'A') + "=";
  const std::string md5 = "md5" + std::string(32, '0');
  CHECK(UserList{}.usual_kind() == SecretKind::kScram);
  UserList users = parse("\"a\" \"1\"\n\"b\" \"\"\n\"c\" \"\"\n");
  CHECK(users.usual_kind() == SecretKind::kPlain);
  users.set("b", *parse_secret(scram));
  CHECK(users.usual_kind() == SecretKind::kScram);
  users.set("c", *parse_secret(md5));
  users.set("d", *parse_secret(md5));
  CHECK(users.usual_kind() == SecretKind::kMd5);
  users.set("d", *parse_secret("plain now"));
  users.set("c", *parse_secret("plain now"));
  CHECK(users.usual_kind() == SecretKind::kPlain);
}

TEST_CASE("userlist: loading a file, a missing file, a directory and one that is too large") {
  char path[] = "/tmp/pgsaba-userlist-XXXXXX";
  const int fd = mkstemp(path);
  REQUIRE(fd >= 0);
  std::FILE* file = fdopen(fd, "w");
  std::fputs("\"alice\" \"secret\"\n", file);
  std::fclose(file);
  const auto users = load_userlist(path);
  REQUIRE(users.ok());
  CHECK(secret_of(*users, "alice") == "secret");
  UserListLimits small;
  small.max_file_bytes = 5;
  CHECK_FALSE(load_userlist(path, small).ok());
  std::remove(path);
  const auto missing = load_userlist(path);
  REQUIRE_FALSE(missing.ok());
  CHECK(missing.error().message.starts_with(path));
  CHECK_FALSE(load_userlist("/tmp").ok());
}

TEST_CASE("userlist: a known user of 10,000 costs less than 400 bytes") {
  std::string text;
  for (int i = 0; i < 10'000; ++i) {
    text += "\"user_number_" + std::to_string(i) +
            "\" \"SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
            "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
            "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=\"\n";
  }
  const std::size_t before = mallinfo2().uordblks;
  const UserList users = parse(text);
  const std::size_t after = mallinfo2().uordblks;
  CHECK(users.size() == 10'000);
  MESSAGE("bytes per user: " << (after - before) / 10'000);
  CHECK((after - before) / 10'000 < 400);
}
