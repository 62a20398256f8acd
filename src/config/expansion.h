// ${NAME} in a value becomes the environment variable's content; $${ is a literal ${. Pure but for
// the environment handed in.
#pragma once

#include <string>
#include <string_view>

#include "pgsaba/base/result.h"
#include "pgsaba/config/load.h"

namespace pgsaba::config {

Result<std::string> expand(std::string_view text, const Environment& environment);

}  // namespace pgsaba::config
