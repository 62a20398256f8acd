#include "oracle/parser.h"

#include <doctest/doctest.h>
#include <pg_query.h>

#include <algorithm>
#include <map>

#include "oracle/access.h"
#include "sql/functions.h"

namespace pgsaba::oracle {
namespace {

namespace effect = sql::effect;
using sql::Command;
using sql::Effects;
using sql::FunctionClass;

constexpr int kHoldOption = 0x20;  // CURSOR_OPT_HOLD of parsenodes.h

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
  return text;
}

// The parts of a qualified name.
std::vector<std::string> parts_of(const Json& list) {
  std::vector<std::string> parts;
  for (const auto& [none, part] : list.members) parts.push_back(part["String"]["sval"].text);
  return parts;
}

Effects effects_of_function(const std::vector<std::string>& name) {
  const bool catalog = name.size() == 1 || (name.size() == 2 && name[0] == "pg_catalog");
  if (!catalog) return effect::kUnknownCode;
  switch (sql::function_class(name.back(), true)) {
    case FunctionClass::kUnknown:
    case FunctionClass::kOpaque:
      return effect::kUnknownCode;
    case FunctionClass::kSequence:
      return effect::kSequence;
    case FunctionClass::kSequenceRead:
      return effect::kSequenceRead;
    case FunctionClass::kLock:
    case FunctionClass::kUnlock:
      return effect::kAdvisoryLock;
    case FunctionClass::kNotify:
      return effect::kNotify;
    case FunctionClass::kIrreversible:
      return effect::kIrreversible;
    default:
      return effect::kNone;
  }
}

// set_config changes what it names, or anything.
void see_set_config(const Json& call, Parsed& parsed) {
  const auto name = parts_of(call["funcname"]);
  const bool catalog = name.size() == 1 || (name.size() == 2 && name[0] == "pg_catalog");
  if (!catalog || name.back() != "set_config") return;
  parsed.sets_config = true;
  const auto& arguments = call["args"].members;
  if (arguments.empty()) return;
  const Json& constant = arguments[0].value["A_Const"]["sval"]["sval"];
  if (!constant.text.empty()) parsed.settings.push_back(lower(constant.text));
}

Effects effects_of_node(const std::string& kind, const Json& node) {
  if (kind == "FuncCall" && node["funcformat"].text != "COERCE_SQL_SYNTAX")
    return effects_of_function(parts_of(node["funcname"]));
  if (kind == "A_Expr") {
    const auto name = parts_of(node["name"]);
    return name.size() > 1 && name[0] != "pg_catalog" ? effect::kUnknownCode : effect::kNone;
  }
  if (kind == "InsertStmt" || kind == "MergeStmt") return effect::kInsert;
  if (kind == "CopyStmt" && node["is_from"].text == "true") return effect::kInsert;
  if (kind == "ExecuteStmt" || kind == "PrepareStmt") return effect::kPrepared;
  const bool temporary =
      node["relpersistence"].text == "t" || node["schemaname"].text.starts_with("pg_temp");
  return temporary ? effect::kTemporary : effect::kNone;
}

Effects effects_of_setting(const Json& node, Parsed& parsed) {
  const std::string kind = node["kind"].text;
  const std::string name = lower(node["name"].text);
  if (kind == "VAR_RESET_ALL") return effect::kAnySetting;
  if (node["is_local"].text == "true") return effect::kNone;
  if (kind == "VAR_SET_MULTI") {
    if (name != "session characteristics") return effect::kNone;
    parsed.settings.emplace_back("default_transaction_isolation");
  } else {
    parsed.settings.push_back(name);
  }
  return effect::kSetting;
}

Effects effects_of_discard(const std::string& target) {
  if (target == "DISCARD_TEMP") return effect::kTemporary;
  if (target == "DISCARD_SEQUENCES" || target == "DISCARD_PLANS") return effect::kNone;
  return effect::kAnySetting | effect::kTemporary | effect::kAdvisoryLock | effect::kHeldCursor |
         effect::kListen | effect::kPrepared;
}

// Of what only a whole statement can be.
Effects effects_of_statement(const std::string& kind, const Json& node, Parsed& parsed) {
  static const std::map<std::string, Effects> kPlain = {
      {"ClosePortalStmt", effect::kHeldCursor}, {"ListenStmt", effect::kListen},
      {"UnlistenStmt", effect::kListen},        {"NotifyStmt", effect::kNotify},
      {"DeallocateStmt", effect::kPrepared},    {"DoStmt", effect::kUnknownCode},
      {"CallStmt", effect::kUnknownCode},       {"LoadStmt", effect::kIrreversible},
      {"DropStmt", effect::kTemporary}};
  if (kind == "VariableSetStmt") return effects_of_setting(node, parsed);
  if (kind == "DiscardStmt") return effects_of_discard(node["target"].text);
  if (kind == "DeclareCursorStmt" && (std::stoi("0" + node["options"].text) & kHoldOption) != 0)
    return effect::kHeldCursor;
  const auto found = kPlain.find(kind);
  return found == kPlain.end() ? effect::kNone : found->second;
}

void walk(const Json& json, Parsed& parsed) {
  for (const auto& [kind, node] : json.members) {
    parsed.effects |= effects_of_node(kind, node);
    if (kind == "FuncCall") see_set_config(node, parsed);
    if ((kind == "ExecuteStmt" || kind == "PrepareStmt" || kind == "DeallocateStmt") &&
        !node["name"].text.empty())
      parsed.prepared.push_back(node["name"].text);
    walk(node, parsed);
  }
}

bool ends_or_begins(const Json& statement) {
  const std::string kind = statement["TransactionStmt"]["kind"].text;
  return !kind.empty() && kind != "TRANS_STMT_SAVEPOINT" && kind != "TRANS_STMT_RELEASE" &&
         kind != "TRANS_STMT_ROLLBACK_TO";
}

Command command_of_transaction(const std::string& kind) {
  static const std::map<std::string, Command> kCommands = {
      {"TRANS_STMT_BEGIN", Command::kBegin},
      {"TRANS_STMT_START", Command::kBegin},
      {"TRANS_STMT_COMMIT", Command::kCommit},
      {"TRANS_STMT_ROLLBACK", Command::kRollback},
      {"TRANS_STMT_SAVEPOINT", Command::kSavepoint},
      {"TRANS_STMT_RELEASE", Command::kRelease},
      {"TRANS_STMT_ROLLBACK_TO", Command::kRollbackTo},
      {"TRANS_STMT_PREPARE", Command::kPrepareTransaction},
      {"TRANS_STMT_COMMIT_PREPARED", Command::kCommitPrepared},
      {"TRANS_STMT_ROLLBACK_PREPARED", Command::kCommitPrepared}};
  return kCommands.at(kind);
}

// Whether the first statement is what we say.
bool same_command(Command command, const std::string& kind, const Json& node) {
  static const std::map<std::string, Command> kCommands = {
      {"SelectStmt", Command::kSelect},
      {"InsertStmt", Command::kInsert},
      {"UpdateStmt", Command::kUpdate},
      {"DeleteStmt", Command::kDelete},
      {"MergeStmt", Command::kMerge},
      {"VariableShowStmt", Command::kShow},
      {"ListenStmt", Command::kListen},
      {"UnlistenStmt", Command::kListen},
      {"NotifyStmt", Command::kNotify},
      {"PrepareStmt", Command::kPrepare},
      {"ExecuteStmt", Command::kExecute},
      {"DeallocateStmt", Command::kDeallocate},
      {"DiscardStmt", Command::kDiscard},
      {"DeclareCursorStmt", Command::kDeclare},
      {"FetchStmt", Command::kFetch},
      {"ClosePortalStmt", Command::kClose},
      {"CopyStmt", Command::kCopy},
      {"ExplainStmt", Command::kExplain},
      {"DropStmt", Command::kDrop},
      {"DoStmt", Command::kDo},
      {"CallStmt", Command::kCall},
      {"LoadStmt", Command::kLoad},
      {"CreateStmt", Command::kCreate},
      {"ViewStmt", Command::kCreate},
      {"CreateTableAsStmt", Command::kCreate},
      {"IndexStmt", Command::kCreate},
      {"AlterTableStmt", Command::kAlter},
      {"ConstraintsSetStmt", Command::kSetTransaction}};
  if (kind == "TransactionStmt") return command == command_of_transaction(node["kind"].text);
  if (kind == "VariableSetStmt") {
    const bool transaction =
        node["name"].text.starts_with("TRANSACTION") && node["kind"].text == "VAR_SET_MULTI";
    return command == (transaction ? Command::kSetTransaction : Command::kSet);
  }
  const auto found = kCommands.find(kind);
  if (found == kCommands.end() || command == found->second) return true;
  return command == Command::kSelect && node.has("withClause");  // WITH … INSERT
}

void compare_modes(const sql::TransactionModes& modes, const Json& options) {
  std::string read_only;
  std::string isolation;
  for (const auto& [none, option] : options.members) {
    const Json& constant = option["DefElem"]["arg"]["A_Const"];
    const std::string name = option["DefElem"]["defname"].text;
    if (name == "transaction_read_only") read_only = "is " + constant["ival"]["ival"].text;
    if (name == "transaction_isolation") isolation = constant["sval"]["sval"].text;
  }
  CHECK(modes.modes == !options.members.empty());
  CHECK(modes.read_only == (read_only == "is 1"));
  CHECK(modes.read_write == (!read_only.empty() && read_only != "is 1"));
  CHECK(modes.isolation == !isolation.empty());
  CHECK(modes.serializable == (isolation == "serializable"));
}

void compare_set_transaction(const std::string& text, const Parsed& parsed) {
  const auto modes = sql::plain_set_transaction(text, {});
  const Json& node = parsed.first["VariableSetStmt"];
  const bool sets = node["kind"].text == "VAR_SET_MULTI" && node["name"].text == "TRANSACTION";
  if (modes) CHECK((sets && parsed.nodes.size() == 1));
  if (modes) compare_modes(*modes, node["args"]);
}

void compare_begin(const std::string& text, const Parsed& parsed) {
  const Json& node = parsed.first["TransactionStmt"];
  const bool begins =
      node["kind"].text == "TRANS_STMT_BEGIN" || node["kind"].text == "TRANS_STMT_START";
  const auto begin = sql::plain_begin(text, {});
  CHECK(begin.has_value() == (begins && parsed.nodes.size() == 1));
  if (!begin) return;
  compare_modes(*begin, node["options"]);
  CHECK(begin->start == (node["kind"].text == "TRANS_STMT_START"));
}

void compare_end(const std::string& text, const Parsed& parsed) {
  const Json& node = parsed.first["TransactionStmt"];
  const bool commits = node["kind"].text == "TRANS_STMT_COMMIT";
  const bool ends = commits || node["kind"].text == "TRANS_STMT_ROLLBACK";
  const auto end = sql::plain_end(text, {});
  CHECK(end.has_value() == (ends && parsed.nodes.size() == 1));
  CHECK(sql::leading_end(text, {}).has_value() == ends);
  if (!end) return;
  CHECK(end->commit == commits);
  CHECK(end->chain == (node["chain"].text == "true"));
}

void compare_setting(const std::string& text, const Parsed& parsed) {
  const auto setting = sql::plain_setting(text, {});
  if (!setting) return;
  const Json& node = parsed.first["VariableSetStmt"];
  REQUIRE(parsed.nodes == std::vector<std::string>{"VariableSetStmt"});
  CHECK(setting->name == lower(node["name"].text));
  CHECK(node["is_local"].text != "true");
  CHECK(setting->value.has_value() == (node["kind"].text == "VAR_SET_VALUE"));
  if (!setting->value) return;
  REQUIRE(node["args"].members.size() == 1);
  const Json& constant = node["args"].members[0].value["A_Const"];
  if (constant.has("sval")) CHECK(*setting->value == constant["sval"]["sval"].text);
  if (constant.has("fval")) CHECK(*setting->value == constant["fval"]["fval"].text);
  if (constant.has("ival")) {
    const std::string number = constant["ival"]["ival"].text;
    CHECK(*setting->value == (number.empty() ? "0" : number));
  }
}

void compare_prepared(const std::string& text, const Parsed& parsed) {
  const auto command = sql::prepared_command(text, {});
  static const std::vector<std::string> kKinds = {"PrepareStmt", "ExecuteStmt", "DeallocateStmt"};
  const bool one = parsed.nodes.size() == 1;
  const bool direct = one && std::ranges::find(kKinds, parsed.nodes[0]) != kKinds.end();
  if (direct) CHECK(command);
  if (!command) return;
  CHECK(one);
  const std::vector<std::string> names =
      command->name.empty() ? std::vector<std::string>{} : std::vector{command->name};
  CHECK(parsed.prepared == names);
  if (command->verb == sql::PreparedCommand::Verb::kPrepare) {
    const auto inner = parse(std::string(command->query));
    REQUIRE(inner);
    CHECK(inner->nodes.size() == 1);
  }
}

// Never a read where the tree has something against it; the other way round is only counted.
void compare_access(const sql::Statement& ours, const Parsed& parsed, Counts* counts) {
  const bool reads = ours.access == sql::Access::kRead;
  CHECK(reads == (ours.reason == sql::AccessReason::kNone));
  if (reads) CHECK(parsed.no_read == "");
  if (counts == nullptr) return;
  ++counts->accepted;
  if (!parsed.no_read.empty()) return;
  ++counts->reads;
  if (!reads) ++counts->refused;
}

}  // namespace

std::optional<Parsed> parse(const std::string& text) {
  const PgQueryParseResult result = pg_query_parse(text.c_str());
  std::optional<Parsed> parsed;
  if (result.error == nullptr) {
    parsed.emplace();
    const Json tree = Json::parse(result.parse_tree);
    bool transaction = false;
    for (const auto& [none, statement] : tree["stmts"].members) {
      const Json& node = statement["stmt"];
      if (parsed->nodes.empty()) parsed->first = node;
      parsed->nodes.push_back(node.members.at(0).name);
      parsed->effects |= effects_of_statement(parsed->nodes.back(), node.members[0].value, *parsed);
      if (parsed->no_read.empty())
        parsed->no_read = speaks_against_read(parsed->nodes.back(), node.members[0].value);
      transaction = transaction || ends_or_begins(node);
      walk(node, *parsed);
    }
    if (transaction && parsed->nodes.size() > 1) parsed->effects |= effect::kTransaction;
  }
  pg_query_free_parse_result(result);
  return parsed;
}

bool compare(const std::string& text, Counts* counts) {
  const auto parsed = parse(text);
  if (!parsed) return false;
  CAPTURE(text);
  const sql::Statement ours = sql::read_statement(text, {});
  compare_access(ours, *parsed, counts);
  CHECK((parsed->effects & ~ours.effects) == 0);
  if (parsed->sets_config) CHECK((ours.effects & (effect::kSetting | effect::kAnySetting)) != 0);
  if (ours.effects != effect::kAll) CHECK(ours.single == (parsed->nodes.size() <= 1));
  if (ours.single) CHECK(parsed->nodes.size() <= 1);
  if (parsed->nodes.empty()) {
    CHECK(ours.command == Command::kEmpty);
    return true;
  }
  CHECK(same_command(ours.command, parsed->nodes[0], parsed->first.members[0].value));
  const auto touched = sql::touched_settings(text, {});
  for (const std::string& name : parsed->settings)
    CHECK((std::ranges::find(touched, name, &sql::TouchedSetting::name) != touched.end() ||
           (ours.effects & effect::kAnySetting) != 0));
  const auto prepared = sql::prepared_names(text, {});
  for (const std::string& name : parsed->prepared)
    CHECK((std::ranges::find(prepared, name) != prepared.end() || ours.effects == effect::kAll));
  compare_begin(text, *parsed);
  compare_set_transaction(text, *parsed);
  compare_end(text, *parsed);
  compare_setting(text, *parsed);
  if (ours.effects != effect::kAll) compare_prepared(text, *parsed);
  return true;
}

}  // namespace pgsaba::oracle
