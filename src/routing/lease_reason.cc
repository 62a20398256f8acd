#include "pgsaba/routing/lease_reason.h"

namespace pgsaba::routing {

std::string_view text_of(LeaseReason reason) {
  switch (reason) {
    case LeaseReason::kRead:
      return "read";
    case LeaseReason::kReadOnlyTransaction:
      return "READ ONLY transaction";
    case LeaseReason::kPrimary:
      return "?";
    case LeaseReason::kTransaction:
      return "transaction that is not READ ONLY";
    case LeaseReason::kSessionPooling:
      return "pool_mode session";
    case LeaseReason::kRoute:
      return "route of the database or user";
    case LeaseReason::kSessionRoute:
      return "SET pgsaba.route";
    case LeaseReason::kHint:
      return "comment /* pgsaba:primary */";
    case LeaseReason::kIncomplete:
      return "statement or batch not received as a whole";
    case LeaseReason::kOther:
      return "message that is no query";
    case LeaseReason::kPrepared:
      return "prepared statement that is no read";
    case LeaseReason::kNotLooked:
      return "catalogue not read yet";
    case LeaseReason::kNoneFit:
      return "no standby fit for reads";
    case LeaseReason::kNoneFresh:
      return "no standby fresh enough";
    case LeaseReason::kBehind:
      return "standbys too far behind to wait for";
    case LeaseReason::kNotServed:
      return "no server connection to the standby";
    case LeaseReason::kRepeated:
      return "repeated: the standby refused or died";
    case LeaseReason::kText:
      break;
  }
  const auto number =
      static_cast<std::size_t>(reason) - static_cast<std::size_t>(LeaseReason::kText);
  return number == 0 || number >= sql::kAccessReasons
             ? "?"
             : sql::text_of(static_cast<sql::AccessReason>(number));
}

}  // namespace pgsaba::routing
