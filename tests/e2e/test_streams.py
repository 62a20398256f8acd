"""Large results, fields, parameters and COPYs: byte for byte what the server sent, in constant memory.

PGSABA_TEST_STREAM_MB sets the size of the largest row set (1024).
"""

import hashlib
import os
import struct
import time
from pathlib import Path

import pytest
from harness import messages as m
from harness.client import ConnectionEnded, RawClient
from harness.conversations import begin, error_of, tags
from harness.processes import wait_until

MEGABYTE = 1 << 20
ROWS_MB = int(os.environ.get("PGSABA_TEST_STREAM_MB", "1024"))
ROW = "repeat(md5(i::text), 32)"  # 1 KB of it
ROOM_KB = 8 * 1024


def memory_kb(pid, name):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition(name + ":")[2].split()[0])


class Constant:
    """Insists that the daemon's peak of memory stays where it is, give or take some buffers."""

    def __init__(self, daemon):
        self.pid = daemon.pid
        # A sanitizer maps terabytes, and keeps for a while what was freed.
        self.watched = memory_kb(self.pid, "VmSize") < 1 << 30

    def __enter__(self):
        self.before = memory_kb(self.pid, "VmHWM")

    def __exit__(self, kind, *_):
        grown = memory_kb(self.pid, "VmHWM") - self.before
        assert kind or not self.watched or grown < ROOM_KB, f"{grown} KB more than before"


@pytest.fixture(scope="module")
def daemon(pgsaba):
    with pgsaba.connect() as client:  # what any connection costs is not the streams' fault
        client.rows("select repeat('x', 1000000)")
    return pgsaba


def answer_of(client, pause=lambda count: None):
    """Length and hash of all bytes up to ReadyForQuery, none of which is kept. A recv takes what
    there is, so `pause` decides how slow the client is."""
    digest, count = hashlib.sha256(), 0
    head, left, last = bytearray(), 0, False
    client.socket.settimeout(60)
    while not last:
        received = client.socket.recv(1 << 18)
        if not received:
            raise ConnectionEnded(f"after {count} bytes")
        digest.update(received)
        count += len(received)
        pause(count)
        at = 0
        while at < len(received):
            if left:
                step = min(left, len(received) - at)
                left, at = left - step, at + step
                continue
            step = 5 - len(head)
            head += received[at:at + step]
            at += step
            if len(head) == 5:
                assert head[:1] != b"E", bytes(received[:1000])
                left, last = struct.unpack_from("!i", head, 1)[0] - 4, head[:1] == b"Z"
                head.clear()
                if last:
                    assert len(received) - at == left == 1
                    break
    return count, digest.hexdigest()


def compare(daemon, cluster, sql, pause=lambda count: None):
    """The same answer directly and through pgsaba; returns its length."""
    with RawClient((cluster.host, cluster.port)) as direct:
        direct.send(m.query(sql))
        expected = answer_of(direct)
    with daemon.connect() as client, Constant(daemon):
        client.send(m.query(sql))
        assert answer_of(client, pause) == expected
        assert client.value("select 1") == "1"
    return expected[0]


def series(megabytes):
    return f"generate_series(1, {megabytes * 1024}) i"


# From the server


def test_a_large_row_set(daemon, cluster):
    length = compare(daemon, cluster, f"select i, {ROW} from {series(ROWS_MB)}")
    assert length > ROWS_MB * MEGABYTE


def test_many_small_rows(daemon, cluster):
    compare(daemon, cluster, "select i, null, '' from generate_series(1, 1000000) i")


def test_one_large_field(daemon, cluster):
    compare(daemon, cluster, f"select repeat(md5('1'), {256 * MEGABYTE // 32})")


def test_large_fields_of_odd_lengths(daemon, cluster):
    compare(daemon, cluster, "select repeat('x', i * 262143), repeat('y', i)"
                             " from generate_series(1, 40) i")


def test_copy_out(daemon, cluster):
    compare(daemon, cluster, f"copy (select i, {ROW} from {series(150)}) to stdout")


def test_binary_copy_out(daemon, cluster):
    compare(daemon, cluster, f"copy (select i, {ROW} from {series(50)}) to stdout (format binary)")


def test_a_slow_reader(daemon, cluster):
    """The server waits for it, others do not, and nothing heaps up in between."""
    stops = [10 * MEGABYTE, 60 * MEGABYTE]

    def pause(count):
        if stops and count > stops[0]:
            stops.pop(0)
            time.sleep(0.7)
            with daemon.connect() as other:
                assert other.value("select 1") == "1"

    compare(daemon, cluster, f"select {ROW} from {series(100)}", pause)
    assert not stops


def test_a_reader_that_leaves_in_the_middle(daemon, cluster):
    client = daemon.connect()
    with Constant(daemon):
        client.send(m.query(f"select {ROW} from {series(1000)}"))
        client.read_bytes(MEGABYTE)
        client.abandon()
        with daemon.connect() as other:
            assert other.value("select 1") == "1"


# To the server


def copied_in(client, table, chunk, count):
    client.socket.settimeout(60)
    client.send(m.query(f"copy {table} from stdin"))
    assert tags(client.read_until(b"G")) == b"G"
    for _ in range(count):
        client.send(chunk)
    client.send(m.copy_done())
    return client.read_until_ready()


@pytest.mark.parametrize("lines", [1, 2000], ids=["line by line", "large messages"])
def test_copy_in(daemon, cluster, lines):
    cluster.sql("drop table if exists copied; create unlogged table copied (id int, text text)")
    rows = [f"{number}\t{hashlib.md5(str(number).encode()).hexdigest() * 8}\n"
            for number in range(2000)]
    pieces = ["".join(rows[at:at + lines]) for at in range(0, len(rows), lines)]
    chunk = b"".join(m.copy_data(piece) for piece in pieces)
    count = 100 * MEGABYTE // len(chunk)
    with daemon.connect() as client, Constant(daemon):
        frames = copied_in(client, "copied", chunk, count)
        assert frames[0].body == f"COPY {2000 * count}\0".encode()
    found = cluster.sql("select count(*), count(distinct (id, text)), bool_and(text ="
                        " repeat(md5(id::text), 8)) from copied")
    assert found == [(2000 * count, 2000, True)]
    cluster.sql("drop table copied")


@pytest.mark.parametrize("megabytes", [1, 128])
def test_a_large_parameter(daemon, cluster, megabytes):
    value = bytes(range(97, 123)) * (megabytes * MEGABYTE // 26)
    with daemon.connect() as client, Constant(daemon):
        client.socket.settimeout(60)
        client.send(m.parse("named", "select length($1), md5($1)", [25]))
        client.send(m.bind("", "named", [value]), m.execute(), m.sync())
        frames = client.read_until_ready()
        assert error_of(frames) is None and tags(frames) == b"12DCZ"
        expected = [str(len(value)).encode(), hashlib.md5(value).hexdigest().encode()]
        assert m.row_values(frames[2]) == expected


def test_a_large_statement(daemon, cluster):
    value = "z" * (64 * MEGABYTE)
    with daemon.connect() as client, Constant(daemon):
        client.socket.settimeout(60)
        assert client.value(f"select length('{value}')") == str(len(value))


def test_a_message_beyond_the_limit(start_pgsaba):
    """It is refused by its length, before it is sent; nobody else is touched."""
    daemon = start_pgsaba({"limits": {"max_message_size": "1MB"}})
    with daemon.connect() as other:
        client = daemon.connect()
        assert client.value(f"select length('{'z' * 1000000}')") == "1000000"
        client.send(b"Q" + struct.pack("!i", 2 * MEGABYTE))
        frames = client.read_to_end()
        error = m.error_fields(frames[-1])
        assert (error["S"], error["C"]) == ("FATAL", "08P01")
        assert other.value("select 1") == "1"


@pytest.mark.parametrize("kilobytes", range(150, 550, 25))
def test_terminate_behind_an_answer_that_is_still_on_its_way(daemon, cluster, kilobytes):
    """The server has said all of it and the client says goodbye before it has read that. Some of
    these sizes leave a rest with us: more than a socket takes, less than makes us wait."""
    with RawClient(daemon.unix_socket) as client:
        server = begin(client)
        client.send(m.query(f"select repeat('x', {kilobytes * 1024})"))
        wait_until(lambda: cluster.value("select state from pg_stat_activity where pid = %s",
                                         [server]) == "idle in transaction", 10, "its last word")
        client.send(m.terminate())
        frames = client.read_to_end()
        assert tags(frames) == b"TDCZ" and len(frames[1].body) > kilobytes * 1024


@pytest.mark.parametrize("at_once", [False, True])
def test_terminate_inside_a_copy(daemon, cluster, at_once):
    """The COPY ends without more data, and its transaction with it."""
    cluster.sql("drop table if exists left_copy; create table left_copy (a int)")
    client = daemon.connect()
    client.query("begin")
    client.query("lock table left_copy in exclusive mode")
    copy = m.query("copy left_copy from stdin") + m.copy_data("1\n")
    if at_once:
        client.send(copy + m.terminate())
    else:
        client.send(copy)
        while client.read().tag != b"G":
            pass
        client.send(m.terminate())
    free = "select not exists (select from pg_locks where relation = 'left_copy'::regclass)"
    wait_until(lambda: cluster.value(free), 10, "the lock's release")
    assert cluster.value("select count(*) from left_copy") == 0
    client.close()


def test_a_large_parse_that_comes_across_an_answer(daemon):
    """A part of it is here when the batch before it is answered: it is not lost with the server."""
    parse = m.parse("large", "select 1 /*" + "x" * 60_000 + "*/")
    slow = m.parse("", "select pg_sleep(0.3)") + m.bind() + m.execute() + m.sync()
    with daemon.connect() as client:
        client.send(slow + parse[:40_000])
        assert tags(client.read_until_ready()) == b"12DCZ"
        client.send(parse[40_000:] + m.bind("", "large") + m.execute() + m.sync())
        assert tags(client.read_until_ready()) == b"12DCZ"
