"""What real servers do rarely: refuse, start up, say goodbye at rest, speak out of turn."""

import threading
import time

import pytest
from harness import fake_postgres as fake_server
from harness import messages as m
from harness.client import ServerError
from harness.fake_postgres import complete, error, fields, frame, notice, parameter_status, ready
from harness.processes import wait_until


def tags(frames):
    return b"".join(frame.tag for frame in frames)


def code(frame):
    return m.error_fields(frame)["C"]


def one_pool(**changes):
    return {"databases": {"postgres": {"pool_size": 1, **changes}}}


# At login


@pytest.mark.parametrize("sqlstate, message", [
    ("28P01", 'password authentication failed for user "postgres"'),
    ("28000", "no pg_hba.conf entry"), ("3D000", 'database "postgres" does not exist')])
def test_a_refused_login_is_told_in_the_servers_words(before_fake, sqlstate, message):
    def refuse(connection):
        connection.send(error(sqlstate, message, "FATAL"))

    pgsaba, _ = before_fake(refuse)
    with pytest.raises(ServerError) as refusal:
        pgsaba.connect()
    assert refusal.value.sqlstate == sqlstate
    assert refusal.value.fields["S"] == refusal.value.fields["V"] == "FATAL"
    assert refusal.value.fields["M"] == message


@pytest.mark.parametrize("sqlstate, message", [
    ("57P03", "the database system is starting up"),
    ("57P01", "terminating connection due to administrator command"),
    ("57P02", "terminating connection because of crash of another server process"),
    ("53300", "sorry, too many clients already")])
def test_a_server_that_starts_or_stops_or_is_full_is_waited_for(before_fake, sqlstate, message):
    def not_now(connection):
        connection.send(error(sqlstate, message, "FATAL"))

    pgsaba, fake = before_fake(not_now, not_now, fake_server.serve)
    with pgsaba.connect() as client:
        assert client.value("select 1") == "select 1"
    assert len(fake.connections) == 3


@pytest.mark.parametrize("sqlstate, message", [
    ("57P03", "the database system is starting up"), ("53300", "sorry, too many clients already")])
def test_but_not_longer_than_for_one_that_is_down(before_fake, sqlstate, message):
    """Then those who wait hear why, and those who are in keep their sessions."""
    served = threading.Event()

    def script(connection):
        if served.is_set():
            return connection.send(error(sqlstate, message, "FATAL"))
        connection.welcome()
        connection.answer(connection.query())
        served.set()

    pgsaba, _ = before_fake(*[script] * 40, changes={"timeouts": {
        "failover_wait": "1s", "query_wait": "0"}, "databases": {"postgres": {"pool_size": 1}}})
    with pgsaba.connect(timeout=20) as client:
        assert client.value("select 1") == "select 1"
        wait_until(served.is_set, 10, "the end of its server")
        pgsaba.wait_for_log("S-.*server closed")
        frames = client.query("select 2")
        assert (code(frames[0]), m.error_fields(frames[0])["M"]) == (sqlstate, message)
        assert frames[-1].body == b"I"


@pytest.mark.parametrize("answer", [
    pytest.param(b"E", id="error"), pytest.param(notice("the server stops"), id="notice")])
def test_an_odd_answer_about_tls_is_no_refusal(before_fake, answer):
    """A server that stops or cannot start a process says odd things; it is asked again."""
    def odd(connection):
        connection.send(answer)
    odd.answers_ssl = True

    pgsaba, fake = before_fake(odd, odd, fake_server.serve)
    with pgsaba.connect() as client:
        assert client.value("select 1") == "select 1"
    assert len(fake.connections) == 3


def test_an_older_protocol_is_negotiated(before_fake):
    def modest(connection):
        connection.welcome(frame(b"v", bytes([0, 0, 0, 0, 0, 0, 0, 1]) + m.text("_pq_.grease")))
        connection.serve()

    pgsaba, _ = before_fake(modest)
    with pgsaba.connect() as client:
        assert tags(client.login_frames).count(b"v") == 0
        assert client.value("select 1") == "select 1"


@pytest.mark.parametrize("garbage", [
    pytest.param(b"HTTP/1.1 400 Bad Request\r\n\r\n", id="another protocol"),
    pytest.param(frame(b"R", b"\0\0\0\x63"), id="unknown authentication"),
    pytest.param(frame(b"R", b"\0"), id="half an authentication"),
    pytest.param(frame(b"E", b""), id="empty error"),
    pytest.param(fields(b"E", ("M", "no code")), id="error without SQLSTATE")])
def test_a_broken_login_ends_in_an_error(before_fake, garbage):
    def broken(connection):
        connection.send(garbage)
        connection.read()

    pgsaba, _ = before_fake(broken, changes={"timeouts": {"failover_wait": "300ms"}})
    with pytest.raises(ServerError) as refusal:
        pgsaba.connect()
    assert refusal.value.fields["S"] == "FATAL"
    assert pgsaba.is_running()


def test_cancel_carries_the_servers_own_key(before_fake):
    """The sign bit is set in both words."""
    cancelled = threading.Event()

    def negative(connection):
        connection.pid, connection.secret = 0xfffffffe, b"\x80\x00\xff\x01"
        connection.welcome()
        assert connection.query() == "sleep" and cancelled.wait(10)
        connection.send(error("57014", "canceling statement due to user request"), ready())
        connection.serve()

    pgsaba, fake = before_fake(negative, on_cancel=lambda *_: cancelled.set())
    with pgsaba.connect() as client:
        client.send(m.query("sleep"))
        with pgsaba.connect(login=False) as other:
            other.send(m.cancel_request(client.backend_pid, client.backend_secret))
            assert other.read_to_end() == []
        frames = client.read_until_ready()
        assert tags(frames) == b"EZ" and m.error_fields(frames[0])["C"] == "57014"
        assert client.value("select go on") == "select go on"
    assert fake.cancels == [(0xfffffffe, b"\x80\x00\xff\x01")]


# At rest


@pytest.mark.parametrize("farewell", [
    pytest.param(error("57P01", "terminating connection", "FATAL"), id="FATAL"),
    pytest.param(error("57P05", "idle for too long", "ERROR"), id="ERROR"),
    pytest.param(frame(b"E", b"\0"), id="empty"),
    pytest.param(frame(b"!", b""), id="unknown message"),
    pytest.param(ready(), id="ReadyForQuery out of turn"),
    pytest.param(b"E\0\0", id="half a message"),
    pytest.param(b"", id="no word")])
@pytest.mark.parametrize("closes", [True, False], ids=["closes", "stays"])
def test_a_client_at_rest_hears_nothing_of_its_servers_end(before_fake, farewell, closes):
    if not closes and farewell in (b"", b"E\0\0"):
        pytest.skip("nothing has happened then")
    gone = threading.Event()

    def leave(connection):
        connection.welcome()
        connection.answer(connection.query())
        connection.send(farewell)
        if not closes:
            connection.read_until(b"X")  # pgsaba takes leave, or closes
        connection.close()
        gone.set()

    pgsaba, fake = before_fake(leave, fake_server.serve)
    with pgsaba.connect() as client:
        assert client.value("select one") == "select one"
        if closes:
            assert gone.wait(10)
        pgsaba.wait_for_log("S-.*(server closed|server ended|terminating|idle for|protocol)")
        assert client.is_silent()
        assert client.value("select two") == "select two"
    assert len(fake.connections) == 2


def test_asynchronous_messages_at_rest_are_not_for_the_next_client(before_fake):
    """But for a parameter: what holds for its session now is what it has to know."""
    spoken = threading.Event()

    def talkative(connection):
        connection.welcome()
        connection.answer(connection.query())
        connection.send(notice("to nobody"), parameter_status("TimeZone", "Asia/Tokyo"),
                        frame(b"A", b"\0\0\0\1" + m.text("channel") + m.text("payload")))
        spoken.set()
        connection.serve()

    pgsaba, fake = before_fake(talkative, changes=one_pool())
    with pgsaba.connect() as client:
        client.query("select one")
        assert spoken.wait(10) and client.is_silent()
        frames = client.query("select two")
        assert tags(frames) == b"STDCZ" and frames[0].body == b"TimeZone\0Asia/Tokyo\0"
        assert tags(client.query("select three")) == b"TDCZ"
    assert len(fake.connections) == 1


def test_asynchronous_messages_reach_the_client_that_has_the_server(before_fake):
    odd = notice("odd") + parameter_status("TimeZone", "Asia/Tokyo")

    def talkative(connection):
        connection.welcome()
        connection.query()
        connection.send(odd, odd, fake_server.row_description("a"), odd, fake_server.data_row("1"), odd,
                        complete("SELECT 1"), odd, ready("T"))
        connection.serve()

    pgsaba, _ = before_fake(talkative)
    with pgsaba.connect() as client:
        assert tags(client.query("begin")) == b"CZ"
        assert tags(client.query("select")) == b"NSNSTNSDNSCNSZ"
        assert client.parameters["TimeZone"] == "Asia/Tokyo"
        client.query("rollback")


@pytest.mark.parametrize("extended", [False, True])
def test_a_begin_that_fails_fails_the_transaction(before_fake, extended):
    """The client was told BEGIN before: its first statement fails, and is not run on its own."""
    heard = []

    def refusing(connection):
        connection.welcome()
        connection.read_until(b"P")
        connection.send(error("0A000", "cannot begin here"))
        while (got := connection.read()).tag != b"S":
            heard.append(got.tag)
        connection.send(ready())
        heard.append(connection.query())
        connection.send(complete("DISCARD ALL"), ready())
        connection.serve()

    pgsaba, fake = before_fake(refusing, changes=one_pool())
    with pgsaba.connect() as client:
        client.query("begin isolation level serializable")
        if extended:
            client.send(m.parse("", "insert") + m.bind() + m.execute() + m.sync())
            frames = client.read_until_ready()
        else:
            frames = client.query("insert")
        assert tags(frames) == b"EZ" and frames[-1].body == b"E"
        assert code(frames[0]) == "0A000"
        assert code(client.query("select 1")[0]) == "25P02"
        assert client.query("commit") == [(b"C", b"ROLLBACK\0"), (b"Z", b"I")]
        assert client.value("select next") == "select next"
    assert heard[-1] == "DISCARD ALL" and len(fake.connections) == 1


@pytest.mark.parametrize("body", [
    pytest.param(b"", id="nothing"), pytest.param(b"\0", id="no field"),
    pytest.param(b"Mtext\0\0", id="no SQLSTATE"), pytest.param(b"C\0M\0\0", id="empty fields"),
    pytest.param(b"SERROR\0C42601\0Mtext\0!unknown\0zfield\0\0", id="unknown fields"),
    pytest.param(b"SERROR\0C42601\0Mno end", id="no terminator"),
    pytest.param(b"SERROR\0C42601\0M" + b"x" * 100_000 + b"\0\0", id="large")])
def test_errors_of_any_shape_pass_as_they_are(before_fake, body):
    def fail(connection):
        connection.welcome()
        connection.query()
        connection.send(frame(b"N", body), frame(b"E", body), ready())
        connection.serve()

    pgsaba, fake = before_fake(fail)
    with pgsaba.connect() as client:
        assert client.query("select one") == [(b"N", body), (b"E", body), (b"Z", b"I")]
        assert client.value("select two") == "select two"
    assert len(fake.connections) == 1


def test_a_pooler_that_lost_its_server_does_not_end_our_client(before_fake):
    """PgBouncer lets us in, and says 08P01 when it finds that it has no server for the query."""
    def pooler(connection):
        connection.welcome()
        if len(fake.connections) > 1:
            return connection.serve()
        connection.query()
        connection.send(error("08P01", "server login has been failing, try again later", "FATAL"))

    pgsaba, fake = before_fake(pooler, changes=one_pool())
    with pgsaba.connect() as client:
        frames = client.query("insert into t values (1)")
        assert tags(frames) == b"EZ" and code(frames[0])[:2] == "08"
        assert m.error_fields(frames[0])["S"] == "ERROR"
        assert client.value("select two") == "select two"


# Lifetime


@pytest.mark.parametrize("workers", [1, 3])
def test_servers_opened_together_do_not_go_together(before_fake, workers):
    """server_lifetime is 3 s for three servers: one may go each second."""
    ends = []

    def remembered(connection):
        connection.welcome()
        try:
            connection.serve()
        finally:
            ends.append(time.monotonic())

    pgsaba, fake = before_fake(remembered, changes={
        "databases": {"postgres": {"pool_size": 3}}, "timeouts": {"server_lifetime": "3s"},
        "workers": workers})
    clients = [pgsaba.connect() for _ in range(3)]
    for client in clients:
        client.query("begin")
        client.query("select 1")
    assert len(fake.connections) == 3
    for client in clients:
        client.query("commit")
    wait_until(lambda: len(ends) >= 3, 15, "the end of all servers")
    assert min(ends[1] - ends[0], ends[2] - ends[1]) > 0.4
    for client in clients:
        assert client.value("select again") == "select again"
        client.close()
