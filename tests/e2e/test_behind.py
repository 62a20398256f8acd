"""Standbys that cannot keep up: reads do not wait for them in vain, and do not melt the primary."""

import pytest
from harness import messages as m
from harness.group import Group, split, wait_for_both, where, where_at_last
from harness.processes import wait_until
from harness.workload import codes


@pytest.fixture(scope="module")
def group(directory):
    made = Group(directory, name="behind")
    made.primary.sql("create table t (id int primary key, v int)")
    made.primary.sql("insert into t values (1, 0)")
    made.wait_for_replay()
    yield made
    made.stop()


@pytest.fixture
def paused(group):
    """No standby replays; call it."""
    def pause():
        for standby in group.standbys:
            standby.sql("select pg_wal_replay_pause()")
    yield pause
    for standby in group.standbys:
        standby.sql("select pg_wal_replay_resume()")
    group.wait_for_replay()


def routes(daemon):
    return {row["reason"]: row for row in daemon.admin("show routes")}


def test_nobody_waits_for_a_standby_that_is_steadily_behind(group, start_pgsaba, paused):
    daemon = start_pgsaba(split({"routing": {"causal_wait": "100ms"}}), servers=group.servers)
    wait_for_both(daemon)
    with daemon.connect() as client:
        where_at_last(client)
        paused()
        client.query("update t set v = v + 1")
        for _ in range(200):
            assert where(client) == "primary"
        rows = routes(daemon)
        # The first ones wait, until it is clear that it is in vain.
        assert int(rows["standbys too far behind to wait for"]["count"]) > 150
        assert int(rows["standbys too far behind to wait for"]["waited"]) < 50
        for standby in group.standbys:
            standby.sql("select pg_wal_replay_resume()")
        where_at_last(client)
        client.query("update t set v = v + 1")
        wait_until(lambda: not codes(client.query("update t set v = v + 1")) and
                   where(client) != "primary", 20, "a read that waits again")


def test_reads_that_no_standby_serves_do_not_take_the_whole_primary(group, start_pgsaba, paused):
    changes = {"routing": {"max_spilled_reads": 2}, "timeouts": {"query_wait": "1s"}}
    daemon = start_pgsaba(split(changes), servers=group.servers)
    wait_for_both(daemon)
    slow = m.query("select pg_sleep(0.6)")
    with daemon.connect() as writer:
        where_at_last(writer)
        paused()
        assert codes(writer.query("update t set v = v + 1")) == []
        clients = [daemon.connect() for _ in range(4)]
        for client in clients:
            client.send(slow)
        wait_until(lambda: group.primary.value(
            "select count(*) from pg_stat_activity where query like 'select pg_sleep%'") > 0, 10,
            "a read on the primary")
        assert codes(writer.query("update t set v = v + 1")) == []  # there is room for writes
        assert group.primary.value("select count(*) from pg_stat_activity where state = 'active' "
                                   "and query like 'select pg_sleep%'") <= 2
        for client in clients:  # two at a time
            assert codes(client.read_until_ready()) == []
        blockers = clients[:2]
        for client in blockers:
            client.send(m.query("select pg_sleep(3)"))
        wait_until(lambda: group.primary.value(
            "select count(*) from pg_stat_activity where query = 'select pg_sleep(3)' and "
            "state = 'active'") == 2, 10, "two reads on the primary")
        error = m.error_fields(clients[2].query("select 1")[0])
        assert error["C"] == "53300" and "no standby can serve this read" in error["M"]
        assert "max_spilled_reads" in error["H"]
        # A standby that comes back serves those that wait.
        clients[3].send(m.query("select 1"))
        for standby in group.standbys:
            standby.sql("select pg_wal_replay_resume()")
        assert codes(clients[3].read_until_ready()) == []
        for client in blockers:
            assert codes(client.read_until_ready()) == []
        for client in clients:
            client.close()


def test_in_a_read_only_transaction_the_place_is_kept(group, start_pgsaba, paused):
    changes = {"routing": {"max_spilled_reads": 1}, "timeouts": {"query_wait": "1s"}}
    daemon = start_pgsaba(split(changes), servers=group.servers)
    wait_for_both(daemon)
    with daemon.connect() as one, daemon.connect() as other:
        where_at_last(one)
        paused()
        one.query("update t set v = v + 1")
        one.query("begin read only")
        assert where(one) == "primary"
        assert codes(other.query("select 1")) == ["53300"]
        one.query("commit")
        assert codes(other.query("select 1")) == []


def test_who_is_too_far_behind_gets_no_reads(group, start_pgsaba):
    """Also where nobody has to see anything in particular; until it has caught up."""
    changes = {"routing": {"read_your_writes": "off", "max_lag": "500ms"}}
    daemon = start_pgsaba(split(changes), servers=group.servers)
    wait_for_both(daemon)
    late = group.standbys[1]

    def fit():
        rows = {row["server"]: row for row in daemon.admin("show topology")}
        return rows[late.name]["fit_for_reads"]

    with daemon.connect() as client:
        late.sql("select pg_wal_replay_pause()")
        try:
            wait_until(lambda: not codes(client.query("update t set v = v + 1")) and
                       fit() == "no", 20, "its end as a standby")
            assert {where(client) for _ in range(20)} == {"standby-1"}
        finally:
            late.sql("select pg_wal_replay_resume()")
    wait_for_both(daemon)
