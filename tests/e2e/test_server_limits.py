"""Time limits towards servers that do not answer, or not as hoped; real ones never do that on cue."""

import threading
import time

import pytest
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


@pytest.fixture
def canceling(before_fake):
    """A server that keeps cancel requests until it is told to let some through; a statement ends with the
    one that is meant for it, or, unless it is stubborn, with `over`."""
    through, over = threading.Semaphore(0), threading.Event()
    ends = {}

    def sleepy(connection):
        connection.welcome()
        while True:
            sql = connection.query()
            if sql in ("sleep", "another", "stubborn"):
                ends[connection.pid] = threading.Event()
                connection.runs = sql
                wait_until(lambda: ends[connection.pid].is_set() or (sql != "stubborn" and over.is_set()),
                           30, "the end of a statement")
            connection.answer(sql)

    def hold(_, pid, __):
        through.acquire(timeout=30)
        ends[pid].set()

    def start(clients, **limits):
        daemon, fake = before_fake(sleepy, on_cancel=hold, changes={
            "databases": {"postgres": {"pool_size": clients}}, **limits})
        sessions = [daemon.connect() for _ in range(clients)]
        for session in sessions:
            session.send(m.query("sleep"))
        wait_until(lambda: len(fake.connections) == clients == len(ends), 10, "all statements")
        return daemon, fake, sessions

    yield start, through.release, over
    through.release(1000)
    over.set()


def requests(daemon):
    """On their way, and waiting."""
    pool = daemon.admin("show pools")[-1]
    assert pool["cl_active_cancel_req"] == pool["sv_active_cancel"]
    return int(pool["cl_active_cancel_req"]), int(pool["cl_waiting_cancel_req"])


def test_cancel_requests_wait_for_their_turn(canceling):
    """Ten clients cancel, two requests may be under way to one server, half of all: they reach their statements
    two at a time."""
    start, let_through, _ = canceling
    daemon, fake, clients = start(10, limits={"max_cancel_requests": 4})
    for client in clients:
        cancel(daemon, client)
    wait_until(lambda: requests(daemon) == (2, 8), 10, "two on their way")
    wait_until(lambda: len(fake.cancels) == 2, 10, "two there")
    for done in range(1, 9):
        let_through()
        wait_until(lambda: requests(daemon) == (2, 8 - done), 10, "the next one's turn")
    let_through(2)
    for client in clients:
        assert tags(client.read_until_ready())[-1:] == b"Z"
        client.close()
    assert len(fake.cancels) == 10


def test_a_client_waits_with_one_cancel_request(canceling):
    start, let_through, _ = canceling
    daemon, fake, clients = start(2, limits={"max_cancel_requests": 1})
    cancel(daemon, clients[0])
    wait_until(lambda: len(fake.cancels) == 1, 10, "the first one")
    for _ in range(5):
        for client in clients:
            cancel(daemon, client)
    assert requests(daemon) == (1, 1)
    let_through(10)
    for client in clients:
        client.read_until_ready()
        client.close()
    assert len(fake.cancels) == 2


def test_one_whose_statement_is_over_is_not_sent(canceling):
    """The client's next statement is not what it was meant for."""
    start, let_through, over = canceling
    daemon, fake, clients = start(2, limits={"max_cancel_requests": 1})
    cancel(daemon, clients[0])
    wait_until(lambda: len(fake.cancels) == 1, 10, "the first one")
    cancel(daemon, clients[1])
    assert requests(daemon) == (1, 1)
    over.set()
    for client in clients:
        client.read_until_ready()
    over.clear()
    clients[1].send(m.query("another"))
    wait_for_running(daemon)
    let_through(10)
    wait_until(lambda: requests(daemon) == (0, 0), 10, "the end of both")
    assert len(fake.cancels) == 1
    over.set()
    clients[1].read_until_ready()
    for client in clients:
        client.close()


def test_one_that_came_for_an_earlier_statement_makes_room(canceling):
    start, let_through, over = canceling
    daemon, fake, clients = start(2, limits={"max_cancel_requests": 1})
    cancel(daemon, clients[0])
    wait_until(lambda: len(fake.cancels) == 1, 10, "the first one")
    cancel(daemon, clients[1])
    over.set()
    for client in clients:
        client.read_until_ready()
    clients[1].send(m.query("stubborn"))
    wait_until(lambda: "stubborn" in [server.runs for server in fake.connections], 10, "a statement")
    cancel(daemon, clients[1])
    assert requests(daemon) == (1, 1)
    let_through(10)
    clients[1].read_until_ready()
    assert len(fake.cancels) == 2
    for client in clients:
        client.close()


def test_the_next_statement_of_a_pipeline_is_not_hit(canceling):
    start, let_through, over = canceling
    daemon, fake, clients = start(2, limits={"max_cancel_requests": 1})
    clients[1].send(m.query("stubborn"))
    cancel(daemon, clients[0])
    wait_until(lambda: len(fake.cancels) == 1, 10, "the first one")
    cancel(daemon, clients[1])
    assert requests(daemon) == (1, 1)
    over.set()
    for client in clients:
        client.read_until_ready()
    let_through(1)
    wait_until(lambda: requests(daemon) == (0, 0), 10, "the end of both")
    assert len(fake.cancels) == 1
    cancel(daemon, clients[1])
    let_through(1)
    clients[1].read_until_ready()
    for client in clients:
        client.close()


def wait_for_running(daemon):
    wait_until(lambda: "1" in [row["sv_active"] for row in daemon.admin("show pools")[-1:]], 10, "a statement")


def test_cancel_wait_bounds_the_waiting(canceling):
    start, _, __ = canceling
    daemon, fake, clients = start(3, limits={"max_cancel_requests": 1}, timeouts={"cancel_wait": "1s"})
    for client in clients:
        cancel(daemon, client)
    daemon.wait_for_log(r"cancel request for client \d+ dropped: it waited for timeouts\.cancel_wait")
    wait_until(lambda: requests(daemon) == (0, 0), 10, "the end of both")
    assert len(fake.cancels) <= 2
