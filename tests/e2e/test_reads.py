"""Reads on standbys: what goes there, what does not, and that nothing is seen that is older than
what the client knows."""

import threading

import pytest
from harness import messages as m
from harness.conversations import tags
from harness.group import LOOK, WORK_MEM, Group, split, splitting, wait_for_both, where, where_at_last
from harness.processes import wait_until


@pytest.fixture(scope="module")
def group(directory):
    made = Group(directory)
    made.primary.sql("create table t (id int primary key, v int)")
    made.primary.sql("insert into t select i, 0 from generate_series(1, 100) i")
    made.primary.sql("create sequence s")
    made.wait_for_replay()
    yield made
    made.stop()


@pytest.fixture
def start_split(group, start_pgsaba):
    def start(changes=None):
        daemon = start_pgsaba(split(changes), servers=group.servers)
        wait_for_both(daemon)
        return daemon
    return start


@pytest.fixture(scope="module")
def splitter(group, directory, pgsaba_binary):
    with splitting(group, directory, pgsaba_binary, "splitter") as daemon:
        yield daemon


@pytest.fixture
def client(splitter):
    with splitter.connect() as connected:
        yield connected


def extended(client, sql, name=""):
    client.send(m.parse(name, sql), m.bind("", name), m.describe_portal(), m.execute(), m.sync())
    frames = client.read_until_ready()
    assert b"E" not in {frame.tag for frame in frames}, frames
    return [m.row_values(frame)[0].decode() for frame in frames if frame.tag == b"D"]


def test_a_session_reads_on_standbys(client):
    """That sessions go to both, the fixture has seen."""
    assert "primary" not in {where(client) for _ in range(20)}


def test_the_extended_protocol(client):
    assert WORK_MEM[extended(client, LOOK)[0]] != "primary"


def test_a_named_statement(client):
    client.send(m.parse("look", LOOK), m.sync())
    client.read_until_ready()
    seen = set()
    for _ in range(20):
        client.send(m.bind("", "look"), m.execute(), m.sync())
        frames = client.read_until_ready()
        seen.add(WORK_MEM[m.row_values(frames[1])[0].decode()])
    assert "primary" not in seen


def test_a_statement_prepared_by_sql(client):
    client.query("prepare seven as select 7 union all values (8)")
    assert client.rows("execute seven") == [["7"], ["8"]]


@pytest.mark.parametrize("sql", [
    "insert into t values (1000, 1) returning current_setting('work_mem')",
    "select current_setting('work_mem') from t where id = 1 for update",
    "with x as (delete from t where id = 1000 returning 1) select current_setting('work_mem')",
    "select current_setting('work_mem') from (select nextval('s')) n",
    "select current_setting('work_mem') from (select pg_try_advisory_xact_lock(1)) l",
    "select current_setting('work_mem') where not pg_is_in_recovery()",
    "select current_setting('work_mem') from pg_stat_activity limit 1",
    "/* pgsaba:primary */ show work_mem",
])
def test_what_belongs_to_the_primary(client, sql):
    assert WORK_MEM[client.value(sql)] == "primary"
    if "nextval" not in sql:
        assert WORK_MEM[extended(client, sql.replace("1000", "1001"))[0]] == "primary"


def test_a_transaction_runs_on_the_primary(client):
    client.query("begin")
    assert where(client) == "primary"
    client.query("commit")


def test_a_transaction_that_is_read_only_runs_on_a_standby(client):
    where_at_last(client)
    client.query("begin read only")
    first = where(client)
    assert first != "primary"
    assert {where(client) for _ in range(5)} == {first}
    client.query("savepoint a")
    assert tags(client.query("insert into t values (2000, 1)")) == b"EZ"
    client.query("rollback to a")
    assert where(client) == first
    client.query("commit")
    client.query("begin isolation level serializable read only")
    assert where(client) == "primary"
    client.query("commit")


def test_what_a_standby_must_not_do_fails_a_read_only_transaction(client):
    where_at_last(client)
    client.query("begin read only")
    assert where(client) != "primary"
    frames = client.query("select pg_advisory_lock(42)")
    assert m.error_fields(frames[0])["C"] == "25006" and frames[-1].body == b"E"
    assert m.error_fields(client.query(LOOK)[0])["C"] == "25P02"
    assert tags(client.query("rollback")) == b"CZ"
    # As the first statement it takes the transaction to the primary.
    client.query("begin read only")
    client.value("select pg_advisory_lock(42)")
    assert where(client) == "primary"
    client.query("commit")
    client.query("select pg_advisory_unlock_all()")


def test_a_string_that_ends_the_transaction_does_not_go_on_there(client):
    """On a standby what follows would run on the wrong server."""
    for string in ("commit; begin", "commit; select pg_advisory_lock(43)"):
        where_at_last(client)
        client.query("begin read only")
        assert where(client) != "primary"
        frames = client.query(string)
        assert tags(frames) == b"EZ" and frames[-1].body == b"I"
        assert m.error_fields(frames[0])["C"] == "25006"
    assert client.rows("begin; insert into t values (4000, 1) returning id; rollback") == [["4000"]]


def test_what_the_arguments_of_an_execute_do(client):
    client.query("prepare same (text) as select $1")
    frames = client.query("execute same (pg_is_in_recovery()::text)")
    assert m.row_values([frame for frame in frames if frame.tag == b"D"][0]) == [b"false"]


def test_a_cursor_in_a_read_only_transaction(client):
    where_at_last(client)
    client.query("begin read only")
    assert where(client) != "primary"
    client.query("declare c cursor for select id from t where id < 3 order by id")
    assert client.rows("fetch all from c") == [["1"], ["2"]]
    client.query("commit")


def test_the_session_says_where(client):
    client.query("set pgsaba.route = 'primary'")
    assert where(client) == "primary"
    client.query("reset pgsaba.route")
    assert where_at_last(client) != "primary"


def test_a_pipeline_of_reads_and_writes(client):
    client.send(m.query("select 1"), m.query("insert into t values (3000, 1)"),
                m.query("select v from t where id = 3000"),
                m.query("delete from t where id = 3000"))
    frames = client.read_until_ready(4)
    assert tags(frames) == b"TDCZCZTDCZCZ"


def test_a_batch_with_a_write_runs_on_the_primary(client):
    client.send(m.parse("", LOOK), m.bind(), m.execute(), m.parse("", "insert into t values (1, 1)"),
                m.bind(), m.execute(), m.sync())
    frames = client.read_until_ready()
    assert WORK_MEM[m.row_values(frames[2])[0].decode()] == "primary"
    assert m.error_fields(frames[-2])["C"] == "23505"


def test_settings_follow_to_standbys(client):
    client.query("set statement_timeout = '54321ms'")
    for _ in range(6):
        assert where_at_last(client) != "primary"
        assert client.value("show statement_timeout") == "54321ms"


def test_temporary_tables_stay_where_they_are(client):
    client.query("create temp table mine as select 7 as v")
    assert client.value("select v from mine") == "7"
    assert where(client) == "primary"
    client.query("drop table mine")
    assert where_at_last(client) != "primary"


@pytest.mark.parametrize("level", ["session", "database"])
def test_own_writes_are_seen_at_once(start_split, level):
    daemon = start_split({"routing": {"read_your_writes": level}})
    with daemon.connect() as client:
        for number in range(300):
            client.query(f"update t set v = {number} where id = 5")
            assert client.value("select v from t where id = 5") == str(number)


def test_writes_of_others_are_seen_at_once(splitter):
    with splitter.connect() as writer, splitter.connect() as reader:
        for number in range(300):
            writer.query(f"update t set v = {number} where id = 6")
            assert reader.value("select v from t where id = 6") == str(number)


def test_while_standbys_do_not_replay_reads_go_to_the_primary(splitter, group):
    with splitter.connect() as client:
        for standby in group.standbys:
            standby.sql("select pg_wal_replay_pause()")
        try:
            for number in range(20):
                client.query(f"update t set v = {number} where id = 7")
                assert client.value("select v from t where id = 7") == str(number)
            assert where(client) == "primary"
        finally:
            for standby in group.standbys:
                standby.sql("select pg_wal_replay_resume()")
        wait_until(lambda: where(client) != "primary", 10, "reads on standbys again")


def test_without_consistency_stale_reads_are_seen(start_split, group):
    """Or the tests above would prove nothing."""
    daemon = start_split({"routing": {"read_your_writes": "off"}})
    with daemon.connect() as client:
        for standby in group.standbys:
            standby.sql("select pg_wal_replay_pause()")
        try:
            before = client.value("select v from t where id = 8")
            client.query("update t set v = v + 1 where id = 8")
            assert client.value("select v from t where id = 8") == before
        finally:
            for standby in group.standbys:
                standby.sql("select pg_wal_replay_resume()")


def test_a_standby_that_is_gone_is_not_missed(start_split, group):
    daemon = start_split()
    with daemon.connect() as client:
        group.standbys[1].stop("immediate")
        try:
            assert {where(client) for _ in range(50)} <= {"standby-1", "primary"}
        finally:
            group.standbys[1].start()
        wait_until(lambda: where(client) == "standby-2", 20, "reads on the standby that came back")


def test_a_read_that_a_standby_cancels_runs_on_the_primary(start_split, group):
    """Somebody else's cancellation stands for a conflict with recovery: only the client's own words
    must end its statement."""
    daemon = start_split()
    with daemon.connect() as client:
        where_at_last(client)
        running = threading.Thread(target=lambda: results.append(
            client.rows("select count(*) from generate_series(1, 3), pg_sleep(0.5)")))
        results = []
        running.start()

        def kill_it():
            return sum(len(standby.sql(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where state = 'active' and query like '%generate_series(1, 3)%'"
                " and pid <> pg_backend_pid()")) for standby in group.standbys)

        wait_until(kill_it, 10, "the read on a standby")
        running.join()
        assert results == [[["3"]]]


def test_a_table_that_is_not_yet_replayed(start_split, group):
    daemon = start_split({"routing": {"read_your_writes": "off"}})
    with daemon.connect() as client:
        where_at_last(client)
        for standby in group.standbys:
            standby.sql("select pg_wal_replay_pause()")
        try:
            client.query("create table fresh as select 42 as v")
            assert client.value("select v from fresh") == "42"
            assert extended(client, "select v from fresh") == ["42"]
            client.send(m.parse("named", "select v from fresh"), m.sync())
            client.read_until_ready()
            client.send(m.bind("", "named"), m.execute(), m.sync(), m.query("select 'next'"))
            assert tags(client.read_until_ready(2)) == b"2DCZTDCZ"
            assert m.error_fields(client.query("select v from never")[0])["C"] == "42P01"
            # What failed there leaves nothing in the connection's ledger for whoever has it next.
            for number in range(6):
                with daemon.connect() as other:
                    other.send(m.parse(f"mine{number}", "select 1"), m.parse("", "select 2"),
                               m.sync())
                    assert tags(other.read_until_ready()) == b"11Z"
                    other.send(m.bind("", f"mine{number}"), m.execute(), m.bind(), m.execute(),
                               m.sync())
                    assert tags(other.read_until_ready()) == b"2DC2DCZ"
                assert extended(client, "select v from fresh") == ["42"]
            # Nobody waits for the end of a session that has said goodbye.
            with daemon.connect() as leaving:
                leaving.send(m.query("select v from fresh"), m.terminate())
                leaving.read_to_end()
            wait_until(lambda: len(daemon.admin("show clients")) == 2, 10, "the client that left")
        finally:
            for standby in group.standbys:
                standby.sql("select pg_wal_replay_resume()")


def test_a_pool_that_is_full_bans_no_standby(start_split, group):
    """Whoever finds all connections in use waits for one, and afterwards all goes on as before."""
    daemon = start_split({"databases": {"postgres": {"pool_size": 1}}})
    busy, waiting = [], [daemon.connect(timeout=30) for _ in range(6)]
    names = {f"standby-{number}": standby.name for number, standby in enumerate(group.standbys, 1)}
    with daemon.connect(database="pgsaba") as console:
        for _ in range(2):  # each keeps the only connection of its standby
            busy.append(daemon.connect(timeout=30))
            busy[-1].query("begin read only")
            console.query(f"disable server {names[where(busy[-1])]}")
        for name in names.values():
            assert tags(console.query(f"enable server {name}"))[-1:] == b"Z"
    for client in waiting:
        client.send(m.query(LOOK))
        assert client.is_silent(0.02)
    for client in busy:
        client.query("commit")
    seen = {WORK_MEM[m.row_values(client.read_until_ready()[1])[0].decode()] for client in waiting}
    assert seen <= set(names)
    wait_for_both(daemon)
    for client in busy + waiting:
        client.close()


def test_servers_come_and_go_with_a_reload(group, start_pgsaba):
    def servers(*members):
        return {"clusters": {"main": {"servers": [
            {"name": member.name, "host": member.host, "port": member.port}
            for member in members]}}}

    def seen_by_new_clients():
        seen = set()
        for _ in range(10):
            with daemon.connect() as client:
                seen.add(where(client))
        return seen

    primary, one, two = group.servers
    daemon = start_pgsaba(split(), servers=[primary, one])
    wait_until(lambda: seen_by_new_clients() == {"standby-1"}, 20, "reads on one standby")
    with daemon.connect() as client:
        daemon.reload(servers(primary, one, two))
        wait_for_both(daemon)
        daemon.reload(servers(primary, two))
        wait_until(lambda: seen_by_new_clients() == {"standby-2"}, 20, "reads on the other one")
        assert where_at_last(client) == "standby-2"
