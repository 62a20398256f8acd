// The table of the unit test, and statements.sql: alone and two in a row.
#include <doctest/doctest.h>

#include "oracle/corpus.h"
#include "oracle/parser.h"

using namespace pgsaba;

TEST_CASE("we miss nothing that the parser sees") {
  const auto texts = oracle::corpus();
  std::size_t accepted = 0;
  for (const std::string& text : texts) accepted += oracle::compare(text) ? 1 : 0;
  CHECK(accepted > texts.size() * 8 / 10);
}

TEST_CASE("nor in what follows another statement") {
  const auto texts = oracle::corpus();
  for (std::size_t i = 0; i < texts.size(); ++i)
    oracle::compare(texts[i] + "\n;" + texts[(i * 7 + 3) % texts.size()]);
}
