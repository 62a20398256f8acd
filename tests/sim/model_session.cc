#include "sim/model_session.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "pgsaba/base/bytes.h"
#include "pgsaba/wire/backend.h"
#include "pgsaba/wire/error_fields.h"
#include "pgsaba/wire/frame.h"
#include "pgsaba/wire/frontend.h"
#include "pgsaba/wire/message_writer.h"
#include "sim/tag.h"

namespace pgsaba::sim {

using wire::MessageWriter;

namespace {

constexpr std::string_view kAborted =
    "current transaction is aborted, commands ignored until end of transaction block";

// Among the settings: this one was set, if to its default maybe. What is undone undoes it, too.
constexpr char kSetMark = '*';
std::string mark_of(std::string_view name) { return kSetMark + std::string(name); }

std::string_view without_comment(std::string_view sql) { return sql.substr(0, sql.find("--")); }

std::vector<std::string_view> statements_in(std::string_view sql) {
  std::vector<std::string_view> found;
  sql = without_comment(sql);
  while (!sql.empty()) {
    const std::size_t end = std::min(sql.size(), sql.find(';'));
    const std::string_view one = sql.substr(0, end);
    if (one.find_first_not_of(" \n") != std::string_view::npos) found.push_back(one);
    sql.remove_prefix(std::min(sql.size(), end + 1));
  }
  return found;
}

std::size_t number_in(const std::vector<std::string>& words, std::size_t index) {
  std::size_t number = 0;
  if (index < words.size())
    std::from_chars(words[index].data(), words[index].data() + words[index].size(), number);
  return number;
}

std::string verb_of(std::string_view sql) {
  const auto words = words_of(sql);
  return words.empty() ? "" : words[0];
}

// Tells apart what one statement notifies when it runs again; always of the same length.
std::string next_number() {
  static std::uint32_t number = 0;
  return "#" + std::to_string(100'000'000 + number++ % 100'000'000);
}

// pgsaba has statements of its own that are none.
bool is_broken(std::string_view sql) {
  const std::string verb = verb_of(sql);
  return verb == "SYNTAX" || verb == "pgsaba";
}

bool returns_rows(std::string_view sql) {
  const std::string verb = verb_of(sql);
  return verb == "SELECT" || verb == "SHOW" || verb == "TABLE";
}

// What stands behind a SQL word that tells pgsaba what to expect of it.
bool is_toy_verb(std::string_view word) {
  static constexpr std::string_view kVerbs[] = {"SLEEP",  "FAIL",   "SYNTAX",
                                                "NOTICE", "COPYIN", "COPYOUT"};
  return std::ranges::find(kVerbs, word) != std::end(kVerbs);
}

std::string unquoted(std::string text) {
  std::erase(text, '\'');
  return text;
}
bool ends_block(std::string_view sql) {
  const std::string verb = verb_of(sql);
  return verb == "COMMIT" || verb == "ROLLBACK";
}

void row_description(std::string& out) {
  MessageWriter(out)
      .begin('T')
      .int16(1)
      .string("echo")
      .int32(0)
      .int16(0)
      .int32(25)
      .int16(0xffff)
      .int32(0xffff'ffff)
      .int16(0)
      .end();
}

std::string row_text(std::string_view echo, std::size_t index, std::size_t bytes) {
  std::string text = std::string(echo) + " row " + std::to_string(index) + " ";
  if (text.size() < bytes) text.append(bytes - text.size(), static_cast<char>('a' + index % 26));
  return text;
}

void data_row(std::string& out, const std::vector<std::string>& columns) {
  MessageWriter row(out);
  row.begin('D').int16(static_cast<std::uint16_t>(columns.size()));
  for (const std::string& text : columns)
    row.int32(static_cast<std::uint32_t>(text.size())).raw(text);
  row.end();
}

void copy_response(std::string& out, char tag) {
  MessageWriter(out).begin(tag).byte('\0').int16(1).int16(0).end();
}

void simple_reply(std::string& out, char tag) { MessageWriter(out).begin(tag).end(); }

}  // namespace

std::vector<std::string> words_of(std::string_view sql) {
  std::vector<std::string> words;
  sql = without_comment(sql);
  std::string word;
  for (const char c : sql) {
    if (c != ' ' && c != ';' && c != '\n' && c != '"') {
      word.push_back(c);
    } else if (!word.empty()) {
      words.push_back(std::exchange(word, {}));
    }
  }
  if (!word.empty()) words.push_back(word);
  if (words.size() > 1 && is_toy_verb(words[1])) words.erase(words.begin());
  return words;
}

ModelSession::ModelSession(ModelSettings defaults)
    : defaults_(defaults),
      current_(defaults),
      at_begin_(defaults),
      reported_(std::move(defaults)) {}

void ModelSession::set_startup(const std::string& name, const std::string& value) {
  defaults_[name] = current_[name] = at_begin_[name] = reported_[name] = value;
}

// ---- messages ----------------------------------------------------------------------------------

bool ModelSession::has_message() const {
  if (terminated_ || input_.size() < 5) return false;
  return input_.size() >= 1 + load_be32(reinterpret_cast<const std::uint8_t*>(input_.data()) + 1);
}

std::string_view ModelSession::message() const {
  const auto length = load_be32(reinterpret_cast<const std::uint8_t*>(input_.data()) + 1);
  return std::string_view(input_).substr(0, 1 + length);
}

std::string ModelSession::run_name() const {
  const std::string_view frame = message();
  if (copy_ != Copy::kNone || skipping_) return {};
  if (frame[0] == 'Q') return std::string(find_tag(frame));
  if (frame[0] != 'E') return {};
  const auto portal = portals_.find(std::string(frame.substr(5).data()));
  if (portal == portals_.end() || portal->second.done) return {};
  const std::string_view tag = find_tag(portal->second.parameter);
  return tag.empty() ? "" : std::string(tag) + "#" + std::to_string(portal->second.executions);
}

Micros ModelSession::cost() const {
  const std::string_view frame = message();
  if (run_name().empty()) return 0;
  std::string_view sql = frame.substr(5);
  if (frame[0] == 'E') sql = portals_.at(std::string(sql.data())).sql;
  Micros cost = 20;
  for (const std::string_view one : statements_in(sql.substr(0, sql.find('\0'))))
    if (const auto words = words_of(one); words[0] == "SLEEP")
      cost += static_cast<Micros>(number_in(words, 1));
  return cost;
}

void ModelSession::run(bool cancelled, std::string& out) {
  const std::string frame(message());
  input_.erase(0, frame.size());
  const char tag = frame[0];
  const std::string_view body = std::string_view(frame).substr(5);
  if (tag == 'X') {
    terminated_ = true;
    return;
  }
  if (copy_ != Copy::kNone) return copy_message(tag, body, out);
  if (tag == 'S') return sync(out);
  if (skipping_ && tag == 'P' && body.starts_with('\0')) unnamed_skipped_ = true;
  if (skipping_ || tag == 'H' || tag == 'd' || tag == 'c' || tag == 'f') return;
  if (tag == 'Q') {
    const std::string_view sql = body.substr(0, body.find('\0'));
    const auto statements = statements_in(sql);
    const bool begins = status_ == 'I' && statements.size() == 1 && verb_of(sql) == "BEGIN";
    unsent_block_ = begins || (unsent_block_ && statements.empty());
    return simple_query(sql, cancelled, out);
  }
  // Close is answered without a server, and so is the preparation of a mere end.
  const bool prepares = std::string_view("PBD").find(tag) != std::string_view::npos;
  if (tag != 'C' && !(prepares && status_ == 'T' && concerns_end_of_block(frame)))
    unsent_block_ = false;
  in_batch_ = true;
  switch (tag) {
    case 'P':
      return parse(body, out);
    case 'B':
      return bind(body, out);
    case 'D':
      return describe(body, out);
    case 'E':
      return execute(body, cancelled, out);
    case 'C':
      close(body);
      return simple_reply(out, '3');
    default:
      return fail_extended("08P01", "invalid frontend message type", out);
  }
}

bool ModelSession::concerns_end_of_block(std::string_view frame) const {
  const std::string_view body = frame.substr(5);
  const auto text_of_statement = [this](std::string_view name) {
    const auto found = statements_.find(std::string(name));
    return found == statements_.end() ? std::string() : found->second.sql;
  };
  const auto text_of_portal = [this](std::string_view name) {
    const auto found = portals_.find(std::string(name));
    return found == portals_.end() ? std::string() : found->second.sql;
  };
  switch (frame[0]) {
    case 'P':
      return ends_block(std::string_view(body.data() + std::string_view(body.data()).size() + 1));
    case 'B':
      return ends_block(text_of_statement(wire::read_bind(bytes_of(body))->statement));
    case 'D':
      return ends_block(body[0] == 'S' ? text_of_statement(body.data() + 1)
                                       : text_of_portal(body.data() + 1));
    default:
      return ends_block(text_of_portal(body.data()));
  }
}

void ModelSession::refuse_batch(std::string& out) {
  while (has_message() && std::string_view("dcfHSC").find(message()[0]) != std::string_view::npos)
    run(false, out);
  // A statement that only ends the block is answered up to its execution.
  while (has_message() && std::string_view("PBD").find(message()[0]) != std::string_view::npos &&
         status_ == 'T' && concerns_end_of_block(message())) {
    run(false, out);
    if (skipping_) return;
  }
  if (input_.size() < wire::kHeaderBytes + 1) return;
  const std::string_view frame = message();  // a part of it perhaps
  const bool ends_by_execute = frame[0] == 'E' && concerns_end_of_block(frame);
  const bool ends =
      ends_by_execute || (frame[0] == 'Q' && ends_block(frame.substr(5, frame.size() - 6)));
  if (status_ == 'T') status_ = ends ? 'I' : 'E';
  unsent_block_ = false;
  if (message()[0] != 'Q') {
    skipping_ = in_batch_ = true;
    return;
  }
  // Of a large one the client may not yet have sent all.
  const std::size_t size = 1 + load_be32(reinterpret_cast<const std::uint8_t*>(input_.data()) + 1);
  ignored_ = size - std::min(size, input_.size());
  input_.erase(0, size);
  ready(out);
}

void ModelSession::refuse_message(std::string& out) {
  while (has_message() && std::string_view("dcfHS").find(message()[0]) != std::string_view::npos)
    run(false, out);
  if (!has_message()) return;
  const bool query = message()[0] == 'Q';
  if (query || (message()[0] == 'P' && message()[wire::kHeaderBytes] == 0)) statements_.erase("");
  input_.erase(0, message().size());
  std::string error;  // the client has another one
  fail("53300", "", error);
  skipping_ = in_batch_ = !query;
  unsent_block_ = false;
  if (query) ready(out);
}

void ModelSession::feed(std::string_view bytes) {
  const std::size_t ignored = std::min(ignored_, bytes.size());
  ignored_ -= ignored;
  input_.append(bytes.substr(ignored));
}

// ---- simple protocol ---------------------------------------------------------------------------

void ModelSession::simple_query(std::string_view sql, bool cancelled, std::string& out) {
  statements_.erase("");
  unnamed_skipped_ = false;
  portals_.erase("");
  source_ = sql;
  const auto statements = statements_in(sql);
  const bool block = status_ != 'I';
  if (std::ranges::any_of(statements, is_broken)) {
    fail("42601", "syntax error in " + std::string(find_tag(sql)), out);
    return ready(out);
  }
  if (statements.empty()) simple_reply(out, 'I');
  const ModelSettings before = current_;
  for (const std::string_view one : statements) {
    if (!run_statement(one, find_tag(sql), std::exchange(cancelled, false), out)) {
      if (!block && status_ == 'I') current_ = before;
      break;
    }
    if (copy_ == Copy::kNone) continue;
    copy_ = Copy::kSimple;  // the last statement of its query
    return;
  }
  ready(out);
}

void ModelSession::copy_message(char tag, std::string_view body, std::string& out) {
  if (tag == 'd') {
    ++copy_lines_;
    if (copy_bad_line_ != 0 && copy_lines_ == copy_bad_line_) {
      const Copy how = std::exchange(copy_, Copy::kNone);
      const std::string message = "invalid input in line of " + copy_echo_;
      if (how == Copy::kExtended) return fail_extended("22P02", message, out);
      fail("22P02", message, out);
      ready(out);
    }
    return;
  }
  if (tag == 'S' || tag == 'H') return;  // ignored while COPY runs
  if (tag == 'c') return finish_copy(out);
  const Copy how = std::exchange(copy_, Copy::kNone);
  const std::string message = tag == 'f' ? "COPY from stdin failed: " + std::string(body.data())
                                         : "unexpected message during COPY from stdin";
  if (how == Copy::kExtended) return fail_extended(tag == 'f' ? "57014" : "08P01", message, out);
  fail(tag == 'f' ? "57014" : "08P01", message, out);
  ready(out);
}

void ModelSession::finish_copy(std::string& out) {
  wire::append_command_complete(out, "COPY " + std::to_string(copy_lines_));
  if (std::exchange(copy_, Copy::kNone) == Copy::kSimple) ready(out);
}

// ---- extended protocol -------------------------------------------------------------------------

void ModelSession::parse(std::string_view body, std::string& out) {
  const std::string name(body.data());
  const std::string sql(body.data() + name.size() + 1);
  if (name.empty()) {
    statements_.erase("");
    unnamed_skipped_ = false;
  }
  if (is_broken(sql))
    return fail_extended("42601", "syntax error in " + std::string(find_tag(sql)), out);
  if (refused_in_failed_block(sql, out)) return;
  if (!name.empty() && statements_.contains(name))
    return fail_extended("42P05", "prepared statement \"" + name + "\" already exists", out);
  statements_[name] = {.sql = sql};
  out += wire::kParseComplete;
}

void ModelSession::bind(std::string_view body, std::string& out) {
  const auto names = wire::read_bind(bytes_of(body));
  const auto statement = statements_.find(std::string(names->statement));
  if (statement == statements_.end()) {
    const std::string name(names->statement);
    return fail_extended("26000",
                         name.empty() ? "unnamed prepared statement does not exist"
                                      : "prepared statement \"" + name + "\" does not exist",
                         out);
  }
  const bool forgotten = unnamed_skipped_ || ends_block(statement->second.sql) ||
                         statement->second.sql.size() > wire::kWholeFrameBytes / 2;
  used_forgotten_unnamed_ = used_forgotten_unnamed_ || (names->statement.empty() && forgotten);
  if (refused_in_failed_block(statement->second.sql, out)) return;
  const std::string portal(names->portal);
  if (!portal.empty() && portals_.contains(portal))
    return fail_extended("42P03", "cursor \"" + portal + "\" already exists", out);
  // No formats, at most one parameter, no result formats.
  std::string_view rest = body.substr(names->head_bytes + 2);
  std::string parameter;
  if (rest.substr(0, 2) != std::string_view("\0\0", 2)) {
    const auto bytes = load_be32(reinterpret_cast<const std::uint8_t*>(rest.data()) + 2);
    parameter = rest.substr(6, bytes);
  }
  portals_[portal] = {statement->second.sql, std::move(parameter), 0, 0, false};
  simple_reply(out, '2');
}

void ModelSession::describe(std::string_view body, std::string& out) {
  const std::string name(body.data() + 1);
  std::string sql;
  if (body[0] == 'S') {
    const auto found = statements_.find(name);
    if (found == statements_.end())
      return fail_extended("26000",
                           name.empty() ? "unnamed prepared statement does not exist"
                                        : "prepared statement \"" + name + "\" does not exist",
                           out);
    sql = found->second.sql;
  } else {
    const auto found = portals_.find(name);
    if (found == portals_.end())
      return fail_extended("34000", "portal \"" + name + "\" does not exist", out);
    sql = found->second.sql;
  }
  if (returns_rows(sql) && refused_in_failed_block(sql, out)) return;
  if (body[0] == 'S' && ends_block(sql)) {
    MessageWriter(out).begin('t').int16(0).end();
  } else if (body[0] == 'S') {
    MessageWriter(out).begin('t').int16(1).int32(25).end();
  }
  if (returns_rows(sql)) return row_description(out);
  simple_reply(out, 'n');
}

void ModelSession::execute(std::string_view body, bool cancelled, std::string& out) {
  const std::string name(body.data());
  const auto found = portals_.find(name);
  if (found == portals_.end())
    return fail_extended("34000", "portal \"" + name + "\" does not exist", out);
  Portal& portal = found->second;
  if (refused_in_failed_block(portal.sql, out)) return;
  ++portal.executions;
  const auto limit =
      load_be32(reinterpret_cast<const std::uint8_t*>(body.data()) + name.size() + 1);
  if (without_comment(portal.sql).find_first_not_of(' ') == std::string_view::npos)
    return simple_reply(out, 'I');
  if (cancelled) return fail_extended("57014", "canceling statement due to user request", out);
  if (!returns_rows(portal.sql)) {
    if (portal.done) return fail_extended("55000", "portal \"" + name + "\" cannot be run", out);
    portal.done = true;
    const std::string sql = portal.sql;  // a COMMIT ends the portal
    const std::string echo = portal.parameter;
    if (!run_statement(sql, echo, false, out)) skipping_ = true;
    if (copy_ != Copy::kNone) copy_ = Copy::kExtended;
    return;
  }
  const auto words = words_of(portal.sql);
  const bool show = words[0] == "SHOW";
  const std::size_t rows = show ? 1 : number_in(words, 1);
  std::size_t sent = 0;
  while (portal.position < rows && (limit == 0 || sent < limit)) {
    const std::size_t row = portal.position++;
    data_row(out,
             {show ? value_of(words[1]) : row_text(portal.parameter, row, number_in(words, 2))});
    ++sent;
  }
  if (limit != 0 && sent == limit) return simple_reply(out, 's');
  wire::append_command_complete(out, show ? "SHOW" : "SELECT " + std::to_string(sent));
}

void ModelSession::close(std::string_view body) {
  const std::string name(body.data() + 1);
  if (body[0] == 'S') {
    statements_.erase(name);
  } else {
    portals_.erase(name);
  }
}

void ModelSession::sync(std::string& out) {
  skipping_ = in_batch_ = false;
  ready(out);
}

// ---- statements --------------------------------------------------------------------------------

bool ModelSession::refused_in_failed_block(std::string_view sql, std::string& out) {
  const bool empty = words_of(sql).empty();
  if (status_ != 'E' || ends_block(sql) || empty) return false;
  fail_extended("25P02", kAborted, out);
  return true;
}

bool ModelSession::run_statement(std::string_view sql, std::string_view echo, bool cancelled,
                                 std::string& out) {
  const auto words = words_of(sql);
  const std::string& verb = words[0];
  const auto failed = [&](std::string_view state, std::string_view message) {
    fail(state, message, out);
    return false;
  };
  if (status_ == 'E' && !ends_block(sql)) return failed("25P02", kAborted);
  if (cancelled) return failed("57014", "canceling statement due to user request");
  if (verb == "FAIL") return failed("22012", "division by zero in " + std::string(echo));
  if (verb == "BEGIN" || verb == "COMMIT" || verb == "ROLLBACK")
    return run_transaction_command(verb, out);
  if (verb == "COPYIN") {
    copy_ = Copy::kSimple;
    copy_lines_ = 0;
    copy_bad_line_ = static_cast<int>(number_in(words, 1));
    copy_echo_ = echo;
    copy_response(out, 'G');
    return true;
  }
  if (verb == "COPYOUT") {
    copy_response(out, 'H');
    for (std::size_t i = 0; i < number_in(words, 1); ++i)
      MessageWriter(out).begin('d').raw(row_text(echo, i, number_in(words, 2))).end();
    simple_reply(out, 'c');
    wire::append_command_complete(out, "COPY " + words[1]);
    return true;
  }
  if (verb == "PREPARE") return prepare(words[1], sql.substr(sql.find(" AS ") + 4), out);
  if (verb == "EXECUTE") {
    const auto found = statements_.find(words[1]);
    if (found == statements_.end()) return no_such_statement(words[1], out);
    const std::string prepared = found->second.sql;
    return run_statement(prepared, echo, false, out);
  }
  if (verb == "SELECT" && words[1].starts_with('\'')) return answer_question(sql, out);
  const bool belongs = (verb == "DROP" && words[1] == "TABLE") || verb == "CREATE" ||
                       verb == "TABLE" || verb == "LISTEN" || verb == "UNLISTEN" ||
                       verb == "NOTIFY" || words.back().starts_with("pg_advisory");
  if (belongs) return run_on_belongings(words, out);
  if (verb == "NOTICE")
    wire::append_error(out, 'N', {"NOTICE", "00000", "notice of " + std::string(echo)});
  if (verb == "SELECT" && words.size() == 3) {
    row_description(out);
    for (std::size_t i = 0; i < number_in(words, 1); ++i)
      data_row(out, {row_text(echo, i, number_in(words, 2))});
    wire::append_command_complete(out, "SELECT " + words[1]);
    return true;
  }
  return run_session_command(words, out);
}

bool ModelSession::no_such_statement(const std::string& name, std::string& out) {
  fail("26000", "prepared statement \"" + name + "\" does not exist", out);
  return false;
}

bool ModelSession::prepare(const std::string& name, std::string_view sql, std::string& out) {
  if (statements_.contains(name)) {
    fail("42P05", "prepared statement \"" + name + "\" already exists", out);
    return false;
  }
  statements_[name] = {std::string(sql), source_, true};
  wire::append_command_complete(out, "PREPARE");
  return true;
}

bool ModelSession::run_transaction_command(std::string_view verb, std::string& out) {
  if (verb == "BEGIN") {
    if (status_ == 'T')
      wire::append_error(out, 'N', {"WARNING", "25001", "there is already a transaction"});
    if (status_ == 'I') at_begin_ = current_;
    status_ = 'T';
    wire::append_command_complete(out, verb);
    return true;
  }
  if (status_ == 'I') {
    wire::append_error(out, 'N', {"WARNING", "25P01", "there is no transaction in progress"});
    wire::append_command_complete(out, verb);
    return true;
  }
  return end_transaction(verb == "COMMIT" && status_ == 'T', out);
}

bool ModelSession::end_transaction(bool commit, std::string& out) {
  if (!commit) {
    current_ = at_begin_;
    belongings_.roll_back();
  }
  commit_belongings();
  status_ = 'I';
  portals_.clear();
  wire::append_command_complete(out, commit ? "COMMIT" : "ROLLBACK");
  return true;
}

bool ModelSession::run_session_command(const std::vector<std::string>& words, std::string& out) {
  const std::string& verb = words[0];
  std::string tag = verb;
  if (verb == "SET" && words.size() > 3) {
    set(words[1], unquoted(words[3]));
  } else if (verb == "SHOW") {
    row_description(out);
    data_row(out, {value_of(words[1])});
  } else if (verb == "RESET" && words.size() > 1 && words[1] == "ALL") {
    current_ = defaults_;
  } else if (verb == "RESET" && words.size() > 1) {
    set(words[1], defaults_[canonical(words[1])]);
    current_.erase(mark_of(canonical(words[1])));
    if (status_ == 'I') at_begin_ = current_;
  } else if (verb == "DEALLOCATE" && words[1] != "ALL") {
    if (statements_.erase(words[1]) == 0) return no_such_statement(words[1], out);
  } else if (verb == "DEALLOCATE") {
    statements_.clear();
    tag = "DEALLOCATE ALL";
  } else if (verb == "DISCARD" && words[1] == "SEQUENCES") {  // there are none
    tag = "DISCARD SEQUENCES";
  } else if (verb == "DISCARD") {
    statements_.clear();
    portals_.clear();
    current_ = at_begin_ = defaults_;
    belongings_.discard();
    tag = "DISCARD ALL";
  } else if (verb == "SELECT") {  // SELECT pg_catalog.set_config('name','value',false)
    const std::string& call = words[1];
    const std::size_t name = call.find('\'') + 1;
    const std::size_t name_end = call.find('\'', name);
    const std::size_t value = call.find('\'', name_end + 1) + 1;
    set(call.substr(name, name_end - name), call.substr(value, call.find('\'', value) - value));
    row_description(out);
    data_row(out, {"set"});
    tag = "SELECT 1";
  } else if (verb == "UPDATE") {
    tag += " " + words[1];
  }
  wire::append_command_complete(out, tag);
  return true;
}

bool ModelSession::run_on_belongings(const std::vector<std::string>& words, std::string& out) {
  const std::string& verb = words[0];
  const std::string& last = words.back();
  std::string tag = verb;
  if (verb == "CREATE" || verb == "DROP") {
    const bool done =
        verb == "CREATE" ? belongings_.create_table(last) : belongings_.drop_table(last);
    if (!done) {
      fail(verb == "CREATE" ? "42P07" : "42P01", "table " + last, out);
      return false;
    }
    tag += " TABLE";
  } else if (verb == "TABLE" && !belongings_.has_table(last)) {
    fail("42P01", "table " + last, out);
    return false;
  } else if (verb == "TABLE") {
    row_description(out);
    data_row(out, {last});
    tag = "SELECT 1";
  } else if (verb == "LISTEN") {
    belongings_.listen(last);
  } else if (verb == "UNLISTEN") {
    belongings_.unlisten(last);
  } else if (verb == "NOTIFY") {
    belongings_.notify({words[1].substr(0, words[1].find(',')), unquoted(last) + next_number()});
  } else {
    const std::string key = last.substr(last.find('('));
    const bool takes = last.starts_with("pg_advisory_lock");
    const bool had = takes || belongings_.unlock(key);
    if (takes) belongings_.lock(key);
    if (!had) wire::append_error(out, 'N', {"WARNING", "01000", "you don't own a lock"});
    row_description(out);
    data_row(out, {takes ? "" : had ? "t" : "f"});
    tag = "SELECT 1";
  }
  wire::append_command_complete(out, tag);
  return true;
}

void ModelSession::commit_belongings() {
  for (Notification& one : belongings_.commit()) {
    heard(one);
    notified_.push_back(std::move(one));
  }
}

void ModelSession::heard(const Notification& one) {
  if (!hears_ || !belongings_.channels().contains(one.channel)) return;
  MessageWriter(heard_).begin('A').int32(1).string(one.channel).string(one.payload).end();
}

// pgsaba asks what is left in the session. There are no cursors here.
bool ModelSession::answer_question(std::string_view sql, std::string& out) {
  const char kind = sql[sql.find('\'') + 1];
  std::vector<std::vector<std::string>> rows;
  if (kind == 'a') rows.push_back({"a"});
  if (kind == 't' && belongings_.has_tables()) rows.push_back({"t"});
  if (kind == 'l' && belongings_.has_locks()) rows.push_back({"l"});
  if (kind == 'n')
    for (const std::string& channel : belongings_.channels()) rows.push_back({"n", channel});
  if (kind == 'p') {
    for (const auto& [name, one] : statements_)
      if (!name.empty() && !name.starts_with("_pgsaba_"))
        rows.push_back({"p", name, one.by_sql ? one.source : one.sql, one.by_sql ? "t" : "f",
                        one.by_sql ? "{}" : "{25}"});
  } else if (kind == 's' && sql.find("pg_settings") != std::string_view::npos) {
    for (const auto& [name, value] : current_) {
      const auto original = defaults_.find(name);
      if (current_.contains(mark_of(name)) ||
          (!name.starts_with(kSetMark) &&
           value != (original == defaults_.end() ? "" : original->second)))
        rows.push_back({"s", name, value});
    }
  } else if (kind == 's' && sql.find("VALUES") != std::string_view::npos) {  // … (VALUES( E'name')
    for (std::size_t at = sql.find("( E'"); at != std::string_view::npos;
         at = sql.find("( E'", at)) {
      at += 4;
      const std::string name(sql.substr(at, sql.find('\'', at) - at));
      rows.push_back({"s", name, value_of(name)});
    }
  } else if (kind == 's') {  // SELECT 's', E'name',pg_catalog.current_setting( E'name',true)
    const std::size_t begin = sql.find("E'") + 2;
    const std::string name(sql.substr(begin, sql.find('\'', begin) - begin));
    rows.push_back({"s", name, value_of(name)});
  }
  row_description(out);
  for (const auto& row : rows) data_row(out, row);
  wire::append_command_complete(out, "SELECT " + std::to_string(rows.size()));
  return true;
}

std::string ModelSession::value_of(const std::string& name) const {
  if (name == "role") return "none";
  if (name == "session_authorization") return "u";
  const auto found = current_.find(canonical(name));
  return found == current_.end() ? "" : found->second;
}

// Parameter names know no case.
std::string ModelSession::canonical(const std::string& name) const {
  const auto lower = [](char a, char b) { return std::tolower(a) == std::tolower(b); };
  const auto known = std::ranges::find_if(
      reported_, [&](const auto& entry) { return std::ranges::equal(entry.first, name, lower); });
  return known == reported_.end() ? name : known->first;
}

void ModelSession::set(const std::string& name, const std::string& value) {
  current_[canonical(name)] = value;
  current_[mark_of(canonical(name))] = "set";
  if (status_ == 'I') at_begin_ = current_;
}

// ---- replies -----------------------------------------------------------------------------------

void ModelSession::fail(std::string_view sqlstate, std::string_view message, std::string& out) {
  wire::append_error(out, 'E', {"ERROR", std::string(sqlstate), std::string(message)});
  if (status_ == 'I') belongings_.roll_back();
  if (status_ == 'T') {
    status_ = 'E';
    portals_.clear();
  }
}

void ModelSession::fail_extended(std::string_view sqlstate, std::string_view message,
                                 std::string& out) {
  fail(sqlstate, message, out);
  skipping_ = true;
}

// Changed parameters are reported just before ReadyForQuery, as since PostgreSQL 14.
void ModelSession::report(std::string& out) {
  for (auto& [name, value] : reported_) {
    if (value == current_[name]) continue;
    value = current_[name];
    wire::append_parameter_status(out, name, value);
  }
}

void ModelSession::ready(std::string& out) {
  in_batch_ = false;
  if (status_ == 'I') {
    portals_.clear();
    commit_belongings();
    out += take_heard();
  }
  report(out);
  wire::append_ready(out, static_cast<wire::TransactionStatus>(status_));
}

}  // namespace pgsaba::sim
