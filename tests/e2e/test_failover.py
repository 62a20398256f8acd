"""The primary fails: it dies and a standby is promoted, or it comes back. No client is disconnected,
what was not sent waits, and what was acknowledged is there, once."""

import itertools
import threading
import time

import pytest
from harness import messages as m
from harness.conversations import tags
from harness.group import Group, split, wait_for_both, where
from harness.processes import wait_until
from harness.workload import Readers, Writers, codes

NAMES = itertools.count()
PATIENT = {"timeouts": {"failover_wait": "60s"}}
POOL = 4  # servers: so many statements can be in flight


@pytest.fixture
def group(directory):
    made = Group(directory, name=f"failover{next(NAMES)}")
    made.primary.sql("create table w (key text)")
    made.primary.sql("create table r as select generate_series(1, 100)")
    made.wait_for_replay()
    yield made
    made.stop()


@pytest.fixture
def daemon(group, start_pgsaba):
    started = start_pgsaba(split(PATIENT), servers=group.servers)
    wait_for_both(started)
    return started


def fail(server, way):
    server.kill() if way == "kill" else server.stop(way)


def write(client, key):
    return codes(client.query(f"insert into w values ('{key}')"))


def count(server):
    return server.value("select count(*) from w")


class InBackground:
    """A client of its own, with a statement that may have to wait."""

    def __init__(self, daemon):
        self.client = daemon.connect(timeout=60)

    def start(self, sql):
        self.client.send(m.query(sql))
        assert self.client.is_silent()

    def answer(self):
        frames = self.client.read_until_ready()
        self.client.close()
        return frames


@pytest.mark.parametrize("way", ["fast", "kill"])
def test_a_standby_is_promoted(group, daemon, way):
    group.primary.sql("alter system set synchronous_standby_names = 'any 2 (*)'")
    group.primary.sql("select pg_reload_conf()")
    with Writers(daemon, 32) as writers, Readers(daemon, 8) as readers:
        wait_until(writers.all_go_on(), 60, "writes")
        fail(group.primary, way)
        group.promote()
        wait_until(writers.all_go_on(), 60, "writes on the new primary")
        wait_until(readers.all_go_on(), 60, "reads")
    assert set(writers.errors) <= {"08007", "57P01"} and len(writers.errors) <= POOL
    assert readers.errors == []
    writers.check(group.standbys[0])


def test_writes_follow_the_probe_that_sees_the_promotion(group, start_pgsaba):
    """They wait for nothing else: one probe may have been under way when the server was promoted, the
    next one finds out. The server says so in its log a moment later than to who asks it."""
    promoted = group.standbys[0]
    promoted.sql("alter system set log_statement = 'all'")
    promoted.sql("select pg_reload_conf()")
    daemon = start_pgsaba(split({**PATIENT, "clusters": {"main": {"monitor": {"interval": "1s"}}}}),
                          servers=group.servers)
    with Writers(daemon, 8) as writers:
        wait_until(writers.all_go_on(), 60, "writes")
        group.primary.kill()
        group.promote()
        wait_until(writers.all_go_on(), 60, "writes on the new primary")
    log = promoted.log_path.read_text()
    waited = log[log.index("ready to accept connections"):log.index("insert into w")]
    assert waited.count("pgsaba monitor LOG:  statement: ") <= 2


@pytest.mark.parametrize("way", ["fast", "immediate", "kill"])
def test_the_primary_restarts(group, daemon, way):
    with Writers(daemon, 16) as writers, Readers(daemon, 8) as readers:
        wait_until(writers.all_go_on(), 60, "writes")
        fail(group.primary, way)
        group.primary.start()
        wait_until(writers.all_go_on(), 60, "writes again")
        wait_until(readers.all_go_on(), 60, "reads")
    assert set(writers.errors) <= {"08007", "57P01"} and len(writers.errors) <= POOL
    assert readers.errors == []
    writers.check(group.primary)


def test_writes_wait_for_a_primary_that_is_not_there_yet(group, daemon):
    """All that answer are in recovery: there is nobody to connect to. So does a new client."""
    with daemon.connect() as client:
        writing = InBackground(daemon)
        group.primary.stop()
        group.primary.become_standby_of(group.standbys[0])
        group.primary.start()
        daemon.wait_for_log("every server that answers is in recovery")
        writing.start("insert into w values ('waits')")
        new = threading.Thread(target=lambda: daemon.connect(timeout=60).close())
        new.start()
        assert client.value("select count(*) from r") == "100"
        assert where(client) != "primary"
        group.promote()
        assert codes(writing.answer()) == []
        new.join()
    assert count(group.standbys[0]) == 1


def test_how_long_they_wait(group, start_pgsaba):
    daemon = start_pgsaba(split({"timeouts": {"failover_wait": "300ms"}}), servers=group.servers)
    with daemon.connect() as client:
        group.primary.stop()
        group.primary.become_standby_of(group.standbys[0])
        group.primary.start()
        daemon.wait_for_log("every server that answers is in recovery")
        assert write(client, "in vain") == ["57P03"]
        client.query("begin")
        frames = client.query("insert into w values ('in vain')")
        assert codes(frames) == ["57P03"] and frames[-1].body == b"E"
        assert tags(client.query("rollback")) == b"CZ"
        group.promote()
        wait_until(lambda: write(client, "written") == [], 20, "a write on the new primary")
    assert count(group.standbys[0]) == 1


def test_a_write_never_goes_to_a_primary_that_came_back_as_a_standby(group, start_pgsaba):
    """Nobody has asked for the roles since: the server itself says so when a connection is opened."""
    daemon = start_pgsaba(split({**PATIENT, "clusters": {"main": {"monitor": {"interval": "1h"}}}}),
                          servers=group.servers)
    with daemon.connect() as client:
        assert write(client, "before") == []
        group.primary.stop()
        daemon.wait_for_log("the primary does not answer")
        group.promote()
        group.primary.become_standby_of(group.standbys[0])
        group.primary.start()
        assert write(client, "after") == []
    assert count(group.standbys[0]) == 2


def test_an_open_transaction(group, daemon):
    with daemon.connect(timeout=60) as client:
        client.query("begin")
        assert write(client, "lost") == []
        group.primary.kill()
        frames = client.query("insert into w values ('lost')")
        assert codes(frames) == ["08006"] and frames[-1].body == b"E"
        assert write(client, "lost") == ["25P02"]
        assert tags(client.query("rollback")) == b"CZ"
        group.promote()
        client.query("begin")
        assert write(client, "kept") == []
        assert tags(client.query("commit")) == b"CZ"
    assert group.standbys[0].sql("select key from w") == [("kept",)]


def test_a_commit_in_flight(group, daemon):
    group.primary.sql("alter system set synchronous_standby_names = 'nobody'")
    group.primary.sql("select pg_reload_conf()")
    wait_until(lambda: group.primary.value("show synchronous_standby_names") == "nobody", 20, "the reload")
    time.sleep(1)  # commits wait as soon as the checkpointer has heard of it, which nothing shows
    with daemon.connect(timeout=60) as client:
        client.query("begin")
        assert write(client, "perhaps") == []
        client.send(m.query("commit"))
        wait_until(lambda: group.primary.value("select count(*) from pg_stat_activity where "
                                               "wait_event = 'SyncRep'"), 20, "a COMMIT that waits")
        group.primary.kill()
        frames = client.read_until_ready()
        assert codes(frames) == ["08007"] and frames[-1].body == b"E"
        assert tags(client.query("rollback")) == b"CZ"
        group.promote()
        assert write(client, "after") == []


def test_the_old_primary_comes_back(group, daemon):
    """It accepts writes, on the timeline that was left."""
    group.primary.kill()
    group.promote()
    with Writers(daemon, 8) as writers:
        wait_until(writers.all_go_on(), 60, "writes on the new primary")
        group.primary.start()
        daemon.wait_for_log(f"server {group.primary.name} answers again")
        wait_until(writers.all_go_on(50), 60, "many writes")
        with daemon.connect() as client:
            assert "primary" not in {where(client) for _ in range(50)}
    assert writers.errors == [] and count(group.primary) == 0
    writers.check(group.standbys[0])


def test_the_old_primary_never_went(group, daemon):
    """What is open there must not be committed once there is another one."""
    with daemon.connect() as client, daemon.connect() as idle:
        assert write(idle, "before") == []
        group.wait_for_replay()
        client.query("begin")
        assert write(client, "on the old one") == []
        group.promote()
        daemon.wait_for_log(f"the primary is {group.standbys[0].name}")
        assert codes(client.query("commit")) == ["08006"]
        assert write(client, "after") == [] and write(idle, "after") == []
    assert count(group.primary) == 1 and count(group.standbys[0]) == 3


def test_two_primaries_on_one_timeline(group, start_pgsaba):
    twin = group.primary.make_twin(f"{group.primary.name}-twin")
    daemon = start_pgsaba(split({"timeouts": {"failover_wait": "500ms"}}),
                          servers=[group.primary, twin, *group.standbys])
    with daemon.connect(timeout=60) as client, daemon.connect() as other:
        writing = InBackground(daemon)
        assert write(client, "before") == []
        other.query("begin")
        assert write(other, "nor this") == []
        twin.start()
        try:
            daemon.wait_for_log("two servers accept writes on the same timeline")
            frames = client.query("insert into w values ('refused')")
            assert codes(frames) == ["57P03"]
            assert "disputed" in m.error_fields(frames[0])["M"]
            assert codes(other.query("commit")) == ["08006"]
            daemon.reload(PATIENT)
            daemon.wait_for_log("configuration reloaded")
            writing.start("insert into w values ('after')")
            assert count(twin) == 0
        finally:
            twin.stop("immediate")
        assert codes(writing.answer()) == []
    assert sorted(group.primary.sql("select key from w")) == [("after",), ("before",)]
