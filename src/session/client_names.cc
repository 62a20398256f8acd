// The part of ClientSession that deals with names of prepared statements where SQL comes into it.
// Servers know all clients' statements by names of ours; what SQL uses by name they get under the
// client's own. What SQL changes is left to them: from there on nobody but the server knows what
// such a name means, and it is asked when the transaction is over.
//
//   EXECUTE a ──▶ a copy under the name a, if the server has none
//   PREPARE a, DEALLOCATE a ──▶ the same, and a is left to the server: whatever the client says of
//       it goes there as it is, Parse and Bind as well ──end of the lease──▶ what is a?
#include <algorithm>

#include "pgsaba/session/client_session.h"
#include "pgsaba/wire/backend.h"
#include "session/deallocate.h"
#include "session/errors.h"
#include "session/held_parameters.h"
#include "session/lease_traces.h"
#include "session/lesson.h"
#include "session/listening.h"
#include "session/orphaned_transaction.h"
#include "session/pin_foresight.h"
#include "session/relay.h"
#include "session/unnamed_statement.h"

namespace pgsaba::session {

using namespace std::string_view_literals;
using server::StatementsByName;
using wire::Piece;

namespace {

// The rest of a Parse of what is only there to be deallocated. The client's own might refer to
// something that is gone.
constexpr std::string_view kStandIn = "/* a DEALLOCATE is on its way */\0\0\0"sv;

bool stands_in(const PreparedThere& one) {
  return !one.by_sql && one.rest && *one.rest == kStandIn;
}

}  // namespace

NamedStatements& ClientSession::names() {
  if (!statements_) statements_ = std::make_unique<NamedStatements>(host_.prepared_statements());
  return *statements_;
}

// Null: the name means nothing, or only the server knows.
const NamedStatements::Meaning* ClientSession::find_name(std::string_view name) const {
  if (!statements_ || (server_ != nullptr && server_->is_left(name))) return nullptr;
  return statements_->find(name);
}

server::PreparedRef ClientSession::find_statement(std::string_view name) const {
  const auto* meaning = find_name(name);
  return meaning != nullptr ? meaning->statement : nullptr;
}

// A name whose Parse belongs to an earlier batch that is not yet answered may exist or not: an
// error there would have skipped it. (In the same batch the error would skip this message as well.
// Where a COPY has taken the Sync between them, the two are one batch.)
bool ClientSession::in_doubt(std::string_view name) const {
  return statements_ && statements_->in_doubt(name, batches_sent_) &&
         server_->pipeline().owed_ready() > 0;
}

bool ClientSession::uses_doubtful_names(sql::Effects effects, std::string_view sql) const {
  if ((effects & sql::effect::kPrepared) == 0 || !statements_) return false;
  return std::ranges::any_of(sql::prepared_names(sql, dialect_),
                             [this](const std::string& name) { return in_doubt(name); });
}

// ---- DEALLOCATE without a server ---------------------------------------------------------------

// Whether a simple query is the DEALLOCATE of a statement that is remembered.
bool ClientSession::deallocates(const Piece& piece) const {
  if (piece.tag != 'Q' || !piece.complete || !statements_ || piece.body().empty()) return false;
  const auto name = deallocated_name(text_of(piece.body().first(piece.body().size() - 1)));
  return name && find_name(*name) != nullptr;
}

// Nothing is outstanding. Servers keep theirs, as after Close.
void ClientSession::answer_deallocate(const Piece& piece) {
  const std::string_view sql = text_of(piece.body().first(piece.body().size() - 1));
  statements_->forget(*deallocated_name(sql));
  statements_->all_answered();
  drop_unnamed_statement();
  std::string out;
  wire::append_command_complete(out, "DEALLOCATE");
  reply(out);
}

// No rollback brings them back.
void ClientSession::statements_discarded() {
  if (statements_) statements_->discard_all(batches_answered_);
}

// ---- names at the server -----------------------------------------------------------------------

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

// What a server may have under the client's own names.
StatementsByName ClientSession::own_names() {
  if (!statements_) return {};
  StatementsByName own = statements_->by_sql();
  std::erase_if(own, [this](const auto& one) { return server_->is_left(one.first); });
  if (!dialect_.standard_strings)
    for (auto& [name, statement] : own) statement = as_said_now(statement);
  return own;
}

// For pg_prepared_statements. Another pgsaba, in front, has names there that it does not ask for.
void ClientSession::add_all_names(StatementsByName& own) const {
  if (!statements_) return;
  statements_->visit([&](const std::string& name, const NamedStatements::Meaning& meaning) {
    if (!name.starts_with(server::kStatementPrefix) && !server_->is_left(name))
      own.try_emplace(name, meaning.statement);
  });
}

// Before a message that names what pgsaba does not know: it must not find somebody else's.
void ClientSession::shed_foreign_names() { server_->need_names(own_names(), {}); }

// What only the server has the text of may do anything.
void ClientSession::note_left(std::string_view name) {
  if (server_->is_left(name)) traces().add_unread();
}

// Before a statement that may use statements by name: the server gets those that the client has
// prepared by SQL, and those prepared by protocol that it names. Returns what running those may
// leave behind.
sql::Effects ClientSession::match_names(sql::Effects effects, std::string_view sql) {
  constexpr sql::Effects kByName = sql::effect::kPrepared | sql::effect::kUnknownCode;
  if ((effects & kByName) == 0) return 0;
  if (!statements_ && !server_->has_names() && server_->left_names().empty()) return 0;
  StatementsByName own = own_names();
  StatementsByName needed;
  sql::Effects found = 0;
  const sql::NameChanges changes = sql::name_changes(sql, dialect_);
  const auto names = sql::prepared_names(sql, dialect_);
  if ((effects & sql::effect::kPrepared) != 0 && !sql.empty() && names.empty() && !changes.any())
    add_all_names(own);
  for (const std::string& name : names) {
    server::PreparedRef statement = find_statement(name);
    if (changes.has(name)) continue;
    if (!statement) {
      note_left(name);
      continue;
    }
    if (!dialect_.standard_strings) statement = as_said_now(std::move(statement));
    found |= statement->effects.load(std::memory_order_relaxed);
    own[name] = needed[name] = std::move(statement);
  }
  // Nothing can be made in a failed transaction. But what ends it may stand in front, and nobody
  // else's statement may be found behind that.
  if (server_->pipeline().status() == wire::TransactionStatus::kFailed) {
    server_->need_names(own, {});
    return 0;
  }
  // What a plain EXECUTE does not name it cannot use; one that cannot be made any more must not
  // fail the transaction.
  const bool names_all =
      sql::prepared_command(sql, dialect_) && ((effects | found) & sql::effect::kUnknownCode) == 0;
  // Which parameters an EXECUTE sets is not to be seen from its text.
  if ((found & sql::effect::kSetting) != 0) found |= sql::effect::kAnySetting;
  // Whether all of it took effect is asked when the transaction is over.
  if (server_->need_names(own, names_all ? needed : own))
    traces().add({}, sql::effect::kPrepared, dialect_);
  return found;
}

// ---- names that are left to the server ---------------------------------------------------------

// A portal is bound to a text with these effects. It is looked at again when it runs.
void ClientSession::note_portal(std::string_view portal, sql::Effects effects,
                                std::string_view sql) {
  if ((effects & sql::effect::kPrepared) != 0 && sql::name_changes(sql, dialect_).any()) {
    traces().bind_portal(portal, sql);
  } else if (traces_ && traces_->has_portals()) {
    traces_->bind_portal(portal, {});
  }
}

// What is about to run may change names. Those that mean something are put there first, which must
// not be skipped: what is in front of it has to be answered. (Of a name that means nothing the
// server knows as much as anybody.)
ClientSession::Taken ClientSession::leave_names(std::string_view sql) {
  const sql::NameChanges changes = sql::name_changes(sql, dialect_);
  if (!changes.any()) return Taken::kYes;
  const server::Pipeline& pipeline = server_->pipeline();
  const auto concerns = [this](const std::string& name) {
    return statements_ && !server_->is_left(name) && statements_->concerns(name);
  };
  const bool known = std::ranges::any_of(changes.names, concerns);
  if (known && pipeline.batch_in_doubt()) server_->ask_for_all_replies();
  if (known && (pipeline.batch_in_doubt() || pipeline.owed_ready() > 0)) return Taken::kNotYet;
  // What fails with its transaction changes nothing, and nothing can be put there.
  const bool failed = pipeline.status() == wire::TransactionStatus::kFailed;
  if (failed) {
    shed_foreign_names();
  } else {
    put_there(changes, sql);
  }
  for (const std::string& name : changes.names)
    if (!failed || !concerns(name)) server_->leave_name(name);
  if (changes.all) server_->may_forget_all();
  return Taken::kYes;
}

void ClientSession::put_there(const sql::NameChanges& changes, std::string_view sql) {
  StatementsByName own = own_names();
  StatementsByName needed;
  const auto command = sql::prepared_command(sql, dialect_);
  const bool only_goes = command && command->verb == sql::PreparedCommand::Verb::kDeallocate;
  for (const std::string& name : changes.names) {
    server::PreparedRef statement = find_statement(name);
    if (!statement) continue;
    if (!dialect_.standard_strings) statement = as_said_now(std::move(statement));
    if (only_goes && !server_->holds_named(name, *statement))
      if (auto other = host_.prepared_statements().intern(kStandIn)) statement = std::move(other);
    own[name] = needed[name] = std::move(statement);
  }
  server_->need_names(own, needed);
}

// The client's Parse of such a name is about to be sent as it is.
void ClientSession::parse_left(std::string_view name, std::string_view sql) {
  shed_foreign_names();
  server_->left_name_is_parsed(name);
  note_statement(query_.effects | sql::effect::kPrepared, sql);
}

// ---- what the server says ----------------------------------------------------------------------

// Null: it cannot be made again on another server.
server::PreparedRef ClientSession::remember(const PreparedThere& one) {
  if (!one.rest || (!one.by_sql && account_->max_prepared_statements == 0)) return nullptr;
  std::string room;
  server::PreparedRef statement =
      host_.prepared_statements().intern(in_own_words(*one.rest, false, room), one.name);
  if (!statement) return nullptr;
  const sql::Statement known = read(statement->query());
  learn(*statement, known);
  foresees_ = foresees_ || (known.effects & kForeseeable) != 0;
  return statement;
}

// What the server says that it has under the client's own names. `all`: nobody has kept account of
// them, for it was the session's own. False: there is something that cannot be made again
// elsewhere; it is left to that server, with which it ends.
bool ClientSession::keep_names(const StateAnswer& answer, bool all) {
  StatementsByName there;
  std::vector<std::string> only_there;
  for (const PreparedThere& one : answer.prepared) {
    const auto* known = statements_ ? statements_->find(one.name) : nullptr;
    if (!is_new(one, known, all)) {
      const bool holds =
          known != nullptr && !stands_in(one) &&
          (server_->is_left(one.name) || server_->holds_named(one.name, *known->statement));
      if (known != nullptr || account_->max_prepared_statements > 0)
        there[one.name] = holds ? known->statement : nullptr;
      continue;
    }
    if (auto statement = remember(one)) {
      names().set(one.name, statement, one.by_sql);
      there[one.name] = std::move(statement);
    } else {
      if (statements_) statements_->forget(one.name);
      only_there.push_back(one.name);
    }
  }
  forget_absent(answer);
  server_->names_are(there);
  for (const std::string& name : only_there) server_->leave_name(name);
  return only_there.empty();
}

// The client has made it, and not we in its name, nor before it gave up that name. The text of what
// was not left to the server is no proof: behind another pooler somebody else's may be listed.
bool ClientSession::is_new(const PreparedThere& one, const NamedStatements::Meaning* known,
                           bool all) const {
  const auto left = server_->left_names().find(one.name);
  if (left == server_->left_names().end())
    return all || (one.by_sql && !server_->has_name(one.name));
  if (one.by_sql) return true;
  const bool same = known != nullptr && known->statement->query() == one.rest->c_str();
  return !stands_in(one) && (left->second || !same);
}

// What was there, or left to the server, and is not there now.
void ClientSession::forget_absent(const StateAnswer& answer) {
  if (!statements_) return;
  std::vector<std::string> absent;
  for (const auto& [name, parsed] : server_->left_names()) absent.push_back(name);
  for (const auto& [name, statement] : statements_->by_sql())
    if (server_->has_name(name)) absent.push_back(name);
  for (const std::string& name : absent)
    if (std::ranges::find(answer.prepared, name, &PreparedThere::name) == answer.prepared.end())
      statements_->forget(name);
  statements_->all_answered();
}

}  // namespace pgsaba::session
