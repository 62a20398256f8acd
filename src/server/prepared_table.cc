#include "pgsaba/server/prepared_table.h"

namespace pgsaba::server {
namespace {

// What the library and the allocator add, measured with glibc; the rest is told by sizeof.
constexpr std::size_t kPerText = 152;  // a place in the table, the count of refs, three blocks
constexpr std::size_t kPerName = 104;  // a place in the client's table with a ref
constexpr std::size_t kShortString = 15;

std::size_t string_bytes(std::string_view text) {
  return text.size() <= kShortString ? 0 : text.size() + 16;
}

}  // namespace

std::size_t PreparedTable::Entry::bytes() const {
  return sizeof(Entry) + kPerText + string_bytes(rest);
}

std::size_t PreparedTable::name_bytes(std::string_view name) {
  return kPerName + string_bytes(name);
}

void PreparedTable::limit(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  limit_.store(bytes, std::memory_order_relaxed);
  make_room(0);
}

// Texts that nobody uses go first.
bool PreparedTable::make_room(std::size_t bytes) {
  const std::size_t limit = this->limit();
  const auto fits = [&] {
    return limit == 0 || text_bytes_ + name_bytes_.load(std::memory_order_relaxed) + bytes <= limit;
  };
  while (!fits() && !unused_.empty()) forget(unused_.back());
  return fits();
}

void PreparedTable::forget(Entry& entry) {
  unused_.remove(entry);
  by_parse_.remove(entry);
  text_bytes_ -= entry.bytes();
  table_.erase(table_.find(entry.rest));
}

PreparedRef PreparedTable::intern(std::string_view rest, std::string_view name) {
  const std::lock_guard lock(mutex_);
  const auto found = table_.find(rest);
  PreparedRef ref = found != table_.end() ? intern_known(*found->second, name_bytes(name))
                                          : intern_new(rest, name_bytes(name));
  if (!ref) ++refused_;
  return ref;
}

PreparedRef PreparedTable::intern_known(Entry& entry, std::size_t beside) {
  const bool unused = entry.unused_hook.linked();
  if (unused) unused_.remove(entry);  // it must not make room for its own name
  if (!make_room(beside)) {
    if (unused) unused_.push_front(entry);
    return nullptr;
  }
  by_parse_.remove(entry);
  by_parse_.push_front(entry);
  return refer(entry);
}

PreparedRef PreparedTable::intern_new(std::string_view rest, std::size_t beside) {
  auto made = std::make_unique<Entry>(next_id_, std::string(rest));
  if (!make_room(made->bytes() + beside)) return nullptr;
  ++next_id_;
  Entry& entry = *made;
  text_bytes_ += entry.bytes();
  table_.emplace(entry.rest, std::move(made));
  by_parse_.push_front(entry);
  return refer(entry);
}

PreparedRef PreparedTable::refer(Entry& entry) {
  if (PreparedRef ref = entry.ref.lock()) return ref;
  ++entry.refs_made;
  PreparedRef ref(&entry, [this, &entry](const PreparedStatement*) { ref_ended(entry); });
  entry.ref = ref;
  return ref;
}

// Another thread may have asked for it anew in between.
void PreparedTable::ref_ended(Entry& entry) {
  const std::lock_guard lock(mutex_);
  if (--entry.refs_made > 0) return;
  unused_.push_front(entry);
  make_room(0);
}

void PreparedTable::hold(std::string_view name, const PreparedStatement& statement) {
  statement.names.fetch_add(1, std::memory_order_relaxed);
  names_.fetch_add(1, std::memory_order_relaxed);
  name_bytes_.fetch_add(name_bytes(name), std::memory_order_relaxed);
}

void PreparedTable::drop(std::string_view name, const PreparedStatement& statement) {
  statement.names.fetch_sub(1, std::memory_order_relaxed);
  names_.fetch_sub(1, std::memory_order_relaxed);
  name_bytes_.fetch_sub(name_bytes(name), std::memory_order_relaxed);
}

std::size_t PreparedTable::size() const {
  const std::lock_guard lock(mutex_);
  return table_.size();
}

PreparedMemory PreparedTable::memory() const {
  const std::lock_guard lock(mutex_);
  return {table_.size(),
          unused_.size(),
          text_bytes_,
          names_.load(std::memory_order_relaxed),
          name_bytes_.load(std::memory_order_relaxed),
          refused_};
}

}  // namespace pgsaba::server
