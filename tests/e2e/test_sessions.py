"""Whatever a session keeps on a direct connection it keeps through pgsaba, on whichever servers it
meets: the same answers, byte for byte, alone among dirty servers and with many clients at once."""

import random
import re
import threading

import psycopg
import pytest
from harness.client import RawClient, ServerError
from harness.rotation import POOL_SIZE
from harness.rotation import SETUP as ROTATION_SETUP
from harness.rotation import Rotations
from harness.session_cases import Conversation, differences
from session_not_yet import not_yet, not_yet_in_a_crowd
from session_scripts import ALONE, CASES, DATABASE, DEFAULTS, SETUP

FIRST = 1000  # the number of the first client
NUMBERED = [pytest.param(FIRST + at, case, id=name, marks=not_yet(name))
            for at, (name, case) in enumerate(CASES.items())]
POOLS = ["postgres", DATABASE]
CLIENTS = 16
SHARE = 60  # cases per client
# Cases with several clients in the same place: what they notify or wait for is not theirs alone.
EVERYWHERE = [name for name in CASES if name not in ALONE]


@pytest.fixture(scope="module")
def prepared_cluster(cluster):
    cluster.sql(SETUP)
    cluster.sql(ROTATION_SETUP)
    cluster.sql(f"create database {DATABASE} template template0")
    cluster.sql(re.sub("create role [^;]*;|grant plain[^;]*;", "", SETUP + ROTATION_SETUP),
                dbname=DATABASE)
    for sql in DEFAULTS:
        cluster.sql(sql)
    return cluster


@pytest.fixture(scope="module")
def rotations(pgsaba_binary, directory, prepared_cluster):
    started = Rotations(pgsaba_binary, directory, prepared_cluster, POOLS)
    yield started
    started.close()


def direct(cluster, case, **arguments):
    return Conversation((cluster.host, cluster.port), case, cluster, **arguments).run()


def agree(expected, found, case):
    """An assertion that shows the steps, and only those that differ."""
    different = differences(expected, found, case)
    assert not different, different


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_oracle_says_the_same_twice(prepared_cluster, case):
    first, second = (direct(prepared_cluster, case, number=FIRST) for _ in range(2))
    assert first.is_complete(), first.answers
    agree(first, second, case)


@pytest.mark.parametrize("number, case", NUMBERED)
def test_alone_among_dirty_servers(prepared_cluster, rotations, number, case):
    rotation = rotations.of(*case.pool)
    expected = direct(prepared_cluster, case, number=number)
    found = Conversation(rotations.where, case, prepared_cluster, lambda: rotation.turn(number), number,
                         timeout=4).run()
    agree(expected, found, case)


def test_a_rotation_rotates(rotations):
    """What the test above rests on: each turn soils all servers, and the client meets several."""
    rotation = rotations.of("postgres", "postgres")
    with RawClient(rotations.where) as client:
        met = set()
        for _ in range(4):
            assert len(rotation.turn(FIRST)) == POOL_SIZE
            met.add(client.value("select pg_backend_pid()"))
        assert len(met) > 1


class Crowd:
    """Clients that run cases at the same time, each its share in an order of its own."""

    def __init__(self, where, cluster, seed, timeout):
        self._where, self._cluster, self._timeout = where, cluster, timeout
        self._shares = [random.Random(f"{seed}/{number}").sample(list(EVERYWHERE), SHARE)
                        for number in range(CLIENTS)]
        self.results = {}

    def run(self):
        threads = [threading.Thread(target=self._run_one, args=[FIRST + number, names])
                   for number, names in enumerate(self._shares)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self.results

    def _run_one(self, number, names):
        for name in names:
            try:
                done = Conversation(self._where, CASES[name], self._cluster, None, number,
                                    self._timeout).run()
            except (OSError, ServerError, psycopg.Error) as failure:
                done = failure
            self.results[number, name] = done


@pytest.mark.timeout(300)
@not_yet_in_a_crowd
def test_many_at_once(prepared_cluster, start_pgsaba):
    """Sixteen clients on eight servers. Other clients' values are their only dirt."""
    daemon = start_pgsaba({"pool": {"pool_size": 8}, "workers": 2, "databases": {
        name: {"cluster": "main", "route": "primary", "pool_size": 8} for name in POOLS}})
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    expected = Crowd((prepared_cluster.host, prepared_cluster.port), prepared_cluster, seed, 30).run()
    found = Crowd(daemon.where, prepared_cluster, seed, 30).run()
    different = {f"{name} of client {number}": explain(expected[number, name], one, CASES[name])
                 for (number, name), one in found.items()}
    different = {name: text for name, text in different.items() if text}
    assert not different, f"{len(different)} of {len(found)}:\n" + "\n".join(
        f"{name}:\n{text}" for name, text in list(different.items())[:5])


def explain(expected, found, case):
    if isinstance(found, Exception) or isinstance(expected, Exception):
        return f"{expected!r} {found!r}"
    return differences(expected, found, case)
