// What the null server understands of a statement: enough to give the right kind of answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

struct NullStatement {
  enum class Kind : std::uint8_t {
    kEmpty,
    kBegin,
    kEnd,
    kCommand,
    kSet,
    kReset,
    kResetAll,
    kRow,        // one row of one value
    kShow,       // the same; the value is the parameter's
    kSetConfig,  // kSet and kShow in one
    kQuestion,   // SELECT 's', name, current_setting(name): one row of these three
    kRows,
    kCopyOut
  };

  Kind kind = Kind::kEmpty;
  std::string tag;            // of CommandComplete
  std::string name;           // of the parameter, in lower case
  std::string value;          // the parameter's new one, or kRow's
  std::uint64_t rows = 0;     // kRows, kCopyOut
  std::size_t row_bytes = 0;  // kRows, kCopyOut

  [[nodiscard]] bool returns_rows() const { return kind >= Kind::kRow && kind <= Kind::kRows; }
  [[nodiscard]] std::uint16_t columns() const { return kind == Kind::kQuestion ? 3 : 1; }
};

NullStatement read_statement(std::string_view sql);
std::vector<std::string_view> split_statements(std::string_view sql);
std::uint16_t count_parameters(std::string_view sql);  // the highest $n

}  // namespace bench
