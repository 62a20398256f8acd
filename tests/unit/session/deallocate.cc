#include "session/deallocate.h"

#include <doctest/doctest.h>

using pgsaba::session::deallocated_name;

TEST_CASE("the name of a statement to forget") {
  CHECK(deallocated_name("DEALLOCATE a17") == "a17");
  CHECK(deallocated_name(" deallocate\n prepare _PG3_0 ; ") == "_pg3_0");
  CHECK(deallocated_name("deallocate \"A \"\"b\"\"\";") == "A \"b\"");
  CHECK(deallocated_name("deallocate\"x\"") == "x");
  CHECK(deallocated_name("deallocate prepare \"all\"") == "all");
  CHECK(deallocated_name("deallocate prepare") == "prepare");
  CHECK(deallocated_name("/* app:web */ deallocate /* */ a -- end") == "a");
}

TEST_CASE("nothing else is one") {
  for (const char* sql :
       {"", ";", "deallocate", "deallocate all", "deallocate prepare all;", "deallocated x",
        "select 1", "deallocate a; select 1", "deallocate a b", "deallocate \"a", "deallocate \"\"",
        "deallocate 1a", "deallocate prepare prepare x"})
    CHECK_MESSAGE(!deallocated_name(sql), sql);
}
