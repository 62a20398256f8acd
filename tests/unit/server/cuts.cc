// Split invariance of a whole server connection: however its bytes are cut, its holder hears the
// same, in the same order.
#include <doctest/doctest.h>

#include <random>
#include <vector>

#include "pgsaba/server/server_connection.h"
#include "unit/server/fake_network.h"
#include "unit/wire/frames.h"

using namespace pgsaba;
using namespace pgsaba::server;
using namespace pgsaba::testing;

namespace {

// Everything that is told; where the order towards the bytes matters, with the place among them.
class Listener final : public LeaseHolder, public ServerOwner {
 public:
  std::string bytes;
  std::string events;
  std::string answer;  // to a question

  void server_sent(Bytes more) override { bytes += text_of(more); }
  void parameter_changed(std::string_view name, std::string_view value) override {
    event(std::string(name) + "=" + std::string(value));
  }
  void change_undone(std::uint32_t change) override { event("undone " + std::to_string(change)); }
  void statements_discarded() override { event("discarded"); }
  std::string statement_name(std::uint32_t) override { return "mine"; }
  void statement_outdated(std::uint32_t) override { event("outdated"); }
  void begun() override {}
  void begin_failed(const wire::ErrorFields&, Bytes) override {}
  void own_query_done() override {}
  void setting_done() override { event("setting"); }
  void answered(Bytes more) override { answer += text_of(more); }
  bool holds_ready() override { return false; }
  bool wants_notification(std::string_view) override { return true; }
  void answer_complete() override { event("answered"); }
  void server_ready() override { event("ready" + place()); }
  void server_lost(ServerConnection&, CloseReason reason, bool mid_frame) override {
    const std::string where = mid_frame ? "lost in a message: " : "lost: ";
    event(where + std::string(describe(reason)) + place());
  }
  bool accepts_bytes() const override { return true; }
  void server_drained() override {}
  void server_logged_in(ServerConnection&) override { event("logged in"); }
  void server_cleaned(ServerConnection&) override { event("cleaned"); }
  void server_closed(ServerConnection& server, CloseReason) override {
    event("closed");
    server.close();
  }

 private:
  std::string place() const { return " behind " + std::to_string(bytes.size()) + " bytes"; }
  void event(const std::string& what) { events += what + "\n"; }
};

struct Requests {
  const char* name;
  void (*send)(ServerConnection& server);
  std::string replies;
  bool ends;
};

const std::string query_frame = frame('Q', zeros("select|"));
const PreparedStatement statement_seven{7, zeros("select 7||") + '\0'};

void a_session(ServerConnection& server) {
  SettingsTable table;
  server.match(table.intern({{"a", "1"}}));
  server.forward(Request::kQuery, bytes_of(query_frame));
  server.need_statement(statement_seven, 10);
  server.forward(Request::kBind, bytes_of(frame('B', zeros("||||||||"))), 7);
  server.answer(Request::kClose, 9, 3);
  server.forward(Request::kSync, bytes_of(frame('S')));
}

std::string failing_session() {
  return frame('T', "x") + frame('D', "row") + frame('C', zeros("SELECT 1|")) + frame('Z', "I") +
         frame('N', zeros("Mn||")) + frame('T', "t") + frame('D', "a") +
         frame('S', zeros("TimeZone|UTC|")) + frame('D', "bc") + frame('C', zeros("SELECT 2|")) +
         frame('Z', "T") + frame('1') + frame('E', zeros("SERROR|C26000|M\"_pgsaba_7\" is odd||")) +
         frame('Z', "E");
}

std::string good_session() {
  return frame('C', zeros("SET|")) + frame('Z', "I") + frame('D', "row") +
         frame('C', zeros("DISCARD ALL|")) + frame('Z', "I") + frame('1') + frame('2') +
         frame('A', zeros("....c|p|")) + frame('Z', "I");
}

std::vector<Requests> conversations() {
  return {
      {"fails", a_session, failing_session(), false},
      {"succeeds", a_session, good_session(), false},
      {"dies", a_session, failing_session().substr(0, 90), true},
      {"dies of its own will", a_session,
       frame('C', zeros("SET|")) + frame('Z', "I") + frame('T', "t") + frame('D', "abc") +
           frame('E', zeros("SFATAL|C57P01|Mbye||")),
       true},
      {"talks nonsense", a_session,
       frame('C', zeros("SET|")) + frame('Z', "I") + frame('D', "row") + frame('1') +
           frame('D', "row"),
       false},
  };
}

std::string login() {
  return frame('R', be32(0)) + frame('S', zeros("a|b|")) + frame('K', be32(1) + "key!") +
         frame('Z', "I");
}

std::string hear(const Requests& conversation, const std::vector<std::size_t>& cuts) {
  FakeNetwork network;
  net::Turn turn(network);
  Listener listener;
  auth::ScramKeyDesk keys;
  auto target = std::make_shared<const ServerTarget>();
  {
    ServerConnection server(turn, listener, target, keys, 1);
    REQUIRE(server.open_connection({}, {}).ok());
    const net::Socket socket = server.socket();
    network.connected(socket);
    network.say(socket, login());
    run(turn);
    server.lend(listener);
    conversation.send(server);
    std::size_t from = 0;
    for (std::size_t i = 0; i <= cuts.size() && server.open(); ++i) {
      const std::size_t to = i < cuts.size() ? cuts[i] : conversation.replies.size();
      network.say(socket, std::string_view(conversation.replies).substr(from, to - from));
      run(turn);
      from = to;
    }
    if (conversation.ends && server.open()) {
      network.hang_up(socket);
      run(turn);
    }
  }
  return listener.events + listener.bytes;
}

}  // namespace

TEST_CASE("what the holder of a server hears") {
  const std::string failed = hear(conversations()[0], {});
  CHECK(failed.starts_with("logged in"));
  CHECK(failed.find("TimeZone=UTC") != std::string::npos);
  CHECK(failed.find("\"mine\" is odd") != std::string::npos);
  CHECK(failed.find("undone 3") != std::string::npos);
  CHECK(failed.find("SELECT 1") == std::string::npos);  // of a statement of ours
  const std::string good = hear(conversations()[1], {});
  CHECK(good.ends_with(std::string(wire::kCloseComplete) + frame('A', zeros("....c|p|")) +
                       frame('Z', "I")));
  CHECK(good.find("discarded") != std::string::npos);
  CHECK(hear(conversations()[2], {}).find("lost: server closed") != std::string::npos);
  CHECK(hear(conversations()[3], {}).find("lost: server ended") != std::string::npos);
  CHECK(hear(conversations()[4], {}).find("lost: server broke") != std::string::npos);
}

TEST_CASE("every pair of cuts") {
  for (const Requests& conversation : conversations()) {
    const std::string name = conversation.name;
    CAPTURE(name);
    const std::string expected = hear(conversation, {});
    for (std::size_t first = 0; first <= conversation.replies.size(); ++first)
      for (std::size_t second = first; second <= conversation.replies.size(); second += 3)
        REQUIRE(hear(conversation, {first, second}) == expected);
  }
}

TEST_CASE("a message that has begun to pass is cut off by the server's end") {
  Requests conversation{"large", a_session, {}, true};
  conversation.replies = frame('C', zeros("SET|")) + frame('Z', "I") + frame('T', "t") +
                         frame('D', std::string(100'000, 'x')).substr(0, 50'000);
  CHECK(hear(conversation, {}).find("lost in a message: ") != std::string::npos);
  // What nobody has seen is not missed: the half message of ours, and one that still lies here.
  conversation.replies = frame('T', std::string(100'000, 'x')).substr(0, 50'000);
  CHECK(hear(conversation, {}).find("lost: ") != std::string::npos);
  conversation.replies = frame('C', zeros("SET|")) + frame('Z', "I") + frame('T', "t").substr(0, 3);
  CHECK(hear(conversation, {}).find("lost: ") != std::string::npos);
}

TEST_CASE(
    "a large message that nobody may send, or of which the client hears otherwise, in any cut") {
  const std::string before = frame('C', zeros("SET|")) + frame('Z', "I");
  const std::string last_words[] = {
      frame('Z', std::string(40'000, 'I')), frame('V', std::string(40'000, 'v')),
      frame('E', zeros("SFATAL|C57P01|Mbye|D") + std::string(40'000, 'd') + zeros("||"))};
  for (const std::string& words : last_words) {
    const Requests conversation{"large", a_session, before + words, false};
    const std::string expected = hear(conversation, {});
    CHECK(expected.find("lost: ") != std::string::npos);
    for (std::size_t cut = 0; cut <= conversation.replies.size(); cut += 1 + cut / 9)
      CHECK(hear(conversation, {cut}) == expected);
    for (std::size_t cut = 32'700; cut <= 32'900; ++cut)
      REQUIRE(hear(conversation, {cut}) == expected);
  }
}

TEST_CASE("random cuts of large messages, forwarded and swallowed") {
  Requests conversation{"large", a_session, {}, false};
  conversation.replies = frame('T', std::string(50'000, 't')) +
                         frame('D', std::string(90'000, 'o')) + frame('C', zeros("SELECT 1|")) +
                         frame('Z', "I") + frame('T', "t") + frame('D', std::string(300'000, 'x')) +
                         frame('D', "s") + frame('D', std::string(40'000, 'y')) +
                         frame('N', std::string(70'000, 'n')) + frame('C', zeros("SELECT 3|")) +
                         frame('Z', "I") + frame('1') + frame('2') + frame('Z', "I");
  const std::string expected = hear(conversation, {});
  CHECK(expected.find(std::string(300'000, 'x')) != std::string::npos);
  CHECK(expected.find("oooo") == std::string::npos);
  std::minstd_rand random(3);
  for (int round = 0; round < 40; ++round) {
    std::vector<std::size_t> cuts;
    const std::size_t most = round % 2 == 0 ? 60'000 : 9'000;
    for (std::size_t at = random() % most; at < conversation.replies.size();
         at += 1 + random() % most)
      cuts.push_back(at);
    REQUIRE(hear(conversation, cuts) == expected);
  }
}
