"""Servers fail in turn while clients write and read without a pause; what every one of them was told
is compared with what is there at the end. PGSABA_FAULT_SECONDS says for how long, PGSABA_SEED in which
order."""

import itertools
import os
import random
import time

import pytest
from harness.group import Group, split, wait_for_both
from harness.processes import wait_until
from harness.workload import PAUSE, Readers, Workload, Writers, codes

NAMES = itertools.count()
SECONDS = float(os.environ.get("PGSABA_FAULT_SECONDS", "12"))
SEED = int(os.environ.get("PGSABA_SEED", "1"))
POOL = 4  # servers: so many statements can be in flight when a primary fails

# A commit is acknowledged once one standby has it: the one that has most takes over.
SETTINGS = {"synchronous_standby_names": "any 1 (*)", "max_standby_streaming_delay": "0"}


class Pairs(Workload):
    """Transactions that write two rows each into p (key text): both or none."""

    def __init__(self, daemon, clients):
        super().__init__(daemon, clients)
        self.acknowledged, self.refused = set(), set()

    def step(self, client, number, step):
        key = f"{number}-{step}"
        failed = []
        for sql in ("begin", f"insert into p values ('{key}')", f"insert into p values ('{key}')"):
            failed += codes(client.query(sql))
        ends_well = not failed and self._commit(client, key)
        if failed:
            client.query("rollback")
            self.refused.add(key)
        if not ends_well:
            time.sleep(PAUSE)

    def _commit(self, client, key):
        frames = client.query("commit")
        if not codes(frames):
            # A transaction that has failed says ROLLBACK.
            committed = b"COMMIT\0" in [frame.body for frame in frames if frame.tag == b"C"]
            (self.acknowledged if committed else self.refused).add(key)
            return True
        if codes(frames) == ["08006"]:
            self.refused.add(key)
        self.errors += codes(frames)
        client.query("rollback")
        return False

    def check(self, server):
        counts = dict(server.sql("select key, count(*) from p group by key"))
        assert set(counts.values()) <= {2}, "half a transaction"
        assert self.acknowledged - set(counts) == set(), "what was acknowledged is lost"
        assert self.refused & set(counts) == set(), "what was refused is there"


class Faults:
    """What may happen to a primary and its standbys. Each leaves all of them running."""

    def __init__(self, group, daemon, readers):
        self.primary, self.standbys = group.primary, list(group.standbys)
        self.daemon, self.readers = daemon, readers
        self.lost_primaries = 0

    def reads_are_known(self):
        """Whether pgsaba has looked what r is. Until then a read of r may be anything: it runs on the
        primary, and nobody may run it twice. What is known ends with the life of the primary."""
        row = self.daemon.admin("explain route for postgres $$select count(*) from r$$")[0]
        return row["route"] != "primary"

    def lose_the_primary(self):
        wait_until(self.reads_are_known, 60, "a look at the catalogue")
        wait_until(self.readers.all_go_on(), 90, "reads that know of it")
        self.lost_primaries += 1

    def a_standby_dies(self):
        standby = random.choice(self.standbys)
        standby.kill()
        standby.start()

    def a_standby_restarts(self):
        standby = random.choice(self.standbys)
        standby.restart(random.choice(["fast", "immediate"]))

    def a_standby_is_cut_off(self):
        standby = random.choice(self.standbys)
        standby.freeze()
        time.sleep(2.5)  # longer than a probe is waited for
        standby.thaw()

    def a_standby_is_rebuilt(self):
        random.choice(self.standbys).rebuild_from(self.primary)

    def reads_are_cancelled(self):
        self.primary.sql("alter table r add column more int")
        self.primary.sql("alter table r drop column more")

    def the_primary_restarts(self):
        self.lose_the_primary()
        self.primary.restart(random.choice(["fast", "immediate"]))

    def the_primary_crashes(self):
        self.lose_the_primary()
        self.primary.kill()
        self.primary.start()

    def the_primary_is_replaced(self):
        self.lose_the_primary()
        self.primary.kill()
        self.standbys.sort(key=lambda standby: standby.value(
            "select pg_last_wal_receive_lsn() - '0/0'::pg_lsn"))
        old, self.primary = self.primary, self.standbys.pop()
        self.primary.promote()
        self.standbys[0].follow(self.primary)
        old.rebuild_from(self.primary)
        self.standbys.append(old)

    def all(self):
        return [self.a_standby_dies, self.reads_are_cancelled, self.the_primary_crashes,
                self.a_standby_restarts, self.the_primary_is_replaced, self.a_standby_is_rebuilt,
                self.the_primary_restarts, self.a_standby_is_cut_off]


@pytest.fixture
def group(directory):
    made = Group(directory, SETTINGS, f"faults{next(NAMES)}")
    made.primary.sql("create table w (key text)")
    made.primary.sql("create table p (key text)")
    made.primary.sql("create table r as select generate_series(1, 100)")
    made.wait_for_replay()
    yield made
    made.stop()


@pytest.mark.timeout(SECONDS + 300)
@pytest.mark.parametrize("asks_fate", [False, True], ids=["plain", "xact_status"])
def test_nothing_is_lost_and_nothing_comes_twice(group, start_pgsaba, asks_fate):
    random.seed(SEED)
    daemon = start_pgsaba(split({"timeouts": {"failover_wait": "60s"}, "workers": 2,
                                 "routing": {"xact_status": asks_fate}}), servers=group.servers)
    wait_for_both(daemon)
    told = []
    with Writers(daemon, 8) as writers, Pairs(daemon, 6) as pairs, Readers(daemon, 8) as readers:
        faults = Faults(group, daemon, readers)
        until = time.monotonic() + SECONDS
        coming = faults.all()
        while time.monotonic() < until and not (writers.broken or readers.broken or pairs.broken):
            if not coming:
                coming = random.sample(faults.all(), len(faults.all()))
            fault = coming.pop(0)
            told.append(fault.__name__)
            fault()
            for load in (writers, pairs, readers):
                wait_until(load.all_go_on(), 90, f"an end of {told}")
    assert readers.errors == [], (told, [row for row in daemon.admin("show routes") if row["leases"]])
    assert set(writers.errors + pairs.errors) <= {"08007", "08006", "57P01"}, told
    assert len(writers.errors) + len(pairs.errors) <= 2 * POOL * faults.lost_primaries
    writers.check(faults.primary)
    pairs.check(faults.primary)
    print(f"{len(told)} faults, {len(writers.acknowledged)} writes and "
          f"{len(pairs.acknowledged)} transactions acknowledged, "
          f"{len(writers.errors) + len(pairs.errors)} unknown, {sum(readers.steps)} reads")
