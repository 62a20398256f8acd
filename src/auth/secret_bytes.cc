#include <openssl/crypto.h>
#include <pgsaba/auth/secret_bytes.h>

#include <algorithm>

namespace pgsaba::auth {

void wipe(void* at, std::size_t size) { OPENSSL_cleanse(at, size); }

bool constant_time_equal(Bytes left, Bytes right) {
  return left.size() == right.size() &&
         (left.empty() || CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0);
}

bool constant_time_equal(std::string_view left, std::string_view right) {
  return constant_time_equal(bytes_of(left), bytes_of(right));
}

SecretBytes::SecretBytes(std::string_view text) : size_(text.size()) {
  if (text.empty()) return;
  data_ = std::make_unique<char[]>(text.size());
  std::copy(text.begin(), text.end(), data_.get());
}

SecretBytes& SecretBytes::operator=(const SecretBytes& other) {
  if (this != &other) *this = SecretBytes(other);
  return *this;
}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  if (this == &other) return *this;
  clear();
  data_ = std::move(other.data_);
  size_ = std::exchange(other.size_, 0);
  return *this;
}

void SecretBytes::clear() {
  if (data_) wipe(data_.get(), size_);
  data_.reset();
  size_ = 0;
}

}  // namespace pgsaba::auth
