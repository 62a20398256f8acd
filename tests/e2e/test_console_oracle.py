"""The console beside Debian's PgBouncer: the same questions, answers of the same shape; and beside what
asks PgBouncer's console in practice, its exporter for Prometheus."""

import re
from functools import partial

import psycopg
import pytest
from harness.bouncer import PgBouncer, connect_to_console
from prometheus_pgbouncer_exporter.collectors import (DatabasesCollector, ListsCollector,
                                                      PoolsCollector, StatsCollector)
from prometheus_pgbouncer_exporter.utils import get_connection

SHOWS = ["ACTIVE_SOCKETS", "CLIENTS", "CONFIG", "DATABASES", "DNS_HOSTS", "DNS_ZONES", "LISTS", "MEM", "POOLS",
         "SERVERS", "SOCKETS", "STATS", "STATS_AVERAGES", "STATS_TOTALS", "TOTALS", "USERS",
         "VERSION"]
# What the version in Debian calls otherwise than the newest one, which is what we follow.
RENAMED = {"reserve_pool": "reserve_pool_size"}


@pytest.fixture(scope="module")
def bouncer(directory, cluster):
    started = PgBouncer(directory, cluster)
    yield started
    started.stop()


@pytest.fixture(scope="module")
def both(bouncer, pgsaba):
    """Both have served the same."""
    for port in (bouncer.port, pgsaba.port):
        with psycopg.connect(host="127.0.0.1", port=port, user="postgres", dbname="postgres") as client:
            client.execute("select 1")
    return bouncer.port, pgsaba.port


def columns_of(port, what):
    with connect_to_console(port) as connection:
        cursor = connection.execute(f"SHOW {what}")
        return [(column.name, column.type_code) for column in cursor.description]


@pytest.mark.parametrize("what", SHOWS)
def test_columns_have_its_names_types_and_order(both, what):
    theirs, ours = (columns_of(port, what) for port in both)
    names = [name for name, _ in ours]
    at = [names.index(RENAMED.get(name, name)) for name, _ in theirs]
    assert at == sorted(at)
    for name, oid in theirs:
        assert dict(ours)[RENAMED.get(name, name)] == oid, name


def test_settings_have_its_names(both):
    def keys(port):
        with connect_to_console(port) as connection:
            return {row[0]: row for row in connection.execute("SHOW CONFIG").fetchall()}
    theirs, ours = (keys(port) for port in both)
    # Of these there is nothing: a number would be made up.
    assert set(theirs) - set(ours) == {"job_name", "pkt_buf", "sbuf_loopcnt", "server_check_delay", "suspend_timeout"}
    for key in set(theirs) & set(ours):
        assert re.fullmatch(r"[\d.]*", ours[key][1] or "") or not re.fullmatch(r"\d+", theirs[key][1] or ""), key


def test_lists_have_its_rows(both):
    def rows(port, what):
        with connect_to_console(port) as connection:
            return [row[0] for row in connection.execute(f"SHOW {what}").fetchall()]
    for what in ("LISTS", "TOTALS"):
        theirs, ours = (rows(port, what) for port in both)
        assert [name for name in theirs if name not in ours] == [], what


@pytest.mark.parametrize("command", ["PAUSE", "RESUME", "PAUSE postgres", "RESUME postgres", "DISABLE postgres",
                                     "ENABLE postgres", "RECONNECT", "RECONNECT postgres", "RELOAD",
                                     "WAIT_CLOSE", "SET query_wait_timeout=100"])
def test_commands_are_answered_with_its_tag(both, command):
    tags = []
    for port in both:
        with connect_to_console(port) as connection:
            tags.append(connection.execute(command).statusmessage.split()[0])
    assert tags[0] == tags[1]


def exported(port, collector):
    """What it makes of a console: names of metrics and of their labels."""
    connection = get_connection("postgres", port, "127.0.0.1")
    try:
        found = {}
        for family in collector(connection=connection).collect():
            for sample in family.samples:
                found.setdefault(sample.name, set()).update(sample.labels)
        return found
    finally:
        connection.close()


COLLECTORS = {"lists": ListsCollector, "pools": partial(PoolsCollector, databases=None),
              "databases": partial(DatabasesCollector, databases=None)}


@pytest.mark.parametrize("name", COLLECTORS)
def test_its_exporter_finds_in_ours_what_it_finds_in_its_own(both, name):
    theirs, ours = (exported(port, COLLECTORS[name]) for port in both)
    assert theirs and {metric: ours.get(metric) for metric in theirs} == theirs


def test_its_exporter_runs_with_ours(both):
    """With Debian's own PgBouncer it does not: it asks for a column that went with version 1.8."""
    assert len(exported(both[1], partial(StatsCollector, databases=None))) >= 4


def totals(port):
    with connect_to_console(port) as connection:
        cursor = connection.execute("SHOW STATS")
        names = [column.name for column in cursor.description]
        row = next(dict(zip(names, row)) for row in cursor.fetchall() if row[0] == "postgres")
        return [int(row["total_xact_count"]), int(row["total_query_count"])]


def counted(port, statements):
    """How many transactions and queries it counts of them."""
    with psycopg.connect(host="127.0.0.1", port=port, user="postgres", dbname="postgres", autocommit=True,
                         cursor_factory=psycopg.ClientCursor) as client:
        client.execute("select 1")
        before = totals(port)
        for _ in range(10):
            for statement in statements:
                client.execute(statement)
        return [after - earlier for earlier, after in zip(before, totals(port))]


@pytest.mark.parametrize("statements", [
    ["select 1"], ["begin", "select 1", "commit"], ["begin", "commit"], ["set statement_timeout = 0"],
    ["show timezone"], [""], ["begin", "select 1", "select 2", "rollback"]], ids=" ".join)
def test_queries_and_transactions_are_counted_alike(both, statements):
    """Whether a server has answered or not."""
    theirs, ours = (counted(port, statements) for port in both)
    assert theirs == ours and sum(ours) > 0
