"""Clients that LISTEN share one server connection, and miss nothing without being told."""

# ctest-labels: threads
import os
import resource
import signal
import time

import psycopg
import pytest
from harness import messages as m
from harness.client import RawClient
from harness.conversations import backend, error_of
from harness.processes import wait_until

LISTENERS = 40


def start(start_pgsaba, workers=1, size=2, **pool):
    return start_pgsaba({"workers": workers, "databases": {"postgres": {"pool_size": size}},
                         "pool": pool})


def heard(client):
    """The (channel, payload) of the next notification."""
    body = client.read_until(b"A")[-1].body[4:]
    channel, payload = body.split(b"\0")[:2]
    return channel.decode(), payload.decode()


def listening_backends(cluster):
    sql = "select pid from pg_stat_activity where application_name = 'pgsaba listener'"
    return [row[0] for row in cluster.sql(sql)]


@pytest.mark.parametrize("workers", [1, 2])
def test_many_listeners_share_a_connection(start_pgsaba, cluster, workers):
    """A pool of two servers, forty clients that listen: all hear, and both servers are free."""
    daemon = start(start_pgsaba, workers)
    clients = [daemon.connect() for _ in range(LISTENERS)]
    for number, client in enumerate(clients):
        assert client.query(f"listen all_of_us; listen only_{number}")[-1].tag == b"Z"
    assert daemon.admin("show pins") == []
    assert len(listening_backends(cluster)) == 1
    with daemon.connect() as one, daemon.connect() as two:
        for other in (one, two):
            other.query("begin; select 1")
        one.query("notify all_of_us, 'first'")
        two.query("notify only_7, 'you'")
        for other in (one, two):
            other.query("commit")
    for number, client in enumerate(clients):
        found = {heard(client)} | ({heard(client)} if number == 7 else set())
        assert found == {("all_of_us", "first")} | ({("only_7", "you")} if number == 7 else set())
        assert client.is_silent(0.01)
    for client in clients:
        client.close()
    wait_until(lambda: not listening_backends(cluster), 10, "the end of the shared connection")


@pytest.fixture
def many_files():
    """Enough of them for many clients."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_two_thousand_listeners(start_pgsaba, cluster, many_files):
    """Each hears all of it, byte for byte and in its order, and of the end of the one connection."""
    many = 2000
    daemon = start_pgsaba({"workers": 2, "limits": {"max_client_connections": many + 20}})
    payloads = ["", "ä '' \\ \" \t\r\n %s $1 " * 100, "x" * 7999, "last"]
    with RawClient((cluster.host, cluster.port)) as direct:
        clients = [daemon.connect(timeout=60) for _ in range(many)]
        for client in clients:
            client.send(m.query("listen all_of_us"))
        for client in clients:
            assert client.read_until_ready()[-1].tag == b"Z"
        (listener,) = direct.rows("select pid from pg_stat_activity where application_name = 'pgsaba listener'")
        for payload in payloads:
            direct.query(f"notify all_of_us, '{payload}'")
        expected = [("all_of_us", payload.replace("''", "'")) for payload in payloads]
        for client in clients:
            assert [heard(client) for _ in payloads] == expected
        os.kill(int(listener[0]), signal.SIGTERM)
        for client in clients:
            assert "missed" in m.error_fields(client.read_until(b"N")[-1])["M"]
        direct.query("notify all_of_us, 'again'")
        for client in clients:
            assert heard(client) == ("all_of_us", "again")
            client.abandon()
    wait_until(lambda: not listening_backends(cluster), 20, "the end of the shared connection")


def test_in_a_transaction_it_waits_and_nothing_comes_twice(start_pgsaba, cluster):
    daemon = start(start_pgsaba)
    with daemon.connect() as client:
        client.query("listen news")
        client.query("begin")
        client.query("select 1")
        for payload in "ab":
            cluster.sql(f"notify news, '{payload}'")
        assert client.is_silent(0.3)
        frames = client.query("commit")
        assert [frame.tag for frame in frames] == [b"C", b"A", b"A", b"Z"]
        assert client.is_silent(0.3)


def test_its_own_come_before_its_ready(start_pgsaba):
    daemon = start(start_pgsaba)
    with daemon.connect() as client:
        client.query("listen news")
        for _ in range(20):
            assert b"".join(frame.tag for frame in client.query("notify news")) == b"CAZ"
        client.query("unlisten news")
        assert b"".join(frame.tag for frame in client.query("notify news")) == b"CZ"


def by_batch(client, sql):
    client.send(m.parse("", sql) + m.bind() + m.execute() + m.sync())
    return client.read_until_ready()


@pytest.mark.parametrize("unlisten", [
    lambda client: client.query("unlisten *"), lambda client: client.query("unlisten news"),
    lambda client: by_batch(client, "unlisten news"), lambda client: client.query("discard all"),
], ids=["all", "one", "batch", "discard"])
@pytest.mark.parametrize("others", [0, 1])
def test_what_was_notified_before_an_unlisten_is_told(start_pgsaba, cluster, unlisten, others):
    """PostgreSQL tells a client that is idle at once; ours may still be on its way."""
    daemon = start(start_pgsaba, workers=2, size=4)
    for where in ((cluster.host, cluster.port), daemon.where):
        with RawClient(where) as client, RawClient(where) as other, RawClient(where) as third:
            for _ in range(others):
                third.query("listen news")
            for _ in range(60):
                client.query("listen news")
                assert other.query("notify news")[-1].tag == b"Z"
                assert [frame.tag for frame in unlisten(client)].count(b"A") == 1
                other.query("notify news")
            assert client.is_silent(0.2)


def test_the_warning_waits_for_the_end_of_what_is_being_sent(start_pgsaba, cluster):
    """A client that reads slowly has a part of a row when the connection is lost."""
    daemon = start(start_pgsaba)
    with daemon.connect() as client, daemon.connect() as other:
        client.query("listen news")
        client.send(m.query("select repeat('x', 50000000)"))
        client.read_until(b"T")
        (victim,) = listening_backends(cluster)
        os.kill(victim, signal.SIGTERM)
        wait_until(lambda: listening_backends(cluster) not in ([], [victim]), 20, "another listener")
        other.query("notify news")
        time.sleep(0.2)  # the warning is with the client's worker
        frames = client.read_until_ready()
        assert [frame.tag for frame in frames] == [b"D", b"C", b"N", b"A", b"Z"]
        assert m.row_values(frames[0]) == [b"x" * 50_000_000]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_lost_connection_is_restored_and_the_client_warned(start_pgsaba, cluster, workers):
    daemon = start(start_pgsaba, workers)
    with daemon.connect() as client, daemon.connect() as other:
        client.query("listen news")
        other.query("listen news")
        (victim,) = listening_backends(cluster)
        os.kill(victim, signal.SIGTERM)
        for one in (client, other):
            warning = m.error_fields(one.read_until(b"N")[-1])
            assert warning["S"] == "WARNING" and "missed" in warning["M"]
        cluster.sql("notify news, 'again'")
        assert heard(client) == heard(other) == ("news", "again")
        assert client.value("select 1") == "1"


def test_another_encoding_keeps_its_server(start_pgsaba, cluster):
    """Payloads are converted for each client by its server: that cannot be shared."""
    daemon = start(start_pgsaba)
    with daemon.connect() as client:
        client.query("set client_encoding = 'LATIN1'")
        client.query("listen news")
        (pin,) = daemon.admin("show pins")
        assert "LISTEN" in pin["reason"]
        cluster.sql("notify news, 'é'")
        assert client.read_until(b"A")[-1].body[4:] == b"news\0\xe9\0"
        client.query("unlisten *")
        assert daemon.admin("show pins") == []


@pytest.mark.parametrize("encoding", ["utf8", "utf-8", "'utf-8'", "Unicode", "UNICODE"])
def test_the_encoding_of_the_server_by_another_name(start_pgsaba, cluster, encoding):
    daemon = start(start_pgsaba, size=1)
    with daemon.connect(options={"client_encoding": encoding}) as client, daemon.connect() as other:
        client.query("listen news")
        assert daemon.admin("show pins") == []
        assert other.value("select 1") == "1"
        cluster.sql("notify news, 'é'")
        assert heard(client) == ("news", "é")


@pytest.mark.parametrize("says", ["listen news", "select 1; listen news", "prepared"])
def test_another_encoding_waits_for_leave_to_keep_a_server(start_pgsaba, says):
    """It is told before anything happened, and its session goes on."""
    daemon = start_pgsaba({"databases": {"postgres": {"pool_size": 2}}, "timeouts": {"query_wait": "1s"},
                           "pool": {"max_pinned_servers": 1}})
    latin1 = {"client_encoding": "latin1"}
    with daemon.connect(options=latin1) as first, daemon.connect(options=latin1) as second:
        first.query("listen news")
        if says == "prepared":
            second.send(m.parse("", "listen news"), m.bind(), m.execute(), m.sync())
            error = error_of(second.read_until_ready())
        else:
            error = error_of(second.query(says))
        assert (error["S"], error["C"]) == ("ERROR", "53300") and "LISTEN" in error["D"], error
        assert second.value("select 1") == "1"
        assert second.query("unlisten news")[-1].tag == b"Z"
        first.query("unlisten *")
        second.query("listen news")
        (pin,) = daemon.admin("show pins")
        assert "LISTEN" in pin["reason"]


def test_no_server_is_kept_or_soiled(start_pgsaba):
    """Whoever has the server next hears nothing."""
    daemon = start(start_pgsaba, size=1)
    with daemon.connect() as client, daemon.connect() as other:
        client.query("listen news")
        other.query("notify news, 'x'")
        assert other.is_silent(0.1)
        assert heard(client) == ("news", "x")
        assert backend(client) == backend(other)
        assert other.rows("select pg_listening_channels()") == []


def test_psycopg_hears(start_pgsaba, cluster):
    daemon = start(start_pgsaba)
    host, port = daemon.where
    with psycopg.connect(host=host, port=port, user="postgres", dbname="postgres",
                         autocommit=True) as connection:
        connection.execute("listen news")
        cluster.sql("notify news, 'x'")
        news = connection.notifies()
        assert next(news).payload == "x"
        news.close()


def test_the_shared_connection_is_shown(start_pgsaba, cluster):
    """As a server in use that no limit counts."""
    daemon = start(start_pgsaba)
    with daemon.connect() as one, daemon.connect() as two:
        one.query("listen a; listen b")
        two.query("listen b")
        rows = [row for row in daemon.admin("show servers")
                if row["application_name"] == "pgsaba listener"]
        assert len(rows) == 1
        (row,) = rows
        assert [int(row["remote_pid"])] == listening_backends(cluster)
        assert (row["type"], row["state"], row["database"], row["user"], row["link"]) == (
            "S", "active", "postgres", "postgres", "")
        assert row["reason"] == "listens to 2 channels for 2 clients"
        assert row["connect_time"] and row["port"] == str(cluster.port)
        servers = [row for row in daemon.admin("show servers") if row["reason"] == ""]
        (database,) = [row for row in daemon.admin("show databases") if row["name"] == "postgres"]
        assert int(database["current_connections"]) == len(servers)
        one.query("unlisten *")
        two.query("unlisten *")
        wait_until(lambda: not [row for row in daemon.admin("show servers")
                                if row["application_name"] == "pgsaba listener"], 10, "its end")


def test_a_notification_in_the_string_that_gives_its_channel_up(start_pgsaba):
    """It comes when the transaction has ended, and nobody listens then."""
    with start(start_pgsaba).connect() as client:
        for number in range(30):
            client.query("listen given_up")
            frames = client.query(f"notify given_up, '{number}'; unlisten given_up")
            assert b"A" not in [frame.tag for frame in frames]
        assert client.is_silent(0.3)
