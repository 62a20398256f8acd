"""Random conversations, held both with PostgreSQL itself and with a pool whose other clients use the same
names for things of their own.

A conversation is a list of remarks: what the client says, what others say in between, and where it reads
the answers. It is held with PostgreSQL first, message by message, which tells how many frames to wait for;
then pgsaba gets the same bytes, cut anywhere and with nothing read in between. What README.md says to be
different is not said at all (Direct.is_avoided); remarks may be left out at will, so that a failing
conversation can be made smaller.
"""

import random
import time
from typing import NamedTuple

from harness import messages as m
from harness.client import ConnectionEnded, RawClient

TABLES = "create table writes (n int); create table copied (n int)"
SECRET = "secret of another"

NAMES = ["q1", "q2", "q3"]
BY_PROTOCOL_ONLY = "p1"
PORTALS = ["", "", "", "c1", "c2"]
SAVEPOINTS = ["savepoint a", "rollback to a", "release a", "savepoint b", "rollback to b"]
VALUES = {"work_mem": ["'70001kB'", "'70002kB'", "default"], "application_name": ["'mine'", "'its own'", "''"],
          "TimeZone": ["'Asia/Tokyo'", "'UTC'"], "DateStyle": ["German", "ISO"],
          "bytea_output": ["escape", "default"], "extra_float_digits": ["0", "9999"]}


class Said(NamedTuple):
    """What belongs together: messages of the client."""
    label: str
    messages: tuple


class Noise(NamedTuple):
    """What another client says, by its number; None: it leaves, and comes anew."""
    client: int
    label: str
    bytes: bytes | None


class Read(NamedTuple):
    label: str = "(reads)"


class Difference(AssertionError):
    """pgsaba has answered otherwise than PostgreSQL."""


# What is said


class Author:
    """Makes up conversations. Whatever is selected or written has a number of its own."""

    def __init__(self, seed, pins):
        self.random = random.Random(seed)
        self.pins = pins  # whether others may keep servers
        self.serial = 0

    def pick(self, choices):
        return self.random.choice(choices)

    def chance(self, probability):
        return self.random.random() < probability

    def number(self):
        self.serial += 1
        return 1000 + self.serial

    def conversation(self, length=24):
        remarks, calm = [], self.chance(0.3)
        for _ in range(self.random.randrange(4, length)):
            if self.chance(0.35):
                remarks.append(self.noise())
            remarks += self.remarks(calm)
            if self.chance(0.3):
                remarks += [self.say(self.pick(["Sync", "Sync", "Sync", "Flush"])), Read()]
        return [*remarks, self.say("Sync"), Said("end", (m.query("rollback"),)),
                Said("end", (m.query("select 'still in step'"),)), Read()]

    def say(self, what):
        return {"Sync": Said("Sync", (m.sync(),)), "Flush": Said("Flush", (m.flush(),))}[what]

    def remarks(self, calm):
        kinds = {self.statement: 5, self.query: 4, self.parse: 4, self.bind: 4, self.describe: 2,
                 self.execute: 4, self.close: 2, self.forget: 1, self.syncs: 6 if calm else 4,
                 self.copy_in: 2, self.call: 1}
        return self.random.choices([*kinds], [*kinds.values()])[0]()

    def statement(self):
        """What a driver does."""
        name = self.name()
        sql, values = self.extended_text(name)
        said = [self.parse_of(name, sql)] if self.chance(0.8) else []
        said.append(Said(f"Bind '{name}'", (m.bind("", name, values),)))
        if self.chance(0.4):
            said.append(Said("Describe portal ''", (m.describe_portal(),)))
        said.append(self.execute_of("", self.rows()))
        if self.chance(0.7):
            said.append(self.say("Sync"))
        return said

    def query(self):
        count = self.random.choices([1, 2, 3], [6, 2, 1])[0]
        text = "; ".join(self.text() for _ in range(count))
        return [Said(f"Query {text!r}", (m.query(text),))]

    def parse_of(self, name, sql):
        return Said(f"Parse '{name}' {sql!r}", (m.parse(name, sql),))

    def parse(self):
        name = self.name()
        return [self.parse_of(name, self.extended_text(name)[0])]

    def bind(self):
        portal, name, values = self.pick(PORTALS), self.name(), self.pick([[], [], ["0"], ["7"], ["x"]])
        formats = self.pick([[], [], [1]])
        return [Said(f"Bind '{portal}' '{name}' {values} {formats}",
                     (m.bind(portal, name, values, results=formats),))]

    def describe(self):
        if self.chance(0.5):
            name = self.name()
            return [Said(f"Describe statement '{name}'", (m.describe_statement(name),))]
        portal = self.pick(PORTALS)
        return [Said(f"Describe portal '{portal}'", (m.describe_portal(portal),))]

    def execute_of(self, portal, rows):
        return Said(f"Execute '{portal}' {rows}", (m.execute(portal, rows),))

    def execute(self):
        return [self.execute_of(self.pick(PORTALS), self.rows())]

    def rows(self):
        return self.pick([0, 0, 0, 1, 2])

    def close(self):
        if self.chance(0.7):
            name = self.name()
            return [Said(f"Close statement '{name}'", (m.close_statement(name),))]
        portal = self.pick(PORTALS)
        return [Said(f"Close portal '{portal}'", (m.close_portal(portal),))]

    def forget(self):
        name = self.pick(NAMES)
        said = m.parse("", f"deallocate {name}"), m.bind(), m.execute(), m.close_statement()
        return [Said(f"extended 'deallocate {name}'", said)]

    def syncs(self):
        return [self.say("Flush")] if self.chance(0.15) else \
            [self.say("Sync")] * self.random.choices([1, 2, 3], [8, 1, 1])[0]

    def call(self):
        function, values = self.pick([(177, [b"40", b"2"]), (154, [b"1", b"0"]), (3, [])])
        return [Said(f"FunctionCall {function}", (m.function_call(function, values),))]

    def copy_in(self):
        """Begun in one of three ways; data that may fail, Flush and Sync among it, and an end."""
        table = self.pick(["copied", "copied", "copied", "absent"])
        text = f"copy {table} from stdin"
        text = self.pick([text, text, f"{self.text()}; {text}; {self.text()}"])
        extended = self.chance(0.5)
        begun = [m.close_statement("cp"), m.parse("cp", f"copy {table} from stdin"), m.bind("", "cp"),
                 m.execute()] if extended else [m.query(text)]
        data = [m.copy_data(self.pick([f"{self.number()}\n"] * 5 + ["bad\n"]))
                for _ in range(self.random.randrange(4))]
        if self.chance(0.2):
            data.insert(self.random.randrange(len(data) + 1), self.pick([m.flush(), m.sync()]))
        end = m.copy_fail("no more") if self.chance(0.3) else m.copy_done()
        said = "extended " if extended else ""
        tags = b"".join(one[:1] for one in data).decode()
        return [Said(f"{said}{text!r} {tags} {end[:1].decode()} {b'bad' in b''.join(data)}",
                     (*begun, *data, end)),
                *([self.say("Sync")] if "S" in tags or self.chance(0.6) else [])]

    # Texts

    def name(self):
        return self.pick(["", "", *NAMES, BY_PROTOCOL_ONLY])

    def extended_text(self, name):
        """A text for a Parse, and values for a Bind of it. What SQL may EXECUTE changes no names, and begins
        and ends no transaction: some of that crashes PostgreSQL."""
        text = self.seen_text() if name in NAMES else self.text()
        return self.pick([(text, []), (text, []), (f"select {self.number()}, $1::text", ["x"]),
                          (f"select 10 / $1::int, {self.number()}", [self.pick(["0", "5"])]),
                          (f"insert into writes values ($1::int + {self.number()}) returning n", ["10000"]),
                          *([] if name else [("", []), ("select 1; select 2", [])])])

    def seen_text(self):
        while (text := self.text()).startswith(("prepare", "execute", "deallocate", "discard all", "begin",
                                              "commit", "rollback", *SAVEPOINTS)):
            pass
        return text

    def text(self):
        kinds = {self.harmless: 6, self.writing: 5, self.failing: 3, self.block: 5, self.prepared: 6,
                 self.parameter: 4, self.other: 1}
        return self.random.choices([*kinds], [*kinds.values()])[0]()

    def harmless(self):
        number = self.number()
        return self.pick([f"select {number}", f"select '{number}' as own", f"select {number} where false",
                          f"select n, {number} from generate_series(1, 4) n",
                          f"copy (select {number}) to stdout", "", f"values ({number}), ({number})"])

    def writing(self):
        number = self.number()
        return self.pick([f"insert into writes values ({number})", f"insert into writes values ({number})",
                          f"insert into writes values ({number}) returning n",
                          f"with x as (insert into writes values ({number}) returning n) select n from x",
                          f"update writes set n = n + 100000 where n % 7 = {number % 7}"])

    def failing(self):
        number = self.number()
        return self.pick(["select 1/0", f"selekt {number}", "select absent", "select * from absent",
                          f"select 1 / (n - 2), {number} from generate_series(1, 4) n", "select 'a'::int",
                          f"do $$ begin raise exception 'no {number}'; end $$", "set absent = 1",
                          f"insert into writes values ({number}), (1/0)"])

    def block(self):
        return self.pick(["begin", "begin", "begin", "commit", "commit", "rollback", "begin read only",
                          "commit and chain", *SAVEPOINTS])

    def prepared(self):
        name, number = self.pick(NAMES), self.number()
        return self.pick([f"prepare {name} as select {number}", f"prepare {name} as select {number}",
                          f"prepare {name} (int) as insert into writes values ($1 + {number})",
                          f"prepare {name} as selekt", f"execute {name}", f"execute {name}",
                          f"execute {name} (1)", f"deallocate {name}", f"deallocate {name}", "deallocate all"])

    def parameter(self):
        name = self.pick([*VALUES])
        value = self.pick(VALUES[name])
        return self.pick([f"set {name} = {value}", f"set {name} = {value}", f"set local {name} = {value}",
                          f"reset {name}", f"show {name}", f"show {name}", "reset all",
                          f"select current_setting('{name}')",
                          f"select set_config('{name}', {'null' if value == 'default' else quoted(value)}, "
                          f"{self.pick(['true', 'false'])})"])

    def other(self):
        return self.pick(["discard all", "discard plans", f"do $$ begin raise notice 'look {self.number()}'; end $$",
                          "declare x cursor for select generate_series(1, 3)", "fetch 2 from x", "close x",
                          "close all"])

    # Others

    def noise(self):
        client = self.random.randrange(3)
        if self.chance(0.06):
            return Noise(client, "leaves", None)
        name, text = self.pick(NAMES), f"select '{SECRET} {self.number()}'"
        fails = self.pick([m.execute("absent"), m.parse("f", "select 1/0") + m.bind("", "f"), m.parse("", "selekt")])
        runs = m.bind() + m.execute()
        said = {f"prepare {name}": m.query(f"prepare {name} as {text}"),
                f"prepare {name} again": m.query("deallocate all") + m.query(f"prepare {name} as {text}"),
                f"execute {name}": m.query(f"execute {name}"),
                f"Parse {name}": m.close_statement(name) + m.parse(name, text) + m.sync(),
                f"Bind {name}": m.bind("", name) + m.execute() + m.sync(),
                "Parse ''": m.parse("", text) + m.sync(),
                "Parse '', Execute": m.parse("", text) + runs + m.sync(),
                "error, Parse ''": fails + m.parse("", text) + m.sync(),
                f"error, Close {name}": fails + m.close_statement(name) + m.sync(),
                f"error, prepare {name}": fails + m.query(f"prepare {name} as {text}") + m.sync(),
                "error, Sync, Execute": fails + m.sync() + m.parse("", text) + runs + m.sync(),
                "set": m.query(f"set work_mem = '77777kB'; set application_name = '{SECRET}'"),
                "set TimeZone": m.query("set timezone = 'Asia/Seoul'"),
                "set by function": m.query("do $$ begin perform set_config('bytea_output', 'escape', false); end $$"),
                "listen": m.query("listen news"), "notify": m.query(f"notify news, '{SECRET}'"),
                f"block, prepare {name}": m.query("begin") + m.query(f"prepare {name} as {text}") + m.query("commit"),
                "discard all": m.query("discard all")}
        if self.pins and client == 0:
            said |= {"temp table": m.query(f"create temp table writes as {text} as n"),
                     "cursor": m.query(f"declare c1 cursor with hold for {text}"),
                     "lock": m.query("select pg_advisory_lock(77)"),
                     "unlock": m.query("select pg_advisory_unlock_all()")}
        label = self.pick([*said])
        return Noise(client, label, said[label])


def quoted(value):
    return value if value.startswith("'") else f"'{value}'"


# PostgreSQL's side


ENDS = {b"P": b"1E", b"B": b"2E", b"D": b"TnE", b"E": b"CIsEG", b"C": b"3E", b"S": b"Z", b"Q": b"ZG", b"F": b"Z"}


class Direct:
    """One direct connection, told one message at a time; what a batch skips is followed."""

    def __init__(self, client):
        self.client = client
        self.skipping = False    # up to the next Sync
        self.in_batch = False    # extended messages without a Sync
        self.copying = None      # "Q" or "E": what has begun a COPY FROM STDIN
        self.spoiled = False     # that COPY has failed already
        self.unsure = False      # the unnamed statement is one that pgsaba may have forgotten
        self.status = b"I"
        self.ended = False       # the connection is over

    def is_avoided(self, message):
        """What is documented to be different: the older unnamed statement behind a newer one that was
        skipped; a Sync in a COPY that may have failed before, so that nobody knows what it ends; and in a
        failed transaction what describes a statement, which its server may have to parse first, or the unnamed
        portal, which is that of the BEGIN if no Query has come to have one since. And what crashes PostgreSQL
        15: in a failed transaction to execute the portal that a Query has left."""
        if self.copying and self.spoiled:
            return message[:1] in b"SH"
        if self.status == b"E" and message[:1] in b"ED":
            return True
        return self.unsure and uses_statement(message) == b""

    def tell(self, message):
        """The frames with which it is answered."""
        tag = message[:1]
        if self.copying:
            return self._copy(tag, message)
        replaces = tag == b"Q" or (tag == b"P" and message[5:6] == b"\0") or message[5:7] == b"S\0" and tag == b"C"
        if self.skipping and tag != b"S":
            self.unsure |= replaces
            self.client.send(message)
            return []
        if replaces:
            self.unsure = False
        self.in_batch = tag in b"PBDECH" or (self.in_batch and tag in b"dcf")
        self.client.send(message + (m.flush() if tag in b"PBDEC" else b""))
        return self._read(ENDS[tag], tag) if tag in ENDS else []

    def _read(self, ends, tag):
        frames = []
        while not frames or frames[-1].tag not in ends:
            try:
                frames.append(self.client.read())
            except (ConnectionEnded, ConnectionResetError):
                self.ended = True
                return frames
        last = frames[-1]
        if last.tag == b"Z":
            self.status, self.skipping, self.copying = last.body, False, None
        elif last.tag == b"E":
            self.skipping, self.copying = True, None
        elif last.tag == b"G":
            self.copying, self.spoiled = tag, False
        else:
            self.copying = None
        return frames

    def _copy(self, tag, message):
        begun, self.in_batch = self.copying, self.copying == b"E"
        self.client.send(message + (m.flush() if begun == b"E" and tag in b"cf" else b""))
        if tag == b"d":
            self.spoiled |= b"bad" in message
            return []
        if tag in b"SH":
            return []
        return self._read(ENDS[begun] if tag in b"cf" else b"", begun)


def uses_statement(message):
    """The name of the statement that a Bind or a Describe needs, or None."""
    if message[:1] == b"B":
        return message[5:].split(b"\0")[1]
    if message[:1] == b"D" and message[5:6] == b"S":
        return message[6:-1]
    return None


# Both sides


class Other:
    """Another client of the pool: it says one thing, and hears the answer when there may be one."""

    def __init__(self, where):
        self.where, self.client, self.waits = where, RawClient(**where), False

    def say(self, said):
        if self.waits:
            return
        try:
            if said is None:
                self.client.abandon()
                self.client = RawClient(**self.where)
            else:
                self.client.send(said, m.query("rollback"), m.query("select 'done'"))
                self.waits = True
        except BrokenPipeError:  # ended behind what it said last: it would have kept the last server
            self.client = RawClient(**self.where)

    def hear(self):
        if not self.waits:
            return
        self.waits = False
        try:
            while b"done" not in self.client.read().body:
                pass
            self.client.read_until_ready()
        except (ConnectionEnded, ConnectionResetError):  # it would have kept the last server
            self.client = RawClient(**self.where)


class Stage:
    """Where conversations are held: databases of one server that are made alike, one of them behind a
    pgsaba, where others talk as well, from one conversation to the next."""

    def __init__(self, direct, pooled, databases):
        """The places to connect to, and psycopg's connections to what lies behind each."""
        self.direct, self.pooled, self.databases = direct, pooled, databases
        self.others = []

    def hold(self, remarks, seed, patience=10):
        """Raises Difference, with what was said."""
        self.others = self.others or [Other(self.pooled) for _ in range(3)]
        try:
            with RawClient(**self.direct) as client, RawClient(**self.pooled, timeout=patience) as pooled:
                Conversation(Direct(client), pooled, self.others, random.Random(seed)).hold(remarks)
            written = [self._written(database) for database in self.databases]
            if written[0] != written[1]:
                raise Difference(f"written directly: {written[0]}, through pgsaba: {written[1]}")
        except BaseException:
            self.leave()
            for database in self.databases:
                self._written(database)
            raise

    @staticmethod
    def _written(database):
        """What the tables hold, which are empty afterwards."""
        rows = [database.execute(f"select n, count(*) from {table} group by n order by n").fetchall()
                for table in ("writes", "copied")]
        database.execute("truncate writes, copied")
        return rows

    def leave(self):
        for other in self.others:
            other.client.abandon()
        self.others = []

    def smaller(self, remarks, seed, seconds=60):
        """The remarks without those that make no difference to there being one."""
        ends, size = time.monotonic() + seconds, len(remarks) // 2
        while size:
            at = 0
            while at < len(remarks) and time.monotonic() < ends:
                rest = remarks[:at] + remarks[at + size:]
                if self._differ(rest, seed):
                    remarks = rest
                else:
                    at += size
            size //= 2
        return remarks

    def _differ(self, remarks, seed):
        try:
            self.hold(remarks, seed, 2)
        except (Difference, OSError):
            return True
        return False


class Conversation:
    """One that is held with both sides."""

    def __init__(self, direct, pooled, others, dice):
        self.direct, self.pooled, self.others, self.dice = direct, pooled, others, dice
        self.unsent, self.expected = b"", []

    def hold(self, remarks):
        for remark in remarks:
            if isinstance(remark, Said):
                self._say(remark)
            elif isinstance(remark, Noise):
                self._send()
                self.others[remark.client].say(remark.bytes)
            else:
                self._read()
            if self.direct.ended:
                break
        self._read()

    def _say(self, remark):
        for message in remark.messages:
            if not self.direct.is_avoided(message) and not self.direct.ended:
                self.expected += self.direct.tell(message)
                self.unsent += message

    def _send(self):
        """All that is to be said, cut anywhere."""
        data, self.unsent = self.unsent, b""
        cuts = self.dice.choice([0, 0, 0, 1, 2, 5]) if len(data) > 1 else 0
        edges = [0, *sorted(self.dice.randrange(1, len(data)) for _ in range(cuts)), len(data)]
        for start, end in zip(edges, edges[1:]):
            try:
                self.pooled.send(data[start:end])
            except OSError:
                if not self.direct.ended:
                    raise
            if self.dice.random() < 0.5 and end < len(data):
                time.sleep(0.001)

    def _read(self):
        if self.direct.in_batch and not self.direct.copying:
            self.unsent += m.flush()
        self._send()
        expected, self.expected = self.expected, []
        heard = self._hear(len(plain(expected)))
        if any(SECRET.encode() in frame.body for frame in heard):
            raise Difference(f"somebody else's secret: {heard}")
        if self.direct.ended:  # the words are pgsaba's own
            expected, heard = nameless(expected), nameless(heard)
        if not are_same(plain(expected), plain(heard)):
            raise Difference(first_difference(plain(expected), plain(heard)))
        known = [client.parameters for client in (self.direct.client, self.pooled)]
        if known[0] != known[1]:
            raise Difference(f"parameters: {sorted(set(known[0].items()) ^ set(known[1].items()))}")
        if self.direct.status == b"I" and not self.direct.in_batch:
            for other in self.others:
                other.hear()

    def _hear(self, count):
        """So many frames, or all there are."""
        if self.direct.ended:
            return self.pooled.read_to_end()
        frames = []
        try:
            while len(plain(frames)) < count:
                frames.append(self.pooled.read())
        except (ConnectionEnded, OSError) as failure:
            frames.append(m.Frame(b"!", type(failure).__name__.encode()))
        return frames


def plain(frames):
    """Those whose place is told: parameters are told in between."""
    return [frame for frame in frames if frame.tag != b"S"]


def is_same(one, other):
    """In a failed transaction it may be a Parse of pgsaba's own that says so first. PostgreSQL says so
    nowhere else."""
    return one == other or (one.tag == other.tag == b"E" and m.error_fields(other)["C"] == "25P02")


def are_same(expected, heard):
    return len(expected) == len(heard) and all(map(is_same, expected, heard))


def nameless(frames):
    return [m.Frame(frame.tag, b"") for frame in frames if frame.tag != b"E"]


def first_difference(expected, heard):
    for number, (one, other) in enumerate(zip(expected, heard)):
        if not is_same(one, other):
            return (f"frame {number}:\n  directly {one!r}\n  pgsaba   {other!r}\n"
                    f"directly {tagged(expected)}\npgsaba   {tagged(heard)}")
    return f"directly {expected[len(heard):]!r} more, pgsaba {heard[len(expected):]!r} more"


def tagged(frames):
    return b"".join(frame.tag for frame in frames).decode()


def script(remarks):
    """As lines to read."""
    return "\n".join(f"    other {one.client}: {one.label}" if isinstance(one, Noise) else f"  {one.label}"
                     for one in remarks)


def told(stage, remarks, seed, difference):
    """What is said of a conversation that differs, as small as it can be made."""
    small = stage.smaller(remarks, seed)
    try:
        stage.hold(small, seed, 3)
    except (Difference, OSError) as again:
        return f"{again}\n{script(small)}"
    return f"{difference!r}, once only:\n{script(remarks)}"
