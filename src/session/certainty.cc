#include "session/certainty.h"

#include <algorithm>
#include <span>

namespace pgsaba::session {
namespace {

// Every user may set them at any time (PGC_USERSET), and their check hooks know all they need. Not
// here: what names something in the catalogue, such as default_tablespace or
// default_text_search_config. Source: src/backend/utils/misc/guc.c.
constexpr std::string_view kSelfContained[] = {"application_name",
                                               "bytea_output",
                                               "client_encoding",
                                               "client_min_messages",
                                               "datestyle",
                                               "default_transaction_deferrable",
                                               "default_transaction_isolation",
                                               "default_transaction_read_only",
                                               "extra_float_digits",
                                               "idle_in_transaction_session_timeout",
                                               "intervalstyle",
                                               "lock_timeout",
                                               "search_path",
                                               "standard_conforming_strings",
                                               "statement_timeout",
                                               "synchronous_commit",
                                               "timezone",
                                               "work_mem",
                                               "xmloption"};

// Built in, or the database's for ever (PGC_INTERNAL).
constexpr std::string_view kConstant[] = {"integer_datetimes", "max_identifier_length",
                                          "server_encoding", "server_version",
                                          "server_version_num"};

bool among(std::span<const std::string_view> names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

}  // namespace

bool is_certain(const sql::Statement& statement, std::string_view text, const sql::Dialect& dialect,
                const server::SettingsRef& settings) {
  if (!statement.single) return false;
  if (statement.command == sql::Command::kSet) {
    const auto setting = sql::plain_setting(text, dialect);
    return setting && setting->value && among(kSelfContained, setting->name);
  }
  if (statement.command != sql::Command::kShow) return false;
  const auto name = sql::shown_setting(text, dialect);
  if (!name) return false;
  return among(kConstant, *name) ||
         (among(kSelfContained, *name) && server::find_setting(settings, *name) != nullptr);
}

}  // namespace pgsaba::session
