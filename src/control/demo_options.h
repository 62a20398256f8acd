// The command line of `pgsaba demo`. A value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pgsaba/base/result.h"

namespace pgsaba::control {

struct DemoOptions {
  bool check = false;
  bool help = false;
  std::uint16_t port = 0;  // 0: 6432 if it is free, otherwise any
};

Result<DemoOptions> parse_demo_options(const std::vector<std::string_view>& arguments);
std::string_view demo_help();

}  // namespace pgsaba::control
