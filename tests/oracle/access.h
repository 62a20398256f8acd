// Whether a text may run on a standby, by its parse tree: what Access says by its tokens.
#pragma once

#include <string>

#include "oracle/json.h"

namespace pgsaba::oracle {

// Of one statement. Empty: nothing speaks against it; otherwise what does, by the tree's words.
std::string speaks_against_read(const std::string& kind, const Json& node);

}  // namespace pgsaba::oracle
