// The parameters of one session of the null server, as far as a pooler can see them: what a client
// sets stays until it is reset, and PostgreSQL tells of some of them when they change. Transactions
// and SET LOCAL change nothing here.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace bench {

// What PostgreSQL 15 reports, with the values of a fresh session.
constexpr std::array<std::pair<std::string_view, std::string_view>, 13> kReported = {{
    {"application_name", ""},
    {"client_encoding", "UTF8"},
    {"DateStyle", "ISO, MDY"},
    {"default_transaction_read_only", "off"},
    {"in_hot_standby", "off"},
    {"integer_datetimes", "on"},
    {"IntervalStyle", "postgres"},
    {"is_superuser", "on"},
    {"server_encoding", "UTF8"},
    {"server_version", "15.8"},
    {"session_authorization", "bench"},
    {"standard_conforming_strings", "on"},
    {"TimeZone", "Etc/UTC"},
}};

class NullSettings {
 public:
  using Report = std::function<void(std::string_view name, std::string_view value)>;

  // A parameter of the startup message: the session's own default from now on.
  void add_default(std::string_view name, std::string_view value);
  void report_all(const Report& report) const;

  // Names are in lower case. A reported parameter that changes by this is reported.
  void set(const std::string& name, std::string_view value, const Report& report);
  void reset(const std::string& name, const Report& report);
  void reset_all(const Report& report);

  // Nothing for a parameter that is neither reported nor set.
  [[nodiscard]] std::optional<std::string> value_of(const std::string& name) const;

 private:
  std::map<std::string, std::string, std::less<>> defaults_;
  std::map<std::string, std::string, std::less<>> current_;  // what was set
};

std::string lower_case(std::string_view text);

}  // namespace bench
