// SASLprep (RFC 4013): the form in which a password is hashed, so that it is the same however a
// keyboard composes its letters. As PostgreSQL's common/saslprep.c: what is not UTF-8, or has a
// character that is prohibited or unknown to Unicode 3.2, is taken as it is; so is all ASCII.
// Pure; any thread.
#pragma once

#include <pgsaba/auth/secret_bytes.h>

namespace pgsaba::auth {

SecretBytes saslprep(const SecretBytes& password);

}  // namespace pgsaba::auth
