"""PAUSE, RESUME, KILL, WAIT_CLOSE and DISABLE: what becomes of running transactions, of clients that wait
and of those that listen, and that no connection of ours is in an administrator's way."""

# ctest-labels: threads
import signal

import pytest
from harness import messages as m
from harness.conversations import (backend, begin, error_of, last_error, refusal, tags,
                                   wait_for_waiters)
from harness.processes import wait_until
from harness.pgsaba import rows_by_name

OWN = "workplace"


@pytest.fixture(params=[1, 2], ids=["one worker", "two workers"])
def daemon(start_pgsaba, cluster, request):
    """Two databases, of which one is there to be paused."""
    cluster.sql(f"drop database if exists {OWN} with (force)")
    cluster.sql(f"create database {OWN}")
    database = {"cluster": "main", "pool_size": 2, "route": "primary"}
    return start_pgsaba({"workers": request.param, "databases": {OWN: database, "postgres": database}})


@pytest.fixture
def console(daemon):
    with daemon.connect(database="pgsaba", timeout=30) as client:
        yield client


def connections(cluster):
    return cluster.value("select count(*) from pg_stat_activity where datname = %s", [OWN])


def sleeps(cluster):
    return cluster.value("select count(*) from pg_stat_activity where datname = %s and "
                         "wait_event = 'PgSleep'", [OWN])


def nobody_is_connected(cluster):
    """Backends take their time to end."""
    wait_until(lambda: connections(cluster) == 0, 10, "the end of all connections")


def row_of(daemon, name=OWN):
    row, = [row for row in daemon.admin("show databases") if row["name"] == name]
    return row


def is_paused(daemon):
    return row_of(daemon)["paused"] == "1"


def waits(console, command):
    """Sends a command that cannot be answered yet."""
    console.send(m.query(command))
    assert console.is_silent(0.2)


@pytest.mark.parametrize("of_all", [False, True])
def test_clients_wait_and_go_on(daemon, console, cluster, of_all):
    clients = [daemon.connect(database=OWN) for _ in range(4)]
    for client in clients:
        assert client.value("select 1") == "1"
    name = "" if of_all else OWN
    with daemon.connect() as other:
        assert tags(console.query(f"pause {name}")) == b"CZ"
        nobody_is_connected(cluster)
        for number, client in enumerate(clients):
            client.send(m.query(f"select {number}"))
        wait_for_waiters(daemon, len(clients), OWN)
        other.send(m.query("select 1"))
        assert other.is_silent(0.2) == of_all
    assert all(client.is_silent(0.05) for client in clients)
    nobody_is_connected(cluster)
    assert tags(console.query(f"resume {name}")) == b"CZ"
    for number, client in enumerate(clients):
        assert m.row_values(client.read_until_ready()[1]) == [str(number).encode()]
        client.close()


def test_it_waits_for_running_transactions(daemon, console, cluster):
    """These go on to their end; what comes behind it waits."""
    with daemon.connect(database=OWN) as one, daemon.connect(database=OWN) as two:
        begin(one)
        two.send(m.query("select pg_sleep(0.5), 'done'"))
        # A server that is still logging in serves nobody: PAUSE would not wait for its client.
        wait_until(lambda: sleeps(cluster) == 1, 10, "the second transaction")
        waits(console, f"pause {OWN}")
        assert one.value("select 'still here'") == "still here"
        assert m.row_values(two.read_until_ready()[1])[1] == b"done"
        assert console.is_silent(0.1)
        assert tags(one.query("commit")) == b"CZ"
        one.send(m.query("select 'later'"))
        assert tags(console.read_until_ready()) == b"CZ"
        nobody_is_connected(cluster)
        assert one.is_silent(0.1)
        console.query(f"resume {OWN}")
        assert m.row_values(one.read_until_ready()[1]) == [b"later"]


def test_a_transaction_that_no_server_knows_of_holds_nothing_up(daemon, console):
    with daemon.connect(database=OWN) as client:
        client.query("begin")
        assert tags(console.query(f"pause {OWN}")) == b"CZ"
        client.send(m.query("select 1"))
        wait_for_waiters(daemon, 1, OWN)
        console.query(f"resume {OWN}")
        assert tags(client.read_until_ready()) == b"TDCZ"
        assert tags(client.query("commit")) == b"CZ"


def test_it_waits_for_who_keeps_its_server(daemon, console, cluster):
    with daemon.connect(database=OWN) as client:
        client.query("create temp table own (a int)")
        waits(console, f"pause {OWN}")
        assert client.value("select count(*) from own") == "0"
        client.query("drop table own")
        assert tags(console.read_until_ready()) == b"CZ"
        nobody_is_connected(cluster)


@pytest.mark.parametrize("leave", ["close", "abandon"])
def test_one_whose_console_is_gone_is_taken_back(daemon, leave):
    with daemon.connect(database=OWN) as holder, daemon.connect(database=OWN) as other:
        begin(holder)
        console = daemon.connect(database="pgsaba")
        waits(console, f"pause {OWN}")
        other.send(m.query("select 1"))
        assert other.is_silent(0.1)
        if leave == "close":
            console.socket.close()
        else:
            console.abandon()
        assert tags(other.read_until_ready()) == b"TDCZ"
        assert not is_paused(daemon)


def test_one_that_is_complete_outlives_its_console(daemon):
    with daemon.connect(database=OWN) as client:
        daemon.admin(f"pause {OWN}")
        client.send(m.query("select 1"))
        assert client.is_silent(0.3)
        assert is_paused(daemon)
        daemon.admin(f"resume {OWN}")
        assert tags(client.read_until_ready()) == b"TDCZ"


def test_the_database_can_be_dropped_and_made_anew(daemon, console, cluster):
    """Clients stay: one that was served, one in a transaction of which nothing was sent, one that
    listens."""
    with daemon.connect(database=OWN) as served, daemon.connect(database=OWN) as listener:
        assert served.value("select 1") == "1"
        listener.query("listen news")
        assert tags(console.query(f"pause {OWN}")) == b"CZ"
        nobody_is_connected(cluster)
        cluster.sql(f"drop database {OWN}")
        cluster.sql(f"create database {OWN}")
        served.send(m.query("select current_database()"))
        console.query(f"resume {OWN}")
        assert m.row_values(served.read_until_ready()[1]) == [OWN.encode()]


def test_who_listens_is_told_and_hears_again(daemon, console, cluster):
    with daemon.connect(database=OWN) as client, daemon.connect(database=OWN) as other:
        client.query("listen news")
        assert tags(console.query(f"pause {OWN}")) == b"CZ"
        nobody_is_connected(cluster)
        cluster.sql("notify news, 'nobody is there'", dbname=OWN)
        assert client.is_silent(0.5)
        nobody_is_connected(cluster)
        console.query(f"resume {OWN}")
        assert "missed" in m.error_fields(client.read_until(b"N")[-1])["M"]
        other.query("notify news, 'heard'")
        assert client.read_until(b"A")[-1].body[4:] == b"news\0heard\0"


def test_who_began_to_listen_meanwhile_hears(daemon, console, cluster):
    """LISTEN is executed before the pause, and takes effect at the end of its transaction."""
    with daemon.connect(database=OWN) as client:
        begin(client)
        client.query("listen news")
        waits(console, f"pause {OWN}")
        client.send(m.query("commit"))
        client.read_until_ready()
        console.send(m.query("show version"))  # behind the PAUSE, which may wait for this client
        cluster.sql("notify news, 'now'", dbname=OWN)
        daemon.admin(f"resume {OWN}")
        cluster.sql("notify news, 'later'", dbname=OWN)
        heard = b""
        while b"later" not in heard:
            heard += client.read_until(b"A")[-1].body
        console.read_until_ready(2)


def test_kill_drops_and_pauses(daemon, console, cluster):
    with daemon.connect(database=OWN) as busy, daemon.connect(database=OWN) as idle, \
            daemon.connect(database=OWN) as listener, daemon.connect() as other:
        begin(busy)
        listener.query("listen news")
        assert tags(console.query(f"kill {OWN}")) == b"CZ"
        for client in busy, idle, listener:
            assert last_error(client)["C"] == "57P01"
        nobody_is_connected(cluster)
        assert other.value("select 1") == "1"
        assert is_paused(daemon)
        with daemon.connect(database=OWN, login=False) as late:
            late.send(m.startup({"user": "postgres", "database": OWN}) + m.query("select 1"))
            assert b"D" not in tags([] if late.is_silent(0.3) else late.read_until_ready())
            console.query(f"resume {OWN}")
            assert b"D" in tags(late.read_until(b"C"))


def test_wait_close_waits_for_servers_that_are_to_go(daemon, console):
    with daemon.connect(database=OWN) as client:
        before = begin(client)
        assert tags(console.query(f"reconnect {OWN}")) == b"CZ"
        waits(console, f"wait_close {OWN}")
        client.query("commit")
        assert tags(console.read_until_ready()) == b"CZ"
        assert backend(client) != before


def test_by_signal(daemon, console, cluster):
    """SIGUSR1 is PAUSE, and SIGUSR2 is RESUME, which lifts that of a single database, too."""
    with daemon.connect(database=OWN) as one, daemon.connect() as other:
        assert one.value("select 1") == other.value("select 1") == "1"
        daemon.send_signal(signal.SIGUSR1)
        nobody_is_connected(cluster)
        for client in one, other:
            client.send(m.query("select 2"))
        wait_for_waiters(daemon, 1, OWN)
        wait_for_waiters(daemon, 1)
        assert tags(console.query(f"pause {OWN}")) == b"CZ"
        daemon.send_signal(signal.SIGUSR2)
        for client in one, other:
            assert m.row_values(client.read_until_ready()[1]) == [b"2"]
        assert error_of(console.query("resume"))["C"] == "55000"


def test_state_is_that_of_the_process(daemon, console):
    """Paused is who has PAUSE without a name, while that waits and afterwards; one database is not all."""
    def state():
        return {row["key"]: row["value"] for row in daemon.admin("show state")}

    active = {"active": "yes", "paused": "no", "suspended": "no"}
    paused = {"active": "no", "paused": "yes", "suspended": "no"}
    assert state() == active
    with daemon.connect(database=OWN) as client:
        begin(client)
        waits(console, "pause")
        assert state() == paused
        client.rows("commit")
    assert tags(console.read_until_ready()) == b"CZ"
    assert state() == paused
    assert tags(console.query("resume")) == b"CZ"
    assert state() == active
    assert tags(console.query(f"pause {OWN}")) == b"CZ"
    assert state() == active


def test_disable_turns_new_clients_away(daemon, console):
    """Those that are there go on, and so do other databases'."""
    with daemon.connect(database=OWN) as one, daemon.connect(database=OWN) as two:
        begin(one)
        assert tags(console.query(f"disable {OWN}")) == b"CZ"
        for _ in range(2):  # whichever worker
            refused = refusal(daemon.where, database=OWN)
            assert (refused["S"], refused["C"]) == ("FATAL", "57P03")
            assert refused["M"] == f'database "{OWN}" is disabled' and "ENABLE" in refused["H"]
            with daemon.connect() as other:
                assert other.value("select 1") == "1"
        assert row_of(daemon)["disabled"] == "1"
        one.rows("commit")
        for client in one, two:
            assert client.value("select current_database()") == OWN
        assert tags(console.query(f"enable {OWN}")) == b"CZ"
        for _ in range(2):
            with daemon.connect(database=OWN) as late:
                assert late.value("select 1") == "1"
        assert row_of(daemon)["disabled"] == "0"


def test_what_makes_no_sense_is_an_error(daemon, console):
    assert error_of(console.query(f"resume {OWN}"))["C"] == "55000"
    assert error_of(console.query("resume"))["C"] == "55000"
    assert error_of(console.query("pause nowhere"))["C"] == "3D000"
    assert tags(console.query("pause")) == b"CZ"
    assert error_of(console.query("pause"))["C"] == "55000"
    assert rows_by_name(console.query("show state"))
    assert tags(console.query("resume")) == b"CZ"
