#include "units.h"

#include <array>
#include <charconv>
#include <span>

namespace pgsaba::config {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t factor;
};

constexpr std::int64_t kKilobyte = 1024;
constexpr std::int64_t kMegabyte = 1024 * kKilobyte;
constexpr std::int64_t kGigabyte = 1024 * kMegabyte;
constexpr std::int64_t kTerabyte = 1024 * kGigabyte;

// From large to small: formatting takes the first that divides.
constexpr std::array kDurationUnits = {
    Unit{"d", 86'400 * kSecond}, Unit{"h", 3'600 * kSecond}, Unit{"min", 60 * kSecond},
    Unit{"s", kSecond},          Unit{"ms", kMillisecond},   Unit{"us", 1},
};
constexpr std::array kSizeUnits = {
    Unit{"TB", kTerabyte},  Unit{"GB", kGigabyte},  Unit{"MB", kMegabyte},
    Unit{"kB", kKilobyte},  Unit{"B", 1},           Unit{"TiB", kTerabyte},
    Unit{"GiB", kGigabyte}, Unit{"MiB", kMegabyte}, Unit{"KiB", kKilobyte},
};

std::optional<std::int64_t> factor_of(std::string_view name, std::span<const Unit> units,
                                      std::int64_t bare_factor) {
  if (name.empty()) return bare_factor;
  for (const Unit& unit : units) {
    if (unit.name == name) return unit.factor;
  }
  return std::nullopt;
}

// The digits after the point, as a part of `factor`. Six of them count: with more, the largest
// factor would overflow.
std::int64_t fraction_of(std::string_view digits, std::int64_t factor) {
  std::int64_t numerator = 0;
  std::int64_t denominator = 1;
  for (const char digit : digits.substr(0, 6)) {
    numerator = numerator * 10 + (digit - '0');
    denominator *= 10;
  }
  return numerator * factor / denominator;
}

std::size_t count_digits(std::string_view text) {
  const std::size_t end = text.find_first_not_of("0123456789");
  return end == std::string_view::npos ? text.size() : end;
}

std::optional<std::int64_t> parse_with_unit(std::string_view text, std::span<const Unit> units,
                                            std::int64_t bare_factor) {
  const std::size_t whole_size = count_digits(text);
  const auto whole = parse_integer(text.substr(0, whole_size));
  if (!whole) return std::nullopt;
  std::string_view rest = text.substr(whole_size);
  std::string_view fraction;
  if (rest.starts_with('.')) {
    const std::size_t fraction_size = count_digits(rest.substr(1));
    if (fraction_size == 0) return std::nullopt;
    fraction = rest.substr(1, fraction_size);
    rest.remove_prefix(1 + fraction_size);
  }
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  const auto factor = factor_of(rest, units, bare_factor);
  if (!factor) return std::nullopt;
  std::int64_t product = 0;
  if (__builtin_mul_overflow(*whole, *factor, &product)) return std::nullopt;
  if (__builtin_add_overflow(product, fraction_of(fraction, *factor), &product)) {
    return std::nullopt;
  }
  return product;
}

std::string format_with_unit(std::int64_t value, std::span<const Unit> units) {
  if (value == 0) return "0";
  for (const Unit& unit : units) {
    if (value % unit.factor == 0) {
      return std::to_string(value / unit.factor) + std::string(unit.name);
    }
  }
  return std::to_string(value);
}

}  // namespace

std::optional<std::int64_t> parse_integer(std::string_view text, int base) {
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number, base);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return number;
}

std::optional<Micros> parse_duration(std::string_view text) {
  return parse_with_unit(text, kDurationUnits, kSecond);
}

std::optional<std::int64_t> parse_size(std::string_view text) {
  return parse_with_unit(text, kSizeUnits, 1);
}

std::string format_duration(Micros duration_us) {
  return format_with_unit(duration_us, kDurationUnits);
}

std::string format_size(std::int64_t size_bytes) {
  return format_with_unit(size_bytes, kSizeUnits);
}

std::string format_mode(std::int64_t mode) {
  std::string digits;
  for (; mode > 0; mode /= 8) digits.insert(digits.begin(), static_cast<char>('0' + mode % 8));
  return "0" + digits;
}

}  // namespace pgsaba::config
