// The first byte chooses the dialect, the rest is the text, in memory of its own so that reading
// past its end is seen.
#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "pgsaba/sql/statement.h"

namespace {

using namespace pgsaba::sql;

void require(bool holds) {
  if (!holds) std::abort();
}

// What follows a whole text in blanks and comments changes nothing.
void check_suffix(std::string_view sql, const Dialect& dialect, const Statement& statement) {
  if (statement.effects == effect::kAll) return;  // the suffix may end what was open
  const std::string text = std::string(sql) + "\n /* ' */ ; -- \"";
  const Statement longer = read_statement(text, dialect);
  if (longer.effects == effect::kAll) return;  // inside a parenthesis or a half character
  require(longer.access == statement.access && longer.reason == statement.reason);
  require(longer.hint == statement.hint);
  require(longer.command == statement.command && longer.single == statement.single);
  require(longer.effects == statement.effects);
}

// A read leaves nothing behind, only a column may be called "insert"; and what follows another
// statement is no more of a read.
void check_access(std::string_view sql, const Dialect& dialect, const Statement& statement) {
  const bool read = statement.access == Access::kRead;
  require(read == (statement.reason == AccessReason::kNone));
  require(!read || (statement.effects & ~effect::kInsert) == 0);
  const Statement behind = read_statement("drop table t;" + std::string(sql), dialect);
  require(behind.access == Access::kWrite);
  static const AccessRules kRules({{{"", "f"}, {"s", "f"}}, {"lower"}, {"t"}});
  const Statement ruled = read_statement(sql, dialect, &kRules);
  require(ruled.effects == statement.effects && ruled.hint == statement.hint);
  require(ruled.access != Access::kRead || (ruled.effects & effect::kTemporary) == 0);
}

void check_details(std::string_view sql, const Dialect& dialect, const Statement& statement) {
  if (plain_begin(sql, dialect)) require(statement.command == Command::kBegin && statement.single);
  if (const auto end = plain_end(sql, dialect)) {
    require(statement.single && leading_end(sql, dialect).has_value());
    require(statement.command == (end->commit ? Command::kCommit : Command::kRollback));
  }
  const auto touched = touched_settings(sql, dialect);
  require(touched.empty() || (statement.effects & effect::kSetting) != 0 ||
          (statement.effects & effect::kAnySetting) != 0);
  if (const auto setting = plain_setting(sql, dialect)) {
    require(statement.single && statement.command == Command::kSet);
    require(touched == std::vector<TouchedSetting>{{setting->name, 0}});
  }
  const auto names = prepared_names(sql, dialect);
  require(names.empty() || (statement.effects & effect::kPrepared) != 0);
  if (const auto command = prepared_command(sql, dialect)) {
    require(statement.single || statement.effects == effect::kAll);  // BEGIN ATOMIC within
    require((statement.effects & effect::kPrepared) != 0);
    if (!command->name.empty())
      require(std::find(names.begin(), names.end(), command->name) != names.end());
  }
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name libFuzzer calls
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const Dialect dialect{(data[0] & 1) == 0, static_cast<Encoding>((data[0] >> 1) % 7)};
  const std::vector<char> text(data + 1, data + size);
  const std::string_view sql(text.data(), text.size());
  if (sql.find('\0') != std::string_view::npos) {
    require(read_statement(sql, dialect).effects == effect::kAll);
    require(read_statement(sql, dialect).access == Access::kUnknown);
    return 0;
  }
  const Statement statement = read_statement(sql, dialect);
  check_suffix(sql, dialect, statement);
  check_access(sql, dialect, statement);
  check_details(sql, dialect, statement);
  return 0;
}
