#include "command_hint.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

#include "pgsaba/config/show.h"
#include "subject.h"
#include "text.h"

namespace pgsaba::admin {
namespace {

using Statement = std::span<const Token>;

struct Usage {
  std::string words;
  std::string form;
};

std::vector<Usage> usages() {
  std::vector<Usage> all = {
      {"PAUSE", "PAUSE [database]"},
      {"RESUME", "RESUME [database]"},
      {"RELOAD", "RELOAD"},
      {"UPGRADE", "UPGRADE"},
      {"RECONNECT", "RECONNECT [database]"},
      {"KILL", "KILL [database]"},
      {"KILL_CLIENT", "KILL_CLIENT id"},
      {"DISABLE", "DISABLE database"},
      {"ENABLE", "ENABLE database"},
      {"DISABLE SERVER", "DISABLE SERVER name [IN cluster]"},
      {"ENABLE SERVER", "ENABLE SERVER name [IN cluster]"},
      {"SWITCHOVER", "SWITCHOVER TO name [IN cluster]"},
      {"SWITCHOVER TO", "SWITCHOVER TO name [IN cluster]"},
      {"WAIT_CLOSE", "WAIT_CLOSE [database]"},
      {"SUSPEND", "SUSPEND"},
      {"SHUTDOWN", "SHUTDOWN [WAIT_FOR_SERVERS | WAIT_FOR_CLIENTS]"},
      {"SHUTDOWN WAIT_FOR_SERVERS", "SHUTDOWN WAIT_FOR_SERVERS"},
      {"SHUTDOWN WAIT_FOR_CLIENTS", "SHUTDOWN WAIT_FOR_CLIENTS"},
      {"SET", "SET key = value"},
      {"EXPLAIN", "EXPLAIN ROUTE [FOR database] 'statement'"},
      {"EXPLAIN ROUTE", "EXPLAIN ROUTE [FOR database] 'statement'"},
  };
  for (const SubjectName& entry : subject_names()) {
    const std::string words = "SHOW " + std::string(entry.name);
    all.push_back({words, words});
  }
  return all;
}

// Levenshtein's distance.
std::size_t distance(std::string_view left, std::string_view right) {
  std::vector<std::size_t> row(right.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= left.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= right.size(); ++j) {
      const std::size_t change = diagonal + (left[i - 1] == right[j - 1] ? 0U : 1U);
      diagonal = row[j];
      row[j] = std::min({change, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

// The statement's first `count` words, in capitals.
std::string head_of(Statement statement, std::size_t count) {
  constexpr std::size_t kLongestWord = 64;  // no command is longer; bounds the distance's cost
  std::string head;
  for (const Token& token : statement.first(std::min(count, statement.size()))) {
    if (!head.empty()) head += ' ';
    head += to_upper(token.text.substr(0, kLongestWord));
  }
  return head;
}

// The nearest among those with `word_count` words; null if none is near.
const Usage* nearest(const std::vector<Usage>& all, Statement statement,
                     std::ptrdiff_t word_count) {
  const std::string head = head_of(statement, static_cast<std::size_t>(word_count));
  const Usage* best = nullptr;
  std::size_t best_distance = 0;
  for (const Usage& usage : all) {
    if (1 + std::count(usage.words.begin(), usage.words.end(), ' ') != word_count) continue;
    const std::size_t here = distance(head, usage.words);
    if (here > std::max<std::size_t>(2, usage.words.size() / 4)) continue;
    if (best == nullptr || here < best_distance) {
      best = &usage;
      best_distance = here;
    }
  }
  return best;
}

bool begins_with(Statement statement, std::string_view word) {
  return statement[0].kind == Token::Kind::kWord && same_word(statement[0].text, word);
}

bool is_setting(std::string_view name) {
  const std::vector<config::ShowRow> rows = config::show(config::Config());
  return std::ranges::any_of(rows,
                             [&](const config::ShowRow& row) { return same_word(row.key, name); });
}

// What was meant is no command of ours at all; empty: it may be one that was mistyped.
std::string_view hint_about_others(Statement statement) {
  constexpr std::array kSql = {"SELECT", "WITH",   "TABLE",  "VALUES",  "INSERT", "UPDATE",
                               "DELETE", "CREATE", "DROP",   "ALTER",   "COPY",   "DECLARE",
                               "LISTEN", "NOTIFY", "VACUUM", "ANALYZE", "GRANT",  "REVOKE"};
  for (const Token& token : statement)
    if (token.is_symbol('$'))
      return "Console commands take no parameters: write the value into the command.";
  if (std::ranges::any_of(kSql, [&](const char* word) { return begins_with(statement, word); }))
    return "This is the admin console, which has commands and no tables: SHOW HELP lists them.";
  if (begins_with(statement, "RESET"))
    return "What SET has changed lasts until RELOAD, which reads the file again.";
  if (begins_with(statement, "SHOW") && statement.size() == 2 &&
      (same_word(statement[1].text, "ALL") || is_setting(statement[1].text)))
    return "SHOW CONFIG lists all settings.";
  return {};
}

}  // namespace

// Two words explain more of what was written than one, so they are tried first.
std::string hint_for(Statement statement) {
  if (const std::string_view hint = hint_about_others(statement); !hint.empty())
    return std::string(hint);
  const std::vector<Usage> all = usages();
  const Usage* best = statement.size() > 1 ? nearest(all, statement, 2) : nullptr;
  if (best == nullptr) best = nearest(all, statement, 1);
  if (best == nullptr) return "SHOW HELP lists the commands.";
  return "The nearest command is: " + best->form + ";";
}

}  // namespace pgsaba::admin
