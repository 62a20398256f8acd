"""Cases about what a session keeps: said once to PostgreSQL, once through pgsaba, then compared.

A case is a list of steps. A step is one of

    "select 1"            one simple Query and its whole answer
    extended(...)         messages in one write, a Sync behind them, and the answers up to each Sync
    Other("select 1")     another session's query, straight to PostgreSQL; its rows are an answer, too
    Heard(2)              wait until the case has received so many notifications

NUMBER, wherever it stands, becomes the number of the client that runs the case (of the same length,
so that finished messages stay valid): names that carry it are met by nobody else. The schema OWN is
made anew, with nothing in it, for each run of a case that names it.
"""

import re
from typing import NamedTuple

import psycopg

from . import messages
from .client import RawClient
from .cluster import SUPERUSER
from .differential import FAILED, attempt
from .messages import Frame
from .processes import wait_until

NUMBER = "9900"
OWN = f"own{NUMBER}"
FIRST_OWN_OID = 16384  # below are PostgreSQL's own objects, whose oids never change


class Extended(NamedTuple):
    data: bytes
    syncs: int


class Other(NamedTuple):
    sql: str


class Heard(NamedTuple):
    count: int


class Case(NamedTuple):
    """Steps, and how the client that runs them logs in (see RawClient)."""

    steps: list
    login: dict = {}

    @property
    def pool(self):
        """The database and user whose servers it meets."""
        return self.login.get("database", "postgres"), self.login.get("user", SUPERUSER)

    def texts(self):
        return [step.data.decode("latin-1") if isinstance(step, Extended) else str(step)
                for step in self.steps]


def extended(*parts):
    """Messages in one write with a Sync behind them; Syncs inside are counted as well."""
    data = b"".join((*parts, messages.sync()))
    return Extended(data, data.count(messages.sync()))


def numbered(value, number):
    """`value` as the client with this number says it."""
    mine = str(number)
    assert len(mine) == len(NUMBER)
    if isinstance(value, str):
        return value.replace(NUMBER, mine)
    if isinstance(value, bytes):
        return value.replace(NUMBER.encode(), mine.encode())
    if isinstance(value, dict):
        return {key: numbered(item, number) for key, item in value.items()}
    if isinstance(value, (Extended, Other)):
        return type(value)(numbered(value[0], number), *value[1:])
    return value


class Conversation:
    """One run of a case: run() returns the answers of each step, and the notifications of all.

    between   called before each step that finds the client outside of a transaction
    cluster   where Other goes
    """

    def __init__(self, where, case, cluster, between=None, number=int(NUMBER), timeout=10):
        self._where, self._case, self._cluster = where, case, cluster
        self._between, self._number, self._timeout = between, number, timeout
        self._idle = True
        self.answers, self.notifications = [], []

    def run(self):
        self._prepare()
        login = numbered(self._case.login, self._number)
        with self._connect() as self._other, \
                RawClient(self._where, timeout=self._timeout, **login) as self._client:
            self.answers.append(reported(self._client.login_frames))
            # Whoever is out of step answers the last one wrongly.
            for step in [*self._case.steps, "select 'still in step'"]:
                frames = self._take(numbered(step, self._number))
                self.answers.append(frames)
                if any(frame.tag == FAILED for frame in frames):
                    break
        return self

    def _connect(self):
        """Straight to PostgreSQL; waits for no lock for long."""
        return psycopg.connect(self._cluster.dsn(self._case.pool[0]), autocommit=True,
                               options="-c lock_timeout=5s -c client_min_messages=error")

    def _prepare(self):
        """What the case names as its own is new or free."""
        text = " ".join(self._case.texts())
        own = numbered(OWN, self._number)
        with self._connect() as connection:
            if OWN in text:
                connection.execute(f"drop schema if exists {own} cascade; create schema {own};"
                                   f" grant all on schema {own} to public")
            if "advisory" in text:  # a backend that is told goodbye needs a moment to go
                held = "select from pg_locks where locktype = 'advisory' and objid in (%s, %s)"
                keys = [self._number, self._number + 10000]
                wait_until(lambda: not connection.execute(held, keys).fetchall(), 10, "free locks")

    def _take(self, step):
        if isinstance(step, Other):
            return self._ask_other(step.sql)
        if isinstance(step, Heard):
            return self._listen(step.count)
        if self._between and self._idle:
            self._between()
        if isinstance(step, str):
            step = Extended(messages.query(step), 1)
        return self._say(step)

    def _say(self, step):
        sent = attempt(lambda: self._client.send(step.data))
        frames, left = [], step.syncs
        while left and not sent:
            frames.append(self._read())
            if frames[-1].tag == FAILED:
                break
            left -= frames[-1].tag == b"Z"
        self._idle = bool(frames) and frames[-1] == Frame(b"Z", b"I")
        return masked(self._without_notifications(sent + frames))

    def _listen(self, count):
        frames = []
        while len(self.notifications) < count and not frames:
            frames = self._without_notifications([self._read()])
        return frames

    def _read(self):
        return attempt(lambda: [self._client.read()])[0]

    def _without_notifications(self, frames):
        """They come when they come: kept apart, without the sender's pid."""
        self.notifications += [frame.body[4:] for frame in frames if frame.tag == b"A"]
        return [frame for frame in frames if frame.tag != b"A"]

    def _ask_other(self, sql):
        try:
            cursor = self._other.execute(sql)
            rows = cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            rows = [error.sqlstate]
        return [Frame(b"other", repr(rows).encode())]

    def result(self):
        """What two runs of a case have to have in common."""
        return [*self.answers, [Frame(b"heard", body) for body in self.notifications]]

    def is_complete(self):
        return all(frame.tag != FAILED for frames in self.answers for frame in frames)


def reported(login_frames):
    """The parameters that login reports, in any order."""
    return sorted(frame for frame in login_frames if frame.tag == b"S")


def masked(frames):
    """The frames without what differs by nature: oids of new objects, numbers of temporary schemas,
    and the order of the ParameterStatus that stand in front of one ReadyForQuery."""
    result, statuses = [], []
    for frame in frames:
        if frame.tag == b"S":
            statuses.append(frame)
            continue
        if frame.tag == b"Z":
            result += sorted(statuses)
            statuses = []
        result.append(mask_one(frame))
    return result + sorted(statuses)


def mask_one(frame):
    if frame.tag == b"T":
        return Frame(frame.tag, without_new_oids(frame.body))
    if frame.tag in (b"E", b"N"):
        return Frame(frame.tag, re.sub(rb"pg_(toast_)?temp_\d+", rb"pg_\1temp_N", frame.body))
    return frame


def without_new_oids(body):
    """A RowDescription: 18 bytes of attributes behind each name, beginning with the table's oid (4),
    the column's number (2) and the type's oid (4)."""
    body, at = bytearray(body), 2
    for _ in range(int.from_bytes(body[:2], "big")):
        at = body.index(b"\0", at) + 1
        for oid in (at, at + 6):
            if int.from_bytes(body[oid:oid + 4], "big") >= FIRST_OWN_OID:
                body[oid:oid + 4] = bytes(4)
        at += 18
    return bytes(body)


def differences(direct, through, case, but=()):
    """The steps that were answered differently, to be read by people; empty if there are none. `but`:
    the numbers of those that may be."""
    steps = ["(login)", *case.steps, "(still in step)"]
    lines = []
    for at in range(max(len(direct.answers), len(through.answers))):
        mine = through.answers[at] if at < len(through.answers) else "nothing"
        theirs = direct.answers[at] if at < len(direct.answers) else "nothing"
        if mine != theirs and at not in but:
            lines += [f"step {at}: {steps[at]!r}", f"  PostgreSQL: {theirs}", f"  pgsaba:     {mine}"]
    if direct.notifications != through.notifications:
        lines += [f"notifications: {direct.notifications}", f"  pgsaba: {through.notifications}"]
    return "\n".join(lines)
