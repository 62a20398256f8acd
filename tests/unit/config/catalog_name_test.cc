#include "pgsaba/config/catalog_name.h"

#include <doctest/doctest.h>

#include <string>

using namespace pgsaba::config;

namespace {

std::string read(std::string_view text) {
  const auto name = read_catalog_name(text);
  return name ? name->schema + "|" + name->name : "none";
}

}  // namespace

TEST_CASE("names as they are written in SQL") {
  CHECK(read("area") == "|area");
  CHECK(read("Area_2$") == "|area_2$");
  CHECK(read("App.Area") == "app|area");
  CHECK(read("\"Area\"") == "|Area");
  CHECK(read("app.\"The \"\"Area\"\"\"") == "app|The \"Area\"");
  CHECK(read("\"a.b\".c") == "a.b|c");
  CHECK(read("\xe9tat") == "|\xe9tat");
  CHECK(read(std::string(63, 'a')) == "|" + std::string(63, 'a'));
}

TEST_CASE("what is no name") {
  for (const char* text : {"", " ", "area()", "a b", "a.", ".a", "a..b", "a.b.c", "\"a", "\"\"",
                           "1a", "$a", "a;", "\"a\"b", "a.\"\""}) {
    CAPTURE(text);
    CHECK(read(text) == "none");
  }
  CHECK(read(std::string(64, 'a')) == "none");
}
