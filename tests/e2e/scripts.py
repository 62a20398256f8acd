"""Conversations to compare: each a list of bytes to send and of answers to await.

The tables notes (a int, b text), strict (a int primary key check (a > 0)) and later (a int unique,
deferred) exist and are empty.
"""

from harness import messages as m
from harness.differential import READY, Await, ready

INT4 = 23
TEXT = 25


def q(sql):
    """A simple query and its whole answer."""
    return [m.query(sql), READY]


def prepared(sql, *values, name="", portal=""):
    """One statement by the extended protocol, without Sync."""
    return (m.parse(name, sql) + m.bind(portal, name, values) + m.describe_portal(portal)
            + m.execute(portal))


def copy_in(*data, table="notes"):
    return [m.query(f"copy {table} from stdin"), Await(b"G"), *map(m.copy_data, data)]


RAISE = "do $$ begin raise {} '{}' using hint = 'a hint', detail = 'a detail'; end $$"

SIMPLE = {
    "select": q("select 1, 'two', 3.5, true"),
    "null_and_empty": q("select null, '', ' '"),
    "no_columns": q("select from generate_series(1, 3)"),
    "no_rows": q("select 1 where false"),
    "empty_query": q(""),
    "only_a_comment": q("-- nothing") + q("/* nothing */ ;;"),
    "several_statements": q("select 1; select 'b'; insert into notes values (9, 'x'); select 3"),
    "error_in_several_statements": q("select 1; select 1/0; select 2"),
    "syntax_error": q("selekt 1"),
    "error_with_all_fields": q("insert into strict values (null)")
    + q("insert into strict values (1), (1)"),
    "queries_without_waiting": [m.query("select 1") + m.query("select 2") + m.query("select 1/0")
                                + m.query("select 3"), ready(4)],
    "notice": q(RAISE.format("notice", "look")) + q("drop table if exists absent"),
    "every_level": q(RAISE.format("warning", "w")) + q(RAISE.format("info", "i"))
    + q(RAISE.format("exception", "e")),
    "many_rows": q("select n, repeat('x', n % 50) from generate_series(1, 5000) n"),
    "big_row": q("select repeat('saba', 400000), 'end'"),
    "big_query": q("select length('" + "y" * 300_000 + "')"),
    "many_columns": q("select " + ", ".join(f"{n} as c{n}" for n in range(1200))),
    "unicode": q("select '鯖', E'\\u00e9', U&'\\+01F41F'"),
    "multiline": q("select 1,\n  2 -- two\n"),
    "utility": q("explain (costs off) select 1") + q("show server_version_num"),
}

TRANSACTIONS = {
    "commit": q("begin") + q("insert into notes values (1, 'a')") + q("commit")
    + q("select * from notes order by 1"),
    "rollback": q("begin") + q("insert into notes values (1, 'a')") + q("rollback")
    + q("select count(*) from notes"),
    "in_one_message": q("begin; insert into notes values (1, 'a'); commit; select count(*) from notes"),
    "implicit_block_fails": q("insert into notes values (1, 'a'); select 1/0")
    + q("select count(*) from notes"),
    "failed_block": q("begin") + q("select 1/0") + q("select 1") + q("commit") + q("select 2"),
    "savepoints": q("begin") + q("savepoint a") + q("select 1/0") + q("rollback to a")
    + q("insert into notes values (1, 'a')") + q("release a") + q("commit")
    + q("select count(*) from notes"),
    "chain": q("begin") + q("commit and chain") + q("select 1") + q("rollback and chain") + q("rollback"),
    "warnings": q("commit") + q("rollback") + q("begin") + q("begin") + q("end"),
    "savepoint_outside": q("savepoint a") + q("release a"),
    "read_only": q("begin read only") + q("insert into notes values (1, 'a')") + q("rollback"),
    "isolation": q("begin isolation level serializable")
    + q("show transaction_isolation") + q("commit"),
    "cursor": q("begin") + q("declare c cursor for select generate_series(1, 5)") + q("fetch 2 from c")
    + q("move 1 in c") + q("fetch all from c") + q("close c") + q("fetch c") + q("rollback"),
    "open_at_the_end": q("begin") + q("insert into notes values (1, 'a')"),
    "deferred_constraint": q("begin") + q("insert into later values (1), (1)") + q("commit")
    + q("select count(*) from later"),
    "extended_block": [prepared("begin") + m.sync(), READY, prepared("select 1") + m.sync(), READY,
                       prepared("select 1/0") + m.sync(), READY, prepared("select 2") + m.sync(),
                       READY, prepared("rollback") + m.sync(), READY],
}

# Nothing has made a portal since.
NO_PORTAL = {"execute": m.execute(), "describe": m.describe_portal(), "close": m.close_portal(),
             "bind": m.bind("", "absent"), "bind_unnamed": m.bind(), "execute_named": m.execute("absent"),
             "parse_and_execute": m.parse("", "select 1") + m.execute(),
             "flush_and_execute": m.parse("", "select 1") + m.flush() + m.execute(),
             "failed_bind_and_execute": m.bind("", "absent") + m.sync() + m.execute(),
             "describe_statement": m.describe_statement() + m.sync() + m.describe_portal()}

AFTER_BEGIN = {
    name: [*q("begin"), sent + m.sync(), ready(sent.count(m.sync()) + 1), *q("select 1"), *q("rollback")]
    for name, sent in NO_PORTAL.items()
} | {
    f"{name}_later": [*q("begin"), *q("select 1"), sent + m.sync(), ready(sent.count(m.sync()) + 1),
                      *q("rollback")]
    for name, sent in NO_PORTAL.items()
}

PARAMETERS = {
    "change_reported": q("set application_name = 'first'") + q("set timezone = 'Asia/Tokyo'")
    + q("set datestyle = 'German'"),
    "change_and_use": q("set timezone = 'Asia/Tokyo'; show timezone"),
    "undone": q("begin") + q("set timezone = 'Asia/Tokyo'") + q("rollback"),
    "local": q("begin") + q("set local timezone = 'Asia/Tokyo'") + q("show timezone") + q("commit"),
    "bad_value": q("set timezone = 'Saba/Nowhere'") + q("set no_such_setting = 1"),
    "set_config": q("select set_config('application_name', 'by function', false)"),
}

EXTENDED = {
    "one_statement": [prepared("select 1") + m.sync(), READY],
    "values": [prepared("select $1::int + 1, $2::text", 41, "x") + m.sync(), READY],
    "nulls": [prepared("select $1::int, $2::text", None, "") + m.sync(), READY],
    "typed_and_binary": [m.parse("", "select $1, $2", [INT4, TEXT])
                         + m.bind(values=[b"\0\0\0\x2a", b"x"], formats=[1, 0], results=[1, 0])
                         + m.describe_portal() + m.execute() + m.sync(), READY],
    "describe_statement": [m.parse("s", "select $1::int, 'b' as b") + m.describe_statement("s")
                           + m.sync(), READY],
    "describe_without_rows": [m.parse("", "insert into notes values (1, 'a')")
                              + m.describe_statement() + m.bind() + m.describe_portal()
                              + m.execute() + m.sync(), READY],
    "empty_query": [prepared("") + m.sync(), READY],
    "named_statement_used_again": [m.parse("s", "select $1::int * 2") + m.sync(), READY]
    + [step for n in range(4) for step in (m.bind("", "s", [n]) + m.execute() + m.sync(), READY)],
    "unnamed_statement_used_again": [m.parse("", "select $1::int * 2") + m.sync(), READY,
                                     m.bind("", "", [4]) + m.execute() + m.sync(), READY],
    "unnamed_statement_replaced": [prepared("select 1") + prepared("select 'two'") + m.sync(), READY,
                                   m.bind() + m.execute() + m.sync(), READY],
    "unnamed_after_simple_query": [m.parse("", "select 7") + m.sync(), READY, *q("select 8"),
                                   m.bind() + m.execute() + m.sync(), READY],
    "named_after_simple_query": [m.parse("s", "select 7") + m.sync(), READY, *q("select 8"),
                                 m.bind("", "s") + m.execute() + m.sync(), READY],
    "several_executes": [prepared("select 1") + prepared("insert into notes values (1, 'a')")
                         + prepared("select * from notes") + m.sync(), READY],
    "named_portals": [m.parse("s", "select $1::text") + m.bind("p1", "s", ["one"])
                      + m.bind("p2", "s", ["two"]) + m.execute("p2") + m.execute("p1") + m.sync(),
                      READY],
    "duplicate_portal": [m.parse("s", "select 1") + m.bind("p", "s") + m.bind("p", "s") + m.sync(),
                         READY],
    "portal_ends_with_transaction": [m.parse("s", "select 1") + m.bind("p", "s") + m.sync(), READY,
                                     m.execute("p") + m.sync(), READY],
    "portal_lives_in_transaction": q("begin") + [
        m.parse("s", "select generate_series(1, 5)") + m.bind("p", "s") + m.execute("p", 2) + m.sync(),
        READY, m.execute("p", 2) + m.sync(), READY, m.execute("p", 2) + m.sync(), READY,
        m.execute("p", 2) + m.sync(), READY] + q("commit"),
    "suspended": [m.parse("", "select generate_series(1, 5)") + m.bind() + m.execute(max_rows=2)
                  + m.flush(), Await(b"s"), m.execute(max_rows=2) + m.flush(), Await(b"s"),
                  m.execute() + m.sync(), READY],
    "suspended_exactly": [m.parse("", "select generate_series(1, 2)") + m.bind()
                          + m.execute(max_rows=2) + m.execute(max_rows=2) + m.sync(), READY],
    "flush": [m.parse("", "select 1") + m.flush(), Await(b"1"), m.bind() + m.flush(), Await(b"2"),
              m.describe_portal() + m.flush(), Await(b"T"), m.execute() + m.flush(), Await(b"C"),
              m.sync(), READY],
    "flush_of_an_error": [m.parse("", "selekt") + m.flush(), Await(b"E"),
                          m.bind() + m.execute() + m.flush() + m.sync(), READY],
    "sync_alone": [m.sync(), READY, m.sync() + m.sync() + m.sync(), ready(3)],
    "flush_alone": [m.flush(), m.flush() + m.sync(), READY],
    "simple_query_after_parse": [m.parse("", "select 1") + m.query("select 2"), READY],
    "notices": [prepared(RAISE.format("notice", "look")) + m.sync(), READY],
    "several_in_parse": [m.parse("", "select 1; select 2") + m.sync(), READY],
    "many_statements": [b"".join(m.parse(f"s{n}", f"select {n}") for n in range(300)) + m.sync(), READY,
                        b"".join(m.bind("", f"s{n}") + m.execute() for n in range(300)) + m.sync(),
                        READY],
    "big_values": [prepared("select length($1), $1", "z" * 500_000) + m.sync(), READY],
}

PIPELINES = {
    "three_syncs": [(prepared("select 1") + m.sync()) * 3, ready(3)],
    "error_in_the_middle": [prepared("select 1") + m.sync() + prepared("select 1/0")
                            + prepared("select 2") + m.sync() + prepared("select 3") + m.sync(),
                            ready(3)],
    "errors_everywhere": [(prepared("select 1") + prepared("select 1/0") + prepared("select 2")
                           + m.sync()) * 5, ready(5)],
    "error_undoes_the_implicit_block": [
        prepared("insert into notes values (1, 'a')") + prepared("select 1/0") + m.sync()
        + prepared("select count(*) from notes") + m.sync(), ready(2)],
    "block_across_syncs": [
        prepared("begin") + m.sync() + prepared("insert into notes values (1, 'a')") + m.sync()
        + prepared("select 1/0") + m.sync() + prepared("select 1") + m.sync()
        + prepared("rollback") + m.sync() + prepared("select count(*) from notes") + m.sync(),
        ready(6)],
    "names_skipped_by_an_error": [
        m.parse("", "selekt") + m.parse("s", "select 1") + m.sync()
        + m.bind("", "s") + m.execute() + m.sync()
        + m.parse("s", "select 2") + m.bind("", "s") + m.execute() + m.sync(), ready(3)],
    "close_skipped_by_an_error": [
        m.parse("s", "select 1") + m.sync() + m.parse("", "selekt") + m.close_statement("s") + m.sync()
        + m.bind("", "s") + m.execute() + m.sync(), ready(3)],
    "mixed_with_simple": [prepared("select 1") + m.sync() + m.query("select 2")
                          + prepared("select 3") + m.sync() + m.query("select 1/0"), ready(4)],
    "simple_query_is_skipped_too": [m.parse("", "selekt") + m.query("select 1") + m.sync(), READY],
    "long": [b"".join(prepared("select $1::int", n) + m.sync() for n in range(500)), ready(500)],
}

STATEMENT_NAMES = {
    "unknown_statement": [m.bind("", "absent") + m.execute() + m.sync(), READY],
    "unknown_unnamed": [m.bind() + m.execute() + m.sync(), READY],
    "describe_unknown_statement": [m.describe_statement("absent") + m.sync(), READY],
    "describe_unknown_portal": [m.describe_portal("absent") + m.sync(), READY],
    "execute_unknown_portal": [m.execute("absent") + m.sync(), READY],
    "duplicate": [m.parse("s", "select 1") + m.sync() + m.parse("s", "select 2") + m.sync()
                  + m.bind("", "s") + m.execute() + m.sync(), ready(3)],
    "close": [m.parse("s", "select 1") + m.close_statement("s") + m.parse("s", "select 2")
              + m.bind("", "s") + m.execute() + m.sync(), READY],
    "close_then_use": [m.parse("s", "select 1") + m.sync() + m.close_statement("s") + m.sync()
                       + m.bind("", "s") + m.execute() + m.sync(), ready(3)],
    "close_what_is_not_there": [m.close_statement("absent") + m.close_portal("absent")
                                + m.close_statement() + m.close_portal() + m.sync(), READY],
    "close_portal": q("begin") + [m.parse("s", "select 1") + m.bind("p", "s") + m.close_portal("p")
                                  + m.execute("p") + m.sync(), READY] + q("rollback"),
    "wrong_number_of_values": [m.parse("s", "select $1::int") + m.bind("", "s") + m.sync(), READY],
    "bad_value": [m.parse("s", "select $1::int") + m.bind("", "s", ["x"]) + m.execute() + m.sync(),
                  READY, m.bind("", "s", ["7"]) + m.execute() + m.sync(), READY],
    "parse_error_keeps_no_name": [m.parse("s", "select absent") + m.sync(), READY,
                                  m.bind("", "s") + m.execute() + m.sync(), READY],
    "long_names": [m.parse("n" * 200, "select 1") + m.bind("p" * 200, "n" * 200)
                   + m.execute("p" * 200) + m.sync(), READY],
    "a_name_of_ours": [m.parse("pgsaba_1", "select 1") + m.bind("", "pgsaba_1") + m.execute()
                       + m.sync(), READY],
    "duplicate_in_failed_block": q("begin") + [m.parse("s", "select 1") + m.sync(), READY]
    + q("select 1/0") + [m.parse("s", "select 2") + m.sync(), READY] + q("rollback")
    + [m.bind("", "s") + m.execute() + m.sync(), READY],
}

COPY = {
    "out": q("copy (select generate_series(1, 1000)) to stdout"),
    "out_binary": q("copy (select 1, 'x') to stdout (format binary)"),
    "out_fails": q("copy (select 1 / (3 - n) from generate_series(1, 5) n) to stdout"),
    "out_extended": [prepared("copy (select generate_series(1, 10)) to stdout") + m.sync(), READY],
    "in": copy_in("1\ta\n2\tb\n") + [m.copy_done(), READY] + q("select * from notes order by 1"),
    "in_at_once": [m.query("copy notes from stdin") + m.copy_data("1\ta\n") + m.copy_done(), READY],
    "in_cut_anywhere": copy_in("1\t", "a\n2", "\tb\n") + [m.copy_done(), READY]
    + q("select * from notes order by 1"),
    "in_nothing": copy_in() + [m.copy_done(), READY],
    "in_much": copy_in(*["".join(f"{n}\trow {n}\n" for n in range(5000))] * 10) + [m.copy_done(), READY]
    + q("select count(*), sum(a) from notes"),
    "in_then_query_at_once": copy_in("1\ta\n") + [m.copy_done() + m.query("select 5"), ready(2)],
    "in_cancelled": copy_in("1\ta\n") + [m.copy_fail("changed my mind"), READY]
    + q("select count(*) from notes"),
    "in_bad_data": copy_in("1\ta\nx\tb\n3\tc\n") + [m.copy_done(), READY]
    + q("select count(*) from notes"),
    "in_bad_data_goes_on": copy_in("x\tb\n" * 100) + [
        Await(b"E"), m.copy_data("3\tc\n") * 50 + m.copy_done(), READY],
    "late_copy_done": copy_in("x\tb\n" * 100) + [Await(b"Z"), m.copy_done() + m.query("select 1"), READY],
    "late_copy_fail": copy_in("x\tb\n" * 100) + [Await(b"Z"), m.copy_fail("late") + m.query("select 1"),
                                                READY],
    "late_copy_data": copy_in("x\tb\n" * 100) + [Await(b"Z"), m.copy_data("1\ta\n") + m.copy_done()
                                                + m.query("select 1"), READY],
    "late_sync": copy_in("x\tb\n" * 100) + [Await(b"Z"), m.copy_done() + m.sync(), READY],
    "flush_and_sync_inside": copy_in("1\ta\n") + [m.flush() + m.sync() + m.copy_data("2\tb\n")
                                                 + m.copy_done(), READY]
    + q("select count(*) from notes"),
    "extended_in": [prepared("copy notes from stdin") + m.flush(), Await(b"G"),
                    m.copy_data("1\ta\n") + m.copy_done() + m.sync(), READY],
    "extended_in_at_once": [prepared("copy notes from stdin") + m.copy_data("1\ta\n") + m.copy_done()
                            + m.sync(), READY],
    "extended_in_sync_ahead": [prepared("copy notes from stdin") + m.sync() + m.copy_data("1\ta\n")
                               + m.copy_done() + m.sync(), READY],
    "extended_in_fails": [prepared("copy notes from stdin") + m.flush(), Await(b"G"),
                          m.copy_data("x\tb\n") + m.copy_done() + m.sync(), READY],
    "extended_in_cancelled": [prepared("copy notes from stdin") + m.flush(), Await(b"G"),
                              m.copy_data("1\ta\n") + m.copy_fail("no") + m.sync(), READY],
    "extended_in_late_messages": [prepared("copy notes from stdin") + m.flush(), Await(b"G"),
                                  m.copy_data("x\tb\n"), m.copy_done() + m.sync(), READY,
                                  m.copy_done() + m.copy_fail("late"), m.sync(), READY],
    "extended_in_and_on": [prepared("copy notes from stdin") + m.flush(), Await(b"G"),
                           m.copy_data("1\ta\n") + m.copy_done()
                           + prepared("select count(*) from notes") + m.sync(), READY],
    "in_a_block": q("begin") + copy_in("x\tb\n") + [m.copy_done(), READY] + q("select 1") + q("rollback"),
    "in_among_statements": [m.query("select 1; copy notes from stdin; select count(*) from notes"),
                            Await(b"G"), m.copy_data("1\ta\n") + m.copy_done(), READY],
    "two_in_one_query": [m.query("copy notes from stdin; copy notes from stdin"), Await(b"G"),
                         m.copy_data("1\ta\n") + m.copy_done(), Await(b"G"),
                         m.copy_data("2\tb\n") + m.copy_done(), READY]
    + q("select count(*) from notes"),
    "out_and_in": [m.query("copy (select 1) to stdout; copy notes from stdin"), Await(b"G"),
                   m.copy_data("1\ta\n") + m.copy_done(), READY],
    "missing_table": [m.query("copy absent from stdin") + m.copy_data("1\n") + m.copy_done(), READY],
    "stray_copy_messages": [m.copy_done() + m.copy_data("x") + m.copy_fail("x") + m.query("select 1"),
                            READY],
}

FUNCTION_CALLS = {
    "call": [m.function_call(177, [b"40", b"2"]), READY],  # int4pl
    "null": [m.function_call(177, [b"40", None]), READY],
    "fails": [m.function_call(154, [b"1", b"0"]), READY],  # int4div
    "unknown": [m.function_call(3, []), READY],
    "in_a_block": q("begin") + [m.function_call(154, [b"1", b"0"]), READY,
                                m.function_call(177, [b"1", b"0"]), READY] + q("rollback"),
    "pipelined": [m.function_call(177, [b"1", b"2"]) * 3 + m.query("select 1"), ready(4)],
    "skipped": [m.parse("", "selekt") + m.function_call(177, [b"1", b"2"]) + m.sync(), READY],
}

# The conversation ends with these: the server says why and closes.
# Messages whose tag and length are right, and nothing else.
MALFORMED = {
    "query_of_nothing": [m.frame(b"Q"), READY] + q("select 1"),
    "query_without_an_end": [m.frame(b"Q", b"select 1"), READY] + q("select 2"),
    "describe_and_more": [m.parse("s", "select 1") + m.frame(b"D", b"Ss\0more") + m.sync(), READY] + q("select 3"),
    "close_and_more": [m.parse("s", "select 1") + m.frame(b"C", b"Ss\0more") + m.sync(), READY,
                       m.bind("", "s") + m.execute() + m.sync(), READY],
    "bind_and_more": [m.parse("", "select 1") + m.frame(b"B", b"\0\0" + bytes(6) + b"zz") + m.sync(), READY],
    "parse_of_nothing": [m.frame(b"P") + m.sync(), READY],
}

FATAL = {
    "terminate_in_a_block": q("begin") + [m.terminate()],
    "terminate_in_a_pipeline": [prepared("select 1") + m.sync() + m.terminate(), READY],
    "query_inside_copy": copy_in("1\ta\n") + [m.query("select 1")],
    "bind_inside_copy": copy_in("1\ta\n") + [m.bind()],
    "parse_inside_copy": copy_in("1\ta\n") + [m.parse("s", "select 1")],
    "execute_inside_copy": q("begin") + copy_in("1\ta\n") + [m.execute()],
}

GROUPS = {"simple": SIMPLE, "malformed": MALFORMED, "transaction": TRANSACTIONS, "after_begin": AFTER_BEGIN,
          "parameter": PARAMETERS,
          "extended": EXTENDED, "pipeline": PIPELINES, "names": STATEMENT_NAMES, "copy": COPY,
          "function": FUNCTION_CALLS}
