"""Names of prepared statements where SQL and protocol meet: what a client does with its names has the
answers of a server of its own, whatever others call theirs, and whether it waits for answers or not."""

import pytest
from harness import messages as m
from harness.client import RawClient
from harness.conversations import error_of
from harness.processes import wait_until

RUN = m.bind("", "a") + m.execute() + m.sync()
PARSE = m.parse("a", "select 'old'") + m.sync()
AGAIN = m.parse("a", "select 'new'") + m.sync()
CLOSE = m.close_statement("a") + m.sync()
DESCRIBE = m.describe_statement("a") + m.sync()
PREPARE = m.query("prepare a as select 'by sql'")
EXECUTE = m.query("execute a")
DEALLOCATE = m.query("deallocate a")
OTHER = m.query("prepare b as select 1")
BEGIN, COMMIT = m.query("begin"), m.query("commit")
SAVEPOINT, ROLLBACK_TO = m.query("savepoint s"), m.query("rollback to s")
FAIL = m.query("select 1/0")


def extended(sql, name="", portal=""):
    return m.parse(name, sql) + m.bind(portal, name) + m.execute(portal)


# What is said, batch by batch. Each is held outside and inside of a transaction.
CONVERSATIONS = {
    "deallocated among others": [PARSE, m.query("select 1; deallocate a"), RUN, EXECUTE],
    "replaced in one string": [PARSE, m.query("deallocate a; prepare a as select 'by sql'"), RUN, EXECUTE, AGAIN],
    "replaced, and executed there": [PARSE, m.query("deallocate a; prepare a as select 'by sql'; execute a"), RUN],
    "replaced by itself": [PARSE, m.query("deallocate a; prepare a as select 'old'"), RUN, DESCRIBE, EXECUTE],
    "deallocated in an open batch": [PARSE, m.parse("", "select 1") + DEALLOCATE, RUN, EXECUTE, AGAIN, RUN],
    "deallocated in an extended batch": [PARSE, extended("select 1") + extended("deallocate a") + m.sync(), RUN],
    "made anew in the same batch": [PARSE, extended("deallocate a") + AGAIN, RUN, EXECUTE],
    "used in the same batch": [PARSE, extended("deallocate a") + RUN, RUN],
    "deallocated through a name": [PARSE, extended("deallocate a", "forget") + m.sync(), RUN, EXECUTE,
                                   m.close_statement("forget") + m.sync()],
    "through a portal": [PARSE, m.parse("", "deallocate a") + m.bind("c") + m.execute("c") + RUN, RUN],
    "never executed": [PARSE, m.parse("", "deallocate a") + m.sync(), RUN, EXECUTE],
    "only bound": [PARSE, m.parse("", "deallocate a") + m.bind("c") + m.sync(), RUN, EXECUTE],
    "skipped": [PARSE, m.execute("absent") + extended("deallocate a") + m.sync(), m.query("rollback"), RUN, EXECUTE],
    "never reached": [PARSE, m.query("select 1/0; deallocate a; prepare a as select 'by sql'"), m.query("rollback"),
                      RUN, EXECUTE],
    "back to a savepoint": [PARSE, SAVEPOINT, m.query("select 1/0; deallocate a"), ROLLBACK_TO, RUN, EXECUTE],
    "a portal that was left": [PARSE, SAVEPOINT, m.parse("", "deallocate a") + m.bind("c") + m.sync(), FAIL,
                               ROLLBACK_TO, RUN, EXECUTE],
    "gone before a savepoint": [PARSE, SAVEPOINT, m.query("select 1; deallocate a"), FAIL, ROLLBACK_TO, RUN, EXECUTE],
    "twice": [PARSE, extended("deallocate a") + extended("deallocate a") + m.sync(), RUN],
    "given twice by SQL": [PARSE, PREPARE, RUN, EXECUTE, m.query("select 1; prepare a as select 2"), RUN],
    "given twice": [PREPARE, AGAIN, RUN, EXECUTE],
    "given twice, and closed": [PREPARE, CLOSE, AGAIN, RUN, EXECUTE],
    "given by SQL, and closed": [PREPARE, BEGIN, OTHER, CLOSE, COMMIT, EXECUTE, RUN, AGAIN],
    "given by SQL, and deallocated": [PREPARE, BEGIN, OTHER, DEALLOCATE, COMMIT, EXECUTE, RUN, AGAIN],
    "given by SQL in a batch": [extended("prepare a as select 'by sql'") + AGAIN, RUN, EXECUTE],
    "behind all": [PARSE, extended("deallocate all") + AGAIN, RUN, EXECUTE],
    "another behind all": [PARSE, extended("deallocate all") + m.parse("b", "select 'b'") + m.sync(), RUN,
                           m.bind("", "b") + m.execute() + m.sync()],
    "used behind all": [PARSE, extended("deallocate all") + RUN, RUN, EXECUTE],
    "used behind all, by SQL": [PARSE, PREPARE, m.query("deallocate all"), EXECUTE, RUN],
    "all through a portal": [PARSE, m.parse("d", "deallocate all") + m.bind("c", "d") + m.execute("c") + AGAIN, RUN],
    "all in a string": [PARSE, m.query("deallocate all; prepare a as select 'by sql'"), RUN, EXECUTE, AGAIN],
    "all, and skipped": [PARSE, m.execute("absent") + extended("deallocate all") + m.sync(), m.query("rollback"), RUN],
    "a Parse that is skipped": [m.execute("absent") + PARSE, m.query("rollback"), EXECUTE, m.query("deallocate a")],
    "a Close that is skipped": [PARSE, m.execute("absent") + CLOSE, m.query("rollback"), EXECUTE, PREPARE],
    "closed and given by SQL": [PARSE, m.close_statement("a") + PREPARE, RUN, EXECUTE],
    "several": [PARSE, m.parse("b", "select 'b'") + m.sync(), m.query("deallocate b; deallocate a"), EXECUTE,
                m.query("execute b"), RUN, m.bind("", "b") + m.sync()],
}


def heard(client, batches, pipelined):
    """What is answered: batch by batch, or to all at once."""
    answers = []
    if pipelined:
        client.send(*batches)
    for batch in batches:
        if not pipelined:
            client.send(batch)
        for _ in range(ready_count(batch)):
            answers.append([(frame.tag, frame.body) for frame in client.read_until_ready()])
    return answers


def ready_count(batch):
    """How many of its messages are answered with ReadyForQuery."""
    count = 0
    while batch:
        count += batch[:1] in b"QS"
        batch = batch[1 + int.from_bytes(batch[1:5], "big"):]
    return count


OTHERS = m.query("prepare a as select 'of another'"), m.parse("b", "select 'of another'") + m.sync()
END = m.query("rollback"), m.query("deallocate all"), m.query("select 'still in step'")


@pytest.mark.parametrize("block", [False, True], ids=["by itself", "in a block"])
@pytest.mark.parametrize("pipelined", [False, True], ids=["answer by answer", "at once"])
def test_names_of_sql_and_of_the_protocol(start_pgsaba, cluster, block, pipelined):
    daemon = start_pgsaba({"databases": {"postgres": {"pool_size": 1}}, "timeouts": {"query_wait": "5s"}})
    different = {}
    with daemon.connect() as client, daemon.connect() as other, RawClient((cluster.host, cluster.port)) as direct:
        heard(other, OTHERS, False)
        for name, said in CONVERSATIONS.items():
            batches = [*([BEGIN] if block else []), *said, *([COMMIT, *said[1:]] if block else [])]
            expected, mine = (heard(one, batches, pipelined) for one in (direct, client))
            if mine != expected:
                different[name] = [pair for pair in zip(expected, mine) if pair[0] != pair[1]]
            for one in (direct, client):
                heard(one, END, False)
            assert other.value("execute a") == "of another"
        assert daemon.admin("show pins") == []
    assert different == {}


def test_nobody_is_pinned_by_several_statements(start_pgsaba):
    """What a string prepares among other things is found in it, and can be made anew elsewhere."""
    daemon = start_pgsaba({"databases": {"postgres": {"pool_size": 1}}})
    with daemon.connect() as client, daemon.connect() as other:
        client.query("deallocate all; prepare x as select 'mine'; prepare y (int) as select $1 + 1; select 2")
        assert daemon.admin("show pins") == []
        other.query("prepare x as select 'of another'")
        assert other.value("execute x") == "of another"
        assert [client.value("execute x"), client.value("execute y (6)")] == ["mine", "7"]


def test_a_name_given_twice_in_one_string_keeps_its_server(start_pgsaba):
    daemon = start_pgsaba({"databases": {"postgres": {"pool_size": 2}}})
    with daemon.connect() as client:
        client.send(PARSE)
        client.read_until_ready()
        client.query("prepare x as select 1; deallocate x; prepare x as select 2; select 3")
        assert [client.value("execute x"), client.value("execute a")] == ["2", "old"]
        assert [pin["reason"] for pin in daemon.admin("show pins")] == ["pinned: PREPARE"]
        client.query("deallocate x")
        wait_until(lambda: daemon.admin("show pins") == [], 5, "the end of the pin")
        assert client.value("execute a") == "old"


def test_errors_name_what_the_client_has_named(start_pgsaba):
    """Also where two of its names share a text."""
    with start_pgsaba().connect() as client:
        for name in ("first", "second", "third"):
            client.send(m.parse(name, "select $1::text"), m.sync())
            client.read_until_ready()
        for name in ("third", "first", "second"):
            for said in (m.bind("", name), m.parse(name, "select 1"), m.bind("", name) + m.close_statement(name),
                         m.close_statement(name) + m.parse(name, "select $1::text") + m.bind("", name)):
                client.send(said, m.sync())
                assert f'"{name}"' in error_of(client.read_until_ready())["M"]


def pinned_for(daemon, reason):
    return any(reason in pin["reason"] for pin in daemon.admin("show pins"))


@pytest.mark.parametrize("runs", [EXECUTE, RUN, extended("execute a") + m.sync()], ids=["Query", "Bind", "Parse"])
@pytest.mark.parametrize("ends", ["deallocate a", "deallocate all"])
def test_what_only_the_server_can_read_may_leave_something_behind(start_pgsaba, runs, ends):
    """The second text of a name in one string is with its server alone, which is kept for it."""
    daemon = start_pgsaba({"databases": {"postgres": {"pool_size": 2}}})
    with daemon.connect() as client, daemon.connect() as other:
        client.query("prepare a as select 1; deallocate a; prepare a as select pg_advisory_lock(77)")
        wait_until(lambda: pinned_for(daemon, "PREPARE"), 10, "the pin")
        client.send(runs)
        client.read_until_ready()
        client.query(ends)
        wait_until(lambda: pinned_for(daemon, "advisory locks"), 10, "the other pin")
        held = "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"
        assert other.value(held) == "0"
        client.query("select pg_advisory_unlock_all()")
        wait_until(lambda: daemon.admin("show pins") == [], 10, "the end of the pin")
