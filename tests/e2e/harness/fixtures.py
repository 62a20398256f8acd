"""Fixtures: one PostgreSQL server and one default pgsaba for all tests of a file. A conftest.py
imports those it wants."""

import os
import subprocess

import pytest

from .cluster import PostgresCluster
from .pgsaba import Pgsaba
from .processes import TemporaryDirectory


@pytest.fixture(scope="session")
def directory():
    made = TemporaryDirectory()
    yield made
    made.close()


@pytest.fixture(scope="session")
def cluster(directory):
    """A running server without passwords."""
    started = PostgresCluster(directory).initialize().start()
    yield started
    started.stop("immediate")


@pytest.fixture(scope="session")
def pgsaba_binary():
    """The daemon under test. Without one its tests are skipped, or fail if it is required."""
    path = os.environ.get("PGSABA_BINARY", "")
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30)
        found = done.returncode == 0 and done.stdout.startswith("pgsaba ")
    except OSError:
        found = False
    if not found:
        reason = f"PGSABA_BINARY={path!r} does not answer --version as pgsaba does"
        if os.environ.get("PGSABA_REQUIRE_BINARY") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return path


@pytest.fixture(scope="session")
def pgsaba(pgsaba_binary, directory, cluster):
    """A daemon with the default configuration in front of `cluster`."""
    started = Pgsaba(pgsaba_binary, directory, [cluster]).start()
    yield started
    started.stop()


@pytest.fixture
def start_pgsaba(pgsaba_binary, directory, cluster, request):
    """Starts daemons of a test's own: start_pgsaba({"workers": 2}, servers=[cluster])."""
    started = []

    def start(changes=None, servers=None):
        name = f"{request.node.name[:40].replace('/', '_')}_{len(started)}"
        started.append(Pgsaba(pgsaba_binary, directory, servers or [cluster], changes, name))
        return started[-1].start()

    yield start
    for daemon in started:
        daemon.stop()
