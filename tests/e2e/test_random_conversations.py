"""Conversations that nobody has thought of: through a pool that others use with the same names they have
the answers that PostgreSQL gives, and the same effects. random_conversations.py makes and holds them;
PGSABA_CONVERSATIONS=5000 holds more than the few of every day, PGSABA_SEED=... others."""

# ctest-labels: threads
import os

import psycopg
import pytest
import random_conversations as r

COUNT = int(os.environ.get("PGSABA_CONVERSATIONS", "100"))
SEED = int(os.environ.get("PGSABA_SEED", "1"))
PATIENCE = max(90, COUNT)  # for one test

POOLS = {"one server": (1, {"workers": 1}), "two servers": (2, {"workers": 1}),
         "in turn": (2, {"workers": 1, "pool": {"server_round_robin": True}}),
         "two workers": (1, {"workers": 2}),
         "two workers, in turn": (2, {"workers": 2, "pool": {"server_round_robin": True}})}


@pytest.fixture(scope="module")
def databases(cluster):
    """Alike down to the numbers of their tables."""
    cluster.sql("create database drafts")
    cluster.sql(r.TABLES, dbname="drafts")
    for name in ("direct", "pooled"):
        cluster.sql(f"create database {name} template drafts")
    connections = [psycopg.connect(cluster.dsn(name), autocommit=True) for name in ("direct", "pooled")]
    yield connections
    for connection in connections:
        connection.close()


@pytest.mark.timeout(PATIENCE)
@pytest.mark.parametrize("pool", POOLS)
def test_the_same_conversations(cluster, start_pgsaba, databases, pool):
    size, changes = POOLS[pool]
    daemon = start_pgsaba({**changes, "databases": {
        "pooled": {"cluster": "main", "pool_size": size, "route": "primary"}}})
    stage = r.Stage({"where": (cluster.host, cluster.port), "database": "direct"},
                    {"where": daemon.where, "database": "pooled"}, databases)
    for number in range(COUNT):
        seed = f"{SEED}/{pool}/{number}"
        remarks = r.Author(seed, pins=size > 1).conversation()
        try:
            stage.hold(remarks, seed)
        except (r.Difference, OSError) as difference:
            pytest.fail(f"conversation {seed}: {r.told(stage, remarks, seed, difference)}", pytrace=False)
    stage.leave()
