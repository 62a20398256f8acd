// The ledger outside of COPY: the order of replies, errors, what is swallowed and synthesized.
#include "pgsaba/server/pipeline.h"

#include <doctest/doctest.h>

#include <vector>

#include "unit/server/sequence.h"

using namespace pgsaba::server;
using pgsaba::testing::Sequence;
using pgsaba::wire::TransactionStatus;

namespace {

struct Row {
  std::string name;
  std::string sent;
  std::string replies;
  std::string told;
  std::string state;  // afterwards
};

void check(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Sequence sequence;
    sequence.send(row.sent);
    CHECK(sequence.reply(row.replies) == row.told);
    CHECK(sequence.state() == row.state);
  }
}

}  // namespace

TEST_CASE("replies in their order") {
  check({
      {"nothing", "", "", "", "empty"},
      {"query", "Q", "T D D C ZI", "T D D C ZI", "empty"},
      {"several statements in one", "Q", "T D C I C T D C ZT", "T D C I C T D C ZT", "empty"},
      {"two queries", "Q Q", "C ZI", "C ZI", "1/1"},
      {"copy out", "Q", "H d d c C ZI", "H d d c C ZI", "empty"},
      {"function call", "F", "V ZI", "V ZI", "empty"},
      {"extended", "P B D E S", "1 2 T D C ZI", "1 2 T D C ZI", "empty"},
      {"describe a statement", "D S", "t n ZI", "t n ZI", "empty"},
      {"describe finds rows", "D", "t T", "t T", "0/0"},
      {"empty query", "P B E S", "1 2 I ZI", "1 2 I ZI", "empty"},
      {"suspended", "E E E S", "D s D s C ZT", "D s D s C ZT", "empty"},
      {"close", "C S", "3 ZI", "3 ZI", "empty"},
      {"sync alone", "S S", "ZI ZI", "ZI ZI", "empty"},
      {"copy out, extended", "B E S", "2 H d c C ZI", "2 H d c C ZI", "empty"},
      {"asynchronous messages", "Q", "N T S D A N C S ZI A", "N T S D A N C S ZI A", "empty"},
      {"pipelined", "P B E S P B E S", "1 2 C ZI 1 2 C", "1 2 C ZI 1 2 C", "1/1"},
  });
}

TEST_CASE("only a message that is owed is expected") {
  for (const char tag : std::string("RKZvV123stn!0")) {
    if (tag == 'Z') continue;
    CAPTURE(tag);
    Sequence query;
    query.send("Q");
    CHECK(query.reply(std::string(1, tag)) == "?");
    Sequence idle;
    CHECK(idle.reply(std::string(1, tag)) == "?");
  }
  check({
      {"ready without a request", "", "ZI", "?", "empty"},
      {"error without a request", "", "E", "?", "empty"},
      {"rows without a request", "", "D", "?", "empty"},
      {"parse is not bind", "P S", "2", "?", "2/1"},
      {"bind is not parse", "B S", "1", "?", "2/1"},
      {"describe has no rows", "D S", "D", "?", "2/1"},
      {"execute has no description", "E S", "T", "?", "2/1"},
      {"close", "C S", "C", "?", "2/1"},
      {"a function has no rows", "F", "D", "?", "1/1"},
      {"sync owes no command", "S", "C", "?", "1/1"},
      {"ready before the replies", "P S", "ZI", "?", "2/1"},
      {"ready in a query is its end", "Q", "ZI ZI", "ZI ?", "empty"},
  });
}

TEST_CASE("the status is the last ReadyForQuery's") {
  Sequence sequence;
  CHECK(sequence.pipeline.status() == TransactionStatus::kIdle);
  for (const char status : {'T', 'E', 'I'}) {
    sequence.send("Q");
    sequence.reply(std::string("Z") + status);
    CHECK(sequence.pipeline.status() == static_cast<TransactionStatus>(status));
  }
}

TEST_CASE("a batch without its Sync keeps the ledger from being empty") {
  Sequence sequence;
  sequence.send("P");
  CHECK(sequence.reply("1") == "1");  // after a Flush
  CHECK(sequence.state() == "0/0");
  sequence.send("B E");
  sequence.reply("2 C");
  CHECK(sequence.state() == "0/0");
  sequence.send("S");
  CHECK(sequence.state() == "1/1");
  sequence.reply("ZI");
  CHECK(sequence.state() == "empty");
  // A simple query ends a batch as well.
  sequence.send("P Q");
  sequence.reply("1 C ZI");
  CHECK(sequence.state() == "empty");
}

TEST_CASE("an error skips to the next Sync") {
  check({
      {"in Parse", "P B E S", "E ZI", "E ZI", "empty"},
      {"in Bind", "P B E S", "1 E ZI", "1 E ZI", "empty"},
      {"in Execute", "P B E E S", "1 2 D E ZE", "1 2 D E ZE", "empty"},
      {"in a query only the query", "Q Q", "E ZI C ZI", "E ZI C ZI", "empty"},
      {"in several statements", "Q", "C T D E ZI", "C T D E ZI", "empty"},
      {"of a Sync itself", "S", "E ZI", "E ZI", "empty"},  // a deferred constraint
      {"a function call", "F S", "E ZI ZI", "E ZI ZI", "empty"},
      {"only up to the first", "P B S P B S", "E ZI 1 2 ZI", "E ZI 1 2 ZI", "empty"},
      {"across several", "P S P S P S", "E ZI 1 ZI E ZI", "E ZI 1 ZI E ZI", "empty"},
      {"a query is skipped as well", "P Q S", "E ZI", "E ZI", "empty"},
      {"and a function call", "P F B S", "E ZI", "E ZI", "empty"},
      {"before the Sync is sent", "P B", "E", "E", "0/0 skipping"},
      {"commit fails after rows", "B E S", "2 D C E ZI", "2 D C E ZI", "empty"},
  });
}

TEST_CASE("what is sent behind an error without a Sync goes nowhere") {
  Sequence sequence;
  sequence.send("P");
  sequence.reply("E");
  sequence.send("B E Q F C c");
  CHECK(sequence.state() == "0/0 skipping");
  sequence.send("S");
  CHECK(sequence.state() == "1/1");
  CHECK(sequence.reply("ZI") == "ZI");
  CHECK(sequence.state() == "empty");
}

TEST_CASE("what pgsaba sent itself is swallowed") {
  check({
      {"settings", "~Q Q", "T D C ZI T C ZI", "- - - - T C ZI", "empty"},
      {"settings and what they report", "~Q Q", "S C ZI S C ZI", "- - - S C ZI", "empty"},
      {"a Parse in front", "~P B E S", "1 2 C ZI", "- 2 C ZI", "empty"},
      {"an eviction in front", "~C ~P B E S", "3 1 2 C ZI", "- - 2 C ZI", "empty"},
      {"between the client's own", "P ~P B S", "1 1 2 ZI", "1 - 2 ZI", "empty"},
      {"notifications are the client's", "~Q Q", "A C ZI", "A - -", "1/1"},
      {"nothing of it is owed", "~Q", "", "", "1/0"},
      {"its error is the client's", "~P B E S", "E ZI", "E ZI", "empty"},
      {"a failed command is not", "~Q Q", "E ZI", "- -", "1/1"},
      {"skipped with the client's", "P ~C ~P B S", "E ZI", "E ZI", "empty"},
      {"skipped over a Sync only up to it", "P ~P S ~P B S", "E ZI 1 2 ZI", "E ZI - 2 ZI", "empty"},
  });
}

TEST_CASE("what pgsaba answers itself comes in its turn") {
  check({
      {"behind a reply", "P =C S", "1 ZI", "1 =3 ZI", "empty"},
      {"several", "P =C =P =C S", "1 ZI", "1 =3 =1 =3 ZI", "empty"},
      {"between replies", "P =C B =P E S", "1 2 C ZI", "1 =3 2 =1 C ZI", "empty"},
      {"in the next batch", "P S =C S", "1 ZI ZI", "1 ZI =3 ZI", "empty"},
      {"behind a query", "Q =C S", "C ZI ZI", "C ZI =3 ZI", "empty"},
      {"behind what is swallowed", "~P =C B S", "1 2 ZI", "- =3 2 ZI", "empty"},
      {"skipped by an error", "P =C S", "E ZI", "E ZI", "empty"},
      {"skipped up to the Sync", "P =C S =C S", "E ZI ZI", "E ZI =3 ZI", "empty"},
      {"rows come before it", "E =C S", "D D C ZI", "D D C =3 ZI", "empty"},
      {"an end of a COPY in between", "P c =C S", "1 ZI", "1 =3 ZI", "empty"},
  });
}

TEST_CASE("an answer of ours that nothing precedes is due at once") {
  Sequence sequence;
  sequence.send("=C");
  CHECK(sequence.told() == "=3");
  CHECK(sequence.state() == "0/0");  // its Sync is to come
  sequence.send("=P S");
  CHECK(sequence.told() == "=1");
  CHECK(sequence.reply("ZI") == "ZI");
  CHECK(sequence.state() == "empty");
}

TEST_CASE("whatever comes for a message that was never sent is unexpected") {
  Sequence sequence;
  sequence.pipeline.expect({Request::kClose, Disposition::kSynthesize});
  CHECK(sequence.pipeline.reply('3').action == Pipeline::Action::kUnexpected);
  CHECK(sequence.pipeline.ready(TransactionStatus::kIdle).action == Pipeline::Action::kUnexpected);
}

TEST_CASE("skipped statements are told, others are not") {
  struct Skipped {
    std::string sent;
    std::string replies;
    std::string skipped;
  };
  for (const Skipped& row : std::vector<Skipped>{
           {"P+7 B7 E S", "E", "B7 P7"},
           {"P+7 S", "1 ZI", ""},
           {"P S", "E", "P0"},
           {"P ~P+7 B7 =C8 S P+9 S", "E", "C8 B7 P7 P0"},
           {"P+7 B7 S", "1 E", "B7"},
           {"Q P+7 S", "E ZI", ""},
       }) {
    CAPTURE(row.sent);
    Sequence sequence;
    sequence.send(row.sent);
    sequence.reply(row.replies);
    std::string expected = row.skipped;
    for (char& c : expected)
      if (c == 'B') c = 'P';  // sequence.h tells Close from the rest
    CHECK(sequence.skipped() == expected);
  }
  Sequence late;
  late.send("P");
  late.reply("E");
  late.send("P+7 =C8 B");
  CHECK(late.skipped() == "P0 P7 C8");
}

TEST_CASE("the ring grows and turns") {
  Sequence sequence;
  std::string sent;
  std::string expected;
  for (int round = 0; round < 5; ++round) {  // the head is never at the same place
    sequence.send("Q Q Q");
    sequence.reply("ZI ZI ZI");
    for (int i = 0; i < 20 * (round + 1); ++i) {
      sent += "P B E S ";
      expected += expected.empty() ? "1 2 C ZI" : " 1 2 C ZI";
    }
    sequence.send(sent);
    CHECK(sequence.pipeline.size() == sequence.pipeline.owed_ready() * 4);
    CHECK(sequence.reply(expected) == expected);
    CHECK(sequence.state() == "empty");
  }
}

TEST_CASE("a client may be so far ahead and no further") {
  Pipeline pipeline;
  for (std::size_t i = 0; i < Pipeline::kMaxEntries; ++i) {
    CHECK_FALSE(pipeline.full());
    pipeline.expect({Request::kSync});
  }
  CHECK(pipeline.full());
  CHECK(pipeline.owed_ready() == Pipeline::kMaxEntries);
  pipeline.ready(TransactionStatus::kIdle);
  CHECK_FALSE(pipeline.full());
}
