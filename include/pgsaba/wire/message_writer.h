// MessageWriter: appends one framed message after the other to a string; the length word is filled
// in when a message ends. Any thread; borrows the string.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pgsaba/base/bytes.h"

namespace pgsaba::wire {

class MessageWriter {
 public:
  explicit MessageWriter(std::string& out) : out_(out) {}

  // `tag` 0 begins an untyped packet (startup, cancel).
  MessageWriter& begin(char tag) {
    if (tag != 0) out_.push_back(tag);
    length_at_ = out_.size();
    out_.append(4, '\0');
    return *this;
  }
  MessageWriter& byte(char value) {
    out_.push_back(value);
    return *this;
  }
  MessageWriter& int16(std::uint16_t value) {
    out_.append(2, '\0');
    store_be16(at(2), value);
    return *this;
  }
  MessageWriter& int32(std::uint32_t value) {
    out_.append(4, '\0');
    store_be32(at(4), value);
    return *this;
  }
  MessageWriter& string(std::string_view text) {
    out_.append(text);
    out_.push_back('\0');
    return *this;
  }
  MessageWriter& raw(std::string_view bytes) {
    out_.append(bytes);
    return *this;
  }
  void end() {
    store_be32(reinterpret_cast<std::uint8_t*>(out_.data()) + length_at_,
               static_cast<std::uint32_t>(out_.size() - length_at_));
  }

 private:
  std::uint8_t* at(std::size_t from_end) {
    return reinterpret_cast<std::uint8_t*>(out_.data()) + (out_.size() - from_end);
  }

  std::string& out_;
  std::size_t length_at_ = 0;
};

}  // namespace pgsaba::wire
