// The table of the unit test, and statements.sql: alone and two in a row.
#include <doctest/doctest.h>

#include "oracle/corpus.h"
#include "oracle/parser.h"

using namespace pgsaba;

TEST_CASE("we miss nothing that the parser sees") {
  const auto texts = oracle::corpus();
  oracle::Counts counts;
  for (const std::string& text : texts) oracle::compare(text, &counts);
  CHECK(counts.accepted > static_cast<int>(texts.size()) * 8 / 10);
  MESSAGE("of ", counts.reads, " reads ", counts.refused, " are sent to the primary");
  CHECK(counts.refused * 20 < counts.reads);
}

TEST_CASE("nor in what follows another statement") {
  const auto texts = oracle::corpus();
  for (std::size_t i = 0; i < texts.size(); ++i)
    oracle::compare(texts[i] + "\n;" + texts[(i * 7 + 3) % texts.size()]);
}
