"""The log: what has a line there, what has none, and how a line looks."""

from harness import messages as m
from harness.conversations import tags

QUIET = {"stats": False}  # no line comes by itself


# What has none


def simple(client, number):
    return client.query(f"select {number}")


def several_at_once(client, number):
    return client.query(f"select {number}; select 2; select 3")


def transaction(client, number):
    return client.query("begin") + client.query(f"select {number}") + client.query("commit")


def unnamed(client, number):
    client.send(m.parse("", "select $1::int"), m.bind(values=[number]), m.execute(), m.sync())
    return client.read_until_ready()


def named(client, number):
    client.send(m.parse(f"s{number}", f"select {number}"), m.sync(), m.bind("", f"s{number}"), m.execute(),
                m.close_statement(f"s{number}"), m.sync())
    return client.read_until_ready(2)


def pipeline(client, number):
    batch = m.parse("", f"select {number}"), m.bind(), m.execute(), m.sync()
    client.send(*batch * 3)
    return client.read_until_ready(3)


def copy(client, number):
    client.send(m.query("copy logged from stdin"), m.copy_data(f"{number}\n"), m.copy_done(),
                m.query("copy logged to stdout"))
    return client.read_until_ready(2)


def function_call(client, number):
    client.send(m.function_call(1397, [str(-number).encode()]))  # abs(int)
    return client.read_until_ready()


def error_in_simple(client, number):
    return client.query(f"select {number} / 0")


def error_in_extended(client, number):
    client.send(m.parse("", "select 1 / $1::int"), m.bind(values=[0]), m.execute(), m.sync())
    return client.read_until_ready()


def failed_transaction(client, number):
    return client.query("begin") + client.query("nonsense") + client.query("rollback")


PROTOCOLS = [simple, several_at_once, transaction, unnamed, named, pipeline, copy, function_call]
ERRORS = [error_in_simple, error_in_extended, failed_transaction]


def test_queries_have_no_line(start_pgsaba, cluster):
    """However much is logged: neither what runs nor what the server says of it, errors included."""
    cluster.sql("create table logged (a int)")
    daemon = start_pgsaba({"log": {**QUIET, "level": "debug"}})
    with daemon.connect() as client:
        assert client.value("select 1") == "1"
        daemon.wait_for_log("the primary is")  # nothing else is under way now
        before = len(daemon.log.splitlines())
        for number in range(1, 31):
            for converse in PROTOCOLS:
                assert b"E" not in tags(converse(client, number))
            for converse in ERRORS:
                assert tags(converse(client, number)).count(b"E") == 1
    daemon.wait_for_log("client disconnected")
    line, = daemon.log.splitlines()[before:]
    assert line.endswith("client disconnected")
