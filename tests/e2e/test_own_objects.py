"""What a database has of its own, as it changes: nothing of it that a text does not show may run on a
standby, from the moment on that it is defined."""

import re
import time

import pytest
from harness import messages as m
from harness.group import Group, WORK_MEM, split, wait_for_both, where, where_at_last
from harness.pgsaba import merged
from harness.processes import wait_until


@pytest.fixture(scope="module")
def group(directory):
    made = Group(directory, {"log_statement": "all", "log_line_prefix": "%m [%p] "}, "own-group")
    made.primary.sql("create table t (id int primary key, v int)")
    made.primary.sql("create function doubled(int) returns int language sql immutable "
                     "as 'select 2 * $1'")
    made.primary.sql("create function drawn(int) returns int language sql volatile "
                     "as 'select $1'")
    made.primary.sql("create function two(int) returns int language sql stable as 'select $1'")
    made.primary.sql("create schema other")
    made.primary.sql("create function other.two(text) returns int language sql volatile as 'select 2'")
    made.primary.sql("create view doubles as select doubled(4)")
    made.primary.sql("create view locks as select pg_try_advisory_xact_lock_shared(5) as got")
    made.primary.sql("create role nobody login")
    made.wait_for_replay()
    yield made
    made.stop()


@pytest.fixture
def splitter(group, start_pgsaba):
    """A function: takes what is set beside the split."""
    def start(changes=None):
        patient = merged({"routing": {"causal_wait": "10s"}}, changes or {})
        daemon = start_pgsaba(split(patient), servers=group.servers)
        wait_for_both(daemon)
        return daemon
    return start


def ran_on(group, client, sql, mark):
    """The servers that executed it."""
    client.query(f"{sql} /* {mark} */")
    return {server.name for server in group.servers if mark in server.log_path.read_text()}


STANDBYS = {"own-group-1", "own-group-2"}


def test_a_view_is_seen_as_soon_as_it_is_defined(group, splitter):
    daemon = splitter()
    with daemon.connect() as one, daemon.connect() as other:
        for number in range(25):
            where_at_last(other)
            one.query(f"create view fresh_{number} as select pg_try_advisory_xact_lock_shared({number})")
            assert ran_on(group, other, f"select * from fresh_{number}",
                          f"fresh-{number}-") == {"own-group"}
        one.query("begin")
        one.query("create view late as select pg_try_advisory_xact_lock_shared(1)")
        where_at_last(other)
        one.query("commit")
        assert ran_on(group, other, "select * from late", "late-") == {"own-group"}


def test_a_view_that_becomes_another(group, splitter):
    """Also for a statement that was prepared before."""
    daemon = splitter()
    with daemon.connect() as one, daemon.connect() as other:
        one.query("create view changing as select id > 0 as x from t")
        where_at_last(other)
        other.send(m.parse("p", "select * from changing /* changing- */"), m.sync())
        other.read_until_ready()
        bind = (m.bind("", "p"), m.execute(), m.sync())
        other.send(*bind)
        other.read_until_ready()
        assert ran_on(group, other, "select * from changing", "changed-1-") <= STANDBYS
        one.query("create or replace view changing as select pg_try_advisory_xact_lock_shared(3) as x")
        where_at_last(other)
        before = group.primary.log_path.read_text().count("changing-")
        other.send(*bind)
        other.read_until_ready()
        assert group.primary.log_path.read_text().count("changing-") > before
        assert ran_on(group, other, "select * from changing", "changed-2-") == {"own-group"}


def test_what_somebody_else_defines_is_seen_at_the_next_look(group, splitter):
    daemon = splitter({"routing": {"catalogue_interval": "1s"}})
    group.primary.sql("create view elsewhere as select pg_try_advisory_xact_lock_shared(9)")
    group.wait_for_replay()
    wait_until(lambda: _route(daemon, "select * from elsewhere")["route"] == "primary", 20,
               "a look at the catalogue")


def _route(daemon, sql):
    with daemon.connect() as client:
        where(client)
    return daemon.admin(f"explain route for postgres $${sql}$$")[0]


def test_functions_of_ones_own(group, splitter):
    """They run on standbys if all of their name are declared so, and the administrator trusts that."""
    reads = {"select doubled(2)": "unknown function", "select * from doubles": "own",
             "select drawn(2)": "unknown function", "select two(2)": "unknown function"}
    daemon = splitter()
    with daemon.connect() as client:
        for sql in reads:
            where_at_last(client)
            assert ran_on(group, client, sql, f"doubting {sql}") == {"own-group"}
    daemon = splitter({"routing": {"trust_declarations": True}})
    with daemon.connect() as client:
        for sql in reads:
            where_at_last(client)
            nodes = ran_on(group, client, sql, f"trusting {sql}")
            assert nodes <= STANDBYS if "double" in sql else nodes == {"own-group"}, sql


def test_it_is_explained(group, splitter):
    daemon = splitter()
    row = _route(daemon, "select l.* from public.locks l")
    assert (row["route"], row["route_reason"]) == ("primary", "object of the database's own")
    assert row["object"] == "locks (view: advisory lock, pg_try_advisory_xact_lock_shared)"
    assert _route(daemon, "select drawn(1)")["object"] == "drawn"
    assert _route(daemon, "select 1")["object"] is None


def test_without_a_look_reads_run_on_the_primary(group, start_pgsaba):
    changes = {"clusters": {"main": {"monitor": {"catalogue_user": "missing"}}}}
    daemon = start_pgsaba(split(changes), servers=group.servers)
    with daemon.connect() as client:
        for _ in range(20):
            assert where(client) == "primary"
        daemon.wait_for_log("catalogue of database postgres cannot be read")
        assert where(client) == "primary"
        assert "catalogue not read yet" in {row["reason"] for row in daemon.admin("show routes")}


def test_a_database_that_was_dropped_is_not_asked_for_any_more(group, splitter):
    group.primary.sql("create database gone")
    group.wait_for_replay()
    daemon = splitter({"routing": {"catalogue_interval": "1s"},
                       "databases": {"gone": {"cluster": "main", "dbname": "gone", "route": "split"}}})
    with daemon.connect(database="gone") as client:
        where_at_last(client)
        group.primary.sql("drop database gone with (force)")
    daemon.wait_for_log("nobody reads in database gone")
    # Who comes with the same name is not forgotten for that.
    group.primary.sql("create database gone")
    group.wait_for_replay()
    with daemon.connect(database="gone") as client:
        where_at_last(client)
    group.primary.sql("drop database gone with (force)")


def test_another_user_may_look(group, splitter):
    daemon = splitter({"clusters": {"main": {"monitor": {"catalogue_user": "nobody"}}}})
    assert _route(daemon, "select * from locks")["route"] == "primary"


def test_nobody_has_to_look(group, splitter):
    """Then a view is not seen: what the looks are for."""
    daemon = splitter({"routing": {"catalogue_interval": 0}})
    with daemon.connect() as client:
        where_at_last(client)
        assert ran_on(group, client, "select * from locks", "blind-") <= STANDBYS
    assert set(WORK_MEM.values()) == {"primary", "standby-1", "standby-2"}


def test_a_function_of_postgresql_that_this_server_declares_volatile(group, splitter):
    """The list was made from another version: what the server itself says is stronger."""
    daemon = splitter()
    with daemon.connect() as client:
        where_at_last(client)
        assert ran_on(group, client, "select abs(-1)", "mark-abs-1") <= STANDBYS
    group.primary.sql("update pg_proc set provolatile = 'v' where proname = 'abs'")
    group.wait_for_replay()
    try:
        daemon = splitter()
        with daemon.connect() as client:
            where_at_last(client)
            assert ran_on(group, client, "select abs(-1)", "mark-abs-2") == {"own-group"}
            assert ran_on(group, client, "select sign(-1)", "mark-sign") <= STANDBYS
    finally:
        group.primary.sql("update pg_proc set provolatile = 'i' where proname = 'abs'")


def test_looks_leave_the_server_its_time(cluster, start_pgsaba):
    """However often something is defined, reading the catalogue takes a part of the server's time only."""
    cluster.sql("create database defining")
    cluster.sql("alter database defining set log_min_duration_statement = 0")
    daemon = start_pgsaba({"databases": {"defining": {"cluster": "main", "pool_size": 2, "route": "split"}}})
    with daemon.connect(database="defining") as client:
        began = time.monotonic()
        while time.monotonic() - began < 3:
            client.query("create or replace temp view own as select 1")
            client.query("select 1")
            client.query("do $$ begin perform 1; end $$")
        elapsed = (time.monotonic() - began) * 1000
    looks = [float(took) for took in re.findall(r"duration: ([\d.]+) ms .*\n?.*WITH RECURSIVE space",
                                                cluster.log_path.read_text())]
    assert len(looks) > 1
    assert sum(looks) < 0.4 * elapsed, looks
