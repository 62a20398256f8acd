"""Poolers in a row: what stands behind pgsaba, or in front of it, is another pgsaba or a PgBouncer.
The client cannot tell, the roles of servers are found out through them, and writes follow a
failover."""

import pytest
from harness import messages as m
from harness.differential import converse, is_complete
from harness.group import LOOK, Group, split
from harness.pgbouncer import PgBouncer
from harness.pgsaba import Pgsaba
from harness.processes import wait_until
from harness.workload import Writers
from scripts import GROUPS

# PgBouncer 1.18 knows no prepared statements when it pools transactions, and what a batch is only by
# its Sync.
PLAIN = ("simple", "transaction", "copy")


# Nor does it answer what comes with a CopyDone, mostly: beside PostgreSQL alone it is the same.
UNANSWERED = ("copy-in_then_query_at_once",)


def scripts(groups=tuple(GROUPS), without=()):
    names = [(f"{group}-{name}", script) for group in groups for name, script in GROUPS[group].items()]
    return [pytest.param(script, id=name) for name, script in names if name not in without]


@pytest.fixture(scope="module")
def tables(cluster):
    cluster.sql("create table notes (a int, b text)")
    cluster.sql("create table strict (a int primary key not null check (a > 0))")
    cluster.sql("create table later (a int unique deferrable initially deferred)")
    return lambda: cluster.sql("truncate notes, strict, later")


@pytest.fixture(scope="module")
def in_front_of(pgsaba_binary, directory, cluster):
    """A pgsaba whose server is another pooler, by that pooler's name."""
    poolers = {"pgsaba": Pgsaba(pgsaba_binary, directory, [cluster], name="behind"),
               "pgbouncer": PgBouncer(directory, cluster)}
    daemons = {}
    for name, pooler in poolers.items():
        pooler.start()
        daemons[name] = Pgsaba(pgsaba_binary, directory, [pooler], name=f"before_{name}").start()
    yield daemons
    for daemon in daemons.values():
        daemon.stop()
    for pooler in poolers.values():
        pooler.stop()


@pytest.fixture(scope="module")
def behind_pgbouncer(directory, pgsaba):
    """What the job server has on its own host."""
    pooler = PgBouncer(directory, pgsaba, "transaction", "local").start()
    yield pooler
    pooler.stop()


def same_answers(cluster, where, tables, script):
    tables()
    direct = converse((cluster.host, cluster.port), script)
    tables()
    assert is_complete(direct)
    assert converse(where, script) == direct


@pytest.mark.parametrize("pooler", ["pgsaba", "pgbouncer"])
@pytest.mark.parametrize("script", scripts())
def test_same_answers_in_front_of(cluster, in_front_of, tables, pooler, script):
    same_answers(cluster, in_front_of[pooler].where, tables, script)


@pytest.mark.parametrize("script", scripts(PLAIN, without=UNANSWERED))
def test_same_answers_behind_a_pgbouncer(cluster, behind_pgbouncer, tables, script):
    same_answers(cluster, behind_pgbouncer.where, tables, script)


@pytest.mark.parametrize("pooler", ["pgsaba", "pgbouncer"])
def test_a_statement_is_cancelled_through_both(cluster, in_front_of, pooler):
    with in_front_of[pooler].connect() as client:
        client.send(m.query("select pg_sleep(60)"))
        wait_until(lambda: cluster.value(
            "select count(*) from pg_stat_activity where wait_event = 'PgSleep'"), 20, "the query")
        with in_front_of[pooler].connect(login=False) as other:
            other.send(m.cancel_request(client.backend_pid, client.backend_secret))
        assert m.error_fields(client.read_until_ready()[-2])["C"] == "57014"


@pytest.mark.parametrize("pooler", ["pgsaba", "pgbouncer"])
def test_a_session_survives_two_poolers(in_front_of, pooler):
    """Settings and statements follow the client to whichever server it gets."""
    with in_front_of[pooler].connect() as one, in_front_of[pooler].connect() as two:
        for number, client in enumerate((one, two)):
            client.query(f"set work_mem = '{number + 7}MB'")
            client.query(f"prepare p as select {number}")
            client.send(m.parse("s", f"select 10 + {number}"), m.sync())
            client.read_until_ready()
        for _ in range(5):
            for number, client in enumerate((one, two)):
                assert client.value("show work_mem") == f"{number + 7}MB"
                assert client.value("execute p") == str(number)
                client.send(m.bind("", "s"), m.execute(), m.sync())
                assert m.row_values(client.read_until_ready()[1]) == [str(10 + number).encode()]


@pytest.mark.parametrize("kind", ["pgsaba", "pgbouncer"])
def test_roles_are_found_out_through_poolers(directory, pgsaba_binary, start_pgsaba, kind):
    """Each server has a pooler on its host, and pgsaba knows only those."""
    group = Group(directory, name=f"hosts_{kind}")
    poolers = []
    try:
        group.primary.sql("create table w (key text)")
        group.wait_for_replay()
        for server in group.servers:
            pooler = (PgBouncer(directory, server, name=f"on_{server.name}")
                      if kind == "pgbouncer" else
                      Pgsaba(pgsaba_binary, directory, [server], name=f"on_{server.name}"))
            poolers.append(pooler.start())
        daemon = start_pgsaba(split(), servers=poolers)
        roles = {row["server"]: row["role"] for row in daemon.admin("show topology")}
        assert [roles[pooler.name] for pooler in poolers] == ["primary", "standby", "standby"]
        wait_until(lambda: look(daemon) == {"6MB", "7MB"}, 20, "reads on both standbys")
        with Writers(daemon, 8) as writers:
            wait_until(writers.all_go_on(), 60, "writes")
            group.wait_for_replay()
            group.primary.stop()
            group.promote()
            wait_until(writers.all_go_on(), 60, "writes on the new primary")
        assert not writers.broken
        rows = {key for key, in group.standbys[0].sql("select key from w")}
        assert any(key.endswith("-0") for key in rows)
    finally:
        for pooler in poolers:
            pooler.stop()
        group.stop()


def look(daemon):
    found = set()
    for _ in range(10):
        with daemon.connect() as client:
            found.add(client.value(LOOK))
    return found
