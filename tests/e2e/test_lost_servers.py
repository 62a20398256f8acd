"""A server dies: at rest, in a transaction, in a statement, in the middle of a message. The client
keeps its connection wherever what it has received so far can be completed."""

import pytest
from harness import fake_postgres as fake_server
from harness import messages as m
from harness.client import ConnectionEnded
from harness.fake_postgres import complete, data_row, error, frame, ready, result, row_description
from harness.processes import wait_until

CLOSES = pytest.mark.parametrize("end", ["close", "reset"])


def tags(frames):
    return b"".join(frame.tag for frame in frames)


def code(frame):
    return m.error_fields(frame)["C"]


def dying(end, *last_words, before=0):
    """A script: answers `before` queries, then says `last_words` to the next one and is gone."""
    def script(connection):
        connection.welcome()
        for _ in range(before):
            connection.answer(connection.query())
        connection.query()
        connection.send(*last_words)
        getattr(connection, end)()
    return script


@CLOSES
def test_in_an_autocommit_statement(before_fake, end):
    pgsaba, fake = before_fake(dying(end, before=1), fake_server.serve)
    with pgsaba.connect() as client:
        client.query("select one")
        frames = client.query("insert")
        assert tags(frames) == b"EZ" and frames[-1].body == b"I"
        assert code(frames[0]) == "08007" and m.error_fields(frames[0])["S"] == "ERROR"
        assert client.value("select again") == "select again"
    assert len(fake.connections) == 2


def test_with_a_fatal_error(before_fake):
    words = error("57P01", "terminating connection due to administrator command", "FATAL")
    pgsaba, _ = before_fake(dying("close", words), fake_server.serve)
    with pgsaba.connect() as client:
        frames = client.query("insert")
        assert tags(frames) == b"EZ" and code(frames[0]) == "08007"
        assert "FATAL 57P01: terminating connection due to administrator command" in m.error_fields(frames[0])["M"]
        assert client.value("select again") == "select again"


@CLOSES
def test_in_a_transaction_between_statements(before_fake, end):
    def script(connection):
        connection.welcome()
        connection.answer(connection.query())
        getattr(connection, end)()

    pgsaba, _ = before_fake(script, fake_server.serve)
    with pgsaba.connect() as client:
        client.query("begin")
        assert client.query("update")[-1].body == b"T"
        pgsaba.wait_for_log("S-.*server closed")
        assert client.is_silent()
        frames = client.query("update")
        assert tags(frames) == b"EZ" and frames[-1].body == b"E"
        assert code(frames[0]) == "08006" and m.error_fields(frames[0])["S"] == "ERROR"
        frames = client.query("update")
        assert tags(frames) == b"EZ" and code(frames[0]) == "25P02" and frames[-1].body == b"E"
        assert client.query("ROLLBACK") == [(b"C", b"ROLLBACK\0"), (b"Z", b"I")]
        assert client.value("select again") == "select again"


@pytest.mark.parametrize("sql, sqlstate", [
    ("update", "08006"), ("select 1", "08006"), ("commit", "08007"), ("END;", "08007"),
    ("/* all */ commit", "08007"), ("update; commit", "08007"),
    ("prepare transaction 'x'", "08007"), ("rollback", "08006")])
def test_in_a_statement_of_a_transaction(before_fake, sql, sqlstate):
    """What is not committed is rolled back; a commit under way may have come through."""
    pgsaba, _ = before_fake(dying("close", before=1), fake_server.serve)
    with pgsaba.connect() as client:
        client.query("begin")
        client.query("update")
        frames = client.query(sql)
        assert tags(frames) == b"EZ" and frames[-1].body == b"E" and code(frames[0]) == sqlstate
        assert tags(client.query("rollback")) == b"CZ"
        assert client.value("select again") == "select again"


@CLOSES
@pytest.mark.parametrize("words, tags_before", [
    (row_description("a") + data_row("x" * 1000)[:500], b"T"),
    (row_description("a") + data_row("x")[:3], b"T"),
    (row_description("a") + data_row("x") + complete("SELECT 1"), b"TDC"),
    (complete("INSERT 0 1") + ready()[:5], b"C"),
    (complete("INSERT 0 1") + b"Z", b"C")], ids=["row", "header", "no ReadyForQuery", "half", "tag"])
def test_between_whole_messages(before_fake, words, tags_before, end):
    """The client has whole messages only: the error is the next one."""
    if end == "reset" and tags_before == b"TDC":
        pytest.skip("a reset may overtake what was said before")
    pgsaba, _ = before_fake(dying("close", words), fake_server.serve)
    with pgsaba.connect() as client:
        frames = client.query("select one")
        assert tags(frames) == tags_before + b"EZ" and code(frames[-2]) == "08007"
        assert client.value("select again") == "select again"


def test_in_the_middle_of_a_message_that_has_begun_to_pass(before_fake):
    """Nothing may stand where the rest of the row was to come: the connection ends."""
    row = data_row("x" * 1_000_000)
    pgsaba, _ = before_fake(dying("close", row_description("a"), row[:600_000]), fake_server.serve)
    client = pgsaba.connect()
    client.send(m.query("select one"))
    assert client.read().tag == b"T"
    received = bytearray()
    with pytest.raises(ConnectionEnded):
        while True:
            received += client.read_bytes(1)
    assert row.startswith(bytes(received)) and len(received) <= 600_000
    client.socket.close()
    with pgsaba.connect() as other:
        assert other.value("select again") == "select again"


@CLOSES
@pytest.mark.parametrize("in_block", [False, True])
def test_while_it_becomes_another_user(before_fake, end, in_block):
    """A server whose last client acted as somebody else is asked to be itself again, and is gone.
    Nothing of the next client's was sent: another server runs its statement, and it hears nothing."""
    became = []

    def leaves_instead(connection):
        connection.welcome()
        connection.answer(connection.query())
        assert "current_setting" in connection.query()  # what has become of SET
        connection.send(row_description("?column?", "?column?", "current_setting"),
                        data_row("s", "role", "somebody"), complete("SELECT 1"), ready())
        became.append(connection.read())
        getattr(connection, end)()

    pgsaba, fake = before_fake(leaves_instead, fake_server.serve,
                               changes={"databases": {"postgres": {"pool_size": 1}}})
    with pgsaba.connect() as actor, pgsaba.connect() as client:
        actor.query("set role somebody")
        if in_block:
            assert client.query("begin")[-1].body == b"T"
        assert client.value("insert") == "insert"
        if in_block:
            assert client.query("commit") == [(b"C", b"COMMIT\0"), (b"Z", b"I")]
    assert became[0].tag == b"Q" and b"RESET ROLE" in became[0].body
    assert len(fake.connections) == 2


def test_right_after_an_answer(before_fake):
    """The answer is whole, so nobody has lost anything."""
    def script(connection):
        connection.welcome()
        connection.send(result(connection.query()))
        connection.close()

    pgsaba, fake = before_fake(script)
    with pgsaba.connect() as client:
        for number in range(20):
            assert client.value(f"select {number}") == f"select {number}"
            wait_until(lambda seen=number: pgsaba.log.count("server closed the con") > seen, 5, "log")
    assert len(fake.connections) == 20


def test_every_query_that_waits_gets_its_answer(before_fake):
    def script(connection):
        connection.welcome()
        connection.answer(connection.query())
        connection.close()

    pgsaba, _ = before_fake(script, fake_server.serve)
    with pgsaba.connect() as client:
        client.send(m.query("select one") + m.query("select two") + m.query("select three"))
        assert tags(client.read_until_ready()) == b"TDCZ"
        for _ in range(2):  # sent to the dead server, or already to the next one
            assert tags(client.read_until_ready()) in (b"EZ", b"TDCZ")
        assert client.value("select again") == "select again"


def test_in_a_pipeline(before_fake):
    """One ReadyForQuery for each Sync, whatever happened to the server."""
    def script(connection):
        connection.welcome()
        for _ in range(3):
            connection.read_until(b"S")
        connection.send(frame(b"1"), frame(b"2"), frame(b"n"), complete("SELECT 0"), ready(),
                        frame(b"1"))
        connection.close()

    pgsaba, _ = before_fake(script, fake_server.serve)
    batch = m.parse("", "x") + m.bind() + m.describe_portal() + m.execute() + m.sync()
    with pgsaba.connect() as client:
        client.send(batch * 3)
        frames = client.read_until_ready(3)
        assert tags(frames) == b"12nCZ" + b"1EZ" + b"EZ"
        assert {code(frame) for frame in frames if frame.tag == b"E"} == {"08007"}
        assert client.value("select again") == "select again"


@pytest.mark.parametrize("failed_before", [True, False])
def test_in_a_batch_before_its_sync(before_fake, failed_before):
    """One error, then silence up to the Sync, as after any error in a batch."""
    def script(connection):
        connection.welcome()
        connection.read_until(b"H")
        if failed_before:
            connection.send(error("42601", "syntax error"))
        connection.close()

    pgsaba, _ = before_fake(script, fake_server.serve)
    with pgsaba.connect() as client:
        client.send(m.parse("", "x") + m.flush())
        assert code(client.read()) == ("42601" if failed_before else "08007")
        pgsaba.wait_for_log("S-.*server closed")
        client.send(m.bind() + m.execute() + m.flush())
        assert client.is_silent()
        client.send(m.sync())
        assert client.read() == (b"Z", b"I")
        assert client.value("select again") == "select again"


def test_in_copy_from_the_client(before_fake):
    def script(connection):
        connection.welcome()
        connection.query()
        connection.send(frame(b"G", b"\0\0\1\0\0"))
        connection.read_until(b"d")
        connection.close()

    pgsaba, _ = before_fake(script, fake_server.serve)
    with pgsaba.connect() as client:
        client.send(m.query("copy t from stdin"))
        client.read_until(b"G")
        client.send(m.copy_data("1\n"))
        frames = client.read_until_ready()
        assert tags(frames) == b"EZ" and code(frames[0]) == "08007"
        client.send(m.copy_data("2\n") + m.copy_done())
        assert client.is_silent()
        assert client.value("select again") == "select again"


@pytest.mark.parametrize("nonsense", [
    pytest.param(frame(b"!", b"x"), id="unknown message"),
    pytest.param(frame(b"2"), id="BindComplete to a query"),
    pytest.param(b"T\0\0\0\3", id="impossible length"),
    pytest.param(frame(b"Z", b"?"), id="unknown status"),
    pytest.param(frame(b"Z", b""), id="no status"),
    pytest.param(frame(b"Z", b"I" * 40_000), id="endless status"),
    pytest.param(frame(b"R", b"\0\0\0\0"), id="authentication again"),
    pytest.param(frame(b"V", b"\0\0\0\0"), id="result of a function call")])
def test_a_server_that_breaks_the_protocol_is_a_lost_one(before_fake, nonsense):
    pgsaba, fake = before_fake(dying("close", nonsense), fake_server.serve)
    with pgsaba.connect() as client:
        frames = client.query("select one")
        assert tags(frames) == b"EZ" and code(frames[0]) == "08007"
        assert client.value("select again") == "select again"
    assert len(fake.connections) == 2
