"""A simple Query, or the end of a COPY that is none, in the middle of a batch: PostgreSQL skips it
behind an error, and so does whatever pgsaba has to say besides."""

import pytest
from harness import messages as m
from harness.client import RawClient
from harness.conversations import tags

RUNS = m.parse("f", "select 1/0") + m.bind("", "f") + m.execute()
GOOD = m.parse("g", "select 3") + m.bind("", "g") + m.execute()


@pytest.fixture
def two(start_pgsaba, cluster):
    cluster.sql("drop table if exists batch_rows; create table batch_rows (x int)")
    daemon = start_pgsaba({"databases": {"postgres": {"pool_size": 1}}, "timeouts": {"query_wait": "5s"}})
    with daemon.connect() as first, daemon.connect() as second:
        first.query("prepare q1 as select 'secret of the first'")
        yield first, second


def as_directly(cluster, client, bytes_):
    """What the client gets, which is what it would get without pgsaba."""
    client.send(bytes_)
    mine = client.read_until_ready()
    with RawClient((cluster.host, cluster.port)) as direct:
        direct.send(bytes_)
        assert tags(mine) == tags(direct.read_until_ready())
    return mine


@pytest.mark.parametrize("failing", [RUNS, m.execute("nope"), GOOD + m.execute("nope")],
                         ids=["a query", "a portal", "the second"])
@pytest.mark.parametrize("use", [m.bind("", "q1") + m.execute(), m.describe_statement("q1"),
                                 m.parse("q1", "a syntax error"), m.close_statement("q1")],
                         ids=["Bind", "Describe", "Parse", "Close"])
def test_what_is_skipped_stays_skipped(two, cluster, failing, use):
    first, second = two
    frames = as_directly(cluster, second, failing + m.query("select 1") + use +
                         m.query("insert into batch_rows values (1)") + m.sync())
    assert b"secret" not in b"".join(frame.body for frame in frames)
    assert first.value("select count(*) from batch_rows") == "0"
    assert first.value("execute q1") == "secret of the first"


@pytest.mark.parametrize("call", [m.query("select 5"), m.query(""), m.query("begin; select 1")],
                         ids=["a query", "nothing", "a block"])
def test_a_query_behind_messages_that_succeed(two, cluster, call):
    _, second = two
    as_directly(cluster, second, GOOD + call)
    second.query("rollback")
    assert second.value("select 6") == "6"


@pytest.mark.parametrize("begun", [m.query("copy batch_rows from stdin"),
                                   m.parse("", "copy batch_rows from stdin") + m.bind() + m.execute() + m.sync()],
                         ids=["simple", "extended"])
@pytest.mark.parametrize("named", [m.bind("", "s") + m.execute() + m.sync(), m.query("deallocate all"),
                                   m.query("deallocate s"), m.describe_statement("s") + m.sync()],
                         ids=["Bind", "all", "one", "Describe"])
def test_what_ends_a_copy_by_breaking_the_protocol(two, begun, named):
    """It waits for nothing, or its server would never be anybody else's."""
    first, second = two
    second.send(m.parse("s", "select 1") + begun + named)
    errors = [m.error_fields(frame) for frame in second.read_to_end() if frame.tag == b"E"]
    assert errors[0]["C"] == "08P01" and errors[-1]["S"] == "FATAL"
    assert first.value("select 1") == "1"


@pytest.mark.parametrize("query", ["execute x", "deallocate x"])
@pytest.mark.parametrize("in_front", [b"", GOOD], ids=["alone", "in an open batch"])
@pytest.mark.parametrize("in_block", [False, True], ids=["by itself", "in a block"])
def test_a_name_that_cannot_be_made_again(two, cluster, in_front, query, in_block):
    """What it refers to is gone: an answer comes all the same, and the server is free."""
    first, second = two
    cluster.sql("create table if not exists going_away (x int)")
    second.query("prepare x as select * from going_away")
    first.query("prepare x as select 'of the first'")
    assert first.value("execute x") == "of the first"
    cluster.sql("drop table going_away")
    if in_block:
        second.query("begin")
    second.send(in_front + m.query(query))
    frames = second.read_until_ready()
    failed = [m.error_fields(frame)["C"] for frame in frames if frame.tag == b"E"]
    assert failed == (["42P01"] if query == "execute x" else [])
    second.query("rollback")
    assert first.value("execute x") == "of the first"
    assert second.value("select 7") == "7"


def test_data_of_a_copy_waits_for_nothing(two, cluster):
    """Not for what it has to be known of names: the COPY is in front of that."""
    _, second = two
    copied = m.copy_data("1\n") + m.copy_done()
    as_directly(cluster, second, m.parse("q2", "select 1") + m.query("copy batch_rows from stdin; execute q2") +
                copied)
    second.query("begin")
    second.query("select 1/0")
    second.send(m.query("rollback; copy batch_rows from stdin") + copied)
    assert tags(second.read_until_ready()) == b"CGCZ"
