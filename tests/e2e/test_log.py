"""The log: what has a line there, what has none, and how a line looks."""

import json
import re

from harness import messages as m
from harness.conversations import refusal, tags
from harness.processes import wait_until

QUIET = {"stats": False}  # no line comes by itself


def reload(daemon, **changes):
    daemon.write_config(changes)
    with daemon.connect(database="pgsaba") as console:
        console.rows("reload")


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


# How a line looks

RUDE = 'no "such"\n\tone\\ \x1b[31m'


def test_lines_for_machines(start_pgsaba):
    """From the first to the last each line is an object of its own, whatever names clients have."""
    daemon = start_pgsaba({"log": {"format": "json"}})
    daemon.connect().close()
    assert refusal(daemon.where, database=RUDE)["C"] == "3D000"
    daemon.stop()
    lines = [json.loads(line) for line in daemon.log.splitlines()]
    for line in lines:
        assert set(line) == {"time", "level", "pid", "message"}
        assert re.fullmatch(r"\d{4}(-\d\d){2}T\d\d(:\d\d){2}\.\d{3}[+-]\d\d:\d\d", line["time"])
        assert line["level"] in ("debug", "info", "warning", "error", "critical")
        assert line["pid"] == daemon.pid
    messages = [line["message"] for line in lines]
    assert any(f"{RUDE}/postgres@" in message and "error 3D000" in message for message in messages)
    assert messages[-1] == "pgsaba has ended"


def test_lines_for_people(start_pgsaba):
    daemon = start_pgsaba()
    assert refusal(daemon.where, database=RUDE)["C"] == "3D000"
    daemon.stop()
    for line in daemon.log.splitlines():
        assert re.match(rf"\d{{4}}(-\d\d){{2}} \d\d(:\d\d){{2}}\.\d{{3}} \S+ \[{daemon.pid}\] [A-Z]+ ", line)
    assert r'no "such"\n\tone\ \x1b[31m/postgres@' in daemon.log


def test_a_reload_changes_the_format(start_pgsaba):
    daemon = start_pgsaba()
    reload(daemon, log={"format": "json"})
    before = len(daemon.log.splitlines())
    daemon.connect().close()
    wait_until(lambda: len(daemon.log.splitlines()) >= before + 2, 10, "two lines")
    assert all(json.loads(line)["message"] for line in daemon.log.splitlines()[before:])


def levels(daemon):
    """Of the lines that a login, a setting for the next start and a broken file have left."""
    before, refusals = len(daemon.log.splitlines()), daemon.log.count("reload refused")
    daemon.connect().close()
    reload(daemon, workers=7)
    good = daemon.config
    daemon.reload({"workers": "many"})
    wait_until(lambda: daemon.log.count("reload refused") > refusals, 10, "a refusal")
    daemon.config = good
    return {line.split("] ")[1].split()[0] for line in daemon.log.splitlines()[before:]}


def test_the_level(start_pgsaba):
    """Nothing below it is logged; a reload changes it in both directions."""
    daemon = start_pgsaba({"log": {"level": "error"}})
    assert levels(daemon) == {"ERROR"}
    reload(daemon, log={"level": "info"})
    assert levels(daemon) == {"LOG", "WARNING", "ERROR"}
    reload(daemon, log={"level": "warning"})
    assert levels(daemon) == {"WARNING", "ERROR"}
    reload(daemon, log={"level": "debug"})
    assert levels(daemon) == {"LOG", "WARNING", "ERROR"}
