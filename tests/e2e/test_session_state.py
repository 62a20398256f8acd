"""What a session keeps, where a single server's life or another client decides about it."""

import os
import signal

import pytest
from harness import messages as m
from harness.conversations import backend, error_of, tags
from harness.processes import wait_until


def start(start_pgsaba, size=2, **pool):
    return start_pgsaba({"databases": {"postgres": {"pool_size": size}}, "pool": pool})


def kill_backend(pid):
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), 10, "the backend's end")


def test_names_that_died_with_their_server(start_pgsaba):
    """A statement prepared twice in one string cannot be made again: it pins. When its server is gone, so is the name, and nobody else notices anything."""
    daemon = start(start_pgsaba)
    with daemon.connect() as client, daemon.connect() as other:
        client.query("prepare p as select 1; deallocate p; prepare p as select 2; select 2")
        kill_backend(backend(client))
        assert m.error_fields(client.query("select 3")[0])["C"] == "08006"
        assert m.error_fields(client.query("execute p")[0])["C"] == "26000"
        client.query("prepare p as select 4")
        assert client.value("execute p") == "4"
        assert other.value("select 5") == "5"


def test_a_name_prepared_anew_in_a_string(start_pgsaba):
    """The new meaning counts, on whichever server, not the one that is known from before."""
    daemon = start(start_pgsaba)
    with daemon.connect() as client, daemon.connect() as other:
        client.query("prepare p as select 'old'")
        client.query("deallocate p; prepare p as select 'new'")
        for _ in range(3):
            other.query("begin; select 1")
            assert client.value("execute p") == "new"
            other.query("commit")


def test_a_statement_whose_table_is_gone(start_pgsaba, cluster):
    """On another server it cannot be made again. It fails once each time, for its own reason; others
    are not touched, and it works when there is a table again."""
    daemon = start(start_pgsaba)
    cluster.sql("create table vanishing (a int)")
    with daemon.connect() as client, daemon.connect() as other:
        for sql in ("prepare s as select * from vanishing", "prepare gone as table vanishing",
                    "prepare kept as select 7"):
            client.query(sql)
        other.query("begin; select 1")  # has that server
        cluster.sql("drop table vanishing")
        for _ in range(2):
            assert error_of(client.query("execute s"))["C"] == "42P01"
        assert tags(client.query("deallocate gone")) == b"CZ"
        assert error_of(client.query("execute gone"))["C"] == "26000"
        client.query("begin")
        assert client.value("execute kept") == "7"
        assert error_of(client.query("execute s"))["C"] == "42P01"
        client.query("rollback")
        cluster.sql("create table vanishing (a int)")
        assert tags(client.query("execute s")) == b"TCZ"
        other.query("commit")
    cluster.sql("drop table vanishing")


def test_session_pooling_without_a_reset_query(start_pgsaba):
    """Nothing that a client has set meets the next one."""
    daemon = start(start_pgsaba, size=1, pool_mode="session", server_reset_query="")
    with daemon.connect() as client:
        client.query("set work_mem = '9MB'")
        client.query("set timezone = 'Asia/Tokyo'")  # which the server reports
        pid = backend(client)
    with daemon.connect() as client:
        assert backend(client) == pid
        assert client.value("show work_mem") == "4MB"
        assert client.value("show timezone") != "Asia/Tokyo"


@pytest.mark.parametrize("leave", ["create temp table t (a int)", "select pg_advisory_lock(1)",
                                   "begin; declare c cursor with hold for select 1; commit"])
def test_pins_are_shown_and_end_with_their_reason(start_pgsaba, leave):
    daemon = start(start_pgsaba)
    reasons = {"create": "temporary objects", "select": "advisory locks", "begin;": "cursors WITH HOLD"}
    end = {"create": "drop table t", "select": "select pg_advisory_unlock(1)", "begin;": "close c"}
    word = leave.split()[0]
    with daemon.connect() as client, daemon.connect(database="pgsaba") as console:
        assert console.rows("show pins") == []
        client.query(leave)
        wait_until(lambda: console.rows("show pins"), 10, "the pin")
        (row,) = console.rows("show pins")
        assert row[1:3] == ["postgres", "postgres"] and row[5] == f"pinned: {reasons[word]}"
        assert int(row[4]) == backend(client)
        client.query(end[word])
        wait_until(lambda: console.rows("show pins") == [], 10, "the end of the pin")


def test_the_same_role_with_other_settings(start_pgsaba, cluster):
    """What only a superuser may set is not changed under the role of an ordinary one."""
    cluster.sql("create role guest")
    daemon = start(start_pgsaba, 1)
    with daemon.connect() as quiet, daemon.connect() as loud:
        for client in quiet, loud:
            client.query("set role guest")
        loud.query("reset role; set log_min_messages = 'error'; set saba.one = 'x'; set role guest")
        for client, level in 2 * ((quiet, "warning"), (loud, "error")):
            seen = client.rows("select current_setting('log_min_messages'), current_user from pg_am limit 1")
            assert seen == [(level, "guest")] or seen == [[level, "guest"]]


def test_what_was_set_under_a_role_that_may_more(start_pgsaba, cluster):
    """The user could not set it anew on another server: the session keeps its own, and nobody else
    gets that."""
    cluster.sql("create role chef superuser; create role helper login in role chef")
    daemon = start(start_pgsaba, 2)
    with daemon.connect(user="helper") as risen, daemon.connect(user="helper") as other:
        risen.query("set role chef; set log_min_messages = 'error'")
        for _ in range(2):
            assert other.value("show log_min_messages") == "warning"
            assert risen.value("show log_min_messages") == "error"
        assert risen.value("select current_user") == "chef"
        risen.query("reset role")
        assert risen.value("show log_min_messages") == "error"
        other.query("begin")
        risen.close()
        assert other.value("show log_min_messages") == "warning"


@pytest.mark.parametrize("way", [
    ["set role cook; set log_min_messages = 'error'; reset role"],
    ["begin", "set local role cook", "set log_min_messages = 'error'", "commit"],
])
def test_what_was_set_under_a_role_in_between(start_pgsaba, cluster, way):
    """It is kept as well, until it is gone."""
    if cluster.value("select count(*) from pg_roles where rolname = 'cook'") == 0:
        cluster.sql("create role cook superuser; create role waiter login in role cook")
    daemon = start(start_pgsaba, 2)
    with daemon.connect(user="waiter") as risen, daemon.connect(user="waiter") as other:
        for sql in way:
            risen.query(sql)
        for _ in range(2):
            assert other.value("show log_min_messages") == "warning"
            assert risen.value("show log_min_messages") == "error"
        assert [row["reason"] for row in daemon.admin("show pins")] == ["pinned: unknown state"]
        risen.query("reset all")
        wait_until(lambda: daemon.admin("show pins") == [], 10, "the end of the pin")
        assert risen.value("show log_min_messages") == "warning"


@pytest.mark.parametrize("setting", ["temp_buffers = '4MB'", "plpgsql.variable_conflict = 'error'",
                                     "default_text_search_config = 'passing'"])
@pytest.mark.parametrize("extended", [False, True])
def test_no_statement_runs_where_a_setting_is_refused(start_pgsaba, cluster, setting, extended):
    """It would run with what another client has set. The server's own error is told, once."""
    cluster.sql("create table if not exists tenants (tenant text)")
    cluster.sql("truncate tenants")
    if "passing" in setting:
        cluster.sql("create text search configuration passing (copy = simple)")
    if "plpgsql" in setting:
        cluster.sql("do $$ begin if not exists (select from pg_roles where rolname = 'ordinary') then"
                    " create role ordinary login; end if; end $$; grant all on tenants to ordinary")
    user = {"user": "ordinary"} if "plpgsql" in setting else {}
    daemon = start(start_pgsaba, 1)
    with daemon.connect(**user) as client, daemon.connect(**user) as other:
        client.query(f"set {setting}")
        client.query("set app.tenant = 'mine'")
        other.query("set app.tenant = 'other'; create temp table t (a int); insert into t values (1);"
                    " drop table t")
        other.query("do $$ begin null; end $$")
        if "passing" in setting:
            cluster.sql("drop text search configuration passing")
        insert = "insert into tenants values (current_setting('app.tenant'))"
        for _ in range(3):
            if extended:
                client.send(m.parse("", insert), m.bind(), m.execute(), m.sync())
                failed = error_of(client.read_until_ready())
            else:
                failed = error_of(client.query(insert))
            assert failed is None or failed["C"] in ("22023", "42501", "42704"), failed
            other.query("select 1")
        assert failed is None
        assert set(row[0] for row in client.rows("select tenant from tenants")) == {"mine"}


@pytest.fixture
def passing_by(cluster):
    """A role of this name, for sessions to act as while it lasts."""
    cluster.sql("drop role if exists passing_by")
    cluster.sql("create role passing_by")


@pytest.mark.parametrize("way_out", ["reset role", "set role none", "discard all", "set session authorization default"])
@pytest.mark.parametrize("extended", [False, True])
def test_a_role_that_is_gone_can_be_left(start_pgsaba, cluster, passing_by, way_out, extended):
    """Every statement would run as somebody else; only what ends that is let through, as by a
    server of its own."""
    daemon = start(start_pgsaba, 1)
    with daemon.connect() as client, daemon.connect() as other:
        client.query("set app.mine = 'kept'")
        client.query("set role passing_by")
        assert client.parameters["is_superuser"] == "off"
        other.query("select 1 from pg_am limit 1")
        cluster.sql("drop role passing_by")
        for sql in "select current_user from pg_am limit 1", "reset all", "set role passing_by", way_out + "; select 1":
            failed = error_of(client.query(sql))
            assert failed["C"] == "22023", (sql, failed)
        if extended:
            client.send(m.parse("", way_out), m.bind(), m.execute(), m.sync())
            failed = error_of(client.read_until_ready())
        else:
            failed = error_of(client.query(way_out))
        assert failed is None
        assert client.parameters["is_superuser"] == "on"
        seen = client.rows("select current_user, coalesce(current_setting('app.mine', true), '') from pg_am limit 1")
        assert [tuple(row) for row in seen] == [("postgres", "" if way_out == "discard all" else "kept")]


def test_a_session_authorization_that_is_gone(start_pgsaba, cluster, passing_by):
    """Its role does not become the one of whoever has logged in."""
    daemon = start(start_pgsaba, 1)
    with daemon.connect() as client, daemon.connect() as other:
        client.query("set session authorization passing_by")
        other.query("select 1 from pg_am limit 1")
        cluster.sql("drop role passing_by")
        for sql in "select 1 from pg_am limit 1", "reset role":
            failed = error_of(client.query(sql))
            assert failed["C"] == "22023", (sql, failed)
        assert error_of(client.query("reset session authorization")) is None
        assert client.parameters["session_authorization"] == "postgres"
        assert client.value("select current_user from pg_am limit 1") == "postgres"


def test_a_role_is_not_left_by_a_statement_that_did_not_run(start_pgsaba, cluster, passing_by):
    daemon = start(start_pgsaba, 1)
    daemon.reload({"timeouts": {"query_wait": "1s"}})
    daemon.wait_for_log("configuration reloaded")
    with daemon.connect() as client, daemon.connect() as other:
        client.query("set role passing_by")
        other.query("begin")
        other.query("select 1 from pg_am limit 1")
        cluster.sql("drop role passing_by")
        assert error_of(client.query("reset role"))["C"] == "53300"
        other.query("commit")
        assert error_of(client.query("select 1 from pg_am limit 1"))["C"] == "22023"
        assert error_of(client.query("reset role")) is None
        assert client.value("select current_user from pg_am limit 1") == "postgres"
