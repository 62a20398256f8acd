// The layout of PostgreSQL v3 messages, as far as the benchmark programs need it.
// Written apart from src/wire on purpose: these programs judge the daemon and share no code with
// it. Source: PostgreSQL 15 documentation, 55.7 "Message Formats".
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace bench {

constexpr std::size_t kHeaderSize = 5;  // tag and length
constexpr std::size_t kLengthSize = 4;  // the length counts itself
constexpr std::uint32_t kProtocol30 = 196608;
constexpr std::uint32_t kCancelRequest = 80877102;
constexpr std::uint32_t kSslRequest = 80877103;
constexpr std::uint32_t kGssEncRequest = 80877104;

inline std::uint32_t read_int32(const char* at) {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = (value << 8U) | static_cast<unsigned char>(at[i]);
  return value;
}

inline void write_int32(char* at, std::uint32_t value) {
  for (int i = 3; i >= 0; --i, value >>= 8U) at[i] = static_cast<char>(value & 0xFFU);
}

// Appends one message to a buffer; its length is filled in when the Message goes out of scope.
class Message {
 public:
  Message(std::string& out, char tag) : out_(out) {
    out_.push_back(tag);
    begin_ = out_.size();
    out_.append(kLengthSize, '\0');
  }
  // A startup message has no tag.
  explicit Message(std::string& out) : out_(out), begin_(out.size()) {
    out_.append(kLengthSize, '\0');
  }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;
  Message(Message&&) = delete;
  Message& operator=(Message&&) = delete;
  ~Message() {
    write_int32(out_.data() + begin_, static_cast<std::uint32_t>(out_.size() - begin_));
  }

  Message& byte(char value) {
    out_.push_back(value);
    return *this;
  }
  Message& int16(std::uint16_t value) {
    return byte(static_cast<char>(value >> 8U)).byte(static_cast<char>(value & 0xFFU));
  }
  Message& int32(std::uint32_t value) {
    std::array<char, 4> field{};
    write_int32(field.data(), value);
    out_.append(field.data(), field.size());
    return *this;
  }
  Message& bytes(std::string_view value) {
    out_.append(value);
    return *this;
  }
  Message& text(std::string_view value) { return bytes(value).byte('\0'); }

 private:
  std::string& out_;
  std::size_t begin_ = 0;
};

// A message without a body.
inline void append_message(std::string& out, char tag) { const Message message(out, tag); }

// Cuts a stream into messages without keeping bodies: only ErrorResponse and ReadyForQuery, which
// are short, are gathered. A large result therefore costs no memory here.
class MessageScanner {
 public:
  // Calls visit(tag, body) at the end of each message; body is empty for tags that are not kept.
  template <typename Visit>
  void feed(std::string_view bytes, Visit&& visit) {
    while (!bytes.empty()) {
      if (header_size_ < kHeaderSize && !read_header(bytes)) return;
      const std::size_t taken = std::min(left_, bytes.size());
      if (header_[0] == 'E' || header_[0] == 'Z') body_.append(bytes.substr(0, taken));
      bytes.remove_prefix(taken);
      left_ -= taken;
      if (left_ > 0) return;
      header_size_ = 0;
      visit(header_[0], std::string_view(body_));
    }
  }

 private:
  bool read_header(std::string_view& bytes) {
    const std::size_t taken = std::min(kHeaderSize - header_size_, bytes.size());
    std::copy_n(bytes.begin(), taken, header_.begin() + static_cast<std::ptrdiff_t>(header_size_));
    header_size_ += taken;
    bytes.remove_prefix(taken);
    if (header_size_ < kHeaderSize) return false;
    left_ = std::max<std::size_t>(read_int32(header_.data() + 1), kLengthSize) - kLengthSize;
    body_.clear();
    return true;
  }

  std::array<char, kHeaderSize> header_{};
  std::size_t header_size_ = 0;
  std::size_t left_ = 0;
  std::string body_;
};

}  // namespace bench
