#include "pgsaba/wire/startup.h"

#include <doctest/doctest.h>

#include "unit/wire/frames.h"

using namespace pgsaba;
using namespace pgsaba::wire;
using namespace pgsaba::testing;

namespace {

constexpr std::uint32_t kSsl = 80877103;
constexpr std::uint32_t kGss = 80877104;
constexpr std::uint32_t kCancel = 80877102;

template <class Packet>
const Packet* cut(const std::string& input, std::optional<CutStartup>& holder) {
  holder = cut_startup(bytes_of(input));
  return holder ? std::get_if<Packet>(&holder->packet) : nullptr;
}

bool broken(const std::string& input) {
  std::optional<CutStartup> holder;
  return cut<BrokenStartup>(input, holder) != nullptr;
}

}  // namespace

TEST_CASE("a startup message") {
  for (const std::uint32_t version : {0x30000U, 0x30002U, 0x30000U + 9999}) {
    std::optional<CutStartup> holder;
    const std::string input =
        packet(version, zeros("user|saba|database||options|-c a=b|_pq_.x||user|second||"));
    const auto* startup = cut<StartupMessage>(input + "behind", holder);
    REQUIRE(startup != nullptr);
    CHECK(holder->consumed == input.size());
    CHECK(startup->version == version);
    CHECK(startup->major() == 3);
    CHECK(startup->minor() == (version & 0xffff));
    CHECK(startup->parameters == ParameterList{{"user", "saba"},
                                               {"database", ""},
                                               {"options", "-c a=b"},
                                               {"_pq_.x", ""},
                                               {"user", "second"}});
    REQUIRE(startup->find("user") != nullptr);
    CHECK(*startup->find("user") == "saba");
    CHECK(startup->find("absent") == nullptr);
  }
}

TEST_CASE("a startup message without parameters") {
  std::optional<CutStartup> holder;
  const auto* startup = cut<StartupMessage>(packet(kProtocol30, zeros("|")), holder);
  REQUIRE(startup != nullptr);
  CHECK(startup->parameters.empty());
}

TEST_CASE("other major versions are known by their number, whatever they contain") {
  for (const std::uint32_t version : {0x20000U, 0x40000U, 0x40001U, 0U, 0xffff0000U}) {
    std::optional<CutStartup> holder;
    const auto* startup = cut<StartupMessage>(packet(version, "no terminator"), holder);
    REQUIRE(startup != nullptr);
    CHECK(startup->version == version);
    CHECK(startup->parameters.empty());
  }
}

TEST_CASE("broken layouts") {
  for (const std::string layout : {"", "user|saba|", "user|saba", "user|", "user", "user|saba||x",
                                   "user|saba|||", "|user|saba||", "||"}) {
    CAPTURE(layout);
    CHECK(broken(packet(kProtocol30, zeros(layout))));
  }
}

TEST_CASE("lengths of the first packet") {
  CHECK_FALSE(cut_startup({}));
  CHECK_FALSE(cut_startup(bytes_of(std::string(3, '\0'))));
  for (const std::uint32_t length : {0U, 4U, 7U, 10'001U, 0x80000000U, 0xffffffffU}) {
    CAPTURE(length);
    CHECK(broken(be32(length)));
  }
  CHECK_FALSE(cut_startup(bytes_of(be32(8))));  // its code is still to come
  CHECK_FALSE(cut_startup(bytes_of(be32(10'000))));
  // "GET " of an HTTP client is a length, too.
  CHECK(broken("GET / HTTP/1.1\r\n"));

  std::string largest = zeros("user|");
  largest.append(10'000 - 8 - largest.size() - 2, 'x');
  largest += zeros("||");
  std::optional<CutStartup> holder;
  CHECK(cut<StartupMessage>(packet(kProtocol30, largest), holder) != nullptr);
  CHECK(broken(packet(kProtocol30, "x" + largest)));
}

TEST_CASE("encryption requests") {
  std::optional<CutStartup> holder;
  CHECK(cut<SslRequest>(packet(kSsl), holder) != nullptr);
  CHECK(holder->consumed == 8);
  CHECK(cut<SslRequest>(packet(kSsl) + "behind", holder) != nullptr);
  CHECK(holder->consumed == 8);
  CHECK(cut<GssRequest>(packet(kGss), holder) != nullptr);
  CHECK(broken(packet(kSsl, "x")));
  CHECK(broken(packet(kGss, "x")));
}

TEST_CASE("cancel requests") {
  for (const std::size_t secret_bytes : {4U, 16U, 32U, 255U, 256U}) {
    CAPTURE(secret_bytes);
    std::string secret(secret_bytes, '\xff');
    secret[1] = '\0';
    std::optional<CutStartup> holder;
    const std::string input = packet(kCancel, be32(0xfffffffe) + secret);
    const auto* cancel = cut<CancelRequest>(input, holder);
    REQUIRE(cancel != nullptr);
    CHECK(cancel->key == CancelKey{0xfffffffe, secret});
    CHECK(holder->consumed == input.size());
    std::string built;
    append_cancel_request(built, cancel->key);
    CHECK(built == input);
  }
  for (const std::size_t secret_bytes : {0U, 3U, 257U}) {
    CAPTURE(secret_bytes);
    CHECK(broken(packet(kCancel, be32(1) + std::string(secret_bytes, 'x'))));
  }
  CHECK(broken(packet(kCancel)));
}

TEST_CASE("no packet is cut before its last byte") {
  for (const std::string& input : {packet(kProtocol30, zeros("user|saba||")), packet(kSsl),
                                   packet(kCancel, be32(7) + "secret"), packet(0x20000, "old")}) {
    for (std::size_t have = 0; have < input.size(); ++have)
      CHECK_FALSE(cut_startup(bytes_of(input).first(have)));
    CHECK(cut_startup(bytes_of(input)));
  }
}

TEST_CASE("what is built is read back") {
  std::string built;
  const ParameterList parameters = {{"user", "saba"}, {"TimeZone", "Asia/Tokyo"}, {"empty", ""}};
  append_startup(built, kProtocol32, parameters);
  std::optional<CutStartup> holder;
  const auto* startup = cut<StartupMessage>(built, holder);
  REQUIRE(startup != nullptr);
  CHECK(startup->version == kProtocol32);
  CHECK(startup->parameters == parameters);
}
