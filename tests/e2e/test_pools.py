"""Pools: modes, order of service, how servers are opened and chosen. Limits: test_pool_limits.py."""
# ctest-labels: threads

import threading
import time

import pytest
from harness import messages as m
from harness.conversations import (backend, begin, error_of, last_error, make_roles, pool_row,
                                   server_count, tags, wait_for_waiters)
from harness.fake_postgres import serve
from harness.processes import wait_until


def database(**changes):
    return {"databases": {"postgres": changes}}


@pytest.fixture(scope="module", autouse=True)
def roles(cluster):
    make_roles(cluster, "alice", "bob")


# Modes


def test_transaction_mode_shares_a_server(start_pgsaba):
    daemon = start_pgsaba(database(pool_size=1))
    with daemon.connect() as one, daemon.connect() as other:
        pid = begin(one)
        other.send(m.query("select pg_backend_pid()"))
        assert other.is_silent()
        one.rows("commit")
        frames = other.read_until_ready()
        assert m.row_values(frames[1]) == [str(pid).encode()]
        assert backend(one) == pid


def test_session_mode_keeps_its_server_and_resets_it(start_pgsaba):
    daemon = start_pgsaba(database(pool_size=1, pool_mode="session"))
    one = daemon.connect()
    pid = backend(one)
    one.rows("set work_mem = '7MB'")
    one.rows("create temp table mine (id int)")
    one.rows("prepare mine as select 1")
    other = daemon.connect()
    other.send(m.query("select pg_backend_pid(), current_setting('work_mem'),"
                       " to_regclass('pg_temp.mine'), (select count(*) from pg_prepared_statements)"))
    assert other.is_silent()
    assert one.value("show work_mem") == "7MB"
    one.close()
    values = m.row_values(other.read_until_ready()[1])
    assert values == [str(pid).encode(), b"4MB", None, b"0"]
    other.close()


def test_session_mode_rolls_back_what_a_lost_client_began(start_pgsaba, cluster):
    daemon = start_pgsaba(database(pool_size=1, pool_mode="session"))
    cluster.sql("create table left_open (id int)")
    one = daemon.connect()
    pid = begin(one)
    one.rows("insert into left_open values (1)")
    one.abandon()
    with daemon.connect() as other:
        assert backend(other) == pid
        assert other.value("select count(*) from left_open") == "0"
        assert other.query("commit")[0].tag == b"N"  # there is no transaction in progress


def test_another_reset_query(start_pgsaba):
    daemon = start_pgsaba({**database(pool_size=1, pool_mode="session"),
                           "pool": {"server_reset_query": "set work_mem = '9MB'"}})
    with daemon.connect() as one:
        pid = backend(one)
    with daemon.connect() as other:
        assert (backend(other), other.value("show work_mem")) == (pid, "9MB")


def test_statement_mode_refuses_blocks(start_pgsaba):
    daemon = start_pgsaba(database(pool_size=1, pool_mode="statement"))
    with daemon.connect() as client, daemon.connect() as other:
        assert client.value("select 1") == "1"
        client.send(m.query("begin; select 1"))
        error = last_error(client)
        assert (error["S"], error["C"]) == ("FATAL", "0A000")
        assert "statement pooling mode" in error["M"] and "pool_mode" in error["H"]
        assert other.value("select now() = statement_timestamp()") == "t"  # no block is left open


def test_modes_per_database_and_user(start_pgsaba):
    modes = {"databases": {"postgres": {"pool_size": 5},
                           "sessions": {"cluster": "main", "dbname": "postgres",
                                        "pool_mode": "session"}},
             "users": {"alice": {"pool_mode": "session"}, "bob": {"pool_mode": "statement"}}}
    daemon = start_pgsaba(modes)
    clients = [daemon.connect(), daemon.connect(database="sessions"), daemon.connect(user="alice"),
               daemon.connect(user="bob"), daemon.connect(user="bob", database="sessions")]
    for client in clients:
        client.rows("select 1")
    found = {(row["database"], row["user"]): row["pool_mode"] for row in daemon.admin("show pools")}
    assert found[("postgres", "postgres")] == "transaction"
    assert found[("sessions", "postgres")] == "session"
    assert found[("postgres", "alice")] == "session"
    assert found[("postgres", "bob")] == found[("sessions", "bob")] == "statement"
    assert pool_row(daemon, user="alice")["sv_active"] == "1"  # the session holds it
    assert pool_row(daemon)["sv_active"] == "0"
    for client in clients[3:]:
        client.send(m.query("begin; select 1"))
        assert last_error(client)["C"] == "0A000"
    for client in clients[:3]:
        client.close()


# Order


def test_first_come_first_served(start_pgsaba):
    daemon = start_pgsaba(database(pool_size=1))
    holder = daemon.connect()
    begin(holder)
    holder.rows("create temp table served (place serial, client int) on commit drop")
    clients, count = [], 6
    for number in range(count):
        clients.append(daemon.connect())
        clients[-1].send(m.query(f"select {number}, clock_timestamp()::text"))
        wait_for_waiters(daemon, number + 1)
    holder.rows("rollback")
    times = [m.row_values(client.read_until_ready()[1])[1] for client in clients]
    assert times == sorted(times) and len(set(times)) == count
    for client in [holder, *clients]:
        client.close()


def test_a_newcomer_does_not_overtake(start_pgsaba):
    """A client that ends its transaction and at once begins another queues behind who waits."""
    daemon = start_pgsaba(database(pool_size=1))
    with daemon.connect() as greedy, daemon.connect() as patient:
        begin(greedy)
        patient.send(m.query("select clock_timestamp()::text"))
        wait_for_waiters(daemon, 1)
        greedy.rows("commit")
        second = greedy.value("select clock_timestamp()::text")
        first = m.row_values(patient.read_until_ready()[1])[0].decode()
        assert first < second


def test_a_waiter_that_leaves_frees_its_place(start_pgsaba):
    daemon = start_pgsaba(database(pool_size=1))
    with daemon.connect() as holder, daemon.connect() as impatient, daemon.connect() as patient:
        begin(holder)
        impatient.send(m.query("select 1"))
        wait_for_waiters(daemon, 1)
        patient.send(m.query("select 2"))
        wait_for_waiters(daemon, 2)
        impatient.abandon()
        wait_for_waiters(daemon, 1)
        holder.rows("commit")
        assert m.row_values(patient.read_until_ready()[1]) == [b"2"]


# Which server


def open_servers(daemon, count):
    """That many servers, each used last by the client of the same place."""
    clients = [daemon.connect() for _ in range(count)]
    pids = [begin(client) for client in clients]
    for client in clients:
        client.rows("commit")
    return clients, pids


def test_the_warmest_server_is_used(start_pgsaba):
    daemon = start_pgsaba(database(pool_size=3))
    clients, pids = open_servers(daemon, 3)
    assert [backend(clients[0]) for _ in range(5)] == [pids[-1]] * 5


def test_round_robin_uses_all(start_pgsaba):
    daemon = start_pgsaba({**database(pool_size=3), "pool": {"server_round_robin": True}})
    clients, pids = open_servers(daemon, 3)
    assert [backend(clients[0]) for _ in range(6)] == pids * 2


# Opening servers


@pytest.mark.parametrize("limit", [8, 3])
def test_servers_are_opened_several_at_once(before_fake, limit):
    """One for each client that waits, all at the same time, up to max_opening_servers."""
    logging_in, counts, release = set(), [], threading.Event()

    def busy(connection):
        connection.welcome()
        sql = connection.query()
        release.wait(30)
        connection.answer(sql)
        connection.serve()

    def slow(connection):
        logging_in.add(connection.number)
        counts.append(len(logging_in))
        release.wait(30)
        logging_in.remove(connection.number)
        serve(connection)

    daemon, _ = before_fake(busy, slow, changes={**database(pool_size=9),
                                                 "pool": {"max_opening_servers": limit}})
    clients = [daemon.connect() for _ in range(9)]
    for number, client in enumerate(clients):
        client.send(m.query(f"select {number}"))
    wait_for_waiters(daemon, 8)
    try:
        wait_until(lambda: len(logging_in) == limit, 10, f"{limit} logins at once")
    finally:
        release.set()
    for client in clients:
        assert tags(client.read_until_ready()) == b"TDCZ"
        client.close()
    assert max(counts) == limit


def test_min_pool_size_is_kept_open(start_pgsaba, cluster):
    daemon = start_pgsaba(database(pool_size=5, min_pool_size=3))
    with daemon.connect():
        wait_until(lambda: server_count(cluster) == 3, 10, "three servers")
        cluster.sql("select pg_terminate_backend(pid) from pg_stat_activity where backend_type ="
                    " 'client backend' and application_name not like 'pgsaba%'"
                    " and pid <> pg_backend_pid()")
        wait_until(lambda: server_count(cluster) == 3, 10, "three new servers")
        assert pool_row(daemon)["sv_idle"] == "3"


@pytest.mark.parametrize("workers", [1, 3])
def test_the_floor_of_a_database_with_a_user_needs_no_clients(start_pgsaba, cluster, workers):
    make_roles(cluster, "alice")
    daemon = start_pgsaba({"workers": workers, **database(user="alice", pool_size=5, min_pool_size=3)})
    wait_until(lambda: server_count(cluster) == 3, 10, "three servers")
    daemon.reload(database(min_pool_size=4))
    wait_until(lambda: server_count(cluster) == 4, 10, "four servers")
    assert pool_row(daemon, user="alice")["sv_idle"] == "4"


def test_min_pool_size_is_of_the_process(start_pgsaba, cluster):
    daemon = start_pgsaba({"workers": 4, **database(pool_size=20, min_pool_size=4)})
    clients = [daemon.connect() for _ in range(8)]
    wait_until(lambda: server_count(cluster) == 4, 10, "four servers")
    for _ in range(20):  # whichever worker looks
        assert server_count(cluster) == 4
        time.sleep(0.05)
    for client in clients:
        client.close()


def test_min_pool_size_makes_room_for_others(start_pgsaba, cluster):
    """Both users' floors fill the database; a third user's client gets a server all the same."""
    daemon = start_pgsaba({**database(pool_size=4, min_pool_size=2, max_connections=4),
                           "timeouts": {"query_wait": "5s"}})
    holders = [daemon.connect(user=user) for user in ("alice", "bob")]
    for holder in holders:
        holder.value("select 1")
    wait_until(lambda: server_count(cluster) == 4, 10, "four servers")
    logins = daemon.log.count("logged in")
    with daemon.connect() as third:
        assert third.value("select 1") == "1"
        assert third.value("select 1") == "1"
    assert daemon.log.count("logged in") - logins <= 8
    for holder in holders:
        holder.close()


# Workers


def test_a_server_that_cannot_be_opened_is_lent(start_pgsaba, cluster):
    """PostgreSQL takes one connection of this role; whichever worker has it serves all clients."""
    make_roles(cluster, "scarce")
    cluster.sql("alter role scarce connection limit 1")
    daemon = start_pgsaba({"workers": 2, **database(pool_size=4)})
    clients = [daemon.connect(user="scarce") for _ in range(4)]
    for client in clients * 3:
        assert client.value("select 1") == "1"
    for client in clients:
        client.close()


def test_lending_between_workers(start_pgsaba):
    """With one server and two workers, clients of both are served in turn and none starves."""
    daemon = start_pgsaba({**database(pool_size=1), "workers": 2})
    clients = [daemon.connect() for _ in range(6)]
    done = [0] * len(clients)
    until = time.monotonic() + 2

    def work(place):
        while time.monotonic() < until:
            clients[place].rows("select 1")
            done[place] += 1

    threads = [threading.Thread(target=work, args=[place]) for place in range(len(clients))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert min(done) > 10, done
    assert len({backend(client) for client in clients}) == 1
    for client in clients:
        client.close()


def test_an_idle_server_follows_a_client_of_another_worker(start_pgsaba):
    daemon = start_pgsaba({**database(pool_size=2), "workers": 2})
    clients = [daemon.connect(options={"application_name": str(i)}) for i in range(8)]
    home = {row["application_name"]: row["worker"] for row in daemon.admin("show clients")}
    holders, others = ([clients[i] for i in range(8) if home[str(i)] == worker][:2]
                       for worker in ("0", "1"))
    pids = sorted(begin(client) for client in holders)
    for client in others:
        client.send(m.query("select pg_backend_pid()"))
    wait_for_waiters(daemon, 2)
    for client in holders:
        client.rows("commit")
    served = [int(m.row_values(client.read_until_ready()[1])[0]) for client in others]
    assert set(served) <= set(pids)
    assert error_of(clients[0].query("select 1")) is None
    for client in clients:
        client.close()
