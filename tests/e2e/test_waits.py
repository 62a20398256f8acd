"""SHOW WAITS: who waits for whom; and SET, which can end a wait."""
# ctest-labels: threads

import psycopg
import pytest
from harness import messages as m
from harness.conversations import begin, error_of, wait_for_waiters
from harness.processes import wait_until


@pytest.fixture(params=[1, 2], ids=["one worker", "two workers"])
def daemon(start_pgsaba, request):
    return start_pgsaba({"workers": request.param, "databases": {"postgres": {"pool_size": None}},
                         "pool": {"pool_size": 1}})


def named(daemon, name):
    client = daemon.connect()
    client.rows(f"set application_name = '{name}'")
    return client


def test_the_one_who_keeps_others_waiting_is_named_and_can_be_ended(daemon):
    holder, waiter = named(daemon, "forgetful"), named(daemon, "patient")
    begin(holder)
    holder.rows("select 1")
    waiter.send(m.query("select 'at last'"))
    wait_for_waiters(daemon, 1)
    row, = daemon.admin("SHOW WAITS")
    assert row["application_name"] == "patient" and row["held_by"] == "forgetful"
    assert row["waits_for"] == "waits for a server connection"
    # In an open transaction, but with nothing running: since its last statement.
    assert int(row["wait_us"]) > 0 and 0 < int(row["held_us"]) < 10**9
    assert row["since"].startswith("20")
    clients = {one["id"]: one for one in daemon.admin("SHOW CLIENTS")}
    assert clients[row["id"]]["application_name"] == "patient"
    assert clients[row["holders"]]["application_name"] == "forgetful"
    daemon.admin(f"KILL_CLIENT {row['holders']}")
    assert m.row_values(waiter.read_until_ready()[1]) == [b"at last"]
    assert daemon.admin("SHOW WAITS") == []


def test_a_pin_is_named_as_what_others_wait_for(start_pgsaba):
    daemon = start_pgsaba({"databases": {"postgres": {"pool_size": 2}}})
    pinned, busy, waiter = named(daemon, "locker"), named(daemon, "busy"), named(daemon, "patient")
    pinned.rows("select pg_advisory_lock(77)")
    begin(busy)
    busy.rows("select 1")
    waiter.send(m.query("select 1"))
    wait_for_waiters(daemon, 1)
    row, = daemon.admin("SHOW WAITS")
    assert row["held_by"] == "locker" and "advisory lock" in row["held_why"]
    assert len(row["holders"].split(", ")) == 2


def test_set_lets_those_who_wait_go_on_until_the_next_reload(daemon):
    holder, waiter = named(daemon, "one"), named(daemon, "two")
    begin(holder)
    holder.rows("select 1")
    waiter.send(m.query("select 42"))
    wait_for_waiters(daemon, 1)
    daemon.admin("SET default_pool_size = 2")
    assert m.row_values(waiter.read_until_ready()[1]) == [b"42"]
    assert setting(daemon, "default_pool_size") == "2"
    daemon.admin("RELOAD")
    wait_until(lambda: setting(daemon, "default_pool_size") == "1", 10, "the reload")


def setting(daemon, key):
    return next(row["value"] for row in daemon.admin("SHOW CONFIG") if row["key"] == key)


@pytest.mark.parametrize("command, code, hint", [
    ("SET query_wait_timeot = 3", "42704", "query_wait_timeout"),
    ("SET listen_backlog = 3", "55P02", "start"),
    ("SET server_tls.mode = require", "55P02", "RELOAD"),
    ("SET timeouts.query_wait = soon", "22023", ""),
    ("SHOW WAIT", "42601", "SHOW WAITS"),
])
def test_what_is_not_set_is_an_error_with_a_hint(start_pgsaba, command, code, hint):
    daemon = start_pgsaba()
    with psycopg.connect(host=daemon.host, port=daemon.port, user="postgres", dbname="pgsaba",
                         autocommit=True) as console:
        with pytest.raises(psycopg.Error) as error:
            console.execute(command)
    assert error.value.sqlstate == code
    assert hint in (error.value.diag.message_hint or "")


@pytest.mark.parametrize("key", ["auth.password", "auth.password_file", "http.password", "auth.options",
                                 "auth_ldap_options"])
def test_secrets_are_not_set_on_a_console(daemon, key):
    with daemon.connect(database="pgsaba") as console:
        frames = console.query(f"SET {key} = 'not to be seen'")
    assert error_of(frames)["C"] == "55P02" and "RELOAD" in error_of(frames)["H"]
    assert "not to be seen" not in daemon.log
