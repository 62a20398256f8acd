// One setting changed by hand (the console's SET), in a copy of the configuration. Pure; any
// thread.
#pragma once

#include <memory>
#include <string_view>

#include "pgsaba/base/result.h"
#include "pgsaba/config/config.h"

namespace pgsaba::config {

enum class ChangeRefusal : std::uint8_t {
  kUnknown,   // no such setting
  kNotNow,    // it is changed only at start, or together with files
  kBadValue,  // it does not fit
};

struct Change {
  std::shared_ptr<const Config> config;  // null if it is refused
  ChangeRefusal refusal = ChangeRefusal::kUnknown;
  Error error = {};
};

// `key` is "section.name" or PgBouncer's name, as SHOW CONFIG has them; lists have commas.
Change with_setting(const Config& config, std::string_view key, std::string_view value);

}  // namespace pgsaba::config
