"""PostgreSQL dies: one backend, all of them, the postmaster; and comes back while clients stay."""
# ctest-labels: threads

import itertools
import os
import signal
import threading
import time

import pytest
from harness import messages as m
from harness.client import ServerError
from harness.cluster import PostgresCluster
from harness.conversations import backend, begin, error_of, server_count, tags, wait_for_waiters
from harness.processes import wait_until

NUMBERS = itertools.count()


@pytest.fixture
def cluster(directory):
    """One for each test: what is killed here comes back only if it is told to."""
    made = PostgresCluster(directory, f"mortal_{next(NUMBERS)}").initialize().start()
    yield made
    made.stop("immediate")


def start(start_pgsaba, cluster, size=2, workers=1, **timeouts):
    return start_pgsaba({"workers": workers, "databases": {"postgres": {"pool_size": size}},
                         "timeouts": {"server_login_retry": "1s", **timeouts}}, [cluster])


def kill_backend(cluster, pid, number=signal.SIGTERM):
    """SIGKILL makes the postmaster restart everything, SIGTERM ends this one only."""
    os.kill(pid, number)
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), 10, "the backend's end")


# One backend


def test_at_rest(start_pgsaba, cluster):
    daemon = start(start_pgsaba, cluster, size=1)
    with daemon.connect() as client:
        first = backend(client)
        kill_backend(cluster, first)
        assert backend(client) != first
        daemon.wait_for_log("57P01|terminating connection")


def test_between_the_statements_of_a_transaction(start_pgsaba, cluster):
    """The client hears of it with its next statement, and has to end the transaction."""
    daemon = start(start_pgsaba, cluster)
    with daemon.connect() as client:
        kill_backend(cluster, begin(client))
        frames = client.query("select 1")
        error = error_of(frames)
        assert (error["S"], error["C"]) == ("ERROR", "08006") and frames[-1].body == b"E"
        assert error_of(client.query("select 2"))["C"] == "25P02"
        frames = client.query("commit")
        assert tags(frames) == b"CZ" and frames[0].body == b"ROLLBACK\0"
        assert client.value("select 3") == "3"


@pytest.mark.parametrize("in_block, code, status", [(False, "08007", b"I"), (True, "08006", b"E")])
def test_in_the_middle_of_a_statement(start_pgsaba, cluster, in_block, code, status):
    daemon = start(start_pgsaba, cluster)
    with daemon.connect() as client:
        if in_block:
            client.rows("begin")
        client.send(m.query("select pg_sleep(30)"))
        wait_until(lambda: sleeper(cluster), 10, "the sleep")
        kill_backend(cluster, sleeper(cluster))
        frames = client.read_until_ready()
        assert error_of(frames)["C"] == code and frames[-1].body == status
        client.query("rollback")
        assert client.value("select 1") == "1"


def sleeper(cluster):
    rows = cluster.sql("select pid from pg_stat_activity where query like 'select pg_sleep%'"
                       " and state = 'active'")
    return rows[0][0] if rows else None


def test_a_write_is_never_sent_again(start_pgsaba, cluster):
    """Its server dies with the statement on its way: an error, and at most one row."""
    daemon = start(start_pgsaba, cluster)
    cluster.sql("create table written (id int)")
    with daemon.connect() as client:
        for number in range(5):
            client.send(m.query(f"insert into written select {number} from pg_sleep(0.3)"))
            wait_until(lambda: server_count(cluster, "state = 'active'"), 10, "the insert")
            cluster.sql("select pg_terminate_backend(pid) from pg_stat_activity where query like"
                        " 'insert into written%'")
            assert error_of(client.read_until_ready())["C"] == "08007"
        assert client.value("select count(*) from written") == "0"


def test_in_session_mode_the_client_goes_with_its_server(start_pgsaba, cluster):
    """Half of its session is gone: it must not go on as if nothing had happened."""
    daemon = start_pgsaba({"databases": {"postgres": {"pool_mode": "session"}}}, [cluster])
    client = daemon.connect()
    kill_backend(cluster, backend(client))
    frames = client.read_to_end()
    assert m.error_fields(frames[-1])["S"] == "FATAL"
    with daemon.connect() as other:
        assert other.value("select 1") == "1"


def test_kill_9_of_a_backend(start_pgsaba, cluster):
    """PostgreSQL ends all sessions and recovers: who is at rest does not notice, statements wait."""
    daemon = start(start_pgsaba, cluster, size=3)
    clients = [daemon.connect() for _ in range(3)]
    for client in clients:
        begin(client)
    for client in clients[:2]:
        client.rows("commit")
    victim = backend(clients[2])
    kill_backend(cluster, victim, signal.SIGKILL)
    # The postmaster ends the others a moment later; a statement sent in between would be under way.
    wait_until(lambda: daemon.log.count("server closed the connection\n") >= 3, 10, "the end of all")
    for client in clients[:2]:
        assert client.value("select 1") == "1"
    frames = clients[2].query("select 1")
    assert error_of(frames)["C"] == "08006" and frames[-1].body == b"E"
    assert clients[2].query("rollback")[-1].body == b"I"
    for client in clients:
        assert client.value("select 2") == "2"
        client.close()


# All of them


@pytest.mark.parametrize("workers", [1, 2])
def test_a_restart_under_load(start_pgsaba, cluster, workers):
    """Nobody loses the connection; a statement waits, or fails by name if it was under way."""
    daemon = start(start_pgsaba, cluster, size=4, workers=workers)
    over, lost, failed, done = threading.Event(), [], [], [0] * 8

    def work(place):
        try:
            with daemon.connect(timeout=40) as client:
                while not over.is_set():
                    try:
                        client.value("select 1")
                        done[place] += 1
                    except ServerError as error:
                        failed.append(error.sqlstate)
        except Exception as failure:  # noqa: BLE001: told below
            lost.append(failure)

    threads = [threading.Thread(target=work, args=[place]) for place in range(len(done))]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: min(done) > 10, 10, "load")
        cluster.stop("fast")
        time.sleep(0.5)
        cluster.start()
        before = list(done)
        wait_until(lambda: lost or all(now > then + 10 for now, then in zip(done, before)), 20,
                   "work after the restart")
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert lost == []
    assert set(failed) <= {"08006", "08007"} and len(failed) <= 8


def test_statements_wait_for_a_server_that_comes_back(start_pgsaba, cluster):
    daemon = start(start_pgsaba, cluster)
    with daemon.connect() as client, daemon.connect() as other:
        client.rows("select 1")
        cluster.stop("fast")
        client.send(m.query("select 2"))
        other.send(m.query("select 3"))
        assert client.is_silent(1)
        wait_for_waiters(daemon, 2)
        with daemon.connect() as newcomer:  # to log in needs no server either
            newcomer.send(m.query("select 4"))
            cluster.start()
            for each, value in ((client, b"2"), (other, b"3"), (newcomer, b"4")):
                assert m.row_values(each.read_until_ready()[1]) == [value]


def test_failover_wait_is_the_end_of_waiting(start_pgsaba, cluster):
    daemon = start(start_pgsaba, cluster, failover_wait="1s")
    with daemon.connect() as client:
        client.rows("select 1")
        cluster.stop("immediate")
        started = time.monotonic()
        frames = client.query("select 2")
        assert 0.5 < time.monotonic() - started < 8
        error = error_of(frames)
        assert (error["S"], error["C"]) == ("ERROR", "08006") and "cannot connect" in error["M"]
        assert frames[-1].body == b"I"
        cluster.start()
        wait_until(lambda: error_of(client.query("select 3")) is None, 10, "a served statement")


def test_whoever_waits_for_less_long_is_told_why(start_pgsaba, cluster):
    """Not that others have the servers, for nobody has."""
    daemon = start(start_pgsaba, cluster, query_wait="1s", server_login_retry="100ms")
    with daemon.connect() as client:
        client.rows("select 1")
        cluster.stop("immediate")
        error = error_of(client.query("select 2"))
        assert (error["S"], error["C"]) == ("ERROR", "08006")
        assert "could be reached within query_wait" in error["M"] and "0 of " in error["D"]
        cluster.start()
        wait_until(lambda: error_of(client.query("select 3")) is None, 10, "a served statement")


def test_kill_9_of_the_postmaster(start_pgsaba, cluster):
    """No goodbye at all, as when the machine is gone."""
    daemon = start(start_pgsaba, cluster)
    with daemon.connect() as resting, daemon.connect() as busy, daemon.connect() as running:
        resting.rows("select 1")
        begin(busy)
        running.send(m.query("select pg_sleep(30)"))
        wait_until(lambda: sleeper(cluster), 10, "the sleep")
        cluster.kill()
        assert error_of(running.read_until_ready())["C"] == "08007"
        resting.send(m.query("select 2"))
        assert resting.is_silent(0.3)
        assert error_of(busy.query("select 1"))["C"] == "08006"
        assert busy.query("rollback")[-1].body == b"I"
        cluster.start()
        assert m.row_values(resting.read_until_ready()[1]) == [b"2"]
        for client in (busy, running):
            assert client.value("select 3") == "3"


def test_start_before_postgresql(start_pgsaba, cluster):
    cluster.stop("fast")
    daemon = start(start_pgsaba, cluster)
    with daemon.connect(login=False) as client:
        client.send(m.startup({"user": "postgres", "database": "postgres"}))
        assert client.is_silent(1)
        cluster.start()
        client.read_until_ready()
        assert client.value("select 1") == "1"
