// The administrator's lists of functions and relations, as statements are judged by them. Pure.
#pragma once

#include <memory>

#include "pgsaba/config/config.h"
#include "pgsaba/sql/access_rules.h"

namespace pgsaba::routing {

sql::AccessRules::Lists access_lists(const config::Routing& routing);
// Null if all lists are empty.
std::shared_ptr<const sql::AccessRules> access_rules(const config::Routing& routing);

}  // namespace pgsaba::routing
