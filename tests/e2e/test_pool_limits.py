"""Limits on connections: of a pool, a database, a user and the process, over all workers."""
# ctest-labels: threads

import select
import socket

import pytest
from harness import messages as m
from harness.conversations import (backend, begin, error_of, make_roles, pool_row, refusal, server_count,
                                   wait_for_waiters, waiting_clients)
from harness.processes import wait_until

ALIAS = {"cluster": "main", "dbname": "postgres", "pool_size": 4}


@pytest.fixture(scope="module", autouse=True)
def roles(cluster):
    make_roles(cluster, "alice", "bob")


def start_all(clients):
    """Everybody asks for a transaction, whether there is room or not."""
    for client in clients:
        client.send(m.query("begin; select 1"))


def finish_all(clients):
    """They get it in whatever order the workers serve them, and end it."""
    left = list(clients)
    while left:
        readable, _, _ = select.select([client.socket for client in left], [], [], 10)
        assert readable, f"{len(left)} clients were forgotten"
        for client in [client for client in left if client.socket in readable]:
            assert client.read_until_ready()[-1].body == b"T"
            client.rows("commit")
            client.close()
            left.remove(client)


# Servers


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("changes, size", [
    ({"databases": {"postgres": {"pool_size": 3}}}, 3),
    ({"databases": {"postgres": {"pool_size": None}}, "pool": {"pool_size": 2}}, 2),
    ({"users": {"postgres": {"pool_size": 1}}}, 1)])
def test_pool_size(start_pgsaba, cluster, workers, changes, size):
    daemon = start_pgsaba({**changes, "workers": workers})
    clients = [daemon.connect() for _ in range(6)]
    start_all(clients)
    wait_for_waiters(daemon, 6 - size)
    assert server_count(cluster) == size
    assert pool_row(daemon)["sv_active"] == str(size)
    finish_all(clients)


def test_reserve_pool(start_pgsaba, cluster):
    daemon = start_pgsaba({"databases": {"postgres": {"pool_size": 1, "reserve_pool_size": 1}},
                           "timeouts": {"reserve_pool": "1s"}})
    with daemon.connect() as holder, daemon.connect() as waiter, daemon.connect() as last:
        begin(holder)
        waiter.send(m.query("begin; select 1"))
        assert waiter.is_silent(0.5)
        assert waiter.read_until_ready()[-1].body == b"T"
        last.send(m.query("select 1"))
        assert last.is_silent(1.5)
        assert server_count(cluster) == 2
        holder.rows("commit")
        last.read_until_ready()
        waiter.rows("commit")


@pytest.mark.parametrize("workers", [1, 2])
def test_max_db_connections(start_pgsaba, cluster, workers):
    daemon = start_pgsaba({"databases": {"postgres": {"max_connections": 2}}, "workers": workers})
    clients = [daemon.connect(user=user) for user in ("postgres", "postgres", "alice", "bob")]
    for client in clients[:2]:
        begin(client)
    for client in clients[:2]:
        client.rows("commit")
    assert server_count(cluster, "usename = 'postgres'") == 2
    begin(clients[2])
    begin(clients[3])
    # PostgreSQL counts a backend a moment longer than its connection lives.
    wait_until(lambda: server_count(cluster) == 2, 5, "two servers in all")
    assert server_count(cluster, "usename = 'postgres'") == 0
    clients[0].send(m.query("select 1"))  # nobody's server is idle now
    assert clients[0].is_silent()
    clients[2].rows("commit")
    assert clients[0].read_until_ready()[-1].body == b"I"
    clients[3].rows("commit")
    daemon.reload({"timeouts": {"query_wait": "300ms"}})
    daemon.wait_for_log("reload: timeouts.query_wait")
    for client in clients[2:]:
        begin(client)
    error = error_of(clients[0].query("select 1"))
    assert error["C"] == "53300" and "max_db_connections" in error["H"] and "pool_size" not in error["H"]
    for client in clients:
        client.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_max_user_connections(start_pgsaba, cluster, workers):
    daemon = start_pgsaba({"databases": {"other": ALIAS}, "workers": workers,
                           "users": {"alice": {"max_user_connections": 2}}})
    clients = [daemon.connect(user="alice", database=name)
               for name in ("postgres", "postgres", "other", "other")]
    for client in clients[:2]:
        begin(client)
    clients[2].send(m.query("select 1"))
    assert clients[2].is_silent()
    assert server_count(cluster, "usename = 'alice'") == 2
    clients[0].rows("commit")  # now idle, and in the way
    clients[2].read_until_ready()
    assert server_count(cluster, "usename = 'alice'") == 2
    with daemon.connect(user="bob") as bob:
        backend(bob)
    clients[1].rows("commit")
    for client in clients:
        client.close()


# Clients


def test_clients_of_the_process(start_pgsaba):
    daemon = start_pgsaba({"limits": {"max_client_connections": 3}, "workers": 2})
    clients = [daemon.connect() for _ in range(3)]
    refused = refusal(daemon.where)
    assert (refused["S"], refused["C"]) == ("FATAL", "53300")
    assert "max_client_connections" in refused["M"] and refused["H"]
    assert daemon.admin("show version")  # the console has a place of its own
    clients.pop().close()
    wait_until(lambda: accepted(daemon), 10, "a free place")
    for client in clients:
        assert client.value("select 1") == "1"
        client.close()


def accepted(daemon, **arguments):
    try:
        daemon.connect(**arguments).close()
        return True
    except Exception as refused:  # pylint: disable=broad-except
        assert refused.sqlstate == "53300"
        return False


@pytest.mark.parametrize("workers", [1, 2])
def test_connections_that_never_log_in_keep_nobody_out(start_pgsaba, workers):
    """Their number is bounded, and those that have taken longest make room."""
    daemon = start_pgsaba({"limits": {"max_client_connections": 10}, "workers": workers})
    with daemon.connect() as inside:
        begin(inside)
        idle = [socket.create_connection(daemon.where) for _ in range(400)]
        for one in idle[::2]:
            one.sendall(b"\0\0\0")  # the beginning of something
        for _ in range(5):
            with daemon.connect() as late:
                assert late.value("select 1") == "1"
        assert inside.value("select 1") == "1"
        inside.rows("commit")

        def ended():
            gone = 0
            for one in idle:
                one.setblocking(False)
                try:
                    gone += one.recv(1000, socket.MSG_PEEK)[:1] == b"E"
                except BlockingIOError:
                    pass
            return gone

        wait_until(lambda: ended() >= 400 - 10 - 100, 10, "room")
        for one in idle:
            one.close()


@pytest.mark.parametrize("changes, setting", [
    ({"databases": {"postgres": {"max_client_connections": 2}}}, "max_db_client_connections"),
    ({"limits": {"max_db_client_connections": 2}}, "max_db_client_connections")])
def test_clients_of_a_database(start_pgsaba, changes, setting):
    changes = {**changes, "workers": 2}
    changes["databases"] = {**changes.get("databases", {}), "other": ALIAS}
    daemon = start_pgsaba(changes)
    clients = [daemon.connect(), daemon.connect(user="alice"), daemon.connect(database="other")]
    refused = refusal(daemon.where, user="bob")
    assert refused["C"] == "53300" and setting in refused["M"]
    clients.pop(0).close()
    wait_until(lambda: accepted(daemon), 10, "a free place")
    for client in clients:
        client.close()


@pytest.mark.parametrize("changes", [
    {"users": {"alice": {"max_user_client_connections": 2}}},
    {"limits": {"max_user_client_connections": 2}}])
def test_clients_of_a_user(start_pgsaba, changes):
    daemon = start_pgsaba({**changes, "databases": {"other": ALIAS}, "workers": 2})
    clients = [daemon.connect(user="alice"), daemon.connect(user="alice", database="other"),
               daemon.connect(user="bob")]
    refused = refusal(daemon.where, user="alice")
    assert refused["C"] == "53300" and "max_user_client_connections" in refused["M"]
    clients.pop(0).close()
    wait_until(lambda: accepted(daemon, user="alice"), 10, "a free place")
    for client in clients:
        client.close()


def test_nobody_waits_when_nothing_is_short(start_pgsaba):
    daemon = start_pgsaba({"databases": {"postgres": {"pool_size": 2}}})
    clients = [daemon.connect() for _ in range(10)]
    for client in clients:
        assert client.value("select 1") == "1"
    assert waiting_clients(daemon) == 0
    for client in clients:
        client.close()


def test_limits_of_clients_hold_where_servers_have_another_user(start_pgsaba):
    daemon = start_pgsaba({"databases": {"postgres": {"user": "bob"}},
                           "users": {"alice": {"max_user_client_connections": 1}}})
    with daemon.connect(user="alice") as client:
        assert client.value("select current_user") == "bob"
        assert refusal(daemon.where, user="alice")["C"] == "53300"


def test_a_pause_that_takes_too_long_says_so(start_pgsaba):
    daemon = start_pgsaba({"timeouts": {"query_wait": "500ms"}})
    with daemon.connect() as client:
        daemon.admin("pause postgres")
        assert m.error_fields(client.query("select 1")[0])["C"] == "57P03"
        daemon.admin("resume postgres")
        assert client.value("select 1") == "1"
