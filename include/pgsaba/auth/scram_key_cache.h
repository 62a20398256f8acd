// ScramKeyCache: derived keys by what they were derived from, so that twenty connections of one
// user cost one PBKDF2. Serves both directions: clients with a plain stored secret, and our own
// logins. Owned by one thread; bounded, the least recently used goes first; wipes what it drops.
//
// It also remembers what clients' logins revealed of stored SCRAM secrets: the only way to log in
// to a server that stores the same secret. Those stay: nothing but another login brings them back.
//
// Servers' and clients' keys stand on a shelf of their own, so that whoever tries names cannot
// drive out what servers are opened with.
//
// The index is a keyed hash of password, salt and iterations, so that no password is kept here, and
// a changed password simply is another entry.
#pragma once

#include <pgsaba/auth/scram_keys.h>
#include <pgsaba/auth/secret_bytes.h>

#include <array>
#include <cstddef>
#include <list>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace pgsaba::auth {

class ScramKeyCache {
 public:
  using Id = std::array<std::uint8_t, 32>;

  explicit ScramKeyCache(std::size_t max_entries = 1024);  // on each shelf

  // Equal for requests with equal answers: where derivations run elsewhere, logins that wait for
  // the same one find each other by it.
  Id id_of(const ScramKeyRequest& request) const;
  // Null if not known. Valid until the next insert().
  const ScramKeys* find(const ScramKeyRequest& request);
  // Ignores what is not to be kept.
  void insert(const ScramKeyRequest& request, const ScramKeys& keys);
  std::size_t size() const { return shelves_[0].index.size() + shelves_[1].index.size(); }

  void remember(const ScramPassThrough& revealed);
  // Null if no client has logged in with this secret. Valid until the next remember().
  const ScramPassThrough* recall(const ScramVerifier& secret) const;
  std::vector<ScramPassThrough> revealed() const;

 private:
  // One per secret in use; a bound for a userlist that changes all the time.
  static constexpr std::size_t kMaxRevealed = 100'000;

  struct Hash {
    std::size_t operator()(const Id& id) const;
  };
  using Entries = std::list<std::pair<Id, ScramKeys>>;
  struct Shelf {
    Entries entries;  // most recently used in front
    std::unordered_map<Id, Entries::iterator, Hash> index;
  };

  std::size_t max_entries_;
  Sha256Digest hash_key_;
  std::array<Shelf, 2> shelves_;                                   // by KeepKeys
  std::map<std::string, ScramPassThrough, std::less<>> revealed_;  // by stored key
};

// Find, or derive here and now and remember: for threads that may take their time.
ScramKeys find_or_derive(ScramKeyCache& cache, const ScramKeyRequest& request);

}  // namespace pgsaba::auth
