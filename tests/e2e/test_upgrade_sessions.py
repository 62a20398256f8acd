"""Whatever a session keeps on a direct connection it keeps when another process takes over, and once
more before each of its statements: the same answers, byte for byte."""
# ctest-labels: threads

import random
import threading

import psycopg
import pytest
from harness.client import ServerError
from harness.session_cases import Conversation, differences
from harness.successor import adopt_orphans
from session_limits import differing_steps
from session_scripts import CASES
from session_setup import FIRST, POOLS, prepared_cluster  # noqa: F401
from test_sessions_at_once import EVERYWHERE

adopt_orphans()

CLIENTS = 24
SHARE = 3  # cases per client


class Rounds:
    """All clients that are left wait for each other; then another process takes over."""

    def __init__(self, upgrade, clients):
        self._upgrade, self._clients = upgrade, clients
        self._waiting = self.count = 0
        self._changed = threading.Condition()

    def wait(self):
        with self._changed:
            self._waiting += 1
            self._begin_if_all_wait()
            mine = self.count
            self._changed.wait_for(lambda: self.count > mine or self._waiting == 0)

    def leave(self):
        with self._changed:
            self._clients -= 1
            self._begin_if_all_wait()

    def _begin_if_all_wait(self):
        if self._clients and self._waiting == self._clients:
            self._upgrade()
            self._waiting = 0
            self.count += 1
            self._changed.notify_all()


def run(where, cluster, number, names, rounds):
    """What each case was answered, by one client after the other."""
    results = {}
    for name in names:
        try:
            results[name] = Conversation(where, CASES[name], cluster, rounds and rounds.wait, number,
                                         30).run()
        except (OSError, ServerError, psycopg.Error) as failure:
            results[name] = failure
    if rounds:
        rounds.leave()
    return results


def explain(expected, found, name):
    if isinstance(found, Exception) or isinstance(expected, Exception):
        return f"{expected!r} {found!r}"
    return differences(expected, found, CASES[name], differing_steps(name))


@pytest.mark.timeout(300)
def test_a_process_before_each_statement(prepared_cluster, start_pgsaba):
    daemon = start_pgsaba({
        "pool": {"max_pinned_servers": CLIENTS}, "timeouts": {"sequence_pin": "60s"}, "workers": 2,
        "databases": {name: {"cluster": "main", "route": "primary", "pool_size": CLIENTS + 2}
                      for name in POOLS}})
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    shares = {FIRST + at: chance.sample(list(EVERYWHERE), SHARE) for at in range(CLIENTS)}
    rounds, found = Rounds(daemon.upgrade, CLIENTS), {}
    threads = [threading.Thread(target=lambda number=number, names=names: found.update(
        {number: run(daemon.where, prepared_cluster, number, names, rounds)}))
               for number, names in shares.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    different = []
    for number, names in shares.items():
        expected = run((prepared_cluster.host, prepared_cluster.port), prepared_cluster, number,
                       names, None)
        different += [f"{name}:\n{text}" for name in names
                      if (text := explain(expected[name], found[number][name], name))]
    assert rounds.count >= SHARE
    assert not different, f"{len(different)}, {rounds.count} rounds:\n" + "\n".join(different[:5])
    assert all(process.wait(20) == 0 for process in daemon.former)
