"""What the console tells of reads on standbys: the servers, and why statements went where they went."""

import pytest
from harness import messages as m
from harness.group import Group, split, splitting, wait_for_both, where, where_at_last
from harness.processes import wait_until


@pytest.fixture(scope="module")
def group(directory):
    made = Group(directory, name="routes-group")
    made.primary.sql("create table t (id int primary key, v int)")
    made.wait_for_replay()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def splitter(group, directory, pgsaba_binary):
    with splitting(group, directory, pgsaba_binary, "routes") as daemon:
        yield daemon


def routes(daemon):
    """Counts by route and reason."""
    return {(row["route"], row["reason"]): int(row["count"]) for row in daemon.admin("show routes")}


def gained(daemon, before):
    after = routes(daemon)
    return {key: count - before.get(key, 0) for key, count in after.items()
            if count != before.get(key, 0)}


def test_the_topology(splitter, group):
    servers = splitter.admin("show topology")
    assert [server["role"] for server in servers] == ["primary", "standby", "standby"]
    assert [server["state"] for server in servers] == ["reachable", "streaming", "streaming"]
    assert [server["fit_for_reads"] for server in servers] == ["no", "yes", "yes"]
    assert [int(server["port"]) for server in servers] == [one.port for one in group.servers]
    assert all(server["timeline"] == "1" and "/" in server["position"] and server["started"]
               for server in servers)
    assert all(int(server["lag_bytes"]) >= 0 for server in servers[1:])


@pytest.mark.parametrize("sql, route, reason", [
    ("select 1 as one", "standby", "read"),
    ("select * from t for update", "primary", "locking clause"),
    ("select pg_backend_pid()", "primary", "function that tells of the server"),
    ("update t set v = 1", "primary", "statement that is no query"),
    ("/* pgsaba:primary */ select 1", "primary", "comment /* pgsaba:primary */"),
])
def test_a_statement_is_counted_by_its_reason(splitter, sql, route, reason):
    with splitter.connect() as client:
        where_at_last(client)
        before = routes(splitter)
        client.query(sql)
        assert gained(splitter, before) == {(route, reason): 1}


def test_transactions_and_sessions_are_counted(splitter):
    with splitter.connect() as client:
        where_at_last(client)
        before = routes(splitter)
        for begin in ("begin", "begin read only"):
            client.query(begin)
            where(client)
            where(client)
            client.query("commit")
        assert gained(splitter, before) == {
            ("primary", "transaction that is not READ ONLY"): 1,
            ("standby", "READ ONLY transaction"): 1}
        client.query("set pgsaba.route = 'primary'")
        before = routes(splitter)
        where(client)
        assert gained(splitter, before) == {("primary", "SET pgsaba.route"): 1}


def test_a_batch_without_its_sync_is_counted(splitter):
    with splitter.connect() as client:
        where_at_last(client)
        before = routes(splitter)
        client.send(m.parse("", "select 1"), m.bind(), m.execute(), m.flush())
        client.read_until(b"C")
        client.send(m.sync())
        client.read_until_ready()
        assert gained(splitter, before) == {
            ("primary", "statement or batch not received as a whole"): 1}


def test_a_read_that_a_standby_refuses_is_counted(splitter, group):
    group.primary.sql("create or replace function writes() returns int language sql "
                      "as 'insert into t values (1, 1) on conflict do nothing returning 1'")
    group.wait_for_replay()
    with splitter.connect() as client:
        where_at_last(client)
        before = routes(splitter)
        client.query("/* pgsaba:replica */ select writes()")
        assert gained(splitter, before) == {("standby", "read"): 1, (
            "primary", "repeated: the standby refused or died"): 1}


def test_a_read_that_waits_in_vain_is_counted(splitter, group):
    for standby in group.standbys:
        standby.sql("select pg_wal_replay_pause()")
    try:
        with splitter.connect() as client:
            client.query("insert into t values (100, 1) on conflict do nothing")
            before = routes(splitter)
            assert where(client) == "primary"
            assert gained(splitter, before) == {("primary", "no standby fresh enough"): 1}
            row = [row for row in splitter.admin("show routes")
                   if row["reason"] == "no standby fresh enough"][0]
            assert int(row["waited"]) >= 1 and int(row["wait_time"]) >= 10_000
    finally:
        for standby in group.standbys:
            standby.sql("select pg_wal_replay_resume()")


def test_the_administrators_lists(group, start_pgsaba):
    """Also for statements that are prepared already, when a reload denies more."""
    group.primary.sql("create or replace function surface(v int) returns int language sql immutable "
                      "as 'select v * v'")
    group.wait_for_replay()
    lists = {"routing": {"allow_functions": ["surface"]}}
    daemon = start_pgsaba(split(lists), servers=group.servers)
    wait_for_both(daemon)
    with daemon.connect() as client:
        where_at_last(client)
        before = routes(daemon)
        client.query("select surface(3)")
        client.query("select lower('A')")
        client.send(m.parse("named", "select surface(4)"), m.sync())
        client.read_until_ready()
        client.query("prepare by_sql as select surface(5)")
        where_at_last(client)
        bind = (m.bind("", "named"), m.execute(), m.sync())
        client.send(*bind)
        client.read_until_ready()
        client.query("execute by_sql")
        assert ("primary", "unknown function") not in gained(daemon, before)
        assert gained(daemon, before)["standby", "read"] >= 4
        daemon.reload(split({"routing": {"deny_functions": ["surface", "lower"]}}))
        daemon.wait_for_log("reload")
        wait_until(lambda: daemon.admin("show config") and [
            row for row in daemon.admin("show config")
            if row["key"] == "routing.deny_functions" and "surface" in row["value"]], 10, "a reload")
        where_at_last(client)
        before = routes(daemon)
        client.query("select lower('A')")
        client.send(*bind)
        client.read_until_ready()
        client.query("execute by_sql")
        assert gained(daemon, before) == {
            ("primary", "function denied by routing.deny_functions"): 1,
            ("primary", "prepared statement that is no read"): 1,
            ("primary", "EXECUTE"): 1}


def test_explain_route(splitter):
    def explain(sql):
        return [(row["database"], row["access"], row["route"], row["server"])
                for row in splitter.admin(sql)]
    standbys = ",".join(row["server"] for row in splitter.admin("show topology")
                        if row["fit_for_reads"] == "yes")
    assert standbys.count(",") == 1
    assert explain("explain route for postgres $$select 'a'$$") == [
        ("postgres", "read", "standby", standbys)]
    row = splitter.admin("explain route for postgres 'select 1 for update'")[0]
    assert row["reason"] == "locking clause" and row["route"] == "primary"
    assert "postgres" in {row[0] for row in explain("explain route 'select 1'")}
    with splitter.connect(database="pgsaba") as console:
        wrong = console.query("explain route for nowhere 'x'")[0]
        assert m.error_fields(wrong)["C"] == "3D000"
        wrong = m.error_fields(console.query("explain route select 1")[0])
        assert wrong["C"] == "42601" and "EXPLAIN ROUTE [FOR database]" in wrong["H"]
