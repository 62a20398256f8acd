#include "pgsaba/routing/retry.h"

#include <doctest/doctest.h>

using pgsaba::routing::may_run_elsewhere;

TEST_CASE("what a standby says that the primary might not") {
  for (const char* state : {"25006", "55000", "0A000", "XX000", "40001", "42P01", "42703", "42883",
                            "57P01", "57P03", "42501"})
    CHECK_MESSAGE(may_run_elsewhere(state), state);
}

TEST_CASE("what is true everywhere, or the client's own wish") {
  for (const char* state : {"57014", "22012", "22P02", "42601", "23505", "53200", "08P01", ""})
    CHECK_FALSE_MESSAGE(may_run_elsewhere(state), state);
}
