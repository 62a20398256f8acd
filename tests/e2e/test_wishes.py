"""Who wishes reads on which servers: the route of a database or user, SET pgsaba.route, a comment. A
write never goes to a standby, and what is not proven to be a read only where that was wished."""

import pytest
from harness import messages as m
from harness.group import Group, split, wait_for_both, where, where_at_last
from harness.pgsaba import Pgsaba
from harness.processes import wait_until
from harness.workload import codes

CALLS = "select harmless()"
DATABASES = {name: {"cluster": "main", "dbname": "postgres", "pool_size": 4, "route": name}
             for name in ("split", "primary", "replica", "replica_only", "prefer_replica",
                          "prefer_primary")}


@pytest.fixture(scope="module")
def group(directory):
    made = Group(directory, {"log_statement": "all", "log_line_prefix": "%m [%p] "}, "wishes-group")
    made.primary.sql("create table t (id int primary key, v int)")
    made.primary.sql("insert into t values (1, 0)")
    made.primary.sql("create function harmless() returns int language sql stable as 'select 1'")
    made.primary.sql("create function locks() returns boolean language sql volatile "
                     "as 'select pg_try_advisory_lock(4)'")
    made.primary.sql("create function writes() returns int language sql volatile "
                     "as 'update t set v = v + 1 returning v'")
    made.primary.sql("create view locked as select pg_try_advisory_xact_lock(5) as got")
    made.primary.sql("create role reporter login superuser")
    made.wait_for_replay()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def daemon(group, directory, pgsaba_binary):
    changes = split({"databases": DATABASES, "users": {"reporter": {"route": "prefer_replica"}},
                     "routing": {"causal_wait": "10s"}})
    started = Pgsaba(pgsaba_binary, directory, group.servers, changes, "wishes").start()
    wait_for_both(started)
    yield started
    started.stop()


MARKS = iter(range(1, 10_000))
STANDBYS = {"wishes-group-1", "wishes-group-2"}


def ran_on(group, client, sql):
    mark = f"wish-{next(MARKS)}-"
    client.query(f"{sql} -- {mark}")
    return {server.name for server in group.servers if mark in server.log_path.read_text()}


@pytest.mark.parametrize("route, reads, calls", [
    ("split", STANDBYS, {"wishes-group"}),
    ("primary", {"wishes-group"}, {"wishes-group"}),
    ("prefer_replica", STANDBYS, STANDBYS),
    ("prefer_primary", {"wishes-group"}, {"wishes-group"}),
])
def test_the_route_of_a_database(daemon, group, route, reads, calls):
    with daemon.connect(database=route) as client:
        if reads == STANDBYS:
            where_at_last(client)
        assert ran_on(group, client, "select 1") <= reads
        assert ran_on(group, client, CALLS) <= calls
        for sql in ("insert into t values (2, 2) on conflict do nothing", "select nextval('none')",
                    "select * from locked", "select * from t for update",
                    "select query_to_xml('select 1', true, true, '')"):
            assert ran_on(group, client, sql) == {"wishes-group"}, sql


@pytest.mark.parametrize("route", ["replica", "replica_only"])
def test_all_of_a_database_on_a_standby(daemon, group, route):
    with daemon.connect(database=route) as client:
        assert ran_on(group, client, "select 1") <= STANDBYS
        assert ran_on(group, client, CALLS) <= STANDBYS
        assert codes(client.query("insert into t values (3, 3)")) == ["25006"]


def test_a_user_has_a_stronger_word_than_a_database(daemon, group):
    with daemon.connect(user="reporter", database="split") as client:
        where_at_last(client)
        assert ran_on(group, client, CALLS) <= STANDBYS


def test_a_session_has_a_stronger_word(daemon, group):
    with daemon.connect(database="split") as client:
        where_at_last(client)
        client.query("set pgsaba.route = 'replica'")
        assert ran_on(group, client, CALLS) <= STANDBYS
        assert ran_on(group, client, "select * from locked") == {"wishes-group"}
        client.query("set pgsaba.route = 'primary'")
        assert ran_on(group, client, "select 1") == {"wishes-group"}
        client.query("set pgsaba.route = 'auto'")
        where_at_last(client)
        assert ran_on(group, client, "select 1") <= STANDBYS
        assert ran_on(group, client, CALLS) == {"wishes-group"}


def test_a_session_reads_on_standbys_of_its_own_accord(daemon, group):
    with daemon.connect(database="primary") as client:
        client.query("set pgsaba.route = 'replica'")
        where_at_last(client)
        assert ran_on(group, client, "select 1") <= STANDBYS
        client.query("reset pgsaba.route")
        assert ran_on(group, client, "select 1") == {"wishes-group"}


def test_a_comment_has_the_strongest_word(daemon, group):
    with daemon.connect(database="split") as client:
        where_at_last(client)
        assert ran_on(group, client, f"/* pgsaba:replica */ {CALLS}") <= STANDBYS
        client.query("set pgsaba.route = 'replica'")
        assert ran_on(group, client, f"/* pgsaba:primary */ {CALLS}") == {"wishes-group"}
        client.query("set pgsaba.route = 'primary'")
        assert ran_on(group, client, "/* pgsaba:replica */ select 1") <= STANDBYS
        assert ran_on(group, client, "/* pgsaba:replica */ select * from locked") == {
            "wishes-group"}


@pytest.mark.parametrize("hint, nodes", [("replica", STANDBYS), ("primary", {"wishes-group"})])
def test_the_comment_of_a_prepared_statement(daemon, group, hint, nodes):
    with daemon.connect(database="split") as client:
        where_at_last(client)
        mark = f"wish-{next(MARKS)}-"
        client.send(m.parse("p", f"/* pgsaba:{hint} */ select 1 as {hint} -- {mark}"), m.sync())
        client.read_until_ready()
        client.send(m.bind("", "p"), m.execute(), m.sync())
        client.read_until_ready()
        lines = {server.name for server in group.servers
                 if any(mark in line and "execute " in line
                        for line in server.log_path.read_text().splitlines())}
        assert lines <= nodes and lines


def test_what_a_standby_refuses_runs_on_the_primary(daemon, group):
    with daemon.connect(database="prefer_replica") as client:
        where_at_last(client)
        before = group.primary.value("select v from t where id = 1")
        assert codes(client.query("select writes() from t where id = 1")) == []
        assert group.primary.value("select v from t where id = 1") == before + 1


def test_a_lock_that_a_function_took_on_a_standby_keeps_nobody_there(daemon, group):
    with daemon.connect(database="prefer_replica") as client:
        where_at_last(client)
        assert ran_on(group, client, "select locks()") <= STANDBYS
        assert codes(client.query("update t set v = v")) == []
        wait_until(lambda: all(
            standby.value("select count(*) from pg_locks where locktype = 'advisory'") == 0
            for standby in group.standbys), 10, "an end of the lock")


def test_replica_only_never_reads_on_the_primary(group, start_pgsaba):
    changes = split({"databases": DATABASES, "timeouts": {"failover_wait": "1s"}})
    alone = start_pgsaba(changes, servers=[group.primary, group.standbys[0]])
    with alone.connect(database="replica_only") as client, \
            alone.connect(database="replica") as other:
        assert where(client) == "standby-1"
        alone.admin(f"disable server {group.standbys[0].name}")
        assert where(other) == "primary"
        assert codes(client.query("select 1")) == ["57P03"]
        alone.admin(f"enable server {group.standbys[0].name}")
        wait_until(lambda: not codes(client.query("select 1")), 10, "a replica again")
        assert where(client) == "standby-1"


def test_prefer_primary_reads_on_standbys_while_there_is_none(group, start_pgsaba):
    daemon = start_pgsaba(split({"databases": DATABASES,
                                 "timeouts": {"failover_wait": "60s"}}), servers=group.servers)
    wait_for_both(daemon)  # what standbys show is known, and the catalogue
    with daemon.connect(database="prefer_primary") as client:
        assert where(client) == "primary"
        group.primary.freeze()
        try:
            wait_until(lambda: "unreachable" in {row["state"] for row in daemon.admin(
                "show topology")}, 20, "a primary that does not answer")
            # What the other client has seen on the primary last, no standby is known to show.
            with daemon.connect(database="prefer_primary") as fresh:
                assert where(fresh) in ("standby-1", "standby-2")
        finally:
            group.primary.thaw()
        wait_until(lambda: where(client) == "primary", 20, "the primary again")
