#include "sim/workload.h"

#include "pgsaba/wire/frontend.h"
#include "pgsaba/wire/message_writer.h"
#include "sim/tag.h"

namespace pgsaba::sim {

using wire::MessageWriter;

namespace {

void append_bind(std::string& out, const std::string& portal, const std::string& statement,
                 const std::string& parameter) {
  MessageWriter(out)
      .begin('B')
      .string(portal)
      .string(statement)
      .int16(0)
      .int16(1)
      .int32(static_cast<std::uint32_t>(parameter.size()))
      .raw(parameter)
      .int16(0)
      .end();
}
void append_execute(std::string& out, const std::string& portal, std::uint32_t rows) {
  MessageWriter(out).begin('E').string(portal).int32(rows).end();
}
void append_object(std::string& out, char tag, char kind, const std::string& name) {
  MessageWriter(out).begin(tag).byte(kind).string(name).end();
}
void append_parse(std::string& out, const std::string& name, const std::string& sql) {
  wire::append_parse(out, name, sql + std::string(3, '\0'));
}
void append_empty(std::string& out, char tag) { MessageWriter(out).begin(tag).end(); }

}  // namespace

std::string Workload::make() { return make_tag(client_, next_tag_++); }

std::string Workload::statement(char status) {
  if (random_.chance(habits_.failure_percent))
    return random_.chance(50) ? "SELECT FAIL" : "SELECT SYNTAX";
  if (status == 'E' && random_.chance(60)) return "ROLLBACK";
  if (status == 'T' && random_.chance(35)) return random_.chance(70) ? "COMMIT" : "ROLLBACK";
  if (status == 'I' && random_.chance(habits_.transaction_percent)) return "BEGIN";
  if (random_.chance(habits_.big_percent))
    return "SELECT " + std::to_string(random_.between(1, 6)) + " " +
           std::to_string(random_.between(20'000, 70'000));
  switch (random_.below(7)) {
    case 0:
      return "UPDATE " + std::to_string(random_.below(9));
    case 1:
      return "SELECT SLEEP " + std::to_string(random_.below(habits_.sleep_us + 1));
    case 2:
      return "DROP NOTICE";
    case 3:
      return "COPY COPYOUT " + std::to_string(random_.below(5)) + " 50";
    case 4:
      return random_.chance(50) ? "SHOW search_path" : "SHOW work_mem";
    default:
      return "SELECT " + std::to_string(random_.below(8)) + " " +
             std::to_string(random_.below(300));
  }
}

// What a SET leaves behind is read from its text, or reported by the server, or asked for.
std::string Workload::setting() {
  const std::string mine = "c" + std::to_string(client_) + "x" + std::to_string(next_tag_);
  switch (random_.below(7)) {
    case 0:
    case 1:
      return "SET application_name TO '" + mine + "'";
    case 2:
    case 3:
      return "SET search_path TO " + mine;
    case 4:
      return "SET work_mem TO '" + mine + "'";
    case 5:
      return random_.chance(50) ? "RESET search_path" : "RESET work_mem";
    default:
      return random_.chance(50) ? "SET TimeZone TO 'Asia/Tokyo'" : "SET TimeZone TO 'UTC'";
  }
}

// What keeps a server, uses what is there, or ends it. Nobody else has these locks.
std::string Workload::pinning(bool simple) {
  const std::string table = "t" + std::to_string(random_.below(2));
  switch (random_.below(simple ? 7 : 4)) {
    case 0:
      return "CREATE TEMP TABLE " + table;
    case 1:
    case 2:
    case 3:
      return "DROP TABLE " + table;
    case 4:
      return "TABLE " + table;
    case 5:
      return "SELECT pg_advisory_lock(" + std::to_string(client_) + ")";
    default:
      return "SELECT pg_advisory_unlock(" + std::to_string(client_) + ")";
  }
}

std::string Workload::notifying() {
  return "NOTIFY ch" + std::to_string(random_.below(3)) + ", '" + make() + "'";
}

std::string Workload::preparing() {
  const std::string name = "q" + std::to_string(random_.below(4));
  switch (random_.below(5)) {
    case 0:
    case 1:
      return "PREPARE " + name + " AS SELECT " + std::to_string(random_.below(4)) + " 30";
    case 2:
    case 3:
      return "EXECUTE " + name;
    default:
      return "DEALLOCATE " + name;
  }
}

Batch Workload::listening() {
  Batch batch;
  batch.exclusive = true;
  batch.listens = "ch" + std::to_string(random_.below(3));
  const std::string sql = (random_.chance(60) ? "LISTEN " : "UNLISTEN ") + batch.listens;
  wire::append_query(batch.bytes, sql + " -- " + make());
  return batch;
}

Batch Workload::next(char status, bool alone) {
  if (habits_.plain) {
    Batch batch;
    wire::append_query(batch.bytes,
                       "SELECT SLEEP " + std::to_string(habits_.sleep_us) + " -- " + make());
    return batch;
  }
  if (alone && random_.chance(habits_.copy_percent)) return copy_in();
  if (alone && status == 'I' && random_.chance(habits_.listen_percent)) return listening();
  return random_.chance(habits_.extended_percent) ? extended(status) : simple(status, alone);
}

Batch Workload::simple(char status, bool alone) {
  Batch batch;
  std::string sql;
  if (random_.chance(habits_.settings_percent)) {
    sql = setting();
    if (random_.chance(25)) sql += "; " + (random_.chance(40) ? setting() : statement(status));
  } else if (alone && random_.chance(habits_.discard_percent)) {
    sql = "DEALLOCATE ALL";  // what is sent behind it may yet find statements that it ends
    batch.exclusive = true;
  } else if (random_.chance(3)) {
    sql = "";
  } else if (random_.chance(habits_.pin_percent)) {
    sql = pinning(true);
    if (random_.chance(25)) sql += "; " + statement(status);
  } else if (random_.chance(habits_.prepare_percent)) {
    sql = preparing();
    if (random_.chance(25)) sql += "; " + (random_.chance(50) ? preparing() : statement(status));
  } else if (random_.chance(habits_.listen_percent)) {
    sql = notifying();
    if (random_.chance(25)) sql += "; " + notifying();
  } else {
    sql = statement(status);
    for (int more = random_.chance(25) ? random_.between(1, 3) : 0; more > 0; --more)
      sql += "; " + statement(status);
  }
  wire::append_query(batch.bytes, sql + " -- " + make());
  return batch;
}

// Parse, Bind, Describe, Execute of one statement, in one of the ways drivers do it.
void Workload::add_unit(Batch& batch, char status, int index) {
  std::string& out = batch.bytes;
  const bool named = random_.chance(60);
  const std::string name = named ? "s" + std::to_string(random_.below(4)) : "";
  const std::string portal = random_.chance(20) ? "p" + std::to_string(index) : "";
  std::string sql = random_.chance(habits_.pin_percent)      ? pinning(false)
                    : random_.chance(habits_.listen_percent) ? notifying()
                                                             : statement(status);
  // Some texts are the same in all clients; theirs is then seen in the parameter only.
  if (named && random_.chance(40)) {
    sql = "SELECT " + std::to_string(random_.below(4)) + " 30 -- shared";
  } else {
    sql += " -- " + make();
  }
  if (random_.chance(habits_.big_percent)) sql += std::string(40'000, 'x');
  const bool misuse = random_.chance(habits_.misuse_percent);
  if (named && !misuse && random_.chance(70)) append_object(out, 'C', 'S', name);
  if (!named || !misuse) append_parse(out, name, sql);
  if (random_.chance(20)) append_object(out, 'D', 'S', name);
  std::string parameter = make();
  if (random_.chance(habits_.big_percent)) parameter += std::string(50'000, 'y');
  append_bind(out, portal, name, parameter);
  if (random_.chance(30)) append_object(out, 'D', 'P', portal);
  const bool in_pieces = random_.chance(15);
  append_execute(out, portal, in_pieces ? 2 : 0);
  if (in_pieces) append_execute(out, portal, 0);
  if (random_.chance(15)) append_object(out, 'C', 'P', portal);
  if (named && random_.chance(15)) append_object(out, 'C', 'S', name);
  if (random_.chance(10)) append_empty(out, 'H');
}

Batch Workload::extended(char status) {
  Batch batch;
  batch.owed_ready = 1;
  // The unnamed statement of an earlier batch, if it was left there.
  if (!copy_left_ && random_.chance(15)) {
    append_bind(batch.bytes, "", "", make());
    append_execute(batch.bytes, "", 0);
  }
  for (int unit = random_.between(1, 4); unit > 0; --unit) add_unit(batch, status, unit);
  // A statement of an earlier batch, if it was left there.
  if (random_.chance(40)) {
    const bool by_sql = random_.chance(habits_.prepare_percent);
    append_bind(batch.bytes, "", (by_sql ? "q" : "s") + std::to_string(random_.below(4)), make());
    append_execute(batch.bytes, "", 0);
  }
  append_empty(batch.bytes, 'S');
  while (random_.chance(8)) {
    append_empty(batch.bytes, 'S');
    ++batch.owed_ready;
  }
  return batch;
}

Batch Workload::copy_in() {
  Batch batch;
  const int lines = random_.below(6);
  const int bad = random_.chance(25) ? random_.between(1, 6) : 0;
  std::string sql = random_.chance(15) ? "SELECT FAIL" : "COPY COPYIN " + std::to_string(bad);
  sql += " -- " + make();
  const bool extended = random_.chance(50);
  batch.copy = random_.chance(60) ? CopyStyle::kAsk : CopyStyle::kBlind;
  copy_left_ = copy_left_ || extended;
  if (extended) {
    append_parse(batch.bytes, "", sql);
    append_bind(batch.bytes, "", "", make());
    append_execute(batch.bytes, "", 0);
    batch.synced_early = batch.copy == CopyStyle::kAsk && random_.chance(50);
    append_empty(batch.bytes, batch.synced_early ? 'S' : 'H');
    if (!batch.synced_early) append_empty(batch.copy_ready, 'S');
  } else {
    wire::append_query(batch.bytes, sql);
  }
  std::string& data = batch.copy == CopyStyle::kAsk ? batch.copy_data : batch.bytes;
  for (int i = 0; i < lines; ++i)
    MessageWriter(data).begin('d').raw(make() + std::string(random_.below(60UL), 'z')).end();
  if (random_.chance(80)) {
    append_empty(data, 'c');
  } else {
    MessageWriter(data).begin('f').string("no more " + make()).end();
  }
  if (extended) append_empty(data, 'S');
  return batch;
}

}  // namespace pgsaba::sim
