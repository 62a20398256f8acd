#include <doctest/doctest.h>

#include "control/admin/tables.h"

using namespace pgsaba;
using namespace pgsaba::admin;

namespace {

stats::ClientRow client(std::uint64_t id, stats::ClientState state, std::string user = "web") {
  stats::ClientRow row;
  row.id = row.ptr = id;
  row.state = state;
  row.user = std::move(user);
  row.database = "shop";
  row.peer_address = "10.0.0.9";
  row.peer_port = static_cast<std::uint16_t>(40'000 + id);
  row.application_name = "app-" + std::to_string(id);
  return row;
}

stats::ClientRow holder(std::uint64_t id, Micros request_time) {
  stats::ClientRow row = client(id, stats::ClientState::kActive);
  row.link = 900 + id;
  row.request_time = request_time;
  return row;
}

stats::ClientRow waiter(std::uint64_t id, Micros wait_us, std::string user = "web") {
  stats::ClientRow row = client(id, stats::ClientState::kWaiting, std::move(user));
  row.wait_us = wait_us;
  row.reason = "waits for a server connection";
  return row;
}

}  // namespace

TEST_CASE("whoever waits is shown with who holds what it waits for, over all workers") {
  ConsolePicture picture;
  picture.workers.resize(2);
  picture.workers[0].time = picture.workers[1].time = 100 * kSecond;
  picture.workers[0].clients = {waiter(1, 2 * kSecond), holder(2, 99 * kSecond),
                                waiter(3, 5 * kSecond)};
  picture.workers[1].clients = {holder(4, 40 * kSecond), waiter(5, kSecond, "nobody else"),
                                client(6, stats::ClientState::kActive)};
  picture.workers[1].clients[0].reason = "pinned: advisory locks";
  const ResultTable table = build_table(Subject::kWaits, picture);
  REQUIRE(table.rows.size() == 3);
  const auto& first = table.rows[0];
  REQUIRE(first.size() == table.columns.size());
  CHECK(first[0] == "3");
  CHECK(first[5] == "waits for a server connection");
  CHECK(first[7] == "5000000");
  CHECK(first[8] == "4, 2");
  CHECK(first[9] == "app-4");
  CHECK(first[10] == "10.0.0.9:40004");
  CHECK(first[11] == "pinned: advisory locks");
  CHECK(first[12] == "60000000");
  CHECK(table.rows[1][0] == "1");
  const auto& alone = table.rows[2];
  REQUIRE(alone.size() == table.columns.size());
  CHECK(alone[0] == "5");
  CHECK(!alone[8]);
}

TEST_CASE("of many holders the first are named") {
  ConsolePicture picture;
  picture.workers.resize(1);
  picture.workers[0].clients = {waiter(1, kSecond)};
  for (std::uint64_t id = 2; id < 10; ++id)
    picture.workers[0].clients.push_back(holder(id, static_cast<Micros>(id)));
  CHECK(build_table(Subject::kWaits, picture).rows[0][8] == "2, 3, 4, 5, 6 and 3 more");
}
