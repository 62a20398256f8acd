// A line of pg_hba.conf as a rule; an error of the line stands in the rule. Pure.
#pragma once

#include <pgsaba/auth/hba.h>

namespace pgsaba::auth {

HbaRule read_hba_line(const RuleLine& line);

}  // namespace pgsaba::auth
