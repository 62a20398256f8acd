#include "session/orphaned_transaction.h"

#include <doctest/doctest.h>

#include <vector>

#include "pgsaba/wire/frame.h"
#include "unit/wire/frames.h"

using namespace pgsaba;
using namespace pgsaba::session;
using namespace pgsaba::testing;

namespace {

// Whole answers as one letter each: the tag, for an error its SQLSTATE, for 'Z' its status.
std::string brief(const std::string& out) {
  wire::FrameReader reader(wire::Direction::kFromServer);
  std::string text;
  for (Bytes rest = bytes_of(out); !rest.empty();) {
    const wire::Piece piece = reader.next(rest, 0);
    REQUIRE(piece.kind == wire::Piece::Kind::kFrame);
    rest = rest.subspan(piece.bytes.size());
    if (!text.empty()) text += ' ';
    text += piece.tag;
    if (piece.tag == 'E')
      text = text.substr(0, text.size() - 1) + wire::read_error(piece.body()).sqlstate;
    if (piece.tag == 'Z') text += text_of(piece.body());
    if (piece.tag == 'C') text += ":" + std::string(piece.body().begin(), piece.body().end() - 1);
  }
  return text;
}

const wire::ErrorFields loss{"ERROR", "08006", "lost"};

struct Orphan {
  explicit Orphan(bool told = false, bool skipping = false, bool in_block = true)
      : transaction(loss, told, skipping, in_block) {}
  std::string say(char tag, const std::string& body = {}, std::string_view named = {}) {
    std::string out;
    over = transaction.on_frame(tag, bytes_of(body), named, out);
    return brief(out);
  }
  std::string query(const std::string& sql) { return say('Q', sql + '\0'); }
  std::string parse(const std::string& sql, const std::string& name = {},
                    std::string_view taken = {}) {
    return say('P', name + '\0' + sql + std::string(3, '\0'), taken);
  }
  std::string bind(const std::string& name = {}, std::string_view text = {}) {
    return say('B', '\0' + name + std::string(7, '\0'), text);
  }
  OrphanedTransaction transaction;
  bool over = false;
};

}  // namespace

TEST_CASE("which texts end a transaction") {
  using enum TransactionEnd;
  struct Row {
    std::string sql;
    TransactionEnd end;
  };
  const std::vector<Row> rows = {
      {"ROLLBACK", kYes},
      {"rollback", kYes},
      {"RollBack;", kYes},
      {"rollback ; ; ", kYes},
      {"ABORT", kYes},
      {"abort work", kYes},
      {"COMMIT", kYes},
      {"commit transaction", kYes},
      {"END", kYes},
      {"end work;", kYes},
      {"rollback and no chain", kYes},
      {"COMMIT WORK AND NO CHAIN;", kYes},
      {" \t\n rollback", kYes},
      {"-- why\nrollback", kYes},
      {"/* why */ rollback /* because */ -- of that", kYes},
      {"/* a */ /* b */\n--c\nrollback--d", kYes},
      {"rollback/**/work", kYes},
      {"rollback; select 1", kYesAndMore},
      {"commit;rollback", kYesAndMore},
      {"end; -- nothing more", kYes},
      {"", kNo},
      {";", kNo},
      {"-- rollback", kNo},
      {"/* rollback */", kNo},
      {"/* never closed rollback", kNo},
      {"select 'rollback'", kNo},
      {"rollback and chain", kNo},
      {"commit and chain", kNo},
      {"commit work and chain;", kNo},
      {"rollback to savepoint a", kNo},
      {"rollback to a", kNo},
      {"rollback work to savepoint a", kNo},
      {"rollback prepared 'x'", kNo},
      {"commit prepared 'x'", kNo},
      {"prepare transaction 'x'", kNo},
      {"rollbacks", kNo},
      {"rollback_", kNo},
      {"endless", kNo},
      {"end_of", kNo},
      {"release a", kNo},
      {"begin", kNo},
      {"savepoint a", kNo},
      {"rollback nonsense", kNo},
      {"select 1; rollback", kNo},
  };
  for (const Row& row : rows) {
    CAPTURE(row.sql);
    CHECK(ends_transaction(row.sql) == row.end);
  }
}

TEST_CASE("the loss is told once, then the transaction is simply failed") {
  Orphan orphan;
  CHECK(orphan.query("select 1") == "08006 ZE");
  CHECK_FALSE(orphan.over);
  CHECK(orphan.query("select 2") == "25P02 ZE");
  CHECK(orphan.query("") == "I ZE");
  CHECK(orphan.query(" ; /* */ ;") == "I ZE");
  CHECK(orphan.query("rollback to a") == "25P02 ZE");
  CHECK(orphan.query("commit and chain") == "25P02 ZE");
  CHECK(orphan.query("commit") == "C:ROLLBACK ZI");
  CHECK(orphan.over);
}

// The answer to COMMIT must not be taken for a success.
TEST_CASE("a COMMIT fails if the client does not know of the loss") {
  for (const char* text : {"commit", "END", "-- ?\ncommit work;"}) {
    CAPTURE(text);
    Orphan simple;
    CHECK(simple.query(text) == "08006 ZI");
    CHECK(simple.over);

    Orphan extended;
    CHECK(extended.parse(text) == "1");
    CHECK(extended.bind() == "2");
    CHECK(extended.say('E', std::string(5, '\0')) == "08006");
    CHECK(extended.bind().empty());
    CHECK(extended.say('S') == "ZI");
    CHECK(extended.over);
  }
  Orphan named;
  CHECK(named.bind("c", "commit") == "2");
  CHECK(named.say('E', std::string(5, '\0')) == "08006");
}

TEST_CASE("a client that knows is not told again") {
  Orphan orphan(true);
  CHECK(orphan.query("select 1") == "25P02 ZE");
}

TEST_CASE("the end of the transaction needs no word about the loss") {
  Orphan orphan;
  CHECK(orphan.query("ROLLBACK;") == "C:ROLLBACK ZI");
  CHECK(orphan.over);
}

// What follows the end in the same text cannot be run for the client: it fails, outside of any
// transaction.
TEST_CASE("an end with more behind it ends, and fails") {
  Orphan orphan;
  CHECK(orphan.query("rollback; insert into t values (1)") == "08006 ZI");
  CHECK(orphan.over);
}

TEST_CASE("the extended protocol ends a transaction, too") {
  Orphan orphan;
  CHECK(orphan.parse("rollback") == "1");
  CHECK(orphan.say('D', std::string("S\0", 2)) == "t n");
  CHECK(orphan.bind() == "2");
  CHECK(orphan.say('D', std::string("P\0", 2)) == "n");
  CHECK(orphan.say('H').empty());
  CHECK(orphan.say('E', std::string(5, '\0')) == "C:ROLLBACK");
  CHECK(orphan.say('C', std::string("P\0", 2)) == "3");
  CHECK_FALSE(orphan.over);
  CHECK(orphan.say('S') == "ZI");
  CHECK(orphan.over);
}

TEST_CASE("so does a statement prepared before") {
  Orphan orphan;
  CHECK(orphan.say('D', std::string("Sr\0", 3), "rollback") == "t n");
  CHECK(orphan.bind("r", "rollback") == "2");
  CHECK(orphan.say('E', std::string(5, '\0')) == "C:ROLLBACK");
  CHECK(orphan.say('S') == "ZI");
  CHECK(orphan.over);
}

TEST_CASE("anything else in a batch fails it up to its Sync") {
  const auto rest_is_silent = [](Orphan& orphan) {
    CHECK(orphan.bind().empty());
    CHECK(orphan.say('E', std::string(5, '\0')).empty());
    CHECK(orphan.query("select 1").empty());
    CHECK(orphan.say('C', std::string("Sx\0", 3)).empty());
    CHECK(orphan.say('S') == "ZE");
    CHECK_FALSE(orphan.over);
    CHECK(orphan.query("rollback") == "C:ROLLBACK ZI");
  };
  SUBCASE("Parse") {
    Orphan orphan;
    CHECK(orphan.parse("select 1") == "08006");
    rest_is_silent(orphan);
  }
  SUBCASE("Parse of a name that is taken") {
    Orphan orphan;
    CHECK(orphan.parse("rollback", "name", "select 1") == "42P05");
    CHECK(orphan.bind().empty());
    CHECK(orphan.say('S') == "ZE");
    CHECK(orphan.query("select 1") == "08006 ZE");
  }
  SUBCASE("Parse of an end with more") {
    Orphan orphan;
    CHECK(orphan.parse("rollback; select 1") == "08006");
    rest_is_silent(orphan);
  }
  SUBCASE("Bind") {
    Orphan orphan;
    CHECK(orphan.bind("s", "select 1") == "08006");
    rest_is_silent(orphan);
  }
  SUBCASE("Bind of what was never parsed") {
    Orphan orphan;
    CHECK(orphan.bind() == "08006");
    rest_is_silent(orphan);
  }
  SUBCASE("Describe") {
    Orphan orphan;
    CHECK(orphan.say('D', std::string("Ss\0", 3), "select 1") == "08006");
    rest_is_silent(orphan);
  }
  SUBCASE("broken messages") {
    Orphan orphan;
    CHECK(orphan.say('P', "x") == "08006");
    rest_is_silent(orphan);
  }
}

TEST_CASE("function calls fail, what is left of a COPY is ignored") {
  Orphan orphan;
  CHECK(orphan.say('d', "data").empty());
  CHECK(orphan.say('c').empty());
  CHECK(orphan.say('f', std::string("no\0", 3)).empty());
  CHECK(orphan.say('F', "call") == "08006 ZE");
  CHECK(orphan.say('S') == "ZE");
  CHECK_FALSE(orphan.over);
}

TEST_CASE("a batch that failed with its server waits for its Sync") {
  Orphan in_block(true, true);
  CHECK(in_block.bind().empty());
  CHECK(in_block.query("rollback").empty());  // skipped like everything else
  CHECK(in_block.say('S') == "ZE");
  CHECK_FALSE(in_block.over);

  Orphan outside(true, true, false);
  CHECK(outside.say('E', std::string(5, '\0')).empty());
  CHECK(outside.say('S') == "ZI");
  CHECK(outside.over);
}

TEST_CASE("outside of a transaction one failure is all") {
  Orphan query(false, false, false);
  CHECK(query.query("select 1") == "08006 ZI");
  CHECK(query.over);

  Orphan batch(false, false, false);
  CHECK(batch.parse("select 1") == "08006");
  CHECK(batch.bind().empty());
  CHECK(batch.say('S') == "ZI");
  CHECK(batch.over);

  Orphan end(false, false, false);  // there is nothing to roll back
  CHECK(end.query("rollback") == "08006 ZI");
  CHECK(end.over);

  Orphan named(false, false, false);
  CHECK(named.bind("r", "rollback") == "08006");
  CHECK(named.say('S') == "ZI");
  Orphan unnamed(false, false, false);
  CHECK(unnamed.parse("rollback") == "08006");
}

TEST_CASE("what cannot fail does not hide a loss") {
  Orphan outside(false, false, false);
  CHECK(outside.query(" -- nothing") == "I ZI");
  CHECK_FALSE(outside.over);
  CHECK(outside.say('S') == "ZI");
  CHECK(outside.say('C', std::string("Ss\0", 3)) == "3");
  CHECK(outside.say('S') == "ZI");
  CHECK_FALSE(outside.over);
  CHECK(outside.query("select 1") == "08006 ZI");
  CHECK(outside.over);

  Orphan known(true, false, false);
  CHECK(known.query("") == "I ZI");
  CHECK(known.over);

  Orphan in_block;  // rolled back it is as it was, whether anybody knows or not
  CHECK(in_block.query("") == "I ZE");
  CHECK(in_block.query("rollback") == "C:ROLLBACK ZI");
  CHECK(in_block.over);
}

TEST_CASE("a statement that cannot be remembered is refused like any that fails") {
  Orphan orphan;
  std::string out;
  orphan.transaction.refuse({"ERROR", "53200", "no memory"}, out);
  CHECK(brief(out) == "53200");
  CHECK(orphan.bind().empty());
  CHECK(orphan.say('S') == "ZE");
  CHECK(orphan.query("rollback") == "C:ROLLBACK ZI");
}
