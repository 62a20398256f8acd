"""What a client of the leak hunt may do to its session, and the model of what it has then.

Each operation says its SQL through the hunter and does to the model what PostgreSQL's rules make of
it. The names are the same for all clients, so that a mix-up shows; the values carry the client's
number.
"""

import collections
import copy

from harness import messages as m

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
        session = self.session
        return bool(session.tables or self.locks or session.cursor or self.drawn is not None)


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
    call = f"set_config({literal(name)}, {literal(value)}, false)"
    hunter.ask(f"do $do$ begin perform {call}; end $do$")
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
    rows = hunter.ask(f"select own from pg_temp.{name}")
    hunter.check(rows, [[hunter.model.session.tables[name]]], name)


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
    hunter.ask(f"declare {name} cursor with hold for"
               f" select {hunter.number} from generate_series(1, 1000)")
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


@operation(1, outside)
def leave(hunter):
    """Goes without tidying up, with or without a goodbye, and comes back as a stranger."""
    if hunter.random.random() < 0.5:
        hunter.trace.append("(goodbye)")
        hunter.client.close()
    else:
        hunter.trace.append("(vanished)")
        hunter.client.abandon()
    hunter.connect()
