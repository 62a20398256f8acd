#include "pgsaba/server/server_connection.h"

#include <limits>

#include "pgsaba/wire/backend.h"
#include "pgsaba/wire/sqlstate.h"

namespace pgsaba::server {
namespace {

// Owns the unnamed statement that `begin` leaves: no client has this number.
constexpr std::uint64_t kOwnStatement = std::numeric_limits<std::uint64_t>::max();

// No SQL; it stands in PostgreSQL's log.
constexpr std::string_view kRefusedStatement = "pgsaba refused this statement";

}  // namespace

ServerConnection::ServerConnection(net::Turn& turn, ServerOwner& owner,
                                   std::shared_ptr<const ServerTarget> target,
                                   auth::ScramKeyDesk& keys, std::uint64_t id)
    : OutgoingConnection(turn),
      owner_(&owner),
      target_(std::move(target)),
      keys_(keys),
      login_(target_, keys.cache()),
      id_(id),
      opened_at_(turn.now) {}

Status ServerConnection::open_connection(const net::Address& address,
                                         const net::SocketOptions& options) {
  address_ = address;
  return begin_connecting(address, options, target_->tls);
}

void ServerConnection::agreed() {
  std::string first;
  login_.start(first, binding(address_, target_->tls));
  send(first);
}

void ServerConnection::not_agreed() {
  lost(broken_by_tls() ? CloseReason::kTlsFailed : CloseReason::kConnectFailed);
}

// ---- on lease ----------------------------------------------------------------------------------

void ServerConnection::lend(LeaseHolder& holder) {
  holder_ = &holder;
  has_failed_ = has_rolled_back_ = has_committed_ = has_defined_ = beginning_ = false;
  replies_asked_for_ = all_asked_for_ = own_portal_ = false;
  left_names_.clear();
  forgets_since_.reset();
  state_ = State::kLent;
}

void ServerConnection::send_query(std::string_view sql, Disposition disposition) {
  unnamed_is(0);  // every simple query drops it
  std::string frame;
  wire::append_query(frame, sql);
  pipeline_.expect({Request::kQuery, disposition});
  send(frame);
}

bool ServerConnection::match(const SettingsRef& wanted, std::uint64_t client) {
  if (hides_settings_of_ != 0 && hides_settings_of_ != client) settings_unknown();
  if (settings_known_ && same_settings(settings_, wanted)) return false;
  const Restoration restoration = restoration_to(wanted);
  settings_are(wanted);
  // A query is converted as a whole: what follows has to find the new encoding in place.
  if (!restoration.encoding_sql.empty())
    send_query(restoration.encoding_sql, Disposition::kSwallow);
  if (restoration.sql.empty()) return false;
  const bool asked = restoration.may_be_refused;
  send_query(restoration.sql, asked ? Disposition::kAsk : Disposition::kSwallow);
  return asked;
}

bool ServerConnection::match_and_tell(const SettingsRef& wanted) {
  if (settings_known_ && same_settings(settings_, wanted)) return false;
  const Restoration restoration = restoration_to(wanted);
  settings_are(wanted);
  for (const std::string& sql : {restoration.encoding_sql, restoration.sql})
    if (!sql.empty()) send_query(sql, Disposition::kAsk);
  return !pipeline_.empty();
}

Restoration ServerConnection::restoration_to(const SettingsRef& wanted) {
  if (settings_known_) return difference(settings_, wanted);
  hides_settings_of_ = 0;  // all is reset
  return restore(wanted);
}

void ServerConnection::settings_are(SettingsRef settings) {
  settings_ = std::move(settings);
  settings_known_ = true;
}

void ServerConnection::begin(std::string_view sql) {
  unnamed_is(kOwnStatement);
  beginning_ = own_portal_ = true;
  std::string rest(sql);
  rest.append(3, '\0');  // the end of the text, and no types
  std::string frames;
  wire::append_parse(frames, "", rest);
  wire::append_bind_and_execute(frames, "");
  for (const Request request : {Request::kParse, Request::kBind, Request::kExecute})
    pipeline_.expect({request, Disposition::kBegin});
  send(frames);
}

void ServerConnection::close_own_portal() {
  own_portal_ = false;
  std::string frame;
  wire::append_close_portal(frame, "");
  pipeline_.expect({Request::kClose, Disposition::kBegin});
  send(frame);
}

void ServerConnection::leave_batch() {
  pipeline_.disown();
  if (!pipeline_.skipping()) return;
  std::string frame;
  wire::append_sync(frame);
  pipeline_.expect({Request::kSync, Disposition::kSwallow});
  send(frame);
}

void ServerConnection::forget_sequences(std::uint64_t client) {
  served_ = client;
  send_query("DISCARD SEQUENCES", Disposition::kSwallow);
}

void ServerConnection::ask(std::string_view sql) {
  if (pipeline_.empty()) close_strays();
  send_query(sql, Disposition::kAsk);
}

void ServerConnection::close_strays() {
  std::string frames;
  std::erase_if(named_, [&](const auto& one) {
    if (!one.second.stray) return false;
    wire::append_close_statement(frames, one.first);
    pipeline_.expect({Request::kClose, Disposition::kSwallow});
    return true;
  });
  if (frames.empty()) return;
  wire::append_sync(frames);
  pipeline_.expect({Request::kSync, Disposition::kSwallow});
  send(frames);
}

void ServerConnection::forward(Request request, Bytes bytes, std::uint32_t statement,
                               std::uint32_t change, std::uint32_t name) {
  if (request == Request::kQuery) {
    unnamed_is(0);
    own_portal_ = false;
  }
  pipeline_.expect({request, Disposition::kForward, false, statement, change, name});
  forget_skipped();
  send(bytes);
}

void ServerConnection::refuse(Request request, const wire::ErrorFields& error) {
  unnamed_is(0);
  refusal_.clear();
  wire::append_error(refusal_, 'E', error);
  std::string frame;
  if (request == Request::kQuery) {
    wire::append_query(frame, kRefusedStatement);
  } else {
    wire::append_parse(frame, "", std::string(kRefusedStatement).append(3, '\0'));
  }
  pipeline_.expect({.request = request, .refused = true});
  send(frame);
}

void ServerConnection::need_unnamed(std::string_view rest, std::uint64_t owner) {
  if (unnamed_owner() == owner) return;
  unnamed_is(owner);
  std::string frame;
  wire::append_parse(frame, "", rest);
  pipeline_.expect({Request::kParse, Disposition::kSwallow});
  forget_skipped();
  send(frame);
}

void ServerConnection::drop_unnamed() {
  if (unnamed_owner() == 0) return;
  unnamed_is(0);
  std::string frame;
  wire::append_close_statement(frame, "");
  pipeline_.expect({Request::kClose, Disposition::kSwallow});
  forget_skipped();
  send(frame);
}

void ServerConnection::need_statement(const PreparedStatement& statement, std::size_t limit) {
  const auto knowledge = statements_.knows(statement);
  if (knowledge == ServerStatements::Knowledge::kCurrent) return;
  std::string frames;
  if (knowledge == ServerStatements::Knowledge::kOutdated) {
    close_copy(statement.id, frames);
  } else {
    make_room(limit, frames);
  }
  wire::append_parse(frames, server_statement_name(statement.id), statement.rest);
  statements_.learn(statement.id, statement.edition.load(std::memory_order_relaxed));
  pipeline_.expect({Request::kParse, Disposition::kSwallow, true, statement.id});
  forget_skipped();
  send(frames);
}

bool ServerConnection::need_names(const StatementsByName& own, const StatementsByName& needed) {
  std::string frames;
  named_error_.clear();
  if (pipeline_.empty()) closing_.clear();
  const bool batch_open = pipeline_.batch_open();
  const auto ours = beginning_ ? Disposition::kBegin : Disposition::kSwallow;
  // Each Parse ends a batch, if possible: its error must not make the server skip what follows.
  bool ended = true;
  const auto end_batch = [&] {
    ended = true;
    if (batch_open) return;
    wire::append_sync(frames);
    pipeline_.expect({Request::kSync, Disposition::kSwallow});
  };
  const auto still_good = [&own](const auto& entry) {
    const auto same = own.find(entry.first);
    return same != own.end() && same->second->id == entry.second.statement &&
           same->second->edition.load(std::memory_order_relaxed) == entry.second.edition;
  };
  for (auto at = named_.begin(); at != named_.end();) {
    if (still_good(*at)) {
      ++at;
      continue;
    }
    wire::append_close_statement(frames, at->first);
    pipeline_.expect({Request::kClose, ours, false, 0, ++next_named_});
    closing_.emplace_back(next_named_, at->first);
    at = named_.erase(at);
    ended = false;
  }
  for (const auto& [name, statement] : needed) {
    if (named_.contains(name)) continue;
    wire::append_parse(frames, name, statement->rest);
    pipeline_.expect({Request::kParse, ours, false, statement->id, ++next_named_});
    named_[name] = {statement->id, statement->edition.load(std::memory_order_relaxed), next_named_};
    end_batch();
  }
  if (!ended) end_batch();
  if (frames.empty()) return false;
  if (batch_open) names_since_ = pipeline_.batch();
  forget_skipped();
  send(frames);
  return true;
}

// One without a statement is there, but cannot be made again.
void ServerConnection::names_are(const StatementsByName& names) {
  named_.clear();
  left_names_.clear();
  for (const auto& [name, statement] : names)
    named_[name] = statement ? Named{statement->id, statement->edition.load()} : Named{};
}

bool ServerConnection::waits_to_forget() {
  if (!forgets_since_ || pipeline_.answered(*forgets_since_)) return false;
  const bool open = *forgets_since_ == pipeline_.batch();
  if (open && !pipeline_.batch_in_doubt()) return false;
  if (open) ask_for_all_replies();
  return true;
}

void ServerConnection::parse_statement(const PreparedStatement& statement, std::size_t limit,
                                       std::uint32_t change) {
  std::string frames;
  if (statements_.holds(statement.id)) {  // the client gets a real answer, not a remembered one
    close_copy(statement.id, frames);
  } else {
    make_room(limit, frames);
  }
  wire::append_parse(frames, server_statement_name(statement.id), statement.rest);
  statements_.learn(statement.id, statement.edition.load(std::memory_order_relaxed));
  pipeline_.expect({Request::kParse, Disposition::kForward, true, statement.id, change, change});
  forget_skipped();
  send(frames);
}

void ServerConnection::make_room(std::size_t limit, std::string& frames) {
  while (const auto victim = statements_.evict(limit)) close_copy(*victim, frames);
}

void ServerConnection::close_copy(std::uint32_t statement, std::string& frames) {
  wire::append_close_statement(frames, server_statement_name(statement));
  pipeline_.expect({Request::kClose, Disposition::kSwallow, false, statement});
}

// PostgreSQL keeps replies to itself up to a Sync, which the client has yet to send.
bool ServerConnection::ask_for_replies() {
  if (!std::exchange(replies_asked_for_, true)) send_flush();
  return true;
}

void ServerConnection::ask_for_all_replies() {
  if (!std::exchange(all_asked_for_, true)) send_flush();
}

void ServerConnection::send_flush() {
  std::string frame;
  wire::append_flush(frame);
  send(frame);
}

void ServerConnection::answer(Request request, std::uint32_t statement, std::uint32_t change) {
  pipeline_.expect({request, Disposition::kSynthesize, false, statement, change});
  forget_skipped();
  make_answers();
}

// ---- between leases ----------------------------------------------------------------------------

void ServerConnection::release() {
  holder_ = nullptr;
  state_ = State::kIdle;
}

void ServerConnection::clean(std::string_view sql, bool resets_session) {
  holder_ = nullptr;
  state_ = State::kCleaning;
  if (resets_session) {
    settings_are(nullptr);
    hides_settings_of_ = 0;
    served_ = 0;
    taint_ = Taint::kNone;
    statements_.forget_all();
    named_.clear();
    left_names_.clear();
  }
  send_query(sql, Disposition::kSwallow);
}

void ServerConnection::shut() {
  if (open() && state_ != State::kLogin) {
    std::string farewell;
    wire::append_terminate(farewell);
    send(farewell);
    flush();
  }
  state_ = State::kClosed;
  holder_ = nullptr;
  close();
}

net::Socket ServerConnection::give_away() {
  assert(state_ == State::kIdle && holder_ == nullptr);
  return detach();
}

void ServerConnection::adopt(net::Turn& turn, ServerOwner& owner, net::Socket socket) {
  move_to(turn);
  owner_ = &owner;
  attach(socket);
}

void ServerConnection::lost(CloseReason reason) {
  if (state_ == State::kClosed) return;
  const bool mid_frame = !reader_.at_boundary() && !body_swallowed_;
  state_ = State::kClosed;
  LeaseHolder* holder = std::exchange(holder_, nullptr);
  if (holder != nullptr) holder->server_lost(*this, reason, mid_frame);
  owner_->server_closed(*this, reason);
}

}  // namespace pgsaba::server
