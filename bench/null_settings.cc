#include "null_settings.h"

#include <algorithm>
#include <cctype>
#include <vector>

namespace bench {
namespace {

// As PostgreSQL spells it.
std::string_view canonical(std::string_view name, std::string_view value) {
  const bool is_utf8 = name == "client_encoding" && lower_case(value) == "unicode";
  return is_utf8 ? "UTF8" : value;
}

bool same_word(std::string_view a, std::string_view b) {
  constexpr char kCaseBit = 0x20;
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return (x | kCaseBit) == (y | kCaseBit); });
}

const std::pair<std::string_view, std::string_view>* find_reported(std::string_view name) {
  const auto* found = std::find_if(kReported.begin(), kReported.end(), [name](const auto& entry) {
    return same_word(entry.first, name);
  });
  return found == kReported.end() ? nullptr : found;
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  });
  return lower;
}

void NullSettings::add_default(std::string_view name, std::string_view value) {
  defaults_.insert_or_assign(lower_case(name), std::string(value));
}

void NullSettings::report_all(const Report& report) const {
  for (const auto& [name, value] : kReported) report(name, *value_of(lower_case(name)));
}

void NullSettings::set(const std::string& name, std::string_view value, const Report& report) {
  const auto before = value_of(name);
  current_.insert_or_assign(name, std::string(canonical(name, value)));
  const auto* reported = find_reported(name);
  const std::string& now = current_.at(name);
  if (reported != nullptr && before != now) report(reported->first, now);
}

void NullSettings::reset(const std::string& name, const Report& report) {
  const auto before = value_of(name);
  current_.erase(name);
  const auto* reported = find_reported(name);
  if (reported == nullptr) return;
  const std::string now = *value_of(name);
  if (before != now) report(reported->first, now);
}

void NullSettings::reset_all(const Report& report) {
  std::vector<std::string> names;
  names.reserve(current_.size());
  for (const auto& [name, value] : current_) names.push_back(name);
  for (const std::string& name : names) reset(name, report);
}

std::optional<std::string> NullSettings::value_of(const std::string& name) const {
  for (const auto* values : {&current_, &defaults_}) {
    const auto found = values->find(name);
    if (found != values->end()) return found->second;
  }
  const auto* reported = find_reported(name);
  if (reported == nullptr) return std::nullopt;
  return std::string(reported->second);
}

}  // namespace bench
