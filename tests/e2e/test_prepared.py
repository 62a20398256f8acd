"""Prepared statements of many clients: how much memory they may take, and what they read of it."""
# ctest-labels: threads

import itertools

import pytest
from harness import messages as m
from harness.client import RawClient
from harness.conversations import error_of, tags
from harness.processes import wait_until

LIMIT = "256kB"


# Longer than those that fill the memory: none of them fits where they did not.
LONG = f"select 'x' /* {'-' * 200} */"


def start(start_pgsaba, limit=LIMIT, **changes):
    return start_pgsaba({"limits": {"max_prepared_memory": limit}, **changes})


def prepare(client, name, sql):
    client.send(m.parse(name, sql), m.sync())
    return client.read_until_ready()


def execute(client, name):
    client.send(m.bind("", name), m.execute(), m.sync())
    (row,) = [frame for frame in client.read_until_ready() if frame.tag == b"D"]
    return m.row_values(row)[0].decode()


def fill(client, tag="t"):
    """Prepares different texts until one is refused. How many were not."""
    for number in range(10_000):
        frames = prepare(client, f"{tag}{number}", f"select '{tag} {number}'")
        if error_of(frames):
            check_refused(frames)
            return number
    raise AssertionError("nothing is refused")


def check_refused(frames, status=b"I"):
    error = error_of(frames)
    assert (error["S"], error["C"], error["M"]) == (
        "ERROR", "53200", "out of memory for prepared statements"), error
    assert "limits.max_prepared_memory" in error["H"]
    assert tags(frames) == b"EZ" and frames[-1].body == status


def memory(daemon):
    return sum(int(row["memtotal"]) for row in daemon.admin("show mem"))


def test_what_was_accepted_is_never_forgotten(start_pgsaba):
    """At the bound a new statement is refused, in a session that goes on; all others work on."""
    daemon = start(start_pgsaba, pool={"max_prepared_statements": 10})
    with daemon.connect() as client, daemon.connect() as other:
        count = fill(client)
        assert count > 100
        assert 200_000 < memory(daemon) <= 256 * 1024
        check_refused(prepare(other, "one", LONG))
        for number in (0, count // 2, count - 1):
            assert execute(client, f"t{number}") == f"t {number}"
        # What comes behind in the batch is not executed; a transaction fails like with any error.
        client.send(m.parse("x", LONG), m.bind("", "x"), m.execute(), m.sync())
        check_refused(client.read_until_ready())
        client.query("begin")
        check_refused(prepare(client, "x", LONG), b"E")
        assert tags(client.query("commit")) == b"CZ"
        client.query("begin")  # waits for its first statement, which is this one
        client.send(m.parse("x", LONG), m.bind("", "x"), m.execute(), m.sync())
        client.send(m.query("select 1"), m.query("rollback"))
        check_refused(client.read_until_ready(), b"E")
        assert error_of(client.read_until_ready())["C"] == "25P02"
        assert tags(client.read_until_ready()) == b"CZ"
        # Pipelined, each fails for itself.
        client.send(*(m.parse(f"x{n}", f"{LONG} {n}") + m.sync() for n in range(3)))
        for _ in range(3):
            check_refused(client.read_until_ready())
        # A name that was refused means nothing.
        client.send(m.bind("", "x"), m.sync())
        assert error_of(client.read_until_ready())["C"] == "26000"
        assert client.value("select 'unnamed'") == "unnamed"


def test_a_long_text_is_refused_as_well(start_pgsaba):
    daemon = start(start_pgsaba)
    with daemon.connect() as client:
        check_refused(prepare(client, "long", f"select '{'x' * 300_000}'"))
        assert tags(prepare(client, "short", f"select '{'x' * 100_000}'")) == b"1Z"
        client.send(*(m.parse(f"x{n}", f"select '{n}{'x' * 200_000}'") + m.sync() for n in range(3)))
        for _ in range(3):
            check_refused(client.read_until_ready())
        assert len(execute(client, "short")) == 100_000


def test_whoever_closes_or_leaves_makes_room(start_pgsaba):
    daemon = start(start_pgsaba)
    with daemon.connect() as client:
        fill(client)
        client.send(m.close_statement("t0"), m.close_statement("t1"), m.sync())
        assert tags(client.read_until_ready()) == b"33Z"
        assert tags(prepare(client, "x", LONG)) == b"1Z"
        client.query("deallocate all")
        assert fill(client, "u") > 100
    with daemon.connect() as client:  # the other is gone, and a moment later what it had
        wait_until(lambda: not error_of(prepare(client, "y", LONG)), 5, "room")
        assert fill(client, "v") > 100
        client.query("discard all")
        assert fill(client, "w") > 100


def test_a_reload_gives_more(start_pgsaba):
    daemon = start(start_pgsaba)
    with daemon.connect() as client:
        fill(client)
        daemon.reload({"limits": {"max_prepared_memory": "2MB"}})
        wait_until(lambda: not error_of(prepare(client, "x", LONG)), 5, "the reload")


def test_what_sql_prepares_at_the_bound_keeps_its_server(start_pgsaba):
    """PostgreSQL has prepared it already: it works on, on that server."""
    daemon = start(start_pgsaba)
    with daemon.connect() as client, daemon.connect() as other:
        fill(client)
        assert error_of(other.query(f"prepare p as select 'prepared' /* {'-' * 200} */")) is None
        assert other.value("execute p") == "prepared"
        (pin,) = daemon.admin("show pins")
        assert pin["reason"] == "pinned: PREPARE"
        other.query("deallocate p")
        wait_until(lambda: daemon.admin("show pins") == [], 5, "the end of the pin")


def test_they_are_shown(start_pgsaba):
    daemon = start(start_pgsaba, workers=2)
    with daemon.connect() as one, daemon.connect() as two:
        for client, name in ((one, "a"), (two, "b")):
            prepare(client, name, "select 'shared'")
        prepare(one, "c", "select 'own'")
        for _ in range(3):
            execute(two, "b")
        rows = {row["query"]: row for row in daemon.admin("show prepared")}
        shared, own = rows["select 'shared'"], rows["select 'own'"]
        assert shared["statement"] != own["statement"] and shared["statement"].startswith("_pgsaba_")
        assert (shared["users"], own["users"]) == ("2", "1")
        assert int(shared["servers"]) >= 1 and own["servers"] == "1"
        assert int(shared["hits"]) >= 2 and own["hits"] == "0"
        sizes = {row["name"]: row for row in daemon.admin("show mem")}
        assert sizes["prepared_statement_texts"]["used"] == "2"
        assert sizes["prepared_statement_names"]["used"] == "3"
        assert int(shared["bytes"]) + int(own["bytes"]) <= memory(daemon)
        one.query("deallocate all")
        wait_until(lambda: [row["free"] for row in daemon.admin("show mem")
                            if row["name"] == "prepared_statement_texts"] == ["1"], 5, "its end")


def test_a_transaction_that_lost_its_server_at_the_bound(start_pgsaba, cluster):
    daemon = start(start_pgsaba)
    with daemon.connect() as client:
        fill(client)
        client.query("begin")
        pid = client.value("select pg_backend_pid()")
        cluster.sql(f"select pg_terminate_backend({pid})")
        assert error_of(client.query("select 1"))["C"] == "08006"
        check_refused(prepare(client, "x", f"rollback /* {'-' * 200} */"), b"E")
        assert tags(client.query("rollback")) == b"CZ"
        assert execute(client, "t0") == "t 0"


def test_a_lower_bound_of_statements_is_reached(start_pgsaba):
    """With the next one that is prepared; what clients know works on."""
    daemon = start_pgsaba({"databases": {"postgres": {"pool_size": 1}}, "pool": {"max_prepared_statements": 5}})

    def known(client):
        return client.value("select count(*) from pg_prepared_statements where name like '\\_pgsaba%'")

    with daemon.connect() as client:
        for number in range(8):
            prepare(client, f"bound{number}", f"select {number}::text")
        assert known(client) == "5"
        daemon.admin("set max_prepared_statements = 2")
        prepare(client, "one more", "select 'more'")
        assert known(client) == "2"
        assert [execute(client, f"bound{number}") for number in range(8)] == [str(n) for n in range(8)]
        assert known(client) == "2"


# Behind what ends a failed transaction, in the same message or batch.
BEHIND_A_ROLLBACK = {
    "a string": [m.query("rollback; execute theirs")],
    "a batch": [m.parse("", "rollback"), m.bind(), m.execute(), m.bind("", "theirs"), m.execute(), m.sync()],
}


@pytest.mark.parametrize("said", BEHIND_A_ROLLBACK.values(), ids=BEHIND_A_ROLLBACK)
def test_nobody_elses_statement_is_found_there(start_pgsaba, said):
    daemon = start_pgsaba({"databases": {"postgres": {"pool_size": 1}}})
    with daemon.connect() as other, daemon.connect() as client:
        other.rows("prepare theirs as select 'a secret'")
        assert other.rows("execute theirs") == [["a secret"]]
        client.query("begin")
        client.query("select 1/0")
        client.send(*said)
        frames = client.read_until_ready()
        assert error_of(frames)["C"] == "26000"
        assert b"D" not in tags(frames)
        assert other.rows("execute theirs") == [["a secret"]]


@pytest.mark.parametrize("call", [m.function_call(177, [b"40", b"2"]), m.function_call(154, [b"1", b"0"])],
                         ids=["succeeds", "fails"])
def test_a_function_call_brings_nobody_elses_statements(start_pgsaba, call):
    """What such a call has done is not to be seen: its session is asked for all names it has."""
    daemon = start_pgsaba({"databases": {"postgres": {"pool_size": 1}}})
    with daemon.connect() as other, daemon.connect() as client:
        other.rows("prepare theirs as select 'a secret'")
        client.send(call)
        client.read_until_ready()
        assert error_of(client.query("execute theirs"))["C"] == "26000"
        client.send(m.bind("", "theirs"), m.execute(), m.sync())
        assert error_of(client.read_until_ready())["C"] == "26000"
        assert other.rows("execute theirs") == [["a secret"]]


def test_what_an_execute_returns_is_known_elsewhere(start_pgsaba):
    """Its unnamed statement is parsed anew where another client has been."""
    daemon = start_pgsaba({"databases": {"postgres": {"pool_size": 1}}})
    with daemon.connect() as other, daemon.connect() as client:
        prepare(client, "x", "select 'its own'")
        prepare(client, "", "execute x")
        client.send(m.describe_statement(), m.sync())
        described = client.read_until_ready()
        for said in ("prepare x as select 1 as a, 2 as b", "deallocate x"):
            other.query(said)
            client.send(m.describe_statement(), m.sync())
            assert client.read_until_ready() == described
        assert execute(client, "") == "its own"


def test_a_deallocate_takes_the_unnamed_statement_with_it(start_pgsaba):
    """As every simple query does, also if no server hears of it."""
    with start_pgsaba().connect() as client:
        prepare(client, "x", "select 1")
        prepare(client, "", "select 2")
        client.rows("deallocate x")
        client.send(m.bind(), m.sync())
        assert error_of(client.read_until_ready())["C"] == "26000"


def by_protocol(client, sql):
    client.send(m.parse("", sql), m.bind(), m.execute(), m.sync())
    return client.read_until_ready()


def prepare_by(client, way, sql):
    return client.query(f"prepare x as {sql}") if way == "sql" else prepare(client, "x", sql)


def uses_of_a_name(client, block, end, made, forgotten, again):
    """A name that is made, forgotten, made anew and used, outside or inside of a transaction: the
    messages that come back for each step."""
    yield prepare_by(client, made, "select 1")
    if block:
        yield client.query("begin")
    yield by_protocol(client, "deallocate x") if forgotten == "protocol" else client.query("deallocate x")
    yield prepare_by(client, again, "select 2")
    yield client.query("execute x")
    if block:
        yield client.query(end)
    yield client.query("execute x")
    client.send(m.bind("", "x"), m.execute(), m.sync())
    yield client.read_until_ready()
    yield client.query("deallocate all")


@pytest.mark.parametrize("case", itertools.product([False, True], ["commit", "rollback"],
                                                   *[["sql", "protocol"]] * 3), ids=str)
def test_a_name_forgotten_and_made_anew(start_pgsaba, cluster, case):
    """By whatever way, the answers are those of a server of its own."""
    daemon = start_pgsaba({"databases": {"postgres": {"pool_size": 1}}})
    with daemon.connect() as client, daemon.connect() as other, RawClient((cluster.host, cluster.port)) as direct:
        other.query("prepare x as select 'of another'")
        for mine, servers in zip(uses_of_a_name(client, *case), uses_of_a_name(direct, *case)):
            assert [frame.body for frame in mine] == [frame.body for frame in servers]
            assert tags(mine) == tags(servers)
            if mine[-1].body == b"I":  # what is there next was made anew, from what is remembered
                assert other.value("execute x") == "of another"
