#include "command.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <span>

#include "command_hint.h"
#include "command_lexer.h"
#include "text.h"

namespace pgsaba::admin {
namespace {

using Tokens = std::span<const Token>;
using Parsed = std::optional<AdminCommand>;

// Settings of PostgreSQL that drivers and tools ask for or set right after they connect.
constexpr std::array kParameters = {
    ShowParameter{"application_name", ""},
    ShowParameter{"bytea_output", "hex"},
    ShowParameter{"client_encoding", "UTF8"},
    ShowParameter{"client_min_messages", "notice"},
    ShowParameter{"datestyle", "ISO, MDY"},
    ShowParameter{"default_transaction_isolation", "read committed"},
    ShowParameter{"default_transaction_read_only", "off"},
    ShowParameter{"extra_float_digits", "1"},
    ShowParameter{"idle_in_transaction_session_timeout", "0"},
    ShowParameter{"in_hot_standby", "off"},
    ShowParameter{"integer_datetimes", "on"},
    ShowParameter{"intervalstyle", "postgres"},
    ShowParameter{"lock_timeout", "0"},
    ShowParameter{"max_identifier_length", "63"},
    ShowParameter{"search_path", "public"},
    ShowParameter{"server_encoding", "UTF8"},
    ShowParameter{"standard_conforming_strings", "on"},
    ShowParameter{"statement_timeout", "0"},
    ShowParameter{"timezone", "GMT"},
    ShowParameter{"transaction_isolation", "read committed"},
    ShowParameter{"transaction_read_only", "off"},
};

struct DatabaseWord {
  std::string_view word;
  DatabaseVerb verb;
  bool needs_database = false;
};
constexpr std::array kDatabaseWords = {
    DatabaseWord{"PAUSE", DatabaseVerb::kPause},
    DatabaseWord{"RESUME", DatabaseVerb::kResume},
    DatabaseWord{"RECONNECT", DatabaseVerb::kReconnect},
    DatabaseWord{"KILL", DatabaseVerb::kKill},
    DatabaseWord{"WAIT_CLOSE", DatabaseVerb::kWaitClose},
    DatabaseWord{"DISABLE", DatabaseVerb::kDisable, true},
    DatabaseWord{"ENABLE", DatabaseVerb::kEnable, true},
};

// Statements without any argument of ours; whatever follows these words is taken along.
struct TransactionWord {
  std::string_view word;
  TransactionVerb verb;
};
constexpr std::array kTransactionWords = {
    TransactionWord{"BEGIN", TransactionVerb::kBegin},
    TransactionWord{"START", TransactionVerb::kBegin},
    TransactionWord{"COMMIT", TransactionVerb::kCommit},
    TransactionWord{"END", TransactionVerb::kCommit},
    TransactionWord{"ROLLBACK", TransactionVerb::kRollback},
    TransactionWord{"ABORT", TransactionVerb::kRollback},
};

bool is_word(const Token& token, std::string_view word) {
  return token.kind == Token::Kind::kWord && same_word(token.text, word);
}

const ShowParameter* parameter_named(std::string_view name) {
  const auto* found = std::find_if(kParameters.begin(), kParameters.end(),
                                   [&](const auto& p) { return same_word(p.name, name); });
  return found == kParameters.end() ? nullptr : found;
}

bool is_number(const Token& token) {
  return token.kind == Token::Kind::kWord && token.text.size() < 10 &&
         std::all_of(token.text.begin(), token.text.end(),
                     [](char c) { return c >= '0' && c <= '9'; });
}

// JDBC asks in the standard's words.
bool asks_isolation_level(Tokens rest) {
  return rest.size() == 3 && is_word(rest[0], "TRANSACTION") && is_word(rest[1], "ISOLATION") &&
         is_word(rest[2], "LEVEL");
}

Parsed parse_show(Tokens rest) {
  if (asks_isolation_level(rest)) return *parameter_named("transaction_isolation");
  if (rest.size() != 1 || !rest[0].is_name()) return std::nullopt;
  if (const auto subject = subject_named(rest[0].text)) return Show{*subject};
  if (const ShowParameter* parameter = parameter_named(rest[0].text)) return *parameter;
  return std::nullopt;
}

// SELECT x is PgBouncer's other word for SHOW x; SELECT 1 is how pools of clients test a
// connection.
Parsed parse_select(Tokens rest) {
  if (rest.size() == 1 && is_number(rest[0])) return SelectConstant{rest[0].text};
  return parse_show(rest);
}

Parsed parse_set(Tokens rest) {
  if (rest.empty()) return std::nullopt;
  if (rest.size() > 1 && (is_word(rest[0], "SESSION") || is_word(rest[0], "LOCAL"))) {
    rest = rest.subspan(1);
  }
  for (const std::string_view clause : {"TRANSACTION", "CHARACTERISTICS", "NAMES", "TIME"}) {
    if (is_word(rest[0], clause)) return SetParameter{};
  }
  const bool assigns =
      rest.size() >= 3 && rest[0].is_name() && (rest[1].is_symbol('=') || is_word(rest[1], "TO"));
  if (!assigns) return std::nullopt;
  if (parameter_named(rest[0].text) != nullptr) return SetParameter{};
  if (rest.size() != 3 || rest[2].kind == Token::Kind::kSymbol) return std::nullopt;
  return SetSetting{rest[0].text, rest[2].text};
}

Parsed parse_kill_client(Tokens rest) {
  if (rest.size() != 1) return std::nullopt;
  const std::string& text = rest[0].text;
  KillClient command;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), command.id);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return command;
}

// EXPLAIN ROUTE [FOR database] 'statement'
Parsed parse_explain(Tokens rest) {
  if (rest.size() < 2 || !is_word(rest[0], "ROUTE")) return std::nullopt;
  ExplainRoute command;
  rest = rest.subspan(1);
  if (rest.size() == 3 && is_word(rest[0], "FOR")) {
    if (rest[1].kind == Token::Kind::kSymbol || rest[1].text.empty()) return std::nullopt;
    command.database = rest[1].text;
    rest = rest.subspan(2);
  }
  if (rest.size() != 1 || rest[0].kind != Token::Kind::kString) return std::nullopt;
  command.sql = rest[0].text;
  return command;
}

Parsed parse_shutdown(Tokens rest) {
  if (rest.empty()) return OnProcess{ProcessVerb::kShutdown};
  if (rest.size() != 1) return std::nullopt;
  if (is_word(rest[0], "WAIT_FOR_SERVERS")) return OnProcess{ProcessVerb::kShutdownWaitForServers};
  if (is_word(rest[0], "WAIT_FOR_CLIENTS")) return OnProcess{ProcessVerb::kShutdownWaitForClients};
  return std::nullopt;
}

Parsed parse_on_database(const DatabaseWord& word, Tokens rest) {
  if (rest.size() > 1 || (rest.empty() && word.needs_database)) return std::nullopt;
  if (rest.empty()) return OnDatabase{word.verb, {}};
  if (!rest[0].is_name() || rest[0].text.empty()) return std::nullopt;
  return OnDatabase{word.verb, rest[0].text};
}

// DISABLE SERVER name, ENABLE SERVER name, SWITCHOVER TO name; then [IN cluster].
Parsed parse_on_server(Tokens statement) {
  struct Row {
    std::string_view word;
    std::string_view second;
    ServerVerb verb;
  };
  static constexpr std::array kRows = {Row{"DISABLE", "SERVER", ServerVerb::kDisable},
                                       Row{"ENABLE", "SERVER", ServerVerb::kEnable},
                                       Row{"SWITCHOVER", "TO", ServerVerb::kSwitchover}};
  if (statement.size() != 3 && statement.size() != 5) return std::nullopt;
  for (const Row& row : kRows) {
    if (!is_word(statement[0], row.word) || !is_word(statement[1], row.second)) continue;
    const auto is_own_name = [](const Token& token) {
      return token.kind != Token::Kind::kSymbol && !token.text.empty();
    };
    if (!is_own_name(statement[2])) return std::nullopt;
    OnServer command{row.verb, statement[2].text, {}};
    if (statement.size() == 3) return command;
    if (!is_word(statement[3], "IN") || !is_own_name(statement[4])) return std::nullopt;
    command.cluster = statement[4].text;
    return command;
  }
  return std::nullopt;
}

Parsed parse_process_word(Tokens statement) {
  if (statement.size() != 1) return std::nullopt;
  if (is_word(statement[0], "RELOAD")) return OnProcess{ProcessVerb::kReload};
  if (is_word(statement[0], "UPGRADE")) return OnProcess{ProcessVerb::kUpgrade};
  if (is_word(statement[0], "SUSPEND")) return OnProcess{ProcessVerb::kSuspend};
  return std::nullopt;
}

// What client-side pools send before they reuse a connection: RESET ALL, DISCARD ALL, UNLISTEN *,
// CLOSE ALL, DEALLOCATE ALL. A setting of ours that was SET is not among it: it stays until RELOAD.
Parsed parse_tidy(Tokens statement) {
  if (statement.size() != 2) return std::nullopt;
  if (is_word(statement[0], "UNLISTEN")) return Tidy{"UNLISTEN"};
  const bool of_session =
      is_word(statement[1], "ROLE") || parameter_named(statement[1].text) != nullptr;
  if (is_word(statement[0], "RESET") && of_session) return Tidy{"RESET"};
  if (!is_word(statement[1], "ALL")) return std::nullopt;
  if (is_word(statement[0], "RESET")) return Tidy{"RESET"};
  if (is_word(statement[0], "DISCARD")) return Tidy{"DISCARD ALL"};
  if (is_word(statement[0], "CLOSE")) return Tidy{"CLOSE CURSOR ALL"};
  if (is_word(statement[0], "DEALLOCATE")) return Tidy{"DEALLOCATE ALL"};
  return std::nullopt;
}

Parsed parse_one(Tokens statement) {
  const Token& first = statement[0];
  const Tokens rest = statement.subspan(1);
  if (is_word(first, "SHOW")) return parse_show(rest);
  if (is_word(first, "SELECT")) return parse_select(rest);
  if (is_word(first, "SET")) return parse_set(rest);
  if (is_word(first, "EXPLAIN")) return parse_explain(rest);
  if (is_word(first, "KILL_CLIENT")) return parse_kill_client(rest);
  if (is_word(first, "SHUTDOWN")) return parse_shutdown(rest);
  if (Parsed command = parse_on_server(statement)) return command;
  for (const DatabaseWord& word : kDatabaseWords) {
    if (is_word(first, word.word)) return parse_on_database(word, rest);
  }
  for (const TransactionWord& word : kTransactionWords) {
    if (is_word(first, word.word)) return Transaction{word.verb};
  }
  if (Parsed command = parse_process_word(statement)) return command;
  return parse_tidy(statement);
}

Error invalid_command(std::string_view text, std::string hint) {
  constexpr std::size_t kShownBytes = 200;
  std::size_t shown = std::min(text.size(), kShownBytes);
  // Never half a UTF-8 character: the client would refuse the message.
  while (shown < text.size() && (static_cast<unsigned char>(text[shown]) & 0xC0U) == 0x80U) --shown;
  return Error{"invalid command '" + std::string(text.substr(0, shown)) + "', use SHOW HELP;",
               std::move(hint)};
}

}  // namespace

Result<std::vector<AdminCommand>> parse_commands(std::string_view text) {
  const auto tokens = lex_command(text);
  if (!tokens) return invalid_command(text, tokens.error().message);
  std::vector<AdminCommand> commands;
  Tokens rest(*tokens);
  while (!rest.empty()) {
    const auto end = std::find_if(rest.begin(), rest.end(),
                                  [](const Token& token) { return token.is_symbol(';'); });
    const Tokens statement = rest.first(static_cast<std::size_t>(end - rest.begin()));
    rest = rest.subspan(std::min(statement.size() + 1, rest.size()));
    if (statement.empty()) continue;
    Parsed command = parse_one(statement);
    if (!command) {
      const std::size_t begin = statement.front().begin;
      return invalid_command(text.substr(begin, statement.back().end - begin), hint_for(statement));
    }
    commands.push_back(std::move(*command));
  }
  return commands;
}

}  // namespace pgsaba::admin
