#include "pgsaba/base/buffer.h"

#include <doctest/doctest.h>

#include <random>
#include <string>

using namespace pgsaba;

namespace {

std::string content(const Buffer& buffer) { return std::string(text_of(buffer.view())); }

}  // namespace

TEST_CASE("a new buffer holds nothing, not even a block") {
  Buffer buffer;
  CHECK(buffer.empty());
  CHECK(buffer.size() == 0);
  CHECK(buffer.view().empty());
}

TEST_CASE("first in, first out") {
  BufferPool pool;
  Buffer buffer;
  buffer.append(pool, bytes_of("abc"));
  buffer.append(pool, bytes_of("def"));
  CHECK(content(buffer) == "abcdef");
  buffer.consume(pool, 2);
  CHECK(content(buffer) == "cdef");
  buffer.append(pool, {});
  buffer.consume(pool, 0);
  CHECK(content(buffer) == "cdef");
  buffer.consume(pool, 4);
  CHECK(buffer.empty());
  buffer.append(pool, bytes_of("g"));
  CHECK(content(buffer) == "g");
  buffer.clear(pool);
  buffer.clear(pool);
  CHECK(buffer.empty());
}

TEST_CASE("reserved room becomes content when it is committed") {
  BufferPool pool;
  Buffer buffer;
  buffer.append(pool, bytes_of("ab"));
  std::uint8_t* room = buffer.reserve(pool, 10);
  for (int i = 0; i < 10; ++i) room[i] = static_cast<std::uint8_t>('c' + i);
  CHECK(content(buffer) == "ab");
  buffer.commit(3);
  CHECK(content(buffer) == "abcde");
  buffer.clear(pool);
}

TEST_CASE("an emptied buffer's block serves the next one") {
  BufferPool pool;
  Buffer first;
  first.append(pool, bytes_of("abc"));
  const std::uint8_t* block = first.view().data();
  first.consume(pool, 3);
  Buffer second;
  second.append(pool, bytes_of("def"));
  CHECK(second.view().data() == block);
  second.clear(pool);
}

TEST_CASE("blocks come in classes and are kept") {
  BufferPool pool;
  for (const std::size_t wanted : {1U, 4'096U, 4'097U, 65'536U, 262'144U, 262'145U, 9'000'000U}) {
    CAPTURE(wanted);
    const BufferPool::Block block = pool.take(wanted);
    CHECK(block.capacity >= wanted);
    const std::uint8_t* data = block.data;
    pool.give(block);
    const BufferPool::Block again = pool.take(wanted);
    if (wanted <= 262'144) CHECK(again.data == data);
    pool.give(again);
  }
}

TEST_CASE("a buffer that is read as fast as it is written does not grow") {
  BufferPool pool;
  Buffer buffer;
  buffer.append(pool, bytes_of(std::string(1'000, 'x')));
  for (int i = 0; i < 10'000; ++i) {
    buffer.append(pool, bytes_of("y"));
    buffer.consume(pool, 1);
  }
  CHECK(buffer.size() == 1'000);
  const BufferPool::Block block = pool.take(4'096);  // still of the smallest class
  pool.give(block);
  buffer.append(pool, bytes_of(std::string(3'000, 'z')));
  CHECK(buffer.size() == 4'000);
  CHECK(content(buffer) == std::string(1'000, 'y') + std::string(3'000, 'z'));
  buffer.clear(pool);
}

TEST_CASE("any sequence of appends and consumes keeps the bytes in order") {
  BufferPool pool;
  Buffer buffer;
  std::string expected;
  std::minstd_rand random(7);
  for (int i = 0; i < 3'000; ++i) {
    if (random() % 2 == 0) {
      const std::size_t most = random() % 50 == 0 ? 400'000 : 3'000;
      const std::string more(random() % most, static_cast<char>('a' + i % 26));
      buffer.append(pool, bytes_of(more));
      expected += more;
    } else {
      const std::size_t less =
          random() % 3 == 0 ? expected.size() : random() % (expected.size() + 1);
      buffer.consume(pool, less);
      expected.erase(0, less);
    }
    REQUIRE(buffer.size() == expected.size());
    if (i % 16 == 0) REQUIRE(content(buffer) == expected);
  }
  buffer.clear(pool);
}
