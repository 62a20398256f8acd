"""Fixtures: one PostgreSQL server and one default pgsaba for all tests of a file. A conftest.py
imports those it wants."""

import itertools
import os
import subprocess

import pytest

from .cluster import PostgresCluster
from .fake_postgres import FakePostgres
from .pgsaba import Pgsaba
from .processes import TemporaryDirectory

NUMBERS = itertools.count()


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

    def start(changes=None, servers=None, under=()):
        name = f"{request.node.name[:40].replace('/', '_')}_{next(NUMBERS)}"
        started.append(Pgsaba(pgsaba_binary, directory, servers or [cluster], changes, name,
                              under))
        return started[-1].start()

    yield start
    for daemon in started:
        daemon.stop()


@pytest.fixture
def before_fake(pgsaba_binary, directory):
    """A daemon in front of a scripted server: pgsaba, fake = before_fake(script, changes={...}).
    Nobody monitors it, so that the first connection is the first client's."""
    fakes, daemons = [], []

    def start(*scripts, changes=None, on_cancel=None):
        fakes.append(FakePostgres(*scripts, on_cancel=on_cancel))
        daemon = Pgsaba(pgsaba_binary, directory, [fakes[-1]], changes,
                        f"before_fake_{next(NUMBERS)}")
        daemon.config["clusters"]["main"].pop("monitor")
        daemons.append(daemon)
        return daemon.start(), fakes[-1]

    yield start
    for daemon in daemons:
        daemon.stop()
    for fake in fakes:
        fake.close()
