// What administrators have said of databases and servers, for as long as the process runs, as bytes
// for the process that takes over. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "pgsaba/worker/picture.h"

namespace pgsaba::control {

std::string pack_standing(const worker::Picture& picture);
// What cannot be read changes nothing.
void apply_standing(std::string_view bytes, worker::Picture& picture);

}  // namespace pgsaba::control
