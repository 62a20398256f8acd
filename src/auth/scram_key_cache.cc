#include <pgsaba/auth/digest.h>
#include <pgsaba/auth/scram_key_cache.h>

#include <algorithm>
#include <cstring>
#include <span>

namespace pgsaba::auth {
ScramKeyCache::ScramKeyCache(std::size_t max_entries)
    : max_entries_(std::max<std::size_t>(max_entries, 1)) {
  // Without randomness the index is an unkeyed hash: a loss of defence in depth, not of
  // correctness.
  (void)random_bytes(std::span(hash_key_.data(), Sha256Digest::size()));
}

ScramKeyCache::Id ScramKeyCache::id_of(const ScramKeyRequest& request) const {
  // The password's hash has a fixed size, so that no two requests write the same bytes.
  const Sha256Digest password = sha256(request.password.bytes());
  std::array<std::uint8_t, 4> iterations{};
  store_be32(iterations.data(), request.iterations);
  std::string text(password.text());
  text.append(text_of(iterations)).append(request.salt.text());
  const Sha256Digest digest = hmac_sha256(hash_key_.bytes(), bytes_of(text));
  wipe(text.data(), text.size());
  Id id;
  std::copy_n(digest.text().begin(), id.size(), id.begin());
  return id;
}

const ScramKeys* ScramKeyCache::find(const ScramKeyRequest& request) {
  if (request.keep == KeepKeys::kNever) return nullptr;
  Shelf& shelf = shelves_[static_cast<std::size_t>(request.keep)];
  const auto found = shelf.index.find(id_of(request));
  if (found == shelf.index.end()) return nullptr;
  shelf.entries.splice(shelf.entries.begin(), shelf.entries, found->second);
  return &found->second->second;
}

void ScramKeyCache::insert(const ScramKeyRequest& request, const ScramKeys& keys) {
  if (request.keep == KeepKeys::kNever) return;
  Shelf& shelf = shelves_[static_cast<std::size_t>(request.keep)];
  const Id id = id_of(request);
  if (shelf.index.contains(id)) return;
  if (shelf.index.size() == max_entries_) {
    shelf.index.erase(shelf.entries.back().first);
    shelf.entries.pop_back();
  }
  shelf.entries.emplace_front(id, keys);
  shelf.index.emplace(id, shelf.entries.begin());
}

void ScramKeyCache::remember(const ScramPassThrough& revealed) {
  if (revealed_.size() >= kMaxRevealed) revealed_.erase(revealed_.begin());
  revealed_.insert_or_assign(std::string(stored_key_of(revealed.keys.client_key).text()), revealed);
}

const ScramPassThrough* ScramKeyCache::recall(const ScramVerifier& secret) const {
  const auto found = revealed_.find(secret.stored_key.text());
  return found == revealed_.end() ? nullptr : &found->second;
}

std::vector<ScramPassThrough> ScramKeyCache::revealed() const {
  std::vector<ScramPassThrough> all;
  for (const auto& [key, one] : revealed_) all.push_back(one);
  return all;
}

std::size_t ScramKeyCache::Hash::operator()(const Id& id) const {
  std::size_t hash = 0;
  std::memcpy(&hash, id.data(), sizeof hash);
  return hash;
}

ScramKeys find_or_derive(ScramKeyCache& cache, const ScramKeyRequest& request) {
  if (const ScramKeys* known = cache.find(request)) return *known;
  ScramKeys keys = derive_keys(request);
  cache.insert(request, keys);
  return keys;
}

}  // namespace pgsaba::auth
