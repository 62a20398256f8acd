// Figures: what `pgsaba top` shows, as the console said it at one moment. A value; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "pgsaba/base/clock.h"

namespace pgsaba::control::top {

// A table of the console: what it said, column by column. NULL is the empty text.
class Table {
 public:
  Table() = default;
  Table(std::vector<std::string> columns, std::vector<std::vector<std::string>> rows);

  std::size_t size() const { return rows_.size(); }
  // Empty for a column that there is not.
  const std::string& text(std::size_t row, std::string_view column) const;
  std::int64_t number(std::size_t row, std::string_view column) const;
  std::int64_t sum(std::string_view column) const;

 private:
  std::map<std::string, std::size_t, std::less<>> columns_;
  std::vector<std::vector<std::string>> rows_;
};

struct Figures {
  std::string version;  // as SHOW VERSION says it
  std::string where;    // host and port
  Micros at = 0;        // monotonic
  Micros wall_time = 0;
  Table topology;
  Table pools;
  Table totals;  // SHOW STATS_TOTALS
  Table routes;
  Table waits;  // empty while nobody waits
};

}  // namespace pgsaba::control::top
