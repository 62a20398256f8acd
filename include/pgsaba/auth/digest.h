// The few primitives login needs from libcrypto: SHA-256, HMAC, MD5, PBKDF2, random bytes.
// Any thread. SHA-256 and HMAC cannot fail short of exhausted memory, which ends the process as it
// does everywhere else; MD5 can be switched off by the machine's policy and randomness can be
// missing, so those two report it.
#pragma once

#include <pgsaba/auth/secret_bytes.h>
#include <pgsaba/base/bytes.h>
#include <pgsaba/base/result.h>

#include <cstdint>
#include <span>
#include <string_view>

namespace pgsaba::auth {

Status random_bytes(std::span<std::uint8_t> out);

Sha256Digest sha256(Bytes data);
Sha256Digest hmac_sha256(Bytes key, Bytes data);
// RFC 5802 Hi(): one block of PBKDF2 with HMAC-SHA-256. 4,096 iterations take about 1.5 ms.
Sha256Digest pbkdf2_sha256(std::string_view password, std::string_view salt,
                           std::uint32_t iterations);

// PostgreSQL's md5 scheme (common/md5_common.c): hex(md5(text + suffix)).
Result<Md5Hex> md5_hex(std::string_view text, std::string_view suffix);

}  // namespace pgsaba::auth
