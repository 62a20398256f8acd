// Settings: the session parameters that a client has set away from the server's defaults, and that
// a server connection carries. Interned, so that "does this server match this client?" is a
// comparison of two pointers. Immutable values; a SettingsTable belongs to one worker.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace pgsaba::server {

struct Setting {
  std::string name;  // lower case
  std::string value;
  bool operator==(const Setting&) const = default;
};

using Settings = std::vector<Setting>;                // sorted by name
using SettingsRef = std::shared_ptr<const Settings>;  // null: nothing is set

// Servers move between workers and their tables, so equal values may have two addresses.
inline bool same_settings(const SettingsRef& left, const SettingsRef& right) {
  return left == right || (left && right && *left == *right);
}

class SettingsTable {
 public:
  SettingsRef intern(Settings settings);
  SettingsRef with(const SettingsRef& base, std::string_view name, std::string_view value);
  SettingsRef without(const SettingsRef& base, std::string_view name);

 private:
  void forget_unused();

  std::unordered_map<std::string, SettingsRef> table_;
  std::size_t forget_at_ = 64;
};

std::string lower_case(std::string_view text);
const std::string* find_setting(const SettingsRef& settings, std::string_view name);

// What turns a session with one set of parameters into one with another.
struct Restoration {
  std::string encoding_sql;  // goes first, as a query of its own; may be empty
  std::string sql;           // empty if nothing differs
  // The server may say no: then what comes behind must not run, and is not sent before it has said
  // yes.
  bool may_be_refused = false;
};
Restoration difference(const SettingsRef& from, const SettingsRef& to);
// The same from an unknown state.
Restoration restore(const SettingsRef& to);

// "a.b": the server lets anybody set it, and lists it nowhere.
inline bool is_custom(std::string_view name) { return name.find('.') != std::string_view::npos; }

// Whether a value that one server has taken may be refused by another, or later: for want of a
// right, or since it depends on what is there. Source: the check hooks of PostgreSQL 15's guc.c.
bool may_be_refused(std::string_view name);
bool is_identity(std::string_view name);  // role, session_authorization
// Whether there is a built-in parameter among them that not everybody may set.
bool has_guarded(const SettingsRef& settings);

// Parameters of the server or of the session's history that no client can set.
bool is_settable(std::string_view name);
// Parameters whose value is a list of names, each quoted by itself: SET would take the list for one
// name. Source: GUC_LIST_QUOTE in src/backend/utils/misc/guc.c.
bool is_name_list(std::string_view name);

}  // namespace pgsaba::server
