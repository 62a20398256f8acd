"""A process that took over from another one, and is nobody's child until we adopt it."""

import os
import signal
import subprocess
import time

from .processes import LIBC

PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans():
    """From now on processes whose parent has ended below us are our children."""
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1)


class Successor:
    """As much of subprocess.Popen as a daemon's harness needs. Ends with us at the latest."""

    def __init__(self, pid):
        self.pid, self.returncode = pid, None
        self._watch = subprocess.Popen(["sh", "-c", f"cat >/dev/null; kill -9 {pid}"], cwd="/",
                                       stdin=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                       start_new_session=True)

    def poll(self):
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
                self._watch.kill()
                self._watch.wait()
                self._watch.stdin.close()
        return self.returncode

    def wait(self, timeout=20):
        deadline = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
            time.sleep(0.01)
        return self.returncode

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)
