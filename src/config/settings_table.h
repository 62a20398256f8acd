// Every setting, once: where it stands in the YAML, its type, limits and help, and the member of
// Config it lives in. Parser, sample, manual, SHOW CONFIG and comparison all walk this table; a new
// setting is one member in config.h and one row here. Constant; any thread.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "pgsaba/base/clock.h"
#include "pgsaba/config/config.h"

namespace pgsaba::config {

enum class Kind : std::uint8_t {
  kBoolean,
  kInteger,
  kAutoInteger,  // an integer, or the word "auto" for 0
  kOctal,        // a file mode
  kDuration,
  kSize,
  kString,
  kStringList,
  kPath,        // relative to the file it stands in
  kSecret,      // a string that is never shown
  kSecretFile,  // a file whose content is a secret
  kChoice,
};

enum class Changeable : std::uint8_t {
  kReload,     // a reload changes it at once
  kReconnect,  // a reload changes it for new server connections and replaces the open ones
  kStart,      // only a restart changes it
};

// A setting's value without its C++ type: nothing (inherited), or what the kind says. Enumerators
// are int64, durations microseconds, sizes bytes.
using Value =
    std::variant<std::monostate, bool, std::int64_t, std::string, std::vector<std::string>>;

// What a row's member belongs to.
using Record = std::variant<Config*, Listener*, TlsFiles*, ServerAddress*, Monitor*, ServerTls*,
                            DatabaseSettings*, UserSettings*, Peer*>;
using ConstRecord = std::variant<const Config*, const Listener*, const TlsFiles*,
                                 const ServerAddress*, const Monitor*, const ServerTls*,
                                 const DatabaseSettings*, const UserSettings*, const Peer*>;

struct Access {
  void (*store)(Record record, const Value& value) = nullptr;
  Value (*load)(ConstRecord record) = nullptr;
};

constexpr std::int64_t kMaxCount = 1'000'000'000;
constexpr Micros kMaxDuration = 10LL * 365 * 86'400 * kSecond;

struct Setting {
  std::string_view name;
  std::string_view pgbouncer = {};     // its name there, if the meaning is the same
  Micros pgbouncer_unit_us = kSecond;  // of a duration's number there
  Kind kind = Kind::kString;
  Access access = {};
  std::int64_t minimum = 0;
  std::int64_t maximum = kMaxCount;
  Changeable changeable = Changeable::kReload;
  std::span<const std::string_view> choices = {};
  std::string_view help = {};
};

struct Section {
  std::string_view path;  // "" for the top level; '*' stands for a name, "[]" for a list
  std::string_view title;
  std::span<const Setting> settings;
  ConstRecord defaults;
  std::string_view example = {};  // YAML for the sample instead of the defaults
};

// In the order of the sample file.
std::span<const Section> sections();

// Aborts on a path that is not in the table.
const Section& section_at(std::string_view path);
const Setting* find_setting(const Section& section, std::string_view name);

// Sections whose settings are members of Config itself.
inline bool is_global(const Section& section) {
  return std::holds_alternative<const Config*>(section.defaults);
}
// "timeouts.query_wait", "workers"
std::string key_of(const Section& section, const Setting& setting);

// The rows of each section, in settings_*.cc.
std::span<const Setting> top_level_settings();
std::span<const Setting> tls_settings();
std::span<const Setting> tls_files_settings();
std::span<const Setting> auth_settings();
std::span<const Setting> admin_settings();
std::span<const Setting> http_settings();
std::span<const Setting> routing_settings();
std::span<const Setting> timeouts_settings();
std::span<const Setting> pool_default_settings();
std::span<const Setting> limits_settings();
std::span<const Setting> tcp_settings();
std::span<const Setting> dns_settings();
std::span<const Setting> log_settings();
std::span<const Setting> database_settings();
std::span<const Setting> user_settings();
std::span<const Setting> listener_settings();
std::span<const Setting> server_settings();
std::span<const Setting> peer_settings();
std::span<const Setting> monitor_settings();
std::span<const Setting> cluster_tls_settings();
std::span<const Setting> server_tls_settings();

// The words of the enums, in the order of their enumerators.
inline constexpr std::string_view kTlsModes[] = {"disable", "allow",     "prefer",
                                                 "require", "verify-ca", "verify-full"};
inline constexpr std::string_view kPoolModes[] = {"session", "transaction", "statement"};
inline constexpr std::string_view kUnknownCodes[] = {"trust", "probe", "reset"};
inline constexpr std::string_view kApplicationNames[] = {"follow", "force", "add_host"};
inline constexpr std::string_view kRoutePolicies[] = {
    "primary", "replica", "split", "replica_only", "prefer_replica", "prefer_primary"};

namespace table {

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

template <class T>
Value to_value(const T& member) {
  if constexpr (IsOptional<T>::value) {
    return member ? to_value(*member) : Value();
  } else if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, std::string> ||
                       std::is_same_v<T, std::vector<std::string>>) {
    return member;
  } else {
    return static_cast<std::int64_t>(member);
  }
}

// The value's kind fits the member: the table is written that way and a test reads every row.
template <class T>
void from_value(const Value& value, T& member) {
  if constexpr (IsOptional<T>::value) {
    member.reset();
    if (!std::holds_alternative<std::monostate>(value)) from_value(value, member.emplace());
  } else if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, std::string> ||
                       std::is_same_v<T, std::vector<std::string>>) {
    if (const T* held = std::get_if<T>(&value)) member = *held;
  } else {
    if (const auto* held = std::get_if<std::int64_t>(&value)) member = static_cast<T>(*held);
  }
}

template <class Owner, class Member>
Owner owner_of(Member Owner::*);

template <auto First, auto... Rest>
struct Path {
  using Owner = decltype(owner_of(First));

  template <class R>
  static auto& in(R& record) {
    if constexpr (sizeof...(Rest) == 0) {
      return record.*First;
    } else {
      return Path<Rest...>::in(record.*First);
    }
  }
  static void store(Record record, const Value& value) {
    if (Owner* const* owner = std::get_if<Owner*>(&record)) from_value(value, in(**owner));
  }
  static Value load(ConstRecord record) {
    const Owner* const* owner = std::get_if<const Owner*>(&record);
    return owner ? to_value(in(**owner)) : Value();
  }
};

// kMember<&Config::timeouts, &Timeouts::query_us>
template <auto... Members>
inline constexpr Access kMember = {&Path<Members...>::store, &Path<Members...>::load};

}  // namespace table
}  // namespace pgsaba::config
