"""A process that takes over may fail at any moment: whoever has not moved to it goes on. And clients
that vanish, or do not move, while it does not fail."""
# ctest-labels: threads

import os
import re
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest
from harness import messages as m
from harness.certificates import Authority
from harness.client import ConnectionEnded, RawClient, ServerError
from harness.conversations import begin
from harness.pgsaba import Pgsaba
from harness.processes import wait_until
from harness.successor import adopt_orphans
from harness.tls import context

adopt_orphans()

BUSY = 8


@pytest.fixture
def movable(pgsaba_binary, directory, cluster):
    """A daemon whose program is its own, so that it may be replaced."""
    program = directory.path / "pgsaba_of_its_own"
    shutil.copy(pgsaba_binary, program)
    daemon = Pgsaba(str(program), directory, [cluster], {"workers": 2}, "movable").start()
    yield daemon, program
    daemon.stop()
    program.unlink()


def replace(program, text, mode=0o755):
    """As a package does: the old file is still run, the name means a new one."""
    program.unlink()
    program.write_text(text)
    program.chmod(mode)


def test_a_program_that_cannot_be_run(movable, pgsaba_binary):
    daemon, program = movable
    client = daemon.connect()
    client.query("prepare kept as select 'kept'")
    for text, mode, says in [("", 0o644, "cannot execute"), ("#!/bin/true\n", 0o755, "has ended"),
                             ("\x7fELF, or not", 0o755, "has ended")]:
        replace(program, text, mode)
        with pytest.raises(ServerError, match=says) as refused:
            daemon.upgrade()
        assert refused.value.sqlstate == "55000"
        assert client.rows("execute kept") == [["kept"]]
        assert daemon.connect().value("select 1") == "1"
    program.unlink()
    with pytest.raises(ServerError, match="No such file"):
        daemon.upgrade()
    shutil.copy(pgsaba_binary, program)
    assert daemon.upgrade().wait(20) == 0
    assert client.rows("execute kept") == [["kept"]]


def newborn(daemon):
    """The processes of the daemon's configuration but for its own."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if str(daemon.config_path).encode() in command and b"serve" in command:
            found.append(int(process.name))
    return [pid for pid in found if pid != daemon.pid]


def killed(pids):
    """Whether there was one to kill: between its making and its program it may not be found."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
            return True
        except ProcessLookupError:
            continue
    return False


class Bystander:
    """A client with something of its own, that asks all the time, and says how that ended."""

    def __init__(self, daemon, number):
        self.client, self.number, self.failure, self.answers = daemon.connect(), number, None, 0
        self.client.query(f"set my.number = '{number}'")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def _ask(self):
        try:
            while not self._stop.is_set():
                assert self.client.value("show my.number") == str(self.number)
                self.answers += 1
        except (ConnectionEnded, ConnectionResetError, BrokenPipeError):
            self.failure = "moved"  # what ends with the process that it has moved to
        except Exception as error:
            self.failure = repr(error)

    def stop(self):
        self._stop.set()
        self._thread.join()
        return self.failure


@pytest.mark.parametrize("delay", [0, 0.02, 0.05, 0.1, 0.2, 0.4])
def test_killed_on_the_way(start_pgsaba, delay):
    daemon = start_pgsaba({"workers": 2})
    idle = [daemon.connect() for _ in range(30)]
    bystanders = [Bystander(daemon, number) for number in range(BUSY)]
    busy = daemon.connect()
    begin(busy)
    daemon.send_signal(signal.SIGURG)
    wait_until(lambda: newborn(daemon), 10, "another process")
    time.sleep(delay)
    wait_until(lambda: killed(newborn(daemon)), 10, "its end")
    os.waitpid(-1, 0)
    wait_until(lambda: re.search("upgrade refused|goes on instead", daemon.log), 10, "the old one")
    assert busy.value("select 1") == "1" and daemon.connect().value("select 2") == "2"
    failures = [one.stop() for one in bystanders]
    moved = "serves from now on" in daemon.log
    assert set(failures) <= ({None, "moved"} if moved else {None})
    for client in idle:
        try:
            assert client.value("select 3") == "3"
        except (ConnectionEnded, ConnectionResetError, BrokenPipeError):
            assert moved
    busy.query("commit")
    assert daemon.upgrade().wait(20) == 0 and busy.value("select 4") == "4"


def test_a_client_with_tls_stays_and_is_served(start_pgsaba, directory):
    files = Authority(directory, "upgrade").issue("pgsaba.test")
    daemon = start_pgsaba({"tls": {"certificate": files.certificate, "key": files.key}})
    with daemon.connect(tls=context()) as client, daemon.connect() as plain:
        client.query("prepare kept as select 'kept'")
        before = daemon.upgrade()
        wait_until(lambda: [row for row in daemon.admin("show clients")
                            if row["database"] == "postgres"], 10, "the plain one")
        for _ in range(3):
            begin(client)
            assert client.rows("execute kept") == [["kept"]]
            client.query("commit")
        assert before.poll() is None and plain.value("select 1") == "1"
        with daemon.connect(tls=context()) as other:
            assert other.value("select 2") == "2"
        client.send(m.terminate())
        assert before.wait(20) == 0


def test_clients_that_leave_meanwhile(start_pgsaba):
    """Their sockets are closed while a child has copies of them, and tells nobody of it."""
    daemon = start_pgsaba({"workers": 2})
    clients = [daemon.connect() for _ in range(200)]
    upgrade = threading.Thread(target=daemon.upgrade)
    upgrade.start()
    for client in clients:
        client.send(m.query("select 1"), m.terminate())
        client.close()
        time.sleep(0.002)
    upgrade.join()
    assert daemon.former[0].wait(20) == 0
    assert daemon.connect().value("select 1") == "1"


def test_what_a_client_says_last_is_done(start_pgsaba, cluster):
    """It does not wait for the answer, and may be on its way when it goes."""
    daemon = start_pgsaba({"workers": 2})
    with RawClient((cluster.host, cluster.port)) as direct:
        direct.query("create table said (n int)")
        clients = [daemon.connect() for _ in range(200)]
        upgrade = threading.Thread(target=daemon.upgrade)
        upgrade.start()
        for number, client in enumerate(clients):
            client.send(m.query(f"insert into said values ({number})"), m.terminate())
            client.close()
            time.sleep(0.002)
        upgrade.join()
        assert daemon.former[0].wait(20) == 0
        wait_until(lambda: direct.value("select count(distinct n) from said") == "200", 10,
                   "all that was said")
        assert direct.value("select count(*) from said") == "200"
        direct.query("drop table said")
