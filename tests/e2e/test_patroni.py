"""In front of a cluster that Patroni manages, pgsaba needs the list of servers and nothing else: it
follows whoever is the primary, and no acknowledged row is lost on the way."""

import pytest
from harness.group import split
from harness.patroni import Etcd, PatroniNode
from harness.processes import wait_until
from harness.workload import Readers, Writers

ROLES = ("Leader", "Sync Standby")


@pytest.fixture(scope="module")
def nodes(directory):
    etcd = Etcd(directory)
    made = [PatroniNode(directory, etcd, name) for name in ("saba-1", "saba-2")]
    try:
        made[0].start()
        wait_until(made[0].is_ready, 60, "the first server")
        made[1].start()
        wait_until(made[1].is_ready, 60, "the second server")
        wait_for_both(made)
        made[0].sql("create table w (key text)")
        made[0].sql("create table r as select generate_series(1, 100)")
        yield made
    finally:
        for node in made:
            node.stop()
        etcd.stop()


def wait_for_both(nodes):
    """The standby has all that is acknowledged from now on."""
    def complete():
        return sorted(member["Role"] for member in nodes[0].members().values()) == sorted(ROLES)
    wait_until(complete, 60, "a synchronous standby")


def by_role(nodes):
    roles = {name: member["Role"] for name, member in nodes[0].members().items()}
    return sorted(nodes, key=lambda node: ROLES.index(roles[node.name]))


@pytest.fixture
def daemon(nodes, start_pgsaba):
    """It has found out who is who, and what the database has of its own."""
    wait_for_both(nodes)
    started = start_pgsaba(split({"timeouts": {"failover_wait": "60s"}}), servers=nodes)
    wait_until(lambda: reads_on_a_standby(started), 30, "a read on the standby")
    return started


def reads_on_a_standby(daemon):
    with daemon.connect() as client:
        client.query("select count(*) from r")
    return "standby" in {row["route"] for row in daemon.admin("show routes")}


def primary_of(daemon):
    return {row["role"]: row["server"] for row in daemon.admin("show topology")}.get("primary")


def test_a_switchover_by_patroni(nodes, daemon):
    primary, standby = by_role(nodes)
    with Writers(daemon, 16) as writers, Readers(daemon, 8) as readers:
        wait_until(writers.all_go_on(), 60, "writes")
        primary.control("switchover", "--master", primary.name, "--candidate", standby.name, "--force")
        wait_until(writers.all_go_on(), 60, "writes on the new primary")
        wait_until(readers.all_go_on(), 60, "reads")
    assert primary_of(daemon) == standby.name
    assert readers.errors == []
    assert set(writers.errors) <= {"08007", "57P01"} and len(writers.errors) <= 4
    writers.check(standby)
    standby.sql("truncate w")


def test_a_failover_by_patroni(nodes, daemon):
    primary, standby = by_role(nodes)
    with Writers(daemon, 16) as writers, Readers(daemon, 8) as readers:
        wait_until(writers.all_go_on(), 60, "writes")
        primary.kill_server()
        wait_until(writers.all_go_on(), 60, "writes on the new primary")
        wait_until(readers.all_go_on(), 60, "reads")
    assert primary_of(daemon) == standby.name
    assert readers.errors == []
    assert set(writers.errors) <= {"08007", "57P01"} and len(writers.errors) <= 4
    writers.check(standby)
