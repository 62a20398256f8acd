#include "server_link.h"

#include <libpq-fe.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace pgsaba::control {
namespace {

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

void ServerLink::CloseLink::operator()(pg_conn* link) const { ::PQfinish(link); }
void ServerLink::FreeResult::operator()(pg_result* result) const { ::PQclear(result); }

ServerLink::ServerLink(net::ControlLoop& loop, MonitorTarget target, std::string application_name,
                       Callback on_broken)
    : loop_(loop),
      target_(std::move(target)),
      application_name_(std::move(application_name)),
      on_broken_(std::move(on_broken)) {}

ServerLink::~ServerLink() = default;

bool ServerLink::ask(std::string_view question, Micros limit_us, Callback answer, Shape shape,
                     std::vector<std::string> parameters) {
  if (busy()) return false;
  question_ = question;
  shape_ = shape;
  parameters_ = std::move(parameters);
  answer_ = std::move(answer);
  limit_ = loop_.after(limit_us, [this, limit_us] {
    fail("no answer within " + std::to_string(limit_us / kMillisecond) + " ms", true);
  });
  if (state_ == State::kIdle && !strayed()) {
    send_question();
  } else if (target_.user.empty()) {
    // Not at once: callbacks never come from inside the call.
    limit_ = loop_.after(0, [this] { fail("no monitor user is configured"); });
    state_ = State::kLookingUp;
  } else {
    look_up();
  }
  return true;
}

void ServerLink::look_up() {
  drop_link();
  state_ = State::kLookingUp;
  if (target_.addresses && !target_.addresses->empty()) {
    // In turn, as pools do: libpq waits long for one that says nothing.
    std::vector<net::Address> addresses = *target_.addresses;
    const auto first = static_cast<std::ptrdiff_t>(turn_++ % addresses.size());
    std::rotate(addresses.begin(), addresses.begin() + first, addresses.end());
    lookup_ = loop_.after(0, [this, addresses = std::move(addresses)] { connect(addresses); });
    return;
  }
  lookup_ = loop_.resolve(target_.host, target_.port, [this](net::ControlLoop::Addresses found) {
    if (!found) {
      fail(found.error().message);
    } else {
      connect(*found);
    }
  });
}

void ServerLink::connect(const std::vector<net::Address>& addresses) {
  tried_ = addresses;
  const bool is_unix = addresses.front().is_unix();
  // The name stays as `host`, for the server's certificate; `hostaddr` is where libpq connects.
  const std::string host =
      is_unix ? target_.host : joined(addresses, [&](const net::Address&) { return target_.host; });
  const std::string hostaddr =
      is_unix ? "" : joined(addresses, [](const net::Address& address) { return address.host(); });
  const std::string port = std::to_string(target_.port);
  std::vector<std::pair<const char*, std::string>> settings = libpq_tls(target_.tls);
  settings.insert(settings.end(), {
                                      {"host", host},
                                      {"hostaddr", hostaddr},
                                      {"port", port},
                                      {"user", target_.user},
                                      {"password", target_.password},
                                      {"dbname", target_.database},
                                      {"application_name", application_name_},
                                      {"gssencmode", "disable"},  // its negotiation may block
                                      {"client_encoding", "UTF8"},
                                  });
  std::vector<const char*> keywords;
  std::vector<const char*> values;
  for (const auto& [name, value] : settings) {
    keywords.push_back(name);
    values.push_back(value.c_str());
  }
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  link_.reset(::PQconnectStartParams(keywords.data(), values.data(), 0));
  if (link_ == nullptr || ::PQstatus(link_.get()) == CONNECTION_BAD) return fail(link_error());
  ::PQsetNoticeProcessor(
      link_.get(), [](void*, const char*) {}, nullptr);
  state_ = State::kConnecting;
  watch({.writable = true}, &ServerLink::on_connecting);
}

void ServerLink::continue_connecting() {
  socket_.reset();  // libpq may change its socket now
  switch (::PQconnectPoll(link_.get())) {
    case PGRES_POLLING_READING:
      return watch({.readable = true}, &ServerLink::on_connecting);
    case PGRES_POLLING_WRITING:
      return watch({.writable = true}, &ServerLink::on_connecting);
    case PGRES_POLLING_OK:
      ::PQsetnonblocking(link_.get(), 1);
      note_address();
      if (strayed()) return look_up();
      watch({.readable = true}, &ServerLink::on_ready);
      if (state_ == State::kConnecting) send_question();
      return;
    default:
      return fail(link_error());
  }
}

// Where a list shows it. What is not known to be elsewhere has not strayed.
void ServerLink::note_address() {
  sockaddr_storage place{};
  socklen_t length = sizeof place;
  auto* raw = reinterpret_cast<sockaddr*>(&place);
  address_ = net::Address();
  if (tried_.size() == 1) {
    address_ = tried_.front();
  } else if (::getpeername(::PQsocket(link_.get()), raw, &length) == 0) {
    const auto peer = std::ranges::find(tried_, net::Address::from_sockaddr(raw, length));
    if (peer != tried_.end()) address_ = *peer;
  }
}

bool ServerLink::strayed() const {
  return address_ != net::Address() && target_.addresses && !target_.addresses->empty() &&
         std::ranges::find(*target_.addresses, address_) == target_.addresses->end();
}

void ServerLink::hang_up() {
  answer_ = nullptr;
  limit_.reset();
  drop_link();
}

bool ServerLink::send_once() {
  if (parameters_.empty()) return ::PQsendQuery(link_.get(), question_.c_str()) == 1;
  std::vector<const char*> values;
  for (const std::string& value : parameters_) values.push_back(value.c_str());
  return ::PQsendQueryParams(link_.get(), question_.c_str(), static_cast<int>(values.size()),
                             nullptr, values.data(), nullptr, nullptr, 0) == 1;
}

// The socket stays watched from question to question: each change of interest costs system calls.
void ServerLink::send_question() {
  if (shape_ == Shape::kOften) {
    send_often();
  } else if (!send_once()) {
    return fail(link_error());
  }
  if (link_ == nullptr) return;  // it has failed
  state_ = State::kAsking;
  result_.reset();
  const int left = ::PQflush(link_.get());
  if (left < 0) return fail(link_error());
  if (left > 0) watch({.readable = true, .writable = true}, &ServerLink::on_ready);
}

// The first time it is only prepared.
void ServerLink::send_often() {
  const auto known = std::ranges::find(prepared_, question_);
  const std::string name = "q" + std::to_string(known - prepared_.begin());
  preparing_ = known == prepared_.end();
  const int sent =
      preparing_
          ? ::PQsendPrepare(link_.get(), name.c_str(), question_.c_str(), 0, nullptr)
          : ::PQsendQueryPrepared(link_.get(), name.c_str(), 0, nullptr, nullptr, nullptr, 0);
  if (sent != 1) fail(link_error());
}

void ServerLink::on_ready(net::Readiness ready) {
  if (state_ == State::kIdle) return notice_idle_link();
  if (ready.writable) {
    const int left = ::PQflush(link_.get());
    if (left < 0) return fail(link_error());
    if (left == 0) watch({.readable = true}, &ServerLink::on_ready);
  }
  if (!ready.readable || state_ != State::kAsking) return;
  if (::PQconsumeInput(link_.get()) != 1) return fail(link_error());
  while (::PQisBusy(link_.get()) == 0) {
    ResultPointer next(::PQgetResult(link_.get()));
    if (next == nullptr) return finish(std::exchange(result_, nullptr));
    const bool failed = result_ != nullptr && ::PQresultStatus(result_.get()) == PGRES_FATAL_ERROR;
    if (!failed) result_ = std::move(next);
  }
}

void ServerLink::finish(const ResultPointer& result) {
  if (::PQstatus(link_.get()) != CONNECTION_OK || result == nullptr) return fail(link_error());
  if (std::exchange(preparing_, false) && ::PQresultStatus(result.get()) == PGRES_COMMAND_OK) {
    prepared_.push_back(question_);
    return send_question();
  }
  Answer answer;
  const int rows = ::PQntuples(result.get());
  if (::PQresultStatus(result.get()) == PGRES_TUPLES_OK && (shape_ == Shape::kTable || rows == 1)) {
    for (int row = 0; row < rows; ++row)
      for (int column = 0; column < ::PQnfields(result.get()); ++column)
        answer.row.emplace_back(::PQgetvalue(result.get(), row, column));
  } else {
    answer.error = on_one_line(::PQresultErrorMessage(result.get()));
    if (answer.error.empty()) {
      answer.error = "the answer is not one row";
      answer.no_row = ::PQntuples(result.get()) == 0;
    }
    const char* sqlstate = ::PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
    if (sqlstate != nullptr) answer.sqlstate = sqlstate;
    prepared_.clear();  // a pooler in between may have given us another server
  }
  state_ = State::kIdle;
  limit_.reset();
  const Callback tell = std::exchange(answer_, nullptr);
  tell(answer);
}

// A server says goodbye to idle links when it stops.
void ServerLink::notice_idle_link() {
  const bool alive = ::PQconsumeInput(link_.get()) == 1 && ::PQstatus(link_.get()) == CONNECTION_OK;
  // A FATAL message comes before the end of the stream; the next read meets that.
  if (!alive) fail(link_error());
}

void ServerLink::watch(net::Readiness interest, void (ServerLink::*step)(net::Readiness)) {
  socket_.reset();
  auto watched = loop_.watch_fd(::PQsocket(link_.get()), interest,
                                [this, step](net::Readiness ready) { (this->*step)(ready); });
  if (!watched) return fail(watched.error().message);
  socket_ = std::move(watched).value();
}

std::string ServerLink::link_error() const {
  return link_ == nullptr ? "out of memory" : on_one_line(::PQerrorMessage(link_.get()));
}

void ServerLink::drop_link() {
  socket_.reset();
  lookup_.reset();
  result_.reset();
  link_.reset();
  address_ = net::Address();
  prepared_.clear();
  preparing_ = false;
  state_ = State::kOffline;
}

void ServerLink::fail(std::string message, bool timed_out) {
  limit_.reset();
  drop_link();
  const Answer failure{.row = {}, .error = std::move(message), .timed_out = timed_out};
  const Callback tell = std::exchange(answer_, nullptr);
  tell ? tell(failure) : on_broken_(failure);
}

}  // namespace pgsaba::control
