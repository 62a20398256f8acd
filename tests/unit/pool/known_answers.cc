#include "pgsaba/pool/known_answers.h"

#include <doctest/doctest.h>

using namespace pgsaba;
using namespace pgsaba::pool;

TEST_CASE("the same words in the same session have the same answer") {
  server::SettingsTable table;
  const server::SettingsRef tokyo = table.intern({{"timezone", "Asia/Tokyo"}});
  KnownAnswers answers;
  CHECK(answers.find(nullptr, "show timezone") == nullptr);
  answers.learn(tokyo, "show timezone", {"tokyo", {}, tokyo});
  answers.learn(nullptr, "set timezone to 'Asia/Tokyo'",
                {"set", {{"TimeZone", "Asia/Tokyo"}}, tokyo});
  CHECK(answers.find(nullptr, "show timezone") == nullptr);
  CHECK(answers.find(tokyo, "show time zone") == nullptr);
  REQUIRE(answers.find(tokyo, "show timezone") != nullptr);
  CHECK(answers.find(tokyo, "show timezone")->frames == "tokyo");
  CHECK(answers.find(nullptr, "set timezone to 'Asia/Tokyo'")->after == tokyo);
  answers.learn(tokyo, "show timezone", {"later", {}, tokyo});
  CHECK(answers.find(tokyo, "show timezone")->frames == "later");
  answers.forget_all();
  CHECK(answers.find(tokyo, "show timezone") == nullptr);
}

TEST_CASE("the table of answers is bounded") {
  KnownAnswers answers;
  for (std::size_t i = 0; i < 10 * KnownAnswers::kMost; ++i) {
    const std::string text = "set application_name to '" + std::to_string(i) + "'";
    answers.learn(nullptr, text, {"set", {}, nullptr});
    REQUIRE(answers.find(nullptr, text) != nullptr);
    REQUIRE(answers.size() <= KnownAnswers::kMost);
  }
  const std::string text(KnownAnswers::kLongestText + 1, ' ');
  answers.learn(nullptr, text, {"set", {}, nullptr});
  CHECK(answers.find(nullptr, text) == nullptr);
}
