#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <pgsaba/auth/digest.h>

#include <array>
#include <cstdlib>
#include <memory>

namespace pgsaba::auth {
namespace {

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

void require(bool succeeded) {
  if (!succeeded) std::abort();
}

}  // namespace

Status random_bytes(std::span<std::uint8_t> out) {
  if (RAND_bytes(out.data(), static_cast<int>(out.size())) == 1) return done();
  return Error{"no random numbers can be had from libcrypto",
               "check the machine's entropy source and OpenSSL configuration"};
}

Sha256Digest sha256(Bytes data) {
  Sha256Digest digest;
  require(EVP_Digest(data.data(), data.size(), digest.data(), nullptr, EVP_sha256(), nullptr) == 1);
  return digest;
}

Sha256Digest hmac_sha256(Bytes key, Bytes data) {
  Sha256Digest digest;
  require(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), data.data(), data.size(),
               digest.data(), nullptr) != nullptr);
  return digest;
}

Sha256Digest pbkdf2_sha256(std::string_view password, std::string_view salt,
                           std::uint32_t iterations) {
  Sha256Digest digest;
  const Bytes salt_bytes = bytes_of(salt);
  // An empty view may have a null pointer, which libcrypto takes for "no password".
  const char* text = password.empty() ? "" : password.data();
  require(PKCS5_PBKDF2_HMAC(text, static_cast<int>(password.size()), salt_bytes.data(),
                            static_cast<int>(salt_bytes.size()), static_cast<int>(iterations),
                            EVP_sha256(), static_cast<int>(Sha256Digest::size()),
                            digest.data()) == 1);
  return digest;
}

Result<Md5Hex> md5_hex(std::string_view text, std::string_view suffix) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  WipedArray<16> digest;
  const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  if (!context || EVP_DigestInit_ex(context.get(), EVP_md5(), nullptr) != 1 ||
      EVP_DigestUpdate(context.get(), text.data(), text.size()) != 1 ||
      EVP_DigestUpdate(context.get(), suffix.data(), suffix.size()) != 1 ||
      EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) != 1) {
    return Error{"MD5 is not available in this machine's libcrypto", "use scram-sha-256"};
  }
  Md5Hex hex;
  for (std::size_t i = 0; i < WipedArray<16>::size(); ++i) {
    hex[2 * i] = static_cast<std::uint8_t>(kDigits[digest[i] >> 4]);
    hex[2 * i + 1] = static_cast<std::uint8_t>(kDigits[digest[i] & 15]);
  }
  return hex;
}

}  // namespace pgsaba::auth
