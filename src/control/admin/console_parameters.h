// What a console reports at login (ParameterStatus), so that psql and drivers feel at home.
// Any thread; a value.
#pragma once

#include <string_view>

#include "console_session.h"
#include "pgsaba/wire/frontend.h"

namespace pgsaba::admin {

// `version` is pgsaba's own, such as "0.1.0".
wire::ParameterList console_parameters(std::string_view user, Access access,
                                       std::string_view version);

}  // namespace pgsaba::admin
