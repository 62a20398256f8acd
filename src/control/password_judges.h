// Whoever judges the passwords that are not ours to judge. They wait for others, for as
// long as those take (PAM) or up to a limit (directories): away from threads that serve queries.
// They return why a password is not right, in words for a log; nothing if it is. Any thread.
// Source: PostgreSQL's CheckPAMAuth and CheckLDAPAuth in src/backend/libpq/auth.c.
#pragma once

#include <string>

#include "pgsaba/auth/password_check.h"

namespace pgsaba::control {

std::string judge_by_pam(const auth::PamCheck& by, const auth::PasswordCheck& check);

std::string judge_by_ldap(const auth::LdapCheck& by, const auth::PasswordCheck& check);
// Whichever of them is wanted.
std::string judge(const auth::PasswordCheck& check);

}  // namespace pgsaba::control
