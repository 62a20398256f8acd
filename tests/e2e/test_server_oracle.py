"""PostgreSQL itself is asked whether what is called a read is one: it must assign no transaction id,
leave no lock, and be possible on a standby. The texts: the corpus, every function that is allowed, the
views that PostgreSQL comes with; and PostgreSQL's own regression tests, if PGSABA_REGRESS names their
directory (src/test/regress)."""

import os
import subprocess
from pathlib import Path

import pytest
from harness import messages as m
from harness.client import ConnectionEnded, RawClient
from harness.cluster import PostgresCluster
from harness.workload import codes

READ_ONLY = "25006"
TRACES = """select txid_current_if_assigned(), (select count(*) from pg_locks
    where pid = pg_backend_pid() and locktype = 'advisory')"""
LIMIT = "set statement_timeout = '1s'"

# What functions are called with, by type; of other types a null.
SAMPLES = {
    "int2": "1", "int4": "1", "int8": "1", "float4": "0.5", "float8": "0.5", "numeric": "1.5",
    "text": "a", "varchar": "a", "bpchar": "a", "name": "a", "cstring": "a", "char": "a",
    "bool": "t", "oid": "1259", "regclass": "pg_class", "regtype": "int4", "regproc": "now",
    "bytea": "\\x01", "date": "2020-01-01", "time": "10:00", "timetz": "10:00+00",
    "timestamp": "2020-01-01", "timestamptz": "2020-01-01", "interval": "1 microsecond",
    "json": "{}", "jsonb": "{}", "jsonpath": "$", "xml": "<a/>", "uuid":
    "00000000-0000-0000-0000-000000000001", "inet": "10.0.0.1", "cidr": "10.0.0.0/8",
    "macaddr": "00:00:00:00:00:01", "macaddr8": "00:00:00:00:00:00:00:01", "bit": "1",
    "varbit": "1", "point": "(0,0)", "lseg": "((0,0),(1,1))", "path": "((0,0),(1,1))",
    "box": "((0,0),(1,1))", "polygon": "((0,0),(1,1))", "line": "{1,1,1}", "circle": "<(0,0),1>",
    "tsvector": "a", "tsquery": "a", "pg_lsn": "0/1", "money": "1", "tid": "(0,1)", "xid": "1",
    "xid8": "1", "int4range": "[1,2)", "int8range": "[1,2)", "numrange": "[1,2)", "_int4": "{1}",
    "_text": "{a}", "anyarray": None,
}

FUNCTIONS = """
select proname, array(select typname::text from unnest(proargtypes) with ordinality a(oid, n)
                      join pg_type using (oid) order by n)
from pg_proc where pronamespace = 'pg_catalog'::regnamespace and prokind = 'f'
  and 'internal'::regtype <> all (proargtypes::oid[])
  and prorettype not in ('trigger'::regtype, 'event_trigger'::regtype, 'internal'::regtype)"""
VIEWS = "select pg_get_viewdef(oid) from pg_class where relkind = 'v'"


@pytest.fixture(scope="module")
def servers(directory):
    primary = PostgresCluster(directory, "judge").initialize().start()
    standby = primary.make_standby("judge-1").start()
    yield primary, standby
    standby.stop("immediate")
    primary.stop("immediate")


@pytest.fixture(scope="module")
def oracle():
    program = os.environ.get("PGSABA_ORACLE_READS", "")
    if not os.access(program, os.X_OK):
        if os.environ.get("PGSABA_REQUIRE_BINARY") == "1":
            pytest.fail(f"PGSABA_ORACLE_READS={program!r} is no program")
        pytest.skip("PGSABA_ORACLE_READS names no program")

    def ask(*arguments):
        done = subprocess.run([program, *map(str, arguments)], check=True, capture_output=True,
                              timeout=120)
        texts = done.stdout.decode(errors="replace").split("\0")[:-1]
        return [(text[0] == "1", text[1:]) for text in texts]
    return ask


class Judge:
    """A connection to the primary and one to the standby."""

    def __init__(self, servers, database="postgres"):
        self._servers, self._database = servers, database
        self._clients = [None, None]
        self.executed, self.guilty = 0, []

    def client(self, place):
        if self._clients[place] is None:
            server = self._servers[place]
            self._clients[place] = RawClient((server.host, server.port), timeout=30,
                                             database=self._database)
            self._clients[place].query(LIMIT)
        return self._clients[place]

    def say(self, place, sql):
        """The frames, without any COPY; a connection that ended is opened anew."""
        try:
            client = self.client(place)
            client.send(m.query(sql))
            frames = [client.read()]
            while frames[-1].tag != b"Z":
                if frames[-1].tag in (b"G", b"W"):
                    client.send(m.copy_fail("no data"))
                frames.append(client.read())
            return frames
        except (ConnectionEnded, OSError):
            self._clients[place] = None
            return []

    def judge(self, sql):
        """`sql` is called a read."""
        if READ_ONLY in codes(self.say(1, sql)):
            self.guilty.append(("the standby refuses", sql))
        self.say(0, "begin")
        before = self.traces()  # a script may hold locks already
        frames = self.say(0, sql)
        if frames and not codes(frames):
            self.executed += 1
            if frames[-1].body == b"T" and self.traces() != before:
                self.guilty.append(("leaves traces", sql))
        self.say(0, "rollback")

    def traces(self):
        return [m.row_values(frame) for frame in self.say(0, TRACES) if frame.tag == b"D"]

    def close(self):
        for client in self._clients:
            if client is not None:
                client.close()


@pytest.fixture
def judge(servers):
    made = Judge(servers)
    yield made
    made.close()


def test_the_judge_is_awake(servers, judge):
    servers[0].sql("create table seen (a int)")
    servers[0].sql("create sequence drawn")
    servers[0].wait_for_replay(servers[1])
    for sql in ("insert into seen values (1)", "select nextval('drawn')", "select txid_current()"):
        judge.judge(sql)
    judge.judge("select pg_advisory_xact_lock(1)")
    judge.judge("select 1")
    assert judge.executed == 5
    assert [why for why, _ in judge.guilty] == ["the standby refuses", "leaves traces"] * 3 + [
        "leaves traces"]


def test_the_corpus(oracle, judge):
    for read, sql in oracle("--corpus"):
        if read:
            judge.judge(sql)
    assert judge.guilty == []
    assert judge.executed > 20


def test_every_function_that_is_allowed(servers, oracle, judge, directory):
    script = directory.path / "calls.sql"
    script.write_text(";\n".join(
        f"select pg_catalog.{quoted(name)}({', '.join(map(sample, types))})"
        for name, types in servers[0].sql(FUNCTIONS)) + ";\n")
    for read, sql in oracle(script):
        if read:
            judge.judge(sql)
    assert judge.guilty == []
    assert judge.executed > 1500


def quoted(name):
    return '"' + name + '"'


def sample(name):
    value = SAMPLES.get(name)
    kind = "int4" if name == "anyelement" else "_int4" if name == "anyarray" else name
    if kind.startswith("any"):
        return "null"
    return f"null::{quoted(kind)}" if value is None else f"'{value}'::{quoted(kind)}"


def test_views_that_postgresql_comes_with(servers, oracle, judge, directory):
    script = directory.path / "views.sql"
    script.write_text("\n".join(text for text, in servers[0].sql(VIEWS)))
    for read, sql in oracle(script):
        if read:
            judge.judge(sql)
    assert judge.guilty == []
    assert judge.executed > 40


@pytest.mark.timeout(1800)
def test_the_regression_tests(servers, oracle):
    """Each script is run as it stands, and what is called a read is judged where it comes."""
    place = os.environ.get("PGSABA_REGRESS", "")
    if not place:
        pytest.skip("PGSABA_REGRESS names no directory")
    servers[0].sql("create database regression")
    servers[0].wait_for_replay(servers[1])
    guilty, executed, total = [], 0, 0
    for script in scripts_in_order(Path(place)):
        judge = Judge(servers, "regression")
        for read, sql in oracle(script):
            total += 1
            if read and not in_block(judge):
                judge.judge(sql)
            else:
                judge.say(0, sql)
        executed += judge.executed
        guilty += judge.guilty
        judge.close()
    print(f"{total} statements, {executed} reads executed")
    assert guilty == []
    assert executed > 5000


def in_block(judge):
    frames = judge.say(0, "")
    return bool(frames) and frames[-1].body != b"I"


def scripts_in_order(place):
    for line in (place / "parallel_schedule").read_text().splitlines():
        if line.startswith("test:"):
            for name in line.split()[1:]:
                yield place / "sql" / f"{name}.sql"
