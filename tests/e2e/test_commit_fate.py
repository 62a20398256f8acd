"""routing.xact_status: a COMMIT whose server is lost before it answers. Where its fate can be known
for certain, the client is told; where not, it gets 08007."""

import re

import pytest
from harness import messages as m
from harness.cluster import PostgresCluster
from harness.conversations import tags
from harness.group import Group, split
from harness.processes import wait_until
from harness.workload import codes

ASKING = split({"routing": {"xact_status": True}, "timeouts": {"failover_wait": "30s"}})
# Whoever asks for it waits for ever.
SETTINGS = {"log_statement": "all", "synchronous_standby_names": "nobody",
            "synchronous_commit": "local"}
QUESTION = "txid_current_if_assigned"

# A COMMIT that takes its time, before it takes effect: a constraint that is checked at the end.
SLOW_CHECK = """
    create table slow (key text);
    create function check_slowly() returns trigger language plpgsql as
        $$ begin perform pg_sleep(60); return null; end $$;
    create constraint trigger slowly after insert on slow deferrable initially deferred
        for each row execute function check_slowly();
"""


@pytest.fixture(scope="module")
def lasting(directory):
    made = PostgresCluster(directory, "fate", SETTINGS).initialize().start()
    prepare(made)
    yield made
    made.stop("immediate")


def prepare(server):
    server.sql("create table w (key text)")
    server.sql(SLOW_CHECK)


@pytest.fixture
def server(lasting):
    lasting.sql("truncate w, slow")
    yield lasting
    lasting.settings["synchronous_standby_names"] = "nobody"
    lasting.stop("immediate")
    lasting.start()


@pytest.fixture
def daemon(server, start_pgsaba):
    started = start_pgsaba(ASKING, servers=[server])
    wait_until(lambda: server.value("select count(*) from pg_stat_activity where "
                                    "application_name = 'pgsaba fates'"), 20, "a witness")
    return started


def in_simple_protocol(client):
    client.send(m.query("commit"))


def in_one_batch(client):
    client.send(m.parse("", "COMMIT"), m.bind(), m.describe_portal(), m.execute(), m.sync())


def by_name(client):
    client.send(m.bind("", "end"), m.execute(), m.sync())


WAYS = {in_simple_protocol: b"CZ", in_one_batch: b"12nCZ", by_name: b"2CZ"}


def begin(client, table):
    client.send(m.parse("end", "commit"), m.sync())
    client.read_until_ready()
    client.query("begin")
    assert codes(client.query(f"insert into {table} values ('perhaps')")) == []


def backend_that(server, condition):
    question = f"select pid from pg_stat_activity where {condition} and pid <> pg_backend_pid()"
    wait_until(lambda: server.sql(question), 20, "a COMMIT that waits")
    return server.value(question)


def commit_that_is_done(server, client, way=in_simple_protocol):
    """It is on disk, and waits for a standby that will never answer."""
    client.query("set synchronous_commit = on")
    begin(client, "w")
    way(client)
    return backend_that(server, "wait_event = 'SyncRep'")


def start_without_standbys(server):
    server.settings["synchronous_standby_names"] = ""
    server.start()


def commit_that_is_not(server, client, way=in_simple_protocol):
    begin(client, "slow")
    way(client)
    return backend_that(server, "wait_event = 'PgSleep'")


def rolled_back(frames):
    fields = m.error_fields(frames[0])
    return (codes(frames) == ["08006"] and "asked what had become of it" in fields["D"] and
            frames[-1].body == b"E")


def check_that_all_goes_on(client):
    client.query("rollback")
    client.query("begin")
    assert codes(client.query("set local synchronous_commit = local")) == []
    assert codes(client.query("insert into w values ('after')")) == []
    assert tags(client.query("commit")) == b"CZ"


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_the_server_died_after_it_had_committed(server, daemon, way):
    with daemon.connect(timeout=60) as client:
        commit_that_is_done(server, client, way)
        server.kill()
        start_without_standbys(server)
        frames = client.read_until_ready()
        assert tags(frames) == WAYS[way] and frames[-1].body == b"I"
        assert frames[-2].body == b"COMMIT\0"
        check_that_all_goes_on(client)
    assert server.value("select count(*) from w where key = 'perhaps'") == 1


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_the_server_died_before_it_had_committed(server, daemon, way):
    with daemon.connect(timeout=60) as client:
        commit_that_is_not(server, client, way)
        server.kill()
        server.start()
        assert rolled_back(client.read_until_ready())
        check_that_all_goes_on(client)
    assert server.value("select count(*) from slow") == 0


def test_only_the_connection_was_lost(server, daemon):
    """The server was not restarted, and says so."""
    with daemon.connect(timeout=60) as client:
        pid = commit_that_is_not(server, client)
        server.sql(f"select pg_terminate_backend({pid})")
        assert rolled_back(client.read_until_ready())
        check_that_all_goes_on(client)


def test_what_standbys_have_to_confirm_is_not_told_before(server, daemon):
    """The server has it, and would not say so itself: if it were lost now, so would the transaction."""
    with daemon.connect(timeout=60) as client:
        commit_that_is_done(server, client)
        server.kill()
        server.start()
        frames = client.read_until_ready()
        assert codes(frames) == ["08007"] and frames[-1].body == b"E"
    assert server.value("select count(*) from w where key = 'perhaps'") == 1


def test_nobody_answers_in_time(server, start_pgsaba):
    daemon = start_pgsaba({**ASKING, "timeouts": {"failover_wait": "500ms"}},
                          servers=[server])
    with daemon.connect(timeout=60) as client:
        commit_that_is_not(server, client)
        server.kill()
        assert codes(client.read_until_ready()) == ["08007"]


def test_what_else_hangs_on_the_server_is_not_to_be_known(server, daemon):
    """Whether the SET is in force depends on the same fate, and cannot be asked for any more."""
    with daemon.connect(timeout=60) as client:
        begin(client, "slow")
        client.query("set work_mem = '9MB'")
        in_simple_protocol(client)
        backend_that(server, "wait_event = 'PgSleep'")
        server.kill()
        server.start()
        assert codes(client.read_until_ready()) == ["08007"]


def questions(server):
    log = server.log_path.read_text()
    return len(re.findall(rf"(?:statement|execute [^:]*): .*{QUESTION}", log))


def test_who_asks(server, daemon, start_pgsaba):
    """One question for a transaction that has written, and none for anything else."""
    before = questions(server)
    off = start_pgsaba(split(), servers=[server])
    with off.connect() as client:
        begin(client, "w")
        assert codes(client.query("commit")) == []
    assert questions(server) == before
    with daemon.connect() as client:
        client.query("insert into w values ('1')")
        client.query("begin; insert into w values ('2'); commit")
        for sql in ("begin", "select 1", "commit", "begin", "insert into w values ('3')",
                    "rollback"):
            assert codes(client.query(sql)) == []
        assert questions(server) == before
        client.send(m.parse("end", "commit"), m.sync())
        client.read_until_ready()
        for way, answer in WAYS.items():
            client.query("begin")
            client.query("insert into w values ('4')")
            way(client)
            frames = client.read_until_ready()
            assert tags(frames) == answer
        assert questions(server) == before + len(WAYS)


def test_another_timeline_knows_nothing_of_it(directory, start_pgsaba):
    group = Group(directory, SETTINGS, "fates")
    try:
        prepare(group.primary)
        group.wait_for_replay()
        with start_pgsaba(ASKING, servers=group.servers).connect(timeout=60) as client:
            commit_that_is_done(group.primary, client)
            group.primary.kill()
            group.promote()
            frames = client.read_until_ready()
            assert codes(frames) == ["08007"] and frames[-1].body == b"E"
            check_that_all_goes_on(client)
    finally:
        group.stop()
