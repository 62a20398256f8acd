"""Child processes and directories that end with the test process, however that ends.

A child gets a signal from the kernel when we die; a directory is watched by a shell that waits for
its standard input to close, and removes it then.
"""

import ctypes
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


GIVEN = set()


def free_port():
    """Not one that the kernel gives to outgoing connections: that might become the local end of one
    before a server listens on it."""
    first_outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(12_000, first_outgoing) if first_outgoing > 20_000 else 0
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            port = probe.getsockname()[1]
        if port not in GIVEN:
            GIVEN.add(port)
            return port


def server_user():
    """The name PostgreSQL runs under: ours, or an unprivileged one if we are root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def as_user(name):
    """Keyword arguments for subprocess that run a command as `name`, if that is not us already."""
    entry = pwd.getpwnam(name)
    if entry.pw_uid == os.geteuid():
        return {}
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def spawn(command, log, death_signal=signal.SIGKILL, user=None, env=None):
    """Starts `command` in a process group of its own, writing to the open file `log`."""
    parent = os.getpid()

    def tie_to_parent():  # runs after the change of user, which would undo it
        LIBC.prctl(PR_SET_PDEATHSIG, int(death_signal))
        if os.getppid() != parent:
            os._exit(1)

    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                            start_new_session=True, preexec_fn=tie_to_parent, env=env, cwd="/",
                            **(as_user(user) if user else {}))


def children_of(pid):
    """All living descendants: PostgreSQL's processes leave its process group."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, queue = [], [pid]
    while queue:
        queue += (below := parents.get(queue.pop(), []))
        found += below
    return found


def kill_tree(process):
    """SIGKILL to a process and everything below it: the machine lost power. The parent is stopped
    first and dies last, so that nobody has the time to say why the connection ends."""
    process.send_signal(signal.SIGSTOP)
    for pid in [*children_of(process.pid), process.pid]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    process.wait()


def wait_until(condition, timeout, what):
    """Asks `condition` until it is true; its last exception is shown if it never is."""
    deadline = time.monotonic() + timeout
    while True:
        failure = None
        try:
            if condition():
                return
        except OSError as error:
            failure = error
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {timeout} s ({failure})")
        time.sleep(0.01)


class TemporaryDirectory:
    """A directory every user may enter, removed by close() or when this process is gone."""

    def __init__(self):
        self.path = Path(tempfile.mkdtemp(prefix="pgsaba_e2e_"))
        self.path.chmod(0o755)
        script = 'cat >/dev/null; for i in 1 2 3 4 5; do rm -rf "$0" && break; sleep 1; done'
        self._watch = subprocess.Popen(["sh", "-c", script, str(self.path)], cwd="/",
                                       stdin=subprocess.PIPE, start_new_session=True,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def make(self, name, owner=None):
        path = self.path / name
        path.mkdir()
        if owner and os.geteuid() == 0:
            shutil.chown(path, owner)
        return path

    def close(self):
        shutil.rmtree(self.path, ignore_errors=True)
        self._watch.stdin.close()
        self._watch.wait()
