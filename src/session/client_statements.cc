// The part of ClientSession that deals with prepared statements, named and unnamed.
#include <algorithm>

#include "pgsaba/session/client_session.h"
#include "pgsaba/wire/backend.h"
#include "session/data_access.h"
#include "session/deallocate.h"
#include "session/errors.h"
#include "session/lease_traces.h"
#include "session/lesson.h"
#include "session/listening.h"
#include "session/pin_foresight.h"
#include "session/unnamed_statement.h"

namespace pgsaba::session {

using server::Request;
using wire::Piece;

namespace {

// The text and (no) parameter types of a Parse.
constexpr std::string_view kDeallocateScratch{"DEALLOCATE _pgsaba_scratch\0\0\0", 29};
// One without text, good enough to be deallocated.
constexpr std::string_view kEmptyStatement{"\0\0\0", 3};

}  // namespace

// ---- prepared statements -----------------------------------------------------------------------

// Whether a simple query is the DEALLOCATE of a statement that was prepared by protocol: no server
// knows it by the client's name.
bool ClientSession::deallocates(const Piece& piece) const {
  if (piece.tag != 'Q' || !piece.complete || !statements_ || piece.body().empty()) return false;
  const auto name = deallocated_name(text_of(piece.body().first(piece.body().size() - 1)));
  return name && find_statement(*name);
}

// By SQL, what all clients have prepared by protocol could be run by its name on servers.
std::optional<ClientSession::Taken> ClientSession::refuse_reserved_name(const Piece& piece) {
  const bool may_name = (piece.tag == 'Q' || piece.tag == 'P') && piece.complete &&
                        (query_.effects & sql::effect::kPrepared) != 0 && pools_transactions();
  if (!may_name) return std::nullopt;
  const auto names = sql::prepared_names(text_of_statement(piece), dialect_);
  const auto reserved = [](const std::string& name) {
    return name.starts_with(server::kStatementPrefix);
  };
  if (std::ranges::none_of(names, reserved)) return std::nullopt;
  refuse_statement(piece, errors::reserved_name());
  return Taken::kYes;
}

// A name that is not the client's own, and that servers know somebody's statement by.
bool ClientSession::is_foreign_name(std::string_view name) const {
  return name.starts_with(server::kStatementPrefix) && pools_transactions() &&
         account_->max_prepared_statements > 0 && !find_statement(name);
}

ClientSession::Taken ClientSession::refuse_foreign_name(std::string_view name) {
  if (server_->pipeline().owed_ready() > 0) return Taken::kNotYet;
  body_ = Body::kDrop;
  server_->refuse(Request::kParse, errors::no_such_statement(name));
  return Taken::kYes;
}

// Nothing is outstanding. Servers keep theirs, as after Close.
void ClientSession::answer_deallocate(const Piece& piece) {
  const std::string_view sql = text_of(piece.body().first(piece.body().size() - 1));
  statements_->change(*deallocated_name(sql), nullptr, batches_sent_);
  statements_->all_answered();
  drop_unnamed_statement();
  std::string out;
  wire::append_command_complete(out, "DEALLOCATE");
  reply(out);
}

server::PreparedRef ClientSession::find_statement(std::string_view name) const {
  return statements_ ? statements_->find(name) : nullptr;
}

// A statement keeps the meaning it was prepared with, whatever standard_conforming_strings says
// later. What was prepared while it was off is remembered in words that do not depend on it, and so
// is what has to be said to a server while it is off. `rest` is that of a Parse, as is the result.
std::string_view ClientSession::in_own_words(std::string_view rest, bool standard_strings,
                                             std::string& room) const {
  if (dialect_.standard_strings) return rest;
  const std::size_t end = rest.find('\0');
  const sql::Dialect meant{standard_strings, dialect_.encoding};
  auto text = sql::with_escape_strings(rest.substr(0, end), meant);
  if (!text || end == std::string_view::npos) return rest;
  room = std::move(*text);
  return room.append(rest.substr(end));
}

server::PreparedRef ClientSession::as_said_now(server::PreparedRef statement) {
  std::string room;
  const std::string_view rest = in_own_words(statement->rest, true, room);
  if (rest == statement->rest) return statement;
  server::PreparedRef said = host_.prepared_statements().intern(rest);
  if (!said) return statement;
  learn(*said, read(said->query()));
  return said;
}

NamedStatements& ClientSession::names() {
  if (!statements_) statements_ = std::make_unique<NamedStatements>(host_.prepared_statements());
  return *statements_;
}

// A name whose Parse belongs to an earlier batch that is not yet answered may exist or not: an
// error there would have skipped it. (In the same batch the error would skip this message as well.
// Where a COPY has taken the Sync between them, the two are one batch.)
bool ClientSession::in_doubt(std::string_view name) const {
  return statements_ && statements_->in_doubt(name, batches_sent_) &&
         server_->pipeline().owed_ready() > 0;
}

bool ClientSession::unnamed_in_doubt() const {
  return unnamed_ && unnamed_->batch < batches_sent_ && unnamed_->batch >= batches_answered_ &&
         server_->pipeline().owed_ready() > 0;
}

ClientSession::Taken ClientSession::on_parse(const Piece& piece) {
  ++lease_pool_->totals().client_parse_count;
  const Bytes body = piece.body();
  const bool named = pools_transactions() && account_->max_prepared_statements > 0 &&
                     !body.empty() && body[0] != 0;
  if (!named) return on_unnamed_parse(piece);
  if (piece.complete) return on_named_parse(piece.bytes);
  // Once it is gathered it cannot wait any more, be it for what earlier batches make.
  if (server_->pipeline().owed_ready() > 0) return Taken::kNotYet;
  gathered_ = std::make_unique<std::string>(text_of(piece.bytes));
  body_ = Body::kGather;
  return Taken::kYes;
}

// Drivers send DEALLOCATE this way, too. The server gets one that it can execute.
ClientSession::Taken ClientSession::on_unnamed_parse(const Piece& piece) {
  const auto parse = piece.complete ? wire::read_parse(piece.body()) : std::nullopt;
  const std::string_view text = parse ? std::string_view(parse->rest.data()) : std::string_view();
  const auto name = parse && statements_ ? deallocated_name(text) : std::nullopt;
  if (name && server_->pipeline().status() != wire::TransactionStatus::kFailed) {
    if (in_doubt(*name)) return Taken::kNotYet;
    if (find_statement(*name)) {
      deallocate_by_parse(*name);
      return Taken::kYes;
    }
  }
  if (request_at_ == 0) request_at_ = turn().now;
  body_ = Body::kForward;
  std::uint32_t change = 0;
  if (piece.body().empty() || piece.body()[0] == 0) {
    keep_unnamed_statement(parse ? parse->rest : std::string_view(), query_);
    change = unnamed_->change();
    // The last moment before the batch begins.
    if (unnamed_->effects != sql::effect::kAll) guard_sequences(unnamed_->effects, text);
  }
  // What EXECUTE returns is found out when it is parsed, by the statement that it names.
  if (parse) match_names(query_.effects & sql::effect::kPrepared, text);
  if (parse && prepared_ && query_.command == sql::Command::kDeallocate)
    if (const auto gone = deallocated_name(text)) server_->name_goes(*gone);
  server_->forward(Request::kParse, piece.bytes, 0, change);
  if (change != 0 && unnamed_) server_->unnamed_is(unnamed_->number);
  return Taken::kYes;
}

void ClientSession::deallocate_by_parse(std::string_view name) {
  const std::uint32_t change = statements_->change(name, nullptr, batches_sent_);
  if (request_at_ == 0) request_at_ = turn().now;
  server_->need_scratch_statement();
  std::string frame;
  wire::append_parse(frame, "", kDeallocateScratch);
  server_->forward(Request::kParse, bytes_of(frame), 0, change);
  keep_unnamed_statement(kDeallocateScratch,
                         {.effects = sql::effect::kPrepared, .access = sql::Access::kPrimaryRead});
  server_->unnamed_is(unnamed_->number);
}

// The client may bind it in a later transaction, on another server. A text that did not arrive in
// one piece (`rest` is empty then) is not kept: only this server has it.
void ClientSession::keep_unnamed_statement(std::string_view rest, const sql::Statement& statement) {
  if (!unnamed_) unnamed_ = std::make_unique<UnnamedStatement>();
  unnamed_->number = static_cast<std::uint64_t>(id_) << 32 | ++unnamed_count_;
  std::string room;
  unnamed_->rest = in_own_words(rest, false, room);
  unnamed_->effects = rest.empty() ? sql::effect::kAll : statement.effects;
  unnamed_->access = rest.empty() ? sql::Access::kWrite : data_access(statement);
  unnamed_->hint = statement.hint;
  unnamed_->batch = batches_sent_;
  unnamed_->judged_by = judge();
}

void ClientSession::drop_unnamed_statement() { unnamed_.reset(); }

// Makes sure that the server's unnamed statement is the client's, or that it has none.
void ClientSession::match_unnamed_statement() {
  std::string room;
  if (unnamed_ && !unnamed_->rest.empty())
    return server_->need_unnamed(in_own_words(unnamed_->rest, true, room), unnamed_->number);
  if (!unnamed_ || server_->unnamed_owner() != unnamed_->number) server_->drop_unnamed();
}

ClientSession::Taken ClientSession::on_named_parse(Bytes frame) {
  const auto names = wire::read_parse(frame.subspan(wire::kHeaderBytes));
  if (!names) {  // broken: the server says what is wrong with it
    server_->forward(Request::kParse, frame);
    return Taken::kYes;
  }
  if (in_doubt(names->statement)) return Taken::kNotYet;
  if (request_at_ == 0) request_at_ = turn().now;
  if (prepared_ && prepared_->contains(names->statement)) {  // the server refuses the duplicate
    match_names(sql::effect::kPrepared, {});
    server_->forward(Request::kParse, frame);
    return Taken::kYes;
  }
  const std::size_t limit = account_->max_prepared_statements;
  if (const server::PreparedRef existing = find_statement(names->statement)) {
    if (server_->unsure_of(existing->id)) return Taken::kNotYet;
    // The server itself refuses the duplicate, inside whatever transaction it is in.
    server_->need_statement(*existing, limit);
    std::string again;
    wire::append_parse(again, server::server_statement_name(existing->id), names->rest);
    server_->forward(Request::kParse, bytes_of(again), existing->id);
    return Taken::kYes;
  }
  if (server_->unsure()) return Taken::kNotYet;
  std::string room;
  server::PreparedRef statement =
      host_.prepared_statements().intern(in_own_words(names->rest, false, room), names->statement);
  if (!statement) return refuse_named_parse();
  learn(*statement, query_);
  match_names(query_.effects & sql::effect::kPrepared, statement->query());
  ++lease_pool_->totals().server_parse_count;
  const std::uint32_t change = this->names().change(names->statement, statement, batches_sent_);
  server_->parse_statement(*statement, limit, change);
  return Taken::kYes;
}

// No memory is left to remember it by, and a statement that was accepted is never forgotten.
ClientSession::Taken ClientSession::refuse_named_parse() {
  if (server_->pipeline().owed_ready() > 0) return Taken::kNotYet;
  const wire::ErrorFields error = errors::no_prepared_memory();
  host_.log_client(*this, error.message);
  server_->refuse(Request::kParse, error);
  return Taken::kYes;
}

// What running it means, in the dialect of whoever has read it.
void ClientSession::learn(const server::PreparedStatement& statement,
                          const sql::Statement& read) const {
  statement.effects.fetch_or(read.effects, std::memory_order_relaxed);
  const auto access = static_cast<std::uint8_t>(data_access(read));
  std::uint8_t known = statement.access.load(std::memory_order_relaxed);
  while (known < access &&
         !statement.access.compare_exchange_weak(known, access, std::memory_order_relaxed)) {
  }
  statement.hint.store(static_cast<std::uint8_t>(read.hint), std::memory_order_relaxed);
  statement.judged_by.store(judge(), std::memory_order_release);
}

sql::Statement ClientSession::read(std::string_view text) const {
  return sql::read_statement(text, dialect_, account_->rules.get());
}

// The rules that statements are judged by now, and the dialect they are read in, as a number.
std::uint64_t ClientSession::judge() const {
  const sql::AccessRules* rules = account_->rules.get();
  const std::uint64_t dialect = static_cast<std::uint64_t>(dialect_.encoding) << 1U |
                                static_cast<std::uint64_t>(dialect_.standard_strings);
  return ((rules != nullptr ? rules->fingerprint() : 0) << 4U) + dialect + 1;
}

// After a reload it is read again: the rules may deny more than before. What they allow in addition
// counts for statements that nobody has prepared before.
sql::Access ClientSession::access_of(const server::PreparedStatement& statement) const {
  if (statement.judged_by.load(std::memory_order_acquire) != judge())
    learn(statement, read(statement.query()));
  return static_cast<sql::Access>(statement.access.load(std::memory_order_relaxed));
}

ClientSession::Taken ClientSession::on_bind(const Piece& piece) {
  ++lease_pool_->totals().bind_count;
  const auto names = wire::read_bind(piece.body());
  const bool ours = names && pools_transactions();
  if (ours && names->statement.empty()) return bind_unnamed(piece);
  if (ours && in_doubt(names->statement)) return Taken::kNotYet;
  server::PreparedRef statement = ours ? find_statement(names->statement) : nullptr;
  if (statement && !dialect_.standard_strings) statement = as_said_now(std::move(statement));
  if (ours && is_foreign_name(names->statement)) return refuse_foreign_name(names->statement);
  if (!statement) {
    if (ours) match_names(sql::effect::kPrepared, {});
    if (ours) note_statement(effects_of_prepared(names->statement), {});
    note_access(sql::Access::kWrite);
    forward(Request::kBind, piece);
    return Taken::kYes;
  }
  if (server_->unsure_of(statement->id)) return Taken::kNotYet;
  const sql::Effects effects = statement->effects.load(std::memory_order_relaxed);
  note_statement(effects | match_names(effects, statement->query()), statement->query(),
                 piece.body());
  note_access(access_of(*statement));
  if (request_at_ == 0) request_at_ = turn().now;
  server_->need_statement(*statement, account_->max_prepared_statements);
  const std::string name = server::server_statement_name(statement->id);
  // Only the head is rewritten; the parameters pass through where they lie.
  std::string head(1, 'B');
  const std::size_t length = piece.frame_bytes - 1 - names->statement.size() + name.size();
  head.resize(wire::kHeaderBytes);
  store_be32(reinterpret_cast<std::uint8_t*>(head.data()) + 1, static_cast<std::uint32_t>(length));
  head.append(names->portal).push_back('\0');
  head.append(name).push_back('\0');
  server_->forward(Request::kBind, bytes_of(head), statement->id);
  server_->forward_unanswered(piece.body().subspan(names->head_bytes));
  body_ = Body::kForward;
  return Taken::kYes;
}

// Of a statement prepared by SQL that is bound by protocol.
sql::Effects ClientSession::effects_of_prepared(std::string_view name) const {
  if (!prepared_) return 0;
  const auto found = prepared_->find(name);
  if (found == prepared_->end()) return 0;
  return found->second ? found->second->effects.load(std::memory_order_relaxed) : sql::effect::kAll;
}

// Before a statement that may use statements by name: the server gets those that the client has
// prepared by SQL, and those prepared by protocol that it names. Returns what running those may
// leave behind.
sql::Effects ClientSession::match_names(sql::Effects effects, std::string_view sql) {
  constexpr sql::Effects kByName = sql::effect::kPrepared | sql::effect::kUnknownCode;
  if ((effects & kByName) == 0 || pins_.has(PinReason::kPrepared)) return 0;
  server::StatementsByName own = prepared_ ? *prepared_ : server::StatementsByName();
  if (!dialect_.standard_strings)
    for (auto& [name, statement] : own)
      if (statement) statement = as_said_now(statement);
  server::StatementsByName needed;
  sql::Effects found = 0;
  for (const std::string& name : sql::prepared_names(sql, dialect_)) {
    if (auto statement = find_statement(name)) own[name] = std::move(statement);
    const auto named = own.find(name);
    if (named == own.end()) continue;
    needed.insert(*named);
    found |= named->second->effects.load(std::memory_order_relaxed);
  }
  // Nothing can be made in a failed transaction. But what ends it may stand in front, and nobody
  // else's statement may be found behind that.
  if (server_->pipeline().status() == wire::TransactionStatus::kFailed) {
    server_->need_names(own, {});
    return 0;
  }
  const auto command = sql::prepared_command(sql, dialect_);
  const bool goes = command && command->verb == sql::PreparedCommand::Verb::kDeallocate &&
                    needed.contains(command->name);
  const auto held = goes ? needed.find(command->name) : needed.end();
  const bool there = goes && held->second && server_->holds_named(command->name, *held->second);
  if (goes && !there)
    if (const auto nothing = host_.prepared_statements().intern(kEmptyStatement))
      own[command->name] = needed[command->name] = nothing;
  // What a plain EXECUTE does not name it cannot use; one that cannot be made any more must not
  // fail the transaction.
  const bool names_all = command && ((effects | found) & sql::effect::kUnknownCode) == 0;
  // Which parameters an EXECUTE sets is not to be seen from its text.
  if ((found & sql::effect::kSetting) != 0) found |= sql::effect::kAnySetting;
  // Whether all of it took effect is asked when the transaction is over.
  if (server_->need_names(own, names_all ? needed : own))
    traces().add({}, sql::effect::kPrepared, dialect_);
  return found;
}

// What the server says it has under the client's own names. False: there is something that cannot
// be made again elsewhere; it is not kept, for it ends with that server.
bool ClientSession::keep_prepared(const StateAnswer& answer) {
  server::StatementsByName mine;
  server::StatementsByName there;
  bool whole = true;
  for (const StateAnswer::Prepared& one : answer.prepared) {
    server::PreparedRef statement;
    std::string room;
    if (one.by_sql && one.rest)
      statement =
          host_.prepared_statements().intern(in_own_words(*one.rest, false, room), one.name);
    if (statement) {
      const sql::Statement known = read(statement->query());
      learn(*statement, known);
      foresees_ = foresees_ || (known.effects & kForeseeable) != 0;
    } else if (!one.by_sql && prepared_ && prepared_->contains(one.name)) {
      // As we parsed it. Its text is no proof: behind another pooler somebody else's may be listed.
      statement = prepared_->at(one.name);
      if (!server_->holds_named(one.name, *statement)) {  // made for a DEALLOCATE that was skipped
        there[one.name] = nullptr;
        mine[one.name] = std::move(statement);
        continue;
      }
    } else if (!one.by_sql && find_statement(one.name)) {
      there[one.name] = find_statement(one.name);
      continue;
    } else if (!one.by_sql && account_->max_prepared_statements == 0) {
      continue;
    } else if (!one.by_sql) {  // was made for an EXECUTE, and the client has closed it since
      there[one.name] = nullptr;
      continue;
    }
    there[one.name] = statement;
    if (statement) mine[one.name] = std::move(statement);
    whole = whole && mine.contains(one.name);
  }
  if (prepared_)  // those that were not needed there
    for (const auto& [name, statement] : *prepared_)
      if (!server_->has_name(name) && !there.contains(name)) mine[name] = statement;
  server_->names_are(there);
  prepared_.reset();
  if (!mine.empty()) prepared_ = host_.prepared_statements().hold_all(std::move(mine));
  return whole;
}

// What the client prepared by protocol under session pooling has its own names at the server, and
// is from now on remembered like that of any other. False: some of it only that server has.
bool ClientSession::adopt_statements(const StateAnswer& answer) {
  bool whole = true;
  for (const StateAnswer::Prepared& one : answer.prepared) {
    if (one.by_sql) continue;
    std::string room;
    server::PreparedRef statement;
    if (account_->max_prepared_statements > 0)
      statement =
          host_.prepared_statements().intern(in_own_words(*one.rest, false, room), one.name);
    whole = whole && statement;
    if (!statement) continue;
    const sql::Statement known = read(statement->query());
    learn(*statement, known);
    foresees_ = foresees_ || (known.effects & kForeseeable) != 0;
    names().change(one.name, std::move(statement), batches_sent_);
  }
  if (statements_) statements_->all_answered();
  return whole;
}

ClientSession::Taken ClientSession::bind_unnamed(const Piece& piece) {
  if (unnamed_in_doubt()) return Taken::kNotYet;
  // What an EXECUTE returns depends on what it names when it is parsed.
  const sql::Effects used = unnamed_ ? match_names(unnamed_->effects, unnamed_->query()) : 0;
  match_unnamed_statement();
  note_access(unnamed_access());
  if (unnamed_) note_statement(unnamed_->effects | used, unnamed_->query(), piece.body());
  forward(Request::kBind, piece);
  return Taken::kYes;
}

ClientSession::Taken ClientSession::on_object(const Piece& piece) {
  const Request request = piece.tag == 'C' ? Request::kClose : Request::kDescribe;
  const auto object = wire::read_object(piece.body());
  const bool named = object && object->kind == 'S' && !object->name.empty();
  if (named && in_doubt(object->name)) return Taken::kNotYet;
  server::PreparedRef statement = named ? find_statement(object->name) : nullptr;
  if (named && is_foreign_name(object->name)) {
    if (piece.tag != 'C') return refuse_foreign_name(object->name);
    server_->answer(Request::kClose, 0, 0);  // as of any name that means nothing
    return Taken::kYes;
  }
  if (!statement) {
    const bool unnamed = object && object->kind == 'S' && object->name.empty();
    if (unnamed && pools_transactions()) {
      if (unnamed_in_doubt()) return Taken::kNotYet;
      if (unnamed_) match_names(unnamed_->effects & sql::effect::kPrepared, unnamed_->query());
      match_unnamed_statement();
    }
    if (named && pools_transactions()) {
      match_names(sql::effect::kPrepared, {});
      if (piece.tag == 'C' && (prepared_ || pins_.has(PinReason::kPrepared)))
        traces().add({}, sql::effect::kPrepared, dialect_);
    }
    if (unnamed && piece.tag == 'C') {
      drop_unnamed_statement();
      server_->unnamed_is(0);
    }
    forward(request, piece);
    return Taken::kYes;
  }
  if (piece.tag == 'C') {  // servers keep theirs: others may use it
    const std::uint32_t change = statements_->change(object->name, nullptr, batches_sent_);
    server_->answer(Request::kClose, statement->id, change);
    return Taken::kYes;
  }
  if (!dialect_.standard_strings) statement = as_said_now(std::move(statement));
  if (server_->unsure_of(statement->id)) return Taken::kNotYet;
  const sql::Effects effects = statement->effects.load(std::memory_order_relaxed);
  match_names(effects & sql::effect::kPrepared, statement->query());
  server_->need_statement(*statement, account_->max_prepared_statements);
  std::string frame;
  wire::append_describe_statement(frame, server::server_statement_name(statement->id));
  if (request_at_ == 0) request_at_ = turn().now;
  server_->forward(Request::kDescribe, bytes_of(frame), statement->id);
  return Taken::kYes;
}

void ClientSession::change_undone(std::uint32_t change) {
  if ((change & kUnnamedChange) != 0) {
    if (unnamed_ && unnamed_->change() == change) drop_unnamed_statement();
  } else if (statements_) {
    statements_->undo(change);
  }
}

// No rollback brings them back.
void ClientSession::statements_discarded() {
  prepared_.reset();
  if (statements_) statements_->discard_all(batches_answered_);
}

void ClientSession::name_deallocated(std::string_view name) {
  if (!prepared_ || !prepared_->contains(name)) return;
  server::StatementsByName left = *prepared_;
  left.erase(left.find(name));
  prepared_.reset();
  if (!left.empty()) prepared_ = host_.prepared_statements().hold_all(std::move(left));
}

// What waited to know how earlier messages end may be what is skipped, or the Sync.
void ClientSession::waits_for_sync() {
  if (has_carry()) schedule();
}

void ClientSession::statement_outdated(std::uint32_t id) {
  if (id == 0 && prepared_)
    for (const auto& [name, statement] : *prepared_)
      if (statement) statement->edition.fetch_add(1, std::memory_order_relaxed);
  if (const auto statement = statements_ ? statements_->with_id(id) : nullptr)
    statement->edition.fetch_add(1, std::memory_order_relaxed);
}

std::string ClientSession::statement_name(std::uint32_t id) {
  return statements_ ? statements_->name_of(id) : std::string();
}

}  // namespace pgsaba::session
