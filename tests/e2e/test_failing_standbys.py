"""A standby fails while clients read on it: it dies, it restarts, it is cut off, or it cancels what
it runs. Whoever only reads, outside of a transaction, does not notice."""

import pytest
from harness import messages as m
from harness.cluster import PostgresCluster
from harness.conversations import tags
from harness.group import Group, split, wait_for_both, where, where_at_last
from harness.processes import wait_until
from harness.workload import Readers, codes

LONG = "select count(*) from v, (select pg_sleep(2)) s"


@pytest.fixture(scope="module")
def group(directory):
    made = Group(directory, {"max_standby_streaming_delay": "0", "hot_standby_feedback": "off"},
                 name="standbys")
    made.primary.sql("create table r as select generate_series(1, 100)")
    made.primary.sql("create table v as select generate_series(1, 100)")
    made.primary.sql("create table seen as select 0 as number")
    made.wait_for_replay()
    yield made
    made.stop()


@pytest.fixture
def daemon(group, start_pgsaba):
    started = start_pgsaba(split(), servers=group.servers)
    wait_for_both(started)
    return started


def wait_for_reads_on(standby, daemon):
    name = f"standby-{standby.name[-1]}"

    def is_read():
        with daemon.connect() as client:
            return where(client) == name
    wait_until(is_read, 30, f"reads on {name}")


@pytest.mark.parametrize("way", ["kill", "immediate", "fast"])
def test_it_dies_and_comes_back(group, daemon, way):
    standby = group.standbys[1]
    with Readers(daemon, 16) as readers:
        for _ in range(2):
            wait_until(readers.all_go_on(), 60, "reads")
            standby.kill() if way == "kill" else standby.stop(way)
            wait_until(readers.all_go_on(), 60, "reads on the other one")
            standby.start()
            wait_for_reads_on(standby, daemon)
    assert readers.errors == []


@pytest.mark.parametrize("extended", [False, True], ids=["simple", "extended"])
def test_it_says_goodbye_in_the_middle_of_an_answer(group, daemon, extended):
    """Stopped at once, a server sends what it has of the answer before its last words."""
    read = "select i, pg_sleep(2 * (i - 1)) from generate_series(1, 2) i"
    with daemon.connect(timeout=60) as client:
        assert client.value("select count(*) from r") == "100"
        if extended:
            client.send(m.parse("", read), m.bind(), m.execute(), m.sync())
        else:
            client.send(m.query(read))
        question = ("select count(*) from pg_stat_activity where query like '%pg_sleep(2 *%' and "
                    "wait_event = 'PgSleep'")
        wait_until(lambda: any(standby.value(question) for standby in group.standbys), 20, "it")
        left = next(standby for standby in group.standbys if standby.value(question))
        left.stop("immediate")
        try:
            frames = client.read_until_ready()
            assert codes(frames) == []
            rows = [m.row_values(frame)[0] for frame in frames if frame.tag == b"D"]
            assert rows == [b"1", b"2"]
        finally:
            left.start()
        wait_for_reads_on(left, daemon)


def test_both_die(group, daemon):
    with Readers(daemon, 16) as readers:
        wait_until(readers.all_go_on(), 60, "reads")
        for standby in group.standbys:
            standby.kill()
        wait_until(readers.all_go_on(), 60, "reads on the primary")
        for standby in group.standbys:
            standby.start()
    assert readers.errors == []


def test_it_is_cut_off(group, daemon):
    """Its connections stay, and say nothing: what was sent there is run elsewhere once the monitor has
    found out."""
    standby = group.standbys[1]
    with daemon.connect(timeout=60) as client, Readers(daemon, 16) as readers:
        wait_until(readers.all_go_on(), 60, "reads")
        in_transaction_on(standby, client)
        standby.freeze()
        try:
            daemon.wait_for_log(f"server {standby.name} cannot be asked for its role: no answer")
            wait_until(readers.all_go_on(), 60, "reads on the other one")
            frames = client.query("select 1")
            assert codes(frames) == ["08006"] and frames[-1].body == b"E"
            assert tags(client.query("rollback")) == b"CZ"
        finally:
            standby.thaw()
        wait_for_reads_on(standby, daemon)
    assert readers.errors == []


def test_it_is_cut_off_from_the_primary(group, daemon):
    """It is well, and answers; but it hears of nothing any more."""
    standby = group.standbys[1]
    name = f"standby-{standby.name[-1]}"
    standby.sql("alter system set primary_conninfo = 'host=127.0.0.1 port=1'")
    standby.sql("select pg_reload_conf()")
    try:
        wait_until(lambda: {row["server"]: row for row in daemon.admin("show topology")}
                   [standby.name]["fit_for_reads"] == "no", 20, "its end as a standby")
        with daemon.connect(timeout=60) as client:
            for number in range(20):
                group.primary.sql("update seen set number = %s", (number,))
                client.query(f"update seen set number = {number}")
                assert client.value("select number from seen") == str(number)
                assert where(client) != name
    finally:
        standby.follow(group.primary)
    wait_for_reads_on(standby, daemon)


def test_it_is_rebuilt_under_its_address(group, daemon):
    """What is there now begins anew: nothing that was known of its predecessor counts."""
    standby = group.standbys[1]
    with Readers(daemon, 8) as readers, daemon.connect(timeout=60) as client:
        wait_until(readers.all_go_on(), 60, "reads")
        standby.rebuild_from(group.primary)
        for number in range(100, 150):
            client.query(f"update seen set number = {number}")
            assert client.value("select number from seen") == str(number)
        wait_for_reads_on(standby, daemon)
        for number in range(200, 250):
            client.query(f"update seen set number = {number}")
            assert client.value("select number from seen") == str(number)
    assert readers.errors == []


def test_a_stranger_has_its_address(group, directory, start_pgsaba):
    """A server of another cluster, with a table of that name."""
    stranger = PostgresCluster(directory, "stranger").initialize().start()
    standby = group.standbys[1]
    daemon = start_pgsaba(split(), servers=group.servers)
    wait_for_both(daemon)
    standby.stop()
    here, stranger.port = stranger.port, standby.port
    try:
        stranger.stop()
        stranger.start()
        stranger.sql("create table r as select 1")
        with Readers(daemon, 8) as readers, daemon.connect(timeout=60) as client:
            daemon.wait_for_log(f"server {standby.name} answers again")
            wait_until(readers.all_go_on(20), 60, "reads")
            assert codes(client.query("update seen set number = 7")) == []
        assert readers.errors == []
    finally:
        stranger.stop("immediate")
        stranger.port = here
        standby.start()


def in_transaction_on(standby, client):
    def begins_there():
        client.query("begin read only")
        if where(client) == f"standby-{standby.name[-1]}":
            return True
        client.query("commit")
        return False
    wait_until(begins_there, 30, "a transaction there")


@pytest.mark.parametrize("extended", [False, True], ids=["simple", "extended"])
@pytest.mark.parametrize("change", ["vacuum v", "alter table v add column more int", "truncate v"])
def test_it_cancels_a_read(group, daemon, change, extended):
    """The primary removes what the read on the standby still sees, or locks its table."""
    group.primary.sql("drop table v")
    group.primary.sql("create table v as select generate_series(1, 100)")
    group.wait_for_replay()
    before = conflicts(group)
    with daemon.connect(timeout=60) as client:
        where_at_last(client)
        if extended:
            client.send(m.parse("", LONG), m.bind(), m.execute(), m.sync())
        else:
            client.send(m.query(LONG))
        wait_until(lambda: any(runs(standby) for standby in group.standbys), 20, "the read")
        group.primary.sql("delete from v")
        group.primary.sql(change)
        frames = client.read_until_ready()
        assert codes(frames) == []
        assert [m.row_values(frame) for frame in frames if frame.tag == b"D"] == [[b"0"]]
    assert conflicts(group) > before, "there was no conflict, so this proves nothing"


def runs(standby):
    return standby.value("select count(*) from pg_stat_activity where state = 'active' and "
                         "query like '%pg_sleep(2)%' and pid <> pg_backend_pid()")


def conflicts(group):
    return sum(standby.log_path.read_text().count("due to conflict with recovery")
               for standby in group.standbys)


def test_a_read_meets_one_dying_connection_after_the_other(group, start_pgsaba):
    """Of a server that stops. The read waits for a good one, however many die under it; but what dies
    only since this read runs there may die of it."""
    daemon = start_pgsaba(split({"routing": {"read_your_writes": "off"}}), servers=group.servers)
    wait_for_both(daemon)
    for standby in group.standbys:
        assert codes(daemon_command(daemon, f"disable server {standby.name}")) == []
    crowd = [daemon.connect() for _ in range(4)]  # as many connections as the pool may have
    for client in crowd:
        client.query("begin")
        client.query("update seen set number = number where false")
    for client in crowd:
        client.query("commit")
        client.close()
    with daemon.connect(timeout=60) as client:
        old = backends(group.primary)
        assert len(old) == 4
        client.send(m.query("select 7 from (select pg_sleep(2)) s"))
        met = {terminate_the_read(group.primary) for _ in old}
        assert met == old
        frames = client.read_until_ready()
        assert codes(frames) == [] and m.row_values(frames[1]) == [b"7"]
        client.send(m.query("select 8 from (select pg_sleep(2)) s"))
        for _ in range(10):
            if not client.is_silent(0.01):
                break
            terminate_the_read(group.primary)
        assert codes(client.read_until_ready()) == ["08007"]


def test_a_read_that_has_waited_for_the_primary_is_repeated_too(group, start_pgsaba):
    daemon = start_pgsaba(split({"databases": {"postgres": {"pool_size": 1}},
                                 "routing": {"read_your_writes": "off"}}), servers=group.servers)
    wait_for_both(daemon)
    for standby in group.standbys:
        assert codes(daemon_command(daemon, f"disable server {standby.name}")) == []
    with daemon.connect() as other, daemon.connect(timeout=60) as client:
        other.query("begin")
        other.query("update seen set number = number where false")
        client.send(m.query("select 7 from (select pg_sleep(2)) s"))
        assert client.is_silent()
        other.query("commit")
        terminate_the_read(group.primary)
        frames = client.read_until_ready()
        assert codes(frames) == [] and m.row_values(frames[1]) == [b"7"]


def daemon_command(daemon, sql):
    with daemon.connect(database="pgsaba") as console:
        return console.query(sql)


def backends(server):
    return {pid for pid, in server.sql(
        "select pid from pg_stat_activity where backend_type = 'client backend' and "
        "application_name not like 'pgsaba%' and pid <> pg_backend_pid()")}


def terminate_the_read(server):
    question = ("select pid from pg_stat_activity where state = 'active' and "
                "query like '%pg_sleep(2)%' and pid <> pg_backend_pid()")
    wait_until(lambda: server.sql(question), 20, "the read")
    pid = server.value(question)
    server.sql("select pg_terminate_backend(%s, 5000)", (pid,))
    return pid
