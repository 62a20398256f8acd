"""Random sessions of many clients: nobody meets anything of anybody else's. leak_hunt.py runs alone
as well, for hours."""

# ctest-labels: threads
import random

import leak_hunt
import pytest

CLIENTS = 16


@pytest.mark.timeout(300)
def test_no_leaks(pgsaba_binary, directory, cluster):
    cluster.sql(leak_hunt.SETUP)
    daemon = leak_hunt.start_daemon(pgsaba_binary, directory, cluster)
    try:
        seed = random.randrange(10**6)
        print(f"seed {seed}")
        assert leak_hunt.hunt(daemon.where, cluster, 20, seed, CLIENTS) > 0
        leak_hunt.look_at_servers(daemon.where, cluster, leak_hunt.POOL_SIZE)
    finally:
        daemon.stop()


def test_the_model_is_right(cluster):
    """The same clients on direct connections."""
    cluster.sql("drop role if exists hunter_a, hunter_b; drop sequence if exists hunted;"
                "drop schema if exists hunt_a, hunt_b")
    cluster.sql(leak_hunt.SETUP)
    assert leak_hunt.hunt((cluster.host, cluster.port), cluster, 5, random.randrange(10**6), CLIENTS) > 0
