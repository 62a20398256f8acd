"""Every time limit: what it ends, what it says, and what it leaves alone."""

import contextlib
import time

import pytest
from harness import messages as m
from harness.client import RawClient
from harness.conversations import (backend, begin, error_of, last_error, make_roles, pool_row,
                                   server_count, tags, wait_for_waiters)
from harness.processes import wait_until

PG_ENDS_ALL = ("select pg_terminate_backend(pid) from pg_stat_activity where backend_type ="
               " 'client backend' and pid <> pg_backend_pid()")


@pytest.fixture
def start(start_pgsaba):
    """A daemon with these limits; `sizes` are settings of its database."""
    def with_limits(sizes=None, **timeouts):
        return start_pgsaba({"databases": {"postgres": {"pool_size": 1, **(sizes or {})}},
                             "timeouts": timeouts})
    return with_limits


def took(started):
    return time.monotonic() - started


# Waiting for a server


def test_query_wait(start):
    daemon = start(query_wait="500ms")
    with daemon.connect() as holder, daemon.connect() as client:
        begin(holder)
        started = time.monotonic()
        frames = client.query("select 1")
        assert 0.4 < took(started) < 5
        assert tags(frames) == b"EZ" and frames[-1].body == b"I"
        error = error_of(frames)
        assert (error["S"], error["C"]) == ("ERROR", "53300")
        assert "query_wait" in error["M"] and "pool_size" in error["H"]
        assert "1 of 1 server connections" in error["D"]
        daemon.wait_for_log("no server connection became free within query_wait")
        holder.rows("commit")
        assert client.value("select 2") == "2"


def test_query_wait_in_the_extended_protocol(start):
    """The batch fails as a whole, up to its Sync; the next one is another matter."""
    daemon = start(query_wait="300ms")
    with daemon.connect() as holder, daemon.connect() as client:
        begin(holder)
        batch = (m.parse("s", "select 1"), m.bind("", "s"), m.execute(), m.sync())
        client.send(*batch, *batch)
        frames = client.read_until_ready(2)
        assert tags(frames) == b"EZEZ"
        holder.rows("commit")
        client.send(*batch)
        assert tags(client.read_until_ready()) == b"12DCZ"


def test_query_wait_of_a_user_and_a_database(start_pgsaba, cluster):
    make_roles(cluster, "hasty")
    daemon = start_pgsaba({"databases": {"postgres": {"pool_size": 1, "query_wait": "20s"}},
                           "users": {"hasty": {"query_wait": "300ms"}},
                           "timeouts": {"query_wait": "30s"}})
    with daemon.connect(user="hasty") as holder, daemon.connect(user="hasty") as hasty:
        begin(holder)
        assert error_of(hasty.query("select 1"))["C"] == "53300"
        holder.rows("commit")
    with daemon.connect() as holder, daemon.connect() as patient:
        begin(holder)
        patient.send(m.query("select 1"))
        assert patient.is_silent(1)
        holder.rows("commit")
        assert error_of(patient.read_until_ready()) is None


# Running statements and transactions


def test_query(start, cluster):
    daemon = start(query="500ms")
    with daemon.connect() as other:
        client = daemon.connect()
        client.send(m.query("select pg_sleep(30)"))
        error = last_error(client)
        assert (error["S"], error["C"]) == ("FATAL", "57014") and "timeouts.query" in error["H"]
        assert other.value("select 1") == "1"  # the server is not still busy with it
        wait_until(lambda: server_count(cluster, "state = 'active'") == 0, 10, "the sleep's end")


def test_query_counts_each_statement_for_itself(start):
    daemon = start(query="700ms")
    with daemon.connect() as client:
        client.rows("begin")
        for _ in range(4):
            client.rows("select pg_sleep(0.3)")
        client.rows("commit")


def test_idle_transaction(start, cluster):
    daemon = start(idle_transaction="500ms")
    cluster.sql("create table if not exists half_done (id int)")
    client = daemon.connect()
    client.rows("begin")
    client.rows("insert into half_done values (1)")
    error = last_error(client)
    assert (error["S"], error["C"]) == ("FATAL", "25P03")
    assert "timeouts.idle_transaction" in error["H"]
    with daemon.connect() as other:
        assert other.value("select count(*) from half_done") == "0"
        other.rows("begin")
        other.rows("select pg_sleep(1)")  # a busy transaction is not an idle one
        other.rows("commit")
        time.sleep(0.8)  # nor is an idle client in one
        assert other.value("select 1") == "1"


def test_transaction(start):
    daemon = start(transaction="1s")
    client = daemon.connect()
    client.send(m.query("begin"))
    until = time.monotonic() + 10
    while time.monotonic() < until:  # busy all the time
        with contextlib.suppress(BrokenPipeError):  # its last word is still to be read
            client.send(m.query("select pg_sleep(0.05)"))
        if b"E" in tags(frames := [client.read()]):
            break
    error = m.error_fields(frames[0])
    assert (error["S"], error["C"]) == ("FATAL", "25P04") and "timeouts.transaction" in error["H"]
    with daemon.connect() as other:
        assert other.value("select now() = statement_timestamp()") == "t"


# Clients


def test_client_idle(start):
    daemon = start(client_idle="700ms")
    with daemon.connect() as busy:
        client = daemon.connect()
        busy.rows("begin")  # idle in a transaction is another limit's business
        started = time.monotonic()
        error = last_error(client)
        assert took(started) < 5
        assert (error["S"], error["C"]) == ("FATAL", "57P05") and "timeouts.client_idle" in error["H"]
        busy.rows("commit")
        for _ in range(6):
            time.sleep(0.3)
            busy.rows("select 1")


def test_client_idle_of_a_user(start_pgsaba, cluster):
    make_roles(cluster, "fleeting")
    daemon = start_pgsaba({"users": {"fleeting": {"client_idle": "300ms"}}})
    with daemon.connect() as patient:
        assert last_error(daemon.connect(user="fleeting"))["C"] == "57P05"
        assert patient.value("select 1") == "1"


@pytest.mark.parametrize("part", [b"", b"\0\0", m.startup({"user": "postgres"})[:20]])
def test_client_login(start, part):
    daemon = start(client_login="500ms")
    with RawClient(daemon.where, login=False) as client:
        client.send(part)
        started = time.monotonic()
        client.read_to_end()
        assert took(started) < 5
    with daemon.connect() as other:
        assert other.value("select 1") == "1"


def test_client_login_without_an_answer_to_the_password_request(start_pgsaba, directory):
    path = directory.path / "login_limit.txt"
    path.write_text('"postgres" "secret"\n')
    daemon = start_pgsaba({"auth": {"type": "scram-sha-256", "file": str(path)},
                           "timeouts": {"client_login": "500ms"}})
    with RawClient(daemon.where, login=False) as client:
        client.send(m.startup({"user": "postgres", "database": "postgres"}))
        frames = client.read_to_end()
        assert tags(frames) == b"RE"
        assert "client_login" in m.error_fields(frames[-1])["M"]


# Servers


def test_server_lifetime(start):
    daemon = start(server_lifetime="700ms")
    with daemon.connect() as client:
        pid = backend(client)
        assert backend(client) == pid
        assert begin(client) == pid
        time.sleep(1)
        assert backend(client) == pid  # not in the middle of a transaction
        client.rows("commit")
        assert backend(client) != pid


def test_server_lifetime_of_zero_uses_a_server_once(start):
    daemon = start(server_lifetime="0s")
    with daemon.connect() as client:
        assert len({backend(client) for _ in range(5)}) == 5


def test_server_lifetime_of_a_database(start):
    daemon = start({"server_lifetime": "0s"})
    with daemon.connect() as client:
        assert len({backend(client) for _ in range(3)}) == 3


def test_server_idle(start, cluster):
    daemon = start({"pool_size": 3, "min_pool_size": 1}, server_idle="700ms")
    clients = [daemon.connect() for _ in range(3)]
    for client in clients:
        begin(client)
    for client in clients[:2]:
        client.rows("commit")
    wait_until(lambda: server_count(cluster) == 1, 10, "the end of two idle servers")
    clients[2].rows("commit")
    time.sleep(1.5)
    assert server_count(cluster) == 1  # min_pool_size
    for client in clients:
        client.close()


def test_database_of_any_name_is_forgotten(start_pgsaba, cluster):
    cluster.sql("create database passing")
    daemon = start_pgsaba({"databases": {"*": {"cluster": "main", "pool_size": 1}},
                           "timeouts": {"autodb_idle": "1s", "server_idle": "300ms"}})
    with daemon.connect(database="passing") as client:
        assert client.value("select current_database()") == "passing"
        time.sleep(1.5)
        assert pool_row(daemon, "passing")  # somebody is there
        assert [(row["name"], row["database"]) for row in daemon.admin("show databases")
                if row["name"] in ("passing", "*")] == [("passing", "passing")]
    wait_until(lambda: not pool_row(daemon, "passing"), 10, "the end of the pool")
    with daemon.connect(database="passing") as client:
        assert client.value("select current_database()") == "passing"


def test_many_pools_are_forgotten_as_well(start_pgsaba, cluster):
    """More than are looked at in one tick."""
    users = [f"passer_by_{number}" for number in range(60)]
    make_roles(cluster, *users)
    daemon = start_pgsaba({"databases": {"*": {"cluster": "main", "pool_size": 1}},
                           "timeouts": {"autodb_idle": "1s", "server_idle": "300ms"}})
    for user in users:
        with daemon.connect(user=user, database="template1") as client:
            assert client.value("select current_user") == user

    def pools():
        return [row for row in daemon.admin("show pools") if row["database"] == "template1"]

    wait_until(lambda: server_count(cluster) == 0, 10, "the end of all servers")
    wait_until(lambda: pools() == [], 10, "the end of all pools")


def test_client_idle_of_one_user_among_others(start_pgsaba, cluster):
    """Limits of different length: the patient ones do not stand in front of the hasty one."""
    make_roles(cluster, "brief")
    daemon = start_pgsaba({"users": {"brief": {"client_idle": "300ms"}},
                           "timeouts": {"client_idle": "60s"}})
    patient = [daemon.connect() for _ in range(3)]
    brief = daemon.connect(user="brief")
    assert last_error(brief)["C"] == "57P05"
    for client in patient:
        assert client.value("select 1") == "1"
        client.close()
