// FieldWriter and FieldReader: numbers and strings one behind the other in a string of bytes, big
// endian, each string with its length in front. What is read may come from anybody: a reader that
// runs over the end reads nothing more, and says so. Any thread; they borrow the bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pgsaba/base/bytes.h"

namespace pgsaba {

class FieldWriter {
 public:
  explicit FieldWriter(std::string& out) : out_(out) {}

  FieldWriter& byte(std::uint8_t value) {
    out_.push_back(static_cast<char>(value));
    return *this;
  }
  FieldWriter& flag(bool value) { return byte(value ? 1 : 0); }
  FieldWriter& number(std::uint64_t value) {
    for (int shift = 56; shift >= 0; shift -= 8) byte(static_cast<std::uint8_t>(value >> shift));
    return *this;
  }
  FieldWriter& text(std::string_view value) {
    number(value.size());
    out_.append(value);
    return *this;
  }

 private:
  std::string& out_;
};

class FieldReader {
 public:
  explicit FieldReader(std::string_view from) : rest_(from) {}

  std::uint8_t byte() {
    const std::string_view one = take(1);
    return one.empty() ? 0 : static_cast<std::uint8_t>(one.front());
  }
  bool flag() {
    const std::uint8_t value = byte();
    if (value > 1) failed_ = true;
    return value == 1;
  }
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (const char c : take(sizeof value)) value = value << 8U | static_cast<std::uint8_t>(c);
    return value;
  }
  std::string_view text() {
    const std::uint64_t size = number();
    if (size > rest_.size()) failed_ = true;
    return failed_ ? std::string_view() : take(static_cast<std::size_t>(size));
  }
  // How many things follow, each of at least `least` bytes: never more than can be there.
  std::size_t count(std::size_t least) {
    const std::uint64_t value = number();
    if (value > rest_.size() / least) failed_ = true;
    return failed_ ? 0 : static_cast<std::size_t>(value);
  }

  bool failed() const { return failed_; }
  // Everything was there, and nothing else.
  bool complete() const { return !failed_ && rest_.empty(); }

 private:
  std::string_view take(std::size_t size) {
    if (size > rest_.size()) failed_ = true;
    if (failed_) return {};
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  std::string_view rest_;
  bool failed_ = false;
};

}  // namespace pgsaba
