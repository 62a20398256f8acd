// The ledger while the client sends a COPY: what is sent inside, ahead of it and too late.
#include <doctest/doctest.h>

#include <vector>

#include "unit/server/sequence.h"

using pgsaba::testing::Sequence;

namespace {

// What is sent and what is replied in turn, then what the client got and what is left.
struct Row {
  std::string name;
  std::vector<std::string> turns;  // sent, replies, sent, replies ...
  std::string told;
  std::string state;
};

void check(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Sequence sequence;
    std::string told;
    for (std::size_t i = 0; i < row.turns.size(); ++i) {
      if (i % 2 == 0) {
        sequence.send(row.turns[i]);
        continue;
      }
      const std::string more = sequence.reply(row.turns[i]);
      told += (told.empty() || more.empty() ? "" : " ") + more;
    }
    CHECK(told == row.told);
    CHECK(sequence.state() == row.state);
  }
}

}  // namespace

TEST_CASE("COPY FROM STDIN, simple") {
  check({
      {"runs", {"Q", "G"}, "G", "1/1 copying"},
      {"ended", {"Q", "G", "c"}, "G", "1/1"},
      {"complete", {"Q", "G", "c", "C ZI"}, "G C ZI", "empty"},
      {"all at once", {"Q c", "G C ZI"}, "G C ZI", "empty"},
      {"then a query", {"Q c Q", "G C ZI T D C ZI"}, "G C ZI T D C ZI", "empty"},
      {"two in one query", {"Q", "G", "c", "C G", "c", "C ZI"}, "G C G C ZI", "empty"},
      {"two in one, sent ahead", {"Q c c", "G C G C ZI"}, "G C G C ZI", "empty"},
      {"never began", {"Q c", "E ZI"}, "E ZI", "empty"},
      {"never began, then a query", {"Q c Q", "E ZI C ZI"}, "E ZI C ZI", "empty"},
      {"the end of nothing", {"c c", ""}, "", "empty"},
      {"several ends of nothing", {"Q c c c", "C ZI"}, "C ZI", "empty"},
  });
}

TEST_CASE("COPY FROM STDIN, simple, with Syncs the server never answers") {
  check({
      {"inside", {"Q", "G", "S c", "C ZI"}, "G C ZI", "empty"},
      {"ahead of its end", {"Q S c", "G C ZI"}, "G C ZI", "empty"},
      {"several", {"Q S S c S", "G C ZI ZI"}, "G C ZI ZI", "empty"},
      {"behind its end", {"Q", "G", "c S", "C ZI ZI"}, "G C ZI ZI", "empty"},
      {"it fails, simple: nothing is doubtful", {"Q", "G", "S", "E ZI"}, "G E ZI", "empty"},
  });
}

TEST_CASE("COPY FROM STDIN, simple, fails") {
  check({
      {"while it runs", {"Q", "G", "", "E ZI"}, "G E ZI", "empty"},
      {"its end comes late", {"Q", "G", "", "E ZI", "c", ""}, "G E ZI", "empty"},
      {"its end comes between", {"Q", "G", "", "E", "c", "ZI"}, "G E ZI", "empty"},
      {"late end, then a query", {"Q", "G", "", "E ZI", "c Q", "C ZI"}, "G E ZI C ZI", "empty"},
      {"cancelled by the client", {"Q", "G", "c", "E ZI"}, "G E ZI", "empty"},
      {"a late Sync is answered", {"Q", "G", "", "E ZI", "c S", "ZI"}, "G E ZI ZI", "empty"},
      {"a query inside fails it", {"Q Q", "G E"}, "G E", "2/2"},
  });
}

TEST_CASE("COPY FROM STDIN, extended") {
  check({
      {"runs", {"P B E", "1 2 G"}, "1 2 G", "1/0 copying"},
      {"complete", {"P B E", "1 2 G", "c S", "C ZI"}, "1 2 G C ZI", "empty"},
      {"before its Sync", {"B E", "2 G", "c", "C"}, "2 G C", "0/0"},
      {"all at once", {"P B E c S", "1 2 G C ZI"}, "1 2 G C ZI", "empty"},
      {"a Sync ahead is eaten", {"P B E S c S", "1 2 G C ZI"}, "1 2 G C ZI", "empty"},
      {"a Sync inside is eaten", {"P B E", "1 2 G", "S c S", "C ZI"}, "1 2 G C ZI", "empty"},
      {"a Sync eaten, another to come", {"B E S", "2 G", "c", "C"}, "2 G C", "0/0"},
      {"a Sync eaten, two ends", {"B E S c c", "2 G C"}, "2 G C", "0/0"},
      {"then more of the batch", {"B E c P B E S", "2 G C 1 2 C ZI"}, "2 G C 1 2 C ZI", "empty"},
      {"with something of ours", {"~P B E =C", "1 2 G", "c S", "C ZI"}, "- 2 G C =3 ZI", "empty"},
      {"never began", {"B E c S", "2 E ZI"}, "2 E ZI", "empty"},
  });
}

TEST_CASE("COPY FROM STDIN, extended, fails") {
  check({
      {"while it runs", {"B E", "2 G", "", "E"}, "2 G E", "0/0 skipping"},
      {"its end and Sync follow", {"B E", "2 G", "", "E", "c S", "ZI"}, "2 G E ZI", "empty"},
      {"its end was sent", {"B E", "2 G", "c S", "E ZI"}, "2 G E ZI", "empty"},
      {"late messages of all kinds",
       {"B E", "2 G", "", "E", "c", "", "S", "ZI", "c S", "ZI"},
       "2 G E ZI ZI",
       "empty"},
  });
}

// The server may have read the Sync as part of the COPY, or after it had failed: both are legal,
// and the connection cannot be trusted with anybody else.
TEST_CASE("a Sync inside a COPY that fails leaves a doubt") {
  check({
      {"eaten", {"B E", "2 G", "S", "E"}, "2 G E", "0/0 skipping doubtful"},
      {"it is answered after all", {"B E", "2 G", "S", "E ZI"}, "2 G E ZI", "empty doubtful"},
      {"the client's next one is",
       {"B E", "2 G", "S", "E", "c S", "ZI"},
       "2 G E ZI",
       "empty doubtful"},
      {"both are", {"B E", "2 G", "S", "E", "c S", "ZI ZI"}, "2 G E ZI ?", "empty doubtful"},
      {"sent ahead", {"B E S", "2 G", "", "E"}, "2 G E", "0/0 skipping doubtful"},
      {"none inside", {"B E", "2 G", "", "E", "S", "ZI"}, "2 G E ZI", "empty"},
      {"an earlier COPY does not count",
       {"B E", "2 G", "S c S", "C ZI", "P S", "E ZI"},
       "2 G C ZI E ZI",
       "empty"},
  });
}
