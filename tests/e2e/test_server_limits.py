"""Time limits towards servers that do not answer, or not as hoped; real ones never do that on cue."""

import threading
import time

from harness import fake_postgres as fake_server
from harness import messages as m
from harness.conversations import error_of, refusal, tags, wait_for_waiters
from harness.fake_postgres import error
from harness.processes import wait_until


def one(**timeouts):
    return {"databases": {"postgres": {"pool_size": 1}}, "timeouts": timeouts}


def mute(connection):
    """Accepts, and never says a word."""
    while True:
        connection.read_bytes(1)


def refuse(connection):
    connection.send(error("28P01", "password authentication failed", "FATAL"))


def cancel(daemon, client):
    with daemon.connect(login=False) as canceller:
        canceller.send(m.cancel_request(client.backend_pid, client.backend_secret))
        canceller.read_to_end()


def test_server_connect_tries_another_time(before_fake):
    daemon, fake = before_fake(mute, fake_server.serve, changes=one(server_connect="500ms"))
    started = time.monotonic()
    with daemon.connect() as client:
        assert client.value("select 1") == "select 1"
    assert time.monotonic() - started > 0.4
    assert len(fake.connections) == 2
    daemon.wait_for_log("connect timeout")


def test_nobody_waits_longer_than_failover_wait(before_fake):
    daemon, _ = before_fake(mute, changes=one(server_connect="200ms", server_login_retry="200ms",
                                              failover_wait="1s"))
    started = time.monotonic()
    refused = refusal(daemon.where)
    assert 0.8 < time.monotonic() - started < 8
    assert (refused["S"], refused["C"]) == ("FATAL", "08006")
    assert "server_connect" in refused["M"] and refused["H"]


def test_a_statement_survives_failover_wait_as_an_error(before_fake):
    """A client that is in stays in: its statement fails, and the next may succeed."""
    def serve_once(connection):
        connection.welcome()
        connection.answer(connection.query())

    daemon, _ = before_fake(serve_once, mute, mute, mute, fake_server.serve, changes=one(
        server_connect="400ms", server_login_retry="100ms", failover_wait="600ms"))
    with daemon.connect() as client:
        assert client.value("one") == "one"
        daemon.wait_for_log("S-.*server closed")  # "two" is not to meet it
        frames = client.query("two")
        assert tags(frames) == b"EZ" and error_of(frames)["C"] == "08006"
        assert error_of(frames)["S"] == "ERROR"
        wait_until(lambda: error_of(client.query("three")) is None, 10, "a server that answers")


def test_server_login_retry_spares_the_server(before_fake):
    """For so long after a refused login others get the same answer without an attempt."""
    daemon, fake = before_fake(refuse, refuse, fake_server.serve,
                               changes=one(server_login_retry="1500ms"))
    started = time.monotonic()
    for _ in range(5):
        refused = refusal(daemon.where)
        assert (refused["C"], refused["M"]) == ("28P01", "password authentication failed")
    assert time.monotonic() - started < 1.5 and len(fake.connections) == 1

    def gets_in():
        try:
            daemon.connect().close()
            return True
        except Exception as failure:  # noqa: BLE001: what else it is, the limit will tell
            raise OSError(failure) from failure

    wait_until(gets_in, 15, "a third attempt")
    assert len(fake.connections) == 3
    assert time.monotonic() - started > 2.5


def test_cancel_wait_bounds_a_request_without_an_end(before_fake):
    """It may hit whatever its server runs later: that serves nobody else, and is replaced."""
    arrived, release = threading.Event(), threading.Event()

    def server(connection):
        connection.welcome()
        sql = connection.query()
        assert sql == "slow" and arrived.wait(10)
        connection.answer(sql)
        connection.serve()

    def swallow(*_):
        arrived.set()
        release.wait(20)

    daemon, fake = before_fake(server, fake_server.serve, changes=one(cancel_wait="1s"),
                               on_cancel=swallow)
    with daemon.connect() as first, daemon.connect() as second:
        first.send(m.query("slow"))
        second.send(m.query("next"))
        wait_for_waiters(daemon, 1)
        cancel(daemon, first)
        first.read_until_ready()
        assert len(fake.connections) == 1
        assert b"next" in second.read_until_ready()[1].body
        assert len(fake.connections) == 2
    release.set()


def test_cancel_requests_at_once_are_bounded(before_fake):
    """Ten clients cancel, two requests may be under way, the log names the other eight."""
    release = threading.Event()

    def sleepy(connection):
        connection.welcome()
        while True:
            sql = connection.query()
            release.wait(20)
            connection.answer(sql)

    daemon, fake = before_fake(sleepy, on_cancel=lambda *_: release.wait(20), changes={
        "databases": {"postgres": {"pool_size": 10}}, "limits": {"max_cancel_requests": 2}})
    clients = [daemon.connect() for _ in range(10)]
    for client in clients:
        client.send(m.query("sleep"))
    wait_until(lambda: len(fake.connections) == 10, 10, "ten servers")
    for client in clients:
        cancel(daemon, client)
    wait_until(lambda: daemon.log.count("max_cancel_requests is 2") == 8, 10, "eight lines")
    pool = daemon.admin("show pools")[-1]
    assert [pool[name] for name in ("cl_active_cancel_req", "sv_active_cancel",
                                    "cl_waiting_cancel_req")] == ["2", "2", "0"]
    time.sleep(0.2)
    assert len(fake.cancels) <= 2
    release.set()
    for client in clients:
        assert tags(client.read_until_ready())[-1:] == b"Z"
        client.close()
