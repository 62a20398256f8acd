#include "oracle/access.h"

#include <algorithm>
#include <set>
#include <vector>

#include "pgsaba/sql/session_setting.h"
#include "sql/functions.h"
#include "sql/instance.h"

namespace pgsaba::oracle {
namespace {

std::vector<std::string> parts_of(const Json& list) {
  std::vector<std::string> parts;
  for (const auto& [none, part] : list.members) parts.push_back(part["String"]["sval"].text);
  return parts;
}

bool is_harmless_function(const std::vector<std::string>& name) {
  const bool catalog = name.size() == 1 || (name.size() == 2 && name[0] == "pg_catalog");
  return catalog && sql::function_class(name.back(), true) == sql::FunctionClass::kHarmless;
}

bool is_foreign_operator(const Json& list) {
  const auto parts = parts_of(list);
  return parts.size() > 1 && parts[0] != "pg_catalog";
}

// (expression).name calls a function if there is no such column.
bool calls_attribute(const Json& indirection) {
  return std::ranges::any_of(indirection.members, [](const auto& member) {
    const std::string& name = member.value["String"]["sval"].text;
    return !name.empty() && !is_harmless_function({name});
  });
}

bool shows_instance(const Json& relation) {
  return sql::describes_instance(relation["relname"].text) ||
         relation["schemaname"].text.starts_with("pg_temp") ||
         relation["relname"].text.starts_with("pg_temp");
}

// Of a node that a reading statement may contain.
bool is_against(const std::string& kind, const Json& node) {
  static const std::set<std::string> kNodes = {"InsertStmt",  "UpdateStmt",    "DeleteStmt",
                                               "MergeStmt",   "LockingClause", "intoClause",
                                               "ExecuteStmt", "CallStmt"};
  if (kNodes.contains(kind)) return true;
  if (kind == "FuncCall") return !is_harmless_function(parts_of(node["funcname"]));
  if (kind == "RangeTableSample") return !is_harmless_function(parts_of(node["method"]));
  if (kind == "A_Expr") return is_foreign_operator(node["name"]);
  if (kind == "operName" || kind == "useOp") return is_foreign_operator(node);
  if (kind == "A_Indirection") return calls_attribute(node["indirection"]);
  return (kind == "RangeVar" || kind == "relation") && shows_instance(node);
}

std::string first_against(const Json& json) {
  for (const auto& [kind, node] : json.members) {
    if (is_against(kind, node)) return kind;
    if (std::string found = first_against(node); !found.empty()) return found;
  }
  return {};
}

}  // namespace

std::string speaks_against_read(const std::string& kind, const Json& node) {
  if (kind == "VariableShowStmt") {
    const std::string name = node["name"].text;
    return name == "transaction_isolation" || sql::is_session_setting(name) ? "" : name;
  }
  if (kind == "CopyStmt" && (node.has("is_from") || node.has("filename"))) return kind;
  if (kind == "ExplainStmt" && !node["query"].has("SelectStmt")) return kind;
  if (kind != "SelectStmt" && kind != "CopyStmt" && kind != "ExplainStmt") return kind;
  return first_against(node);
}

}  // namespace pgsaba::oracle
