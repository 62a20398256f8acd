#include "pgsaba/server/pipeline.h"

#include <algorithm>
#include <utility>

namespace pgsaba::server {
namespace {

bool is_extended(Request request) {
  switch (request) {
    case Request::kParse:
    case Request::kBind:
    case Request::kDescribe:
    case Request::kExecute:
    case Request::kClose:
      return true;
    default:
      return false;
  }
}

bool ends_with_ready(Request request) {
  return request == Request::kQuery || request == Request::kFunctionCall ||
         request == Request::kSync;
}

// Whether `tag` is the last reply to a message of this kind (ReadyForQuery and errors aside).
bool finishes(Request request, char tag) {
  switch (request) {
    case Request::kParse:
      return tag == '1';
    case Request::kBind:
      return tag == '2';
    case Request::kClose:
      return tag == '3';
    case Request::kDescribe:
      return tag == 'T' || tag == 'n';
    case Request::kExecute:
      return tag == 'C' || tag == 'I' || tag == 's';
    default:
      return false;
  }
}

// Whether `tag` may come while a message of this kind is being answered.
bool belongs(Request request, char tag) {
  switch (request) {
    case Request::kQuery:
      return tag == 'T' || tag == 'D' || tag == 'C' || tag == 'I' || tag == 'G' || tag == 'H' ||
             tag == 'W' || tag == 'd' || tag == 'c';
    case Request::kFunctionCall:
      return tag == 'V';
    case Request::kDescribe:
      return tag == 't' || tag == 'T' || tag == 'n';
    case Request::kExecute:
      return tag == 'D' || tag == 'C' || tag == 'I' || tag == 's' || tag == 'G' || tag == 'H' ||
             tag == 'W' || tag == 'd' || tag == 'c';
    default:
      return finishes(request, tag);
  }
}

bool asynchronous(char tag) { return tag == 'N' || tag == 'S' || tag == 'A'; }

Pipeline::Action action_of(Disposition disposition) {
  const bool theirs =
      disposition == Disposition::kForward || disposition == Disposition::kSynthesize;
  return !theirs ? Pipeline::Action::kSwallow : Pipeline::Action::kForward;
}

}  // namespace

void Pipeline::push(Expected entry) {
  if (count_ == ring_.size()) {
    std::vector<Expected> larger(ring_.empty() ? 16 : ring_.size() * 2);
    for (std::size_t i = 0; i < count_; ++i) larger[i] = at(i);
    ring_ = std::move(larger);
    head_ = 0;
  }
  at(count_++) = entry;
  if (ends_with_ready(entry.request)) {
    alterations_in_batch_ = 0;
    ++ends_sent_;
  }
  if (!is_alteration(entry)) return;
  ++alterations_;
  ++alterations_in_batch_;
}

Expected Pipeline::pop() {
  const Expected entry = at(0);
  head_ = (head_ + 1) & (ring_.size() - 1);
  --count_;
  if (ends_with_ready(entry.request)) ++ends_seen_;
  if (is_alteration(entry)) --alterations_;
  alterations_in_batch_ = std::min(alterations_in_batch_, alterations_);
  return entry;
}

bool Pipeline::alters(std::uint32_t statement) const {
  bool found = false;
  for_each_alteration([&](const Expected& entry) { found |= entry.statement == statement; });
  return found;
}

void Pipeline::erase(std::size_t index) {
  if (ends_with_ready(at(index).request)) ++ends_seen_;
  for (std::size_t i = index; i + 1 < count_; ++i) at(i) = at(i + 1);
  --count_;
}

// The ends of COPYs that never began, or are over, owe nothing.
void Pipeline::settle() {
  while (count_ > 0 && at(0).request == Request::kCopyEnd) pop();
}

void Pipeline::skip(Expected entry) {
  if (entry.statement != 0 || entry.change != 0 || alters_statements(entry))
    skipped_.push_back(entry);
}

void Pipeline::expect(Expected entry) {
  if (entry.request == Request::kCopyEnd) {
    if (copying_in_) {
      copying_in_ = false;
    } else if (count_ > 0) {
      push(entry);  // the COPY it ends may begin later
    }
    return;
  }
  if (entry.request == Request::kSync && copying_in_) {
    syncs_ignored_ = true;
    return;
  }
  if (skipping_ && entry.request != Request::kSync) return skip(entry);
  if (entry.request == Request::kSync) skipping_ = false;
  batch_open_ = is_extended(entry.request);
  push(entry);
}

// CopyInResponse. What was sent behind the COPY is read by the server as part of it, up to the
// message that ends the COPY: Sync (and Flush) are ignored there. A simple Query ends with its own
// ReadyForQuery, and a Sync behind it is ignored just the same.
void Pipeline::begin_copy_in() {
  copying_in_ = true;
  for (std::size_t i = 1; i < count_ && copying_in_;) {
    const Request request = at(i).request;
    if (request != Request::kCopyEnd && request != Request::kSync) return;  // it fails the COPY
    if (request == Request::kCopyEnd) copying_in_ = false;
    if (request == Request::kSync) syncs_ignored_ = true;
    erase(i);
  }
  // Without the Sync that went into the COPY the batch may be open again.
  std::size_t last = count_ - 1;
  while (at(last).request == Request::kCopyEnd) --last;
  batch_open_ = is_extended(at(last).request);
}

Pipeline::Verdict Pipeline::error() {
  if (count_ == 0) return {Action::kUnexpected, false, {}};
  const Expected entry = at(0);
  if (entry.disposition == Disposition::kSynthesize || !is_extended(entry.request)) {
    copying_in_ = copying_in_ && !ends_with_ready(entry.request);
    return {action_of(entry.disposition), false, entry};
  }
  // A Sync that went into the COPY may not have been read yet when the COPY failed: the server
  // then answers it, otherwise it does not, and nothing on the wire tells which.
  if (syncs_ignored_) doubtful_ = true;
  copying_in_ = false;
  skip(pop());
  while (count_ > 0 && at(0).request != Request::kSync) skip(pop());
  skipping_ = count_ == 0;
  return {Action::kForward, true, entry};
}

Pipeline::Verdict Pipeline::reply(char tag) {
  if (asynchronous(tag)) {
    const bool ours = count_ > 0 && action_of(at(0).disposition) == Action::kSwallow && tag != 'A';
    return {ours ? Action::kSwallow : Action::kForward, false, count_ > 0 ? at(0) : Expected{}};
  }
  if (tag == 'E') return error();
  if (count_ == 0 || at(0).disposition == Disposition::kSynthesize || !belongs(at(0).request, tag))
    return {Action::kUnexpected, false, {}};
  if (tag == 'G') begin_copy_in();
  const Expected entry = at(0);
  const bool finished = finishes(entry.request, tag);
  if (finished) {
    pop();
    copying_in_ = false;
    settle();
  }
  return {action_of(entry.disposition), finished, entry};
}

Pipeline::Verdict Pipeline::ready(wire::TransactionStatus status) {
  status_ = status;
  copying_in_ = false;
  if (count_ == 0 && skipping_ && syncs_ignored_) {  // the Sync inside a failed COPY, after all
    skipping_ = syncs_ignored_ = batch_open_ = false;
    return {Action::kForward, true, {Request::kSync}};
  }
  if (count_ == 0 || !ends_with_ready(at(0).request)) return {Action::kUnexpected, false, {}};
  const Expected entry = pop();
  syncs_ignored_ = false;
  settle();
  return {action_of(entry.disposition), true, entry};
}

std::optional<Expected> Pipeline::take_synthesis() {
  if (!synthesis_due()) return std::nullopt;
  const Expected entry = pop();
  settle();
  return entry;
}

std::optional<Expected> Pipeline::take_skipped() {
  if (skipped_.empty()) return std::nullopt;
  const Expected entry = skipped_.back();
  skipped_.pop_back();
  return entry;
}

bool Pipeline::batch_in_doubt() const {
  for (std::size_t i = batch_open_ ? count_ : 0; i-- > 0 && !ends_with_ready(at(i).request);)
    if (action_of(at(i).disposition) == Action::kForward) return true;
  return false;
}

bool Pipeline::nothing_of_theirs() const {
  if (skipping_ || copying_in_ || batch_open_) return false;
  for (std::size_t i = 0; i < count_; ++i)
    if (action_of(at(i).disposition) == Action::kForward) return false;
  return true;
}

bool Pipeline::only_asks() const {
  if (skipping_ || copying_in_ || batch_open_) return false;
  for (std::size_t i = 0; i < count_; ++i)
    if (at(i).disposition != Disposition::kAsk) return false;
  return true;
}

void Pipeline::disown() {
  for (std::size_t i = 0; i < count_; ++i) at(i).disposition = Disposition::kSwallow;
}

std::size_t Pipeline::owed_ready() const {
  std::size_t owed = 0;
  for (std::size_t i = 0; i < count_; ++i) {
    const bool forwarded = at(i).disposition == Disposition::kForward;
    owed += static_cast<std::size_t>(forwarded && ends_with_ready(at(i).request));
  }
  return owed;
}

std::size_t Pipeline::owed() const {
  std::size_t owed = 0;
  for (std::size_t i = 0; i < count_; ++i)
    owed += static_cast<std::size_t>(action_of(at(i).disposition) == Action::kForward);
  return owed;
}

}  // namespace pgsaba::server
