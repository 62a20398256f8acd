#include "pgsaba/session/portable_session.h"

#include <doctest/doctest.h>

using namespace pgsaba;
using session::PortableSession;

namespace {

PortableSession example() {
  PortableSession one;
  one.database = "app";
  one.user = "alice";
  one.key = {7, std::string("\0\1\2\3 and twelve m", 16)};
  one.dialect = {false, sql::Encoding::kSjis};
  one.settings = {{"search_path", "a, \"b\""}, {"work_mem", "1MB"}};
  one.login_settings = {{"search_path", "x"}};
  one.statements = {{"a1", std::string("select 1\0\0\0", 11)},
                    {"", std::string("select $1\0\0\1\0\0\0\x17", 16)}};
  one.sql_statements = {{"p", std::string("select 2\0\0\0", 11)}};
  one.unnamed = std::string("select 3\0\0\0", 11);
  one.channels = {"a", "b c"};
  one.mark = "17";
  one.begin_sql = "begin read only";
  one.mode = config::PoolMode::kStatement;
  one.reads_sequences = one.others_read_sequences = true;
  one.connected_at = 12'345'678'901;
  one.idle_since = 12'345'678'999;
  one.transaction_at = 12'345'678'888;
  return one;
}

}  // namespace

TEST_CASE("a session is the same on the other side") {
  const auto whole = session::unpack(session::pack(example()));
  REQUIRE(whole.ok());
  CHECK(*whole == example());
  PortableSession bare;
  bare.database = bare.user = "x";
  const auto other = session::unpack(session::pack(bare));
  REQUIRE(other.ok());
  CHECK(*other == bare);
  CHECK_FALSE(*other == example());
}

TEST_CASE("a session that is cut off, or followed by something, is refused") {
  const std::string bytes = session::pack(example());
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK_FALSE(session::unpack(std::string_view(bytes).substr(0, size)).ok());
  CHECK_FALSE(session::unpack(bytes + '\0').ok());
}

TEST_CASE("another format is refused, and named") {
  std::string bytes = session::pack(example());
  bytes[7] = 1;
  const auto read = session::unpack(bytes);
  REQUIRE_FALSE(read.ok());
  CHECK(read.error().message == "a session in format 1, not 2");
}

TEST_CASE("lengths that lie reserve no memory and read nothing") {
  const std::string bytes = session::pack(example());
  for (std::size_t at = 8; at + 8 <= bytes.size(); ++at) {
    std::string wrong = bytes;
    wrong[at] = '\x7f';
    (void)session::unpack(wrong);
  }
}

TEST_CASE("what no session has is refused") {
  PortableSession nobody = example();
  nobody.user.clear();
  CHECK_FALSE(session::unpack(session::pack(nobody)).ok());
  PortableSession endless = example();
  endless.statements = {{"a", "select 1"}};
  CHECK_FALSE(session::unpack(session::pack(endless)).ok());
  PortableSession secretive = example();
  secretive.key.secret.assign(257, 'x');
  CHECK_FALSE(session::unpack(session::pack(secretive)).ok());
}
