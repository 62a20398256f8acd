#include "pgsaba/routing/causal_clock.h"

#include <doctest/doctest.h>

using namespace pgsaba::routing;

TEST_CASE("a look that began after a write proves the write, an earlier one does not") {
  CausalClock clock;
  const Epoch early_look = clock.tick();
  const Epoch write = clock.tick();
  const Epoch look = clock.tick();
  CHECK(clock.now() == look);

  CHECK(clock.became_fresh(3, clock.life(3), early_look));
  CHECK_FALSE(clock.fresh_for(3) > write);
  CHECK(clock.became_fresh(3, clock.life(3), look));
  CHECK(clock.fresh_for(3) > write);
  CHECK(clock.fresh_for(2) == 0);
}

TEST_CASE("answers that come late take nothing back") {
  CausalClock clock;
  clock.became_fresh(0, clock.life(0), 7);
  CHECK(clock.became_fresh(0, clock.life(0), 5));
  CHECK(clock.fresh_for(0) == 7);
}

TEST_CASE("what a server proved in an earlier life counts for nothing") {
  CausalClock clock;
  const std::uint32_t life = clock.life(1);
  clock.became_fresh(1, life, 7);
  clock.forget(1);
  CHECK(clock.fresh_for(1) == 0);
  CHECK_FALSE(clock.became_fresh(1, life, 9));
  CHECK(clock.fresh_for(1) == 0);
  CHECK(clock.became_fresh(1, clock.life(1), 9));
  CHECK(clock.fresh_for(1) == 9);
}

TEST_CASE("lives are counted around") {
  CausalClock clock;
  clock.became_fresh(1, clock.life(1), 7);
  for (int i = 0; i < 65'536; ++i) clock.forget(1);
  CHECK(clock.life(1) == 0);
  CHECK(clock.fresh_for(1) == 0);
}

TEST_CASE("the one who looks is told once per look, and only if none serves that has begun") {
  CausalClock clock;
  const Epoch write = clock.tick();
  CHECK(clock.want(write));
  CHECK_FALSE(clock.want(write));
  const Epoch look = clock.begin_look();
  CHECK(look > write);
  CHECK_FALSE(clock.want(write));
  CHECK(clock.want(look));  // what was seen since
  const Epoch next = clock.tick();
  CHECK_FALSE(clock.want(next));
  CHECK(clock.begin_look() > next);
  CHECK_FALSE(clock.want(next));
  clock.look_failed();
  CHECK(clock.want(next));
  clock.look_failed();
  CHECK(clock.want(next));
}

TEST_CASE("who waits is known by worker") {
  CausalClock clock;
  clock.set_waiting(0, true);
  clock.set_waiting(63, true);
  CHECK(clock.waiting_workers() == (std::uint64_t{1} | std::uint64_t{1} << 63));
  clock.set_waiting(0, false);
  CHECK(clock.waiting_workers() == std::uint64_t{1} << 63);
}

TEST_CASE("entries for one database of one cluster share its clock") {
  CausalBook book;
  CHECK(book.cluster("rdb") == book.cluster("rdb"));
  CHECK(book.cluster("rdb") != book.cluster("other"));
  const auto clock = book.database("rdb", "mastodon");
  CHECK(clock == book.database("rdb", "mastodon"));
  CHECK(clock != book.database("rdb", "other"));
  CHECK(clock != book.database("other", "mastodon"));
  clock->wrote(5);
  clock->wrote(3);
  CHECK(clock->last_write() == 5);
}
