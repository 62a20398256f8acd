// What every token passes: the effects that a word may have at any place, and calls of functions.
#include <new>

#include "sql/instance.h"
#include "sql/names.h"
#include "sql/statement_reader.h"
#include "sql/word_index.h"

namespace pgsaba::sql {
namespace {

constexpr unsigned kMostParameters = 65535;
constexpr std::string_view kTemporarySchema = "pg_temp";
constexpr std::string_view kPreparedView = "pg_prepared_statement";  // also with s
constexpr std::string_view kSettingsView = "pg_settings";

Effects effects_of(FunctionClass kind) {
  switch (kind) {
    case FunctionClass::kLock:
    case FunctionClass::kUnlock:
      return effect::kAdvisoryLock;
    case FunctionClass::kSequence:
      return effect::kSequence;
    case FunctionClass::kSequenceRead:
      return effect::kSequenceRead;
    case FunctionClass::kNotify:
      return effect::kNotify;
    case FunctionClass::kIrreversible:
      return effect::kIrreversible;
    case FunctionClass::kUnknown:
    case FunctionClass::kOpaque:
      return effect::kUnknownCode;
    default:
      return effect::kNone;
  }
}

// Behind these an identifier names a relation, a type, a statement or what is being defined; a
// value needs a comma or an operator in between.
bool names_no_function(Mark before) {
  switch (before) {
    case Mark::kBeginning:
    case Mark::kIdentifier:
    case Mark::kConstant:
    case Mark::kClosing:
    case Mark::kTypecast:
    case Mark::kAggregate:
    case Mark::kAs:
    case Mark::kCopy:
    case Mark::kExecute:
    case Mark::kExists:
    case Mark::kFunction:
    case Mark::kInto:
    case Mark::kOnly:
    case Mark::kPrepare:
    case Mark::kProcedure:
    case Mark::kReferences:
    case Mark::kRoutine:
    case Mark::kTable:
    case Mark::kType:
    case Mark::kView:
      return true;
    default:
      return false;
  }
}

}  // namespace

void StatementReader::advance() {
  const bool named = token_.is_name();
  // Built in its place: a copy would read in one piece what was just written in several, for which
  // a processor waits some ten nanoseconds. That was a third of the whole reading.
  new (&token_) Token(lexer_.next());
  switch (token_.kind) {
    case TokenKind::kWord:
      watch_word();
      break;
    case TokenKind::kQuotedName:
      watch_quoted_name();
      break;
    case TokenKind::kSymbol:
      if (token_.is('(')) {
        if (named) call();
        open();
      } else if (token_.is(')')) {
        return close();
      }
      break;
    case TokenKind::kString:
      if (command_ == Command::kSet || (result_.effects & effect::kSetting) != 0)
        if (token_.text.find(kTemporarySchema) != std::string_view::npos)
          result_.effects |= effect::kTemporary;
      break;
    case TokenKind::kBroken:
      deny_unreadable();
      result_.single = false;
      break;
    case TokenKind::kOperator:
      if (objects_ != nullptr) judge_own(objects_->operation(token_.text), token_.text);
      break;
    default:
      break;
  }
  second_ = last_;
  last_ = token_.mark;
}

void StatementReader::watch_word() {
  if (last_ == Mark::kDot) token_.mark = Mark::kIdentifier;
  begin_name(token_.text, false);
  if (last_ == Mark::kExecute && second_ == Mark::kAs) note_prepared();
  if (token_.mark == Mark::kIdentifier) {
    watch_identifier(token_.text);
  } else {
    watch_keyword();
  }
}

void StatementReader::watch_quoted_name() {
  if (token_.text.front() != '"') return deny_unreadable();  // U&"…" may hide any name
  const std::string_view name = token_.text.substr(1, token_.text.size() - 2);
  begin_name(name, true);
  if (last_ == Mark::kExecute && second_ == Mark::kAs) note_prepared();
  watch_identifier(name);
}

void StatementReader::begin_name(std::string_view name, bool quoted) {
  if (last_ == Mark::kDot) {
    catalog_ = !qualified_ && names_catalog();
    schema_ = qualified_ ? SqlName{} : SqlName{name_, quoted_};
    qualified_ = true;
    attribute_ = attribute_ || second_ == Mark::kClosing || second_ == Mark::kConstant ||
                 second_ == Mark::kClosingBeforeExpression;
  } else {
    before_ = last_;
    second_before_ = second_;
    qualified_ = false;
    catalog_ = true;
    attribute_ = false;
    schema_ = {};
  }
  name_ = name;
  quoted_ = quoted;
  // OPERATOR(schema.+)
  if (before_ == Mark::kOpening && second_before_ == Mark::kOperator && !qualified_ &&
      !names_catalog()) {
    result_.effects |= effect::kUnknownCode;
    // Which operators of the database's own are to be feared is known where somebody has looked.
    if (objects_ == nullptr) deny(Access::kOwnCode, AccessReason::kUnknownFunction, name_);
  }
  judge_name();
}

bool StatementReader::names_catalog() const {
  constexpr std::string_view kCatalog = "pg_catalog";
  return quoted_ ? name_ == kCatalog : same_word(name_, kCatalog);
}

// In any case: "PG_TEMP" is another schema, but nobody has it.
void StatementReader::watch_identifier(std::string_view name) {
  if (name.size() < kTemporarySchema.size() || (name[0] | 0x20) != 'p') return;
  if (same_word(name.substr(0, kTemporarySchema.size()), kTemporarySchema))
    result_.effects |= effect::kTemporary;
  if (name.size() >= kPreparedView.size() &&
      same_word(name.substr(0, kPreparedView.size()), kPreparedView))
    result_.effects |= effect::kPrepared;
  if (command_ == Command::kUpdate && same_word(name, kSettingsView))
    result_.effects |= effect::kAnySetting;  // by a rule
  // Functions about the server are judged where they are called.
  if (describes_instance(name) &&
      !(function_class(name, false) != FunctionClass::kUnknown && peek().is('(')))
    deny(Access::kPrimaryRead, AccessReason::kInstanceRelation, name);
}

// token_ is a keyword, last_ what stands in front of it.
void StatementReader::watch_keyword() {
  switch (token_.mark) {
    case Mark::kTemp:
    case Mark::kTemporary:
      if (last_ == Mark::kCreate || last_ == Mark::kReplace || last_ == Mark::kGlobal ||
          last_ == Mark::kLocal || last_ == Mark::kInto)
        result_.effects |= effect::kTemporary;
      break;
    case Mark::kHold:
      if (command_ == Command::kDeclare) result_.effects |= effect::kHeldCursor;
      break;
    case Mark::kAtomic:  // statements of the body end in semicolons, too
      if (last_ == Mark::kBegin) {
        deny_unreadable();
        result_.single = false;
      }
      break;
    case Mark::kCase:
      if (last_ != Mark::kAs) ++cases_;
      break;
    case Mark::kEnd:
      if (last_ != Mark::kAs) --cases_;
      break;
    case Mark::kConflict:
      if (last_ == Mark::kOn) ++conflicts_;
      break;
    case Mark::kDo:
      if (last_ != Mark::kAs && last_ != Mark::kThen) --conflicts_;
      break;
    case Mark::kIndex:
      if (depth_ == 0 && (last_ == Mark::kCreate || last_ == Mark::kUnique)) index_ = true;
      break;
    case Mark::kSchema:
      if (last_ == Mark::kSet && command_ == Command::kAlter) result_.effects |= effect::kTemporary;
      break;
    case Mark::kExtension:
      if (last_ == Mark::kCreate || last_ == Mark::kAlter) result_.effects |= effect::kUnknownCode;
      break;
    default:
      watch_statement_keyword();
      break;
  }
}

void StatementReader::watch_statement_keyword() {
  judge_keyword();
  switch (token_.mark) {
    case Mark::kInsert:
    case Mark::kMerge:
      result_.effects |= effect::kInsert;
      end_with();
      break;
    case Mark::kUpdate:
      update_ = true;
      end_with();
      break;
    case Mark::kDelete:
    case Mark::kSelect:
    case Mark::kTable:
    case Mark::kValues:
      end_with();
      break;
    case Mark::kDefault:  // a column's default may be the next value of a sequence
      if (update_) result_.effects |= effect::kInsert;
      break;
    case Mark::kAdd:  // a column with such a default
      if (command_ == Command::kAlter) result_.effects |= effect::kInsert;
      break;
    case Mark::kFrom:
      if (command_ == Command::kCopy && depth_ == 0) result_.effects |= effect::kInsert;
      break;
    case Mark::kExecute:
      if (last_ == Mark::kAs) result_.effects |= effect::kPrepared;
      break;
    case Mark::kWith:
      begin_with();
      break;
    default:
      break;
  }
}

// Only at the beginning of a query; elsewhere WITH is part of something else.
void StatementReader::begin_with() {
  if (last_ == Mark::kBeginning || last_ == Mark::kOpening || last_ == Mark::kAs ||
      last_ == Mark::kFor || last_ == Mark::kExplain)
    withs_ |= depth_bit();
}

void StatementReader::open() {
  if (last_ == Mark::kClosing) end_with();  // WITH … (SELECT
  const bool expression = (last_ == Mark::kOn && second_ == Mark::kDistinct) ||
                          last_ == Mark::kOperator ||
                          (last_ == Mark::kWith && second_ == Mark::kReturning);
  ++depth_;
  withs_ &= ~depth_bit();
  expressions_ = expression ? expressions_ | depth_bit() : expressions_ & ~depth_bit();
}

void StatementReader::close() {
  const bool expression = depth_ >= 64 || (expressions_ & depth_bit()) != 0;
  if (depth_ > 0) --depth_;
  second_ = last_;
  last_ = expression ? Mark::kClosingBeforeExpression : Mark::kClosing;
}

// A parenthesis follows a name.
void StatementReader::call() {
  const Reservation reserved = reservation_of(last_);
  if (reserved == Reservation::kReserved || reserved == Reservation::kColumn) return;
  const FunctionClass kind = function_class(name_, quoted_);
  judge_call(kind);
  if (!catalog_) {
    if (kind == FunctionClass::kIrreversible) result_.effects |= effect::kIrreversible;
    if (is_call()) result_.effects |= effect::kUnknownCode;
  } else if (kind == FunctionClass::kSetConfig) {
    call_set_config();
  } else if (kind != FunctionClass::kUnknown || is_call()) {
    result_.effects |= effects_of(kind);
  }
}

// Whether an unknown name in front of a parenthesis may be that of a function.
bool StatementReader::is_call() const {
  if (names_no_function(before_) || (withs_ & depth_bit()) != 0) return false;
  if (before_ == Mark::kUsing) return !(index_ && depth_ == 0);
  if (before_ == Mark::kOn && index_ && depth_ == 0) return false;
  // Windows have it in parentheses.
  if (before_ == Mark::kBy && second_before_ == Mark::kPartition && depth_ == 0) return false;
  return last_ == Mark::kIdentifier || !is_clause();
}

// A keyword that could name a function stands where it does not.
bool StatementReader::is_clause() const {
  switch (last_) {
    case Mark::kConflict:  // paid back by DO
      return before_ == Mark::kOn && conflicts_ > 0;
    case Mark::kAlso:
    case Mark::kInstead:
      return before_ == Mark::kDo;
    case Mark::kKey:
      return before_ == Mark::kPrimary || before_ == Mark::kForeign;
    case Mark::kBy:
      return before_ == Mark::kGroup || before_ == Mark::kOrder || before_ == Mark::kPartition;
    case Mark::kSets:
      return before_ == Mark::kGrouping;
    case Mark::kRollup:
    case Mark::kCube:
      return before_ == Mark::kBy && second_before_ == Mark::kGroup;
    case Mark::kSet:
      return before_ == Mark::kUpdate;
    case Mark::kZone:
      return before_ == Mark::kTime;
    case Mark::kVerbose:
      return before_ == Mark::kExplain || before_ == Mark::kAnalyze || before_ == Mark::kAnalyse;
    case Mark::kStdin:  // the options of COPY
    case Mark::kStdout:
      return command_ == Command::kCopy && depth_ == 0;
    case Mark::kInsert:  // of MERGE
      return before_ == Mark::kThen && cases_ == 0;
    default:
      return reservation_of(last_) == Reservation::kType &&
             reservation_of(before_) == Reservation::kType;
  }
}

// The lexer stands behind the parenthesis. set_config('a', …), set_config($1, …), or anything.
void StatementReader::call_set_config() {
  Lexer ahead(lexer_);
  const Token name = ahead.next();
  Token behind = ahead.next();
  if (behind.mark == Mark::kTypecast && ahead.next().kind == TokenKind::kWord)
    behind = ahead.next();
  if (behind.is(',') && name.kind == TokenKind::kParameter) return touch_parameter(name);
  const bool plain = behind.is(',') && is_plain_constant(name);
  result_.effects |= plain ? effect::kSetting : effect::kAnySetting;
  if (found_ == nullptr || !behind.is(',')) return;
  if (const auto text = constant_of(name, dialect_)) touch(TouchedSetting{lower_case(*text), 0});
}

// What it names is known without unescaping it.
bool StatementReader::is_plain_constant(const Token& token) const {
  if (token.kind != TokenKind::kString) return false;
  const char prefix = static_cast<char>(token.text.front() | 0x20);
  if (prefix == 'b' || prefix == 'x' || prefix == 'u') return false;
  return token.text.find('\\') == std::string_view::npos;
}

// The parameters of PREPARE are not those of the query.
void StatementReader::touch_parameter(const Token& token) {
  unsigned number = 0;
  for (const char digit : token.text.substr(1))
    if (number <= kMostParameters) number = number * 10 + static_cast<unsigned>(digit - '0');
  if (command_ == Command::kPrepare || number == 0 || number > kMostParameters) {
    result_.effects |= effect::kAnySetting;
  } else {
    touch(TouchedSetting{"", static_cast<std::uint16_t>(number)});
  }
}

}  // namespace pgsaba::sql
