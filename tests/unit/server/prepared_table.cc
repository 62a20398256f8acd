#include "pgsaba/server/prepared_table.h"

#include <doctest/doctest.h>
#include <malloc.h>

#include <string>
#include <thread>
#include <vector>

using namespace pgsaba::server;

namespace {

std::vector<std::uint32_t> latest(PreparedTable& table, std::size_t most) {
  std::vector<std::uint32_t> ids;
  table.visit_latest(most,
                     [&](const PreparedStatement& one, std::size_t) { ids.push_back(one.id); });
  return ids;
}

}  // namespace

TEST_CASE("equal texts are one statement") {
  PreparedTable table;
  const std::string text("select 1\0\0\0", 11);
  const PreparedRef one = table.intern(text);
  CHECK(one->id != 0);
  CHECK(one->rest == text);
  CHECK(one->query() == "select 1");
  CHECK(table.intern(text) == one);
  // The types of its parameters belong to it.
  const PreparedRef typed = table.intern(std::string("select 1\0\0\1\0\0\0\x17", 15));
  CHECK(typed != one);
  CHECK(typed->id != one->id);
  CHECK(table.size() == 2);
}

TEST_CASE(
    "a text that nobody uses is found again while there is room, and ids never mean another") {
  PreparedTable table;
  table.limit(100'000);
  const PreparedRef kept = table.intern("kept");
  std::uint32_t last = kept->id;
  for (int i = 0; i < 10'000; ++i) {
    const PreparedRef next = table.intern("text " + std::to_string(i));
    REQUIRE(next);
    REQUIRE(next->id > last);
    last = next->id;
  }
  CHECK(table.memory().bytes() <= 100'000);
  CHECK(table.size() > 100);
  CHECK(table.memory().unused_texts == table.size() - 1);
  CHECK(table.intern("text 9999")->id == last);
  CHECK(table.intern("kept") == kept);
  CHECK(table.intern("text 0")->id > last);
  CHECK(table.memory().refused == 0);
}

TEST_CASE("those unused the longest make room") {
  PreparedTable table;
  const std::uint32_t first = table.intern("first")->id;
  const std::uint32_t second = table.intern("second")->id;
  CHECK(table.intern("first")->id == first);
  table.limit(table.memory().bytes() - 1);
  CHECK(table.size() == 1);
  CHECK(table.intern("first")->id == first);
  CHECK(table.intern("second")->id > second);
}

TEST_CASE("what somebody uses is never forgotten: a new text is refused") {
  PreparedTable table;
  table.limit(10'000);
  std::vector<PreparedRef> used;
  while (const PreparedRef next = table.intern("text " + std::to_string(used.size())))
    used.push_back(next);
  CHECK(used.size() > 10);
  CHECK(table.memory().refused == 1);
  CHECK(table.memory().bytes() <= 10'000);
  table.limit(20'000);
  for (std::size_t i = 0; i < used.size(); ++i)
    CHECK(table.intern("text " + std::to_string(i)) == used[i]);
  table.limit(10'000);
  used.pop_back();
  CHECK(table.intern("another"));
  // A lower limit takes nothing away, and a higher one gives.
  table.limit(1);
  CHECK(table.size() == used.size());
  CHECK_FALSE(table.intern("text 0"));
  table.limit(0);
  CHECK(table.intern("text 0") == used[0]);
}

TEST_CASE("names take room as well") {
  PreparedTable table;
  table.limit(10'000);
  const PreparedRef text = table.intern("text");
  std::vector<std::string> names;
  while (table.intern("text", "name")) {
    table.hold(names.emplace_back("name"), *text);
    REQUIRE(names.size() < 1'000);
  }
  CHECK(text->names == names.size());
  CHECK(table.memory().bytes() <= 10'000);
  CHECK_FALSE(table.intern("another"));
  for (const std::string& name : names) table.drop(name, *text);
  CHECK(table.memory().name_bytes == 0);
  // An unused text does not make room for its own name.
  PreparedTable small;
  const std::uint32_t id = small.intern("text")->id;
  small.limit(small.memory().bytes());
  CHECK_FALSE(small.intern("text", "name"));
  CHECK(small.memory().unused_texts == 1);
  small.limit(0);
  CHECK(small.intern("text", "name")->id == id);
}

TEST_CASE("those parsed last come first") {
  PreparedTable table;
  const PreparedRef one = table.intern("one");
  const PreparedRef two = table.intern("two");
  table.intern("one");
  CHECK(latest(table, 10) == std::vector{one->id, two->id});
  CHECK(latest(table, 1) == std::vector{one->id});
}

// A thousand clients of a thousand statements each, none of them the same: what is counted is what
// the allocator has really given, so that the bound holds for the process.
TEST_CASE("the memory that is counted is the memory that is used") {
  constexpr std::size_t kLimit = 64UL * 1024 * 1024;
  constexpr int kClients = 1'000;
  constexpr int kStatements = 1'000;
  PreparedTable table;
  table.limit(kLimit);
  std::vector<std::unordered_map<std::string, PreparedRef>> clients(kClients);
  const std::size_t before = mallinfo2().uordblks;
  std::size_t prepared = 0;
  for (int statement = 0; statement < kStatements; ++statement) {
    const std::string name = "a" + std::to_string(statement);
    for (int client = 0; client < kClients; ++client) {
      const std::string text = "select * from statuses where account_id = $1 /* " +
                               std::to_string(client) + " " + name + " */";
      const PreparedRef one = table.intern(text, name);
      if (!one) continue;
      clients[static_cast<std::size_t>(client)].emplace(name, one);
      table.hold(name, *one);
      ++prepared;
    }
  }
  const std::size_t used = mallinfo2().uordblks - before;
  const PreparedMemory memory = table.memory();
  CHECK(prepared + memory.refused == static_cast<std::size_t>(kClients) * kStatements);
  CHECK(memory.refused > 0);
  CHECK(memory.bytes() <= kLimit);
  CHECK(memory.bytes() > kLimit * 9 / 10);
  MESSAGE("counted ", memory.bytes(), ", allocated ", used, " for ", prepared, " statements");
  const bool told = used > 1'000;  // sanitizers' allocators do not
  CHECK((!told || used < memory.bytes() + memory.bytes() / 10));
  CHECK((!told || used > memory.bytes() / 2));
}

TEST_CASE("threads that prepare and forget the same texts") {
  PreparedTable table;
  table.limit(4'000);
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([&table, thread] {
      std::vector<PreparedRef> mine(3);
      for (int i = 0; i < 20'000; ++i) {
        const std::string text = "text " + std::to_string((i * (thread + 3)) % 7);
        PreparedRef one = table.intern(text, "name");
        if (one && one->rest != text) std::abort();
        mine[static_cast<std::size_t>(i) % mine.size()] = std::move(one);
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(table.memory().unused_texts == table.size());
  CHECK(table.memory().bytes() <= 4'000);
}
