// The hint of a console syntax error: the nearest right command. Any thread; no state.
#pragma once

#include <span>
#include <string>

#include "command_lexer.h"

namespace pgsaba::admin {

// `statement` are the tokens of the wrong command.
std::string hint_for(std::span<const Token> statement);

}  // namespace pgsaba::admin
