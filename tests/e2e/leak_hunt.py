#!/usr/bin/env python3
"""Clients that change their sessions at random and look, after every transaction, for anything that
is not their own.

Each client keeps a Model of its session: what PostgreSQL's rules say it has. OPERATIONS is the table
of what a client may do; to add one, write a function that says it and does the same to the model.
The names are the same for all clients (so that a mix-up shows), the values carry the client's number.
A run is repeated by its seed, as far as the order of threads allows:

    PGSABA_BINARY=build/src/pgsaba python3 tests/e2e/leak_hunt.py --seconds 3600 --seed 7 --clients 16

--direct runs the same against PostgreSQL itself, which shows that the model is right.
"""

import argparse
import collections
import copy
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

POOL_SIZE = 8
PATIENCE = 60  # seconds for one answer: a queue is no leak
PINS_FOR = 6   # transactions after which a client lets go of what pins its server

SETUP = """create role hunter_a superuser; create role hunter_b superuser;
    create sequence hunted; create schema hunt_a; create schema hunt_b"""

# Name: values, in the form in which the server shows them; {n} makes them a client's own.
PARAMETERS = {
    "work_mem": ["70{n}kB", "71{n}kB"],
    "statement_timeout": ["90{n}1ms", "91{n}1ms"],
    "lock_timeout": ["80{n}1ms"],
    "application_name": ["hunter {n}", "a 'quoted' {n}"],
    "TimeZone": ["Asia/Tokyo", "Asia/Seoul", "Pacific/Chatham"],
    "DateStyle": ["ISO, YMD", "German, DMY"],
    "extra_float_digits": ["0", "2", "-1"],
    "enable_seqscan": ["off", "on"],
    "search_path": ["hunt_a", "hunt_b, public"],
    "saba.one": ["one of {n}", "another of {n}"],
    "saba.two": ["two of {n}"],
}
STATEMENT_NAMES = [f"s{n}" for n in range(4)]
TABLES = [f"basket{n}" for n in range(3)]

# pgsaba may set these on a server for every client.
REPORTED = ["application_name", "client_encoding", "DateStyle", "IntervalStyle", "TimeZone",
            "standard_conforming_strings", "default_transaction_read_only"]

# One row: what this server has of a session. pg_catalog is named since search_path may be anything.
VIEW = f"""select session_user || '/' || current_user,
    (select pg_catalog.string_agg(name, ' ') from pg_catalog.pg_settings where source = 'session'
        and not name = any('{{{",".join([*PARAMETERS, *REPORTED])}}}')),
    (select pg_catalog.string_agg(objid::text || mode, ' ' order by objid, mode) from pg_catalog.pg_locks
        where locktype = 'advisory' and pid = pg_catalog.pg_backend_pid()),
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


class Session:
    """The part of a model that ROLLBACK undoes."""

    def __init__(self):
        self.parameters = {}
        self.role = None
        self.tables = {}
        self.channels = set()
        self.cursor = None


class Model:
    """What a client has. `undo` are the sessions at BEGIN and at each savepoint."""

    def __init__(self):
        self.session = Session()
        self.local = {}
        self.statements, self.locks = {}, collections.Counter()
        self.drawn = None
        self.undo = []
        self.news = []  # what the open transaction notifies
        self.pinned_for = 0

    @property
    def in_block(self):
        return bool(self.undo)

    @property
    def pins(self):
        return bool(self.session.tables or self.locks or self.session.cursor or self.drawn is not None)


class Hunter:
    """One client and its model; hunt() until told to stop."""

    def __init__(self, where, number, seed, defaults, clients):
        self.number, self.clients, self.defaults = number, clients, defaults
        self.random = random.Random(f"{seed}/{number}")
        self.trace = collections.deque(maxlen=200)
        self.model = Model()
        self.heard, self.expected = [], []
        self.transactions = 0
        self.serial = 0
        self.client = RawClient(where, timeout=PATIENCE)

    # Saying and hearing

    def say(self, *frames):
        """One Query or one batch; (rows, SQLSTATE or None)."""
        self.client.send(*frames)
        rows, error = [], None
        while (frame := self.client.read()).tag != b"Z":
            if frame.tag == b"D":
                rows.append([None if value is None else value.decode() for value in m.row_values(frame)])
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


# Operations

class Operation:
    """`run` says and models it; `possible` tells when."""

    def __init__(self, run, weight, possible):
        self.run, self.weight, self.possible = run, weight, possible


OPERATIONS = []


def operation(weight=1, when=lambda hunter: True):
    def enter(function):
        OPERATIONS.append(Operation(function, weight, when))
        return OPERATIONS[-1]
    return enter


def in_block(hunter):
    return hunter.model.in_block


def outside(hunter):
    return not hunter.model.in_block


def literal(value):
    return "'" + value.replace("'", "''") + "'"


def set_value(name, value):
    """search_path and DateStyle are lists: their value is written as it is shown."""
    return value if name in ("search_path", "DateStyle") else literal(value)


def a_parameter(hunter):
    name = hunter.pick(PARAMETERS)
    return name, hunter.pick(PARAMETERS[name]).format(n=hunter.number)


def begin(hunter):
    hunter.ask(hunter.pick(["begin", "start transaction", "begin isolation level repeatable read"]))
    hunter.model.undo = [("", copy.deepcopy(hunter.model.session))]
    hunter.model.news = []


def end_block(hunter):
    hunter.model.undo, hunter.model.local = [], {}


def commit(hunter):
    hunter.ask(hunter.pick(["commit", "end"]))
    hunter.expected += [text for channel, text in hunter.model.news
                        if channel in hunter.model.session.channels]
    end_block(hunter)


def roll_back(hunter):
    hunter.ask(hunter.pick(["rollback", "abort"]))
    hunter.model.session = hunter.model.undo[0][1]
    end_block(hunter)


@operation(6)
def set_parameter(hunter):
    name, value = a_parameter(hunter)
    hunter.ask(f"set {hunter.pick(['', 'session '])}{name} = {set_value(name, value)}")
    hunter.model.session.parameters[name] = value
    hunter.model.local.pop(name, None)


@operation(3)
def set_by_function(hunter):
    name, value = a_parameter(hunter)
    hunter.ask_wire(f"set_config({name}, {value})", m.parse("", "select set_config($1, $2, false)"),
                    m.bind("", "", [name, value]), m.execute())
    hunter.model.session.parameters[name] = value
    hunter.model.local.pop(name, None)


@operation(2)
def set_in_a_do_block(hunter):
    name, value = a_parameter(hunter)
    hunter.ask(f"do $do$ begin perform set_config({literal(name)}, {literal(value)}, false); end $do$")
    hunter.model.session.parameters[name] = value
    hunter.model.local.pop(name, None)


@operation(3, in_block)
def set_local(hunter):
    name, value = a_parameter(hunter)
    hunter.ask(f"set local {name} = {set_value(name, value)}")
    hunter.model.local[name] = value
    hunter.check(hunter.ask(f"show {name}"), [[value]], name)


@operation(1)
def set_badly(hunter):
    fail(hunter, "set work_mem = 'lots'", "22023")


@operation(2)
def reset_parameter(hunter):
    name = hunter.pick(PARAMETERS)
    hunter.ask(f"reset {name}" if hunter.random.random() < 0.5 else f"set {name} to default")
    hunter.model.session.parameters.pop(name, None)
    hunter.model.local.pop(name, None)


@operation(1)
def reset_all(hunter):
    hunter.ask("reset all")
    hunter.model.session.parameters.clear()
    hunter.model.local.clear()


@operation(2)
def set_role(hunter):
    role = hunter.pick(["hunter_a", "hunter_b"])
    hunter.ask(f"set role {role}")
    hunter.model.session.role = role


@operation(1)
def reset_role(hunter):
    hunter.ask(hunter.pick(["reset role", "set role none"]))
    hunter.model.session.role = None


@operation(2, in_block)
def savepoint(hunter):
    name = f"sp{len(hunter.model.undo)}"
    hunter.ask(f"savepoint {name}")
    hunter.model.undo.append((name, copy.deepcopy((hunter.model.session, hunter.model.local,
                                                   hunter.model.news))))


def has_savepoint(hunter):
    return len(hunter.model.undo) > 1


@operation(3, has_savepoint)
def roll_back_to(hunter):
    name, before = hunter.model.undo[-1]
    hunter.ask(f"rollback to {name}")
    hunter.model.session, hunter.model.local, hunter.model.news = copy.deepcopy(before)


@operation(2, has_savepoint)
def release(hunter):
    name, _ = hunter.model.undo.pop()
    hunter.ask(f"release {name}")


def fail(hunter, sql, sqlstate):
    """A statement that fails; the transaction around it is rolled back, as far as it has to be."""
    hunter.ask(sql, sqlstate)
    if has_savepoint(hunter):
        roll_back_to.run(hunter)
    elif in_block(hunter):
        roll_back(hunter)


@operation(2)
def divide_by_zero(hunter):
    fail(hunter, "select 1/0", "22012")


@operation(1)
def say_nothing(hunter):
    hunter.ask(hunter.pick(["", ";", "-- nothing"]))


def a_free_name(hunter):
    return hunter.pick(set(STATEMENT_NAMES) - set(hunter.model.statements))


def has_free_name(hunter):
    return len(hunter.model.statements) < len(STATEMENT_NAMES)


def has_statement(hunter):
    return bool(hunter.model.statements)


@operation(4, has_free_name)
def prepare(hunter):
    name, text = a_free_name(hunter), hunter.fresh()
    if hunter.random.random() < 0.5:
        hunter.ask(f"prepare {name} (text) as select {literal(text)} || $1")
    else:
        hunter.ask_wire(f"Parse {name} {text}", m.parse(name, f"select {literal(text)} || $1::text"))
    hunter.model.statements[name] = text


@operation(6, has_statement)
def execute(hunter):
    name = hunter.pick(hunter.model.statements)
    if hunter.random.random() < 0.5:
        rows = hunter.ask(f"execute {name} ('!')")
    else:
        rows = hunter.ask_wire(f"Bind {name}", m.bind("", name, ["!"]), m.execute())
    hunter.check(rows, [[hunter.model.statements[name] + "!"]], f"statement {name}")


@operation(2, has_free_name)
def execute_unknown(hunter):
    fail(hunter, f"execute {a_free_name(hunter)} ('!')", "26000")


@operation(1, has_statement)
def prepare_twice(hunter):
    fail(hunter, f"prepare {hunter.pick(hunter.model.statements)} as select 1", "42P05")


@operation(2, has_statement)
def deallocate(hunter):
    name = hunter.pick(hunter.model.statements)
    if hunter.random.random() < 0.5:
        hunter.ask(f"deallocate {name}")
    else:
        hunter.ask_wire(f"Close {name}", m.close_statement(name))
    del hunter.model.statements[name]


@operation(1)
def deallocate_all(hunter):
    hunter.ask("deallocate all")
    hunter.model.statements.clear()


def has_table(hunter):
    return bool(hunter.model.session.tables)


@operation(2, lambda hunter: len(hunter.model.session.tables) < len(TABLES))
def create_table(hunter):
    name, text = hunter.pick(set(TABLES) - set(hunter.model.session.tables)), hunter.fresh()
    hunter.ask(f"create temp table {name} as select {literal(text)}::text as own")
    hunter.model.session.tables[name] = text


@operation(3, has_table)
def read_table(hunter):
    name = hunter.pick(hunter.model.session.tables)
    hunter.check(hunter.ask(f"select own from pg_temp.{name}"), [[hunter.model.session.tables[name]]], name)


@operation(2, has_table)
def write_table(hunter):
    name, text = hunter.pick(hunter.model.session.tables), hunter.fresh()
    hunter.ask(f"update pg_temp.{name} set own = {literal(text)}")
    hunter.model.session.tables[name] = text


@operation(2, has_table)
def drop_table(hunter):
    name = hunter.pick(hunter.model.session.tables)
    hunter.ask(f"drop table pg_temp.{name}")
    del hunter.model.session.tables[name]


@operation(1, lambda hunter: outside(hunter) and has_table(hunter))
def drop_tables(hunter):
    hunter.ask("discard temp")
    hunter.model.session.tables.clear()


@operation(1, in_block)
def table_of_a_transaction(hunter):
    hunter.ask("create temp table if not exists passing (a int) on commit drop")


def a_key(hunter):
    return 1_000_000 + hunter.number * 10 + hunter.random.randrange(3)


@operation(2)
def lock(hunter):
    key, shared = a_key(hunter), hunter.random.random() < 0.3
    hunter.ask(f"select pg_advisory_lock{'_shared' if shared else ''}({key})")
    hunter.model.locks[key, "ShareLock" if shared else "ExclusiveLock"] += 1


@operation(3, lambda hunter: bool(hunter.model.locks))
def unlock(hunter):
    key, mode = hunter.pick(hunter.model.locks)
    rows = hunter.ask(f"select pg_advisory_unlock{'_shared' if mode == 'ShareLock' else ''}({key})")
    hunter.check(rows, [["t"]], "unlock")
    hunter.model.locks[key, mode] -= 1
    hunter.model.locks += collections.Counter()  # without those held zero times


@operation(1, lambda hunter: not hunter.model.locks)
def unlock_in_vain(hunter):
    hunter.check(hunter.ask(f"select pg_advisory_unlock({a_key(hunter)})"), [["f"]], "unlock")


@operation(1, lambda hunter: bool(hunter.model.locks))
def unlock_all(hunter):
    hunter.ask("select pg_advisory_unlock_all()")
    hunter.model.locks.clear()


@operation(1, in_block)
def lock_of_a_transaction(hunter):
    hunter.ask(f"select pg_advisory_xact_lock({a_key(hunter) + 5})")


def has_cursor(hunter):
    return hunter.model.session.cursor is not None


@operation(1, lambda hunter: outside(hunter) and not has_cursor(hunter))
def hold_cursor(hunter):
    name = hunter.pick(["held_a", "held_b"])
    hunter.ask(f"declare {name} cursor with hold for select {hunter.number} from generate_series(1, 1000)")
    hunter.model.session.cursor = name


@operation(2, lambda hunter: outside(hunter) and has_cursor(hunter))
def fetch(hunter):
    rows = hunter.ask(f"fetch {hunter.model.session.cursor}")
    hunter.check([row for row in rows if row != [str(hunter.number)]], [], "row of a cursor")


@operation(1, lambda hunter: outside(hunter) and has_cursor(hunter))
def close_cursor(hunter):
    hunter.ask(hunter.pick([f"close {hunter.model.session.cursor}", "close all"]))
    hunter.model.session.cursor = None


@operation(1)
def draw(hunter):
    hunter.model.drawn = hunter.ask("select nextval('public.hunted')")[0][0]


@operation(3, lambda hunter: hunter.model.drawn is not None)
def last_drawn(hunter):
    rows = hunter.ask(hunter.pick(["select currval('public.hunted')", "select lastval()"]))
    hunter.check(rows, [[hunter.model.drawn]], "sequence")


@operation(1, lambda hunter: outside(hunter) and hunter.model.drawn is not None)
def forget_sequences(hunter):
    hunter.ask("discard sequences")
    hunter.model.drawn = None


def a_channel(hunter, number=None):
    return f"channel_{hunter.number if number is None else number}_{hunter.random.randrange(3)}"


@operation(2)
def listen(hunter):
    channel = a_channel(hunter)
    hunter.ask(f"listen {channel}")
    hunter.model.session.channels.add(channel)


@operation(1)
def unlisten(hunter):
    channel = a_channel(hunter)
    hunter.ask(f"unlisten {channel}")
    hunter.model.session.channels.discard(channel)


@operation(1)
def unlisten_all(hunter):
    hunter.ask("unlisten *")
    hunter.model.session.channels.clear()


@operation(4)
def notify(hunter):
    channel, text = a_channel(hunter), hunter.fresh()
    hunter.ask(f"notify {channel}, {literal(text)}")
    if in_block(hunter):
        hunter.model.news.append((channel, text))
    elif channel in hunter.model.session.channels:
        hunter.expected.append(text)


@operation(2)
def notify_another(hunter):
    other = hunter.random.randrange(hunter.clients)
    hunter.ask(f"notify {a_channel(hunter, 100 + other)}, 'guest of {hunter.fresh()}'")


@operation(1, outside)
def discard_all(hunter):
    hunter.ask("discard all")
    hunter.model = Model()


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
    wait_until(lambda: cluster.value("select count(*) from pg_locks where locktype = 'advisory'") == 0,
               10, "the end of all advisory locks")
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
    return Pgsaba(binary, directory, [cluster],
                  {"workers": 2, "databases": {"postgres": {"pool_size": POOL_SIZE}}}, "hunted").start()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--seed", default=str(random.randrange(10**6)))
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--binary", default=os.environ.get("PGSABA_BINARY"))
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
