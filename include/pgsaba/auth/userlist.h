// UserList: the users and secrets of an auth file in PgBouncer's userlist.txt format.
// One line per user: "name" "secret", rest of the line ignored; "" inside quotes is one quote;
// lines that begin with ; are comments. A name that comes twice keeps its last secret, as in
// PgBouncer. Stricter than PgBouncer where a slip would be silent: only blanks between the two
// fields, no line break or NUL inside quotes, no empty name, and an error refuses the file whole.
//
// Built on one thread, then shared as const. About 200 bytes per user. Errors name file and line.
#pragma once

#include <pgsaba/auth/secret.h>
#include <pgsaba/base/result.h>

#include <array>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

namespace pgsaba::auth {

// PgBouncer's MAX_USERNAME and MAX_PASSWORD, without their terminating NUL.
inline constexpr std::size_t kMaxUserNameBytes = 127;
inline constexpr std::size_t kMaxPasswordBytes = 65'531;

struct UserListLimits {
  std::size_t max_users = 1'000'000;
  std::size_t max_file_bytes = 256UL * 1024 * 1024;
};

class UserList {
 public:
  // Null if the user is not listed. Valid as long as this list is not changed.
  const Secret* find(std::string_view user) const;
  void set(std::string user, Secret secret);
  std::size_t size() const { return secrets_.size(); }

  // What the secrets of most users are; SCRAM if there are as many of those as of another kind:
  // what an unknown user should look like, see ClientLoginSettings::usual_secret.
  SecretKind usual_kind() const;
  // The users that came, went or have another secret than in `before`, sorted; for a reload.
  std::vector<std::string> changed_since(const UserList& before) const;
  friend Status check_previous(const UserList& previous, const UserList& present);

  friend bool operator==(const UserList&, const UserList&) = default;

 private:
  struct Hash {
    using is_transparent = void;  // NOLINT(readability-identifier-naming): the library's name
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  std::unordered_map<std::string, Secret, Hash, std::equal_to<>> secrets_;
  std::array<std::size_t, std::variant_size_v<Secret>> kinds_{};  // how many there are of each
};

// Why a list of previous secrets cannot be what it is meant for: a SCRAM secret that has another
// salt than the user's present one would never be asked for.
Status check_previous(const UserList& previous, const UserList& present);

// `file_name` is for error messages only.
Result<UserList> parse_userlist(std::string_view text, std::string_view file_name,
                                const UserListLimits& limits = {});
Result<UserList> load_userlist(const std::string& path, const UserListLimits& limits = {});

}  // namespace pgsaba::auth
