"""What systemd is told, and the sockets it passes on."""
# ctest-labels: threads

import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest
from harness.client import RawClient
from harness.pgsaba import Pgsaba
from harness.processes import free_port
from harness.successor import adopt_orphans

adopt_orphans()


class Manager:
    """The socket that a service manager reads."""

    def __init__(self, path):
        self.path = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{self.path[1:]}" if self.path.startswith("@") else self.path)
        self._socket.settimeout(20)

    def next(self, *without):
        """The next message as a dictionary; those that have a key of `without` are passed over."""
        while True:
            lines = self._socket.recv(4096).decode().split("\n")
            message = dict(line.split("=", 1) for line in lines)
            if not any(key in message for key in without):
                return message

    def close(self):
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def manager(directory, request):
    name = directory.path / f"notify.{request.node.name[5:20]}.{request.param}"
    made = Manager(f"@{name}" if request.param == "abstract" else name)
    yield made
    made.close()


@pytest.fixture
def start_under(pgsaba_binary, directory, cluster):
    daemons = []

    def start(under, name, changes=None):
        daemons.append(Pgsaba(pgsaba_binary, directory, [cluster], changes, name, under))
        return daemons[-1].start()

    yield start
    for daemon in daemons:
        daemon.stop()


def test_systemd_hears_of_start_reload_and_stop(start_under, manager):
    daemon = start_under(["/usr/bin/env", f"NOTIFY_SOCKET={manager.path}"], "told" + manager.path[-4:])
    assert manager.next() == {"READY": "1", "STATUS": "serving"}
    daemon.reload({"pool": {"pool_size": 7}})
    reloading = manager.next()
    assert reloading["RELOADING"] == "1"
    assert abs(int(reloading["MONOTONIC_USEC"]) / 1e6 - time.monotonic()) < 60
    assert manager.next() == {"READY": "1", "STATUS": "serving"}
    daemon.config_path.write_text("pool: {pool_sice: 7}\n")
    daemon.send_signal(signal.SIGHUP)
    manager.next()
    refused = manager.next()
    assert refused["READY"] == "1" and "pool_sice" in refused["STATUS"]
    with daemon.connect() as client:
        assert client.value("select 1") == "1"
    daemon.send_signal(signal.SIGTERM)
    assert manager.next()["STOPPING"] == "1"
    assert daemon.wait() == 0


def test_the_new_main_process_is_known_to_systemd(start_under, manager):
    """From the old one, which is the only one that it believes; and again, if the new one dies."""
    daemon = start_under(["/usr/bin/env", f"NOTIFY_SOCKET={manager.path}", "WATCHDOG_USEC=400000"],
                         "heir" + manager.path[-4:])
    assert manager.next()["READY"] == "1"
    with daemon.connect() as busy:
        busy.query("begin; select 1")
        daemon.upgrade()
        assert manager.next("WATCHDOG") == {"MAINPID": str(daemon.pid)}
        assert manager.next("WATCHDOG") == {"READY": "1", "STATUS": "serving"}
        assert manager.next() == {"WATCHDOG": "1"}
        daemon.crash()
        assert manager.next("WATCHDOG") == {"MAINPID": str(daemon.pid), "READY": "1",
                                            "STATUS": "serving"}
        busy.query("commit")


def test_the_watchdog_is_fed_while_workers_answer(start_under, manager):
    daemon = start_under(["/usr/bin/env", f"NOTIFY_SOCKET={manager.path}", "WATCHDOG_USEC=200000"],
                         "fed" + manager.path[-4:], {"workers": 2})
    assert manager.next()["READY"] == "1"
    for _ in range(3):
        assert manager.next() == {"WATCHDOG": "1"}
    assert daemon.is_running()


def test_a_watchdog_of_another_process_is_not_fed(start_under, manager):
    daemon = start_under(["/usr/bin/env", f"NOTIFY_SOCKET={manager.path}", "WATCHDOG_USEC=20000",
                          f"WATCHDOG_PID={os.getpid()}"], "unfed" + manager.path[-4:])
    assert manager.next()["READY"] == "1"
    daemon.send_signal(signal.SIGTERM)
    assert "STOPPING" in manager.next()
    assert daemon.wait() == 0


def test_sockets_that_are_passed_on_are_served(pgsaba_binary, directory, cluster):
    daemon = Pgsaba(pgsaba_binary, directory, [cluster], None, "passed")
    more = free_port()
    script = Path(__file__).with_name("with_sockets.py")
    daemon.under = [sys.executable, str(script), str(daemon.port), str(daemon.unix_socket), str(more),
                    "--"]
    daemon.start()
    try:
        daemon.wait_for_log("serves with")  # the sockets accept before it does
        assert daemon.log.count("a socket that was passed on") == 3
        for where in (daemon.where, ("127.0.0.1", more), str(daemon.unix_socket)):
            with RawClient(where) as client:
                assert client.value("select 1") == "1"
    finally:
        daemon.stop()
    # Its name is the manager's, and stays.
    assert daemon.unix_socket.exists()
