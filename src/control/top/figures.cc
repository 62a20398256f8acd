#include "control/top/figures.h"

#include <charconv>
#include <utility>

namespace pgsaba::control::top {

Table::Table(std::vector<std::string> columns, std::vector<std::vector<std::string>> rows)
    : rows_(std::move(rows)) {
  for (std::size_t i = 0; i < columns.size(); ++i) columns_.emplace(std::move(columns[i]), i);
}

const std::string& Table::text(std::size_t row, std::string_view column) const {
  static const std::string nothing;
  const auto found = columns_.find(column);
  return found == columns_.end() ? nothing : rows_[row][found->second];
}

std::int64_t Table::number(std::size_t row, std::string_view column) const {
  const std::string& digits = text(row, column);
  std::int64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

std::int64_t Table::sum(std::string_view column) const {
  std::int64_t total = 0;
  for (std::size_t row = 0; row < size(); ++row) total += number(row, column);
  return total;
}

}  // namespace pgsaba::control::top
