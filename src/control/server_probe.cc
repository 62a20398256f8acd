#include "server_probe.h"

#include <libpq-fe.h>

#include <array>
#include <charconv>
#include <cstring>
#include <string_view>
#include <utility>

namespace pgsaba::control {
namespace {

constexpr const char* kDenied = "42501";  // insufficient_privilege

// A primary tells its timeline by the name of the WAL file it writes: the control file may lag
// behind for a while after a promotion.
constexpr std::string_view kQuestion =
    "SELECT pg_catalog.pg_is_in_recovery(),"
    " (CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()"
    "  ELSE pg_catalog.pg_current_wal_insert_lsn() END) - '0/0'::pg_catalog.pg_lsn,"
    " CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.substr("
    "  pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 1, 8) END,"
    " (EXTRACT(epoch FROM pg_catalog.pg_postmaster_start_time()) * 1000000)::pg_catalog.int8,"
    " EXISTS (SELECT FROM pg_catalog.pg_stat_wal_receiver WHERE pid IS NOT NULL)";
// Granted to all by default, but an administrator may have revoked them.
constexpr std::string_view kControlData =
    ", (SELECT system_identifier FROM pg_catalog.pg_control_system()),"
    " (SELECT timeline_id FROM pg_catalog.pg_control_checkpoint())";

enum Column : int { kRecovery, kLsn, kWalFileTimeline, kStartedAt, kStreaming, kSystem, kTimeline };

std::string_view field(const PGresult* result, Column column) {
  if (column >= ::PQnfields(result) || ::PQgetisnull(result, 0, column) == 1) return {};
  return {::PQgetvalue(result, 0, column),
          static_cast<std::size_t>(::PQgetlength(result, 0, column))};
}

template <class Number>
Number number_in(std::string_view text, int base = 10) {
  Number value{};
  std::from_chars(text.data(), text.data() + text.size(), value, base);
  return value;
}

ProbeAnswer answer_of(const PGresult* result) {
  ProbeAnswer answer;
  answer.in_recovery = field(result, kRecovery) == "t";
  answer.streaming = field(result, kStreaming) == "t";
  answer.lsn = number_in<std::uint64_t>(field(result, kLsn));
  answer.started_at_us = number_in<std::int64_t>(field(result, kStartedAt));
  answer.system_identifier = number_in<std::uint64_t>(field(result, kSystem));
  answer.timeline = answer.in_recovery
                        ? number_in<std::uint32_t>(field(result, kTimeline))
                        : number_in<std::uint32_t>(field(result, kWalFileTimeline), 16);
  return answer;
}

std::string on_one_line(const char* text) {
  std::string line;
  for (const char byte : std::string_view(text)) {
    if (byte != '\n') line += byte;
    if (byte == '\n' && !line.empty()) line += "; ";
  }
  while (!line.empty() && (line.back() == ' ' || line.back() == ';')) line.pop_back();
  return line;
}

// libpq's lists: one host and one hostaddr per address to try.
template <class Text>
std::string joined(const std::vector<net::Address>& addresses, Text text) {
  std::string list;
  for (const net::Address& address : addresses) list += (list.empty() ? "" : ",") + text(address);
  return list;
}

}  // namespace

void ServerProbe::CloseLink::operator()(pg_conn* link) const { ::PQfinish(link); }
void ServerProbe::FreeResult::operator()(pg_result* result) const { ::PQclear(result); }

ServerProbe::ServerProbe(net::ControlLoop& loop, MonitorTarget target, Micros limit_us,
                         Callback callback)
    : loop_(loop),
      target_(std::move(target)),
      limit_us_(limit_us),
      callback_(std::move(callback)) {}

ServerProbe::~ServerProbe() = default;

void ServerProbe::ask() {
  if (state_ != State::kOffline && state_ != State::kIdle) return;
  limit_ = loop_.after(limit_us_, [this] {
    fail("no answer within " + std::to_string(limit_us_ / kMillisecond) + " ms");
  });
  if (state_ == State::kIdle) {
    send_question();
  } else if (target_.user.empty()) {
    // Not at once: callbacks never come from inside the call.
    limit_ = loop_.after(0, [this] { fail("no monitor user is configured"); });
    state_ = State::kLookingUp;
  } else {
    look_up();
  }
}

void ServerProbe::look_up() {
  state_ = State::kLookingUp;
  lookup_ = loop_.resolve(target_.host, target_.port, [this](net::ControlLoop::Addresses found) {
    if (!found) {
      fail(found.error().message);
    } else {
      connect(*found);
    }
  });
}

void ServerProbe::connect(const std::vector<net::Address>& addresses) {
  const bool is_unix = addresses.front().is_unix();
  // The name stays as `host`, for the server's certificate; `hostaddr` is where libpq connects.
  const std::string host =
      is_unix ? target_.host : joined(addresses, [&](const net::Address&) { return target_.host; });
  const std::string hostaddr =
      is_unix ? "" : joined(addresses, [](const net::Address& address) { return address.host(); });
  const std::string port = std::to_string(target_.port);
  const std::array<std::pair<const char*, const char*>, 9> settings{{
      {"host", host.c_str()},
      {"hostaddr", hostaddr.c_str()},
      {"port", port.c_str()},
      {"user", target_.user.c_str()},
      {"password", target_.password.c_str()},
      {"dbname", target_.database.c_str()},
      {"application_name", "pgsaba monitor"},
      {"gssencmode", "disable"},  // its negotiation may block
      {"client_encoding", "UTF8"},
  }};
  std::array<const char*, settings.size() + 1> keywords{};
  std::array<const char*, settings.size() + 1> values{};
  for (std::size_t index = 0; index < settings.size(); ++index) {
    keywords[index] = settings[index].first;
    values[index] = settings[index].second;
  }
  link_.reset(::PQconnectStartParams(keywords.data(), values.data(), 0));
  if (link_ == nullptr || ::PQstatus(link_.get()) == CONNECTION_BAD) return fail(link_error());
  ::PQsetNoticeProcessor(
      link_.get(), [](void*, const char*) {}, nullptr);
  state_ = State::kConnecting;
  watch({.writable = true}, &ServerProbe::on_connecting);
}

void ServerProbe::continue_connecting() {
  socket_.reset();  // libpq may change its socket now
  switch (::PQconnectPoll(link_.get())) {
    case PGRES_POLLING_READING:
      return watch({.readable = true}, &ServerProbe::on_connecting);
    case PGRES_POLLING_WRITING:
      return watch({.writable = true}, &ServerProbe::on_connecting);
    case PGRES_POLLING_OK:
      ::PQsetnonblocking(link_.get(), 1);
      return send_question();
    default:
      return fail(link_error());
  }
}

void ServerProbe::send_question() {
  std::string question(kQuestion);
  if (!without_control_data_) question += kControlData;
  if (::PQsendQuery(link_.get(), question.c_str()) != 1) return fail(link_error());
  state_ = State::kAsking;
  result_.reset();
  watch({.readable = true, .writable = true}, &ServerProbe::receive);
}

void ServerProbe::receive(net::Readiness ready) {
  if (ready.writable) {
    const int left = ::PQflush(link_.get());
    if (left < 0) return fail(link_error());
    if (left == 0) watch({.readable = true}, &ServerProbe::receive);
  }
  if (!ready.readable || state_ != State::kAsking) return;
  if (::PQconsumeInput(link_.get()) != 1) return fail(link_error());
  while (::PQisBusy(link_.get()) == 0) {
    ResultPointer next(::PQgetResult(link_.get()));
    if (next == nullptr) return finish(std::exchange(result_, nullptr));
    if (result_ == nullptr) result_ = std::move(next);
  }
}

void ServerProbe::finish(const ResultPointer& result) {
  if (::PQstatus(link_.get()) != CONNECTION_OK || result == nullptr) return fail(link_error());
  if (::PQresultStatus(result.get()) != PGRES_TUPLES_OK || ::PQntuples(result.get()) != 1) {
    const char* sqlstate = ::PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
    if (sqlstate != nullptr && std::strcmp(sqlstate, kDenied) == 0 && !without_control_data_) {
      without_control_data_ = true;
      return send_question();
    }
    return fail(on_one_line(::PQresultErrorMessage(result.get())));
  }
  state_ = State::kIdle;
  limit_.reset();
  watch({.readable = true}, &ServerProbe::on_idle);
  if (state_ == State::kIdle) callback_(answer_of(result.get()));
}

// A server says goodbye to idle links when it stops.
void ServerProbe::notice_idle_link() {
  const bool alive = ::PQconsumeInput(link_.get()) == 1 && ::PQstatus(link_.get()) == CONNECTION_OK;
  // A FATAL message comes before the end of the stream; the next read meets that.
  if (!alive) fail(link_error());
}

void ServerProbe::watch(net::Readiness interest, void (ServerProbe::*step)(net::Readiness)) {
  socket_.reset();
  auto watched = loop_.watch_fd(::PQsocket(link_.get()), interest,
                                [this, step](net::Readiness ready) { (this->*step)(ready); });
  if (!watched) return fail(watched.error().message);
  socket_ = std::move(watched).value();
}

std::string ServerProbe::link_error() const {
  return link_ == nullptr ? "out of memory" : on_one_line(::PQerrorMessage(link_.get()));
}

void ServerProbe::fail(std::string message) {
  socket_.reset();
  lookup_.reset();
  limit_.reset();
  result_.reset();
  link_.reset();
  state_ = State::kOffline;
  callback_(Error{std::move(message)});
}

}  // namespace pgsaba::control
