"""The setting network: what the kernel is asked by is what was chosen."""

import os

import pytest


def rings(pid):
    folder = f"/proc/{pid}/fd"
    return [name for name in os.listdir(folder) if "io_uring" in os.readlink(f"{folder}/{name}")]


@pytest.mark.parametrize("workers", [1, 2])
def test_each_worker_has_a_ring_if_and_only_if_it_was_chosen(start_pgsaba, workers):
    daemon = start_pgsaba({"workers": workers})
    chosen = os.environ.get("PGSABA_TEST_NETWORK", "epoll") == "io_uring"
    daemon.wait_for_log("serves with")  # the sockets accept before it does
    assert len(rings(daemon.pid)) == (workers if chosen else 0)
