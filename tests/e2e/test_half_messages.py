"""What a client has begun to say and does not end, or says without listening, is nobody else's
trouble."""

import struct
from pathlib import Path

import pytest
from harness import messages as m
from harness.client import ConnectionEnded
from harness.conversations import tags, wait_for_waiters

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
