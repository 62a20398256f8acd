// OrphanedTransaction: speaks for a server that a client does not have (any more). If it died
// inside a transaction, that is surely rolled back; until the client ends it, every statement
// fails, as in any failed transaction; COMMIT and ROLLBACK both answer ROLLBACK. Outside of a
// transaction one statement (or batch up to its Sync) fails, and that is all. Pure: frames in,
// bytes out; an empty query does not fail, so that the next one does. Source: what PostgreSQL
// answers in TBLOCK_ABORT (exec_simple_query and its siblings in src/backend/tcop/postgres.c).
// Owned by one session.
#pragma once

#include <string>
#include <string_view>

#include "pgsaba/base/bytes.h"
#include "pgsaba/wire/error_fields.h"

namespace pgsaba::session {

// Whether a text is one command that ends a failed transaction, or begins with one.
enum class TransactionEnd : std::uint8_t { kNo, kYes, kYesAndMore };
TransactionEnd ends_transaction(std::string_view sql);

class OrphanedTransaction {
 public:
  // `loss` is told once, with the first statement that fails, unless the client knows it already.
  // `skipping`: the client is in the middle of a batch that has failed; its Sync comes later.
  // Without `in_block` the failure of one statement ends it all. A COMMIT fails unless the client
  // knows of the loss: it must not take the answer for a success.
  OrphanedTransaction(wire::ErrorFields loss, bool told, bool skipping, bool in_block)
      : loss_(std::move(loss)),
        told_(told),
        skipping_(skipping),
        must_tell_(!told && !in_block),
        in_block_(in_block) {}

  // Answers one frame. `named` is the text of the named statement that it refers to, empty if there
  // is none: a Parse of that name is a duplicate. True: the client has ended the transaction, but
  // maybe not its batch.
  bool on_frame(char tag, Bytes body, std::string_view named, std::string& out);
  // In place of a message of a batch that does not fail by itself.
  void refuse(const wire::ErrorFields& error, std::string& out);
  // What comes now is ignored, up to the Sync.
  bool skipping() const { return skipping_; }

 private:
  bool on_query(std::string_view sql, std::string& out);
  void on_parse(Bytes body, std::string_view named, std::string& out);
  void on_bind(Bytes body, std::string_view named, std::string& out);
  void on_describe(Bytes body, std::string_view named, std::string& out);
  bool on_execute(std::string& out);
  bool ends_well(std::string_view sql) const;
  void skip(std::string& out);
  void fail(std::string& out);
  bool ready(std::string& out) const;

  wire::ErrorFields loss_;
  bool told_;
  bool skipping_;
  bool must_tell_;       // before it is over: the loss of more than a transaction
  std::string unnamed_;  // the text of the unnamed statement
  std::string bound_;    // of what Execute will run
  bool in_block_;        // until the client ends it; the next ReadyForQuery says so
};

}  // namespace pgsaba::session
