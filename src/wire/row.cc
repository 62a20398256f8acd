#include "pgsaba/wire/row.h"

#include "pgsaba/wire/frontend.h"

namespace pgsaba::wire {
namespace {

// Takes integers and values off the front; once something is missing, nothing comes any more.
class Cursor {
 public:
  explicit Cursor(Bytes rest) : rest_(rest) {}

  bool broken() const { return broken_; }
  std::uint16_t int16() {
    if (!take(2)) return 0;
    return static_cast<std::uint16_t>(taken_[0] << 8 | taken_[1]);
  }
  std::optional<std::string_view> value() {
    if (!take(4)) return std::nullopt;
    const std::uint32_t length = load_be32(taken_.data());
    if (length == 0xffff'ffff || !take(length)) return std::nullopt;
    return text_of(taken_);
  }

 private:
  bool take(std::size_t bytes) {
    broken_ = broken_ || rest_.size() < bytes;
    if (broken_) return false;
    taken_ = rest_.first(bytes);
    rest_ = rest_.subspan(bytes);
    return true;
  }
  Bytes rest_;
  Bytes taken_;
  bool broken_ = false;
};

}  // namespace

std::vector<std::optional<std::string_view>> read_row(Bytes body) {
  Cursor cursor(body);
  std::vector<std::optional<std::string_view>> columns;
  const std::uint16_t count = cursor.int16();
  for (std::uint16_t i = 0; i < count && !cursor.broken(); ++i) columns.push_back(cursor.value());
  if (cursor.broken()) columns.clear();
  return columns;
}

std::optional<std::string_view> bind_parameter(Bytes body, std::uint16_t number) {
  const auto names = read_bind(body);
  if (!names) return std::nullopt;
  Cursor cursor(body.subspan(names->head_bytes));
  const std::uint16_t formats = cursor.int16();
  for (std::uint16_t i = 0; i < formats && !cursor.broken(); ++i) cursor.int16();
  const std::uint16_t count = cursor.int16();
  std::optional<std::string_view> value;
  for (std::uint16_t i = 0; i < count && i < number && !cursor.broken(); ++i)
    value = cursor.value();
  return number > count || cursor.broken() ? std::nullopt : value;
}

}  // namespace pgsaba::wire
