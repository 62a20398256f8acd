"""Servers that take their time, clients that do, and cancel requests on the way between them."""

import threading
import time
from pathlib import Path

import pytest
from harness import fake_postgres as fake_server
from harness import messages as m
from harness.fake_postgres import Ended, complete, data_row, ready, row_description
from harness.processes import wait_until

ONE = {"databases": {"postgres": {"pool_size": 1}}}


def silent(connection):
    connection.welcome()
    while True:
        connection.read()


def memory_kb(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def test_a_statement_without_an_answer_meets_its_limit(before_fake):
    pgsaba, fake = before_fake(silent, fake_server.serve,
                               changes={**ONE, "timeouts": {"query": "500ms"}})
    client = pgsaba.connect()
    client.send(m.query("for ever"))
    with pgsaba.connect() as other:
        other.send(m.query("patient"))
        frames = client.read_to_end()
        assert [frame.tag for frame in frames] == [b"E"]
        assert m.error_fields(frames[0])["C"] == "57014"
        assert b"patient" in b"".join(frame.body for frame in other.read_until_ready())
    client.socket.close()
    assert len(fake.connections) == 2


def test_whoever_waits_for_a_silent_server_is_told_why(before_fake):
    pgsaba, _ = before_fake(silent, changes={**ONE, "timeouts": {"query_wait": "500ms"}})
    client = pgsaba.connect()
    client.send(m.query("for ever"))
    with pgsaba.connect() as other:
        other.send(m.query("in vain"))
        frames = other.read_until_ready()  # the statement fails, the session lives on
        fields = m.error_fields(frames[0])
        assert len(frames) == 2 and (fields["C"], fields["S"]) == ("53300", "ERROR")
        assert "1 of 1 server connections" in fields["D"]
    assert client.is_silent()
    client.abandon()


@pytest.mark.parametrize("value_bytes", [20, 3_000, 60_000, 20_000_000])
def test_rows_nobody_reads_stay_where_they_are(before_fake, value_bytes):
    """However much the server has to say, pgsaba takes no more of it than the client does."""
    row = data_row(b"x" * value_bytes)
    piece = row * max(1, 100_000 // len(row))
    most = 400 * 1024 * 1024
    sent, answering = [0], threading.Event()

    def endless(connection):
        connection.welcome()
        connection.query()
        connection.send(row_description("a"))
        answering.set()
        while sent[0] < most:
            connection.send(piece)
            sent[0] += len(piece)

    pgsaba, _ = before_fake(endless, fake_server.serve)
    with pgsaba.connect() as other:
        client = pgsaba.connect()
        before = memory_kb(pgsaba.pid)
        client.send(m.query("everything"))
        assert answering.wait(10)
        last = -1
        while sent[0] != last and sent[0] < most:
            last = sent[0]
            time.sleep(0.3)
        assert sent[0] < most
        assert memory_kb(pgsaba.pid) - before < 16 * 1024
        assert other.value("meanwhile") == "meanwhile"
        received = client.read_bytes(24_000_000)  # it goes on as soon as somebody reads
        assert piece[:10_000] in received
        assert memory_kb(pgsaba.pid) - before < 16 * 1024
        client.abandon()
        assert other.value("afterwards") == "afterwards"


def test_data_the_server_does_not_read_stays_with_the_client(before_fake):
    release = threading.Event()

    def busy(connection):
        connection.welcome()
        connection.query()
        connection.send(fake_server.frame(b"G", b"\0\0\1\0\0"))
        assert release.wait(20)
        connection.read_until(b"c")
        connection.send(complete("COPY 1"), ready())
        connection.serve()

    pgsaba, _ = before_fake(busy)
    with pgsaba.connect() as client:
        client.send(m.query("copy t from stdin"))
        client.read_until(b"G")
        before = memory_kb(pgsaba.pid)
        sender = threading.Thread(
            target=lambda: client.send(m.copy_data(b"y" * 50_000) * 2_000, m.copy_done()))
        client.socket.settimeout(20)
        sender.start()
        sender.join(1.5)
        assert sender.is_alive() and memory_kb(pgsaba.pid) - before < 16 * 1024
        release.set()
        sender.join(20)
        assert [frame.tag for frame in client.read_until_ready()] == [b"C", b"Z"]
        assert client.value("again") == "again"


def test_a_late_cancel_request_never_meets_the_next_client(before_fake):
    """The statement ends while the request for it is still on its way. Until that has arrived (the
    server closes its connection) the server must not get anybody else's query."""
    events = []
    cancel_arrived, next_query = threading.Event(), threading.Event()

    def on_cancel(*_):
        events.append("cancel arrives")
        cancel_arrived.set()
        next_query.wait(1)  # whoever is let in too early comes now
        events.append("cancel is through")

    def server(connection):
        connection.welcome()
        sql = connection.query()
        assert sql == "select slow" and cancel_arrived.wait(10)
        events.append("statement ends")
        connection.answer(sql)
        sql = connection.query()
        events.append(f"{sql} begins")
        next_query.set()
        connection.answer(sql)
        connection.serve()

    pgsaba, fake = before_fake(server, changes=ONE, on_cancel=on_cancel)
    with pgsaba.connect() as first, pgsaba.connect() as second:
        first.send(m.query("select slow"))
        wait_until(lambda: len(fake.connections) == 1, 5, "server connection")
        second.send(m.query("select next"))
        with pgsaba.connect(login=False) as canceller:
            canceller.send(m.cancel_request(first.backend_pid, first.backend_secret))
            canceller.read_to_end()
        assert first.read_until_ready()[-1].body == b"I"
        assert b"next" in second.read_until_ready()[1].body
    assert events == ["cancel arrives", "statement ends", "cancel is through", "select next begins"]


def test_a_cancel_request_of_a_client_without_a_statement_goes_nowhere(before_fake):
    pgsaba, fake = before_fake(fake_server.serve)
    with pgsaba.connect() as client:
        client.query("one")
        for secret in (client.backend_secret, b"\0\0\0\0", b""):
            with pgsaba.connect(login=False) as canceller:
                canceller.send(m.cancel_request(client.backend_pid, secret))
                assert [frame for frame in canceller.read_to_end() if frame.tag != b"E"] == []
        assert client.value("two") == "two"
    assert fake.cancels == []


def test_a_server_that_dies_while_a_cancel_is_under_way(before_fake):
    """The request is for a connection that is gone: its end must not touch anything else."""
    gone = threading.Event()

    def dies(connection):
        connection.welcome()
        connection.query()
        assert cancel_arrived.wait(10)
        connection.close()
        gone.set()
        raise Ended

    cancel_arrived = threading.Event()

    def on_cancel(*_):
        cancel_arrived.set()
        gone.wait(5)
        time.sleep(0.3)

    pgsaba, fake = before_fake(dies, fake_server.serve, changes=ONE, on_cancel=on_cancel)
    with pgsaba.connect() as client:
        client.send(m.query("slow"))
        with pgsaba.connect(login=False) as canceller:
            canceller.send(m.cancel_request(client.backend_pid, client.backend_secret))
            canceller.read_to_end()
        assert m.error_fields(client.read_until_ready()[0])["C"] == "08007"
        assert client.value("again") == "again"
    assert len(fake.cancels) == 1
