#include <pgsaba/auth/digest.h>
#include <pgsaba/auth/scram_keys.h>

#include "saslprep.h"

namespace pgsaba::auth {

ScramKeys derive_keys(const ScramKeyRequest& request) {
  const SecretBytes password = saslprep(request.password);
  const Sha256Digest salted =
      pbkdf2_sha256(password.text(), request.salt.text(), request.iterations);
  return {hmac_sha256(salted.bytes(), bytes_of("Client Key")),
          hmac_sha256(salted.bytes(), bytes_of("Server Key"))};
}

Sha256Digest stored_key_of(const Sha256Digest& client_key) { return sha256(client_key.bytes()); }

ScramVerifier derive_verifier(std::string_view password, std::string_view salt,
                              std::uint32_t iterations) {
  const ScramKeys keys = derive_keys({SecretBytes(password), SecretBytes(salt), iterations});
  return {SecretBytes(salt), iterations, stored_key_of(keys.client_key), keys.server_key};
}

}  // namespace pgsaba::auth
