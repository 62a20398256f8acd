// What a statement will keep its server for once its transaction is over, as far as its text shows:
// only what surely or probably stays. Less suspicious than sql::Effects: a DROP may end what pins,
// and must not wait for leave to pin. Pure.
#pragma once

#include <string_view>

#include "pgsaba/session/pin.h"
#include "pgsaba/sql/statement.h"

namespace pgsaba::session {

// Without any of these nothing is foreseen.
inline constexpr sql::Effects kForeseeable = sql::effect::kTemporary | sql::effect::kAdvisoryLock |
                                             sql::effect::kHeldCursor | sql::effect::kIrreversible |
                                             sql::effect::kListen;

Pins foreseen_pins(sql::Effects effects, std::string_view text, const sql::Dialect& dialect);

}  // namespace pgsaba::session
