"""Connections of which the other side has closed its direction, and that are kept all the same, cost
nothing: no worker turns for them."""
# ctest-labels: threads

import os
import socket
import threading
import time
from pathlib import Path

import pytest
from harness import messages as m
from harness.client import RawClient
from harness.conversations import wait_for_waiters

WORKERS = pytest.mark.parametrize("workers", [1, 2])


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def check_rest(daemon):
    """A thread that turns without rest takes all the time that it is given."""
    before = cpu_seconds(daemon.pid)
    time.sleep(1)
    assert cpu_seconds(daemon.pid) - before < 0.15


def say_no_more(client):
    client.socket.shutdown(socket.SHUT_WR)
    return client


@WORKERS
def test_clients(start_pgsaba, workers):
    daemon = start_pgsaba({"workers": workers, "databases": {"postgres": {"pool_size": 1}}})
    said = [b"", m.startup({"user": "postgres", "database": "postgres"})[:7], m.cancel_request(1, b"abcd"),
            m.cancel_request(1, b"abcd")[:9]]
    kept = []
    for words in said:
        kept.append(RawClient(daemon.where, login=False))
        kept[-1].send(words)
        say_no_more(kept[-1])
    busy, waiting, idle = (daemon.connect() for _ in range(3))
    kept += [busy, waiting, say_no_more(idle)]
    busy.send(m.query("select pg_sleep(60)"))
    assert busy.is_silent(0.1)
    say_no_more(busy)
    waiting.send(m.query("select 1"))
    say_no_more(waiting)
    wait_for_waiters(daemon, 1)
    check_rest(daemon)
    for client in kept:
        client.socket.close()


@WORKERS
def test_a_server_that_takes_a_cancel_request(before_fake, workers):
    """It says that no more comes, and keeps its end."""
    over, came, said_after = threading.Event(), threading.Event(), []

    def keep(connection, _pid, _secret):
        connection.socket.shutdown(socket.SHUT_WR)
        connection.socket.settimeout(10)
        said_after.append(connection.socket.recv(1))
        came.set()
        over.wait(30)

    def never_answer(connection):
        connection.welcome()
        connection.query()
        over.wait(30)

    daemon, _ = before_fake(never_answer, changes={"workers": workers}, on_cancel=keep)
    with daemon.connect() as client:
        client.send(m.query("select 1"))
        assert client.is_silent(0.1)
        with RawClient(daemon.where, login=False) as other:
            other.send(m.cancel_request(client.backend_pid, client.backend_secret))
            say_no_more(other)
            assert came.wait(10) and said_after == [b""]  # it is left in turn
            check_rest(daemon)
        over.set()


@WORKERS
@pytest.mark.parametrize("answer", [b"", b"what?"])
def test_a_peer_that_takes_a_cancel_request(start_pgsaba, workers, answer):
    with socket.create_server(("127.0.0.1", 0)) as peer:
        daemon = start_pgsaba({"workers": workers, "peer_id": 1, "peers": {
            2: {"host": "127.0.0.1", "port": peer.getsockname()[1]}}})
        with RawClient(daemon.where, login=False) as client:
            client.send(m.cancel_request(2 << 24 | 1, b"abcd"))
            say_no_more(client)
            taken, _ = peer.accept()
            with taken:
                taken.settimeout(10)
                assert taken.recv(100)
                taken.sendall(answer)
                taken.shutdown(socket.SHUT_WR)
                assert taken.recv(1) == b""  # it is left in turn
                check_rest(daemon)


@WORKERS
def test_servers_at_rest(before_fake, workers):
    """One that a client's transaction is on, too."""
    over = threading.Event()

    def close_half(connection):
        connection.welcome()
        connection.answer(connection.query())
        connection.socket.shutdown(socket.SHUT_WR)
        over.wait(30)

    daemon, _ = before_fake(close_half, changes={"workers": workers})
    with daemon.connect() as first, daemon.connect() as second:
        first.query("select 1")
        begin_alone(second)
        check_rest(daemon)
        over.set()


def begin_alone(client):
    client.send(m.query("begin"), m.query("select 1"))
    client.read_until_ready()
