#include "control/tls_material.h"

#include <doctest/doctest.h>

using namespace pgsaba;
using control::key_file_fault;

TEST_CASE("a key is refused where others may know it") {
  constexpr uid_t kUs = 1000;
  const auto fault = [](uid_t owner, mode_t mode) {
    struct stat file = {};
    file.st_uid = owner;
    file.st_mode = mode;
    return key_file_fault(file, kUs);
  };
  struct Case {
    uid_t owner;
    mode_t mode;
    bool allowed;
  };
  for (const Case& each : {Case{kUs, S_IFREG | 0600, true},
                           {kUs, S_IFREG | 0400, true},
                           {kUs, S_IFREG | 0640, false},
                           {kUs, S_IFREG | 0604, false},
                           {kUs, S_IFREG | 0610, false},
                           {0, S_IFREG | 0600, true},
                           {0, S_IFREG | 0640, true},
                           {0, S_IFREG | 0440, true},
                           {0, S_IFREG | 0660, false},
                           {0, S_IFREG | 0650, false},
                           {0, S_IFREG | 0644, false},
                           {7, S_IFREG | 0600, false},
                           {kUs, S_IFDIR | 0600, false},
                           {kUs, S_IFIFO | 0600, false}}) {
    CAPTURE(each.owner);
    CAPTURE(each.mode);
    CHECK(fault(each.owner, each.mode).empty() == each.allowed);
  }
}
