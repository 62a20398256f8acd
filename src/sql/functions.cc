#include "sql/functions.h"

#include <array>

#include "sql/word_index.h"

namespace pgsaba::sql {
namespace {

struct Function {
  std::string_view name;
  FunctionClass kind;
};

constexpr auto kFunctions = [] {
  using enum FunctionClass;
  return std::to_array<Function>({
#include "sql/functions.inc"
  });
}();

constexpr auto kNames = [] {
  std::array<std::string_view, kFunctions.size()> names;
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = kFunctions[i].name;
  return names;
}();

constexpr std::string_view kVolatile[] = {
#include "sql/volatile.inc"
};

constexpr WordIndex<8192> kIndex(kNames);
constexpr WordIndex<256> kVolatileIndex(kVolatile);

}  // namespace

FunctionClass function_class(std::string_view name, bool quoted) {
  const std::size_t place = kIndex.find(name);
  if (place == kFunctions.size() || (quoted && name != kFunctions[place].name))
    return FunctionClass::kUnknown;
  return kFunctions[place].kind;
}

bool is_harmless_volatile(std::string_view name) {
  return kVolatileIndex.find(name) != std::size(kVolatile);
}

}  // namespace pgsaba::sql
