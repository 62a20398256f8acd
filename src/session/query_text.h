// The text of a simple query.
#pragma once

#include <string_view>

#include "pgsaba/wire/frame.h"

namespace pgsaba::session {

inline std::string_view query_text(const wire::Piece& piece) {
  const std::string_view body = text_of(piece.body());
  return body.substr(0, body.find('\0'));
}

}  // namespace pgsaba::session
