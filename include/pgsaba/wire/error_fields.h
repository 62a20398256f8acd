// ErrorResponse and NoticeResponse as values, for those that pgsaba raises or has to understand.
// Those of a server pass to the client as they are. Source: "Error and Notice Message Fields".
// Any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "pgsaba/base/bytes.h"

namespace pgsaba::wire {

struct ErrorFields {
  std::string severity = "ERROR";  // never translated
  std::string sqlstate;
  std::string message;
  std::string detail = {};
  std::string hint = {};
  std::string routine = {};  // read only

  bool fatal() const { return severity == "FATAL" || severity == "PANIC"; }
};

// `tag` 'E' or 'N'. Appends the whole frame.
void append_error(std::string& out, char tag, const ErrorFields& fields);

// Reads the body of an ErrorResponse. Missing fields stay empty: a server need not send them all.
ErrorFields read_error(Bytes body);

// The frame of an ErrorResponse with every `"from"` (quoted) in its message replaced by `"to"`.
std::string rename_in_error(Bytes frame, std::string_view from, std::string_view to);

// The frame of an ErrorResponse without the place in the statement's text.
std::string without_position(Bytes frame);

}  // namespace pgsaba::wire
