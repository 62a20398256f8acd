#include "control/admin/console_parameters.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace pgsaba::admin {
namespace {

std::string value_of(const wire::ParameterList& parameters, std::string_view name) {
  const auto found = std::find_if(parameters.begin(), parameters.end(),
                                  [&](const auto& parameter) { return parameter.first == name; });
  return found == parameters.end() ? "missing" : found->second;
}

TEST_CASE("a console reports a version that drivers can read, and ours") {
  const wire::ParameterList admin = console_parameters("saba", Access::kAdmin, "0.1.0");
  CHECK(value_of(admin, "server_version") == "15.0 (pgsaba 0.1.0)");
  CHECK(value_of(admin, "client_encoding") == "UTF8");
  CHECK(value_of(admin, "standard_conforming_strings") == "on");
  CHECK(value_of(admin, "session_authorization") == "saba");
  CHECK(value_of(admin, "is_superuser") == "on");
  CHECK(value_of(console_parameters("zabbix", Access::kStats, "0.1.0"), "is_superuser") == "off");
}

}  // namespace
}  // namespace pgsaba::admin
