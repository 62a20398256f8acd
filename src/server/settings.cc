#include "pgsaba/server/settings.h"

#include <algorithm>
#include <span>

#include "pgsaba/sql/session_setting.h"

namespace pgsaba::server {
namespace {

std::string key_of(const Settings& settings) {
  std::string key;
  for (const Setting& setting : settings) {
    key.append(setting.name).push_back('\0');
    key.append(setting.value).push_back('\0');
  }
  return key;
}

std::string quoted(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote) out.push_back(quote);
    out.push_back(c);
  }
  out.push_back(quote);
  return out;
}

// E'' so that the text means the same whatever standard_conforming_strings says.
std::string literal(std::string_view text) {
  if (text.find('\\') == std::string_view::npos) return quoted(text, '\'');
  std::string doubled;
  for (const char c : text) doubled.append(c == '\\' ? 2 : 1, c);
  return "E" + quoted(doubled, '\'');
}

// "a.b" must be quoted part by part.
std::string quoted_name(std::string_view name) {
  std::string out;
  for (std::size_t dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.')) {
    out += quoted(name.substr(0, dot), '"') + ".";
    name.remove_prefix(dot + 1);
  }
  return out + quoted(name, '"');
}

// SET costs the server half of what set_config does, but would quote a list of names into one.
void append_set(std::string& sql, const Setting& setting) {
  if (is_name_list(setting.name)) {
    sql += "SELECT pg_catalog.set_config(" + literal(setting.name) + "," + literal(setting.value) +
           ",false);";
  } else {
    sql += "SET " + quoted_name(setting.name) + " TO " + literal(setting.value) + ";";
  }
}

void append_reset(std::string& sql, std::string_view name) {
  sql += "RESET " + quoted_name(name) + ";";
}

bool is_one_of(std::string_view name, std::span<const std::string_view> names) {
  return std::ranges::find(names, name) != names.end();
}

bool is_guarded(std::string_view name) {
  return !is_identity(name) && !is_custom(name) && !sql::is_session_setting(name);
}

constexpr std::string_view kEncoding = "client_encoding";

// Everything but who the session acts as, in the order of names.
void append_plain(Restoration& out, const SettingsRef& from, const SettingsRef& to) {
  const auto place = [&out](std::string_view name) -> std::string& {
    return name == kEncoding ? out.encoding_sql : out.sql;
  };
  if (from) {
    for (const Setting& setting : *from)
      if (!is_identity(setting.name) && !find_setting(to, setting.name))
        append_reset(place(setting.name), setting.name);
  }
  if (!to) return;
  for (const Setting& setting : *to) {
    const std::string* current = find_setting(from, setting.name);
    if (!is_identity(setting.name) && (!current || *current != setting.value))
      append_set(place(setting.name), setting);
  }
}

bool same_identity(const SettingsRef& from, const SettingsRef& to) {
  const auto same = [&](std::string_view name) {
    const std::string* before = find_setting(from, name);
    const std::string* after = find_setting(to, name);
    return before == nullptr ? after == nullptr : after != nullptr && *before == *after;
  };
  return same("role") && same("session_authorization");
}

bool acts_as_another(const SettingsRef& settings) {
  return find_setting(settings, "role") || find_setting(settings, "session_authorization");
}

// Whether a parameter changes that not everybody may set.
bool needs_rights(const SettingsRef& from, const SettingsRef& to) {
  const auto differs = [](const SettingsRef& one, const SettingsRef& other) {
    return one && std::ranges::any_of(*one, [&](const Setting& setting) {
             const std::string* value = find_setting(other, setting.name);
             return !is_identity(setting.name) && !sql::is_session_setting(setting.name) &&
                    (value == nullptr || *value != setting.value);
           });
  };
  return differs(from, to) || differs(to, from);
}

bool sets_what_may_be_refused(const SettingsRef& from, const SettingsRef& to) {
  return to && std::ranges::any_of(*to, [&](const Setting& setting) {
           const std::string* current = find_setting(from, setting.name);
           return (!current || *current != setting.value) && may_be_refused(setting.name);
         });
}

// Parameters are set as the user that logged in, who may set what a role may not.
Restoration turn(const SettingsRef& from, const SettingsRef& to) {
  Restoration out;
  const bool stays = same_identity(from, to) && !(acts_as_another(from) && needs_rights(from, to));
  if (!stays && acts_as_another(from)) out.sql += "SET SESSION AUTHORIZATION DEFAULT;RESET ROLE;";
  append_plain(out, from, to);
  out.may_be_refused = !stays || sets_what_may_be_refused(from, to);
  if (stays) return out;
  for (const char* name : {"session_authorization", "role"})
    if (const std::string* value = find_setting(to, name)) append_set(out.sql, {name, *value});
  return out;
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return lower;
}

const std::string* find_setting(const SettingsRef& settings, std::string_view name) {
  if (!settings) return nullptr;
  for (const Setting& setting : *settings)
    if (setting.name == name) return &setting.value;
  return nullptr;
}

SettingsRef SettingsTable::intern(Settings settings) {
  if (settings.empty()) return nullptr;
  // Of a parameter given twice the later one counts.
  std::ranges::reverse(settings);
  std::ranges::stable_sort(settings, {}, &Setting::name);
  const auto same_name = [](const Setting& left, const Setting& right) {
    return left.name == right.name;
  };
  settings.erase(std::unique(settings.begin(), settings.end(), same_name), settings.end());
  std::string key = key_of(settings);
  const auto found = table_.find(key);
  if (found != table_.end()) return found->second;
  if (table_.size() >= forget_at_) forget_unused();
  return table_.emplace(std::move(key), std::make_shared<const Settings>(std::move(settings)))
      .first->second;
}

void SettingsTable::forget_unused() {
  std::erase_if(table_, [](const auto& entry) { return entry.second.use_count() == 1; });
  forget_at_ = std::max<std::size_t>(64, table_.size() * 2);
}

SettingsRef SettingsTable::with(const SettingsRef& base, std::string_view name,
                                std::string_view value) {
  const std::string key = lower_case(name);
  if (const std::string* current = find_setting(base, key); current && *current == value)
    return base;
  Settings next = base ? *base : Settings{};
  std::erase_if(next, [&](const Setting& setting) { return setting.name == key; });
  next.push_back({key, std::string(value)});
  return intern(std::move(next));
}

SettingsRef SettingsTable::without(const SettingsRef& base, std::string_view name) {
  if (find_setting(base, name) == nullptr) return base;
  Settings next = *base;
  std::erase_if(next, [&](const Setting& setting) { return setting.name == name; });
  return intern(std::move(next));
}

// RESET asks whether the one who says it may; RESET ALL does not. PostgreSQL's guc.c,
// ResetAllOptions.
Restoration difference(const SettingsRef& from, const SettingsRef& to) {
  const bool drops = from && std::ranges::any_of(*from, [&](const Setting& setting) {
                       return !find_setting(to, setting.name) && is_guarded(setting.name);
                     });
  return drops ? restore(to) : turn(from, to);
}

Restoration restore(const SettingsRef& to) {
  Restoration out = turn(nullptr, to);
  out.encoding_sql.insert(0, "SET SESSION AUTHORIZATION DEFAULT;RESET ROLE;RESET ALL;");
  return out;
}

bool is_identity(std::string_view name) {
  return name == "role" || name == "session_authorization";
}

bool may_be_refused(std::string_view name) {
  static constexpr std::string_view kOfCircumstances[] = {"temp_buffers",
                                                          "default_tablespace",
                                                          "temp_tablespaces",
                                                          "lc_monetary",
                                                          "default_text_search_config",
                                                          "lc_numeric",
                                                          "lc_time",
                                                          "default_table_access_method",
                                                          "local_preload_libraries",
                                                          "effective_io_concurrency",
                                                          "maintenance_io_concurrency"};
  // Loaded when first used, with parameters for superusers or of few values: until then anybody may
  // have given these any value.
  static constexpr std::string_view kModules[] = {
      "plpgsql", "plperl",       "pltcl",   "pltclu",       "auto_explain", "pg_stat_statements",
      "pgaudit", "postgres_fdw", "pg_trgm", "pg_hint_plan", "plv8",         "pljava",
      "postgis", "timescaledb",  "citus",   "hnsw",         "ivfflat",      "age"};
  if (is_custom(name)) return is_one_of(name.substr(0, name.find('.')), kModules);
  return is_identity(name) || is_guarded(name) || is_one_of(name, kOfCircumstances);
}

bool has_guarded(const SettingsRef& settings) {
  return settings && std::ranges::any_of(*settings, [](const Setting& setting) {
           return is_guarded(setting.name);
         });
}

bool is_settable(std::string_view name) {
  static constexpr std::string_view kFixed[] = {"is_superuser",           "in_hot_standby",
                                                "integer_datetimes",      "server_version",
                                                "server_version_num",     "server_encoding",
                                                "transaction_isolation",  "transaction_read_only",
                                                "transaction_deferrable", "seed"};
  return !is_one_of(name, kFixed);
}

bool is_name_list(std::string_view name) {
  static constexpr std::string_view kLists[] = {"search_path",
                                                "temp_tablespaces",
                                                "local_preload_libraries",
                                                "session_preload_libraries",
                                                "shared_preload_libraries",
                                                "unix_socket_directories"};
  return is_one_of(name, kLists);
}

}  // namespace pgsaba::server
