// Lesson: a statement that a server is asked for the first time, and what it answers, if it can be
// given as an answer again. Pure; owned by one session, for one lease.
#pragma once

#include <optional>
#include <string>

#include "pgsaba/pool/known_answers.h"

namespace pgsaba::session {

struct Lesson {
  server::SettingsRef before;
  std::string text;
  std::string frames;  // all that came

  // What is learned; nothing if there was more than a plain success: an error, a notice.
  std::optional<pool::KnownAnswer> answer() const;
};

}  // namespace pgsaba::session
