"""A reload that changes pool_mode, while clients have transactions, sessions and servers.

What a session holds never meets another client, and no session that lives loses anything.
"""

import pytest
from harness import messages as m
from harness.conversations import backend, begin, pool_row, tags
from harness.processes import wait_until

DONE = "configuration reloaded"

CLEAN = {"temporary": "0", "locks": "0", "channels": "0", "prepared": "0", "work_mem": "4MB"}
DIRTY = {"temporary": "1", "locks": "1", "channels": "1", "prepared": "1", "work_mem": "9MB"}


def one(mode, **more):
    return {"databases": {"postgres": {"pool_size": 1, "pool_mode": mode}}, **more}


def reload(daemon, changes):
    """Reloads and returns once every worker has heard of it."""
    before = daemon.log.count(DONE)
    daemon.reload(changes)
    wait_until(lambda: daemon.log.count(DONE) > before, 10, "reload")
    daemon.admin("show pools")


def make_dirty(client):
    for sql in ("create temp table mine (a int)", "select pg_advisory_lock(4711)", "listen mine",
                "prepare mine as select 42", "set work_mem = '9MB'"):
        client.rows(sql)


def state(client):
    return {
        "temporary": client.value("select count(*) from pg_class where relname = 'mine'"),
        "locks": client.value("select count(*) from pg_locks where locktype = 'advisory'"
                              " and pid = pg_backend_pid()"),
        "channels": client.value("select count(*) from pg_listening_channels()"),
        "prepared": client.value("select count(*) from pg_prepared_statements"
                                 " where name = 'mine'"),
        "work_mem": client.value("show work_mem")}


def parse_named(client, sql="select 7"):
    client.send(m.parse("s", sql) + m.sync())
    client.read_until_ready()


def run_named(client):
    client.send(m.bind("", "s") + m.execute() + m.sync())
    return tags(client.read_until_ready())


@pytest.mark.parametrize("mode", ["transaction", "statement"])
@pytest.mark.parametrize("speaks", [True, False])
def test_the_session_of_one_never_meets_another(start_pgsaba, mode, speaks):
    daemon = start_pgsaba(one("session"))
    with daemon.connect() as leaver:
        make_dirty(leaver)
        reload(daemon, one(mode))
        if speaks:
            leaver.rows("select 1")
    with daemon.connect() as other:
        assert state(other) == CLEAN


def test_without_a_reset_query_either(start_pgsaba):
    daemon = start_pgsaba(one("session", pool={"server_reset_query": ""}))
    with daemon.connect() as leaver:
        make_dirty(leaver)
    with daemon.connect() as next_session:
        assert state(next_session)["temporary"] == "1"
    reload(daemon, one("transaction", pool={"server_reset_query": ""}))
    with daemon.connect() as other:
        assert state(other) == CLEAN


def test_a_session_that_lives_goes_on(start_pgsaba):
    daemon = start_pgsaba(one("session"))
    with daemon.connect() as client:
        make_dirty(client)
        parse_named(client)
        client.send(m.parse("", "select 8") + m.sync())
        client.read_until_ready()
        reload(daemon, one("transaction"))
        client.send(m.bind() + m.execute() + m.sync())
        assert tags(client.read_until_ready()) == b"2DCZ"
        assert run_named(client) == b"2DCZ"
        assert client.value("execute mine") == "42"
        # What it listens to has moved to the connection that all share.
        assert state(client) == {**DIRTY, "channels": "0"}


def test_a_session_without_anything_lets_its_server_go(start_pgsaba):
    daemon = start_pgsaba(one("session"))
    with daemon.connect() as idle, daemon.connect() as other:
        backend(idle)
        idle.rows("set work_mem = '9MB'")
        parse_named(idle)
        reload(daemon, one("transaction"))
        assert other.value("show work_mem") == "4MB"
        assert run_named(idle) == b"2DCZ"
        assert idle.value("show work_mem") == "9MB"


def test_a_transaction_of_a_session_is_not_disturbed(start_pgsaba):
    daemon = start_pgsaba(one("session"))
    with daemon.connect() as client:
        pid = begin(client)
        client.rows("create temp table mine (a int) on commit drop")
        reload(daemon, one("statement"))
        assert tags(client.query("select count(*) from mine")) == b"TDCZ"
        assert backend(client) == pid
        client.rows("commit")
        wait_until(lambda: pool_row(daemon)["sv_idle"] == "1", 10, "a server that is free")


def test_a_transaction_is_not_disturbed_by_statement_pooling(start_pgsaba):
    daemon = start_pgsaba(one("transaction"))
    with daemon.connect() as client:
        begin(client)
        reload(daemon, one("statement"))
        assert tags(client.query("select 1")) == b"TDCZ"
        assert tags(client.query("commit")) == b"CZ"
        client.send(m.query("begin"))
        assert m.error_fields(client.read_to_end()[-1])["C"] == "0A000"


def test_names_live_on_when_sessions_are_pooled(start_pgsaba):
    daemon = start_pgsaba(one("transaction"))
    with daemon.connect() as client:
        parse_named(client)
        client.rows("prepare q as select 8")
        begin(client)
        reload(daemon, one("session"))
        assert run_named(client) == b"2DCZ"
        client.rows("commit")
        assert run_named(client) == b"2DCZ"
        assert client.value("execute q") == "8"


def test_whoever_has_nothing_follows_the_reload(start_pgsaba):
    daemon = start_pgsaba(one("transaction"))
    with daemon.connect() as client:
        client.value("select 1")
        reload(daemon, one("session"))
        client.value("select 1")
        assert pool_row(daemon)["sv_active"] == "1"


@pytest.mark.parametrize("speaks_first", [True, False])
def test_what_was_prepared_under_transaction_pooling_is_not_met(start_pgsaba, speaks_first):
    """There it waits at the servers, for whoever prepared it."""
    daemon = start_pgsaba(one("transaction"))
    with daemon.connect() as other, daemon.connect() as client:
        if speaks_first:
            client.value("select 1")
        other.rows("prepare q1 as select 'secret'")
        other.send(m.parse("", "select 'secret'") + m.sync())
        other.read_until_ready()
        reload(daemon, one("session"))
        client.send(m.bind() + m.execute() + m.sync())
        assert m.error_fields(client.read_until_ready()[0])["C"] == "26000"
        assert m.error_fields(client.query("execute q1")[0])["C"] == "26000"
        assert tags(client.query("prepare q1 as select 'mine'")) == b"CZ"
        assert client.value("execute q1") == "mine"
