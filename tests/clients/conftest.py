"""Fixtures: a database to play in, a daemon whose pool is smaller than any client needs, and the
transcripts of the same client with and without it."""

import os
import tempfile
from pathlib import Path

import pytest
from harness.fixtures import cluster, directory, pgsaba_binary  # noqa: F401
from harness.pgsaba import Pgsaba
from harness.processes import wait_until
from transcript import Target, compare, transcript_of

POOL_SIZE = 2
USER = "tester"


@pytest.fixture(scope="session")
def direct(cluster):
    """Where PostgreSQL itself listens."""
    cluster.create_user(USER)
    cluster.sql(f"create schema authorization {USER}")
    return Target(cluster.host, cluster.port, USER)


@pytest.fixture(scope="session", params=[1, 2], ids="workers={}".format)
def daemon(pgsaba_binary, directory, cluster, request):
    """A pgsaba with one or two workers, which share two server connections."""
    # With two, each lease takes the server that was free for the longest time.
    changes = {"workers": request.param,
               "pool": {"server_round_robin": request.param == 2},
               "databases": {"postgres": {"pool_size": POOL_SIZE}},
               "timeouts": {"query_wait": "20s"}}
    name = f"pgsaba{request.param}"
    started = Pgsaba(pgsaba_binary, directory, [cluster], changes, name).start()
    yield started
    started.stop()


@pytest.fixture(scope="session")
def through(daemon, direct):
    """Where pgsaba listens."""
    return Target(daemon.host, daemon.port, USER)


@pytest.fixture(scope="session")
def cache():
    """A directory for what is compiled or fetched, kept between runs."""
    kept = Path(tempfile.gettempdir(), "pgsaba_clients_cache")
    path = Path(os.environ.get("PGSABA_CLIENTS_CACHE", kept))
    path.mkdir(parents=True, exist_ok=True)
    return path


@pytest.fixture(scope="session")
def known():
    """What PostgreSQL itself answered, by command."""
    return {}


@pytest.fixture(scope="session")
def same(cluster, direct, through, known):
    """same(command): the client says the same of pgsaba as of PostgreSQL, and shared servers."""

    def check(command, env=None):
        if str(command) not in known:
            known[str(command)] = transcript_of(command, direct, env)
        compare(known[str(command)], transcript_of(command, through, env))
        count = "select count(*) from pg_stat_activity where usename = %s"
        # The direct connections end soon; those of pgsaba would stay.
        wait_until(lambda: 0 < cluster.value(count, (USER,)) <= POOL_SIZE, 10,
                   f"sharing of {POOL_SIZE} servers")

    return check
