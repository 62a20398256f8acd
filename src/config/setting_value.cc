#include "setting_value.h"

#include <algorithm>
#include <array>

#include "suggestion.h"
#include "units.h"

namespace pgsaba::config {
namespace {

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

std::string join(const std::vector<std::string>& words, std::string_view separator) {
  std::string joined;
  for (const std::string& word : words) {
    if (!joined.empty()) joined += separator;
    joined += word;
  }
  return joined;
}

std::string format_number(const Setting& setting, std::int64_t number) {
  switch (setting.kind) {
    case Kind::kDuration:
      return format_duration(number);
    case Kind::kSize:
      return format_size(number);
    case Kind::kOctal:
      return format_mode(number);
    case Kind::kAutoInteger:
      return number == 0 ? "auto" : std::to_string(number);
    case Kind::kChoice:
      return std::string(setting.choices[static_cast<std::size_t>(number)]);
    default:
      return std::to_string(number);
  }
}

Result<Value> parse_boolean(std::string_view shown, std::string_view text) {
  constexpr std::array kTrue = {"true", "yes", "on", "1"};
  constexpr std::array kFalse = {"false", "no", "off", "0"};
  if (std::find(kTrue.begin(), kTrue.end(), text) != kTrue.end()) return Value(true);
  if (std::find(kFalse.begin(), kFalse.end(), text) != kFalse.end()) return Value(false);
  return Error{quoted(shown) + " is neither true nor false"};
}

Result<Value> parse_choice(const Setting& setting, std::string_view text, std::string_view shown) {
  const auto choices = setting.choices;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (choices[i] == text) return Value(static_cast<std::int64_t>(i));
  }
  std::string all;
  for (const std::string_view choice : choices) {
    if (!all.empty()) all += ", ";
    all += choice;
  }
  const std::string_view near = nearest(shown, {choices.begin(), choices.end()});
  std::string hint = near.empty() ? "" : "did you mean " + quoted(near) + "? ";
  return Error{quoted(shown) + " is not one of " + all,
               hint.empty() ? "" : hint.substr(0, hint.size() - 1)};
}

struct NumberFormat {
  std::string_view noun;
  std::string_view hint;
};

NumberFormat number_format(Kind kind) {
  switch (kind) {
    case Kind::kDuration:
      return {"a duration", "write a number and a unit: us, ms, s, min, h or d"};
    case Kind::kSize:
      return {"a size", "write a number and a unit: B, kB, MB, GB or TB"};
    case Kind::kOctal:
      return {"an octal file mode", "write it like 0770"};
    case Kind::kAutoInteger:
      return {"a number", "write a number or auto"};
    default:
      return {"a number", ""};
  }
}

std::optional<std::int64_t> read_number(Kind kind, std::string_view text) {
  switch (kind) {
    case Kind::kDuration:
      return parse_duration(text);
    case Kind::kSize:
      return parse_size(text);
    case Kind::kOctal:
      return parse_integer(text, 8);
    case Kind::kAutoInteger:
      return text == "auto" ? std::optional<std::int64_t>(0) : parse_integer(text);
    default:
      return parse_integer(text);
  }
}

Result<Value> parse_number(const Setting& setting, std::string_view text, std::string_view shown) {
  const auto number = read_number(setting.kind, text);
  if (!number) {
    const NumberFormat format = number_format(setting.kind);
    return Error{quoted(shown) + " is not " + std::string(format.noun), std::string(format.hint)};
  }
  if (*number < setting.minimum || *number > setting.maximum) {
    return Error{quoted(shown) + " is out of range",
                 "allowed are " + format_number(setting, setting.minimum) + " to " +
                     format_number(setting, setting.maximum)};
  }
  return Value(*number);
}

}  // namespace

Result<Value> parse_value(const Setting& setting, std::string_view text, std::string_view shown) {
  switch (setting.kind) {
    case Kind::kBoolean:
      return parse_boolean(shown, text);
    case Kind::kChoice:
      return parse_choice(setting, text, shown);
    case Kind::kString:
    case Kind::kPath:
    case Kind::kSecret:
    case Kind::kSecretFile:
    case Kind::kStringList:
      if (text.find('\0') != std::string_view::npos) return Error{"a text with a zero byte"};
      return Value(std::string(text));
    default:
      return parse_number(setting, text, shown);
  }
}

std::string format_value(const Setting& setting, const Value& value) {
  if (setting.kind == Kind::kSecret || setting.kind == Kind::kSecretFile) return "***";
  if (const bool* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    return format_number(setting, *number);
  }
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* list = std::get_if<std::vector<std::string>>(&value)) {
    return "[" + join(*list, ", ") + "]";
  }
  return "";
}

std::string format_pgbouncer(const Setting& setting, const Value& value) {
  if (const bool* flag = std::get_if<bool>(&value)) return *flag ? "1" : "0";
  if (const auto* list = std::get_if<std::vector<std::string>>(&value)) return join(*list, ",");
  const auto* number = std::get_if<std::int64_t>(&value);
  if (number == nullptr) return format_value(setting, value);
  if (setting.kind == Kind::kSize) return std::to_string(*number);
  if (setting.kind != Kind::kDuration) return format_number(setting, *number);
  const Micros unit_us = setting.pgbouncer_unit_us;
  std::string whole = std::to_string(*number / unit_us);
  const Micros rest_us = *number % unit_us;
  if (rest_us == 0) return whole;
  const std::string digits = std::to_string(rest_us + unit_us).substr(1);
  return whole + "." + digits.substr(0, digits.find_last_not_of('0') + 1);
}

std::string with_unit(const Setting& setting, std::string_view text) {
  const bool bare = text.find_first_not_of("0123456789.") == std::string_view::npos;
  const bool of_milliseconds =
      setting.kind == Kind::kDuration && setting.pgbouncer_unit_us == kMillisecond;
  return std::string(text) + (bare && !text.empty() && of_milliseconds ? "ms" : "");
}

}  // namespace pgsaba::config
