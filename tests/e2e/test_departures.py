"""Clients that say no more: what they have sent whole is answered as on a direct connection, if they
only listen on. Those that are gone keep nobody from a server."""

import signal
import socket
import time

import pytest
from harness import messages as m
from harness.client import RawClient
from harness.conversations import begin, pool_row, server_count, tags, wait_for_waiters
from harness.processes import wait_until
from harness.session_cases import masked

BATCH = m.parse("", "select 2") + m.bind() + m.describe_portal() + m.execute()
SAID = {
    "a query": m.query("select 1"),
    "several": m.query("select 1") + m.query("select 2; select 3") + m.query("selekt"),
    "a slow one": m.query("select pg_sleep(0.2)"),
    "a batch": BATCH + m.sync(),
    "batches": BATCH + m.sync() + m.query("select 1/0") + BATCH + m.sync(),
    "a batch without its end": BATCH,
    "a query and a batch without its end": m.query("select 1") + BATCH,
    "half a message": m.query("select 1") + m.query("select 2")[:-3],
    "a transaction": m.query("begin") + m.query("select 1"),
    "a transaction of which nothing follows": m.query("begin"),
    "a failed one": m.query("begin") + m.query("select 1/0") + m.query("select 1"),
    "settings": m.query("set application_name = 'gone'") + m.query("show application_name"),
    "a lock": m.query("select pg_advisory_lock(4711)") + m.query("select 1"),
    "a listener": m.query("listen news") + m.query("notify news") + m.query("select 1"),
    "a table": m.query("create temp table t as select 5 as five") + m.query("table t"),
    "a large result": m.query("select repeat('x', 1000) from generate_series(1, 5000)"),
    "nothing": b"",
    "terminate": m.query("select 1") + m.terminate(),
    "terminate in a batch": m.query("select 1") + BATCH + m.terminate(),
}


def answers(where, said, *, login=True):
    """All that comes after the last word. With login=False even the startup packet is part of it."""
    with RawClient(where, login=login) as client:
        if not login:
            said = m.startup({"user": "postgres", "database": "postgres"}) + said
        client.send(said)
        client.socket.shutdown(socket.SHUT_WR)
        frames = client.read_to_end()
    return masked([frame for frame in frames if frame.tag not in b"SKA"])


@pytest.mark.parametrize("said", SAID.values(), ids=SAID)
def test_who_listens_on_is_answered(cluster, pgsaba, said):
    assert answers(pgsaba.where, said) == answers((cluster.host, cluster.port), said)
    wait_until(lambda: server_count(cluster, "state = 'idle in transaction'") == 0, 10, "no transaction")
    assert int(pool_row(pgsaba)["cl_active"]) == 0


def test_the_first_word_may_be_the_last(cluster, start_pgsaba):
    """No server is there yet, nor is it known how one greets."""
    daemon = start_pgsaba()
    direct = answers((cluster.host, cluster.port), SAID["several"], login=False)
    assert answers(daemon.where, SAID["several"], login=False) == direct


@pytest.mark.parametrize("unix", [False, True])
def test_who_listens_on_may_wait_for_a_server(start_pgsaba, unix):
    daemon = start_pgsaba({"databases": {"postgres": {"pool_size": 1}}})
    with daemon.connect() as holder, RawClient(daemon.unix_socket if unix else daemon.where) as client:
        begin(holder)
        client.send(m.query("select 'served'") + m.query("select 'twice'"))
        client.socket.shutdown(socket.SHUT_WR)
        wait_for_waiters(daemon, 1)
        assert tags(client.read_until(b"S")) == b"S"  # it was asked whether it is there
        holder.rows("commit")
        assert tags(client.read_to_end()) == b"TDCZTDCZ"


@pytest.mark.parametrize("unix", [False, True])
def test_who_is_gone_waits_no_longer(cluster, start_pgsaba, unix):
    daemon = start_pgsaba({"databases": {"postgres": {"pool_size": 1}}})
    cluster.sql("create table if not exists left_behind (a int)")
    with daemon.connect() as holder:
        begin(holder)
        client = RawClient(daemon.unix_socket if unix else daemon.where)
        client.send(m.query("insert into left_behind values (1)"))
        wait_for_waiters(daemon, 1)
        client.socket.close()
        wait_for_waiters(daemon, 0)
        holder.rows("commit")
        assert holder.value("select count(*) from left_behind") == "0"


@pytest.mark.parametrize("unix", [False, True])
def test_who_is_gone_leaves_its_place_in_the_pool(start_pgsaba, unix):
    """What runs goes on, as on a direct connection."""
    daemon = start_pgsaba({"databases": {"postgres": {"pool_size": 1}}})
    client = RawClient(daemon.unix_socket if unix else daemon.where)
    client.send(m.query("select pg_sleep(60)"))
    wait_until(lambda: pool_row(daemon)["cl_active"] == "1", 10, "a running statement")
    client.socket.close()
    with daemon.connect(timeout=30) as other:
        assert other.value("select 'free'") == "free"


def test_a_console_answers_who_listens_on(start_pgsaba):
    daemon = start_pgsaba()
    with daemon.connect(database="pgsaba") as client:
        client.send(m.query("show version") + m.query("pause"))
        client.socket.shutdown(socket.SHUT_WR)
        assert tags(client.read_to_end()) == b"TDCZCZ"
    with daemon.connect(database="pgsaba") as client:
        assert tags(client.query("resume")) == b"CZ"


def test_at_the_end_nobody_is_waited_for(start_pgsaba):
    """A client that has hung up is served to the end of its transaction like any other."""
    daemon = start_pgsaba()
    with daemon.connect() as client:
        client.send(m.query("select pg_sleep(1)"))
        client.socket.shutdown(socket.SHUT_WR)
        wait_until(lambda: pool_row(daemon)["cl_active"] == "1", 10, "a running statement")
        daemon.send_signal(signal.SIGTERM)
        assert tags([one for one in client.read_to_end() if one.tag != b"S"]) == b"TDCZ"
        assert daemon.wait() == 0


@pytest.mark.parametrize("count", [17_000, 40_000])
@pytest.mark.parametrize("first", [b"", m.parse("", "select 1")], ids=["alone", "behind a Parse"])
@pytest.mark.parametrize("made", [False, True])
def test_a_long_batch(cluster, pgsaba, count, first, made):
    """More messages than the ledger has places for. Of a statement that was made Close is answered
    without a server."""
    closed = m.close_statement("made") * count
    for where in (cluster.host, cluster.port), pgsaba.where:
        with RawClient(where) as client:
            if made:
                client.send(m.parse("made", "select 1") + m.sync())
                client.read_until_ready()
            client.send(first + closed + m.parse("made", "select 2") + m.bind("", "made") + m.execute() + m.sync())
            expected = (b"1" if first else b"") + b"3" * count + b"12DCZ"
            assert tags(client.read_until_ready()) == expected


def test_the_last_answer_of_many_that_were_not_read_is_there(start_pgsaba):
    """Terminate comes right behind a query, at every degree of fullness of the client's socket."""
    daemon = start_pgsaba()
    query = m.query("select repeat('x', 1500)")
    for count in range(75, 115):
        with RawClient(daemon.unix_socket, timeout=20) as client:
            for _ in range(count - 1):
                client.send(query)
                time.sleep(0.001)  # so that each answer is sent by itself
            time.sleep(0.01)
            client.send(query + m.terminate())
            time.sleep(0.02)
            frames = client.read_to_end()
        assert sum(frame.tag == b"Z" for frame in frames) == count
