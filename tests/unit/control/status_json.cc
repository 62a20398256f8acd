#include "control/status_json.h"

#include <doctest/doctest.h>

using namespace pgsaba;
using namespace pgsaba::control;

namespace {

admin::TopologyRow standby(std::string name, std::optional<Micros> lag) {
  admin::TopologyRow row;
  row.cluster = "rdb";
  row.server = std::move(name);
  row.role = "standby";
  row.lag_us = lag;
  return row;
}

}  // namespace

TEST_CASE("lines of lag: as many points as there is room for, of servers that are there") {
  LagLines lags;
  for (std::size_t i = 0; i < LagLines::kPoints + 10; ++i)
    lags.record({standby("old", static_cast<Micros>(i)), standby("gone", std::nullopt)});
  lags.record({standby("old", std::nullopt), standby("new", 7)});
  REQUIRE(lags.lines().size() == 2);
  const auto& old = lags.lines().at({"rdb", "old"});
  REQUIRE(old.size() == LagLines::kPoints);
  CHECK(old.front() == 11);
  CHECK(old.back() == std::nullopt);
  CHECK(lags.lines().at({"rdb", "new"}) == LagLines::Points{7});
}

TEST_CASE("the console's tables as JSON, whatever is in them") {
  admin::ConsolePicture picture;
  picture.version = "0.1.0";
  picture.topology = {standby("a \"b\"\n", 5)};
  LagLines lags;
  lags.record(picture.topology);
  lags.record({standby("a \"b\"\n", std::nullopt)});
  const std::string text = status_json(picture, lags, 42, false);
  CHECK(text.starts_with(R"({"version":"0.1.0","state":"active","time":42,"topology":[{)"));
  CHECK(text.find(R"("server":"a \"b\"\n","host":null,"port":5432)") != std::string::npos);
  CHECK(text.find(R"("points":[5,null])") != std::string::npos);
  CHECK(text.find("waits") == std::string::npos);
  CHECK(status_json(picture, lags, 42, true).find(R"("waits":[])") != std::string::npos);
}
