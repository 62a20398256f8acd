#include "control/takeover_message.h"

#include "pgsaba/base/fields.h"

namespace pgsaba::control {

std::string pack(const TakeoverMessage& message) {
  std::string bytes;
  FieldWriter(bytes)
      .byte(static_cast<std::uint8_t>(message.kind))
      .number(message.number)
      .flag(message.flag)
      .text(message.text)
      .text(message.more);
  return bytes;
}

Result<TakeoverMessage> unpack_message(std::string_view bytes) {
  FieldReader from(bytes);
  TakeoverMessage message;
  const std::uint8_t kind = from.byte();
  message.kind = static_cast<TakeoverMessage::Kind>(kind);
  message.number = from.number();
  message.flag = from.flag();
  message.text = from.text();
  message.more = from.text();
  const bool known = kind <= static_cast<std::uint8_t>(TakeoverMessage::Kind::kStopping);
  if (!known || !from.complete()) return Error{"a message that makes no sense"};
  return message;
}

}  // namespace pgsaba::control
