// Tally: how often each of some names was met. Bounded: when there are too many, new ones count as
// "other". A worker owns one for each kind of event; others see copies in a snapshot. Not for what
// happens with every query.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace pgsaba::stats {

class Tally {
 public:
  using Counts = std::map<std::string, std::uint64_t, std::less<>>;

  static constexpr std::size_t kMost = 100;

  void count(std::string_view name) {
    auto found = counts_.find(name);
    if (found == counts_.end()) {
      const bool full = counts_.size() >= kMost;
      found = counts_.emplace(full ? std::string("other") : std::string(name), 0).first;
    }
    ++found->second;
  }
  const Counts& counts() const { return counts_; }

 private:
  Counts counts_;
};

}  // namespace pgsaba::stats
