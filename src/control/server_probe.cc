#include "server_probe.h"

#include <charconv>
#include <string_view>
#include <utility>

namespace pgsaba::control {
namespace {

constexpr std::string_view kDenied = "42501";  // insufficient_privilege

// A primary tells its timeline by the name of the WAL file it writes: the control file may lag
// behind for a while after a promotion. So it may on a standby: the timeline it receives is better,
// if we may see it (pg_monitor).
constexpr std::string_view kQuestion =
    "SELECT pg_catalog.pg_is_in_recovery(),"
    " (CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()"
    "  ELSE pg_catalog.pg_current_wal_insert_lsn() END) - '0/0'::pg_catalog.pg_lsn,"
    " CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.substr("
    "  pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 1, 8) END,"
    " (EXTRACT(epoch FROM pg_catalog.pg_postmaster_start_time()) * 1000000)::pg_catalog.int8,"
    " EXISTS (SELECT FROM pg_catalog.pg_stat_wal_receiver WHERE pid IS NOT NULL),"
    " (SELECT received_tli FROM pg_catalog.pg_stat_wal_receiver WHERE pid IS NOT NULL)";
// Granted to all by default, but an administrator may have revoked them.
constexpr std::string_view kControlData =
    ", (SELECT system_identifier FROM pg_catalog.pg_control_system()),"
    " (SELECT timeline_id FROM pg_catalog.pg_control_checkpoint())";

enum Column : std::size_t {
  kRecovery,
  kLsn,
  kWalFileTimeline,
  kStartedAt,
  kStreaming,
  kReceivedTimeline,
  kSystem,
  kTimeline
};

template <class Number>
Number number_in(const std::vector<std::string>& row, Column column, int base = 10) {
  Number value{};
  if (column >= row.size()) return value;
  const std::string& text = row[column];
  std::from_chars(text.data(), text.data() + text.size(), value, base);
  return value;
}

std::uint32_t timeline_of(const std::vector<std::string>& row, bool in_recovery) {
  if (!in_recovery) return number_in<std::uint32_t>(row, kWalFileTimeline, 16);
  const auto received = number_in<std::uint32_t>(row, kReceivedTimeline);
  return received != 0 ? received : number_in<std::uint32_t>(row, kTimeline);
}

ProbeAnswer answer_of(const std::vector<std::string>& row) {
  ProbeAnswer answer;
  answer.in_recovery = row[kRecovery] == "t";
  answer.streaming = row[kStreaming] == "t";
  answer.lsn = number_in<std::uint64_t>(row, kLsn);
  answer.started_at_us = number_in<std::int64_t>(row, kStartedAt);
  answer.system_identifier = number_in<std::uint64_t>(row, kSystem);
  answer.timeline = timeline_of(row, answer.in_recovery);
  return answer;
}

}  // namespace

ServerProbe::ServerProbe(net::ControlLoop& loop, MonitorTarget target, Micros limit_us,
                         Callback callback)
    : limit_us_(limit_us),
      callback_(std::move(callback)),
      link_(loop, std::move(target), "pgsaba monitor", [this](const ServerLink::Answer& broken) {
        met_silence_ = false;
        callback_(Error{broken.error});
      }) {}

void ServerProbe::ask() {
  std::string question(kQuestion);
  if (!without_control_data_) question += kControlData;
  link_.ask(question, limit_us_, [this](const ServerLink::Answer& answer) { receive(answer); });
}

void ServerProbe::start_over() {
  link_.hang_up();
  met_silence_ = without_control_data_ = false;
  ask();
}

void ServerProbe::receive(const ServerLink::Answer& answer) {
  if (link_.strayed()) return ask();
  met_silence_ = answer.timed_out;
  if (answer.ok()) {
    ProbeAnswer told = answer_of(answer.row);
    if (link_.address() != net::Address()) told.address = link_.address().to_string();
    return callback_(std::move(told));
  }
  if (answer.sqlstate == kDenied && !std::exchange(without_control_data_, true)) return ask();
  callback_(Error{answer.error});
}

}  // namespace pgsaba::control
