"""A whole life under valgrind: nothing is read before it is written, nothing is lost at the end."""

import signal
import socket

import pytest
from harness import messages as m
from harness.client import RawClient, ServerError
from harness.cluster import PostgresCluster
from harness.conversations import begin, error_of, last_error, tags
from harness.pgsaba import Pgsaba
from harness.processes import wait_until

pytestmark = pytest.mark.timeout(300)

VALGRIND = ["valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full",
            "--show-leak-kinds=definite,indirect", "--errors-for-leak-kinds=definite,indirect",
            "--num-callers=30"]
PASSWORD = "secret of the forest"
PATIENCE = 60
BATCH = m.bind("", "named", ["1"]) + m.describe_portal() + m.execute() + m.sync()
SHOWN = ["active_sockets", "clients", "config", "databases", "fds", "lists", "mem", "pools",
         "servers", "sockets", "stats", "stats_averages", "stats_totals", "totals", "users",
         "version"]


@pytest.fixture(scope="module")
def secured(directory):
    """A server that asks for the password by SCRAM."""
    made = PostgresCluster(directory, "secured", hba=[
        "host all forester 127.0.0.1/32 scram-sha-256", "local all all trust",
        "host all all 127.0.0.1/32 trust"]).initialize().start()
    made.create_user("forester", PASSWORD)
    made.sql("create table notes (id int, text text); grant all on notes to forester")
    yield made
    made.stop("immediate")


@pytest.fixture(params=[1, 2], ids=["one worker", "two workers"])
def daemon(request, pgsaba_binary, directory, secured):
    users = directory.path / "valgrind_userlist.txt"
    users.write_text(f'"forester" "{PASSWORD}"\n"postgres" "{PASSWORD}"\n')
    users.chmod(0o600)
    changes = {"workers": request.param, "auth": {"type": "scram-sha-256", "file": str(users)},
               "databases": {"postgres": {"pool_size": 2}, "gone": {"cluster": "main",
                                                                    "dbname": "postgres"}}}
    started = Pgsaba(pgsaba_binary, directory, [secured], changes, f"valgrind_{request.param}",
                     under=VALGRIND).start(PATIENCE)
    yield started
    started.stop(timeout=PATIENCE)


def connect(daemon, user="forester", **arguments):
    return RawClient(daemon.where, user=user, password=PASSWORD, timeout=PATIENCE, **arguments)


def log_in(daemon):
    with pytest.raises(ServerError, match="28P01"):
        RawClient(daemon.where, user="forester", password="guessed", timeout=PATIENCE)
    with pytest.raises(ServerError):
        connect(daemon, database="absent")
    connect(daemon, options={"TimeZone": "Asia/Tokyo", "options": "-c statement_timeout=5s"}).close()
    with socket.create_connection(daemon.where, PATIENCE) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
        while stranger.recv(1000):
            pass


def ask_simply(daemon):
    with connect(daemon) as client:
        assert client.rows("select 1; select 'two'") == [["1"], ["two"]]
        assert error_of(client.query("selekt"))["C"] == "42601"
        assert tags(client.query("")) == b"IZ"
        assert len(client.value("select repeat('x', 2000000)")) == 2_000_000
        client.query("do $$ begin raise notice 'noted'; end $$")
        client.query("set search_path to pg_catalog")
        client.query("begin; set local work_mem to '8MB'")
        client.query("rollback")


def ask_in_batches(daemon):
    with connect(daemon) as one, connect(daemon) as two:
        for client in (one, two):
            client.send(m.parse("named", "select $1::int") + m.describe_statement("named") + BATCH * 3)
            assert tags(client.read_until_ready(3)) == b"1tT" + b"2TDCZ" * 3
            client.send(m.bind("", "unknown") + m.execute() + m.sync() + m.close_statement("named")
                        + m.sync() + m.parse("large", "select 1 /*" + "x" * 60_000 + "*/") + m.sync())
            client.read_until_ready(3)
            client.send(m.function_call(177, [b"40", b"2"]))
            client.read_until_ready()


def copy(daemon):
    with connect(daemon) as client:
        client.query("truncate notes")
        for ending in (m.copy_done(), m.copy_fail("enough")):
            client.send(m.query("copy notes from stdin"))
            client.read_until(b"G")
            client.send(m.copy_data("1\ta\n") * 5000 + ending)
            client.read_until_ready()
        assert client.value("select count(*) from notes") == "5000"
        assert len(client.query("copy notes to stdout")) > 5000


def cancel(daemon):
    with connect(daemon) as client:
        client.send(m.query("select pg_sleep(50)"))
        assert client.is_silent(0.5)
        with socket.create_connection(daemon.where, PATIENCE) as link:
            link.sendall(m.cancel_request(client.backend_pid, client.backend_secret))
            while link.recv(100):
                pass
        assert error_of(client.read_until_ready())["C"] == "57014"


def administrate(daemon):
    with connect(daemon, "postgres", database="pgsaba") as console:
        for name in SHOWN:
            assert console.query(f"show {name}")[-1].tag == b"Z"
        console.send(m.parse("", "show pools") + m.bind() + m.execute() + m.sync())
        console.read_until_ready()
        for command in ("pause", "resume", "reconnect", "nonsense", "show help", "disable gone",
                        "enable gone"):
            assert console.query(command)[-1].tag == b"Z"


def reload(daemon):
    with connect(daemon, database="gone") as stranded:
        assert stranded.value("select 1") == "1"
        daemon.reload({"databases": {"gone": None, "postgres": {"pool_size": 3}}})
        assert last_error(stranded)["S"] == "FATAL"
    daemon.config_path.write_text("workers: [")
    daemon.send_signal(signal.SIGHUP)
    daemon.wait_for_log("reload refused", PATIENCE)


def lose_servers(daemon, cluster):
    with connect(daemon) as client:
        lost = begin(client)
        cluster.sql("select pg_terminate_backend(%s)", [lost])
        wait_until(lambda: error_of(client.query("select 1")) is not None, PATIENCE, "its loss")
        client.query("rollback")
        client.send(m.query("select pg_sleep(50)"))
        wait_until(lambda: cluster.sql("select 1 from pg_stat_activity where query like"
                                       " 'select pg_sleep(50%%' and state = 'active'"), PATIENCE,
                   "a statement that runs")
        cluster.sql("select pg_terminate_backend(pid) from pg_stat_activity"
                    " where query like 'select pg_sleep(50%%'")
        assert error_of(client.read_until_ready())["C"] == "08007"
        assert client.value("select 1") == "1"
    vanishing = connect(daemon)
    vanishing.send(m.query("begin; select repeat('x', 5000000)"))
    vanishing.abandon()


def leave_in_the_middle(daemon):
    """All servers are taken by transactions, one client waits, others are idle."""
    clients = [connect(daemon) for _ in range(6)]
    for client in clients[:3]:
        begin(client)
    clients[3].send(m.query("select 1"))
    assert clients[3].is_silent(0.3)
    return clients


def test_a_whole_life(daemon, secured):
    log_in(daemon)
    ask_simply(daemon)
    ask_in_batches(daemon)
    copy(daemon)
    cancel(daemon)
    administrate(daemon)
    lose_servers(daemon, secured)
    reload(daemon)
    clients = leave_in_the_middle(daemon)
    daemon.send_signal(signal.SIGTERM)
    for client in clients[:3]:
        client.query("commit")
    assert last_error(clients[3])["C"] == "57P01"
    for client in clients:
        client.close()
    assert daemon.wait(PATIENCE) == 0
