// One row per text: what it is, whether it is alone, and what it may leave behind.
#include "pgsaba/sql/statement.h"

#include <doctest/doctest.h>

#include "unit/sql/statements.h"

using namespace pgsaba::sql;

TEST_CASE("what a statement is") {
  for (const Row& row : kStatements) {
    CAPTURE(std::string(row.sql));
    const Statement statement = read_statement(row.sql, Dialect{});
    CHECK(static_cast<int>(statement.command) == static_cast<int>(row.command));
    CHECK(statement.effects == row.effects);
    CHECK(statement.single == (row.count == Count::kOne));
  }
}

TEST_CASE("blanks, comments and semicolons change nothing") {
  for (const Row& row : kStatements) {
    CAPTURE(std::string(row.sql));
    const Statement bare = read_statement(row.sql, Dialect{});
    if (bare.effects == effect::kAll) continue;
    for (const std::string& text :
         {" \n-- a ' \" $$ comment\n" + std::string(row.sql),
          "/* /* ' */ */;" + std::string(row.sql), std::string(row.sql) + "\n;; /* \" */ -- end"}) {
      CAPTURE(text);
      const Statement dressed = read_statement(text, Dialect{});
      CHECK(dressed.command == bare.command);
      CHECK(dressed.effects == bare.effects);
      CHECK(dressed.single == bare.single);
    }
  }
}

TEST_CASE("a text with a NUL may do anything") {
  const Statement statement = read_statement(std::string_view("select 1\0", 9), Dialect{});
  CHECK(statement.effects == effect::kAll);
  CHECK_FALSE(statement.single);
}

TEST_CASE("without standard strings a backslash hides a quote") {
  const char* sql = R"(select '\'; select nextval(''x'') --')";
  CHECK_FALSE(read_statement(sql, Dialect{true, {}}).single);
  CHECK(read_statement(R"(select '\'; set a = 1; --')", Dialect{false, {}}).effects == 0);
}

TEST_CASE("characters of clients' encodings may end in a backslash") {
  // In SJIS 0x83 0x5C is one character.
  const char* sql = "select E'\x83\x5c'; set a = 1 --'";
  CHECK(read_statement(sql, Dialect{true, Encoding::kSjis}).effects == effect::kSetting);
  CHECK(read_statement(sql, Dialect{true, Encoding::kAsciiSafe}).effects == 0);
  // A single byte of SJIS; four bytes of GB18030; three of JOHAB.
  CHECK(read_statement("select E'\xb1\\'; set a = 1 --'", Dialect{true, Encoding::kSjis}).effects ==
        0);
  CHECK(read_statement("select E'\x81\x30\x81\\'; set a = 1 --'", Dialect{true, Encoding::kGb18030})
            .effects == effect::kSetting);
  CHECK(read_statement("select E'\x8f\xa1\\'; set a = 1 --'", Dialect{true, Encoding::kJohab})
            .effects == effect::kSetting);
  for (const Encoding encoding : {Encoding::kBig5, Encoding::kGbk, Encoding::kUhc})
    CHECK(read_statement(sql, Dialect{true, encoding}).effects == effect::kSetting);
  // @ and | end a word, but not as the second byte of a letter.
  CHECK(read_statement("set \x83\x40\x83\x7c = 1", Dialect{true, Encoding::kSjis}).effects ==
        effect::kSetting);
}

TEST_CASE("encodings by name") {
  CHECK(encoding_of("UTF8") == Encoding::kAsciiSafe);
  CHECK(encoding_of("EUC_JP") == Encoding::kAsciiSafe);
  CHECK(encoding_of("SJIS") == Encoding::kSjis);
  CHECK(encoding_of("SHIFT_JIS_2004") == Encoding::kSjis);
  CHECK(encoding_of("BIG5") == Encoding::kBig5);
  CHECK(encoding_of("GBK") == Encoding::kGbk);
  CHECK(encoding_of("UHC") == Encoding::kUhc);
  CHECK(encoding_of("GB18030") == Encoding::kGb18030);
  CHECK(encoding_of("JOHAB") == Encoding::kJohab);
}
