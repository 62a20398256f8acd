// Base64 as SCRAM writes it (RFC 4648 section 4): padded, no white space, unused bits zero.
// Any thread; no state.
#pragma once

#include <pgsaba/base/bytes.h>

#include <optional>
#include <string>
#include <string_view>

namespace pgsaba::auth {

std::string encode_base64(Bytes bytes);
// Nothing if `text` is not exactly what encode_base64 would have written.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace pgsaba::auth
