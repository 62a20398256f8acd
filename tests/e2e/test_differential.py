"""Whatever a client says, pgsaba answers as PostgreSQL does: the same frames, byte for byte."""

import socket

import pytest
from harness import messages as m
from harness.differential import DRIBBLED, FAILED, READY, WHOLE, converse, is_complete, login_answer
from scripts import FATAL, GROUPS

SCRIPTS = [pytest.param(script, id=f"{group}-{name}")
           for group, scripts in GROUPS.items() for name, script in scripts.items()]


@pytest.fixture(scope="module")
def tables(cluster):
    """Made once, since RowDescription and errors carry their oids; emptied before each script."""
    cluster.sql("create table notes (a int, b text)")
    cluster.sql("create table strict (a int primary key not null check (a > 0))")
    cluster.sql("create table later (a int unique deferrable initially deferred)")

    def empty():
        cluster.sql("truncate notes, strict, later")

    return empty


@pytest.fixture(scope="module")
def somebody(cluster):
    cluster.create_user("somebody")


def both(cluster, pgsaba, tables, script, delivery):
    """The answers of a direct connection and of pgsaba."""
    tables()
    direct = converse((cluster.host, cluster.port), script, delivery)
    tables()
    return direct, converse(pgsaba.where, script, delivery)


@pytest.mark.parametrize("delivery", [WHOLE, DRIBBLED], ids=lambda delivery: delivery.name)
@pytest.mark.parametrize("script", SCRIPTS)
def test_same_answers(cluster, pgsaba, tables, script, delivery):
    if delivery.size and sum(len(step) for step in script if isinstance(step, bytes)) > 20_000:
        pytest.skip("too many pieces")
    direct, through = both(cluster, pgsaba, tables, script, delivery)
    assert is_complete(direct), direct
    assert through == direct


def end_of(where, script):
    # How the end is noticed by what we send behind it is a matter of timing.
    return [frame for step in converse(where, script) for frame in step if frame.tag != FAILED]


@pytest.mark.parametrize("script", FATAL.values(), ids=FATAL)
def test_same_end(cluster, pgsaba, tables, script):
    tables()
    direct = end_of((cluster.host, cluster.port), script)
    tables()
    assert end_of(pgsaba.where, script) == direct


def test_an_unknown_message_ends_the_connection(cluster, pgsaba):
    """The error is of our own making: it says the same, but not where in PostgreSQL's source."""
    script = [m.frame(b"!", b"")]
    direct, through = end_of((cluster.host, cluster.port), script), end_of(pgsaba.where, script)
    assert [frame.tag for frame in through] == [frame.tag for frame in direct] == [b"E"]
    fields = m.error_fields(direct[0])
    assert m.error_fields(through[0]) == {code: fields[code] for code in "SVCM"}


def test_a_client_outlives_its_server(cluster, pgsaba):
    """PostgreSQL ends the session; pgsaba only the statement, whose fate nobody knows."""
    script = [m.query("select pg_terminate_backend(pg_backend_pid())"), READY]
    direct, through = end_of((cluster.host, cluster.port), script), end_of(pgsaba.where, script)
    assert m.error_fields(direct[-1])["C"] == "57P01"
    tags = b"".join(frame.tag for frame in through)
    assert tags in (b"TEZ" + b"TDCZ", b"TDEZ" + b"TDCZ")  # the row may come before the signal
    fields = m.error_fields(through[-6])
    assert (fields["S"], fields["C"]) == ("ERROR", "08007")
    assert m.row_values(through[-3]) == [b"still in step"]
    assert through[-5].body == through[-1].body == b"I"


@pytest.mark.parametrize("options", [
    {}, {"application_name": "saba"}, {"client_encoding": "LATIN1", "datestyle": "German"},
    {"TimeZone": "Asia/Tokyo", "options": "-c work_mem=8MB"}], ids=str)
def test_same_login(cluster, pgsaba, options):
    direct = login_answer((cluster.host, cluster.port), options=options)
    assert login_answer(pgsaba.where, options=options) == direct


def test_same_login_over_a_unix_socket(cluster, pgsaba):
    direct = login_answer(cluster.socket_directory / f".s.PGSQL.{cluster.port}")
    assert login_answer(pgsaba.unix_socket) == direct


@pytest.mark.parametrize("version", [(3 << 16) + 2, (3 << 16) + 9999], ids=["3.2", "3.9999"])
def test_newer_protocol_is_negotiated(pgsaba, version):
    """PostgreSQL 15 offers 3.0; pgsaba may know more, but must say what it speaks and go on."""
    with pgsaba.connect(version=version, options={"_pq_.grease": "on"}) as client:
        negotiation = [frame for frame in client.login_frames if frame.tag == b"v"]
        assert len(negotiation) == 1 and b"_pq_.grease\0" in negotiation[0].body
        assert client.value("select 1") == "1"


def test_clients_share_servers_without_mixing_answers(cluster, pgsaba):
    """Sixteen clients on four servers, all with the same names for different statements."""
    clients = [pgsaba.connect() for _ in range(16)]
    try:
        for number, client in enumerate(clients):
            client.send(m.parse("s", f"select {number}, $1::int") + m.sync())
        for client in clients:
            client.read_until_ready()
        for turn in range(20):
            for client in clients:
                client.send(m.bind("", "s", [turn]) + m.execute() + m.sync())
            for number, client in enumerate(clients):
                frames = client.read_until_ready()
                assert m.row_values(frames[1]) == [str(number).encode(), str(turn).encode()]
        backends = cluster.value("select count(*) from pg_stat_activity "
                                 "where backend_type = 'client backend' and pid <> pg_backend_pid()")
        assert backends <= 6  # the pool's four, and the monitor
    finally:
        for client in clients:
            client.close()


@pytest.mark.parametrize("sql", [
    "set role somebody", "set session authorization somebody", "begin; set role somebody; commit",
    "set work_mem = '9MB'", "set session characteristics as transaction read only"])
def test_the_next_client_is_itself(somebody, start_pgsaba, sql):
    """What a client is and has set goes to nobody else, however few servers there are."""
    question = ("select current_user, session_user, current_setting('work_mem'), "
                "current_setting('default_transaction_read_only')")
    pgsaba = start_pgsaba({"databases": {"postgres": {"pool_size": 1}}})
    with pgsaba.connect() as client, pgsaba.connect() as other:
        before = other.rows(question)
        client.query(sql)
        assert client.rows(question) != before
        assert other.rows(question) == before


def test_a_half_message_harms_nobody(pgsaba):
    with pgsaba.connect() as other:
        broken = pgsaba.connect()
        broken.send(m.query("select 1")[:-3])
        assert other.value("select 2") == "2"
        broken.socket.shutdown(socket.SHUT_WR)
        broken.read_to_end()
        broken.socket.close()
        assert other.value("select 3") == "3"


@pytest.mark.parametrize("length", [0, 3, -1, 0x7fffffff], ids=str)
def test_an_impossible_length_is_refused(pgsaba, length):
    with pgsaba.connect() as other, pgsaba.connect() as broken:
        broken.send(b"Q" + (length & 0xffffffff).to_bytes(4, "big") + b"select 1\0")
        frames = broken.read_to_end()
        assert m.error_fields(frames[-1])["C"] == "08P01"
        assert other.value("select 1") == "1"
