#include "session/orphaned_transaction.h"

#include <algorithm>
#include <cctype>
#include <vector>

#include "pgsaba/wire/backend.h"
#include "pgsaba/wire/frontend.h"
#include "pgsaba/wire/message_writer.h"
#include "pgsaba/wire/sqlstate.h"

namespace pgsaba::session {
namespace {

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// Skips blanks and comments.
void skip_blank(std::string_view& sql) {
  for (;;) {
    while (!sql.empty() && std::isspace(static_cast<unsigned char>(sql[0])) != 0)
      sql.remove_prefix(1);
    if (sql.starts_with("--")) {
      sql.remove_prefix(std::min(sql.size(), sql.find('\n')));
    } else if (sql.starts_with("/*") && sql.find("*/") != std::string_view::npos) {
      sql.remove_prefix(sql.find("*/") + 2);
    } else {
      return;
    }
  }
}

// Blanks, comments and semicolons: what an empty query consists of.
void skip_empty_statements(std::string_view& sql) {
  skip_blank(sql);
  while (sql.starts_with(";")) {
    sql.remove_prefix(1);
    skip_blank(sql);
  }
}

std::string next_word(std::string_view& sql) {
  skip_blank(sql);
  std::string word;
  while (!sql.empty() && is_word(sql[0])) {
    word.push_back(static_cast<char>(std::toupper(static_cast<unsigned char>(sql[0]))));
    sql.remove_prefix(1);
  }
  return word;
}

}  // namespace

TransactionEnd ends_transaction(std::string_view sql) {
  const std::string command = next_word(sql);
  if (command != "ROLLBACK" && command != "ABORT" && command != "COMMIT" && command != "END")
    return TransactionEnd::kNo;
  std::string word = next_word(sql);
  if (word == "WORK" || word == "TRANSACTION") word = next_word(sql);
  if (word == "AND") {  // only AND NO CHAIN ends it
    if (next_word(sql) != "NO" || next_word(sql) != "CHAIN") return TransactionEnd::kNo;
    word.clear();
  }
  if (!word.empty()) return TransactionEnd::kNo;  // TO SAVEPOINT, PREPARED
  skip_empty_statements(sql);
  return sql.empty() ? TransactionEnd::kYes : TransactionEnd::kYesAndMore;
}

void OrphanedTransaction::fail(std::string& out) {
  if (!told_) {
    told_ = true;
    return wire::append_error(out, 'E', loss_);
  }
  wire::append_error(out, 'E',
                     {"ERROR", "25P02",
                      "current transaction is aborted, commands ignored until end of transaction "
                      "block"});
}

// ReadyForQuery; true if no transaction is open any more, and nothing is left to be told.
bool OrphanedTransaction::ready(std::string& out) const {
  wire::append_ready(out,
                     in_block_ ? wire::TransactionStatus::kFailed : wire::TransactionStatus::kIdle);
  return !in_block_ && (told_ || !must_tell_);
}

// Whether the text may be answered with ROLLBACK.
bool OrphanedTransaction::ends_well(std::string_view sql) const {
  const std::string command = next_word(sql);
  return told_ || (command != "COMMIT" && command != "END");
}

// The batch has failed: nothing of it counts any more.
void OrphanedTransaction::skip(std::string& out) {
  skipping_ = true;
  fail(out);
}

void OrphanedTransaction::refuse(const wire::ErrorFields& error, std::string& out) {
  skipping_ = true;
  wire::append_error(out, 'E', error);
}

bool OrphanedTransaction::on_query(std::string_view sql, std::string& out) {
  std::string_view rest = sql;
  skip_empty_statements(rest);
  const TransactionEnd end = ends_transaction(sql);
  if (end == TransactionEnd::kYes && in_block_ && ends_well(sql)) {
    wire::append_command_complete(out, "ROLLBACK");
  } else if (rest.empty()) {
    out += wire::kEmptyQuery;
  } else {
    fail(out);
  }
  if (end != TransactionEnd::kNo) in_block_ = false;
  return ready(out);
}

void OrphanedTransaction::on_parse(Bytes body, std::string_view named, std::string& out) {
  const auto names = wire::read_parse(body);
  const std::string_view query = names ? std::string_view(names->rest.data()) : "";
  const bool ends = in_block_ && ends_transaction(query) == TransactionEnd::kYes;
  if (!names || !ends) return skip(out);
  if (!named.empty()) {
    skipping_ = true;
    return wire::append_error(
        out, 'E',
        {"ERROR", std::string(wire::sqlstate::kDuplicateStatement),
         "prepared statement \"" + std::string(names->statement) + "\" already exists"});
  }
  if (names->statement.empty()) unnamed_ = query;
  out += wire::kParseComplete;
}

void OrphanedTransaction::on_bind(Bytes body, std::string_view named, std::string& out) {
  const auto names = wire::read_bind(body);
  const std::string_view sql = names && names->statement.empty() ? unnamed_ : named;
  if (!names || !in_block_ || ends_transaction(sql) != TransactionEnd::kYes) return skip(out);
  bound_ = sql;
  wire::MessageWriter(out).begin('2').end();
}

void OrphanedTransaction::on_describe(Bytes body, std::string_view named, std::string& out) {
  const auto object = wire::read_object(body);
  const bool statement = object && object->kind == 'S';
  const bool other = statement && !object->name.empty();
  if (!in_block_ || (other && ends_transaction(named) != TransactionEnd::kYes)) return skip(out);
  if (statement) wire::MessageWriter(out).begin('t').int16(0).end();
  wire::MessageWriter(out).begin('n').end();
}

// True: it is over, and what follows in the batch is a matter for another server.
bool OrphanedTransaction::on_execute(std::string& out) {
  const bool ends = in_block_ && ends_well(bound_);
  in_block_ = false;
  if (!ends) {
    skip(out);
    return false;
  }
  wire::append_command_complete(out, "ROLLBACK");
  return true;
}

bool OrphanedTransaction::on_frame(char tag, Bytes body, std::string_view named, std::string& out) {
  if (tag == 'S') {
    skipping_ = false;
    return ready(out);
  }
  if (skipping_) return false;
  switch (tag) {
    case 'Q':
      return on_query(text_of(body).substr(0, text_of(body).find('\0')), out);
    case 'P':
      on_parse(body, named, out);
      break;
    case 'B':
      on_bind(body, named, out);
      break;
    case 'D':
      on_describe(body, named, out);
      break;
    case 'C':
      out += wire::kCloseComplete;
      break;
    case 'E':
      return on_execute(out);
    case 'F':
      fail(out);
      return ready(out);
    default:
      break;  // Flush, and what is left of a COPY
  }
  return false;
}

}  // namespace pgsaba::session
