#include "pgsaba/wire/error_fields.h"

#include "pgsaba/wire/frame.h"
#include "pgsaba/wire/message_writer.h"

namespace pgsaba::wire {
namespace {

// Calls visit(code, text) for each field of the body.
template <class Visit>
void for_each_field(Bytes body, Visit visit) {
  std::string_view rest = text_of(body);
  while (rest.size() > 1 && rest[0] != '\0') {
    const std::size_t end = rest.find('\0', 1);
    if (end == std::string_view::npos) return;
    visit(rest[0], rest.substr(1, end - 1));
    rest.remove_prefix(end + 1);
  }
}

std::string replaced(std::string_view text, const std::string& from, const std::string& to) {
  std::string result(text);
  for (std::size_t at = result.find(from); at != std::string::npos; at = result.find(from, at)) {
    result.replace(at, from.size(), to);
    at += to.size();
  }
  return result;
}

}  // namespace

void append_error(std::string& out, char tag, const ErrorFields& fields) {
  MessageWriter writer(out);
  writer.begin(tag).byte('S').string(fields.severity).byte('V').string(fields.severity);
  writer.byte('C').string(fields.sqlstate).byte('M').string(fields.message);
  if (!fields.detail.empty()) writer.byte('D').string(fields.detail);
  if (!fields.hint.empty()) writer.byte('H').string(fields.hint);
  writer.byte('\0').end();
}

ErrorFields read_error(Bytes body) {
  ErrorFields fields;
  fields.severity.clear();
  std::string translated;
  for_each_field(body, [&](char code, std::string_view text) {
    switch (code) {
      case 'S':
        translated = text;
        break;
      case 'V':
        fields.severity = text;
        break;
      case 'C':
        fields.sqlstate = text;
        break;
      case 'M':
        fields.message = text;
        break;
      case 'D':
        fields.detail = text;
        break;
      case 'H':
        fields.hint = text;
        break;
      case 'R':
        fields.routine = text;
        break;
      default:
        break;
    }
  });
  if (fields.severity.empty()) fields.severity = translated.empty() ? "ERROR" : translated;
  return fields;
}

std::string rename_in_error(Bytes frame, std::string_view from, std::string_view to) {
  const std::string old_name = "\"" + std::string(from) + "\"";
  const std::string new_name = "\"" + std::string(to) + "\"";
  std::string out;
  MessageWriter writer(out);
  writer.begin(static_cast<char>(frame[0]));
  for_each_field(frame.subspan(kHeaderBytes), [&](char code, std::string_view text) {
    const bool human = code == 'M' || code == 'D' || code == 'H';
    writer.byte(code).string(human ? replaced(text, old_name, new_name) : std::string(text));
  });
  writer.byte('\0').end();
  return out;
}

std::string without_position(Bytes frame) {
  std::string out;
  MessageWriter writer(out);
  writer.begin(static_cast<char>(frame[0]));
  for_each_field(frame.subspan(kHeaderBytes), [&](char code, std::string_view text) {
    if (code != 'P') writer.byte(code).string(text);
  });
  writer.byte('\0').end();
  return out;
}

}  // namespace pgsaba::wire
