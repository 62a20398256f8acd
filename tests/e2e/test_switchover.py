"""SWITCHOVER TO a standby: clients see a delay and no error; what cannot be done changes nothing."""

import itertools
import signal

import pytest
from harness import messages as m
from harness.conversations import backend
from harness.group import Group, split, wait_for_both, where, where_a_new_client_reads
from harness.processes import wait_until
from harness.wire_tap import WireTap
from harness.workload import Readers, Writers, codes

NAMES = itertools.count()
OF_CLIENTS = """select count(*) from pg_stat_activity where backend_type = 'client backend'
    and application_name not like 'pgsaba%' and pid <> pg_backend_pid()"""


@pytest.fixture
def group(directory):
    made = Group(directory, name=f"switch{next(NAMES)}")
    made.primary.sql("create table w (key text)")
    made.primary.sql("create table r as select generate_series(1, 100)")
    made.wait_for_replay()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def lasting(directory):
    """For what changes nothing."""
    made = Group(directory, name="lasting")
    made.primary.sql("create table w (key text)")
    made.primary.sql("create role humble login")
    made.wait_for_replay()
    yield made
    made.stop()


@pytest.fixture
def short(lasting, start_pgsaba):
    started = start_pgsaba(split({"timeouts": {"switchover": "1s"}}), servers=lasting.servers)
    wait_for_both(started)
    return started


def command(daemon, sql, timeout=60):
    """Its error's fields; none if it went well."""
    with daemon.connect(database="pgsaba", timeout=timeout) as console:
        errors = [m.error_fields(frame) for frame in console.query(sql) if frame.tag == b"E"]
        return errors[0] if errors else {}


def roles(daemon):
    return {row["server"]: row["role"] for row in daemon.admin("show topology")}


def test_clients_see_a_delay_and_no_error(group, start_pgsaba):
    daemon = start_pgsaba(split(), servers=group.servers)
    wait_for_both(daemon)
    old, new = group.primary, group.standbys[0]
    with Writers(daemon, 16) as writers, Readers(daemon, 6) as readers:
        wait_until(writers.all_go_on(), 60, "writes")
        assert command(daemon, f"switchover to {new.name}") == {}
        group.standbys[1].follow(new)
        before = old.value("select count(*) from w")
        wait_until(writers.all_go_on(), 60, "writes on the new primary")
        wait_until(readers.all_go_on(), 60, "reads")
    assert writers.errors == [] and readers.errors == []
    writers.check(new)
    assert old.value("select count(*) from w") == before  # though it would take them
    assert roles(daemon)[new.name] == "primary" and roles(daemon)[old.name] == "unknown"


def test_sessions_go_on_across_it(group, start_pgsaba):
    """Settings, prepared statements, a transaction that has begun but not reached a server."""
    daemon = start_pgsaba(split(), servers=group.servers)
    wait_for_both(daemon)
    with daemon.connect() as client:
        client.query("set search_path = public, pg_catalog")
        client.query("prepare p as select count(*) from w")
        client.send(m.parse("named", "insert into w values ($1)"), m.sync())
        client.read_until_ready()
        client.query("begin")
        assert command(daemon, f"switchover to {group.standbys[0].name}") == {}
        client.send(m.bind("", "named", [b"x"]), m.execute(), m.sync())
        assert codes(client.read_until_ready()) == []
        assert codes(client.query("commit")) == []
        assert client.value("execute p") == "1"
        assert client.value("show search_path") == "public, pg_catalog"
    assert group.standbys[0].value("select count(*) from w") == 1
    assert group.primary.value("select count(*) from w") == 0


@pytest.mark.parametrize("sql, state, message", [
    ("switchover to nobody", "42704", "no such server: nobody"),
    ("switchover to lasting-1 in other", "42704", "no such server"),
    ("switchover to lasting", "55000", "lasting is the primary already"),
    ("switchover lasting-1", "42601", "invalid command"),
    ("disable server lasting", "55000", "is the primary"),
    ("disable server nobody", "42704", "no such server"),
])
def test_what_is_refused(short, sql, state, message):
    error = command(short, sql)
    assert error["C"] == state and message in error["M"]
    assert where_a_new_client_reads(short)


def test_a_standby_that_does_not_replay(short, lasting):
    standby = lasting.standbys[0]
    standby.sql("select pg_wal_replay_pause()")
    try:
        error = command(short, f"switchover to {standby.name}")
        assert error["C"] == "55000" and "replay is paused" in error["M"]
    finally:
        standby.sql("select pg_wal_replay_resume()")
    assert roles(short)[lasting.primary.name] == "primary"


def test_a_monitor_that_may_not(lasting, start_pgsaba):
    humble = {"clusters": {"main": {"monitor": {"user": "humble"}}}}
    daemon = start_pgsaba(split(humble), servers=lasting.servers)
    error = command(daemon, "switchover to lasting-1")
    assert error["C"] == "42501" and "pg_promote" in error["M"] and "GRANT" in error["H"]


def test_a_transaction_that_does_not_end(short, lasting):
    with short.connect() as client, short.connect() as other:
        client.query("begin")
        client.query("insert into w values ('open')")
        error = command(short, "switchover to lasting-1")
        assert error["C"] == "25001" and "1 server connections are still in use" in error["M"]
        assert codes(other.query("insert into w values ('other')")) == []
        assert codes(client.query("commit")) == []
    assert roles(short)[lasting.primary.name] == "primary"


def test_it_is_taken_back_when_the_console_leaves(lasting, start_pgsaba):
    daemon = start_pgsaba(split(), servers=lasting.servers)
    wait_for_both(daemon)
    with daemon.connect() as client:
        client.query("begin")
        client.query("insert into w values ('open')")
        with daemon.connect(database="pgsaba") as console, daemon.connect() as waiting:
            console.send(m.query("switchover to lasting-1"))
            daemon.wait_for_log("switching over to lasting-1")
            waiting.send(m.query("insert into w values ('waits')"))
            assert waiting.is_silent()
            assert "under way" in command(daemon, "switchover to lasting-2")["M"]
            console.close()
            assert codes(waiting.read_until_ready()) == []
        client.query("commit")
    assert roles(daemon)[lasting.primary.name] == "primary"


def test_a_server_that_is_disabled_gets_nothing_new(short, lasting):
    def standbys_that_read():
        return {where_a_new_client_reads(short) for _ in range(12)}
    with short.connect() as client:
        client.query("begin read only")
        there = where(client)
        number = there[-1]
        assert command(short, f"disable server lasting-{number}") == {}
        assert where(client) == there
        rows = {row["server"]: row for row in short.admin("show topology")}
        assert rows[f"lasting-{number}"]["disabled"] == "yes"
        assert rows[f"lasting-{number}"]["fit_for_reads"] == "no"
        assert there not in standbys_that_read()
        assert where(client) == there
        client.query("commit")
        server = lasting.standbys[int(number) - 1]
        wait_until(lambda: server.value(OF_CLIENTS) == 0, 20, "an end of its connections")
    assert command(short, f"enable server lasting-{number} in main") == {}
    wait_for_both(short)


@pytest.fixture
def unconfirmed(group, start_pgsaba):
    """A switchover of which nobody knows whether it has begun: pg_promote was sent, and the connection
    broke."""
    tap = WireTap(group.standbys[0], b"pg_promote(true")
    daemon = start_pgsaba(split({"timeouts": {"switchover": "2s"}}),
                          servers=[group.primary, tap, group.standbys[1]])
    wait_for_both(daemon)
    error = command(daemon, f"switchover to {tap.name}")
    assert tap.has_broken.is_set()
    assert error["C"] == "55000" and "is not seen as one" in error["M"] and "RESUME" in error["H"]
    yield daemon
    tap.close()


def test_a_promotion_that_nobody_confirms(group, unconfirmed):
    """Nobody writes on a timeline that may be about to be left; once the standby is the primary,
    what has waited goes on there."""
    with unconfirmed.connect(timeout=60) as client:
        client.send(m.query("insert into w values ('waits')"))
        assert client.is_silent(1)
        assert "under way" in command(unconfirmed, f"switchover to {group.standbys[1].name}")["M"]
        group.promote()
        assert codes(client.read_until_ready()) == []
    assert group.standbys[0].value("select count(*) from w") == 1
    assert group.primary.value("select count(*) from w") == 0


RESUMES = {"command": lambda daemon: command(daemon, "resume"),
           "signal": lambda daemon: daemon.send_signal(signal.SIGUSR2)}


@pytest.mark.parametrize("way", RESUMES)
def test_resume_goes_on_without_that_promotion(group, unconfirmed, way):
    """SIGUSR2 is RESUME, also of what a switchover has left paused."""
    with unconfirmed.connect(timeout=60) as client:
        client.send(m.query("insert into w values ('waits')"))
        assert client.is_silent(1)
        assert not RESUMES[way](unconfirmed)
        assert codes(client.read_until_ready()) == []
    assert group.primary.value("select count(*) from w") == 1


def test_reconnect_and_pause_by_signal_afterwards(group, start_pgsaba):
    """What administrators do goes to the new primary, as it did to the old one."""
    daemon = start_pgsaba(split({"databases": {"postgres": {"route": "primary"}}}), servers=group.servers)
    wait_until(lambda: sorted(roles(daemon).values()) == ["primary", "standby", "standby"], 20, "all of them")
    new = group.standbys[0]
    with daemon.connect(timeout=60) as client:
        assert where(client) == "primary"
        assert command(daemon, f"switchover to {new.name}") == {}
        wait_until(lambda: roles(daemon)[new.name] == "primary", 20, "the new primary")
        there, pid = where(client), backend(client)
        assert there == "standby-1"
        assert command(daemon, "reconnect") == {}
        assert where(client) == there and backend(client) != pid
        for stop, go_on in ((signal.SIGUSR1, signal.SIGUSR2), (signal.SIGUSR1, signal.SIGUSR2)):
            daemon.send_signal(stop)
            wait_until(lambda: new.value(OF_CLIENTS) == 0, 20, "the pause")
            client.send(m.query("select pg_is_in_recovery()"))
            assert client.is_silent(0.3)
            daemon.send_signal(go_on)
            assert m.row_values(client.read_until_ready()[1]) == [b"f"]
        assert where(client) == there


def test_back_again(group, start_pgsaba):
    """The old primary is made a standby of the new one, and takes over again."""
    daemon = start_pgsaba(split(), servers=group.servers)
    wait_for_both(daemon)
    old, new, other = group.servers
    with Writers(daemon, 8) as writers, Readers(daemon, 4) as readers:
        assert command(daemon, f"switchover to {new.name}") == {}
        other.follow(new)
        old.rebuild_from(new)
        wait_until(lambda: roles(daemon)[old.name] == "standby", 20, "a new standby")
        wait_until(writers.all_go_on(), 60, "writes on the new primary")
        wait_until(lambda: command(daemon, f"switchover to {old.name}") == {}, 30, "the way back")
        other.follow(old)
        wait_until(writers.all_go_on(), 60, "writes on the old primary")
        wait_until(readers.all_go_on(), 60, "reads")
    assert writers.errors == [] and readers.errors == []
    writers.check(old)
    assert roles(daemon)[old.name] == "primary"
