// Pipeline: the ledger of replies that a server still owes, in order. Every message that is sent to
// a server (or answered in its place) is entered here, and every reply is judged here. Pure.
//
//   client ──Parse,Bind,Execute,Sync──▶ [P][B][E][S] ──▶ server
//   client ◀──1,2,D…,C,Z── judged against the head ◀── server
//
// An empty ledger together with ReadyForQuery 'I' is the only condition under which a server may
// leave its client. The rules follow src/backend/tcop/postgres.c: after an error in an extended
// message the server ignores everything up to the next Sync; while COPY FROM STDIN runs it ignores
// Sync; CopyData, CopyDone and CopyFail outside of COPY are ignored without a reply.
// Owned by one server connection; one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "pgsaba/wire/backend.h"

namespace pgsaba::server {

enum class Request : std::uint8_t {
  kQuery,
  kFunctionCall,
  kParse,
  kBind,
  kDescribe,
  kExecute,
  kClose,
  kSync,
  kCopyEnd,  // CopyDone or CopyFail: owes no reply, but ends a COPY that may have begun by then
};

// What happens to the reply when it comes.
enum class Disposition : std::uint8_t {
  kForward,     // the client's own
  kSwallow,     // pgsaba's own; an error is still the client's business
  kSynthesize,  // the message was not sent: the reply is made here when its turn comes
  kAsk,         // a question of pgsaba's: whatever comes back, also an error, is for who asked
  kBegin,       // of the BEGIN that its client had answered before: swallowed, and if it fails,
                // nothing that the client sent behind it was executed
};

struct Expected {
  Request request = Request::kQuery;
  Disposition disposition = Disposition::kForward;
  bool teaches = false;         // once answered, the server knows `statement`
  std::uint32_t statement = 0;  // the prepared statement concerned; 0: none
  std::uint32_t change = 0;     // what it does to the client's names, by the holder's number;
                                // or the number of a copy (is_named_copy)
  std::uint32_t name = 0;       // by which the client calls `statement`, by the holder's number
  bool refused = false;         // it fails for certain, and the client reads why from pgsaba
};

// What would have made or dropped a prepared statement, if only the unnamed one.
inline bool alters_statements(const Expected& entry) {
  return entry.request == Request::kParse || entry.request == Request::kClose ||
         entry.request == Request::kQuery;
}

// A Close of pgsaba's own of a name that some other client has given.
inline bool closes_name(const Expected& entry) {
  return entry.request == Request::kClose && entry.disposition != Disposition::kForward &&
         entry.statement == 0 && entry.change != 0;
}

// A Parse of pgsaba's own under a name of the client's.
inline bool is_named_copy(const Expected& entry) {
  return entry.request == Request::kParse && entry.disposition != Disposition::kForward &&
         !entry.teaches && entry.change != 0;
}

class Pipeline {
 public:
  // Entries a client may have outstanding before it is no longer read.
  static constexpr std::size_t kMaxEntries = 16'384;

  enum class Action : std::uint8_t { kForward, kSwallow, kUnexpected };
  struct Verdict {
    Action action = Action::kForward;
    bool finished = false;  // `entry` got its last reply and has left the ledger
    Expected entry = {};    // the entry the reply belongs to
  };

  // A message was sent, or (kSynthesize) is answered by pgsaba when its turn comes.
  void expect(Expected entry);

  // Judges a reply by its tag. Not for 'Z': see `ready`.
  Verdict reply(char tag);
  Verdict ready(wire::TransactionStatus status);

  bool synthesis_due() const { return count_ > 0 && at(0).disposition == Disposition::kSynthesize; }
  // The next entry whose reply is to be made now, taken off the ledger.
  std::optional<Expected> take_synthesis();

  // Whether an error could still mean that a statement which an earlier batch makes or closes on
  // the server was not made or closed.
  bool alters_earlier() const { return alterations_ > alterations_in_batch_; }
  bool alters(std::uint32_t statement) const;
  // Calls visit(entry) for each outstanding Parse that teaches and each Close of ours, in order.
  template <class Visit>
  void for_each_alteration(Visit visit) const {
    for (std::size_t i = 0; i < count_; ++i)
      if (is_alteration(at(i))) visit(at(i));
  }

  // After an error: whether it was in a batch of pgsaba's own.
  bool in_own_batch() const {
    return count_ > 0 && at(0).request == Request::kSync &&
           at(0).disposition == Disposition::kSwallow;
  }

  // A message that the server will never execute, because an error skipped it, and that would have
  // changed what prepared statements it has. Call until nothing is left after each error and each
  // `expect`.
  std::optional<Expected> take_skipped();

  // Numbers what is sent by the Sync or Query that ends it: the batch that a message belongs to
  // which is sent now, and whether such a batch has been answered to its end.
  std::uint64_t batch() const { return ends_sent_; }
  bool answered(std::uint64_t batch) const { return ends_seen_ > batch; }
  // The first that is not: what an error skips belongs to it.
  std::uint64_t answering() const { return ends_seen_; }

  // Nothing is owed, and no extended message waits for its Sync.
  bool empty() const { return count_ == 0 && !skipping_ && !copying_in_ && !batch_open_; }
  bool batch_open() const { return batch_open_; }
  // Something of the client's in the open batch may still fail.
  bool batch_in_doubt() const;
  bool full() const { return count_ >= kMaxEntries; }
  std::size_t size() const { return count_; }
  wire::TransactionStatus status() const { return status_; }
  // Whatever is sent now is ignored by the server, up to the next Sync.
  bool skipping() const { return skipping_; }
  bool copying_in() const { return copying_in_; }
  // What runs now is a Query of pgsaba's own.
  bool runs_own_query() const {
    return count_ > 0 && at(0).request == Request::kQuery &&
           at(0).disposition != Disposition::kForward;
  }
  // All that is outstanding is pgsaba's own, each in a batch of its own.
  bool nothing_of_theirs() const;
  // Nothing of the client's is outstanding, only questions.
  bool only_asks() const;
  // The client sees no reply to what is outstanding.
  void disown();
  // How many ReadyForQuery the client is still owed.
  std::size_t owed_ready() const;
  // How many messages the client still waits for a reply to.
  std::size_t owed() const;
  // The last word on this connection cannot be known to have been spoken: close it after use.
  bool doubtful() const { return doubtful_; }

 private:
  Expected& at(std::size_t index) { return ring_[(head_ + index) & (ring_.size() - 1)]; }
  const Expected& at(std::size_t index) const {
    return ring_[(head_ + index) & (ring_.size() - 1)];
  }
  static bool is_alteration(const Expected& entry) {
    return entry.teaches || (entry.request == Request::kClose && entry.statement != 0 &&
                             entry.disposition == Disposition::kSwallow);
  }
  void push(Expected entry);
  Expected pop();
  void erase(std::size_t index);
  void settle();
  void skip(Expected entry);
  Verdict error();
  void begin_copy_in();

  std::vector<Expected> ring_;  // a power of two long
  std::size_t head_ = 0;
  std::size_t count_ = 0;
  std::size_t alterations_ = 0;           // of what the server knows, among the entries
  std::size_t alterations_in_batch_ = 0;  // those behind the last Sync or Query
  std::uint64_t ends_sent_ = 0;           // Syncs, Queries and function calls
  std::uint64_t ends_seen_ = 0;           // those that are answered, skipped, or went into a COPY
  std::vector<Expected> skipped_;
  wire::TransactionStatus status_ = wire::TransactionStatus::kIdle;
  bool batch_open_ = false;     // extended messages were sent and their Sync was not
  bool skipping_ = false;       // the server ignores everything up to the next Sync
  bool copying_in_ = false;     // COPY FROM STDIN runs and its end was not sent yet
  bool syncs_ignored_ = false;  // a Sync went into a running COPY
  bool doubtful_ = false;
};

}  // namespace pgsaba::server
