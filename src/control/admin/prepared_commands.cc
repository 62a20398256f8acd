#include "prepared_commands.h"

#include "pgsaba/wire/backend.h"
#include "pgsaba/wire/frontend.h"
#include "pgsaba/wire/message_writer.h"
#include "pgsaba/wire/sqlstate.h"
#include "sqlstates.h"

namespace pgsaba::admin {
namespace {

constexpr std::string_view kBindComplete{"2\0\0\0\4", 5};
constexpr std::string_view kNoData{"n\0\0\0\4", 5};

wire::ErrorFields malformed(std::string_view message_name) {
  return problem(wire::sqlstate::kProtocolViolation,
                 "malformed " + std::string(message_name) + " message");
}

wire::ErrorFields no_such_statement(const std::string& name) {
  return problem(kUndefinedStatement, "prepared statement \"" + name + "\" does not exist");
}

wire::ErrorFields no_such_portal(const std::string& name) {
  return problem(kUndefinedCursor, "portal \"" + name + "\" does not exist");
}

// Integers one after the other; past the end they are zero and `ok` turns false.
class BodyReader {
 public:
  explicit BodyReader(Bytes body) : rest_(body) {}

  std::uint16_t int16() {
    const Bytes bytes = take(2);
    return bytes.empty() ? std::uint16_t{0} : load_be16(bytes.data());
  }
  void skip(std::size_t count) { take(count); }
  bool ok() const { return ok_; }

 private:
  Bytes take(std::size_t count) {
    if (count > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const Bytes bytes = rest_.first(count);
    rest_ = rest_.subspan(count);
    return bytes;
  }

  Bytes rest_;
  bool ok_ = true;
};

// What follows the names in a Bind.
struct BindTail {
  std::uint16_t parameters = 0;
  std::vector<std::uint16_t> result_formats;
};

std::optional<BindTail> read_bind_tail(Bytes tail) {
  BodyReader reader(tail);
  reader.skip(std::size_t{2} * reader.int16());
  BindTail bind;
  bind.parameters = reader.int16();
  if (bind.parameters > 0) return bind;  // refused in any case, so what follows is of no interest
  const std::uint16_t count = reader.int16();
  for (std::uint16_t index = 0; index < count && reader.ok(); ++index) {
    bind.result_formats.push_back(reader.int16());
  }
  if (!reader.ok()) return std::nullopt;
  return bind;
}

Problem check_formats(const std::vector<std::uint16_t>& formats, std::size_t columns) {
  if (formats.size() > 1 && formats.size() != columns) {
    return problem(wire::sqlstate::kProtocolViolation,
                   "bind message has " + std::to_string(formats.size()) +
                       " result formats but query has " + std::to_string(columns) + " columns");
  }
  for (const std::uint16_t format : formats) {
    if (format > 1) {
      return problem(kInvalidParameterValue, "unsupported format code: " + std::to_string(format));
    }
  }
  return std::nullopt;
}

void append_columns(std::string& out, const MaybeCommand& command, Formats formats) {
  const std::vector<Column> columns = command ? columns_of(*command) : std::vector<Column>{};
  if (columns.empty()) {
    out += kNoData;
  } else {
    append_row_description(out, columns, formats);
  }
}

}  // namespace

wire::ErrorFields problem(std::string_view sqlstate, std::string message, std::string hint) {
  wire::ErrorFields fields;
  fields.sqlstate = sqlstate;
  fields.message = std::move(message);
  fields.hint = std::move(hint);
  return fields;
}

Problem PreparedCommands::parse(Bytes body, std::string& out) {
  const auto names = wire::read_parse(body);
  if (!names) return malformed("Parse");
  const std::string name(names->statement);
  if (!name.empty() && statements_.contains(name)) {
    return problem(kDuplicateStatement, "prepared statement \"" + name + "\" already exists");
  }
  auto commands = parse_commands(names->rest.substr(0, names->rest.find('\0')));
  if (!commands) {
    return problem(kSyntaxError, commands.error().message, commands.error().hint);
  }
  if (commands->size() > 1) {
    return problem(kSyntaxError, "cannot insert multiple commands into a prepared statement");
  }
  if (statements_.size() >= kMaxObjects) {
    return problem(wire::sqlstate::kProgramLimitExceeded, "too many prepared statements",
                   "Close those that are no longer used.");
  }
  statements_[name] = commands->empty() ? MaybeCommand{} : std::move(commands->front());
  out += wire::kParseComplete;
  return std::nullopt;
}

Problem PreparedCommands::bind(Bytes body, std::string& out) {
  const auto names = wire::read_bind(body);
  if (!names) return malformed("Bind");
  const auto tail = read_bind_tail(body.subspan(names->head_bytes));
  if (!tail) return malformed("Bind");
  const std::string statement_name(names->statement);
  const auto statement = statements_.find(statement_name);
  if (statement == statements_.end()) return no_such_statement(statement_name);
  if (tail->parameters > 0) {
    return problem(wire::sqlstate::kProtocolViolation,
                   "bind message supplies " + std::to_string(tail->parameters) +
                       " parameters, but console commands take none");
  }
  const MaybeCommand& command = statement->second;
  const std::size_t columns = command ? columns_of(*command).size() : 0;
  if (Problem wrong = check_formats(tail->result_formats, columns)) return wrong;

  const std::string name(names->portal);
  if (!name.empty() && portals_.contains(name)) {
    return problem(kDuplicateCursor, "cursor \"" + name + "\" already exists");
  }
  if (portals_.size() >= kMaxObjects) {
    return problem(wire::sqlstate::kProgramLimitExceeded, "too many portals");
  }
  Portal& portal = portals_[name] = Portal{command, {}};
  for (const std::uint16_t format : tail->result_formats) {
    portal.formats.push_back(static_cast<Format>(format));
  }
  out += kBindComplete;
  return std::nullopt;
}

Problem PreparedCommands::describe(Bytes body, std::string& out) const {
  const auto object = wire::read_object(body);
  if (!object) return malformed("Describe");
  const std::string name(object->name);
  return object->kind == 'S' ? describe_statement(name, out) : describe_portal(name, out);
}

Problem PreparedCommands::describe_statement(const std::string& name, std::string& out) const {
  const auto statement = statements_.find(name);
  if (statement == statements_.end()) return no_such_statement(name);
  wire::MessageWriter(out).begin('t').int16(0).end();  // ParameterDescription
  append_columns(out, statement->second, {});
  return std::nullopt;
}

Problem PreparedCommands::describe_portal(const std::string& name, std::string& out) const {
  const auto portal = portals_.find(name);
  if (portal == portals_.end()) return no_such_portal(name);
  append_columns(out, portal->second.command, portal->second.formats);
  return std::nullopt;
}

// Closing what does not exist is no error.
Problem PreparedCommands::close(Bytes body, std::string& out) {
  const auto object = wire::read_object(body);
  if (!object) return malformed("Close");
  const std::string name(object->name);
  if (object->kind == 'S') {
    statements_.erase(name);
  } else {
    portals_.erase(name);
  }
  out += wire::kCloseComplete;
  return std::nullopt;
}

Portal* PreparedCommands::find_portal(const std::string& name) {
  const auto portal = portals_.find(name);
  return portal == portals_.end() ? nullptr : &portal->second;
}

}  // namespace pgsaba::admin
