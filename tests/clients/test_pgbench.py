"""pgbench: the three query modes, with more clients than servers where its design allows it."""

import re
import subprocess

import pytest
from harness.cluster import bin_directory

# pgbench's single thread prepares a statement with a blocking call. If its other clients hold all
# servers in open transactions then, nobody ever commits: pgbench waits for itself. Such a run gets
# as many servers as it has clients.
SHARED, ALONE = 6, 2

SAVEPOINTS = """
\\set id random(1, 10)
\\set odd random(0, 1)
begin;
update b_counters set n = n + 1 where id = :id;
savepoint one;
update b_counters set n = n + 1000 where id = :id;
rollback to savepoint one;
release savepoint one;
\\if :odd
commit;
\\else
rollback;
\\endif
"""


def pgbench(target, *arguments):
    command = [bin_directory() / "pgbench", "-h", target.host, "-p", target.port, "-U", target.user,
               *arguments, "postgres"]
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def run(target, clients, transactions, *arguments):
    """Every transaction of every client succeeds."""
    said = pgbench(target, "-n", "-c", clients, "-t", transactions, *arguments)
    wanted = clients * transactions
    assert f"processed: {wanted}/{wanted}" in said, said
    failures = re.search(r"number of failed transactions: (\d+)", said)
    assert failures is None or failures[1] == "0", said


@pytest.fixture
def tables(cluster, direct, through):
    """Made through pgsaba (COPY, VACUUM, DDL); afterwards nothing may be lost or done twice."""
    pgbench(through, "-i", "-q", "-s", "2")
    yield
    sums = cluster.sql("""
        select (select sum(delta) from tester.pgbench_history),
               (select sum(abalance) from tester.pgbench_accounts),
               (select sum(tbalance) from tester.pgbench_tellers),
               (select sum(bbalance) from tester.pgbench_branches)""")[0]
    assert len({total or 0 for total in sums}) == 1, sums


@pytest.mark.parametrize("mode, clients", [
    ("simple", SHARED), ("extended", SHARED), ("prepared", ALONE)])
def test_tpcb(cluster, through, tables, mode, clients):
    run(through, clients, 300, "-M", mode)
    assert cluster.value("select count(*) from tester.pgbench_history") == clients * 300


@pytest.mark.parametrize("mode", ["simple", "extended", "prepared"])
def test_select_only(through, tables, mode):
    run(through, 8, 300, "-S", "-M", mode, "-j", "2")


def test_connection_per_transaction(cluster, through, tables):
    run(through, SHARED, 20, "-C")
    assert cluster.value("select count(*) from tester.pgbench_history") == SHARED * 20


@pytest.mark.parametrize("mode, clients", [("simple", SHARED), ("prepared", ALONE)])
def test_savepoints(cluster, through, directory, mode, clients):
    cluster.sql("drop table if exists tester.b_counters")
    cluster.sql("create table tester.b_counters as select id, 0 as n from generate_series(1, 10) id")
    cluster.sql("alter table tester.b_counters owner to tester")
    script = directory.path / "savepoints.sql"
    script.write_text(SAVEPOINTS)
    run(through, clients, 200, "-M", mode, "-f", script)
    total, largest = cluster.sql("select sum(n), max(n) from tester.b_counters")[0]
    # About half of the transactions were committed, and nothing behind the savepoint.
    assert 0 < total < clients * 200 and largest < 1000


def test_pipelines(through, directory):
    script = directory.path / "pipeline.sql"
    script.write_text("\\startpipeline\nselect 1;\nselect 2;\nbegin;\nselect 3;\ncommit;\n"
                      "\\endpipeline\n")
    run(through, SHARED, 100, "-M", "extended", "-f", script)
