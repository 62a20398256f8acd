"""The built daemon in front of PostgreSQL servers, with a configuration per test."""

import json
import os
import re
import signal
import socket
import subprocess

from .client import RawClient
from .cluster import SUPERUSER
from .processes import free_port, kill_tree, spawn, wait_until
from .successor import Successor, adopt_orphans

SANITIZER_REPORT = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:")


def merged(base, changes):
    """`base` with `changes` laid over it, mapping by mapping; None removes a key."""
    result = dict(base)
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


class Pgsaba:
    """One daemon. `servers` are PostgresClusters that form the cluster "main"; `changes` are laid
    over the default configuration, in which everybody in the database "postgres" is trusted.
    `under` is a command that runs the daemon, and ends with its status."""

    def __init__(self, binary, directory, servers, changes=None, name="pgsaba", under=()):
        self.binary, self.name, self.under = str(binary), name, [*under]
        self.host, self.port = "127.0.0.1", free_port()
        self.socket_directory = directory.make(f"{name}.socket")
        self.config_path = directory.path / f"{name}.yaml"
        self.log_path = directory.path / f"{name}.log"
        self.config = merged(self._default_config(servers), changes or {})
        self._process = None
        self.former = []  # processes that others have taken over from

    def _default_config(self, servers):
        members = [{"name": server.name, "host": server.host, "port": server.port}
                   for server in servers]
        return {
            "listen": [{"address": self.host, "port": self.port},
                       {"unix": str(self.socket_directory), "port": self.port}],
            "workers": 1,
            "network": os.environ.get("PGSABA_TEST_NETWORK", "auto"),
            "clusters": {"main": {"servers": members,
                                  "monitor": {"user": SUPERUSER, "database": "postgres"}}},
            "databases": {"postgres": {"cluster": "main", "pool_size": 4, "route": "primary"}},
            "auth": {"type": "trust"},
            "admin": {"users": [SUPERUSER]},
            "core_dumps": True,  # tests look into the process
        }

    @property
    def where(self):
        return (self.host, self.port)

    @property
    def unix_socket(self):
        return self.socket_directory / f".s.PGSQL.{self.port}"

    @property
    def pid(self):
        return self._process.pid

    @property
    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def write_config(self, changes=None):
        """Lays `changes` over the configuration and writes it; JSON is YAML."""
        self.config = merged(self.config, changes or {})
        self.config_path.write_text(json.dumps(self.config, indent=2) + "\n")

    def start(self, timeout=20):
        self.write_config()
        # A sanitizer's report must not look like any exit status of ours.
        env = {**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":exitcode=99"}
        with open(self.log_path, "ab") as log:
            command = [*self.under, self.binary, "serve", "-c", str(self.config_path)]
            self._process = spawn(command, log, env=env)
        wait_until(self._accepts, timeout, f"{self.name} accepting connections")
        return self

    def _accepts(self):
        if self._process.poll() is not None:
            raise RuntimeError(f"{self.name} ended with {self._process.returncode}:\n{self.log}")
        socket.create_connection(self.where, 1).close()
        if any(listener.get("unix") == str(self.socket_directory)
               for listener in self.config["listen"]):
            with socket.socket(socket.AF_UNIX) as probe:  # opened after the other
                probe.connect(str(self.unix_socket))
        return True

    def is_running(self):
        return self._process is not None and self._process.poll() is None

    def connect(self, **arguments):
        return RawClient(self.where, **arguments)

    def admin(self, sql):
        """Rows of an admin command as dictionaries of text."""
        with self.connect(database="pgsaba") as client:
            frames = client.query(sql)
        return rows_by_name(frames)

    def send_signal(self, number):
        self._process.send_signal(number)

    def reload(self, changes=None):
        """Writes the changed configuration and sends SIGHUP; wait for what it brings about."""
        self.write_config(changes)
        self.send_signal(signal.SIGHUP)

    def upgrade(self):
        """Another process takes over; the one before is the last of `former`."""
        adopt_orphans()
        with self.connect(database="pgsaba") as console:
            console.rows("upgrade")
        return self.note_successor()

    def upgrade_by_signal(self):
        """The same, where nobody may log in to the console."""
        adopt_orphans()
        before = len(self._takeovers())
        self.send_signal(signal.SIGURG)
        wait_until(lambda: len(self._takeovers()) > before, 20, "another process")
        return self.note_successor()

    def _takeovers(self):
        return re.findall(r"upgrade: process (\d+) serves", self.log)

    def note_successor(self):
        """Another process has taken over."""
        self.former.append(self._process)
        self._process = Successor(int(self._takeovers()[-1]))
        return self.former[-1]

    def wait_for_log(self, pattern, timeout=10):
        wait_until(lambda: re.search(pattern, self.log), timeout, f"log line like {pattern!r}")

    def wait(self, timeout=20):
        """Until it ends by itself; returns the exit status."""
        return self._process.wait(timeout)

    def stop(self, number=signal.SIGTERM, timeout=20):
        """Ends the daemon and insists on a clean end."""
        if self.is_running():
            self.send_signal(number)
        late = [process for process in (self._process, *self.former)
                if process and not self._ends(process, timeout)]
        assert not late, f"{self.name} did not end within {timeout} s:\n{self._tail()}"
        self._check_end()

    @staticmethod
    def _ends(process, timeout):
        try:
            process.wait(timeout)
            return True
        except subprocess.TimeoutExpired:
            kill_tree(process)
            return False

    def crash(self):
        """The process that took over is no more, and the one before takes back."""
        self._process.kill()
        self._process.wait()
        self._process = self.former.pop()

    def kill(self):
        if self.is_running():
            kill_tree(self._process)

    def _check_end(self):
        for process in (self._process, *self.former):
            status = process.returncode if process else 0
            assert status == 0, f"{self.name} ended with status {status}:\n{self._tail()}"
        assert not SANITIZER_REPORT.search(self.log), f"{self.name}:\n{self._tail()}"

    def _tail(self):
        return self.log[-20_000:]


def rows_by_name(frames):
    """DataRows as dictionaries by the names in the RowDescription before them."""
    from .messages import row_values
    names, rows = [], []
    for frame in frames:
        if frame.tag == b"T":
            names = column_names(frame.body)
        elif frame.tag == b"D":
            values = (value if value is None else value.decode() for value in row_values(frame))
            rows.append(dict(zip(names, values)))
    return rows


def column_names(body):
    """The names in a RowDescription; 18 bytes of attributes follow each."""
    names, at = [], 2
    for _ in range(int.from_bytes(body[:2], "big")):
        end = body.index(b"\0", at)
        names.append(body[at:end].decode())
        at = end + 1 + 18
    return names
