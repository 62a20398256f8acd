#include "worker/found_secrets.h"

#include <doctest/doctest.h>

using namespace pgsaba;
using worker::FoundSecrets;
using Who = FoundSecrets::Who;

namespace {

auth::Secret plain(std::string_view password) {
  return auth::PlainSecret{auth::SecretBytes(password)};
}

}  // namespace

TEST_CASE("a found secret is news once, and another one again") {
  FoundSecrets secrets;
  std::vector<Who> dropped;
  CHECK(secrets.keep({"shop", "ann"}, plain("a"), 1, dropped));
  CHECK_FALSE(secrets.keep({"shop", "ann"}, plain("a"), 2, dropped));
  CHECK(secrets.keep({"shop", "ann"}, plain("b"), 3, dropped));
  CHECK(secrets.keep({"blog", "ann"}, plain("b"), 3, dropped));
  REQUIRE(secrets.find({"shop", "ann"}) != nullptr);
  CHECK(*secrets.find({"shop", "ann"}) == plain("b"));
  CHECK(secrets.find({"shop", "ben"}) == nullptr);
  CHECK(dropped.empty());
}

TEST_CASE("what nobody uses is forgotten after a while") {
  FoundSecrets secrets;
  std::vector<Who> dropped;
  secrets.keep({"shop", "ann"}, plain("a"), 0, dropped);
  secrets.keep({"shop", "ben"}, plain("b"), 0, dropped);
  secrets.used({"shop", "ann"}, 9);
  secrets.used({"shop", "cay"}, 9);  // nobody knows
  CHECK(secrets.forget(9, 10).empty());
  CHECK(secrets.forget(10, 10) == std::vector<Who>{{"shop", "ben"}});
  CHECK(secrets.find({"shop", "ben"}) == nullptr);
  CHECK(secrets.size() == 1);
  CHECK(secrets.forget(19, 10) == std::vector<Who>{{"shop", "ann"}});
  CHECK(secrets.empty());
}

TEST_CASE("found secrets are bounded, and whoever has been away for longest makes room") {
  FoundSecrets secrets(2);
  std::vector<Who> dropped;
  secrets.keep({"shop", "ann"}, plain("a"), 1, dropped);
  secrets.keep({"shop", "ben"}, plain("b"), 2, dropped);
  secrets.used({"shop", "ann"}, 3);
  CHECK(secrets.keep({"shop", "cay"}, plain("c"), 4, dropped));
  CHECK(dropped == std::vector<Who>{{"shop", "ben"}});
  CHECK(secrets.size() == 2);
  CHECK(secrets.find({"shop", "ann"}) != nullptr);
}
