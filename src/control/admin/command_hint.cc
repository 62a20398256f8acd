#include "command_hint.h"

#include <algorithm>
#include <numeric>
#include <vector>

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

}  // namespace

// Two words explain more of what was written than one, so they are tried first.
std::string hint_for(Statement statement) {
  const std::vector<Usage> all = usages();
  const Usage* best = statement.size() > 1 ? nearest(all, statement, 2) : nullptr;
  if (best == nullptr) best = nearest(all, statement, 1);
  if (best == nullptr) return "SHOW HELP lists the commands.";
  return "The nearest command is: " + best->form + ";";
}

}  // namespace pgsaba::admin
