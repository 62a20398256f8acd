"""Behind an error PostgreSQL skips what else is in the batch, and with it what pgsaba has sent of its
own: a Parse in the place of another client's unnamed statement, a Close of another client's name. What
others left there is not met."""

import time

import pytest
from harness import messages as m
from harness.client import RawClient
from harness.conversations import error_of, tags

FAILS = {"execute": m.execute("nope"), "portal": m.describe_portal("nope"),
         "runs": m.parse("f", "select 1/0") + m.bind("", "f") + m.execute(),
         "parse": m.parse("", "selekt")}
SECRET = "select 'secret of the first'"


@pytest.fixture
def two(start_pgsaba):
    daemon = start_pgsaba({"databases": {"postgres": {"pool_size": 1}}})
    with daemon.connect() as first, daemon.connect() as second:
        yield first, second


def answered(client, *sent):
    client.send(*sent)
    return client.read_until_ready()


@pytest.mark.parametrize("failing", FAILS)
@pytest.mark.parametrize("own", [None, "before", "behind the error"])
@pytest.mark.parametrize("pipelined", [False, True])
def test_the_unnamed_statement_of_another_is_not_met(two, failing, own, pipelined):
    """Its own from before is forgotten together with the one that was skipped."""
    first, second = two
    if own == "before":
        answered(second, m.parse("", "select 'mine'") + m.sync())
    answered(first, m.parse("", SECRET) + m.sync())
    batch = FAILS[failing] + (m.parse("", "select 'new'") if own == "behind the error" else b"") + \
        m.bind() + m.execute() + m.sync()
    again = m.bind() + m.execute() + m.sync()
    if pipelined:
        second.send(batch + again)
        assert tags(second.read_until_ready())[-2:] == b"EZ"
        frames = second.read_until_ready()
    else:
        assert tags(answered(second, batch))[-2:] == b"EZ"
        frames = answered(second, again)
    rows = [m.row_values(frame) for frame in frames if frame.tag == b"D"]
    assert rows in ([], [[b"mine"]]), frames
    assert rows or error_of(frames)["C"] == "26000"
    assert second.value("select 1") == "1"


@pytest.mark.parametrize("failing", FAILS)
@pytest.mark.parametrize("then", ["prepare other as select 1", "deallocate zzz", "execute q1",
                                  "select unknown_function()"])
def test_the_names_of_another_are_not_taken_for_its_own(two, failing, then):
    first, second = two
    first.rows(f"prepare q1 as {SECRET}")
    assert tags(answered(second, FAILS[failing] + m.query(then) + m.sync()))[-2:] == b"EZ"
    assert error_of(second.query("execute q1"))["C"] == "26000"
    assert tags(second.query("prepare q1 as select 'its own'")) == b"CZ"
    assert second.value("execute q1") == "its own"
    assert first.value("execute q1") == "secret of the first"


def test_in_batches_that_are_sent_at_once(two, cluster):
    cluster.sql("create or replace function unread() returns text language plpgsql as 'begin return 1; end'")
    first, second = two
    first.rows(f"prepare q1 as {SECRET}")
    fails = m.parse("", "select 1/0") + m.bind() + m.execute()
    calls = m.parse("", "select unread()") + m.bind() + m.execute()
    second.send(fails + calls + m.sync() + calls + m.sync() + calls + m.query("select unread()") + m.sync())
    seen = [tags(second.read_until_ready()) for _ in range(4)]
    assert [one[-2:] for one in seen] == [b"EZ", b"CZ", b"CZ", b"Z"]
    assert error_of(second.query("execute q1"))["C"] == "26000"
    assert first.value("execute q1") == "secret of the first"


def test_a_later_batch_has_its_unnamed_statement_all_the_same(two):
    """It is too long to be kept, so nobody could parse it again."""
    client, _ = two
    long = m.parse("", "select 'late' -- " + "x" * 100_000)
    fails = m.parse("", "select pg_sleep(0.4), 1 / (random() * 0)::int") + m.bind() + m.execute() + \
        m.parse("", "select 'skipped'") + m.sync()
    client.send(fails + long)
    time.sleep(1)  # the error comes when that Parse is with the server
    client.send(m.bind() + m.execute() + m.sync())
    assert error_of(client.read_until_ready())["C"] == "22012"
    frames = client.read_until_ready()
    assert [m.row_values(frame) for frame in frames if frame.tag == b"D"] == [[b"late"]], frames


USES = {"closes it": m.close_statement("q1"), "describes it": m.describe_statement("q1"),
        "binds it": m.bind("c2", "q1"), "makes it again": m.parse("q1", "select 1"),
        "binds the unnamed one": m.bind("c2"), "describes the unnamed one": m.describe_statement(),
        "deallocates it": m.parse("", "deallocate q1"), "makes another": m.parse("q2", "select 2")}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("at_once", [True, False])
def test_a_sync_that_a_copy_has_taken_ends_no_batch(two, cluster, use, named, at_once):
    """What the batch has made is there for what comes behind the COPY, and nothing waits for an answer to that
    Sync."""
    cluster.sql("create table if not exists taken (n int)")
    name = "q1" if named else ""
    copies = m.parse(name, "copy taken from stdin") + m.bind("", name) + m.execute() + m.sync()
    ends = m.copy_data(b"1\n") + m.copy_done() + USES[use]

    def held(client):
        client.send(*([copies + ends] if at_once else [copies]))
        if not at_once:
            assert tags(client.read_until(b"G")) == b"12G"
            client.send(ends)
        client.send(m.flush())
        frames = client.read_until(b"C")
        client.send(m.sync())
        return frames + client.read_until_ready()

    with RawClient((cluster.host, cluster.port)) as direct:
        expected = held(direct)
    first, second = two
    frames = held(first)
    assert tags(frames) == tags(expected)
    assert error_of(frames) == error_of(expected)
    assert second.value("select 1") == "1"
