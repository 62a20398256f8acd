// The "options" of a startup packet: "-c name=value" and "--name=value", blanks escaped by a
// backslash. Source: pg_split_opts and process_postgres_switches in PostgreSQL. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "pgsaba/server/settings.h"

namespace pgsaba::session {

// Appends to `settings`; returns the first option that is not one of these.
std::optional<std::string> read_startup_options(std::string_view options,
                                                server::Settings& settings);

}  // namespace pgsaba::session
