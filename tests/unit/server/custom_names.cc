#include "pgsaba/server/custom_names.h"

#include <doctest/doctest.h>

namespace pgsaba::server {
namespace {

using Names = std::vector<std::string>;

Names numbered(const std::string& prefix, std::size_t count) {
  Names names;
  for (std::size_t n = 0; n < count; ++n) names.push_back(prefix + std::to_string(n));
  return names;
}

}  // namespace

TEST_CASE("names of statements and catalogues are one list, each once") {
  CustomNames names;
  CHECK(names.all()->empty());
  names.learn("b.two");
  names.learn("a.one");
  names.learn("b.two");
  CHECK(names.found("main/shop", {"c.three", "a.one", "c.three"}));
  CHECK(*names.all() == Names{"a.one", "b.two", "c.three"});
}

TEST_CASE("a database's names replace those it had before, and no others") {
  CustomNames names;
  names.learn("a.one");
  names.found("main/shop", {"a.one", "b.two"});
  names.found("main/other", {"b.two", "d.four"});
  names.found("main/shop", {"c.three"});
  CHECK(*names.all() == Names{"a.one", "b.two", "c.three", "d.four"});
}

TEST_CASE("a list that somebody holds does not change") {
  CustomNames names;
  names.learn("a.one");
  const CustomNames::List before = names.all();
  names.learn("b.two");
  CHECK(*before == Names{"a.one"});
}

TEST_CASE("there is a bound for each source, which does not touch the other") {
  CustomNames names;
  for (const std::string& name : numbered("said.n", 2 * CustomNames::kMost)) names.learn(name);
  CHECK(names.all()->size() == CustomNames::kMost);
  CHECK_FALSE(names.found("main/shop", numbered("found.n", CustomNames::kMost + 1)));
  CHECK(names.all()->size() == 2 * CustomNames::kMost);
  // What another database mentions already takes no room.
  CHECK(names.found("main/other", {"found.n0"}));
  CHECK_FALSE(names.found("main/other", {"more.than_fits"}));
  CHECK(names.found("main/shop", {"found.n1"}));
  CHECK(names.found("main/other", {"more.than_fits"}));
  CHECK(names.all()->size() == CustomNames::kMost + 2);
}

}  // namespace pgsaba::server
