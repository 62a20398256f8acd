#!/usr/bin/env python3
"""Clients that change their sessions at random and look, after every transaction, for anything that
is not their own.

leak_operations.py is the table of what a client may do, with the model of what it has then. A run is
repeated by its seed, as far as the order of threads allows:

    export PGSABA_BINARY=build/src/pgsaba
    python3 tests/e2e/leak_hunt.py --seconds 3600 --seed 7 --clients 16

--direct runs the same against PostgreSQL itself, which shows that the model is right.
"""

import argparse
import collections
import os
import random
import sys
import threading
import time

from harness import messages as m
from harness.client import RawClient
from harness.cluster import PostgresCluster
from harness.pgsaba import Pgsaba
from harness.processes import TemporaryDirectory, wait_until
from leak_operations import (OPERATIONS, PARAMETERS, Model, begin, close_cursor, commit, drop_tables,
                             forget_sequences, roll_back, unlock_all)

POOL_SIZE = 18  # each of the 16 clients may pin one
PATIENCE = 60  # seconds for one answer: a queue is no leak
PINS_FOR = 6   # transactions after which a client lets go of what pins its server

SETUP = """create role hunter_a superuser; create role hunter_b superuser;
    create sequence hunted; create schema hunt_a; create schema hunt_b"""

# pgsaba may set these on a server for every client.
REPORTED = ["application_name", "client_encoding", "DateStyle", "IntervalStyle", "TimeZone",
            "standard_conforming_strings", "default_transaction_read_only"]

# One row: what this server has of a session. pg_catalog is named since search_path may be anything.
VIEW = f"""select session_user || '/' || current_user,
    (select pg_catalog.string_agg(name, ' ') from pg_catalog.pg_settings where source = 'session'
        and not name = any('{{{",".join([*PARAMETERS, *REPORTED])}}}')),
    (select pg_catalog.string_agg(objid::text || mode, ' ' order by objid, mode)
        from pg_catalog.pg_locks where locktype = 'advisory' and pid = pg_catalog.pg_backend_pid()),
    (select pg_catalog.string_agg(relname, ' ' order by relname) from pg_catalog.pg_class
        where relnamespace = pg_catalog.pg_my_temp_schema() and relkind = 'r'),
    (select pg_catalog.string_agg(name, ' ' order by name) from pg_catalog.pg_cursors
        where is_holdable and name like 'held%'),
    (select pg_catalog.string_agg(name, ' ' order by name) from pg_catalog.pg_prepared_statements
        where name not like '\\_pgsaba\\_%' and name <> ''),
    (select pg_catalog.string_agg(c, ' ' order by c) from pg_catalog.pg_listening_channels() c),
    """ + ", ".join(f"coalesce(current_setting('{name}', true), '')" for name in PARAMETERS)


class Leak(AssertionError):
    """Something that is not the client's own, or something of its own that is gone."""


class Hunter:
    """One client and its model; hunt() until told to stop."""

    def __init__(self, where, number, seed, defaults, clients):
        self.where, self.number, self.clients, self.defaults = where, number, clients, defaults
        self.random = random.Random(f"{seed}/{number}")
        self.trace = collections.deque(maxlen=200)
        self.heard, self.expected = [], []
        self.transactions = 0
        self.serial = 0
        self.connect()

    def connect(self):
        self.model = Model()
        self.client = RawClient(self.where, timeout=PATIENCE)

    # Saying and hearing

    def say(self, *frames):
        """One Query or one batch; (rows, SQLSTATE or None)."""
        self.client.send(*frames)
        rows, error = [], None
        while (frame := self.client.read()).tag != b"Z":
            if frame.tag == b"D":
                rows.append([value if value is None else value.decode()
                             for value in m.row_values(frame)])
            elif frame.tag == b"E":
                fields = m.error_fields(frame)
                error = fields["C"]
                self.trace.append(f"    {error} {fields['M']}")
            elif frame.tag == b"A":
                self.note(frame)
        return rows, error

    def note(self, frame):
        channel, payload = frame.body[4:].split(b"\0")[:2]
        self.trace.append(f"    heard {channel.decode()}: {payload.decode()}")
        if not channel.decode().startswith(f"channel_{self.number}_"):
            raise Leak(f"a notification on {channel.decode()}")
        if not payload.startswith(b"guest"):
            self.heard.append(payload.decode())

    def ask(self, sql, expect=None):
        """A Query that ends with this SQLSTATE, or well; its rows."""
        self.trace.append(sql)
        rows, error = self.say(m.query(sql))
        self.check(error, expect, sql)
        return rows

    def ask_wire(self, label, *frames, expect=None):
        self.trace.append(label)
        rows, error = self.say(*frames, m.sync())
        self.check(error, expect, label)
        return rows

    def check(self, found, expected, what):
        if found != expected:
            raise Leak(f"{what}: {found!r} instead of {expected!r}")

    # Choosing

    def pick(self, values):
        return self.random.choice(sorted(values))

    def fresh(self):
        self.serial += 1
        return f"{self.number} {self.serial}"

    # The hunt

    def hunt(self, ends):
        while not ends():
            self.transaction()
            self.transactions += 1
            self.look()
            self.let_go()
        self.client.close()

    def transaction(self):
        if self.random.random() < 0.5:
            self.operate()
            return
        begin(self)
        for _ in range(self.random.randrange(4)):
            if not self.operate():
                return
        self.random.choice((commit, commit, roll_back))(self)

    def operate(self):
        """One operation that is possible now; False if it has ended the transaction."""
        in_block = self.model.in_block
        possible = [each for each in OPERATIONS if each.possible(self)]
        weights = [each.weight for each in possible]
        self.random.choices(possible, weights)[0].run(self)
        return self.model.in_block == in_block

    def let_go(self):
        model = self.model
        model.pinned_for = model.pinned_for + 1 if model.pins else 0
        if model.pinned_for >= PINS_FOR:
            for tidy in (drop_tables, unlock_all, close_cursor, forget_sequences):
                if tidy.possible(self):
                    tidy.run(self)
            model.pinned_for = 0

    def look(self):
        """The model and the server's own view must agree."""
        row = self.ask(VIEW)[0]
        session = self.model.session
        me = f"postgres/{session.role or 'postgres'}"
        locks = " ".join(f"{key}{mode}" for (key, mode) in sorted(self.model.locks))
        tables = " ".join(sorted(session.tables))
        for what, found, own in (("user", row[0], me), ("settings", row[1], None),
                                 ("locks", row[2], locks), ("tables", row[3], tables),
                                 ("cursors", row[4], session.cursor)):
            self.check(found or "", own or "", what)
        self.only_mine("prepared statement", row[5], self.model.statements)
        self.only_mine("channel", row[6], session.channels)
        for name, found in zip(PARAMETERS, row[7:]):
            self.check(found, session.parameters.get(name, self.defaults[name]), name)
        self.hear_all()

    def only_mine(self, what, found, mine):
        foreign = set((found or "").split()) - set(mine)
        if foreign:
            raise Leak(f"{what} of somebody else: {foreign}")

    def hear_all(self):
        while len(self.heard) < len(self.expected):
            frame = self.client.read()
            if frame.tag == b"A":
                self.note(frame)
        self.check(self.heard, self.expected, "notifications")
        self.heard.clear()
        self.expected.clear()


# A run

def defaults_of(cluster):
    return {name: cluster.value("select coalesce(current_setting(%s, true), '')", [name])
            for name in PARAMETERS} | {"application_name": ""}


def hunt(where, cluster, seconds, seed, clients):
    """Raises the first Leak, with the trace of its client; returns the number of transactions."""
    deadline, failures = time.monotonic() + seconds, []
    defaults = defaults_of(cluster)

    def ends():
        return failures or time.monotonic() > deadline

    def run(hunter):
        try:
            hunter.hunt(ends)
        except Exception as failure:  # whatever it is, its trace tells more than its stack
            failures.append((failure, hunter))
            hunter.client.socket.close()

    hunters = [Hunter(where, 100 + number, seed, defaults, clients) for number in range(clients)]
    threads = [threading.Thread(target=run, args=[hunter]) for hunter in hunters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        failure, hunter = failures[0]
        trace = "\n".join(hunter.trace)
        raise Leak(f"seed {seed}, client {hunter.number}: {failure!r}; its last words:\n{trace}")
    return sum(hunter.transactions for hunter in hunters)


def look_at_servers(where, cluster, count):
    """With all clients gone no server has anything of theirs, from outside and from inside."""
    wait_until(lambda: not cluster.sql("select from pg_locks where locktype = 'advisory'"), 10,
               "the end of all advisory locks")
    wait_until(lambda: not cluster.sql("select relname from pg_class where relpersistence = 't'"),
               10, "the end of all temporary objects")
    visitors = [RawClient(where, timeout=PATIENCE) for _ in range(count)]
    try:
        for visitor in visitors:
            visitor.query("begin")
            row = visitor.rows(VIEW)[0]
            found = [row[0], *(value or "" for value in row[1:])]
            expected = ["postgres/postgres", *[""] * 6, *defaults_of(cluster).values()]
            if found != expected:
                raise Leak(f"left behind on a server: {found}")
    finally:
        for visitor in visitors:
            visitor.close()


def start_daemon(binary, directory, cluster):
    # On a busy machine a client may stand still for longer than a sequence keeps its server.
    changes = {"workers": 2, "pool": {"max_pinned_servers": POOL_SIZE - 2},
               "timeouts": {"sequence_pin": "60s"},
               "databases": {"postgres": {"pool_size": POOL_SIZE}}}
    return Pgsaba(binary, directory, [cluster], changes, "hunted").start()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--seed", default=str(random.randrange(10**6)))
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--binary", default=os.environ.get("PGSABA_BINARY"), type=os.path.abspath)
    parser.add_argument("--direct", action="store_true", help="PostgreSQL without pgsaba")
    options = parser.parse_args()
    if not options.direct and not options.binary:
        parser.error("--binary or PGSABA_BINARY has to name the daemon")
    print(f"seed {options.seed}", flush=True)
    directory = TemporaryDirectory()
    cluster, daemon = PostgresCluster(directory).initialize().start(), None
    try:
        cluster.sql(SETUP)
        if not options.direct:
            daemon = start_daemon(options.binary, directory, cluster)
        where = (cluster.host, cluster.port) if options.direct else daemon.where
        count = hunt(where, cluster, options.seconds, options.seed, options.clients)
        look_at_servers(where, cluster, POOL_SIZE)
        print(f"{count} transactions of {options.clients} clients, nothing leaked")
    except (Leak, TimeoutError) as failure:
        sys.exit(str(failure))
    finally:
        if daemon:
            daemon.kill()
        cluster.stop("immediate")
        directory.close()


if __name__ == "__main__":
    main()
