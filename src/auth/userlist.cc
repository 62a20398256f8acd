#include <pgsaba/auth/userlist.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

namespace pgsaba::auth {
namespace {

constexpr std::string_view kBlanks = " \t\r\v\f";

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }  // NOLINT: only ever read from
};

void skip_blanks(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
}

// Reads a quoted field from the front of `line`; the rest stays in `line`.
Result<SecretBytes> read_quoted(std::string_view& line, std::string_view what, std::size_t limit) {
  const std::string field(what);
  if (!line.starts_with('"')) return Error{"expected the " + field + " in double quotes"};
  std::string unquoted;
  unquoted.reserve(limit + 1);  // no reallocation leaves a copy behind
  for (std::size_t at = 1;; ++at) {
    if (at >= line.size()) return Error{"the quoted " + field + " does not end on this line"};
    if (line[at] == '"') {
      if (line.substr(at + 1, 1) != "\"") {
        line.remove_prefix(at + 1);
        break;
      }
      ++at;
    }
    if (line[at] == '\0') return Error{"NUL byte in the " + field};
    if (unquoted.size() == limit) {
      return Error{"the " + field + " is longer than " + std::to_string(limit) + " bytes"};
    }
    unquoted.push_back(line[at]);
  }
  SecretBytes result(unquoted);
  wipe(unquoted.data(), unquoted.size());
  return result;
}

Status add_user(std::string_view line, UserList& users) {
  const auto name = read_quoted(line, "user name", kMaxUserNameBytes);
  if (!name) return name.error();
  if (name->empty()) return Error{"empty user name"};
  skip_blanks(line);
  const auto text = read_quoted(line, "secret", kMaxPasswordBytes);
  if (!text) return text.error();
  auto secret = parse_secret(text->text());
  if (!secret) return secret.error();
  users.set(std::string(name->text()), std::move(secret).value());
  return done();
}

Error located(std::string_view file_name, std::size_t line_number, const Error& error) {
  return {std::string(file_name) + ':' + std::to_string(line_number) + ": " + error.message,
          error.hint};
}

std::string system_message() { return std::generic_category().message(errno); }

}  // namespace

const Secret* UserList::find(std::string_view user) const {
  const auto found = secrets_.find(user);
  return found == secrets_.end() ? nullptr : &found->second;
}

void UserList::set(std::string user, Secret secret) {
  ++kinds_[secret.index()];
  const auto [known, added] = secrets_.try_emplace(std::move(user));
  if (!added) --kinds_[known->second.index()];
  known->second = std::move(secret);
}

SecretKind UserList::usual_kind() const {
  SecretKind usual = SecretKind::kScram;
  for (const SecretKind kind : {SecretKind::kPlain, SecretKind::kMd5})
    if (kinds_[static_cast<std::size_t>(kind)] > kinds_[static_cast<std::size_t>(usual)])
      usual = kind;
  return usual;
}

std::vector<std::string> UserList::changed_since(const UserList& before) const {
  std::vector<std::string> changed;
  for (const auto& [user, secret] : secrets_) {
    const Secret* old = before.find(user);
    if (old == nullptr || !(*old == secret)) changed.push_back(user);
  }
  for (const auto& [user, secret] : before.secrets_) {
    if (find(user) == nullptr) changed.push_back(user);
  }
  std::sort(changed.begin(), changed.end());
  return changed;
}

Status check_previous(const UserList& previous, const UserList& present) {
  for (const auto& [user, secret] : previous.secrets_) {
    const auto* old = std::get_if<ScramVerifier>(&secret);
    const Secret* now = present.find(user);
    if (old == nullptr || now == nullptr) continue;
    const auto* stored = std::get_if<ScramVerifier>(now);
    if (stored != nullptr && stored->salt == old->salt && stored->iterations == old->iterations)
      continue;
    return Error{"auth.previous_file: the SCRAM secret of \"" + user +
                     "\" has another salt or number of iterations than its present one",
                 "A client is shown one salt: store one of the two in plain text, or make both "
                 "with the same salt."};
  }
  return done();
}

Result<UserList> parse_userlist(std::string_view text, std::string_view file_name,
                                const UserListLimits& limits) {
  UserList users;
  for (std::size_t line_number = 1; !text.empty(); ++line_number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    skip_blanks(line);
    if (line.empty() || line.starts_with(';')) continue;
    if (users.size() >= limits.max_users) {
      return located(file_name, line_number,
                     {"more than " + std::to_string(limits.max_users) + " users"});
    }
    if (const Status added = add_user(line, users); !added) {
      return located(file_name, line_number, added.error());
    }
  }
  return users;
}

Result<UserList> load_userlist(const std::string& path, const UserListLimits& limits) {
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "re"));
  if (!file) return Error{path + ": cannot be opened: " + system_message()};
  // Without stdio's own buffer, so that the one copy of the secrets is the one wiped below.
  (void)std::setvbuf(file.get(), nullptr, _IONBF, 0);
  if (std::fseek(file.get(), 0, SEEK_END) != 0) return Error{path + ": " + system_message()};
  const long size = std::ftell(file.get());
  if (size < 0 || static_cast<std::size_t>(size) > limits.max_file_bytes) {
    return Error{path + ": larger than " + std::to_string(limits.max_file_bytes) + " bytes"};
  }
  std::rewind(file.get());
  std::string text(static_cast<std::size_t>(size), '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) return Error{path + ": cannot be read: " + system_message()};
  auto users = parse_userlist(text, path, limits);
  wipe(text.data(), text.size());
  return users;
}

}  // namespace pgsaba::auth
