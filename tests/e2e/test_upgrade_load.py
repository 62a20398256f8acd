"""Two hundred clients at work, with open transactions, prepared statements, pins and listeners,
while one process after the other takes over: no error, no wrong answer, no notification lost."""

import random
import threading
import time

import pytest
from harness import messages as m
from harness.client import RawClient
from harness.successor import adopt_orphans

adopt_orphans()

THREADS, CLIENTS_PER_THREAD, LISTENERS_PER_THREAD = 10, 20, 2
UPGRADES = 3
MOST_OPEN, MOST_PINNED = 2, 1  # of a thread: who waits for a server must not wait for itself


class Worker:
    """One client with what it expects of its own session."""

    def __init__(self, daemon, number, listens):
        self.number, self.count, self.heard = number, 0, []
        self.open = self.pinned = False
        self.client = RawClient(daemon.where, timeout=60)
        self.client.query(f"set my.number = '{number}'")
        self.client.query(f"prepare by_sql as select {number}, $1::int")
        self.client.send(m.parse("named", f"select 'c{number}', $1::text"), m.sync())
        self.client.read_until_ready()
        if listens:
            self.client.query("listen numbers")
        self.listens = listens

    def ask(self, *data):
        """The rows of what is sent; notifications in between are kept."""
        self.client.send(*data)
        rows = []
        for frame in self.client.read_until_ready():
            assert frame.tag != b"E", m.error_fields(frame)
            if frame.tag == b"A":
                self.hear(frame)
            elif frame.tag == b"D":
                rows.append([value.decode() for value in m.row_values(frame)])
        return rows

    def query(self, sql):
        return self.ask(m.query(sql))

    def hear(self, frame):
        self.heard.append(int(frame.body[4:].split(b"\0")[1]))

    def write(self):
        self.count += 1
        rows = self.query(f"update counters set n = n + 1 where id = {self.number} returning n")
        assert rows == [[str(self.count)]]

    def read(self):
        assert self.query("select current_setting('my.number')") == [[str(self.number)]]
        assert self.query(f"select n from counters where id = {self.number}") == [[str(self.count)]]

    def prepared(self):
        rows = self.ask(m.bind("", "named", ["x"]), m.execute(), m.sync())
        assert rows == [[f"c{self.number}", "x"]]
        assert self.query("execute by_sql(7)") == [[str(self.number), "7"]]

    def begin(self):
        self.query("begin")
        self.write()
        self.open = True

    def commit(self):
        self.write()
        self.query("commit")
        self.open = False

    def pin(self):
        self.query(f"create temp table mine as select {self.number} as number")
        self.pinned = True

    def unpin(self):
        assert self.query("select number from mine") == [[str(self.number)]]
        self.query("drop table mine")
        self.pinned = False


def step(workers, chance):
    worker = chance.choice(workers)
    if worker.open:
        worker.commit()
    elif worker.pinned:
        worker.unpin()
    else:
        acts = [worker.write, worker.read, worker.prepared]
        if sum(one.open for one in workers) < MOST_OPEN:
            acts.append(worker.begin)
        if sum(one.pinned for one in workers) < MOST_PINNED:
            acts.append(worker.pin)
        chance.choice(acts)()


@pytest.fixture
def counters(cluster):
    with RawClient((cluster.host, cluster.port)) as direct:
        direct.query("create table counters (id int primary key, n int not null)")
        direct.query(f"insert into counters select i, 0 from generate_series(0, "
                     f"{THREADS * CLIENTS_PER_THREAD}) i")
        yield direct
        direct.query("drop table counters")


def test_two_hundred_clients_through_upgrades(start_pgsaba, cluster, counters):
    daemon = start_pgsaba({"workers": 2, "databases": {"postgres": {"pool_size": 40}},
                           "pool": {"max_pinned_servers": 20}})
    stop, stop_notifying, failures, sent, all_workers = (
        threading.Event(), threading.Event(), [], [0], [])

    def work(thread):
        chance = random.Random(thread)
        try:
            workers = [Worker(daemon, thread * CLIENTS_PER_THREAD + i, i < LISTENERS_PER_THREAD)
                       for i in range(CLIENTS_PER_THREAD)]
            all_workers.extend(workers)
            ready.wait()
            while not stop.is_set():
                step(workers, chance)
            for worker in workers:
                if worker.open:
                    worker.commit()
                if worker.pinned:
                    worker.unpin()
        except Exception as error:
            failures.append(repr(error))
            ready.abort()

    def notify():
        with RawClient((cluster.host, cluster.port)) as direct:
            while not stop_notifying.is_set():
                sent[0] += 1
                direct.query(f"notify numbers, '{sent[0]}'")
                time.sleep(0.001)

    ready = threading.Barrier(THREADS + 1)
    threads = [threading.Thread(target=work, args=(i,)) for i in range(THREADS)]
    for thread in threads:
        thread.start()
    ready.wait(60)
    notifier = threading.Thread(target=notify)
    notifier.start()
    try:
        for _ in range(UPGRADES):
            daemon.upgrade()
            time.sleep(1)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        stop_notifying.set()
        notifier.join()
    assert not failures
    assert all(process.wait(20) == 0 for process in daemon.former)
    for worker in all_workers:
        while worker.listens and len(worker.heard) < sent[0]:
            worker.hear(worker.client.read_until(b"A")[-1])
        assert worker.heard == (list(range(1, sent[0] + 1)) if worker.listens else [])
        assert worker.client.is_silent(0.001)
    counted = counters.rows("select id, n from counters order by id")
    assert counted[:-1] == [[str(w.number), str(w.count)]
                            for w in sorted(all_workers, key=lambda one: one.number)]
    assert sum(worker.count for worker in all_workers) > 200
