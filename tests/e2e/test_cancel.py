"""Cancel requests reach exactly the statement they were meant for."""
# ctest-labels: threads

import itertools
import os
import pty
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from harness import messages
from harness.client import RawClient
from harness.messages import error_fields
from harness.processes import wait_until


def cancel(daemon, client, secret=None):
    with socket.create_connection(daemon.where, 5) as link:
        link.sendall(messages.cancel_request(client.backend_pid, secret or client.backend_secret))
        while link.recv(100):
            pass


def sqlstates(frames):
    return [error_fields(frame)["C"] for frame in frames if frame.tag == b"E"]


@pytest.mark.parametrize("workers", [1, 2])
def test_it_reaches_the_running_statement(start_pgsaba, workers):
    daemon = start_pgsaba({"workers": workers})
    clients = [daemon.connect() for _ in range(3)]
    for client in clients:
        client.send(messages.query("select pg_sleep(20)"))
    for client in clients:
        assert client.is_silent(0.1)
        cancel(daemon, client)
        assert sqlstates(client.read_until_ready()) == ["57014"]
        assert client.value("select 1") == "1"
        client.close()


def homes(daemon):
    """The worker of each client, by its application_name."""
    return {row["application_name"]: int(row["worker"]) for row in daemon.admin("show clients")
            if row["database"] == "postgres"}


def test_it_finds_its_client_from_every_worker(start_pgsaba):
    """Its own connection comes to where the fewest clients are. That is each worker in turn, for statements
    of clients of all four."""
    workers, sleeping, spare = range(4), 5, 2
    daemon = start_pgsaba({"workers": len(workers), "databases": {"postgres": {"pool_size": 20}}})
    clients, numbers = {}, itertools.count()

    def fill(count):
        for _ in range(count):
            name = f"client {next(numbers)}"
            clients[name] = daemon.connect(options={"application_name": name})

    def at(worker):
        return [name for name, home in homes(daemon).items() if home == worker]

    def has(worker, count):
        return lambda: len(at(worker)) == count

    fill(len(workers) * (sleeping + spare))
    for worker in workers:
        wait_until(has(worker, sleeping + spare), 10, "as many everywhere")
    sleepers = [name for group in zip(*(at(worker)[:sleeping] for worker in workers)) for name in group]
    for name in sleepers:
        clients[name].send(messages.query("select pg_sleep(60)"))
    for worker in workers:
        for name in set(at(worker)) - set(sleepers):
            clients.pop(name).close()
        wait_until(has(worker, sleeping), 10, "two less there")
        with daemon.connect(options={"application_name": "another"}):
            assert homes(daemon)["another"] == worker
        wait_until(has(worker, sleeping), 10, "two less there")
        for name in sleepers[worker * sleeping:][:sleeping]:
            assert clients[name].is_silent(0.05)
            cancel(daemon, clients[name])
            assert sqlstates(clients[name].read_until_ready()) == ["57014"]
        fill(spare)
        wait_until(has(worker, sleeping + spare), 10, "as many everywhere")
    for client in clients.values():
        client.close()


def test_it_ends_the_wait_for_a_server(start_pgsaba):
    daemon = start_pgsaba({"databases": {"postgres": {"pool_size": 1}}})
    with daemon.connect() as holder, daemon.connect() as waiting:
        holder.query("begin; select 1")
        waiting.send(messages.query("select 2"))
        assert waiting.is_silent(0.1)
        cancel(daemon, waiting)
        assert sqlstates(waiting.read_until_ready()) == ["57014"]
        holder.query("commit")
        assert waiting.value("select 3") == "3"


@pytest.mark.parametrize("workers", [1, 2])
def test_its_number_is_no_server_process(start_pgsaba, workers):
    """Clients take it for one: they end "their" server process by it, and leave out notifications that
    come from it as their own."""
    most = int(Path("/proc/sys/kernel/pid_max").read_text())
    daemon = start_pgsaba({"workers": workers})
    with daemon.connect() as client, daemon.connect() as other:
        assert most <= 1 << 22 <= min(client.backend_pid, other.backend_pid)
        assert other.value(f"select pg_terminate_backend({client.backend_pid})") == "f"


def test_a_wrong_secret_is_ignored(start_pgsaba):
    daemon = start_pgsaba()
    with daemon.connect() as client:
        client.send(messages.query("select pg_sleep(0.7)"))
        wrong = bytes(byte ^ 1 for byte in client.backend_secret)
        cancel(daemon, client, wrong)
        assert sqlstates(client.read_until_ready()) == []


def test_a_late_one_never_hits_the_next_client(start_pgsaba):
    """One server, two clients: one runs quick statements that are cancelled all the time, the other
    must never be."""
    daemon = start_pgsaba({"databases": {"postgres": {"pool_size": 1}}})
    target, innocent = daemon.connect(), daemon.connect()
    over = threading.Event()
    seen = []

    def run_innocent():
        while not over.is_set():
            innocent.send(messages.query("select pg_sleep(0.001)"))
            seen.extend(sqlstates(innocent.read_until_ready()))

    thread = threading.Thread(target=run_innocent)
    thread.start()
    try:
        for _ in range(200):
            target.send(messages.query("select 1"))
            cancel(daemon, target)
            assert set(sqlstates(target.read_until_ready())) <= {"57014"}
    finally:
        over.set()
        thread.join()
    assert seen == []
    target.close()
    innocent.close()


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("before", ["begin", "create temporary table pins ()"])
def test_a_late_one_never_hits_the_next_statement(start_pgsaba, cluster, workers, before):
    """On the same server, where the client has a transaction, or is pinned: its cancel connection is over,
    so that the next statement may be sent, as psql and drivers do."""
    daemon = start_pgsaba({"workers": workers})
    lock = "select pg_advisory_xact_lock(1)"
    with daemon.connect() as client, RawClient((cluster.host, cluster.port)) as holder:
        client.query(before)
        holder.query(f"begin; {lock}")
        client.send(messages.query(lock))
        assert client.is_silent(0.1)
        cluster.stop_accepting()
        try:
            cancel(daemon, client)
            wait_until(lambda: int(daemon.admin("show pools")[-1]["sv_active_cancel"]) == 1, 10,
                       "the request on its way")
            holder.query("commit")
            assert sqlstates(client.read_until_ready()) == []
            client.send(messages.query("select pg_sleep(0.5)"))
            client.is_silent(0.1)
        finally:
            cluster.accept_again()
        assert sqlstates(client.read_until_ready()) == []
        assert client.value("select 1") == "1"


def test_protocol_3_2_has_a_long_secret(start_pgsaba):
    daemon = start_pgsaba()
    client = daemon.connect(version=0x00030002)
    assert len(client.backend_secret) == 16
    client.send(messages.query("select pg_sleep(20)"))
    assert client.is_silent(0.1)
    cancel(daemon, client)
    assert sqlstates(client.read_until_ready()) == ["57014"]
    client.close()


# The admin console


@pytest.fixture(params=[1, 2], ids=["one worker", "two workers"])
def paused_daemon(start_pgsaba, request):
    """A daemon, a client in a transaction, and a console whose PAUSE waits for it."""
    daemon = start_pgsaba({"workers": request.param})
    holder = daemon.connect()
    holder.query("begin; select 1")
    console = daemon.connect(database="pgsaba")
    console.send(messages.query("pause postgres"))
    assert console.is_silent(0.2)
    yield daemon, holder, console
    console.close()
    holder.close()


def test_it_ends_a_command_of_the_console(paused_daemon):
    """A PAUSE that still waits is taken back; the console goes on."""
    daemon, holder, console = paused_daemon
    assert any(console.backend_secret)
    cancel(daemon, console, bytes(byte ^ 1 for byte in console.backend_secret))
    assert console.is_silent(0.2)
    cancel(daemon, console)
    assert sqlstates(console.read_until_ready()) == ["57014"]
    holder.query("commit")
    with daemon.connect() as other:
        assert other.value("select 1") == "1"
    assert sqlstates(console.query("show version")) == []
    cancel(daemon, console)  # too late
    assert console.is_silent(0.1)
    assert sqlstates(console.query("pause postgres")) == []
    assert sqlstates(console.query("resume postgres")) == []


def is_paused(daemon):
    return [row["paused"] for row in daemon.admin("show databases") if row["name"] == "postgres"]


def read_all(terminal):
    said = b""
    try:
        while chunk := os.read(terminal, 4096):
            said += chunk
    except OSError:  # how a terminal ends
        pass
    return said.decode(errors="replace")


def test_psql_ends_a_command_of_the_console(start_pgsaba):
    """As an administrator does it: Ctrl-C, then the next command in the same session."""
    daemon = start_pgsaba()
    terminal, inner = pty.openpty()
    with daemon.connect() as holder:
        holder.query("begin; select 1")
        psql = subprocess.Popen(
            ["psql", "-X", "-n", "-P", "pager=off", "-h", daemon.host, "-p", str(daemon.port),
             "-U", "postgres", "pgsaba"], stdin=inner, stdout=inner, stderr=inner)
        os.close(inner)
        try:
            os.write(terminal, b"pause postgres;\n")
            wait_until(lambda: is_paused(daemon) == ["1"], 10, "the pause")
            psql.send_signal(signal.SIGINT)
            wait_until(lambda: is_paused(daemon) == ["0"], 10, "its end")
            os.write(terminal, b"show version;\n\\q\n")
            said = read_all(terminal)
            assert psql.wait(10) == 0
        finally:
            psql.kill()
            psql.wait()
            os.close(terminal)
    assert "canceling statement due to user request" in said
    assert "pgsaba 0" in said


# PgBouncer's traps: there, the first leaves every client hanging, the second the console.


def test_resume_lifts_a_kill_of_all(start_pgsaba):
    daemon = start_pgsaba()
    daemon.connect()
    with daemon.connect(database="pgsaba") as console:
        assert sqlstates(console.query("kill")) == []
        assert sqlstates(console.query("resume")) == []
    with daemon.connect() as client:
        assert client.value("select 1") == "1"


def test_resume_from_elsewhere_ends_a_pause_that_waits(paused_daemon):
    daemon, holder, console = paused_daemon
    with daemon.connect(database="pgsaba") as other:
        assert sqlstates(other.query("resume postgres")) == []
    assert sqlstates(console.read_until_ready()) == ["55000"]
    holder.query("commit")
    with daemon.connect() as client:
        assert client.value("select 1") == "1"


def test_a_part_of_the_secret_is_not_enough(start_pgsaba):
    """Of protocol 3.2, whose secret is longer than that of 3.0."""
    daemon = start_pgsaba()
    with daemon.connect(version=3 << 16 | 2) as client:
        client.send(messages.query("select pg_sleep(0.7)"))
        cancel(daemon, client, client.backend_secret[:4])
        assert sqlstates(client.read_until_ready()) == []
