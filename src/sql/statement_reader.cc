#include "sql/statement_reader.h"

#include <algorithm>

#include "pgsaba/sql/session_setting.h"
#include "sql/names.h"
#include "sql/word_index.h"

namespace pgsaba::sql {
namespace {

// What DISCARD ALL does: see the manual.
constexpr Effects kDiscardAll = effect::kSetting | effect::kAnySetting | effect::kTemporary |
                                effect::kAdvisoryLock | effect::kHeldCursor | effect::kListen |
                                effect::kPrepared;

bool is_transaction(Command command) {
  switch (command) {
    case Command::kBegin:
    case Command::kCommit:
    case Command::kRollback:
    case Command::kPrepareTransaction:
    case Command::kCommitPrepared:
      return true;
    default:
      return false;
  }
}

// Whether the token behind a name shows that a parameter is named.
bool assigns(const Token& token) {
  return token.is('.') || (token.kind == TokenKind::kOperator && token.text == "=") ||
         token.mark == Mark::kTo || token.mark == Mark::kFrom;
}

}  // namespace

Statement StatementReader::read() {
  if (sql_.find('\0') != std::string_view::npos)
    return {Command::kOther,           false,           effect::kAll, Access::kUnknown,
            AccessReason::kUnreadable, RouteHint::kNone};
  for (advance(); token_.kind != TokenKind::kEnd;) {
    if (at_end()) {  // a semicolon
      last_ = Mark::kBeginning;
      advance();
    } else {
      read_one();
    }
  }
  result_.single = result_.single && statements_ <= 1;
  if (transaction_ && !result_.single) result_.effects |= effect::kTransaction;
  judge_end();
  result_.hint = lexer_.hint();
  return result_;
}

void StatementReader::read_one() {
  depth_ = token_.is('(') ? 1 : 0;
  expressions_ = 0;
  withs_ = token_.mark == Mark::kWith ? 1 : 0;
  cases_ = 0;
  conflicts_ = 0;
  index_ = false;
  update_ = token_.mark == Mark::kUpdate;
  to_stdout_ = false;
  const Command command = read_head();
  judge_command(command);
  while (!at_end()) advance();
  if (conflicts_ > 0) {
    result_.effects |= effect::kUnknownCode;
    deny(Access::kUnknown, AccessReason::kUnknownFunction);
  }
  if (command == Command::kCopy && !to_stdout_) deny(Access::kWrite, AccessReason::kCopy);
  if (statements_++ == 0) result_.command = command;
  transaction_ = transaction_ || is_transaction(command);
  command_ = Command::kEmpty;
}

bool StatementReader::at_end() const {
  return token_.kind == TokenKind::kEnd || (token_.is(';') && depth_ == 0);
}

bool StatementReader::take(Mark word) {
  if (token_.kind != TokenKind::kWord || token_.mark != word) return false;
  advance();
  return true;
}

Token StatementReader::peek() const { return Lexer(lexer_).next(); }

Command StatementReader::leave(Command command, Effects effects) {
  result_.effects |= effects;
  return command;
}

// What reads or changes rows; other statements are looked for in groups.
Command StatementReader::read_head() {
  if (token_.is('(')) return read_parenthesis();
  if (token_.kind != TokenKind::kWord) return leave(Command::kOther, effect::kAll);
  switch (token_.mark) {
    case Mark::kSelect:
    case Mark::kValues:
    case Mark::kTable:
    case Mark::kWith:
      return command_ = Command::kSelect;
    case Mark::kInsert:
      return leave(command_ = Command::kInsert, effect::kInsert);
    case Mark::kUpdate:
      return command_ = Command::kUpdate;
    case Mark::kDelete:
      return command_ = Command::kDelete;
    case Mark::kMerge:
      return leave(command_ = Command::kMerge, effect::kInsert);
    case Mark::kCopy:
      return command_ = Command::kCopy;
    case Mark::kExplain:
      return read_explain();
    case Mark::kDeclare:
      return command_ = Command::kDeclare;
    case Mark::kFetch:
    case Mark::kMove:
      return Command::kFetch;
    case Mark::kClose:
      return leave(Command::kClose, effect::kHeldCursor);
    default:
      return read_transaction();
  }
}

Command StatementReader::read_transaction() {
  switch (token_.mark) {
    case Mark::kBegin:
    case Mark::kStart:
      return Command::kBegin;
    case Mark::kCommit:
    case Mark::kEnd:
      return read_commit();
    case Mark::kRollback:
    case Mark::kAbort:
      return read_rollback();
    case Mark::kSavepoint:
      return Command::kSavepoint;
    case Mark::kRelease:
      return Command::kRelease;
    default:
      return read_session();
  }
}

// What makes, shows or forgets a part of the session.
Command StatementReader::read_session() {
  switch (token_.mark) {
    case Mark::kPrepare:
      return read_prepare();
    case Mark::kSet:
      return read_set();
    case Mark::kReset:
      return read_reset();
    case Mark::kShow:
      return read_show();
    case Mark::kListen:
    case Mark::kUnlisten:
      return leave(Command::kListen, effect::kListen);
    case Mark::kNotify:
      return leave(Command::kNotify, effect::kNotify);
    case Mark::kExecute:
      return read_execute();
    case Mark::kDeallocate:
      return read_deallocate();
    case Mark::kDiscard:
      return read_discard();
    case Mark::kLoad:
      return leave(Command::kLoad, effect::kIrreversible);
    default:
      return read_definition();
  }
}

Command StatementReader::read_definition() {
  switch (token_.mark) {
    case Mark::kCreate:
      return command_ = Command::kCreate;
    case Mark::kAlter:
      return command_ = Command::kAlter;
    case Mark::kDrop:
      return leave(Command::kDrop, effect::kTemporary);
    case Mark::kDo:
      return leave(Command::kDo, effect::kUnknownCode);
    case Mark::kCall:
      return leave(Command::kCall, effect::kUnknownCode);
    case Mark::kAnalyse:
    case Mark::kAnalyze:
    case Mark::kCheckpoint:
    case Mark::kCluster:
    case Mark::kComment:
    case Mark::kGrant:
    case Mark::kImport:
    case Mark::kLock:
    case Mark::kReassign:
    case Mark::kRefresh:
    case Mark::kReindex:
    case Mark::kRevoke:
    case Mark::kSecurity:
    case Mark::kTruncate:
    case Mark::kVacuum:
      return Command::kOther;
    default:
      return leave(Command::kOther, effect::kAll);
  }
}

Command StatementReader::read_parenthesis() {
  while (token_.is('(')) advance();
  switch (token_.mark) {
    case Mark::kSelect:
    case Mark::kValues:
    case Mark::kTable:
    case Mark::kWith:
      return command_ = Command::kSelect;
    default:
      return leave(Command::kOther, effect::kAll);
  }
}

Command StatementReader::read_commit() {
  advance();
  return token_.mark == Mark::kPrepared ? Command::kCommitPrepared : Command::kCommit;
}

Command StatementReader::read_rollback() {
  advance();
  if (token_.mark == Mark::kPrepared) return Command::kCommitPrepared;
  if (!take(Mark::kWork)) take(Mark::kTransaction);
  return token_.mark == Mark::kTo ? Command::kRollbackTo : Command::kRollback;
}

// PREPARE TRANSACTION 'x', but PREPARE transaction AS … names a statement.
Command StatementReader::read_prepare() {
  advance();
  if (token_.mark == Mark::kTransaction && peek().kind == TokenKind::kString)
    return Command::kPrepareTransaction;
  note_prepared();
  return leave(command_ = Command::kPrepare, effect::kPrepared);
}

Command StatementReader::read_execute() {
  advance();
  note_prepared();
  return leave(command_ = Command::kExecute, effect::kPrepared);
}

// DEALLOCATE [PREPARE] name, where PREPARE may be the name.
Command StatementReader::read_deallocate() {
  advance();
  if (token_.mark == Mark::kPrepare && peek().is_name()) advance();
  if (token_.mark != Mark::kAll) note_prepared();
  return leave(Command::kDeallocate, effect::kPrepared);
}

Command StatementReader::read_discard() {
  advance();
  switch (token_.mark) {
    case Mark::kAll:
      touch("session_authorization");
      touch("role");
      return leave(Command::kDiscard, kDiscardAll);
    case Mark::kTemp:
    case Mark::kTemporary:
      return leave(Command::kDiscard, effect::kTemporary);
    case Mark::kSequences:  // what is forgotten need not be kept
    case Mark::kPlans:
      return Command::kDiscard;
    default:
      return leave(Command::kDiscard, effect::kAll);
  }
}

// The effects are those of what it may run; the parenthesis holds options or a query.
Command StatementReader::read_explain() {
  advance();
  if (token_.is('(')) {
    const Mark first = peek().mark;
    if (first != Mark::kSelect && first != Mark::kValues && first != Mark::kTable &&
        first != Mark::kWith && first != Mark::kOpening) {
      while (depth_ > 0 && token_.kind != TokenKind::kEnd) advance();
      advance();
    }
  } else {
    while (take(Mark::kAnalyze) || take(Mark::kAnalyse) || take(Mark::kVerbose)) {
    }
  }
  const bool again = token_.mark == Mark::kExplain;  // refused by the server
  judge_command(again ? Command::kOther : read_head());
  return Command::kExplain;
}

Command StatementReader::read_set() {
  command_ = Command::kSet;
  advance();
  bool local = false;
  if ((token_.mark == Mark::kLocal || token_.mark == Mark::kSession) && !assigns(peek())) {
    local = token_.mark == Mark::kLocal;
    advance();
  }
  if (assigns(peek())) {
    set_name(local);
    return Command::kSet;
  }
  switch (token_.mark) {
    case Mark::kTransaction:
    case Mark::kConstraints:
      return Command::kSetTransaction;
    case Mark::kSession:
    case Mark::kCharacteristics:
    case Mark::kAuthorization:
      return set_session(local);
    case Mark::kCatalog:
      return Command::kSet;  // refused
    default:
      break;
  }
  struct Row {
    Mark word;
    std::string_view setting;
  };
  static constexpr Row kRows[] = {
      {Mark::kTime, "timezone"},      {Mark::kZone, "timezone"}, {Mark::kNames, "client_encoding"},
      {Mark::kSchema, "search_path"}, {Mark::kRole, "role"},     {Mark::kXml, "xmloption"}};
  const auto* row = std::ranges::find(kRows, token_.mark, &Row::word);
  if (row == std::end(kRows)) return leave(Command::kSet, effect::kAll);
  if (!local) touch(row->setting);
  return Command::kSet;
}

Command StatementReader::set_session(bool local) {
  take(Mark::kSession);
  const bool authorization = token_.mark == Mark::kAuthorization;
  if (local) return Command::kSet;
  if (authorization) {
    touch("session_authorization");
    touch("role");
  } else {
    touch("default_transaction_isolation");
    touch("default_transaction_read_only");
    touch("default_transaction_deferrable");
  }
  return Command::kSet;
}

// token_ is the first part of a parameter's name.
void StatementReader::set_name(bool local) {
  if (same_word(token_.text, "seed") || token_.text == "\"seed\"")
    result_.effects |= effect::kIrreversible;
  std::string name;
  for (;;) {
    if (found_ != nullptr) name += name_of(token_).value_or("");
    advance();
    if (!token_.is('.')) break;
    if (found_ != nullptr) name += '.';
    advance();
  }
  if (!local) touch(TouchedSetting{lower_case(name), 0});
}

Command StatementReader::read_reset() {
  command_ = Command::kSet;
  advance();
  const Token second = peek();
  if (token_.mark == Mark::kAll && !second.is('.'))
    return leave(Command::kSet, effect::kAnySetting);
  if (token_.mark == Mark::kTime && second.mark == Mark::kZone) {
    touch("timezone");
  } else if (token_.mark == Mark::kTransaction && second.mark == Mark::kIsolation) {
    touch("transaction_isolation");
  } else if (token_.mark == Mark::kSession && second.mark == Mark::kAuthorization) {
    touch("session_authorization");
    touch("role");
  } else {
    set_name(false);
  }
  return Command::kSet;
}

// SHOW name, SHOW TIME ZONE, SHOW TRANSACTION ISOLATION LEVEL; others may tell of the server.
Command StatementReader::read_show() {
  advance();
  const Token second = peek();
  std::string_view name = token_.text;
  if (token_.kind == TokenKind::kQuotedName) name = name.substr(1, name.size() - 2);
  const bool phrase = (token_.mark == Mark::kTime && second.mark == Mark::kZone) ||
                      (token_.mark == Mark::kTransaction && second.mark == Mark::kIsolation);
  if (!phrase && (second.is('.') || !is_session_setting(name)))
    deny(Access::kPrimaryRead, AccessReason::kSetting);
  return Command::kShow;
}

void StatementReader::touch(std::string_view setting) {
  result_.effects |= effect::kSetting;
  if (found_ != nullptr) touch(TouchedSetting{std::string(setting), 0});
}

void StatementReader::touch(TouchedSetting setting) {
  result_.effects |= effect::kSetting;
  if (found_ != nullptr && std::ranges::find(found_->settings, setting) == found_->settings.end())
    found_->settings.push_back(std::move(setting));
}

// token_ should be the name of a prepared statement.
void StatementReader::note_prepared() {
  if (found_ == nullptr) return;
  auto name = name_of(token_);
  if (name && std::ranges::find(found_->prepared, *name) == found_->prepared.end())
    found_->prepared.push_back(std::move(*name));
}

}  // namespace pgsaba::sql
