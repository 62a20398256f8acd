"""Cancel requests reach exactly the statement they were meant for."""
# ctest-labels: threads

import socket
import threading

import pytest

from harness import messages
from harness.messages import error_fields


def cancel(daemon, client, secret=None):
    with socket.create_connection(daemon.where, 5) as link:
        link.sendall(messages.cancel_request(client.backend_pid, secret or client.backend_secret))
        while link.recv(100):
            pass


def sqlstates(frames):
    return [error_fields(frame)["C"] for frame in frames if frame.tag == b"E"]


@pytest.mark.parametrize("workers", [1, 2])
def test_it_reaches_the_running_statement(start_pgsaba, workers):
    daemon = start_pgsaba({"workers": workers})
    clients = [daemon.connect() for _ in range(3)]
    for client in clients:
        client.send(messages.query("select pg_sleep(20)"))
    for client in clients:
        assert client.is_silent(0.1)
        cancel(daemon, client)
        assert sqlstates(client.read_until_ready()) == ["57014"]
        assert client.value("select 1") == "1"
        client.close()


def test_it_ends_the_wait_for_a_server(start_pgsaba):
    daemon = start_pgsaba({"databases": {"postgres": {"pool_size": 1}}})
    with daemon.connect() as holder, daemon.connect() as waiting:
        holder.query("begin; select 1")
        waiting.send(messages.query("select 2"))
        assert waiting.is_silent(0.1)
        cancel(daemon, waiting)
        assert sqlstates(waiting.read_until_ready()) == ["57014"]
        holder.query("commit")
        assert waiting.value("select 3") == "3"


def test_a_wrong_secret_is_ignored(start_pgsaba):
    daemon = start_pgsaba()
    with daemon.connect() as client:
        client.send(messages.query("select pg_sleep(0.7)"))
        wrong = bytes(byte ^ 1 for byte in client.backend_secret)
        cancel(daemon, client, wrong)
        assert sqlstates(client.read_until_ready()) == []


def test_a_late_one_never_hits_the_next_client(start_pgsaba):
    """One server, two clients: one runs quick statements that are cancelled all the time, the other
    must never be."""
    daemon = start_pgsaba({"databases": {"postgres": {"pool_size": 1}}})
    target, innocent = daemon.connect(), daemon.connect()
    over = threading.Event()
    seen = []

    def run_innocent():
        while not over.is_set():
            innocent.send(messages.query("select pg_sleep(0.001)"))
            seen.extend(sqlstates(innocent.read_until_ready()))

    thread = threading.Thread(target=run_innocent)
    thread.start()
    try:
        for _ in range(200):
            target.send(messages.query("select 1"))
            cancel(daemon, target)
            assert set(sqlstates(target.read_until_ready())) <= {"57014"}
    finally:
        over.set()
        thread.join()
    assert seen == []
    target.close()
    innocent.close()


def test_protocol_3_2_has_a_long_secret(start_pgsaba):
    daemon = start_pgsaba()
    client = daemon.connect(version=0x00030002)
    assert len(client.backend_secret) == 16
    client.send(messages.query("select pg_sleep(20)"))
    assert client.is_silent(0.1)
    cancel(daemon, client)
    assert sqlstates(client.read_until_ready()) == ["57014"]
    client.close()
