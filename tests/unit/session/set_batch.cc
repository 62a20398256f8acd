#include "session/set_batch.h"

#include <doctest/doctest.h>

#include "pgsaba/wire/backend.h"
#include "pgsaba/wire/frame.h"

namespace pgsaba::session {
namespace {

using namespace std::string_literals;

std::string frame(char tag, const std::string& body) {
  std::string whole(1, tag);
  whole.append(4, '\0');
  store_be32(reinterpret_cast<std::uint8_t*>(whole.data()) + 1,
             static_cast<std::uint32_t>(body.size() + 4));
  return whole + body;
}

const std::string kParse = frame('P', "\0set a = b\0\0\0"s);
const std::string kDescribeStatement = frame('D', "S\0"s);
const std::string kBind = frame('B', "\0\0\0\0\0\0\0\0"s);
const std::string kDescribe = frame('D', "P\0"s);
const std::string kExecute = frame('E', "\0\0\0\0\0"s);
const std::string kSync = frame('S', "");
const std::string kDone = "C...";

}  // namespace

TEST_CASE("a batch in any of the forms of drivers") {
  const std::string least = kParse + kBind + kExecute + kSync;
  const auto plain = read_set_batch(bytes_of(least));
  REQUIRE(plain);
  CHECK(plain->text == "set a = b");
  CHECK(plain->answer(kDone) == frame('1', "") + frame('2', "") + kDone);
  const std::string all = kParse + kDescribeStatement + kBind + kDescribe + kExecute + kSync;
  const auto described = read_set_batch(bytes_of(all));
  REQUIRE(described);
  CHECK(described->answer(kDone) == frame('1', "") + frame('t', "\0\0"s) + frame('n', "") +
                                        frame('2', "") + frame('n', "") + kDone);
  const std::string formats = frame('B', "\0\0\0\0\0\0\0\1\0\1"s);  // of results, which are none
  CHECK(read_set_batch(bytes_of(kParse + formats + kExecute + kSync + "what follows")));
}

TEST_CASE("anything else is for a server") {
  const std::string named = frame('P', "s\0set a = b\0\0\0"s);
  const std::string typed = frame('P', "\0set a = b\0\0\1\0\0\0\27"s);
  const std::string valued = frame('B', "\0\0\0\0\0\1\0\0\0\1x\0\0"s);
  const std::string portal = frame('B', "p\0\0\0\0\0\0\0\0"s);
  const std::string other = frame('B', "\0s\0\0\0\0\0\0\0"s);
  for (const std::string& batch :
       {kParse + kBind + kExecute, kParse + kBind + kSync, kParse + kExecute + kSync,
        kBind + kExecute + kSync, kParse + kBind + kExecute + kExecute + kSync,
        kParse + kBind + kDescribe + kDescribe + kExecute + kSync, named + kBind + kExecute + kSync,
        typed + kBind + kExecute + kSync, kParse + valued + kExecute + kSync,
        kParse + portal + kExecute + kSync, kParse + other + kExecute + kSync,
        kParse + kBind + frame('E', "p\0\0\0\0\0"s) + kSync,
        kParse + kBind + kExecute + frame('H', "") + kSync, std::string()})
    CHECK_FALSE(read_set_batch(bytes_of(batch)));
  const std::string whole = kParse + kBind + kExecute + kSync;
  for (std::size_t cut = 0; cut < whole.size(); ++cut)
    CHECK_FALSE(read_set_batch(bytes_of(whole.substr(0, cut))));
}

}  // namespace pgsaba::session
