#include "pgsaba/worker/client_number.h"

#include <doctest/doctest.h>

#include "pgsaba/wire/cancel_key.h"

using namespace pgsaba;
using namespace pgsaba::worker;

TEST_CASE("without a peer_id the key has the client's number") {
  for (const std::uint32_t client : {1U, 0x1ffffffU, 63U << 25 | 5U}) {
    CHECK(key_pid_of(client, 0) == client);
    CHECK(worker_of_key(client, 0) == worker_of(client));
  }
}

TEST_CASE("with one it tells peer, worker and the number's end, and is no negative int4") {
  for (const std::uint32_t peer : {1U, 64U, config::kMostPeers}) {
    for (const std::uint32_t worker : {0U, 1U, 63U}) {
      for (const std::uint32_t number : {1U, 0x3ffffU, 0x40000U, kSequenceMask}) {
        const std::uint32_t pid = key_pid_of(worker << kWorkerShift | number, peer);
        CHECK(peer_of_key(pid) == peer);
        CHECK(worker_of_key(pid, peer) == worker);
        CHECK((pid & kKeySequenceMask) == (number & kKeySequenceMask));
        CHECK(pid < 1U << 31);
      }
    }
  }
}

TEST_CASE("no client has the number of a process, and after the last comes the first") {
  constexpr std::uint32_t kMostProcesses = 1U << 22;
  CHECK(sequence_after(0) == kMostProcesses);
  CHECK(sequence_after(kMostProcesses) == kMostProcesses + 1);
  CHECK(sequence_after(kSequenceMask - 1) == kSequenceMask);
  CHECK(sequence_after(kSequenceMask) == kMostProcesses);
}

TEST_CASE("a forwarded request is told by its length, and is the same without the mark") {
  for (const std::size_t size : {4U, 16U}) {
    const wire::CancelKey key{7, std::string(size, 'F')};
    CHECK_FALSE(wire::without_forwarded_mark(key));
    const auto back = wire::without_forwarded_mark(wire::marked_as_forwarded(key));
    REQUIRE(back);
    CHECK(*back == key);
  }
  CHECK_FALSE(wire::without_forwarded_mark({7, "abcde"}));
}
