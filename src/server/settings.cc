#include "pgsaba/server/settings.h"

#include <algorithm>

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

// set_config takes a list value ("a, b") as the text that the startup packet carries; SET would
// quote it into one element.
void append_set(std::string& sql, const Setting& setting) {
  sql += "SELECT pg_catalog.set_config(" + literal(setting.name) + "," + literal(setting.value) +
         ",false);";
}

// "a.b" must be quoted part by part.
void append_reset(std::string& sql, std::string_view name) {
  sql += "RESET ";
  for (std::size_t dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.')) {
    sql += quoted(name.substr(0, dot), '"') + ".";
    name.remove_prefix(dot + 1);
  }
  sql += quoted(name, '"') + ";";
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

std::string difference_sql(const SettingsRef& from, const SettingsRef& to) {
  std::string sql;
  if (from) {
    for (const Setting& setting : *from)
      if (!find_setting(to, setting.name)) append_reset(sql, setting.name);
  }
  if (to) {
    for (const Setting& setting : *to) {
      const std::string* current = find_setting(from, setting.name);
      if (!current || *current != setting.value) append_set(sql, setting);
    }
  }
  return sql;
}

std::string restore_sql(const SettingsRef& to) {
  // RESET ALL leaves both of these alone.
  return "SET SESSION AUTHORIZATION DEFAULT;RESET ROLE;RESET ALL;" + difference_sql(nullptr, to);
}

}  // namespace pgsaba::server
