// The part of ClientSession that knows reads from the rest: what may run on a standby, what has to
// be seen there, and what the session has written and seen itself.
#include <algorithm>

#include "pgsaba/routing/read_wish.h"
#include "pgsaba/routing/retry.h"
#include "pgsaba/session/client_session.h"
#include "session/errors.h"
#include "session/held_parameters.h"
#include "session/lease_traces.h"
#include "session/lesson.h"
#include "session/listening.h"
#include "session/orphaned_transaction.h"
#include "session/query_text.h"
#include "session/unnamed_statement.h"

namespace pgsaba::session {

using routing::LeaseReason;
using routing::ReadWish;
using sql::Access;
using sql::Command;
using wire::Piece;
using wire::TransactionStatus;

namespace {

constexpr std::string_view kRouteSetting = "pgsaba.route";

bool is_on(const server::SettingsRef& settings, std::string_view name) {
  const std::string* value = server::find_setting(settings, name);
  return value != nullptr && (*value == "on" || *value == "true" || *value == "1");
}

}  // namespace

// ---- what is a read ----------------------------------------------------------------------------

// Whether what begins with this message, and is sent without a server so far, may run on a standby.
// `ahead` is all that has come, from this message on.
ClientSession::ReadRequest ClientSession::as_read(const Piece& piece, Bytes ahead) const {
  if (account_->reads.balance == nullptr) return {};
  if (again_) return {.why = LeaseReason::kRepeated};
  if (to_primary_) return {.why = LeaseReason::kNotServed};
  if (!pools_transactions()) return {.why = LeaseReason::kSessionPooling};
  if (state_ == State::kBegun && !begins_read_only()) return {.why = LeaseReason::kTransaction};
  if (settings_ && prefers_serializable()) return {.why = LeaseReason::kTransaction};
  if (piece.tag != 'Q') return read_batch(ahead, wish());
  if (!piece.complete) return {.why = LeaseReason::kIncomplete};
  if (const auto why = objection(query_, query_text(piece), wish())) return {.why = *why};
  return {.bytes = piece.bytes.size(), .why = why_standby()};
}

LeaseReason ClientSession::why_standby() const {
  return state_ == State::kBegun ? LeaseReason::kReadOnlyTransaction : LeaseReason::kRead;
}

// What the session wants on standbys, by its route and what it has SET.
ReadWish ClientSession::wish() const {
  const std::string* word = settings_ ? server::find_setting(settings_, kRouteSetting) : nullptr;
  const config::RoutePolicy route = account_->reads.route;
  return word == nullptr ? routing::wish_of(route) : routing::wish_of(route, *word);
}

// Why nothing that is wished so can go to a standby now; nothing: it can.
std::optional<LeaseReason> ClientSession::objection(ReadWish wish, sql::RouteHint hint) const {
  const ReadRules& rules = account_->reads;
  if (wish == ReadWish::kNone && hint != sql::RouteHint::kNone) return LeaseReason::kHint;
  if (wish == ReadWish::kNone)
    return routing::wish_of(rules.route) == ReadWish::kNone ? LeaseReason::kRoute
                                                            : LeaseReason::kSessionRoute;
  if (!rules.objects_known()) return LeaseReason::kNotLooked;
  if (wish == ReadWish::kInNeed && rules.balance->primary_answers()) return LeaseReason::kRoute;
  return std::nullopt;
}

std::optional<LeaseReason> ClientSession::objection(const sql::Statement& statement,
                                                    std::string_view text, ReadWish wish) const {
  wish = routing::wish_of(wish, statement.hint);
  if (const auto why = objection(wish, statement.hint)) return why;
  if (reads(statement, text, wish)) return std::nullopt;
  return routing::lease_reason(statement.reason);
}

// Of a statement that was prepared before.
std::optional<LeaseReason> ClientSession::objection(Access access, sql::RouteHint hint,
                                                    ReadWish wish) const {
  wish = routing::wish_of(wish, hint);
  if (const auto why = objection(wish, hint)) return why;
  if (routing::suits_standby(access, wish)) return std::nullopt;
  return LeaseReason::kPrepared;
}

// Where the lease that is asked for goes, and why; it is counted when it begins.
void ClientSession::note_route(const ReadRequest& read, const ReadRoute& route) {
  lease_reason_ = read.why;
  ReadRules& rules = account_->reads;
  if (read.why == LeaseReason::kNotLooked) host_.want_catalogue(*account_);
  // What is known is kept for the day when it is needed.
  if (rules.route == config::RoutePolicy::kPreferPrimary && rules.definitions)
    rules.definitions->use();
  if (read.bytes > 0 && route.pool == nullptr) {
    lease_reason_ = route.behind     ? LeaseReason::kBehind
                    : route.may_wait ? LeaseReason::kNoneFresh
                                     : LeaseReason::kNoneFit;
  }
  if (parked_at_ != 0 && account_->reads.counts != nullptr)
    account_->reads.counts->add_wait(lease_reason_, turn().now - parked_at_);
}

// A standby refuses serializable transactions.
bool ClientSession::prefers_serializable() const {
  const std::string* level = server::find_setting(settings_, "default_transaction_isolation");
  return level != nullptr && *level == "serializable" && state_ != State::kBegun;
}

// Of the BEGIN that waits. A standby refuses serializable transactions.
bool ClientSession::begins_read_only() const {
  const auto begin = sql::plain_begin(begin_sql_, dialect_);
  if (!begin || begin->serializable) return false;
  const std::string* level = server::find_setting(settings_, "default_transaction_isolation");
  if (!begin->isolation && level != nullptr && *level == "serializable") return false;
  return begin->read_only ||
         (!begin->read_write && is_on(settings_, "default_transaction_read_only"));
}

bool ClientSession::reads(const sql::Statement& statement, std::string_view text,
                          ReadWish wish) const {
  if (routing::suits_standby(statement.access, wish)) return true;
  return statement.command == Command::kExecute && statement.single && executes_read(text, wish);
}

// What the EXECUTE runs is a read; its arguments call nothing.
bool ClientSession::executes_read(std::string_view text, ReadWish wish) const {
  if (std::ranges::count(text, '(') > 1) return false;
  const auto command = sql::prepared_command(text, dialect_);
  if (!command || command->verb != sql::PreparedCommand::Verb::kExecute) return false;
  const auto statement = find_statement(command->name);
  if (!statement) return false;
  return routing::suits_standby(access_of(*statement), routing::wish_of(wish, hint_of(*statement)));
}

// By rules that do not hold any more it is nothing that is known.
Access ClientSession::unnamed_access() const {
  if (!unnamed_) return Access::kWrite;
  return unnamed_->judged_by == judge() ? unnamed_->access
                                        : std::max(unnamed_->access, Access::kUnknown);
}

// The batch, if all of it is a read. It has to lie there up to its Sync: what follows later could
// be a write, which belongs to the same transaction. One that closes a name is not repeatable.
ClientSession::ReadRequest ClientSession::read_batch(Bytes ahead, ReadWish wish) const {
  const std::size_t whole = ahead.size();
  wire::FrameReader reader(wire::Direction::kFromClient);
  bool unnamed_parsed = false;           // and a read
  std::vector<std::string_view> parsed;  // names, of reads
  bool closes = false;
  bool again = false;  // parses a name that is taken
  while (!ahead.empty()) {
    const Piece piece = reader.next(ahead, 0);
    if (piece.kind != Piece::Kind::kFrame || !piece.complete)
      return {.why = LeaseReason::kIncomplete};
    const bool first = ahead.size() == whole;
    ahead = ahead.subspan(piece.bytes.size());
    switch (piece.tag) {
      case 'P': {
        const auto parse = wire::read_parse(piece.body());
        if (!parse) return {.why = LeaseReason::kOther};
        const std::string_view text(parse->rest.data());
        // The first message of the batch was read when it came.
        const sql::Statement statement = first ? query_ : read(text);
        if (const auto why = objection(statement, text, wish)) return {.why = *why};
        if (parse->statement.empty()) {
          unnamed_parsed = true;
        } else {
          again = again || find_name(parse->statement) != nullptr;
          parsed.push_back(parse->statement);
        }
        break;
      }
      case 'B': {
        const auto bind = wire::read_bind(piece.body());
        if (!bind) return {.why = LeaseReason::kOther};
        const bool known = bind->statement.empty()
                               ? unnamed_parsed
                               : std::ranges::find(parsed, bind->statement) != parsed.end();
        if (known) break;
        if (const auto why = objection_to_bind(bind->statement, wish)) return {.why = *why};
        break;
      }
      case 'C':
        closes = true;
        break;
      case 'D':
      case 'E':
      case 'H':
        break;
      case 'S':
        return {
            .bytes = whole - ahead.size(), .repeatable = !closes && !again, .why = why_standby()};
      default:
        return {.why = LeaseReason::kOther};
    }
  }
  return {.why = LeaseReason::kIncomplete};
}

std::optional<LeaseReason> ClientSession::objection_to_bind(std::string_view name,
                                                            ReadWish wish) const {
  if (name.empty())
    return objection(unnamed_access(), unnamed_ ? unnamed_->hint : sql::RouteHint::kNone, wish);
  const auto statement = find_statement(name);
  if (!statement) return LeaseReason::kPrepared;
  const Access access = access_of(*statement);
  return objection(access, hint_of(*statement), wish);
}

// Inside of a transaction that runs on a standby: whether the server can be given this message.
// What writes may go there, too: it fails as it would in any transaction that is READ ONLY.
bool ClientSession::runs_on_standby(const Piece& piece) const {
  const ReadWish here =
      std::max(wish(), ReadWish::kProven);  // where the transaction goes is settled
  const auto fits = [this, here](const sql::Statement& statement, std::string_view text) {
    if (reads(statement, text, routing::wish_of(here, statement.hint))) return true;
    if (statement.reason == sql::AccessReason::kTransaction) return statement.single;
    switch (statement.command) {
      case Command::kSet:
      case Command::kFetch:
      case Command::kClose:
      case Command::kPrepare:
      case Command::kDeallocate:
        return statement.single;
      case Command::kDeclare:
        return statement.single && statement.reason == sql::AccessReason::kCursor &&
               (statement.effects & (sql::effect::kUnknownCode | sql::effect::kHeldCursor)) == 0;
      case Command::kInsert:
      case Command::kUpdate:
      case Command::kDelete:
      case Command::kMerge:
        return statement.single && statement.access == Access::kWrite &&
               (statement.effects & sql::effect::kUnknownCode) == 0;
      default:
        return false;
    }
  };
  switch (piece.tag) {
    case 'Q':
      return piece.complete && fits(query_, query_text(piece));
    case 'P': {
      const auto parse = piece.complete ? wire::read_parse(piece.body()) : std::nullopt;
      return parse && fits(query_, parse->rest.data());
    }
    case 'B': {
      const auto bind = wire::read_bind(piece.body());
      // An unnamed statement was let through when it was parsed, or runs nowhere else.
      if (!bind) return false;
      if (bind->statement.empty())
        return unnamed_ && (routing::suits_standby(unnamed_access(), here) ||
                            server_->unnamed_owner() == unnamed_->number);
      const auto statement = find_statement(bind->statement);
      return statement && fits(read(statement->query()), statement->query());
    }
    case 'F':
      return false;
    default:
      return true;
  }
}

// ---- waiting for a standby ---------------------------------------------------------------------

// To a standby that shows what the read has to see; without a pool: there is none now.
ReadRoute ClientSession::standby_route() {
  const ReadRules& rules = account_->reads;
  routing::ReadNeeds needs = needs_;
  if (rules.database) needs.written = std::max(needs.written, rules.database->last_write());
  const ReadRoute route = host_.route_read(*account_, needs);
  if (route.pool == nullptr) return route;
  const std::uint32_t server = route.pool->key().server;
  read_.take(*rules.balance, server, rules.clock ? rules.clock->life(server) : 0);
  return route;
}

// The primary serves a read, for want of a standby. False: it serves too many of them already, and
// the read waits, or has waited for long enough.
bool ClientSession::take_spill_place() {
  const ReadRules& rules = account_->reads;
  if (spill_.take(rules.spill, rules.max_spill)) return true;
  const Micros limit = account_->limits.query_wait_us;
  if (parked_at_ != 0 && limit > 0 && turn().now - parked_at_ >= limit) {
    refused(errors::too_many_spilled(rules.max_spill));
    return false;
  }
  if (parked_at_ == 0) parked_at_ = request_at_ = turn().now;
  transition(State::kParked);
  host_.wait_for_spill(*this);
  return false;
}

bool ClientSession::may_park() const {
  const Micros limit = account_->reads.causal_wait_us;
  return parked_at_ == 0 ? limit > 0 : turn().now - parked_at_ < limit;
}

void ClientSession::park() {
  if (parked_at_ == 0) parked_at_ = request_at_ = turn().now;
  transition(State::kParked);
  host_.wait_for_standby(*this);
}

void ClientSession::unpark() {
  if (state_ == State::kParked) return ask_again();
  if (state_ == State::kWelcome && parked_at_ != 0) seek_welcome();
}

// What waits in the carry is looked at anew, as if it came now.
void ClientSession::ask_again() {
  transition(begin_sql_.empty() ? State::kIdle : State::kBegun);
  schedule();
}

// ---- reads that are run elsewhere --------------------------------------------------------------

// Outside of a transaction a read may be run again, as long as nothing of it has reached the
// client: also one that the primary runs, should that die.
void ClientSession::keep_request(const ReadRequest& read, Bytes ahead) {
  constexpr std::size_t kMostBytes = 16'384;
  request_seen_ = true;
  if (told_ != TransactionStatus::kIdle || !read.repeatable || read.bytes > kMostBytes) return;
  request_.append(turn().buffers, ahead.first(read.bytes));
}

void ClientSession::forget_request() {
  if (!again_) request_.clear(turn().buffers);
}

bool ClientSession::runs_elsewhere(const wire::ErrorFields& error) {
  if (!read_ || !may_run_elsewhere() || !routing::may_run_elsewhere(error.sqlstate)) return false;
  run_elsewhere(*std::exchange(server_, nullptr));
  return true;
}

// The standby could not, and the primary does it: the client sees a little delay.
void ClientSession::run_elsewhere(server::ServerConnection& server) {
  ask_again_elsewhere(server);
  server.leave_batch();
  server.taint(server::ServerConnection::Taint::kState);
  lease_pool_->give_back(server);
}

// A server that stops takes its connections with it one by one, and the read may meet many of them.
// Those that were there when it failed first may all have the same reason; what is opened later
// dies for another one.
void ClientSession::ask_again_elsewhere(const server::ServerConnection& lost) {
  batches_sent_ = batches_answered_ = batches_before_lease_;
  acknowledged_.reset();
  forget_names(request_.view());
  if (traces_) traces_->clear();
  again_ = true;
  if (failed_at_ == 0) failed_at_ = turn().now;
  if (lost.opened_at() > failed_at_) ++repeats_;
  ask_primary();
}

// The batch is looked at again, and makes its names anew.
void ClientSession::forget_names(Bytes batch) {
  if (!statements_) return;
  wire::FrameReader reader(wire::Direction::kFromClient);
  while (!batch.empty()) {
    const Piece piece = reader.next(batch, 0);
    batch = batch.subspan(piece.bytes.size());
    const auto parse = piece.tag == 'P' ? wire::read_parse(piece.body()) : std::nullopt;
    if (parse && !parse->statement.empty())
      statements_->change(parse->statement, nullptr, batches_sent_);
  }
  statements_->all_answered();
}

// False: it waits for a server, or is gone.
bool ClientSession::take_again() {
  if (!again_) return true;
  const std::size_t used = consume(request_.view());
  if (state_ == State::kClosed) return false;
  // Not for ever: the read itself may be what kills servers.
  constexpr std::uint8_t kMostRepeats = 3;
  const bool sent = used == request_.view().size() && state_ == State::kLinked;
  if (sent && !read_ && repeats_ < kMostRepeats) {
    again_ = false;
    return true;
  }
  request_.consume(turn().buffers, used);
  again_ = !request_.empty();
  return !again_;
}

// ---- what is remembered ------------------------------------------------------------------------

void ClientSession::note_access(Access access) {
  saw_ = true;
  wrote_ = wrote_ || (!read_ && access >= Access::kOwnCode);
}

// Before the client hears that it is over, so that nobody can know of it earlier than our numbers.
void ClientSession::ready_comes(TransactionStatus status) {
  // Where it is not held, more may have been sent behind it.
  if (!server_->at_rest() || !holds_ready()) tell_held_parameters();
  const bool over = status == TransactionStatus::kIdle || server_->has_committed();
  if (over && server_->has_defined()) note_defined();
  if (over && account_ != nullptr && account_->reads.clock) note_seen();
}

// What is known of the database's own objects may be true no longer.
void ClientSession::note_defined() {
  if (account_ == nullptr || !account_->reads.definitions) return;
  account_->reads.definitions->changed();
  if (account_->reads.covered) host_.want_catalogue(*account_);
}

void ClientSession::note_seen() {
  routing::CausalClock& clock = *account_->reads.clock;
  // What is sent already belongs to a transaction that ends later.
  const bool last = server_ == nullptr || server_->pipeline().empty();
  if (wrote_) note_written();
  if (saw_) {
    needs_.seen = clock.now();
    needs_.seen_at = lease_pool_->key().server;
    needs_.seen_life = read_ ? read_.life() : ~std::uint32_t{0};
  }
  if (last) wrote_ = saw_ = false;
}

void ClientSession::note_written() {
  if (account_ == nullptr || !account_->reads.clock) return;
  needs_.written = account_->reads.clock->tick();
  if (account_->reads.database) account_->reads.database->wrote(needs_.written);
}

// It heard of what a transaction did that may not have ended for anybody else yet.
void ClientSession::note_notified() {
  if (account_ == nullptr || !account_->reads.clock) return;
  needs_.seen = account_->reads.clock->now();
  needs_.seen_at = routing::ReadNeeds::kNowhere;
}

// ---- what a standby cannot do ------------------------------------------------------------------

// The server of the lease is a standby. kNotYet: first what is under way has to end, for what
// follows may belong to the primary.
ClientSession::Taken ClientSession::check_standby(const Piece& piece, Bytes ahead) {
  const server::Pipeline& pipeline = server_->pipeline();
  if (pipeline.owed_ready() > 0) return Taken::kNotYet;
  if (told_ == TransactionStatus::kIdle) {
    if (batches_sent_ > batches_before_lease_) return Taken::kNotYet;
    if (!request_seen_) keep_request(as_read(piece, ahead), ahead);
    return Taken::kYes;
  }
  const bool failed = told_ == TransactionStatus::kFailed || pipeline.skipping();
  // What follows a ROLLBACK in the same string may be for the primary.
  const bool fits = failed ? piece.tag != 'Q' || query_.single : runs_on_standby(piece);
  return fits ? Taken::kYes : refuse_on_standby(piece);
}

// The transaction reads from a standby, where this would act upon the wrong server. It fails as a
// whole, as it would if a server had refused it.
ClientSession::Taken ClientSession::refuse_on_standby(const Piece& piece) {
  if (account_->reads.clock) note_seen();
  server::ServerConnection& server = *std::exchange(server_, nullptr);
  request_at_ = transaction_at_ = 0;
  orphan_ = std::make_unique<OrphanedTransaction>(errors::not_on_standby(), false, false, true);
  if (traces_) traces_->clear();
  read_.drop();
  transition(State::kOrphaned);
  if (server.pipeline().empty()) {
    server.taint(server::ServerConnection::Taint::kState);
    lease_pool_->give_back(server);
  } else {
    lease_pool_->discard(server, server::CloseReason::kClientGone);
  }
  return on_orphaned(piece);
}

}  // namespace pgsaba::session
