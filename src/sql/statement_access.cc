// What speaks against a read: statements, names and calls.
#include "sql/statement_reader.h"
#include "sql/word_index.h"

namespace pgsaba::sql {
namespace {

struct Verdict {
  Access access = Access::kRead;
  AccessReason reason = AccessReason::kNone;
};

Verdict verdict_of(Command command) {
  switch (command) {
    case Command::kEmpty:
    case Command::kSelect:
    case Command::kShow:
    case Command::kExplain:  // what it explains is judged on its own
    case Command::kCopy:     // at its end
      return {};
    case Command::kBegin:
    case Command::kCommit:
    case Command::kRollback:
    case Command::kSavepoint:
    case Command::kRelease:
    case Command::kRollbackTo:
    case Command::kSetTransaction:
      return {Access::kUnknown, AccessReason::kTransaction};
    case Command::kSet:
    case Command::kListen:
    case Command::kPrepare:
    case Command::kDeallocate:
    case Command::kDiscard:
      return {Access::kUnknown, AccessReason::kSession};
    case Command::kExecute:
      return {Access::kUnknown, AccessReason::kExecute};
    case Command::kDeclare:
    case Command::kFetch:
    case Command::kClose:
      return {Access::kUnknown, AccessReason::kCursor};
    case Command::kDo:
    case Command::kCall:
    case Command::kOther:
      return {Access::kUnknown, AccessReason::kStatement};
    default:
      return {Access::kWrite, AccessReason::kStatement};
  }
}

Verdict verdict_of(FunctionClass kind) {
  switch (kind) {
    case FunctionClass::kHarmless:
      return {};
    case FunctionClass::kWrite:
    case FunctionClass::kSequence:
    case FunctionClass::kNotify:
      return {Access::kWrite, AccessReason::kWritingFunction};
    case FunctionClass::kLock:
    case FunctionClass::kUnlock:
    case FunctionClass::kTransactionLock:
      return {Access::kWrite, AccessReason::kAdvisoryLock};
    case FunctionClass::kControl:
      return {Access::kWrite, AccessReason::kControlFunction};
    case FunctionClass::kIrreversible:
      return {Access::kWrite, AccessReason::kSessionFunction};
    case FunctionClass::kSetConfig:
    case FunctionClass::kSequenceRead:
    case FunctionClass::kSessionRead:
      return {Access::kPrimaryRead, AccessReason::kSessionFunction};
    case FunctionClass::kInstance:
      return {Access::kPrimaryRead, AccessReason::kInstanceFunction};
    case FunctionClass::kOpaque:
      return {Access::kUnknown, AccessReason::kOpaqueFunction};
    case FunctionClass::kUnknown:
      break;
  }
  return {Access::kOwnCode, AccessReason::kUnknownFunction};
}

}  // namespace

void StatementReader::deny(Access access, AccessReason reason) { deny(access, reason, {}); }

// `object`: what it is about, a part of the text.
void StatementReader::deny(Access access, AccessReason reason, std::string_view object) {
  if (access <= result_.access) return;
  result_.access = access;
  result_.reason = reason;
  result_.object_at = object.empty() ? 0 : static_cast<std::uint32_t>(object.data() - sql_.data());
  result_.object_bytes = static_cast<std::uint32_t>(object.size());
}

void StatementReader::deny_unreadable() {
  result_.effects = effect::kAll;
  deny(Access::kUnknown, AccessReason::kUnreadable);
}

void StatementReader::judge_command(Command command) {
  const Verdict verdict = verdict_of(command);
  deny(verdict.access, verdict.reason);
}

// Whatever leaves something behind is no read, though no rule above may have seen it. Some effects
// have rules of their own: a column may be called "insert", unknown code may be allowed, and what
// concerns only the session writes nothing.
void StatementReader::judge_end() {
  const OwnVerdict* all = objects_ == nullptr || statements_ == 0 ? nullptr : objects_->anything();
  if (all != nullptr) deny(all->access, AccessReason::kOwnObject);
  constexpr Effects kJudged = effect::kInsert | effect::kUnknownCode | effect::kSetting |
                              effect::kAnySetting | effect::kSequenceRead;
  if ((result_.effects & ~kJudged) == 0) return;
  const bool temporary = (result_.effects & effect::kTemporary) != 0;
  deny(Access::kUnknown, temporary ? AccessReason::kTemporary : AccessReason::kSession);
}

// Where INSERT, UPDATE, DELETE or MERGE stands in a statement: behind the parenthesis of WITH or
// COPY, or behind the list of WITH, which ends in a parenthesis or a name. Not a column that is
// called so: it stands behind a comma, an operator or a reserved word.
bool StatementReader::may_begin_statement(Mark before) const {
  switch (before) {
    case Mark::kBeginning:
    case Mark::kSign:
    case Mark::kComma:
    case Mark::kDot:
    case Mark::kTypecast:
      return false;
    default:
      return reservation_of(before) != Reservation::kReserved;
  }
}

// token_ is a keyword, last_ and second_ what stands in front of it.
void StatementReader::judge_keyword() {
  switch (token_.mark) {
    case Mark::kUpdate:  // FOR UPDATE, FOR NO KEY UPDATE
      if (last_ == Mark::kFor || (last_ == Mark::kKey && second_ == Mark::kNo))
        deny(Access::kWrite, AccessReason::kLockingClause);
      break;
    case Mark::kShare:  // FOR SHARE, FOR KEY SHARE
      if (last_ == Mark::kFor || (last_ == Mark::kKey && second_ == Mark::kFor))
        deny(Access::kWrite, AccessReason::kLockingClause);
      break;
    case Mark::kInto:
      if (last_ == Mark::kInsert || last_ == Mark::kMerge)
        deny(Access::kWrite, AccessReason::kDataModifying);
      else if (last_ != Mark::kAs)
        deny(Access::kWrite, AccessReason::kInto);
      break;
    case Mark::kFrom:
      if (last_ == Mark::kDelete && may_begin_statement(second_))
        deny(Access::kWrite, AccessReason::kDataModifying);
      if (command_ == Command::kCopy && depth_ == 0) deny(Access::kWrite, AccessReason::kCopy);
      break;
    case Mark::kStdout:
      if (last_ == Mark::kTo && depth_ == 0) to_stdout_ = true;
      break;
    default:
      break;
  }
}

// token_ is a part of a name.
void StatementReader::judge_name() {
  if (last_ == Mark::kUpdate) judge_update();
  if (attribute_) judge_attribute();
  if (rules_ == nullptr) return;
  if (rules_->denies_relation({name_, quoted_}))
    deny(Access::kUnknown, AccessReason::kDeniedRelation, name_);
  if (objects_ != nullptr) judge_own(objects_->name(name_), name_);
}

// What is behind it may as well change the session.
void StatementReader::judge_own(const OwnVerdict* verdict, std::string_view object) {
  if (verdict == nullptr) return;
  deny(verdict->access, AccessReason::kOwnObject, object);
  if (verdict->access >= Access::kOwnCode) result_.effects |= effect::kUnknownCode;
}

// UPDATE table, UPDATE ONLY table.
void StatementReader::judge_update() {
  const Reservation reserved = reservation_of(token_.mark);
  const bool table = reserved == Reservation::kFree || reserved == Reservation::kColumn ||
                     token_.mark == Mark::kOnly;
  if (table && may_begin_statement(second_)) deny(Access::kWrite, AccessReason::kDataModifying);
}

// (expression).name calls the function of that name if there is no such column.
void StatementReader::judge_attribute() {
  const Verdict verdict = verdict_of(function_class(name_, quoted_));
  deny(verdict.access, verdict.reason, name_);
}

// A parenthesis follows a name.
void StatementReader::judge_call(FunctionClass kind) {
  if (rules_ != nullptr && rules_->denies_function({name_, quoted_}))
    deny(Access::kUnknown, AccessReason::kDeniedFunction, name_);
  if (!catalog_) kind = FunctionClass::kUnknown;
  if (kind == FunctionClass::kHarmless) {
    // The database may have another one of that name, which fits the arguments better.
    if (objects_ != nullptr && !rules_->for_catalogue_texts())
      judge_own(objects_->function(name_), name_);
    return;
  }
  if (kind == FunctionClass::kUnknown && (!is_call() || is_allowed())) return;
  if (kind == FunctionClass::kSessionRead && reads_own_setting()) return;
  const Verdict verdict = verdict_of(kind);
  deny(verdict.access, verdict.reason, name_);
}

// current_setting('app.tenant') in a policy or view: the parameters of a session follow it to every
// server.
bool StatementReader::reads_own_setting() const {
  if (rules_ == nullptr || !rules_->for_catalogue_texts() || !same_word(name_, "current_setting"))
    return false;
  const Token argument = peek();
  return argument.kind == TokenKind::kString && argument.text.find('.') != std::string_view::npos;
}

// By the administrator.
bool StatementReader::is_allowed() const {
  if (rules_ == nullptr || (qualified_ && schema_.text.empty())) return false;
  return rules_->allows_function(schema_, {name_, quoted_});
}

}  // namespace pgsaba::sql
