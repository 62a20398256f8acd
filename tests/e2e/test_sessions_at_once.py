"""Many clients at once keep their sessions as on direct connections, the only dirt being each other's;
and what PostgreSQL says is fit to be compared with."""
# ctest-labels: threads

import random
import threading

import psycopg
import pytest
from harness.client import ServerError
from harness.processes import wait_until
from harness.session_cases import Conversation, differences
from session_limits import SOILS, differing_steps
from session_scripts import ALONE, CASES
from session_setup import FIRST, POOLS, agree, direct, prepared_cluster  # noqa: F401

CLIENTS = 16
SHARE = 40  # cases per client
# What a server answers that depends on what it has loaded, or met, before.
OF_HISTORY = [*SOILS, "temporary-type", "temporary-function"]
EVERYWHERE = [name for name in CASES if name not in ALONE and name not in OF_HISTORY]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_oracle_says_the_same_twice(prepared_cluster, case):
    first, second = (direct(prepared_cluster, case, number=FIRST) for _ in range(2))
    assert first.is_complete(), first.answers
    agree(first, second, case)


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


def knows_functions(daemon, database):
    """Whether it has found in the catalogue what asks for a session's own sequences: it pins then."""
    with daemon.connect(database=database) as client:
        for function in ("draw()", "drawn_last()", "draw()"):
            client.query(f"select {function}")
        return any(row["database"] == database for row in daemon.admin("show pins"))


@pytest.mark.timeout(300)
def test_many_at_once(prepared_cluster, start_pgsaba):
    """Sixteen clients, each of which may pin a server. Other clients' values are their only dirt."""
    size = CLIENTS + 2
    daemon = start_pgsaba({"pool": {"max_pinned_servers": CLIENTS}, "workers": 2,
                           "timeouts": {"sequence_pin": "60s"}, "databases": {
                               name: {"cluster": "main", "route": "primary", "pool_size": size}
                               for name in POOLS}})
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    expected = Crowd((prepared_cluster.host, prepared_cluster.port), prepared_cluster, seed, 30).run()
    for database in POOLS:
        wait_until(lambda: knows_functions(daemon, database), 20, f"a look at {database}")
    found = Crowd(daemon.where, prepared_cluster, seed, 30).run()
    different = {f"{name} of client {number}": explain(expected[number, name], one, CASES[name],
                                                       differing_steps(name))
                 for (number, name), one in found.items()}
    different = {name: text for name, text in different.items() if text}
    assert not different, f"{len(different)} of {len(found)}:\n" + "\n".join(
        f"{name}:\n{text}" for name, text in list(different.items())[:5])


def explain(expected, found, case, but):
    if isinstance(found, Exception) or isinstance(expected, Exception):
        return f"{expected!r} {found!r}"
    return differences(expected, found, case, but)
