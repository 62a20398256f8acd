// StatementReader: the one pass over the tokens of a text. It knows the first words of statements,
// and sees function calls by their place: a name in front of a parenthesis, unless the grammar
// allows no call there. Functions known to leave something behind count at any place. Where a text
// may run is judged on the way: it is a read until something speaks against it. Lives for one text.
// Source of the places: src/backend/parser/gram.y.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pgsaba/sql/statement.h"
#include "sql/functions.h"
#include "sql/lexer.h"

namespace pgsaba::sql {

// What the text names, for those who ask; each once.
struct NamesFound {
  std::vector<TouchedSetting> settings;
  std::vector<std::string> prepared;
};

class StatementReader {
 public:
  // `found` may be null: then nothing is allocated; so may be `rules`.
  StatementReader(std::string_view sql, const Dialect& dialect, NamesFound* found,
                  const AccessRules* rules)
      : sql_(sql),
        dialect_(dialect),
        lexer_(sql, dialect),
        found_(found),
        rules_(rules),
        objects_(rules == nullptr ? nullptr : rules->objects()) {}

  Statement read();

 private:
  // The current statement, by its first words. These leave token_ behind what they understood.
  void read_one();
  Command read_head();
  Command read_transaction();
  Command read_session();
  Command read_definition();
  Command read_parenthesis();
  Command read_commit();
  Command read_rollback();
  Command read_prepare();
  Command read_execute();
  Command read_deallocate();
  Command read_discard();
  Command read_explain();
  Command read_set();
  Command read_reset();
  Command read_show();
  Command set_session(bool local);
  void set_name(bool local);
  Command leave(Command command, Effects effects);

  // Every token passes here, once.
  void advance();
  void watch_word();
  void watch_keyword();
  void watch_statement_keyword();
  void watch_identifier(std::string_view name);
  void watch_quoted_name();
  bool names_catalog() const;
  void begin_name(std::string_view name, bool quoted);
  void open();
  void close();
  void begin_with();
  void end_with() { withs_ &= ~depth_bit(); }

  // What speaks against a read; the stronger, then the earlier reason stays.
  void deny(Access access, AccessReason reason);
  void deny(Access access, AccessReason reason, std::string_view object);
  void deny_unreadable();
  void judge_command(Command command);
  void judge_end();
  void judge_keyword();
  void judge_name();
  void judge_update();
  void judge_attribute();
  void judge_call(FunctionClass kind);
  void judge_own(const OwnVerdict* verdict, std::string_view object);
  bool may_begin_statement(Mark before) const;
  bool is_allowed() const;
  bool reads_own_setting() const;

  void call();
  bool is_call() const;
  bool is_clause() const;
  void call_set_config();
  bool is_plain_constant(const Token& token) const;
  void touch_parameter(const Token& token);

  void touch(std::string_view setting);
  void touch(TouchedSetting setting);
  void note_prepared();
  bool at_end() const;
  bool take(Mark word);
  Token peek() const;
  std::uint64_t depth_bit() const { return depth_ < 64 ? std::uint64_t{1} << depth_ : 0; }

  std::string_view sql_;
  Dialect dialect_;
  Lexer lexer_;
  NamesFound* found_;
  const AccessRules* rules_;
  const OwnObjects* objects_;
  Statement result_;
  int statements_ = 0;
  bool transaction_ = false;  // some statement begins or ends one

  // Of the current statement.
  Command command_ = Command::kEmpty;
  Token token_;
  Mark last_ = Mark::kBeginning;    // token_, as its neighbours see it
  Mark second_ = Mark::kBeginning;  // the one in front of it
  unsigned depth_ = 0;              // parentheses
  std::uint64_t expressions_ = 0;   // depths whose ) may stand directly in front of an expression
  std::uint64_t withs_ = 0;         // depths at which a list of WITH is not over
  int cases_ = 0;                   // CASE without END
  int conflicts_ = 0;               // ON CONFLICT without DO
  bool index_ = false;              // CREATE INDEX
  bool update_ = false;             // has UPDATE
  bool to_stdout_ = false;          // COPY … TO STDOUT

  // The name that is being read: a, a.b, a.b.c
  Mark before_ = Mark::kBeginning;  // what stands in front of it
  Mark second_before_ = Mark::kBeginning;
  std::string_view name_;
  bool quoted_ = false;
  bool qualified_ = false;
  bool catalog_ = false;    // it is in pg_catalog
  bool attribute_ = false;  // it stands behind the dot of an expression
  SqlName schema_;          // of a.b; empty for a and a.b.c
};

}  // namespace pgsaba::sql
