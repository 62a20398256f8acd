// The errors that a worker raises itself: SQLSTATE, message, detail and hint of each, in one place.
// Pure values.
#pragma once

#include <string_view>

#include "pgsaba/wire/error_fields.h"

namespace pgsaba::worker::errors {

wire::ErrorFields no_such_database(std::string_view database);
wire::ErrorFields database_removed(std::string_view database);
wire::ErrorFields database_disabled(std::string_view database);
wire::ErrorFields shutting_down();
wire::ErrorFields killed();
wire::ErrorFields canceled();
// `failure`: of the last attempt to open a server for it, or null.
wire::ErrorFields login_timeout(const wire::ErrorFields* failure);
wire::ErrorFields too_many_logins();
wire::ErrorFields too_many_logins_from(std::string_view address, long limit);
wire::ErrorFields too_many_clients(std::string_view setting, long limit);
wire::ErrorFields no_route(std::string_view cluster, std::string_view why);
wire::ErrorFields unresolved(std::string_view host);

}  // namespace pgsaba::worker::errors
