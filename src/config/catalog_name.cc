#include "pgsaba/config/catalog_name.h"

#include <algorithm>

namespace pgsaba::config {
namespace {

constexpr std::size_t kMaxNameBytes = 63;  // PostgreSQL's NAMEDATALEN - 1

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

bool is_letter(char c) {
  return (lower(c) >= 'a' && lower(c) <= 'z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}

bool is_name_char(char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '$'; }

// Takes a quoted part from the beginning of `text`; a quote is doubled to stand for itself.
std::optional<std::string> take_quoted(std::string_view& text) {
  std::string part;
  for (std::size_t at = 1; at < text.size(); ++at) {
    if (text[at] == '"') {
      if (at + 1 == text.size() || text[at + 1] != '"') {
        text.remove_prefix(at + 1);
        return part;
      }
      ++at;
    }
    part += text[at];
  }
  return std::nullopt;
}

std::optional<std::string> take_part(std::string_view& text) {
  std::optional<std::string> part;
  if (text.starts_with('"')) {
    part = take_quoted(text);
  } else if (!text.empty() && is_letter(text.front())) {
    const auto end = std::find_if_not(text.begin(), text.end(), is_name_char);
    part.emplace(text.begin(), end);
    std::transform(part->begin(), part->end(), part->begin(), lower);
    text.remove_prefix(part->size());
  }
  if (part && (part->empty() || part->size() > kMaxNameBytes)) return std::nullopt;
  return part;
}

}  // namespace

std::optional<CatalogName> read_catalog_name(std::string_view text) {
  auto first = take_part(text);
  if (!first) return std::nullopt;
  if (text.empty()) return CatalogName{{}, std::move(*first)};
  if (!text.starts_with('.')) return std::nullopt;
  text.remove_prefix(1);
  auto second = take_part(text);
  if (!second || !text.empty()) return std::nullopt;
  return CatalogName{std::move(*first), std::move(*second)};
}

}  // namespace pgsaba::config
