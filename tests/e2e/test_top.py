"""pgsaba top: in a terminal and into a file."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest
from harness import messages as m
from harness.cluster import SUPERUSER
from harness.conversations import begin, wait_for_waiters
from harness.processes import wait_until


@pytest.fixture
def daemon(start_pgsaba):
    return start_pgsaba({"databases": {"postgres": {"pool_size": 1}}})


def top(pgsaba_binary, *arguments, **environment):
    return subprocess.run([pgsaba_binary, "top", *arguments], capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL,
                          env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment})


def address(daemon):
    return ["-h", daemon.where[0], "-p", str(daemon.where[1]), "-U", SUPERUSER]


def test_one_look_into_a_file(daemon, pgsaba_binary):
    with daemon.connect() as client:
        client.query("select 1")
        shown = top(pgsaba_binary, *address(daemon))
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "\x1b" not in shown.stdout
    assert re.search(r"^CLUSTER +SERVER +ROLE", shown.stdout, re.M)
    assert re.search(r"^main +\S+ +primary +reachable", shown.stdout, re.M)
    assert re.search(r"^postgres +postgres +\S+ +transaction +1 ", shown.stdout, re.M)


def test_who_waits_for_whom(daemon, pgsaba_binary):
    with daemon.connect() as holder, daemon.connect() as waiter:
        holder.rows("set application_name = 'forgetful'")
        waiter.rows("set application_name = 'patient'")
        begin(holder)
        waiter.send(m.query("select 1"))
        wait_for_waiters(daemon, 1)
        shown = top(pgsaba_binary, *address(daemon), "-b", "-n", "2", "-s", "1").stdout
    assert shown.count("CLUSTER") == 2
    assert re.search(r"postgres +postgres +patient .* forgetful ", shown)
    assert re.search(r"transactions \d+/s", shown.split("CLUSTER")[1])


def test_the_configuration_says_where(daemon, pgsaba_binary):
    shown = top(pgsaba_binary, "-c", str(daemon.config_path))
    assert (shown.returncode, shown.stderr) == (0, "")
    shown = top(pgsaba_binary, PGHOST=daemon.where[0], PGPORT=str(daemon.where[1]), PGUSER=SUPERUSER)
    assert shown.returncode == 0


@pytest.mark.parametrize("arguments, status, told", [
    (["-x"], 2, "unknown argument '-x'"),
    (["-p"], 2, "option -p needs a value"),
    (["-s", "0"], 2, "option -s needs a number from 1 to 86400, not '0'"),
    (["-n", "many"], 2, "not 'many'"),
    (["-c", "/nonexistent/pgsaba.yaml"], 1, "/nonexistent/pgsaba.yaml"),
    (["-h", "127.0.0.1", "-p", "1", "-U", SUPERUSER], 1, "Connection refused"),
])
def test_what_cannot_be_done(pgsaba_binary, arguments, status, told):
    done = top(pgsaba_binary, *arguments)
    assert done.returncode == status and told in done.stderr
    assert done.stdout == ""


class Screen:
    """A terminal of 24 lines with the program in it."""

    def __init__(self, command):
        self.seen = ""
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave,
                                        env={**os.environ, "TERM": "xterm"})

    def read(self):
        if select.select([self.master], [], [], 0.1)[0]:
            self.seen += os.read(self.master, 65536).decode(errors="replace")
        return self.seen

    def press(self, key):
        os.write(self.master, key)

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def live(daemon, pgsaba_binary):
    screen = Screen([pgsaba_binary, "top", *address(daemon), "-s", "600"])
    wait_until(lambda: "CLUSTER" in screen.read(), 20, "the first look")
    yield screen
    screen.end()


def ends(screen):
    # What it writes has to be read, or it cannot end.
    wait_until(lambda: screen.read() and screen.process.poll() is not None, 20, "its end")
    screen.read()
    assert screen.process.returncode == 0
    assert screen.seen.startswith("\x1b[?1049h") and screen.seen.endswith("\x1b[?1049l")
    assert termios.tcgetattr(screen.slave) == screen.before


def test_a_terminal_is_as_it_was_before(live):
    assert live.seen.count("\n") < 24
    looks = live.seen.count("CLUSTER")
    live.press(b" ")
    wait_until(lambda: live.read().count("CLUSTER") > looks, 20, "another look")
    live.press(b"q")
    ends(live)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_as_well(live, number):
    live.process.send_signal(number)
    ends(live)


def test_a_lost_daemon_is_told_and_found_again(live, daemon):
    daemon.stop()
    live.press(b" ")
    wait_until(lambda: "no answer: " in live.read(), 20, "the news")
    daemon.start()
    live.seen = live.seen.replace("no answer", "")
    looks = live.seen.count("CLUSTER")

    def recovered():
        live.press(b" ")
        time.sleep(0.1)
        return live.read().count("CLUSTER") > looks and "no answer" not in live.seen.rsplit("CLUSTER", 2)[1]
    wait_until(recovered, 20, "a look without trouble")
    live.seen = "\x1b[?1049h"
    live.press(b"q")
    ends(live)
