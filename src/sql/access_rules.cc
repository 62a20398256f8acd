#include "pgsaba/sql/access_rules.h"

#include <algorithm>
#include <array>
#include <tuple>

namespace pgsaba::sql {
namespace {

constexpr std::size_t kLongestName = 63;  // what PostgreSQL keeps of a name

// A name as the catalogue has it: folded unless quoted, cut.
class Folded {
 public:
  explicit Folded(SqlName name) : size_(std::min(name.text.size(), kLongestName)) {
    std::transform(name.text.begin(), name.text.begin() + static_cast<std::ptrdiff_t>(size_),
                   text_.begin(), [quoted = name.quoted](char c) {
                     return !quoted && c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
                   });
  }
  std::string_view text() const { return {text_.data(), size_}; }

 private:
  std::array<char, kLongestName> text_;
  std::size_t size_;
};

bool has(const std::vector<std::string>& names, SqlName name) {
  return !names.empty() &&
         std::binary_search(names.begin(), names.end(), Folded(name).text(), std::less<>());
}

std::tuple<std::string_view, std::string_view> key_of(const AccessRules::Function& function) {
  return {function.schema, function.name};
}

// FNV-1a; the zero byte behind each name keeps "ab", "c" apart from "a", "bc".
void add_to(std::uint64_t& hash, std::string_view name) {
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  hash *= 0x100000001B3U;
}

std::uint64_t fingerprint_of(const AccessRules::Lists& lists) {
  std::uint64_t hash = 0xCBF29CE484222325U;
  for (const auto& function : lists.allowed_functions) {
    add_to(hash, function.schema);
    add_to(hash, function.name);
  }
  for (const auto* names : {&lists.denied_functions, &lists.denied_relations}) {
    add_to(hash, "\1");  // the next list
    for (const std::string& name : *names) add_to(hash, name);
  }
  return hash;
}

}  // namespace

AccessRules::AccessRules(Lists lists, std::shared_ptr<const OwnObjects> objects)
    : lists_(std::move(lists)), objects_(std::move(objects)) {
  std::sort(lists_.allowed_functions.begin(), lists_.allowed_functions.end(),
            [](const Function& a, const Function& b) { return key_of(a) < key_of(b); });
  std::sort(lists_.denied_functions.begin(), lists_.denied_functions.end());
  std::sort(lists_.denied_relations.begin(), lists_.denied_relations.end());
  fingerprint_ = fingerprint_of(lists_);
  if (objects_) fingerprint_ = fingerprint_ * 0x100000001B3U ^ objects_->fingerprint();
  if (fingerprint_ == 0) fingerprint_ = 1;
}

AccessRules AccessRules::for_catalogue_texts(std::shared_ptr<const OwnObjects> objects) const {
  AccessRules rules(lists_, std::move(objects));
  rules.for_catalogue_texts_ = true;
  return rules;
}

bool AccessRules::allows_function(SqlName schema, SqlName name) const {
  if (objects_ && objects_->trusts_function(name.text)) return true;
  if (for_catalogue_texts_ && !schema.text.empty() && allows_function({}, name)) return true;
  const auto& functions = lists_.allowed_functions;
  const Folded folded_schema(schema);
  const Folded folded_name(name);
  const std::tuple key(folded_schema.text(), folded_name.text());
  const auto place = std::lower_bound(
      functions.begin(), functions.end(), key,
      [](const Function& function, const auto& wanted) { return key_of(function) < wanted; });
  return place != functions.end() && key_of(*place) == key;
}

bool AccessRules::denies_function(SqlName name) const { return has(lists_.denied_functions, name); }
bool AccessRules::denies_relation(SqlName name) const { return has(lists_.denied_relations, name); }

}  // namespace pgsaba::sql
