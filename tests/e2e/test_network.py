"""The setting network: what the kernel is asked by is what was chosen, or what there is."""
# ctest-labels: threads

import ctypes
import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from harness import without_io_uring

WITHOUT = (sys.executable, str(Path(__file__).with_name("harness") / "without_io_uring.py"))


def rings(pid):
    return [place for file in Path(f"/proc/{pid}/fd").iterdir() if "io_uring" in (place := target(file))]


def target(file):
    try:
        return os.readlink(file)
    except FileNotFoundError:
        return ""  # closed since it was listed: descriptors come and go in a living process


def kernel_has_it():
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall(without_io_uring.IO_URING_SETUP, 1, None)
    return ctypes.get_errno() == errno.EFAULT  # not that there is no such call, or that it is forbidden


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("chosen", ["auto", "epoll", "io_uring"])
def test_each_worker_has_a_ring_if_it_was_chosen(start_pgsaba, workers, chosen):
    if chosen == "io_uring" and not kernel_has_it():
        pytest.skip("this kernel has no io_uring")
    daemon = start_pgsaba({"workers": workers, "network": chosen})
    ring = chosen != "epoll" and kernel_has_it()
    daemon.wait_for_log(f"serves with .* over {'io_uring' if ring else 'epoll'}")
    assert len(rings(daemon.pid)) == (workers if ring else 0)
    with daemon.connect() as client:
        assert client.value("select 40 + 2") == "42"


def test_where_it_is_forbidden_there_is_epoll(start_pgsaba):
    daemon = start_pgsaba({"workers": 2, "network": "auto"}, under=WITHOUT)
    daemon.wait_for_log("serves with 2 workers over epoll")
    assert daemon.log.count("there is no io_uring for worker 0: io_uring_setup") == 1
    assert rings(daemon.pid) == []
    with daemon.connect() as client:
        assert client.value("select 40 + 2") == "42"


def test_who_insists_on_it_is_told(start_pgsaba):
    daemon = start_pgsaba({"network": "epoll"})
    daemon.stop()
    daemon.write_config({"network": "io_uring"})
    done = subprocess.run([*WITHOUT, daemon.binary, "serve", "-c", str(daemon.config_path)],
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert "io_uring for worker 0: io_uring_setup: Operation not permitted" in done.stdout + done.stderr
