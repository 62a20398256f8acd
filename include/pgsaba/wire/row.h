// Readers for the few values that pgsaba looks at inside of messages: the columns of a DataRow, one
// parameter of a Bind. Views into the message. Any thread. Source: "Message Formats".
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "pgsaba/base/bytes.h"

namespace pgsaba::wire {

// The columns of a DataRow's body; nothing for NULL. Empty if the row is broken.
std::vector<std::optional<std::string_view>> read_row(Bytes body);

// The value of parameter `number` (from 1) in a Bind's body; nothing for NULL, or if there is none.
std::optional<std::string_view> bind_parameter(Bytes body, std::uint16_t number);

}  // namespace pgsaba::wire
