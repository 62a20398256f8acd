"""`pgsaba demo`: a primary, a hot standby and pgsaba, gone without a trace afterwards."""

import os
import re
import signal
import subprocess
from pathlib import Path

import psycopg
import pytest
from harness.processes import (TemporaryDirectory, children_of, free_port, spawn,
                               wait_until)


@pytest.fixture
def place():
    """A directory for temporary files of the demo's own, so that what it leaves is seen."""
    made = TemporaryDirectory()
    room = made.make("room")
    room.chmod(0o777)
    yield room
    made.close()


def environment(room):
    return {**os.environ, "TMPDIR": str(room)}


@pytest.fixture
def demo(pgsaba_binary, place):
    """Starts `pgsaba demo`; its log is a file."""
    started = []

    def start(*arguments):
        log = place.parent / "demo.log"
        with open(log, "wb") as output:
            started.append(spawn([pgsaba_binary, "demo", *arguments], output, signal.SIGTERM,
                                 env=environment(place)))
        return started[-1], log

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
            process.wait(20)


def printed(log, pattern):
    found = re.search(pattern, log.read_text(errors="replace"), re.MULTILINE)
    return found and found.group(1)


def alive(pids):
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()
            and Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"]


def test_check(pgsaba_binary, place):
    done = subprocess.run([pgsaba_binary, "demo", "--check"], capture_output=True, text=True,
                          timeout=80, env=environment(place), cwd="/")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^ 1 +\| saba$", done.stdout, re.MULTILINE)
    assert re.search(r"^ demo_primary +\| \d+ +\| f$", done.stdout, re.MULTILINE)
    assert re.search(r"^ demo_replica +\| \d+ +\| t$", done.stdout, re.MULTILINE)
    assert "console: SHOW POOLS" in done.stdout
    assert done.stdout.endswith("all as it should be\n")
    assert not list(place.iterdir())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interactive(demo, place, number):
    process, log = demo("--port", str(free_port()))
    wait_until(lambda: process.poll() is not None or printed(log, "(Ctrl-C)"), 60, "the demo")
    assert process.poll() is None, log.read_text()
    url = printed(log, r"^  application +DATABASE_URL=(\S+)$")
    console = printed(log, r"^  admin console +psql '(\S+)'$")
    assert url == printed(log, r"^  psql +psql '(\S+)'$")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create table t (n int)")
        assert connection.execute("select count(*) from t").fetchone() == (0,)
        replica = printed(log, r"^    psql '(\S+)' -c 'SELECT inet_server_port")
        with psycopg.connect(replica, autocommit=True) as reader:
            assert reader.execute("select pg_is_in_recovery()").fetchone() == (True,)
        shown = subprocess.run(["psql", "-XAt", console, "-c", "show pools"], capture_output=True,
                               text=True, timeout=20)
        assert shown.returncode == 0 and "demo|demo|" in shown.stdout, shown.stderr
        descendants = children_of(process.pid)
        assert len(descendants) > 10 and len(list(place.iterdir())) == 1
        process.send_signal(number)  # with a client still connected
        assert process.wait(20) == 0, log.read_text()
    assert "taking everything down" in log.read_text()
    assert not alive(descendants) and not list(place.iterdir())


def test_interrupted_while_it_starts(demo, place):
    process, log = demo("--port", str(free_port()))
    wait_until(lambda: any(place.glob("*/primary/PG_VERSION")), 60, "initdb at work")
    descendants = children_of(process.pid)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 1
    assert "interrupted" in log.read_text()
    assert not alive(descendants) and not list(place.iterdir())


def test_killed_without_a_word(demo, place):
    """Its servers end with it, whatever ends it; only the directory stays."""
    process, log = demo("--port", str(free_port()))
    wait_until(lambda: process.poll() is not None or printed(log, "(Ctrl-C)"), 60, "the demo")
    descendants = children_of(process.pid)
    assert len(descendants) > 10, log.read_text()
    process.kill()
    process.wait()
    wait_until(lambda: not alive(descendants), 20, "the end of its servers")
