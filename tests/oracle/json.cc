#include "oracle/json.h"

#include <algorithm>

namespace pgsaba::oracle {
namespace {

std::string take_string(std::string_view& text) {
  std::string value;
  text.remove_prefix(1);
  while (text[0] != '"') {
    if (text[0] == '\\') {
      text.remove_prefix(1);
      constexpr std::string_view kLetters = "bfnrt";
      const std::size_t control = kLetters.find(text[0]);
      if (text[0] == 'u') {
        value.push_back(static_cast<char>(std::stoi(std::string(text.substr(1, 4)), nullptr, 16)));
        text.remove_prefix(4);
      } else {
        value.push_back(control == kLetters.npos ? text[0] : "\b\f\n\r\t"[control]);
      }
    } else {
      value.push_back(text[0]);
    }
    text.remove_prefix(1);
  }
  text.remove_prefix(1);
  return value;
}

void skip_blanks(std::string_view& text) {
  while (!text.empty() && (text[0] == ' ' || text[0] == '\n')) text.remove_prefix(1);
}

Json take(std::string_view& text);

void take_members(std::string_view& text, bool named, Json& json) {
  const char end = named ? '}' : ']';
  text.remove_prefix(1);
  for (skip_blanks(text); text[0] != end; skip_blanks(text)) {
    std::string name;
    if (named) {
      name = take_string(text);
      skip_blanks(text);
      text.remove_prefix(1);
    }
    json.members.push_back({std::move(name), take(text)});
    skip_blanks(text);
    if (text[0] == ',') text.remove_prefix(1);
  }
  text.remove_prefix(1);
}

Json take(std::string_view& text) {
  Json json;
  skip_blanks(text);
  if (text[0] == '{' || text[0] == '[') {
    take_members(text, text[0] == '{', json);
  } else if (text[0] == '"') {
    json.text = take_string(text);
  } else {
    const std::size_t size = std::min(text.find_first_of(",]} \n"), text.size());
    json.text = text.substr(0, size);
    text.remove_prefix(size);
  }
  return json;
}

}  // namespace

Json Json::parse(std::string_view text) { return take(text); }

const Json& Json::operator[](std::string_view name) const {
  static const Json kNone;
  const auto found = std::ranges::find(
      members, name, [](const auto& member) -> std::string_view { return member.name; });
  return found == members.end() ? kNone : found->value;
}

bool Json::has(std::string_view name) const {
  return std::ranges::any_of(members, [name](const auto& member) { return member.name == name; });
}

}  // namespace pgsaba::oracle
