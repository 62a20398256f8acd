#include <array>

#include "command.h"

namespace pgsaba::admin {
namespace {

// In the order of DatabaseVerb, ServerVerb and ProcessVerb.
constexpr std::array kDatabaseTags = {"PAUSE",      "RESUME",  "RECONNECT", "KILL",
                                      "WAIT_CLOSE", "DISABLE", "ENABLE"};
constexpr std::array kServerTags = {"DISABLE", "ENABLE", "SWITCHOVER"};
constexpr std::array kProcessTags = {"RELOAD",   "UPGRADE",  "SUSPEND",
                                     "SHUTDOWN", "SHUTDOWN", "SHUTDOWN"};
constexpr std::array kTransactionTags = {"BEGIN", "COMMIT", "ROLLBACK"};

struct TagOf {
  std::string operator()(const Show&) const { return "SHOW"; }
  std::string operator()(const ExplainRoute&) const { return "EXPLAIN"; }
  std::string operator()(const OnDatabase& command) const {
    return kDatabaseTags.at(static_cast<std::size_t>(command.verb));
  }
  std::string operator()(const OnServer& command) const {
    return kServerTags.at(static_cast<std::size_t>(command.verb));
  }
  std::string operator()(const OnProcess& command) const {
    return kProcessTags.at(static_cast<std::size_t>(command.verb));
  }
  std::string operator()(const KillClient&) const { return "KILL_CLIENT"; }
  std::string operator()(const SetSetting& command) const {
    return "SET " + command.key + "=" + command.value;
  }
  std::string operator()(const ShowParameter&) const { return "SHOW"; }
  std::string operator()(const SetParameter&) const { return "SET"; }
  std::string operator()(const SelectConstant&) const { return "SELECT 1"; }
  std::string operator()(const Transaction& command) const {
    return kTransactionTags.at(static_cast<std::size_t>(command.verb));
  }
  std::string operator()(const Tidy& command) const { return command.tag; }
};

}  // namespace

std::string tag_of(const AdminCommand& command) { return std::visit(TagOf{}, command); }

// A list of what is allowed, not of what is forbidden: a new command starts out forbidden.
bool is_harmless(const AdminCommand& command) {
  return std::holds_alternative<Show>(command) || std::holds_alternative<ExplainRoute>(command) ||
         std::holds_alternative<ShowParameter>(command) ||
         std::holds_alternative<SetParameter>(command) ||
         std::holds_alternative<SelectConstant>(command) ||
         std::holds_alternative<Transaction>(command) || std::holds_alternative<Tidy>(command);
}

}  // namespace pgsaba::admin
