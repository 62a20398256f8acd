// FoundSecrets: what servers are logged in to with that no file has: passwords that PAM or a
// directory has taken, secrets that a server has told of (auth.query). Each belongs to a database
// and a user. It stays as long as their pools have clients or servers, for a server may have to be
// opened at any time, and for a while afterwards; then it is wiped. Bounded: whoever has been away
// for longest goes first. Owned by one worker.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "pgsaba/auth/secret.h"
#include "pgsaba/base/clock.h"

namespace pgsaba::worker {

class FoundSecrets {
 public:
  using Who = std::pair<std::string, std::string>;  // database and user

  static constexpr std::size_t kMost = 10'000;
  static constexpr std::size_t kEntryBytes = 300;  // with the secret, roughly

  explicit FoundSecrets(std::size_t most = kMost) : most_(most) {}

  // Null if nothing is known. Good until the next call of another function.
  const auth::Secret* find(const Who& who) const;
  // Whether this is news; what is known already is seen in use. `dropped` is who had to make room.
  bool keep(const Who& who, const auth::Secret& secret, Micros now, std::vector<Who>& dropped);
  void used(const Who& who, Micros now);
  // Forgets who has not been seen in use for `limit`, and says who that was.
  std::vector<Who> forget(Micros now, Micros limit);

  // Calls visit(who, secret) for each.
  template <class Visit>
  void visit(Visit visit) const {
    for (const auto& [who, known] : known_) visit(who, known.secret);
  }
  bool empty() const { return known_.empty(); }
  std::size_t size() const { return known_.size(); }

 private:
  struct Known {
    auth::Secret secret;
    Micros used_at = 0;
  };

  std::size_t most_;
  std::map<Who, Known> known_;
};

}  // namespace pgsaba::worker
