// Move: what a session has to know while another process takes it over, on either side.
#pragma once

#include <string>

namespace pgsaba::session {

struct Move {
  std::string mark;     // what is notified where the one side ends to tell and the other begins
  bool taken = false;   // the other side has it
  bool heard = false;   // the mark; true from the start where nobody listens
  bool let_go = false;  // by the process that it comes from
  bool missed = false;  // notifications, perhaps
};

}  // namespace pgsaba::session
