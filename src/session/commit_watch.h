// CommitWatch: one COMMIT from the question for its transaction's id to its answer. It knows what
// the client has to be told if the COMMIT is found to have taken effect after its server was lost:
// the replies that are still owed, in the form in which it was sent. Pure; owned by one session.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pgsaba/base/bytes.h"
#include "pgsaba/routing/commit_fate.h"

namespace pgsaba::session {

class CommitWatch {
 public:
  // What the server is asked. It fails in no transaction that has written.
  static constexpr std::string_view kQuestion =
      "SELECT pg_catalog.txid_current_if_assigned(),"
      " CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.substr("
      "pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 1, 8) END";

  explicit CommitWatch(Micros now) { mark_.asked_at = now; }

  // What came on the question, up to ReadyForQuery. Whatever comes later is about something else.
  void answered(Bytes frames);
  bool is_answered() const { return answered_; }
  // The question failed, and the transaction with it.
  bool has_failed() const { return failed_; }

  // The client's messages, from the one on that shows it to be a COMMIT; its Query, or the batch of
  // which it is the only statement.
  void sent(char tag, Bytes body);

  // The fate may be asked for if the server still owes replies to so many messages.
  bool is_whole(std::size_t owed) const {
    return state_ == State::kWhole && owed == messages_ && mark_.known();
  }
  const routing::CommitMark& mark() const { return mark_; }
  const std::string& replies() const { return replies_; }

 private:
  // kSpoiled: something else was sent, too.
  enum class State : std::uint8_t { kOpen, kExecuted, kWhole, kSpoiled };

  void describe(Bytes body);

  routing::CommitMark mark_;
  bool answered_ = false;
  bool failed_ = false;
  State state_ = State::kOpen;
  std::size_t messages_ = 0;  // that owe a reply
  std::string statement_;     // the name of it, once a message of the batch has shown it
  bool bound_ = false;
  std::string replies_;
};

}  // namespace pgsaba::session
