"""What clients say when they connect is answered without a server once a server has answered it, with
the very bytes that a server would send."""

import os
import signal

import pytest
from harness import messages as m
from harness.client import RawClient
from harness.conversations import backend, tags
from harness.processes import wait_until

ACTIVE_RECORD = [
    "set client_encoding to 'unicode'", "SET client_min_messages TO 'warning'",
    "SET standard_conforming_strings = on", "SET intervalstyle = iso_8601",
    "SET SESSION statement_timeout TO 5000", "SET SESSION lock_timeout TO '10s'",
    "SET SESSION timezone TO 'Pacific/Chatham'", "SHOW TIME ZONE", "SHOW statement_timeout",
    "SHOW max_identifier_length", ";", ""]

OTHERS = [
    "set datestyle to 'German'", "set datestyle to 'dmy'", "show datestyle", "set extra_float_digits = 3",
    "set application_name to 'x'", "set application_name to 'x'", "show application_name",
    "set names 'LATIN1'", "show client_encoding", "set bytea_output to escape", "show bytea_output",
    "set application_name = 'a'';b'", "show application_name", "set standard_conforming_strings = off",
    "show application_name", "set application_name = E'a\\\\b'", "show application_name",
    "set default_transaction_read_only = on", "show default_transaction_read_only"]


def leases(daemon):
    return sum(int(row["server_assignment_count"]) for row in daemon.admin("show stats_totals")
               if row["database"] == "postgres")


def conversation(client, statements):
    return [client.query(sql) for sql in statements]


def direct(cluster, statements, **login):
    with RawClient((cluster.host, cluster.port), **login) as client:
        return conversation(client, statements)


@pytest.mark.parametrize("statements", [ACTIVE_RECORD, OTHERS])
@pytest.mark.parametrize("options", [{}, {"application_name": "puma", "options": "-c work_mem=9MB"}])
def test_the_second_client_needs_no_server(start_pgsaba, cluster, statements, options):
    daemon = start_pgsaba()
    with daemon.connect(options=options) as first, daemon.connect(options=options) as second:
        expected = direct(cluster, statements, options=options)
        before = leases(daemon)
        assert conversation(first, statements) == expected
        learned = leases(daemon) - before
        assert learned >= 10
        assert conversation(second, statements) == expected
        assert leases(daemon) - before == learned
        # It is really so, on whichever server.
        names = [row["name"] for row in rows(first, "select name from pg_settings where source = 'session'")]
        assert len(names) > 5
        current = "select name, setting from pg_settings where source = 'session' order by 1"
        assert rows(first, current) == rows(second, current)
        assert second.parameters == first.parameters


def rows(client, sql):
    from harness.pgsaba import rows_by_name
    return rows_by_name(client.query(sql))


def test_what_differs_is_asked(start_pgsaba):
    """The same text in another session is another statement."""
    daemon = start_pgsaba()
    with daemon.connect() as one, daemon.connect(options={"TimeZone": "Asia/Tokyo"}) as other:
        for client in (one, other) * 2:
            client.query("set statement_timeout to 7000")
        before = leases(daemon)
        assert one.value("show statement_timeout") == other.value("show statement_timeout") == "7s"
        assert one.value("show statement_timeout") == other.value("show statement_timeout") == "7s"
        assert leases(daemon) - before == 2
        assert tags(one.query("set timezone to 'Asia/Tokyo'")) == b"CSZ"
        assert tags(other.query("set timezone to 'Asia/Tokyo'")) == b"CZ"


def test_what_may_differ_is_asked_every_time(start_pgsaba, cluster):
    """Defaults change while servers run; errors and notices come from servers."""
    daemon = start_pgsaba()
    statements = ["show work_mem", "show search_path", "select 1", "set statement_timeout to 'never'",
                  "set timezone to 'Nowhere'", "set default_tablespace to 'nowhere'", "reset timezone",
                  "set local work_mem to '5MB'", "set a.b to 'c'", "show a.b", "set role postgres",
                  "set session authorization postgres", "show transaction_isolation", "begin; set work_mem to '7MB'",
                  "show work_mem", "set work_mem to '8MB'", "rollback", "show nonsense", "show work_mem"]
    expected = direct(cluster, statements)
    for _ in range(3):
        with daemon.connect() as client:
            before = leases(daemon)
            assert conversation(client, statements) == expected
            assert leases(daemon) - before >= len(statements) - 4  # of a transaction


def test_inside_a_transaction_the_server_answers(start_pgsaba, cluster):
    daemon = start_pgsaba()
    statements = ["set work_mem to '7MB'", "begin", "set work_mem to '7MB'", "set work_mem to '8MB'", "rollback",
                  "set statement_timeout to 1000", "begin", "set statement_timeout to 1000", "commit",
                  "show statement_timeout", "begin", "select 1/0", "set work_mem to '7MB'", "rollback"]
    expected = direct(cluster, statements)
    for _ in range(3):
        with daemon.connect() as client:
            assert conversation(client, statements) == expected


def test_pipelined(start_pgsaba, cluster):
    daemon = start_pgsaba()
    queries = [m.query(sql) for sql in (*ACTIVE_RECORD, "select 1", *ACTIVE_RECORD)]
    with RawClient((cluster.host, cluster.port)) as client:
        client.send(*queries)
        expected = client.read_until_ready(len(queries))
    for _ in range(3):
        with daemon.connect() as client:
            client.send(*queries)
            assert client.read_until_ready(len(queries)) == expected


def test_the_unnamed_statement_ends(start_pgsaba):
    """As with every simple query."""
    daemon = start_pgsaba()
    with daemon.connect() as client:
        client.query("set work_mem to '7MB'")
    with daemon.connect() as client:
        client.send(m.parse("", "select 1"), m.sync())
        client.read_until_ready()
        client.query("set work_mem to '7MB'")
        client.send(m.bind(), m.sync())
        assert m.error_fields(client.read_until_ready()[0])["C"] == "26000"


def test_when_servers_are_replaced_all_is_asked_again(start_pgsaba):
    daemon = start_pgsaba()

    def asked():
        before = leases(daemon)
        with daemon.connect() as client:
            assert client.value("show server_version")
        return leases(daemon) > before

    assert [asked(), asked()] == [True, False]
    daemon.admin("reconnect")
    wait_until(asked, 5, "the RECONNECT")
    assert not asked()
    with daemon.connect() as client:
        pid = backend(client)
    os.kill(pid, signal.SIGTERM)
    wait_until(asked, 5, "the end of the server")
    assert not asked()
