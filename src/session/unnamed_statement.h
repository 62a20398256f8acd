// UnnamedStatement: the last Parse without a name, which a client may bind as long as no other
// Parse or simple query has replaced it, in whichever transaction. Owned by one session.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pgsaba/sql/statement.h"

namespace pgsaba::session {

// What the ledger calls the Parse that makes one: this, and its own number. What happens to names
// is numbered from 1 upwards.
inline constexpr std::uint32_t kUnnamedChange = 0x8000'0000U;

struct UnnamedStatement {
  std::uint64_t number = 0;  // by which servers know whose theirs is
  std::string rest;          // of the Parse, behind the name; empty: too long to keep
  sql::Effects effects = sql::effect::kNone;
  sql::Access access = sql::Access::kWrite;
  sql::RouteHint hint = sql::RouteHint::kNone;
  std::uint64_t batch = 0;      // that its Parse belongs to
  std::uint64_t judged_by = 0;  // the rules and the dialect that its access comes from

  std::string_view query() const { return {rest.data()}; }
  std::uint32_t change() const {
    return kUnnamedChange | static_cast<std::uint32_t>(number & (kUnnamedChange - 1));
  }
};

}  // namespace pgsaba::session
