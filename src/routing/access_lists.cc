#include "pgsaba/routing/access_lists.h"

#include "pgsaba/config/catalog_name.h"

namespace pgsaba::routing {
namespace {

std::vector<std::string> names_of(const std::vector<std::string>& list) {
  std::vector<std::string> names;
  for (const std::string& text : list)
    if (auto name = config::read_catalog_name(text)) names.push_back(std::move(name->name));
  return names;
}

}  // namespace

sql::AccessRules::Lists access_lists(const config::Routing& routing) {
  sql::AccessRules::Lists lists;
  for (const std::string& text : routing.allow_functions)
    if (auto name = config::read_catalog_name(text))
      lists.allowed_functions.push_back({std::move(name->schema), std::move(name->name)});
  lists.denied_functions = names_of(routing.deny_functions);
  lists.denied_relations = names_of(routing.deny_relations);
  return lists;
}

std::shared_ptr<const sql::AccessRules> access_rules(const config::Routing& routing) {
  if (routing.allow_functions.empty() && routing.deny_functions.empty() &&
      routing.deny_relations.empty())
    return nullptr;
  return std::make_shared<const sql::AccessRules>(access_lists(routing));
}

}  // namespace pgsaba::routing
