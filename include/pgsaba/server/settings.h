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

 private:
  void forget_unused();

  std::unordered_map<std::string, SettingsRef> table_;
  std::size_t forget_at_ = 64;
};

std::string lower_case(std::string_view text);
const std::string* find_setting(const SettingsRef& settings, std::string_view name);

// The SQL that turns a session with `from` into one with `to`; empty if nothing differs.
std::string difference_sql(const SettingsRef& from, const SettingsRef& to);
// The same from an unknown state: RESET ALL first.
std::string restore_sql(const SettingsRef& to);

}  // namespace pgsaba::server
