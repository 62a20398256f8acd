// Memory for passwords and keys: wiped (OPENSSL_cleanse) when it is given back, compared in
// constant time. Two forms: SecretBytes (any length, 16 bytes and one allocation) and WipedArray
// (fixed). Any thread; value types. A moved-from SecretBytes is empty and keeps no copy, which
// std::string's small-string buffer would.
#pragma once

#include <pgsaba/base/bytes.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

namespace pgsaba::auth {

void wipe(void* at, std::size_t size);

// True if both have the same bytes; the time taken depends on the lengths only.
bool constant_time_equal(Bytes left, Bytes right);
bool constant_time_equal(std::string_view left, std::string_view right);

class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(std::string_view text);
  SecretBytes(const SecretBytes& other) : SecretBytes(other.text()) {}
  SecretBytes(SecretBytes&& other) noexcept
      : data_(std::move(other.data_)), size_(std::exchange(other.size_, 0)) {}
  SecretBytes& operator=(const SecretBytes& other);
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  ~SecretBytes() { clear(); }

  std::string_view text() const { return {data_.get(), size_}; }
  Bytes bytes() const { return bytes_of(text()); }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  void clear();

  friend bool operator==(const SecretBytes& left, const SecretBytes& right) {
    return constant_time_equal(left.text(), right.text());
  }

 private:
  std::unique_ptr<char[]> data_;
  std::size_t size_ = 0;
};

template <std::size_t kSize>
class WipedArray {
 public:
  WipedArray() = default;
  WipedArray(const WipedArray&) = default;
  WipedArray& operator=(const WipedArray&) = default;
  ~WipedArray() { wipe(bytes_.data(), kSize); }

  std::uint8_t* data() { return bytes_.data(); }
  static constexpr std::size_t size() { return kSize; }
  Bytes bytes() const { return bytes_; }
  std::string_view text() const { return text_of(bytes_); }
  std::uint8_t& operator[](std::size_t index) { return bytes_[index]; }
  std::uint8_t operator[](std::size_t index) const { return bytes_[index]; }

  friend bool operator==(const WipedArray& left, const WipedArray& right) {
    return constant_time_equal(left.bytes(), right.bytes());
  }

 private:
  std::array<std::uint8_t, kSize> bytes_{};
};

using Sha256Digest = WipedArray<32>;
using Md5Hex = WipedArray<32>;  // lower-case hexadecimal digits

}  // namespace pgsaba::auth
