"""Reads that never go back in time: many clients write and read at once while standbys pause their
replay, and one is killed and comes back. A read must show every write that was acknowledged before
it began, and no session may see less than it saw before. PGSABA_PAIRS sets how many reads are
checked."""

import os
import random
import threading
import time

import pytest
from harness import messages as m
from harness.group import Group, split, wait_for_both

READS = int(os.environ.get("PGSABA_PAIRS", "6000"))
ROWS = 4
READERS = 6

pytestmark = pytest.mark.timeout(120 + READS // 100)


@pytest.fixture(scope="module")
def group(directory):
    made = Group(directory, {"synchronous_commit": "on"})
    made.primary.sql("create table c (id int primary key, v int)")
    made.primary.sql("insert into c select i, 0 from generate_series(0, 100) i")
    made.wait_for_replay()
    yield made
    made.stop()


def value_of(client, sql, way):
    if way == "simple":
        return int(client.value(sql))
    if way == "pipelined":
        client.send(m.query("select 'first'"), m.query(sql))
        frames = client.read_until_ready(2)
    else:
        client.send(m.parse("", sql), m.bind(), m.execute(), m.sync())
        frames = client.read_until_ready()
    assert not [frame for frame in frames if frame.tag == b"E"], frames
    return int(m.row_values([frame for frame in frames if frame.tag == b"D"][-1])[0])


class Run:
    """`acknowledged` is what writers were told; it only grows."""

    def __init__(self, daemon, level, reads, seed=1):
        self.daemon, self.level, self.reads, self.seed = daemon, level, reads, seed
        self.acknowledged = [0] * ROWS
        self.stale, self.backward, self.failures = [], [], []
        self.done = threading.Event()
        self.left = threading.Semaphore(reads)

    def write(self, row):
        choice = random.Random(self.seed * 100 + row)
        with self.daemon.connect() as client:
            while not self.done.is_set():
                client.query(f"set synchronous_commit = {choice.choice(('on', 'off'))}")
                sql = f"update c set v = v + 1 where id = {row} returning v"
                way = choice.choice(("simple", "parsed", "twice"))
                if way == "twice":  # pipelined: the second is still to come when the first is over
                    client.send(m.query(sql), m.query(sql))
                    frames = client.read_until_ready(2)
                    values = [frame for frame in frames if frame.tag == b"D"]
                    self.acknowledged[row] = int(m.row_values(values[-1])[0])
                else:
                    self.acknowledged[row] = value_of(client, sql, way)
                time.sleep(choice.choice((0, 0.001, 0.005, 0.02)))

    def read(self, number):
        choice = random.Random(self.seed * 100 + 50 + number)
        own = 0  # of a row that nobody else writes
        seen = [0] * ROWS
        with self.daemon.connect() as client:
            while self.left.acquire(blocking=False):
                if choice.random() < 0.2:
                    own = value_of(client, "update c set v = v + 1 where id = "
                                   f"{10 + number} returning v", "simple")
                way = choice.choice(("simple", "parsed", "pipelined"))
                if choice.random() < 0.3:
                    value = value_of(client, f"select v from c where id = {10 + number}", way)
                    if value != own:
                        self.stale.append((self.level, number, value, own))
                    continue
                row = choice.randrange(ROWS)
                known = self.acknowledged[row]
                value = value_of(client, f"select v from c where id = {row}", way)
                if value < known and self.level != "session":
                    self.stale.append((self.level, row, value, known))
                if value < seen[row]:
                    self.backward.append((self.level, row, value, seen[row]))
                seen[row] = max(seen[row], value)

    def end_after(self, readers):
        for thread in readers:
            thread.join()
        self.done.set()

    def guarded(self, action, *arguments):
        try:
            action(*arguments)
        except Exception as failure:  # shown by the test
            self.failures.append(repr(failure))
            self.done.set()

    def go(self, group, disturb):
        group.primary.sql("update c set v = 0")
        group.wait_for_replay()
        writers = [threading.Thread(target=self.guarded, args=(self.write, row))
                   for row in range(ROWS)]
        readers = [threading.Thread(target=self.guarded, args=(self.read, number))
                   for number in range(READERS)]
        for thread in [*writers, *readers]:
            thread.start()
        watcher = threading.Thread(target=self.end_after, args=(readers,))
        watcher.start()
        disturb(self)  # here: servers end with the thread that has started them
        for thread in [watcher, *writers]:
            thread.join()
        assert not self.failures, self.failures


def pause_replay(group):
    """Standbys stop replaying at random, each on its own."""
    def disturb(run):
        choice = random.Random(run.seed)
        while not run.done.wait(choice.uniform(0, 0.1)):
            standby = choice.choice(group.standbys)
            standby.sql("select pg_wal_replay_pause()")
            run.done.wait(choice.choice((0.005, 0.05, 0.3)))
            standby.sql("select pg_wal_replay_resume()")
    return disturb


def kill_standbys(group):
    def disturb(run):
        for standby in group.standbys:
            run.done.wait(0.5)
            standby.kill()
            run.done.wait(0.2)
            standby.start()
        run.done.wait()
    return disturb


def reads_on_standbys(group):
    return sum(standby.value("select sum(xact_commit) from pg_stat_database where datname = "
                             "'postgres'") for standby in group.standbys)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("level", ["database", "session"])
def test_nothing_goes_back_in_time(start_pgsaba, group, level, workers):
    daemon = start_pgsaba(split({"routing": {"read_your_writes": level}, "workers": workers}),
                          servers=group.servers)
    wait_for_both(daemon)
    before = reads_on_standbys(group)
    run = Run(daemon, level, READS)
    run.go(group, pause_replay(group))
    assert run.stale == [] and run.backward == []
    time.sleep(1.1)  # PostgreSQL's counters are late
    assert reads_on_standbys(group) - before > READS / 20, "reads hardly went to standbys"


def test_nor_when_standbys_are_killed(start_pgsaba, group):
    daemon = start_pgsaba(split(), servers=group.servers)
    wait_for_both(daemon)
    run = Run(daemon, "database", READS, seed=2)
    run.go(group, kill_standbys(group))
    assert run.stale == [] and run.backward == []


def test_without_consistency_it_does(start_pgsaba, group):
    """Or the tests above prove nothing."""
    daemon = start_pgsaba(split({"routing": {"read_your_writes": "off"}}), servers=group.servers)
    wait_for_both(daemon)
    run = Run(daemon, "off", READS)
    run.go(group, pause_replay(group))
    assert run.stale and run.backward
