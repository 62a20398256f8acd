// What a server connection asks on its own account, beside what its client says: the frames sent
// are compared with those written by hand, and none of the replies may reach the client.
#include <doctest/doctest.h>

#include "pgsaba/server/server_connection.h"
#include "unit/server/fake_network.h"
#include "unit/wire/frames.h"

using namespace pgsaba;
using namespace pgsaba::server;
using namespace pgsaba::testing;

namespace {

class Listener final : public LeaseHolder, public ServerOwner {
 public:
  std::string bytes;    // for the client
  std::string answer;   // to a question
  std::string failure;  // of BEGIN
  int ready = 0;
  int begins = 0;
  int own_queries = 0;
  int answers = 0;
  int lost = 0;

  void server_sent(Bytes more) override { bytes += text_of(more); }
  void parameter_changed(std::string_view, std::string_view) override {}
  void change_undone(std::uint32_t) override {}
  void statements_discarded() override {}
  std::string statement_name(std::uint32_t) override { return {}; }
  void statement_outdated(std::uint32_t) override {}
  void begun() override { ++begins; }
  void begin_failed(const wire::ErrorFields&, Bytes frame) override { failure += text_of(frame); }
  void own_query_done() override { ++own_queries; }
  void setting_done() override {}
  void answered(Bytes more) override { answer += text_of(more); }
  bool holds_ready() override { return false; }
  bool wants_notification(std::string_view channel) override { return channel != "unwanted"; }
  void answer_complete() override { ++answers; }
  void server_ready() override { ++ready; }
  void server_lost(ServerConnection&, CloseReason, bool) override { ++lost; }
  bool accepts_bytes() const override { return true; }
  void server_drained() override {}
  void server_logged_in(ServerConnection&) override {}
  void server_cleaned(ServerConnection&) override {}
  void server_closed(ServerConnection& server, CloseReason) override { server.close(); }
};

// A server that has logged in and is lent.
struct Lease {
  FakeNetwork network;
  net::Turn turn{network};
  Listener listener;
  auth::ScramKeyDesk keys;
  ServerConnection server{turn, listener, std::make_shared<const ServerTarget>(), keys, 1};
  net::Socket socket = net::kNoSocket;

  Lease() {
    REQUIRE(server.open_connection({}, {}).ok());
    socket = server.socket();
    network.connected(socket);
    say(frame('R', be32(0)) + frame('K', be32(1) + "key!") + frame('Z', "I"));
    server.lend(listener);
    sent();
  }
  void say(std::string_view bytes) {
    network.say(socket, bytes);
    run(turn);
  }
  std::string sent() {
    run(turn);
    return network.sent(socket);
  }
};

std::string query(std::string_view sql) { return frame('Q', std::string(sql) + '\0'); }
std::string parse(std::string_view name, std::string_view rest) {
  return frame('P', std::string(name) + '\0' + std::string(rest));
}
std::string close(std::string_view name) { return frame('C', "S" + std::string(name) + '\0'); }

std::string begin(std::string_view sql) {
  return parse("", std::string(sql) + std::string(3, '\0')) +
         frame('B', std::string(2, '\0') + std::string(6, '\0')) + frame('E', std::string(5, '\0'));
}

const std::string rest_one = zeros("SELECT 1|") + zeros("||");
const std::string rest_two = zeros("SELECT 2|") + zeros("||");
const std::string selected = frame('C', zeros("SELECT 1|"));

}  // namespace

TEST_CASE("all of a question's answer goes to the holder, none of it to the client") {
  Lease lease;
  lease.server.ask("SELECT 'a'");
  CHECK(lease.sent() == query("SELECT 'a'"));
  const std::string rows = frame('T', "t") + frame('D', "row") + selected;
  lease.say(rows);
  CHECK(lease.listener.answers == 0);
  CHECK_FALSE(lease.server.at_rest());
  lease.say(frame('Z', "I"));
  CHECK(lease.listener.answer.starts_with(rows));
  CHECK(lease.listener.answers == 1);
  CHECK(lease.listener.bytes.empty());
  CHECK(lease.listener.ready == 0);
  CHECK(lease.server.at_rest());
}

TEST_CASE("a large row of an answer comes in parts") {
  Lease lease;
  lease.server.ask("SELECT 'a'");
  const std::string row = frame('D', std::string(100'000, 'x'));
  for (std::size_t at = 0; at < row.size(); at += 30'000)
    lease.say(std::string_view(row).substr(at, 30'000));
  lease.say(selected + frame('Z', "I"));
  CHECK(lease.listener.answer.starts_with(row + selected));
  CHECK(lease.listener.bytes.empty());
}

TEST_CASE("an error that answers a question is an answer; the server stays") {
  Lease lease;
  lease.server.ask("SELECT 'a'");
  const std::string error = frame('E', zeros("SERROR|C57014|Mno||"));
  lease.say(error + frame('Z', "I"));
  CHECK(lease.listener.answer.starts_with(error));
  CHECK(lease.listener.answers == 1);
  CHECK(lease.listener.lost == 0);
  CHECK(lease.listener.bytes.empty());
  CHECK_FALSE(lease.server.has_failed());  // of what the client says nothing has
}

TEST_CASE("a notification that the holder does not want is kept from it, wherever it is cut") {
  const auto notification = [](const std::string& channel) {
    return frame('A', be32(1) + channel + '\0' + std::string(7'900, 'x') + '\0');
  };
  const std::string unwanted = notification("unwanted");
  const std::string wanted = notification("wanted");
  for (std::size_t cut = 1; cut < unwanted.size(); cut += cut < 20 ? 1 : 1'000) {
    CAPTURE(cut);
    Lease lease;
    lease.server.forward(Request::kQuery, bytes_of(query("SELECT 1")));
    lease.say(unwanted.substr(0, cut));
    CHECK(lease.listener.bytes.empty());
    lease.say(unwanted.substr(cut) + wanted.substr(0, cut));
    lease.say(wanted.substr(cut) + selected + frame('Z', "I"));
    CHECK(lease.listener.bytes == wanted + selected + frame('Z', "I"));
  }
}

TEST_CASE("a statement that is refused fails in PostgreSQL, and the client reads why from pgsaba") {
  const std::string refused = "pgsaba refused this statement";
  const std::string syntax = frame('E', zeros("SERROR|C42601|Msyntax error||"));
  const wire::ErrorFields error{"ERROR", "53300", "no room"};
  std::string told;
  wire::append_error(told, 'E', error);
  Lease lease;
  lease.server.refuse(Request::kQuery, error);
  CHECK(lease.sent() == query(refused));
  lease.say(syntax + frame('Z', "E"));
  CHECK(lease.listener.bytes == told + frame('Z', "E"));
  CHECK(lease.listener.ready == 1);
  CHECK(lease.listener.lost == 0);
  lease.listener.bytes.clear();
  // In a batch, what is behind it is skipped up to the Sync; the next error is PostgreSQL's own.
  lease.server.refuse(Request::kParse, error);
  CHECK(lease.sent() == parse("", zeros((refused + "|||").c_str())));
  CHECK(lease.server.unnamed_owner() == 0);
  lease.say(syntax);
  CHECK(lease.server.pipeline().skipping());
  lease.server.forward(Request::kSync, bytes_of(frame('S')));
  lease.server.forward(Request::kQuery, bytes_of(query("x")));
  lease.say(frame('Z', "I") + syntax + frame('Z', "I"));
  CHECK(lease.listener.bytes == told + frame('Z', "I") + syntax + frame('Z', "I"));
}

TEST_CASE("a BEGIN that waited goes before the client's statement, and only that is answered") {
  Lease lease;
  lease.server.begin("BEGIN READ ONLY");
  const std::string own = query("SELECT 1");
  lease.server.forward(Request::kQuery, bytes_of(own));
  CHECK(lease.sent() == begin("BEGIN READ ONLY") + own);
  CHECK(lease.server.beginning());
  lease.say(frame('1') + frame('2') + frame('C', zeros("BEGIN|")));
  CHECK(lease.listener.begins == 1);
  CHECK_FALSE(lease.server.beginning());
  CHECK(lease.listener.bytes.empty());
  CHECK(lease.listener.ready == 0);
  lease.say(selected + frame('Z', "T"));
  CHECK(lease.listener.bytes == selected + frame('Z', "T"));
  CHECK(lease.listener.ready == 1);
  CHECK(lease.listener.answers == 0);
  CHECK(lease.server.pipeline().status() == wire::TransactionStatus::kInBlock);
}

TEST_CASE("of a BEGIN that fails the holder hears; what was sent behind it is answered to nobody") {
  const std::string error = frame('E', zeros("SERROR|C57014|Mno||"));
  const auto fails = [&](const char* what, auto&& send_first, const std::string& left_by) {
    CAPTURE(what);
    Lease lease;
    lease.server.begin("BEGIN");
    send_first(lease.server);
    lease.sent();
    lease.say(error);
    CHECK(lease.listener.failure == error);
    CHECK(lease.listener.lost == 0);
    lease.server.leave_batch();
    CHECK(lease.sent() == left_by);
    CHECK_FALSE(lease.server.at_rest());
    lease.say(frame('Z', "I"));
    CHECK(lease.server.at_rest());
    CHECK(lease.listener.bytes.empty());
    CHECK(lease.listener.ready == 0);
  };
  const auto forward = [](ServerConnection& server, Request request, const std::string& bytes) {
    server.forward(request, bytes_of(bytes));
  };
  // In the middle of a batch the server ignores a Query, too: it says nothing before a Sync.
  fails(
      "a query", [&](auto& server) { forward(server, Request::kQuery, query("SELECT 1")); },
      frame('S'));
  fails(
      "half a batch", [&](auto& server) { forward(server, Request::kParse, parse("", rest_one)); },
      frame('S'));
  fails(
      "a batch",
      [&](auto& server) {
        forward(server, Request::kParse, parse("", rest_one));
        forward(server, Request::kSync, frame('S'));
      },
      "");
}

TEST_CASE("what runs of pgsaba's own is told from what is the client's, and its end is told") {
  Lease lease;
  lease.server.serve(1);
  lease.server.serve(2);
  CHECK(lease.server.has_served_others(1));
  CHECK(lease.server.has_served_others(2));
  lease.server.forget_sequences(2);
  CHECK_FALSE(lease.server.has_served_others(2));
  lease.server.forward(Request::kQuery, bytes_of(query("SELECT 1")));
  CHECK(lease.server.runs_own_query());
  lease.say(frame('C', zeros("DISCARD SEQUENCES|")) + frame('Z', "I"));
  CHECK(lease.listener.own_queries == 1);
  CHECK_FALSE(lease.server.runs_own_query());
  lease.say(selected + frame('Z', "I"));
  CHECK(lease.listener.own_queries == 1);
}

TEST_CASE("the unnamed statement is parsed again for another owner only") {
  Lease lease;
  lease.server.need_unnamed(rest_one, 7);
  CHECK(lease.sent() == parse("", rest_one));
  lease.server.need_unnamed(rest_one, 7);
  CHECK(lease.sent().empty());
  lease.server.need_unnamed(rest_two, 8);
  CHECK(lease.sent() == parse("", rest_two));
  CHECK(lease.server.unnamed_owner() == 8);
  lease.server.forward(Request::kSync, bytes_of(frame('S')));
  lease.say(frame('1') + frame('1') + frame('Z', "I"));
  CHECK(lease.listener.bytes == frame('Z', "I"));
}

TEST_CASE("every query drops the unnamed statement, ours as well") {
  Lease lease;
  const auto is_gone_after = [&](const char* what, auto&& act) {
    CAPTURE(what);
    lease.server.unnamed_is(7);
    act();
    CHECK(lease.server.unnamed_owner() != 7);
  };
  is_gone_after("ask", [&] { lease.server.ask("SELECT"); });
  is_gone_after("forward",
                [&] { lease.server.forward(Request::kQuery, bytes_of(query("SELECT"))); });
}

TEST_CASE("the BEGIN that waited is nobody's unnamed statement, and is dropped before it is used") {
  Lease lease;
  lease.server.begin("BEGIN");
  lease.sent();
  CHECK(lease.server.unnamed_owner() != 0);
  lease.server.drop_unnamed();
  CHECK(lease.sent() == close(""));
}

TEST_CASE("nobody's unnamed statement need not be dropped, somebody's is") {
  Lease lease;
  lease.server.drop_unnamed();
  CHECK(lease.sent().empty());
  lease.server.unnamed_is(7);
  lease.server.drop_unnamed();
  CHECK(lease.sent() == close(""));
  CHECK(lease.server.unnamed_owner() == 0);
  lease.server.forward(Request::kSync, bytes_of(frame('S')));
  lease.say(frame('3') + frame('Z', "I"));
  CHECK(lease.listener.bytes == frame('Z', "I"));
}

TEST_CASE("the server has the names that are needed, each once") {
  Lease lease;
  const auto one = std::make_shared<const PreparedStatement>(1, rest_one);
  const auto two = std::make_shared<const PreparedStatement>(2, rest_two);
  const StatementsByName both{{"a", one}, {"b", two}};
  const StatementsByName other{{"b", one}};
  CHECK_FALSE(lease.server.need_names({}, {}));
  CHECK_FALSE(lease.server.need_names(both, {}));
  CHECK(lease.server.need_names(both, {{"b", two}}));
  CHECK(lease.sent() == parse("b", rest_two) + frame('S'));
  CHECK(lease.server.need_names(both, both));
  CHECK(lease.sent() == parse("a", rest_one) + frame('S'));
  CHECK_FALSE(lease.server.need_names(both, both));
  CHECK_FALSE(lease.server.need_names(both, {{"b", two}}));
  CHECK(lease.sent().empty());
  CHECK(lease.server.need_names(other, other));  // another statement by that name
  CHECK(lease.sent() == close("a") + close("b") + parse("b", rest_one) + frame('S'));
  one->edition.fetch_add(1);  // its plan is outdated
  CHECK(lease.server.need_names(other, other));
  CHECK(lease.sent() == close("b") + parse("b", rest_one) + frame('S'));
  CHECK(lease.server.need_names({}, {}));  // somebody else's
  CHECK(lease.sent() == close("b") + frame('S'));
  for (int i = 0; i < 2; ++i) lease.say(frame('1') + frame('Z', "I"));
  lease.say(frame('3') + frame('3') + frame('1') + frame('Z', "I"));
  lease.say(frame('3') + frame('1') + frame('Z', "I") + frame('3') + frame('Z', "I"));
  CHECK(lease.listener.bytes.empty());
  CHECK(lease.listener.ready == 0);
  CHECK(lease.server.at_rest());
}

TEST_CASE(
    "a name that is left to the server is the client's business, up to the end of the lease") {
  Lease lease;
  const auto one = std::make_shared<const PreparedStatement>(1, rest_one);
  const auto two = std::make_shared<const PreparedStatement>(2, rest_two);
  CHECK(lease.server.need_names({{"a", one}}, {{"a", one}}));
  CHECK(lease.server.holds_named("a", *one));
  CHECK_FALSE(lease.server.holds_named("a", *two));
  CHECK_FALSE(lease.server.is_left("a"));
  lease.server.leave_name("a");
  lease.server.leave_name("b");
  CHECK(lease.server.is_left("a"));
  CHECK_FALSE(lease.server.has_name("a"));
  lease.server.left_name_is_parsed("b");
  lease.server.leave_name("b");
  CHECK(lease.server.left_names() == ServerConnection::LeftNames{{"a", false}, {"b", true}});
  CHECK_FALSE(lease.server.need_names({}, {}));  // it is not closed
  SUBCASE("it has said what they are") {
    lease.server.names_are({{"a", two}});
    CHECK(lease.server.holds_named("a", *two));
  }
  SUBCASE("somebody else has it") {
    lease.say(frame('1') + frame('Z', "I"));
    lease.server.release();
    lease.server.lend(lease.listener);
  }
  CHECK(lease.server.left_names().empty());
}

TEST_CASE("what may make it forget everything is waited for") {
  Lease lease;
  const std::string all = query("deallocate all");
  const std::string some = parse("", rest_one);
  SUBCASE("a Query") {
    lease.server.may_forget_all();
    lease.server.forward(Request::kQuery, bytes_of(all));
    CHECK(lease.server.waits_to_forget());
    CHECK(lease.sent() == all);
    lease.say(frame('C', zeros("DEALLOCATE ALL|")));
    CHECK(lease.server.waits_to_forget());
    lease.say(frame('Z', "I"));
  }
  SUBCASE("in an open batch, which it is told to answer") {
    lease.server.forward(Request::kParse, bytes_of(some));
    lease.server.may_forget_all();
    CHECK(lease.server.waits_to_forget());
    CHECK(lease.server.waits_to_forget());
    CHECK(lease.sent() == some + frame('H'));
    lease.say(frame('1'));
  }
  SUBCASE("in a batch that has failed") {
    lease.server.forward(Request::kParse, bytes_of(some));
    lease.server.may_forget_all();
    CHECK(lease.server.waits_to_forget());
    lease.say(frame('E', zeros("SERROR|C42601|Mx||")));
  }
  CHECK_FALSE(lease.server.waits_to_forget());
}

TEST_CASE("inside of a batch names are made without a Sync") {
  Lease lease;
  const auto one = std::make_shared<const PreparedStatement>(1, rest_one);
  const std::string own = parse("", rest_two);
  lease.server.forward(Request::kParse, bytes_of(own));
  CHECK(lease.server.need_names({{"a", one}}, {{"a", one}}));
  CHECK(lease.sent() == own + parse("a", rest_one));
  const std::string error = zeros("SERROR|C42P01|Mgone|");
  lease.say(frame('1') + frame('E', error + zeros("P15||")));
  CHECK(lease.listener.bytes == frame('1') + frame('E', error + zeros("|")));
  CHECK_FALSE(lease.server.has_name("a"));
}

TEST_CASE("a name that cannot be made fails what needs it, with its own error") {
  struct Row {
    const char* fails_with;
    bool told;
  };
  for (const Row row : {Row{"26000", true}, Row{"25P02", true}, Row{"22012", false}}) {
    CAPTURE(row.fails_with);
    Lease lease;
    const auto one = std::make_shared<const PreparedStatement>(1, rest_one);
    const auto two = std::make_shared<const PreparedStatement>(2, rest_two);
    const StatementsByName both{{"a", one}, {"b", two}};
    CHECK(lease.server.need_names(both, both));
    lease.server.forward(Request::kQuery, bytes_of(query("EXECUTE a")));
    const std::string gone = zeros("SERROR|C42P01|Mgone||");
    const std::string error = frame('E', zeros("SERROR|") + "C" + row.fails_with + zeros("|Mx||"));
    lease.say(frame('E', gone) + frame('Z', "I") + frame('1') + frame('Z', "I"));
    CHECK(lease.listener.bytes.empty());
    lease.say(error + frame('Z', "I"));
    CHECK(lease.listener.bytes == (row.told ? frame('E', gone) : error) + frame('Z', "I"));
    CHECK_FALSE(lease.server.has_name("a"));
    CHECK(lease.server.has_name("b"));
    CHECK(lease.server.at_rest());
  }
}

TEST_CASE("what the server itself says that it has is believed") {
  Lease lease;
  const auto one = std::make_shared<const PreparedStatement>(1, rest_one);
  lease.server.names_are({{"a", one}, {"odd", nullptr}});
  CHECK(lease.server.need_names({{"a", one}}, {{"a", one}}));
  CHECK(lease.sent() == close("odd") + frame('S'));
  CHECK_FALSE(lease.server.need_names({{"a", one}}, {{"a", one}}));
}
