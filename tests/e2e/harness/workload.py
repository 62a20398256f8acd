"""Clients that write and read without a pause while servers fail, and remember what they were told."""

import itertools
import threading
import time

from . import messages as m

PAUSE = 0.002  # the machine has few cores


def codes(frames):
    return [m.error_fields(frame)["C"] for frame in frames if frame.tag == b"E"]


def extended(client, sql):
    client.send(m.parse("", sql), m.bind(), m.execute(), m.sync())
    return client.read_until_ready()


class Workload:
    """Threads with a client each; `with` ends them, and insists that no client was disconnected."""

    def __init__(self, daemon, clients):
        self.daemon = daemon
        self.errors = []  # SQLSTATEs
        self.broken = []
        self.steps = [0] * clients
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(number,))
                         for number in range(clients)]

    def _run(self, number):
        try:
            with self.daemon.connect(timeout=60) as client:
                for step in itertools.count():
                    if self._done.is_set():
                        return
                    self.step(client, number, step)
                    self.steps[number] += 1
                    time.sleep(PAUSE)
        except Exception as failure:  # shown at the end
            self.broken.append(repr(failure))

    def all_go_on(self, steps=5):
        """Whether every client has made that many steps since this was called first."""
        aims = [made + steps for made in self.steps]
        return lambda: self.broken or all(made >= aim for made, aim in zip(self.steps, aims))

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind, *_):
        self._done.set()
        for thread in self._threads:
            thread.join()
        if kind is None:
            assert not self.broken, self.broken


class Writers(Workload):
    """They insert rows into w (key text), each once: half of them by each protocol."""

    def __init__(self, daemon, clients):
        super().__init__(daemon, clients)
        self.acknowledged = set()

    def step(self, client, number, step):
        key = f"{number}-{step}"
        sql = f"insert into w values ('{key}')"
        failed = codes(client.query(sql) if number % 2 else extended(client, sql))
        if failed:
            self.errors += failed
        else:
            self.acknowledged.add(key)

    def check(self, server):
        """Nothing that was acknowledged is lost, and nothing is there twice."""
        rows = [key for key, in server.sql("select key from w")]
        assert self.acknowledged - set(rows) == set()
        assert len(rows) == len(set(rows))


class Readers(Workload):
    """They read what does not change: half of them by each protocol."""

    def step(self, client, number, step):
        sql = "select count(*) from r"
        frames = client.query(sql) if number % 2 else extended(client, sql)
        self.errors += codes(frames)
        if not codes(frames):
            row = [frame for frame in frames if frame.tag == b"D"][0]
            assert m.row_values(row) == [b"100"]
