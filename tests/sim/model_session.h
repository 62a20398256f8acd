// ModelSession: PostgreSQL's side of one session, as a state machine over bytes: simple and
// extended protocol, transactions, prepared statements, portals, COPY. The simulated back end runs
// one per connection; the judge runs a private one per client, as the direct connection that
// pgsaba's answers are compared with. Pure: no clock, no chance. One thread.
//
// The rules are those of src/backend/tcop/postgres.c; the language is a toy:
//   SELECT rows bytes | SELECT SLEEP microseconds | SELECT FAIL | SELECT SYNTAX
//   UPDATE n | DROP NOTICE | COPY COPYIN bad_line | COPY COPYOUT rows bytes
//   BEGIN | COMMIT | ROLLBACK | SET name TO value | RESET name | RESET ALL | SHOW name
//   DEALLOCATE ALL | DEALLOCATE name | DISCARD ALL | DISCARD SEQUENCES
//   CREATE TEMP TABLE name | DROP TABLE name | LISTEN channel | UNLISTEN channel | NOTIFY channel,
//   tag
// and, by the simple protocol only:
//   PREPARE name AS SELECT rows bytes | EXECUTE name
//   TABLE name | SELECT pg_advisory_lock(key) | SELECT pg_advisory_unlock(key)
// joined by ';', with a comment at the end that carries the client's tag. The first word of each is
// one of SQL: pgsaba reads it to see what a statement may leave behind (DROP: temporary objects). A
// parameter's name or value may be quoted. The set_config and the questions that pgsaba sends are
// understood too.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pgsaba/base/clock.h"
#include "sim/belongings.h"

namespace pgsaba::sim {

using ModelSettings = std::map<std::string, std::string>;

class ModelSession {
 public:
  explicit ModelSession(ModelSettings defaults = {});

  void feed(std::string_view bytes);
  bool has_message() const;
  std::string_view message() const;  // the next whole one, header included
  // What the next message will execute; empty if nothing. Unique for each execution.
  std::string run_name() const;
  Micros cost() const;  // how long that takes
  // Takes the next message; `cancelled`: what it executes is cancelled instead.
  void run(bool cancelled, std::string& out);
  // The next batch was refused before it reached a server: it is over with its error, and so is
  // the transaction that was to begin with it.
  void refuse_batch(std::string& out);

  bool terminated() const { return terminated_; }
  char status() const { return status_; }
  bool copying_in() const { return copy_ != Copy::kNone; }
  // Between two batches, in no transaction: here a pooler may change the client.
  bool at_rest() const { return status_ == 'I' && !in_batch_ && copy_ == Copy::kNone; }
  // In a block of which nothing but a BEGIN as a query of its own has come: pgsaba has not sent it.
  bool in_unsent_block() const { return unsent_block_; }
  // Reported parameters whose value is not the default.
  const ModelSettings& settings() const { return current_; }
  const ModelSettings& reported() const { return reported_; }
  void set_startup(const std::string& name, const std::string& value);

  const Belongings& belongings() const { return belongings_; }
  // Of one that stands for a direct connection: notifications are judged otherwise.
  void hear_nothing() { hears_ = false; }
  // Somebody has notified: it is told at its next ReadyForQuery 'I', or by `take_heard` if it
  // rests.
  void heard(const Notification& one);
  std::string take_heard() { return std::exchange(heard_, {}); }
  // What it has notified itself since it was asked last.
  std::vector<Notification> take_notified() { return std::exchange(notified_, {}); }
  // The next message fails with an error of pgsaba's, inside a transaction.
  void refuse_message(std::string& out);
  // It has used an unnamed statement that pgsaba may not know any more: one older than one that was
  // skipped, too long to be kept, or prepared to end a transaction that had lost its server.
  bool used_forgotten_unnamed() const { return used_forgotten_unnamed_; }

 private:
  bool concerns_end_of_block(std::string_view frame) const;
  struct Portal {
    std::string sql;
    std::string parameter;
    std::size_t position = 0;  // rows already sent
    int executions = 0;
    bool done = false;
  };
  enum class Copy : std::uint8_t { kNone, kSimple, kExtended };

  void simple_query(std::string_view sql, bool cancelled, std::string& out);
  void parse(std::string_view body, std::string& out);
  void bind(std::string_view body, std::string& out);
  void describe(std::string_view body, std::string& out);
  void execute(std::string_view body, bool cancelled, std::string& out);
  void close(std::string_view body);
  void sync(std::string& out);
  void copy_message(char tag, std::string_view body, std::string& out);
  void finish_copy(std::string& out);
  // One statement; false if it failed (the error is in `out`).
  bool run_statement(std::string_view sql, std::string_view echo, bool cancelled, std::string& out);
  bool run_transaction_command(std::string_view verb, std::string& out);
  bool prepare(const std::string& name, std::string_view sql, std::string& out);
  bool no_such_statement(const std::string& name, std::string& out);
  bool run_session_command(const std::vector<std::string>& words, std::string& out);
  bool run_on_belongings(const std::vector<std::string>& words, std::string& out);
  void commit_belongings();
  bool answer_question(std::string_view sql, std::string& out);
  bool end_transaction(bool commit, std::string& out);
  void fail(std::string_view sqlstate, std::string_view message, std::string& out);
  void fail_extended(std::string_view sqlstate, std::string_view message, std::string& out);
  bool refused_in_failed_block(std::string_view sql, std::string& out);
  void ready(std::string& out);
  void report(std::string& out);
  void set(const std::string& name, const std::string& value);
  std::string value_of(const std::string& name) const;
  std::string canonical(const std::string& name) const;

  std::string input_;
  std::size_t ignored_ = 0;  // bytes to come that belong to a refused message
  ModelSettings defaults_;
  ModelSettings current_;
  ModelSettings at_begin_;  // what a rollback returns to
  ModelSettings reported_;
  struct Prepared {
    std::string sql;
    std::string source = {};  // of one prepared by SQL: all of the query that did it
    bool by_sql = false;
  };
  std::map<std::string, Prepared> statements_;
  std::string source_;            // the query that runs
  bool unnamed_skipped_ = false;  // the last Parse without a name
  bool used_forgotten_unnamed_ = false;
  std::map<std::string, Portal> portals_;
  Belongings belongings_;
  bool hears_ = true;
  std::string heard_;  // NotificationResponses to be told
  std::vector<Notification> notified_;
  std::string copy_echo_;
  int copy_bad_line_ = 0;
  int copy_lines_ = 0;
  Copy copy_ = Copy::kNone;
  char status_ = 'I';
  bool in_batch_ = false;  // extended messages since the last Sync
  bool skipping_ = false;  // an error waits for its Sync
  bool unsent_block_ = false;
  bool terminated_ = false;
};

// A statement of the toy language without its comment, cut into words.
std::vector<std::string> words_of(std::string_view sql);

}  // namespace pgsaba::sim
