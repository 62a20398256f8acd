// SetBatch: one statement by the extended protocol as drivers say a SET: Parse without a name, Bind
// without values, perhaps a Describe, Execute and Sync, all of it there. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "pgsaba/base/bytes.h"

namespace pgsaba::session {

struct SetBatch {
  std::string_view rest;        // of the Parse, behind the name
  std::string_view text;        // the statement
  bool asks_statement = false;  // Describe of the statement, which has no parameters and no rows
  bool asks_portal = false;

  // What a server sends if it succeeds with `done` in answer to a simple Query, up to
  // ReadyForQuery.
  std::string answer(std::string_view done) const;
};

// What the client has sent begins with such a batch.
std::optional<SetBatch> read_set_batch(Bytes ahead);

}  // namespace pgsaba::session
