// ResultTable: the rows a console command answers with, and how they become protocol bytes, in text
// and in binary format (asyncpg and JDBC ask for binary).
// Owned by the control thread; a value. Cells are kept as text; numbers in them are decimal.
// Source: PostgreSQL, "Message Formats" (RowDescription, DataRow); binary numeric after
// src/backend/utils/adt/numeric.c (numeric_send).
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pgsaba::admin {

// Object ids of pg_type.
enum class ColumnType : std::uint32_t {
  kBytea = 17,
  kInt8 = 20,
  kInt4 = 23,
  kText = 25,
  kNumeric = 1700,
};
// pg_type.typlen: bytes of a value, or -1 if it varies.
std::int16_t width_of(ColumnType type);

struct Column {
  std::string_view name;  // of static storage
  ColumnType type = ColumnType::kText;

  bool operator==(const Column&) const = default;
};

using Cell = std::optional<std::string>;  // nullopt: NULL
using Row = std::vector<Cell>;

inline Cell cell(std::string_view text) { return std::string(text); }
// Not for bool: PgBouncer writes flags as the int4s 0 and 1, see flag().
template <std::integral Number>
requires(!std::same_as<Number, bool>) Cell cell(Number number) { return std::to_string(number); }
inline Cell flag(bool value) { return value ? "1" : "0"; }

struct ResultTable {
  std::vector<Column> columns;
  std::vector<Row> rows;
};

enum class Format : std::uint16_t { kText = 0, kBinary = 1 };
// As in Bind: none means text, one is meant for every column, else one a column.
using Formats = std::span<const Format>;

void append_row_description(std::string& out, std::span<const Column> columns, Formats formats);
void append_data_row(std::string& out, std::span<const Column> columns, const Row& row,
                     Formats formats);

}  // namespace pgsaba::admin
