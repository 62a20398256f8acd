// The part of ClientSession that deals with prepared statements, named and unnamed.
#include <algorithm>

#include "pgsaba/session/client_session.h"
#include "pgsaba/wire/backend.h"
#include "session/data_access.h"
#include "session/errors.h"
#include "session/lease_traces.h"
#include "session/lesson.h"
#include "session/listening.h"
#include "session/unnamed_statement.h"

namespace pgsaba::session {

using server::Request;
using wire::Piece;

// ---- prepared statements -----------------------------------------------------------------------

// A name that is not the client's own, and that servers know somebody's statement by.
bool ClientSession::is_foreign_name(std::string_view name) const {
  return name.starts_with(server::kStatementPrefix) && pools_transactions() &&
         account_->max_prepared_statements > 0 && find_name(name) == nullptr;
}

ClientSession::Taken ClientSession::refuse_foreign_name(std::string_view name) {
  if (server_->pipeline().owed_ready() > 0) return Taken::kNotYet;
  body_ = Body::kDrop;
  server_->refuse(Request::kParse, errors::no_such_statement(name));
  return Taken::kYes;
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

ClientSession::Taken ClientSession::on_unnamed_parse(const Piece& piece) {
  const auto parse = piece.complete ? wire::read_parse(piece.body()) : std::nullopt;
  const std::string_view text = parse ? std::string_view(parse->rest.data()) : std::string_view();
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
  server_->forward(Request::kParse, piece.bytes, 0, change);
  if (change != 0 && unnamed_) server_->unnamed_is(unnamed_->number);
  return Taken::kYes;
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
  if (server_->is_left(names->statement)) {
    parse_left(names->statement, names->rest.data());
    server_->forward(Request::kParse, frame);
    return Taken::kYes;
  }
  const std::size_t limit = account_->max_prepared_statements;
  if (const auto* known = find_name(names->statement)) {
    const server::PreparedRef existing = known->statement;
    if (server_->unsure_of(existing->id)) return Taken::kNotYet;
    // The server itself refuses the duplicate, inside whatever transaction it is in.
    server_->need_statement(*existing, limit);
    std::string again;
    wire::append_parse(again, server::server_statement_name(existing->id), names->rest);
    server_->forward(Request::kParse, bytes_of(again), existing->id, 0, known->number);
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
  if (ours && names->statement.empty()) return bind_unnamed(piece, names->portal);
  if (ours && in_doubt(names->statement)) return Taken::kNotYet;
  const auto* known = ours ? find_name(names->statement) : nullptr;
  if (ours && is_foreign_name(names->statement)) return refuse_foreign_name(names->statement);
  if (known == nullptr) {
    if (ours) shed_foreign_names();
    if (ours) note_left(names->statement);
    note_access(sql::Access::kWrite);
    forward(Request::kBind, piece);
    return Taken::kYes;
  }
  server::PreparedRef statement = known->statement;
  if (!dialect_.standard_strings) statement = as_said_now(std::move(statement));
  if (server_->unsure_of(statement->id)) return Taken::kNotYet;
  const sql::Effects effects = statement->effects.load(std::memory_order_relaxed);
  if (uses_doubtful_names(effects, statement->query())) return Taken::kNotYet;
  note_statement(effects | match_names(effects, statement->query()), statement->query(),
                 piece.body());
  note_portal(names->portal, effects, statement->query());
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
  server_->forward(Request::kBind, bytes_of(head), statement->id, 0, known->number);
  server_->forward_unanswered(piece.body().subspan(names->head_bytes));
  body_ = Body::kForward;
  return Taken::kYes;
}

ClientSession::Taken ClientSession::bind_unnamed(const Piece& piece, std::string_view portal) {
  if (unnamed_in_doubt()) return Taken::kNotYet;
  if (unnamed_ && uses_doubtful_names(unnamed_->effects, unnamed_->query())) return Taken::kNotYet;
  // What an EXECUTE returns depends on what it names when it is parsed.
  const sql::Effects used = unnamed_ ? match_names(unnamed_->effects, unnamed_->query()) : 0;
  match_unnamed_statement();
  note_access(unnamed_access());
  if (unnamed_) {
    note_statement(unnamed_->effects | used, unnamed_->query(), piece.body());
    note_portal(portal, unnamed_->effects, unnamed_->query());
  }
  forward(Request::kBind, piece);
  return Taken::kYes;
}

ClientSession::Taken ClientSession::on_object(const Piece& piece) {
  const Request request = piece.tag == 'C' ? Request::kClose : Request::kDescribe;
  const auto object = wire::read_object(piece.body());
  const bool named = object && object->kind == 'S' && !object->name.empty();
  if (named && in_doubt(object->name)) return Taken::kNotYet;
  const auto* known = named ? find_name(object->name) : nullptr;
  if (named && is_foreign_name(object->name)) {
    if (piece.tag != 'C') return refuse_foreign_name(object->name);
    server_->answer(Request::kClose, 0, 0);  // as of any name that means nothing
    return Taken::kYes;
  }
  if (known == nullptr) {
    const bool unnamed = object && object->kind == 'S' && object->name.empty();
    if (unnamed && pools_transactions()) {
      if (unnamed_in_doubt()) return Taken::kNotYet;
      if (unnamed_) match_names(unnamed_->effects & sql::effect::kPrepared, unnamed_->query());
      match_unnamed_statement();
    }
    if (named && pools_transactions()) {
      shed_foreign_names();
      if (server_->is_left(object->name)) traces().add({}, sql::effect::kPrepared, dialect_);
    }
    if (unnamed && piece.tag == 'C') {
      drop_unnamed_statement();
      server_->unnamed_is(0);
    }
    forward(request, piece);
    return Taken::kYes;
  }
  if (piece.tag == 'C') {  // servers keep theirs: others may use it
    const std::uint32_t id = known->statement->id;
    const std::uint32_t change = statements_->change(object->name, nullptr, batches_sent_);
    server_->answer(Request::kClose, id, change);
    return Taken::kYes;
  }
  server::PreparedRef statement = known->statement;
  if (!dialect_.standard_strings) statement = as_said_now(std::move(statement));
  if (server_->unsure_of(statement->id)) return Taken::kNotYet;
  const sql::Effects effects = statement->effects.load(std::memory_order_relaxed);
  match_names(effects & sql::effect::kPrepared, statement->query());
  server_->need_statement(*statement, account_->max_prepared_statements);
  std::string frame;
  wire::append_describe_statement(frame, server::server_statement_name(statement->id));
  if (request_at_ == 0) request_at_ = turn().now;
  server_->forward(Request::kDescribe, bytes_of(frame), statement->id, 0, known->number);
  return Taken::kYes;
}

void ClientSession::change_undone(std::uint32_t change) {
  if ((change & kUnnamedChange) != 0) {
    if (unnamed_ && unnamed_->change() == change) drop_unnamed_statement();
  } else if (statements_) {
    statements_->undo(change);
  }
}

// What waited to know how earlier messages end may be what is skipped, or the Sync.
void ClientSession::waits_for_sync() {
  if (has_carry()) schedule();
}

void ClientSession::statement_outdated(std::uint32_t id) {
  if (!statements_) return;
  if (id == 0)  // of an EXECUTE
    for (const auto& [name, statement] : statements_->by_sql())
      statement->edition.fetch_add(1, std::memory_order_relaxed);
  if (const auto statement = statements_->with_id(id))
    statement->edition.fetch_add(1, std::memory_order_relaxed);
}

std::string ClientSession::statement_name(std::uint32_t name) {
  return statements_ ? statements_->name_of(name) : std::string();
}

}  // namespace pgsaba::session
