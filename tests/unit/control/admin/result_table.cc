#include "control/admin/result_table.h"

#include <doctest/doctest.h>

#include <array>

namespace pgsaba::admin {
namespace {

std::string bytes(std::initializer_list<int> values) {
  std::string text;
  for (const int value : values) text += static_cast<char>(value);
  return text;
}

// One value as the last bytes of a row.
std::string encoded(ColumnType type, const Cell& value, Format format) {
  const std::array columns = {Column{"c", type}};
  const std::array formats = {format};
  std::string out;
  append_data_row(out, columns, {value}, formats);
  return out.substr(7);  // tag, length, count
}

TEST_CASE("a row description names type, width and format of each column") {
  const std::array columns = {Column{"user", ColumnType::kText}, Column{"n", ColumnType::kInt4}};
  const std::array formats = {Format::kText, Format::kBinary};
  std::string out;
  append_row_description(out, columns, formats);
  CHECK(out == "T" + bytes({0, 0, 0, 49, 0, 2}) + "user" +
                   bytes({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 25, 255, 255, 255, 255, 255, 255, 0, 0}) +
                   "n" + bytes({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 23, 0, 4, 255, 255, 255, 255, 0, 1}));
}

TEST_CASE("a row in text, with a NULL") {
  const std::array columns = {Column{"a"}, Column{"b"}, Column{"c", ColumnType::kInt4}};
  std::string out;
  append_data_row(out, columns, {cell("xy"), std::nullopt, cell(-7)}, {});
  CHECK(out == "D" + bytes({0, 0, 0, 22, 0, 3, 0, 0, 0, 2}) + "xy" +
                   bytes({255, 255, 255, 255, 0, 0, 0, 2}) + "-7");
}

TEST_CASE("numbers in binary") {
  CHECK(encoded(ColumnType::kInt4, cell(258), Format::kBinary) == bytes({0, 0, 0, 4, 0, 0, 1, 2}));
  CHECK(encoded(ColumnType::kInt4, cell(-1), Format::kBinary) ==
        bytes({0, 0, 0, 4, 255, 255, 255, 255}));
  CHECK(encoded(ColumnType::kInt8, cell(258), Format::kBinary) ==
        bytes({0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 1, 2}));
  CHECK(encoded(ColumnType::kText, cell("258"), Format::kBinary) == bytes({0, 0, 0, 3}) + "258");
  CHECK(encoded(ColumnType::kNumeric, std::nullopt, Format::kBinary) ==
        bytes({255, 255, 255, 255}));
}

TEST_CASE("numeric in binary: digits of base 10000, weight, sign, scale") {
  const auto numeric = [](std::uint64_t value) {
    return encoded(ColumnType::kNumeric, cell(value), Format::kBinary).substr(4);
  };
  CHECK(numeric(0) == bytes({0, 0, 0, 0, 0, 0, 0, 0}));
  CHECK(numeric(7) == bytes({0, 1, 0, 0, 0, 0, 0, 0, 0, 7}));
  CHECK(numeric(10'000) == bytes({0, 1, 0, 1, 0, 0, 0, 0, 0, 1}));
  CHECK(numeric(12'345) == bytes({0, 2, 0, 1, 0, 0, 0, 0, 0, 1, 0x09, 0x29}));
  CHECK(numeric(100'000'001) == bytes({0, 3, 0, 2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1}));
}

}  // namespace
}  // namespace pgsaba::admin
