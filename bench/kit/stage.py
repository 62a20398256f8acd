"""Starts processes in a temporary directory and takes everything down again, whatever happens."""

import contextlib
import os
import pwd
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ENDING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
UNPRIVILEGED = "postgres"  # whom daemons that refuse to run as root are started as


class Failure(Exception):
    """Something the reader of the output should see as one line."""


def unprivileged_user():
    try:
        return pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        raise Failure(f"there is no user {UNPRIVILEGED}, who comes with Debian's package "
                      "postgresql: packaging/install-dependencies bench") from None


def raise_file_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def undisturbed():
    """What would end us waits until it is over, and is not lost: a stage may stand within another."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Stage:
    """A context manager; every process started through it ends with it."""

    def __init__(self):
        self.directory = None
        self.processes = []

    def __enter__(self):
        os.umask(0o022)  # the servers' user reads what ours writes
        for number in ENDING - {signal.SIGINT}:
            signal.signal(number, signal.default_int_handler)  # end as on Ctrl-C
        self.directory = tempfile.mkdtemp(prefix="pgsaba-bench-")
        os.chmod(self.directory, 0o755)
        return self

    def __exit__(self, *_):
        with undisturbed():
            for process in reversed(self.processes):
                process.stop()
            shutil.rmtree(self.directory, ignore_errors=True)

    def folder(self, name, unprivileged=True):
        """A new directory that a daemon may write to that refuses to run as root."""
        path = tempfile.mkdtemp(prefix=name + "-", dir=self.directory)
        if unprivileged and os.geteuid() == 0:
            owner = unprivileged_user()
            os.chown(path, owner.pw_uid, owner.pw_gid)
        os.chmod(path, 0o755)
        return path

    def start(self, command, cpus=None, unprivileged=False, stop_signal=signal.SIGTERM):
        wrapped = wrap(command, cpus, unprivileged, stop_signal)
        log_path = os.path.join(self.directory, f"log-{len(self.processes)}")
        with open(log_path, "wb") as log:
            child = subprocess.Popen(wrapped, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                     cwd=self.directory, start_new_session=True)
        process = Process(child, log_path, stop_signal)
        self.processes.append(process)
        return process


def wrap(command, cpus=None, unprivileged=False, death_signal=signal.SIGKILL):
    """Each wrapper execs the next, so the process id stays that of the command itself.

    The command gets the death signal when we die, even if we had no time to clean up."""
    wrapped = ["setpriv", f"--pdeathsig={death_signal.name.removeprefix('SIG')}"]
    if unprivileged and os.geteuid() == 0:
        wrapped += [f"--reuid={UNPRIVILEGED}", f"--regid={UNPRIVILEGED}", "--clear-groups"]
    if cpus is not None:
        wrapped += ["taskset", "-c", cpus]
    return wrapped + command


class Process:
    def __init__(self, child, log_path, stop_signal):
        self.child = child
        self.pid = child.pid
        self.log_path = log_path
        self.stop_signal = stop_signal

    def log_tail(self):
        with open(self.log_path, errors="replace") as log:
            return " | ".join(log.read().strip().splitlines()[-5:])

    def wait_for_port(self, port, limit_s=15):
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            if self.child.poll() is not None:
                raise Failure(f"{self.child.args[-1]} ended at its start: {self.log_tail()}")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.02)
        raise Failure(f"nothing listens on port {port}: {self.log_tail()}")

    def stop(self, patience_s=5):
        """Politely first; then whatever is left of its process group."""
        if self.child.poll() is None:
            self.child.send_signal(self.stop_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.child.wait(timeout=patience_s)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.child.wait()
