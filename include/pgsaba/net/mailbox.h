// Mailbox: how other threads talk to the one that owns it. Any thread posts; the owner takes all
// mail at the beginning of a turn. Bounded by what is in flight: every sender waits for an answer
// or sends at most one letter per connection.
#pragma once

#include <mutex>
#include <utility>
#include <vector>

#include "pgsaba/net/network.h"

namespace pgsaba::net {

template <class Letter>
class Mailbox {
 public:
  explicit Mailbox(Network& owner) : owner_(owner) {}

  void post(Letter letter) {
    bool first = false;
    {
      const std::lock_guard lock(mutex_);
      first = letters_.empty();
      letters_.push_back(std::move(letter));
    }
    if (first) owner_.wake();
  }

  // Owner only.
  std::vector<Letter> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(letters_, {});
  }

 private:
  Network& owner_;
  std::mutex mutex_;
  std::vector<Letter> letters_;
};

}  // namespace pgsaba::net
