"""What Makara promised an application, or failed to keep, here over the wire. Each test is named after
the behaviour; where Makara itself sent a statement to the wrong server, the right one is expected."""

import itertools

import pytest
from harness.group import Group, split, splitting, wait_for_both, where, where_at_last
from harness.matrix import LOGGING, WAYS, marked, outcome, reached, run
from harness.processes import wait_until
from harness.workload import Readers, codes

NAMES = itertools.count()

# What needs the primary. Of each: what it is about.
PRIMARY = {
    "insert": "insert into t values (-1, 0) on conflict do nothing",
    "insert_upper_case": "INSERT INTO t VALUES (-1, 0) ON CONFLICT DO NOTHING",
    "insert_from_a_select": "insert into t select -1, 0 where false",
    "update": "update t set v = v where false",
    "update_over_lines": "update t\n set v =\n v where false",
    "update_with_a_line_that_begins_with_set": "update t\nset v = v where false",
    "delete": "delete from t where false",
    "locks_a_row": "select * from t where id = 1 for update",
    "locks_a_row_in_lower_and_upper": "Select * From t Where id = 1 For Update",
    "locks_a_row_over_lines": "select *\nfrom t\nwhere id = 1\nfor update",
    "locks_a_row_and_skips": "select * from t where id = 1 for update skip locked",
    "locks_a_row_and_comments": "select * from t where id = 1 for update /*action:show*/",
    "writes_in_a_with": "with d as (delete from t where false returning *) select * from d",
    "inserts_behind_a_with": "with a as (select 1) insert into t (id) select -1 from a where false",
    "draws_a_number": "select nextval('s')",
    "sets_a_number": "select setval('s', 1)",
    "locks_by_advice": "select pg_advisory_xact_lock(1)",
    "tries_to_lock_by_advice": "select pg_try_advisory_xact_lock(1)",
    "unlocks_by_advice": "select pg_advisory_unlock_all()",
    "defines": "create table if not exists t (id int)",
    "analyzes": "analyze t",
    "truncates": "truncate empty",
    "copies_in": "copy empty from '/dev/null'",
    "a_function_of_the_application": "select writes()",
    "asks_who_is_there": "select count(*) > 0 from pg_stat_activity",
}

# What a replica serves.
REPLICA = {
    "select": "select * from t where id = 1",
    "select_upper_case": "SELECT * FROM t WHERE id = 1",
    "select_after_blanks": "\n   select * from t where id = 1",
    "count": "select count(*) from t",
    "exists": "select 1 as one from t where id = 1 limit 1",
    "aggregate": "select max(v), min(v), sum(v) from t group by id having count(*) > 0",
    "select_behind_a_with": "with a as (select * from t) select * from a",
    "words_of_writing_in_a_string": "select 'insert into t; update t; for update' as x",
    "a_column_called_update": 'select "update" from (select 1 as "update") x',
    # What Makara left to the primary without need.
    "a_comment_first": "/* application */ select * from t where id = 1",
    "a_line_of_comment_first": "-- application\nselect * from t where id = 1",
    "parentheses_first": "(select 1) union (select 2) order by 1",
    "a_with_over_lines": "with a as (\n select *\n from t\n)\nselect * from a",
    "values": "values (1)",
    "table": "table t",
    "show": "show timezone",
    "explain": "explain (costs off) select * from t",
    "copies_out": "copy t to stdout",
}


@pytest.fixture(scope="module")
def group(directory):
    made = Group(directory, LOGGING, "makara")
    made.primary.sql("create table t (id int primary key, v int)")
    made.primary.sql("insert into t select i, 0 from generate_series(1, 10) i")
    made.primary.sql("create table r as select generate_series(1, 100)")
    made.primary.sql("create table empty (id int)")
    made.primary.sql("create sequence s")
    made.primary.sql("create function writes() returns int language sql as "
                     "$$ update t set v = v where false; select 1 $$")
    made.wait_for_replay()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def daemon(group, directory, pgsaba_binary):
    with splitting(group, directory, pgsaba_binary, "makara_daemon") as daemon:
        yield daemon


@pytest.fixture
def client(daemon):
    with daemon.connect(timeout=60) as connected:
        where_at_last(connected)
        yield connected


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", PRIMARY)
def test_needs_the_primary(daemon, group, name, way):
    nodes, through, directly = run(daemon, group, PRIMARY[name], way)
    assert through == directly == []
    assert nodes == {group.primary.name}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", REPLICA)
def test_goes_to_a_replica(daemon, group, name, way):
    nodes, through, directly = run(daemon, group, REPLICA[name], way)
    assert through == directly == []
    assert len(nodes) == 1 and group.primary.name not in nodes


@pytest.mark.parametrize("sql", ["set work_mem = '33MB'", "SET work_mem TO '33MB'",
                                 "select set_config('work_mem', '33MB', false)"])
def test_set_holds_on_every_server(daemon, sql):
    """Nothing is broadcast: whichever server serves next has it by then."""
    with daemon.connect() as client:
        client.query(sql)
        for question in ("show work_mem", "/* pgsaba:primary */ show work_mem",
                         "begin; show work_mem; commit"):
            assert {client.value(question) for _ in range(5)} == {"33MB"}


def test_set_local_stays_in_its_transaction(client):
    client.query("begin")
    client.query("set local work_mem = '34MB'")
    assert client.value("show work_mem") == "34MB"
    client.query("commit")
    assert client.value("show work_mem") != "34MB"


def test_set_transaction_reaches_one_server_only(client, group):
    """Makara told every server, where it warned or failed."""
    mark, text = marked("set transaction isolation level repeatable read")
    client.query("begin")
    assert outcome(client.query(text)) == []
    assert client.value("show transaction_isolation") == "repeatable read"
    client.query("commit")
    assert reached(group, mark) == {group.primary.name}


@pytest.mark.parametrize("statements", [
    ["select count(*) from t", "select 1 as one from t limit 1", "select max(v) from t"],
    ["insert into t values (-1, 0) on conflict do nothing", "select count(*) from t"],
    ["savepoint a", "select 1", "rollback to a", "select count(*) from t"]], ids=str)
def test_no_statement_of_a_transaction_reaches_a_replica(client, group, statements):
    mark, _ = marked("")
    client.query("begin")
    for sql in statements:
        assert outcome(client.query(f"{sql} /* {mark} */")) == []
    client.query("commit")
    assert reached(group, mark) == {group.primary.name}


def test_who_has_written_sees_it(client):
    """Makara stuck to the primary for some seconds; here the replica has to show it."""
    for number in range(30):
        client.query(f"update t set v = {number} where id = 1")
        assert client.value("select v from t where id = 1") == str(number)


def test_others_see_what_was_written(client, daemon):
    """Makara did not: the job that was told of a row did not find it."""
    with daemon.connect() as job:
        for number in range(100, 130):
            client.query(f"update t set v = {number} where id = 1")
            assert job.value("select v from t where id = 1") == str(number)


def test_reads_go_to_replicas_again_afterwards(client):
    client.query("update t set v = v where id = 1")
    assert where_at_last(client) != "primary"


def test_the_choice_can_be_forced(client):
    """without_sticking and stick_to_primary!, said by the session."""
    client.query("set pgsaba.route = 'primary'")
    assert where(client) == "primary"
    client.query("reset pgsaba.route")
    assert where_at_last(client) != "primary"


@pytest.fixture
def mortal(directory, start_pgsaba):
    """A group of the test's own, and a daemon in front of it."""
    made = Group(directory, name=f"mortal{next(NAMES)}")
    made.primary.sql("create table w (key text)")
    made.primary.sql("create table r as select generate_series(1, 100)")
    made.wait_for_replay()
    daemon = start_pgsaba(split({"timeouts": {"query_wait": "1s", "server_login_retry": "100ms"}}),
                          servers=made.servers)
    wait_for_both(daemon)
    yield made, daemon
    made.stop()


def reads(client):
    return codes(client.query("select count(*) from r"))


def writes(client):
    return codes(client.query("insert into w values ('x')"))


def test_when_servers_go_and_come(mortal):
    """Only a primary: it serves reads, too. Nobody: an error. Then all is tried again, without a
    restart of anything; nobody waits for a blacklist to expire."""
    group, daemon = mortal
    with daemon.connect(timeout=60) as client, Readers(daemon, 4) as readers:
        wait_until(readers.all_go_on(), 60, "reads")
        for standby in group.standbys:
            standby.kill()
        wait_until(readers.all_go_on(), 60, "reads on the primary")
        assert reads(client) == writes(client) == []
    assert readers.errors == []
    with daemon.connect(timeout=60) as client:
        group.primary.kill()
        assert codes(client.query("select count(*) from r")) != []
        for server in group.servers:
            server.start()
        wait_until(lambda: reads(client) == [], 20, "reads")
        wait_until(lambda: writes(client) == [], 20, "writes")
        where_at_last(client)


def test_only_replicas_are_left(mortal):
    """Reads go on, writes fail; the connection stays."""
    group, daemon = mortal
    with daemon.connect(timeout=60) as client:
        where_at_last(client)
        group.primary.kill()
        for _ in range(10):
            assert reads(client) == []
        assert writes(client) != []
        assert reads(client) == []


def test_lost_in_a_transaction_is_not_repeated(mortal):
    group, daemon = mortal
    with daemon.connect(timeout=60) as client:
        client.query("begin")
        assert writes(client) == []
        group.primary.kill()
        group.primary.start()
        frames = client.query("select 1")
        assert codes(frames) == ["08006"] and frames[-1].body == b"E"
        client.query("rollback")
        assert reads(client) == []
    assert group.primary.value("select count(*) from w") == 0
