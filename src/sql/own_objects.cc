#include "pgsaba/sql/own_objects.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "pgsaba/sql/access_rules.h"
#include "pgsaba/sql/statement.h"
#include "sql/functions.h"
#include "sql/word_index.h"

namespace pgsaba::sql {
namespace {

constexpr std::size_t kLongestName = 63;  // what PostgreSQL keeps of a name
constexpr int kMostRounds = 100;          // of views upon views

bool is_high(char c) { return (static_cast<unsigned char>(c) & 0x80U) != 0; }

// A quote in a quoted name is written twice.
std::string as_written(std::string_view name) {
  std::string written;
  for (const char c : name) written.append(c == '"' ? 2 : 1, c);
  return written;
}

std::string_view kind_of(OwnKind kind) {
  switch (kind) {
    case OwnKind::kView:
      return "view";
    case OwnKind::kPolicy:
      return "row security policy";
    default:
      return "domain";
  }
}

// "view: advisory lock, pg_advisory_lock"
OwnVerdict verdict_on(const OwnObject& object, const Statement& statement, std::string_view sql) {
  std::string because(kind_of(object.kind));
  because.append(": ").append(text_of(statement.reason));
  if (statement.object_bytes > 0) because.append(", ").append(statement.object_in(sql));
  return {statement.access, std::move(because)};
}

bool has_text(OwnKind kind) {
  return kind == OwnKind::kView || kind == OwnKind::kPolicy || kind == OwnKind::kDomain;
}

// FNV-1a; the zero byte behind each part keeps "ab", "c" apart from "a", "bc".
void add_to(std::uint64_t& hash, std::string_view part) {
  for (const char c : part) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  hash *= 0x100000001B3U;
}

}  // namespace

// ---- names
// ---------------------------------------------------------------------------------------

bool OwnObjects::NameTable::add(std::string_view name, OwnVerdict verdict) {
  if (name.empty()) return false;
  std::string written = as_written(name);
  if (const std::size_t known = entry_of(written); known < entries_.size()) {
    if (entries_[known].verdict.access >= verdict.access) return false;
    entries_[known].verdict = std::move(verdict);
    return true;
  }
  beyond_ascii_ = beyond_ascii_ || std::ranges::any_of(written, is_high);
  entries_.push_back({std::move(written), std::move(verdict)});
  if (2 * entries_.size() > slots_.size()) {
    slots_.assign(std::max<std::size_t>(16, 4 * entries_.size()), 0);
    slots_.resize(std::bit_ceil(slots_.size()));
    for (std::size_t i = 0; i + 1 < entries_.size(); ++i) place(i);
  }
  place(entries_.size() - 1);
  return true;
}

void OwnObjects::NameTable::place(std::size_t entry) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = word_hash(entries_[entry].name) & mask;
  while (slots_[slot] != 0) slot = (slot + 1) & mask;
  slots_[slot] = static_cast<std::uint32_t>(entry + 1);
}

// The number of entries: there is none.
std::size_t OwnObjects::NameTable::entry_of(std::string_view written) const {
  if (entries_.empty()) return 0;
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = word_hash(written) & mask;
  for (; slots_[slot] != 0; slot = (slot + 1) & mask)
    if (same_word(written, entries_[slots_[slot] - 1].name)) return slots_[slot] - 1;
  return entries_.size();
}

const OwnVerdict* OwnObjects::NameTable::look_up(std::string_view identifier) const {
  if (identifier.empty()) return nullptr;
  // Which name it is depends on where the server cuts it, or on the encoding.
  if (identifier.size() > kLongestName ||
      (beyond_ascii_ && std::ranges::any_of(identifier, is_high)))
    return &entries_.front().verdict;
  const std::size_t entry = entry_of(identifier);
  return entry < entries_.size() ? &entries_[entry].verdict : nullptr;
}

// ---- what was found
// ------------------------------------------------------------------------------

OwnObjects::OwnObjects(std::span<const OwnObject> found, const AccessRules& rules) {
  fingerprint_ = 0xCBF29CE484222325U;
  for (const OwnObject& object : found) {
    const char kind = static_cast<char>(object.kind);
    add_to(fingerprint_, {&kind, 1});
    add_to(fingerprint_, object.name);
    add_to(fingerprint_, object.text);
    note(object);
  }
  // A view may stand upon others: what is found out about one may tell of the next.
  for (int round = 0; round < kMostRounds && judge_texts(found, rules); ++round) {
  }
}

void OwnObjects::note(const OwnObject& object) {
  switch (object.kind) {
    case OwnKind::kSequence:  // it shows what is drawn only later on the primary
      names_.add(object.name, {Access::kPrimaryRead, "sequence"});
      break;
    case OwnKind::kRelation:
    case OwnKind::kType:
      names_.add(object.name, {Access::kOwnCode, object.text});
      break;
    case OwnKind::kRowFunction:
      names_.add(object.name, {Access::kOwnCode, "function that is not trusted"});
      break;
    case OwnKind::kUntrusted:
      functions_.add(object.name, {Access::kOwnCode, "function that is not trusted"});
      break;
    case OwnKind::kTrusted:
      trusted_.add(object.name, {Access::kRead, {}});
      break;
    case OwnKind::kOperator:
      operators_.emplace_back(object.name,
                              OwnVerdict{Access::kOwnCode, "operator that is not trusted"});
      break;
    case OwnKind::kAnything:
      anything_.push_back({Access::kOwnCode, object.text});
      break;
    case OwnKind::kVolatileFunction:
      if (function_class(object.name, true) != FunctionClass::kHarmless ||
          is_harmless_volatile(object.name))
        break;
      unknown_built_in_.push_back(object.name);
      functions_.add(object.name, {Access::kOwnCode, "volatile function of this server"});
      break;
    case OwnKind::kView:
    case OwnKind::kPolicy:
    case OwnKind::kDomain:
    case OwnKind::kDomainColumn:
      break;  // by their texts
  }
}

// True: something is known that was not before.
bool OwnObjects::judge_texts(std::span<const OwnObject> found, const AccessRules& rules) {
  // Borrowed: the rules live no longer than this.
  const AccessRules inner = rules.for_catalogue_texts({std::shared_ptr<const OwnObjects>(), this});
  bool more = false;
  for (const OwnObject& object : found) {
    if (object.kind == OwnKind::kDomainColumn) {
      const OwnVerdict* domain = names_.find(as_written(object.text));
      if (domain != nullptr) more = names_.add(object.name, OwnVerdict(*domain)) || more;
    }
    if (!has_text(object.kind)) continue;
    const std::string sql =
        object.kind == OwnKind::kView ? object.text : "SELECT (" + object.text + ")";
    const Statement statement = read_statement(sql, Dialect{}, &inner);
    if (statement.access != Access::kRead)
      more = names_.add(object.name, verdict_on(object, statement, sql)) || more;
  }
  return more;
}

const OwnVerdict* OwnObjects::operation(std::string_view symbol) const {
  for (const auto& [known, verdict] : operators_)
    if (known == symbol) return &verdict;
  return nullptr;
}

}  // namespace pgsaba::sql
