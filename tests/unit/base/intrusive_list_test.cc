#include "pgsaba/base/intrusive_list.h"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <vector>

using namespace pgsaba;

namespace {

struct Item {
  explicit Item(int n) : number(n) {}
  int number;
  ListHook first_hook;
  ListHook second_hook;
};

using FirstList = IntrusiveList<Item, &Item::first_hook>;
using SecondList = IntrusiveList<Item, &Item::second_hook>;

template <class List>
std::vector<int> numbers(List& list) {
  std::vector<int> found;
  list.for_each([&](Item& item) { found.push_back(item.number); });
  return found;
}

}  // namespace

TEST_CASE("an empty list") {
  FirstList list;
  CHECK(list.empty());
  CHECK(list.size() == 0);
  CHECK(list.first() == nullptr);
  CHECK(numbers(list).empty());
}

TEST_CASE("elements keep the order they were pushed in") {
  Item a(1);
  Item b(2);
  Item c(3);
  FirstList list;
  list.push_back(b);
  list.push_back(c);
  list.push_front(a);
  CHECK(numbers(list) == std::vector{1, 2, 3});
  CHECK(list.size() == 3);
  CHECK(list.front().number == 1);
  CHECK(list.back().number == 3);
  CHECK(list.first() == &a);
  CHECK(list.next(a) == &b);
  CHECK(list.next(c) == nullptr);
}

TEST_CASE("removal at both ends and in the middle") {
  std::array<Item, 4> items{Item(1), Item(2), Item(3), Item(4)};
  FirstList list;
  for (Item& item : items) list.push_back(item);
  list.remove(items[1]);
  CHECK_FALSE(items[1].first_hook.linked());
  CHECK(numbers(list) == std::vector{1, 3, 4});
  list.remove(items[3]);
  CHECK(list.back().number == 3);
  CHECK(list.pop_front().number == 1);
  CHECK(list.pop_front().number == 3);
  CHECK(list.empty());
  list.push_back(items[1]);  // an element may come back
  CHECK(numbers(list) == std::vector{2});
}

TEST_CASE("an element may stand on two lists at once") {
  Item a(1);
  Item b(2);
  FirstList first;
  SecondList second;
  first.push_back(a);
  first.push_back(b);
  second.push_back(b);
  second.push_back(a);
  first.remove(a);
  CHECK(numbers(first) == std::vector{2});
  CHECK(numbers(second) == std::vector{2, 1});
}

TEST_CASE("a visitor may remove what it is shown") {
  std::array<Item, 5> items{Item(1), Item(2), Item(3), Item(4), Item(5)};
  FirstList list;
  for (Item& item : items) list.push_back(item);
  list.for_each([&](Item& item) {
    if (item.number % 2 == 1) list.remove(item);
  });
  CHECK(numbers(list) == std::vector{2, 4});
  list.for_each([&](Item& item) { list.remove(item); });
  CHECK(list.empty());
}

TEST_CASE("a list that ends lets its elements go") {
  Item a(1);
  {
    FirstList list;
    list.push_back(a);
    CHECK(a.first_hook.linked());
  }
  CHECK_FALSE(a.first_hook.linked());
}
