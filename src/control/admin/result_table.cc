#include "result_table.h"

#include <algorithm>
#include <charconv>

#include "pgsaba/wire/message_writer.h"

namespace pgsaba::admin {
namespace {

Format format_of(Formats formats, std::size_t column) {
  if (formats.size() == 1) return formats[0];
  return column < formats.size() ? formats[column] : Format::kText;
}

void append_big_endian(std::string& out, std::uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(value >> shift));
  }
}

// A non-negative whole number as PostgreSQL's numeric: base-10000 digits without trailing zeros.
std::string binary_numeric(std::string_view decimal) {
  std::vector<std::uint16_t> digits;
  for (std::size_t end = decimal.size(); end > 0; end -= std::min<std::size_t>(end, 4)) {
    const std::size_t begin = end > 4 ? end - 4 : 0;
    std::uint16_t digit = 0;
    std::from_chars(decimal.data() + begin, decimal.data() + end, digit);
    digits.push_back(digit);
  }
  while (!digits.empty() && digits.back() == 0) digits.pop_back();
  const std::size_t weight = digits.empty() ? 0 : digits.size() - 1;
  const auto lowest = std::find_if(digits.begin(), digits.end(), [](auto d) { return d != 0; });
  digits.erase(digits.begin(), lowest);
  std::reverse(digits.begin(), digits.end());

  std::string out;
  append_big_endian(out, digits.size(), 2);
  append_big_endian(out, weight, 2);
  append_big_endian(out, 0, 4);  // sign and scale
  for (const std::uint16_t digit : digits) append_big_endian(out, digit, 2);
  return out;
}

std::string binary_integer(std::string_view decimal, int bytes) {
  std::int64_t value = 0;
  std::from_chars(decimal.data(), decimal.data() + decimal.size(), value);
  std::string out;
  append_big_endian(out, static_cast<std::uint64_t>(value), bytes);
  return out;
}

std::string in_binary(ColumnType type, const std::string& text) {
  switch (type) {
    case ColumnType::kInt4:
    case ColumnType::kInt8:
      return binary_integer(text, width_of(type));
    case ColumnType::kNumeric:
      return binary_numeric(text);
    case ColumnType::kBytea:
    case ColumnType::kText:
      break;
  }
  return text;
}

}  // namespace

std::int16_t width_of(ColumnType type) {
  switch (type) {
    case ColumnType::kInt4:
      return 4;
    case ColumnType::kInt8:
      return 8;
    case ColumnType::kBytea:
    case ColumnType::kText:
    case ColumnType::kNumeric:
      break;
  }
  return -1;
}

void append_row_description(std::string& out, std::span<const Column> columns, Formats formats) {
  wire::MessageWriter writer(out);
  writer.begin('T').int16(static_cast<std::uint16_t>(columns.size()));
  for (std::size_t index = 0; index < columns.size(); ++index) {
    const Column& column = columns[index];
    writer.string(column.name)
        .int32(0)  // table
        .int16(0)  // attribute
        .int32(static_cast<std::uint32_t>(column.type))
        .int16(static_cast<std::uint16_t>(width_of(column.type)))
        .int32(static_cast<std::uint32_t>(-1))  // type modifier
        .int16(static_cast<std::uint16_t>(format_of(formats, index)));
  }
  writer.end();
}

void append_data_row(std::string& out, std::span<const Column> columns, const Row& row,
                     Formats formats) {
  wire::MessageWriter writer(out);
  writer.begin('D').int16(static_cast<std::uint16_t>(row.size()));
  for (std::size_t index = 0; index < row.size(); ++index) {
    const Cell& value = row[index];
    if (!value) {
      writer.int32(static_cast<std::uint32_t>(-1));
      continue;
    }
    const bool binary = format_of(formats, index) == Format::kBinary;
    const std::string bytes = binary ? in_binary(columns[index].type, *value) : *value;
    writer.int32(static_cast<std::uint32_t>(bytes.size())).raw(bytes);
  }
  writer.end();
}

}  // namespace pgsaba::admin
