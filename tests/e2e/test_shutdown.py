"""How it ends: by signal or by command, with transactions running or clients at rest; and how it
refuses to begin."""
# ctest-labels: threads

import re
import resource
import signal
import socket
import subprocess
import time

import pytest
from harness import messages as m
from harness.client import RawClient
from harness.conversations import backend, begin, last_error, server_count, tags, wait_for_waiters
from harness.processes import wait_until


@pytest.fixture(params=[1, 2], ids=["one worker", "two workers"])
def daemon(start_pgsaba, request):
    return start_pgsaba({"workers": request.param, "databases": {"postgres": {"pool_size": 2}}})


def is_told(client):
    error = last_error(client)
    return (error["S"], error["C"]) == ("FATAL", "57P01") and "shutting down" in error["M"]


def accepts(daemon):
    try:
        socket.create_connection(daemon.where, 1).close()
        return True
    except OSError:
        return False


def test_sigterm_waits_for_running_transactions(daemon, cluster):
    """Also for one of which only its client knows, and for its wait for a server."""
    busy, sleeping, idle = (daemon.connect() for _ in range(3))
    waiting, begun, first = (daemon.connect() for _ in range(3))
    begin(busy)
    sleeping.send(m.query("select pg_sleep(1), 'done'"))
    wait_until(lambda: cluster.value("select count(*) from pg_stat_activity where state = 'active' "
                                     "and query like 'select pg_sleep(1)%'") == 1, 10, "the sleeper")
    waiting.send(m.query("select 1"))
    begun.rows("begin")
    first.rows("begin")
    first.send(m.query("select 'first'"))
    wait_for_waiters(daemon, 2)
    daemon.send_signal(signal.SIGTERM)
    assert is_told(idle) and is_told(waiting)
    assert m.row_values(sleeping.read_until_ready()[1]) == [b"", b"done"]
    assert is_told(sleeping)
    assert m.row_values(first.read_until_ready()[1]) == [b"first"]
    first.rows("commit")
    assert is_told(first)
    assert begun.value("select 'second'") == "second"
    begun.rows("commit")
    assert is_told(begun)
    assert busy.value("select 1") == "1"
    assert daemon.is_running() and not accepts(daemon) and not daemon.unix_socket.exists()
    busy.rows("commit")
    assert is_told(busy)
    assert daemon.wait() == 0
    wait_until(lambda: server_count(cluster) == 0, 10, "the end of all servers")
    assert not daemon.unix_socket.exists()
    assert re.search("pgsaba has ended", daemon.log)


def test_sigterm_with_nobody_there(daemon):
    started = time.monotonic()
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait() == 0
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_at_once_waits_for_nobody(daemon, cluster, number):
    busy, idle = daemon.connect(), daemon.connect()
    begin(busy)
    daemon.send_signal(number)
    assert daemon.wait() == 0
    assert is_told(busy) and is_told(idle)
    wait_until(lambda: server_count(cluster) == 0, 10, "the end of all servers")
    assert not daemon.unix_socket.exists()


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_does_not_wait(daemon, second):
    busy = daemon.connect()
    begin(busy)
    daemon.send_signal(signal.SIGTERM)
    daemon.wait_for_log("running transactions may end")
    busy.socket.settimeout(1)
    assert busy.value("select 1") == "1"
    daemon.send_signal(second)
    assert daemon.wait() == 0
    assert is_told(busy)


def test_the_wait_has_a_limit_if_one_is_set(start_pgsaba):
    daemon = start_pgsaba({"timeouts": {"shutdown": "700ms"}})
    busy = daemon.connect()
    begin(busy)
    started = time.monotonic()
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait() == 0
    assert 0.5 < time.monotonic() - started < 8
    assert is_told(busy)


def test_a_client_in_the_middle_of_its_login(daemon):
    with RawClient(daemon.where, login=False) as client:
        client.send(m.startup({"user": "postgres"})[:9])
        time.sleep(0.1)
        daemon.send_signal(signal.SIGTERM)
        client.read_to_end()
    assert daemon.wait() == 0


def test_shutdown_command(daemon):
    with daemon.connect() as idle:
        console = daemon.connect(database="pgsaba")
        console.send(m.query("shutdown"))
        assert is_told(idle)
        console.read_to_end()
    assert daemon.wait() == 0


def test_shutdown_wait_for_servers(daemon):
    """As SIGTERM: who is at rest is told at once, transactions end first, whichever workers have them."""
    busy = [daemon.connect() for _ in range(2)]
    workers = {row["worker"] for row in daemon.admin("show clients") if row["database"] == "postgres"}
    assert len(workers) == daemon.config["workers"]
    idle = [daemon.connect() for _ in range(2)]
    for client in busy:
        begin(client)
    with daemon.connect(database="pgsaba") as console:
        assert tags(console.query("shutdown wait_for_servers")) == b"CZ"
    assert all(is_told(client) for client in idle)
    wait_until(lambda: not accepts(daemon), 10, "the end of listening")
    for client in busy:
        assert client.value("select 1") == "1" and daemon.is_running()
        client.rows("commit")
        assert is_told(client)
    assert daemon.wait() == 0


def test_session_mode_counts_a_session_as_running(start_pgsaba):
    """It may hold anything: only its end, or a second signal, ends the wait."""
    daemon = start_pgsaba({"databases": {"postgres": {"pool_mode": "session"}}})
    client = daemon.connect()
    backend(client)
    daemon.send_signal(signal.SIGTERM)
    daemon.wait_for_log("running transactions may end")
    assert client.value("select 1") == "1"
    client.close()
    assert daemon.wait() == 0


# SHUTDOWN WAIT_FOR_CLIENTS


def wait_for_clients(daemon):
    with daemon.connect(database="pgsaba") as console:
        assert tags(console.query("shutdown wait_for_clients")) == b"CZ"
    wait_until(lambda: not accepts(daemon), 10, "the end of listening")


def test_clients_stay_until_they_leave(daemon):
    idle, busy = daemon.connect(), daemon.connect()
    begin(busy)
    onlooker = daemon.connect(database="pgsaba")  # nobody waits for it
    wait_for_clients(daemon)
    busy.rows("commit")
    for _ in range(3):
        assert idle.value("select 1") == "1" and busy.value("select 2") == "2"
    idle.close()
    assert busy.value("select 3") == "3"
    assert tags(onlooker.query("show clients")).startswith(b"TD")
    assert daemon.is_running()
    busy.close()
    assert daemon.wait() == 0
    assert is_told(onlooker)


def test_a_login_that_began_before_is_refused(daemon):
    with RawClient(daemon.where, login=False) as late, daemon.connect() as client:
        wait_for_clients(daemon)
        assert is_told(late)
        assert client.value("select 1") == "1"
    assert daemon.wait() == 0


def test_waiting_for_clients_can_be_cut_short(daemon):
    """First to running transactions, then to nothing; the other way round nothing gets longer."""
    idle, busy = daemon.connect(), daemon.connect()
    begin(busy)
    console = daemon.connect(database="pgsaba")
    console.query("shutdown wait_for_clients")
    assert idle.value("select 1") == "1"
    daemon.send_signal(signal.SIGTERM)
    assert is_told(idle)
    console.query("shutdown wait_for_clients")
    assert busy.value("select 1") == "1" and daemon.is_running()
    daemon.send_signal(signal.SIGTERM)
    assert is_told(busy)
    assert daemon.wait() == 0


def test_waiting_for_clients_has_a_limit_if_one_is_set(start_pgsaba):
    daemon = start_pgsaba({"timeouts": {"shutdown": "700ms"}})
    with daemon.connect() as idle:
        wait_for_clients(daemon)
        assert is_told(idle)
    assert daemon.wait() == 0


# Not even begun


def run(daemon, **arguments):
    """The daemon's configuration once more, in a process of its own, until that ends."""
    return subprocess.run([daemon.binary, "serve", "-c", str(daemon.config_path)], timeout=30,
                          capture_output=True, text=True, check=False, **arguments)


def test_a_port_in_use(daemon):
    done = run(daemon)
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert f"127.0.0.1:{daemon.port}: cannot listen: Address already in use" in said
    assert "Is another pgsaba or PgBouncer running" in said
    assert daemon.unix_socket.exists()
    with RawClient(daemon.unix_socket) as client:  # the first one has kept its own
        assert client.value("select 1") == "1"


def test_a_socket_file_in_use(daemon):
    daemon.config["listen"] = daemon.config["listen"][1:]
    daemon.write_config()
    done = run(daemon)
    assert done.returncode == 1 and "cannot listen" in done.stdout + done.stderr
    with RawClient(daemon.unix_socket) as client:
        assert client.value("select 1") == "1"


def test_a_bad_file(daemon):
    daemon.config_path.write_text("pools: 3\n")
    done = run(daemon)
    assert done.returncode == 1
    assert "unknown key 'pools'" in done.stdout + done.stderr
    assert f"{daemon.config_path}:1" in done.stdout + done.stderr


def test_a_file_that_is_not_there(daemon):
    daemon.config_path.unlink()
    done = run(daemon)
    assert done.returncode == 1 and str(daemon.config_path) in done.stdout + done.stderr


# File descriptors


def test_file_descriptors_are_checked_at_start(pgsaba_binary, daemon):
    """The soft limit is raised as far as it goes; what is missing is said, with numbers."""
    daemon.stop()
    hard = 200

    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))

    with subprocess.Popen([pgsaba_binary, "serve", "-c", str(daemon.config_path)],
                          preexec_fn=limit, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True) as process:
        try:
            wait_until(lambda: accepts(daemon), 10, "a start")
            with RawClient(daemon.where) as client:
                assert client.value("select 1") == "1"
            soft, _ = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
            assert soft == hard
        finally:
            process.terminate()
            said = process.communicate(timeout=20)[0]
    assert process.returncode == 0
    assert re.search(r"the limit of open files is 200, but the configured limits can need 1\d\d\d",
                     said)
    assert "LimitNOFILE" in said and "1000 clients" in said


def test_enough_file_descriptors_are_not_mentioned(start_pgsaba):
    daemon = start_pgsaba({"limits": {"max_client_connections": 20}})
    assert "limit of open files" not in daemon.log
    with daemon.connect() as client:
        assert tags(client.query("select 1")) == b"TDCZ"
