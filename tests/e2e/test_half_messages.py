"""What a client has begun to say and does not end, or says without listening, is nobody else's
trouble."""

import struct
import threading
from pathlib import Path

import pytest
from harness import messages as m
from harness.client import ConnectionEnded
from harness.conversations import tags, wait_for_waiters
from harness.processes import wait_until

BIG = 1 << 20
BEGUN = b"d" + struct.pack("!i", BIG + 4) + b"1\n" * 50_000  # 100 KB of 1 MB


@pytest.fixture
def daemon(start_pgsaba, cluster):
    cluster.sql("create table if not exists numbers (i int)")
    return start_pgsaba({"databases": {"postgres": {"pool_size": 1}}})


def in_a_message_that_nobody_needs(client):
    """Its COPY has failed; the server is through with it but for the rest of this message."""
    client.send(m.query("copy numbers from stdin"))
    client.read_until(b"G")
    client.send(m.copy_data("nonsense\n") + BEGUN)


def test_a_server_that_reads_the_rest_of_a_message_is_nobodys(daemon):
    with daemon.connect() as client, daemon.connect(timeout=20) as other:
        in_a_message_that_nobody_needs(client)
        assert tags(client.read_until_ready()) == b"EZ"
        other.send(m.query("select 2"))
        wait_for_waiters(daemon, 1)
        client.send(b"1\n" * ((BIG - 100_000) // 2) + m.copy_done())
        assert other.read_until_ready()[-1].body == b"I"
        assert client.value("select 1") == "1"


@pytest.mark.parametrize("in_block", [False, True], ids=["outside", "in a transaction"])
def test_whoever_leaves_in_such_a_message_takes_the_server_along(daemon, in_block):
    with daemon.connect(timeout=20) as other:
        client = daemon.connect()
        if in_block:
            client.query("begin")
        in_a_message_that_nobody_needs(client)
        assert tags(client.read_until_ready()) == b"EZ"
        other.send(m.query("select 2"))
        wait_for_waiters(daemon, 1)
        client.abandon()
        frames = other.read_until_ready()
        assert tags(frames) == b"TDCZ" and m.row_values(frames[1]) == [b"2"]


def test_who_only_talks_is_not_heard_for_ever(daemon):
    """What is answered without the server costs memory, too, if nobody takes the answers."""
    def memory(name):
        return int(Path(f"/proc/{daemon.pid}/status").read_text().split(name + ":")[1].split()[0]) << 10

    with daemon.connect() as client:
        assert client.value("select 1") == "1"
        before = memory("VmRSS")
        client.socket.settimeout(1)
        said, block = 0, m.close_statement("_pgsaba_x") * 20_000
        with pytest.raises((TimeoutError, ConnectionEnded, OSError)):
            while said < 400 << 20:
                said += client.socket.send(block)
        assert said < 200 << 20
        sanitized = memory("VmSize") > 1 << 40  # which keeps for a while what was freed
        assert sanitized or memory("VmRSS") - before < 20 << 20
        client.abandon()


@pytest.mark.parametrize("begun", [
    pytest.param(b"Q" + struct.pack("!i", BIG + 4) + b"select 1 " * 10_000, id="a query"),
    pytest.param(m.parse("", "select 1") + m.flush(), id="a batch")])
def test_what_is_begun_has_the_limit_of_a_transaction(start_pgsaba, begun):
    daemon = start_pgsaba({"databases": {"postgres": {"pool_size": 1}},
                           "timeouts": {"idle_transaction": "1s"}})
    with daemon.connect() as client, daemon.connect(timeout=20) as other:
        client.send(begun)
        assert other.value("select 2") == "2"
        error = m.error_fields(client.read_to_end()[-1])
        assert (error["S"], error["C"]) == ("FATAL", "25P03")


HALF = b"x" * 9_000


@pytest.mark.parametrize("begun, rest", [
    pytest.param(b"Q" + struct.pack("!i", 18_014) + b"select '" + HALF, HALF + b"'\0", id="a query"),
    pytest.param(b"Q" + struct.pack("!i", 54_014) + b"select '" + HALF * 5, HALF + b"'\0", id="a long query"),
    pytest.param(m.parse("", "select $1::text") + m.bind("", "", [2 * HALF])[:-5_000],
                 m.bind("", "", [2 * HALF])[-5_000:] + m.execute("") + m.sync(), id="a batch"),
    pytest.param(m.parse("", "select 1") + b"B", m.bind("", "", [])[1:] + m.execute("") + m.sync(),
                 id="a header")])
def test_half_a_message_holds_no_server(daemon, begun, rest):
    with daemon.connect() as client, daemon.connect(timeout=20) as other:
        client.send(begun)
        assert client.is_silent(0.1)
        assert other.value("select 2") == "2"
        assert [row["state"] for row in daemon.admin("show clients") if row["link"]] == []
        client.send(rest)
        assert tags(client.read_until_ready())[-2:] == b"CZ"


@pytest.mark.parametrize("half", [m.query("select '" + "x" * 9_000 + "'")[:-20],
                                  m.parse("", "select 3") + m.bind()[:-1]], ids=["query", "batch"])
@pytest.mark.parametrize("before", [m.query("select pg_sleep(0.2)"),
                                    m.parse("", "select 1") + m.bind() + m.execute() + m.sync()],
                         ids=["behind a query", "behind a batch"])
def test_half_a_message_behind_others_holds_no_server(daemon, before, half):
    with daemon.connect() as client, daemon.connect(timeout=20) as other:
        client.send(before + half)
        client.read_until_ready()
        assert other.value("select 2") == "2"
        rest = m.query("select '" + "x" * 9_000 + "'")[-20:] if half[:1] == b"Q" else (
            m.bind()[-1:] + m.execute() + m.sync())
        client.send(rest)
        assert tags(client.read_until_ready())[-2:] == b"CZ"


def test_who_leaves_with_half_a_message_is_gone(daemon):
    with daemon.connect(timeout=20) as other:
        client = daemon.connect()
        client.send(m.parse("", "select 1") + b"B")
        client.abandon()
        wait_until(lambda: len([row for row in daemon.admin("show clients")
                                if row["database"] == "postgres"]) == 1, 10, "its end")
        assert other.value("select 2") == "2"


STALLED = {"databases": {"postgres": {"pool_size": 1}}, "timeouts": {"stalled_message": "1s"}}


@pytest.mark.parametrize("begun", [
    pytest.param(b"Q" + struct.pack("!i", BIG + 4) + b"select 1 " * 10_000, id="a query"),
    pytest.param(b"P" + struct.pack("!i", BIG + 4) + b"named\0select 1 " * 10_000, id="a Parse"),
    pytest.param(m.parse("", "select 1") + b"B" + struct.pack("!i", BIG + 4) + b"\0\0" + bytes(100_000),
                 id="a Bind")])
def test_a_stalled_message_gives_the_server_up(start_pgsaba, begun):
    daemon = start_pgsaba(STALLED)
    with daemon.connect() as client, daemon.connect(timeout=20) as other:
        client.send(begun)
        assert other.value("select 2") == "2"
        error = m.error_fields(client.read_to_end()[-1])
        assert (error["S"], error["C"]) == ("FATAL", "57P05")
        daemon.wait_for_log("stalled_message timeout")


@pytest.mark.parametrize("begin", ["copy numbers from stdin", "begin; copy numbers from stdin"])
def test_data_of_a_copy_may_come_slowly(start_pgsaba, cluster, begin):
    cluster.sql("create table if not exists numbers (i int)")
    with start_pgsaba(STALLED).connect() as client:
        client.send(m.query(begin))
        client.read_until(b"G")
        client.send(BEGUN)
        assert client.is_silent(2.5)
        client.send(b"1\n" * ((BIG - 100_000) // 2) + m.copy_done())
        assert b"E" not in tags(client.read_until_ready())


def test_a_transaction_may_be_in_the_middle_of_a_message(start_pgsaba):
    with start_pgsaba(STALLED).connect() as client:
        client.query("begin; select 1")
        client.send(b"Q" + struct.pack("!i", BIG + 4) + b"select 1;" * 10_000)
        assert client.is_silent(2.5)
        client.send(b" " * (BIG - 90_000 - 1) + b"\0")
        assert tags(client.read_until_ready())[-2:] == b"CZ"


def test_a_server_that_does_not_read_is_no_silence_of_the_client(before_fake):
    """The rest has been said, and nobody has taken it."""
    limits = {"stalled_message": "1s", "idle_transaction": "1s"}
    go_on = threading.Event()

    def busy(connection):
        connection.welcome()
        go_on.wait(20)
        connection.answer(connection.query()[:8])

    daemon, _ = before_fake(busy, changes={"timeouts": limits})
    with daemon.connect(timeout=30) as client:
        sender = threading.Thread(target=client.send, args=[m.query("select 1" + " " * (40 << 20))])
        sender.start()
        assert client.is_silent(3)
        go_on.set()
        sender.join()
        assert tags(client.read_until_ready()) == b"TDCZ"


def test_what_is_decided_does_not_wait(start_pgsaba):
    """Behind a Terminate there is nothing to wait for."""
    with start_pgsaba().connect() as client:
        client.send(m.parse("", "select 1") + m.terminate() + m.bind()[:3])
        assert client.read_to_end() == []
