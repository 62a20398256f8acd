"""Clients that keep a server between transactions: how many may, and what the others get."""
# ctest-labels: threads

import pytest
from harness import messages as m
from harness.client import ConnectionEnded
from harness.conversations import backend, begin, error_of, tags, wait_for_waiters, waiting_clients
from harness.processes import wait_until

MAKES = {"temporary objects": "create temp table t (a int)",
         "advisory locks": "select pg_advisory_lock({number})",
         "cursors WITH HOLD": "declare c cursor with hold for select 1",
         "irreversible state": "load 'auto_explain'"}
ENDS = {"temporary objects": "drop table t", "advisory locks": "select pg_advisory_unlock({number})",
        "cursors WITH HOLD": "close c"}


def start(start_pgsaba, size=4, pins=1, workers=1, **timeouts):
    return start_pgsaba({"databases": {"postgres": {"pool_size": size}}, "workers": workers,
                         "pool": {"max_pinned_servers": pins}, "timeouts": timeouts,
                         # Nobody looks into functions: until then any of them may ask for sequences.
                         "routing": {"catalogue_interval": 0}})


def pins(daemon):
    return [row["reason"] for row in daemon.admin("show pins")]


def wait_for_pins(daemon, *reasons):
    """A client has its answer a moment before its server has said what is left."""
    wanted = sorted(f"pinned: {reason}" for reason in reasons)
    wait_until(lambda: sorted(pins(daemon)) == wanted, 5, f"the pins {wanted}, not {pins(daemon)}")


def batch(sql):
    return m.parse("", sql), m.bind(), m.describe_portal(), m.execute(), m.sync()


def fails(frames, status, sqlstate="53300"):
    """The only error is this one, and the session goes on."""
    error = error_of(frames)
    assert error and (error["S"], error["C"]) == ("ERROR", sqlstate), frames
    assert frames[-1].body == status
    return error


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("reason", MAKES)
def test_the_second_waits_for_the_first(start_pgsaba, reason, workers):
    daemon = start(start_pgsaba, workers=workers)
    first, second, other = (daemon.connect() for _ in range(3))
    with first, second, other:
        assert error_of(first.query(MAKES[reason].format(number=1))) is None
        second.send(m.query(MAKES[reason].format(number=2)))
        wait_for_waiters(daemon, 1)
        (row,) = [row for row in daemon.admin("show clients") if row["state"] == "waiting"]
        assert row["reason"] == f"waits to keep a server connection: {reason}"
        assert other.value("select 1") == "1"  # nobody else is concerned
        wait_for_pins(daemon, reason)
        assert second.is_silent()
        if reason in ENDS:
            first.query(ENDS[reason].format(number=1))
        else:
            first.close()
        assert error_of(second.read_until_ready()) is None
        assert waiting_clients(daemon) == 0
        wait_for_pins(daemon, reason)


def test_in_their_order_over_all_workers(start_pgsaba):
    daemon = start(start_pgsaba, workers=2)
    clients = [daemon.connect() for _ in range(6)]
    clients[0].query(MAKES["temporary objects"])
    for count, client in enumerate(clients[1:], 1):
        client.send(m.query(MAKES["temporary objects"]))
        wait_for_waiters(daemon, count)
    for before, client in zip(clients, clients[1:]):
        before.query("drop table t")
        assert error_of(client.read_until_ready()) is None
        assert all(later.is_silent(0.02) for later in clients[clients.index(client) + 1:])
    for client in clients:
        client.close()
    wait_for_pins(daemon)


@pytest.mark.parametrize("extended", [False, True])
@pytest.mark.parametrize("in_block", [False, True])
def test_the_wait_is_bounded_and_the_session_goes_on(start_pgsaba, extended, in_block):
    daemon = start(start_pgsaba, query_wait="500ms")
    with daemon.connect() as first, daemon.connect() as second:
        first.query(MAKES["temporary objects"])
        if in_block:
            second.query("begin")  # no server has it yet
        second.send(*(batch(MAKES["temporary objects"]) if extended
                      else [m.query(MAKES["temporary objects"])]))
        error = fails(second.read_until_ready(), b"E" if in_block else b"I")
        assert error["M"] == "no server connection could be kept for this statement within query_wait"
        assert "clients keep 1 of at most 1" in error["D"]
        assert error["D"].endswith("would keep one for: temporary objects.")
        assert "SHOW PINS" in error["H"]
        if in_block:
            assert tags(second.query("rollback")) == b"CZ"
        assert second.value("select 1") == "1"
        first.query("drop table t")
        assert error_of(second.query(MAKES["temporary objects"])) is None


@pytest.mark.parametrize("extended", [False, True])
@pytest.mark.parametrize("settings", ["", "set work_mem = '5MB'"])
def test_one_that_comes_in_pieces_waits_as_well(start_pgsaba, extended, settings):
    """What is longer than 32 KiB shows only when it has a server already; which it gives back, also where its settings
    are under way to that."""
    daemon = start(start_pgsaba, size=2)
    holder, busy, client, other = (daemon.connect() for _ in range(4))
    with holder, busy, client, other:
        client.query(settings)
        holder.query(MAKES["temporary objects"])
        begin(busy)
        long = MAKES["temporary objects"] + " -- " + "x" * 40_000
        words = b"".join(batch(long)) if extended else m.query(long)
        client.send(words[:100])
        client.send(words[100:35_000])
        assert client.is_silent(0.1)
        client.send(words[35_000:])
        wait_for_waiters(daemon, 1)
        busy.query("commit")
        assert client.is_silent(0.3)
        assert other.value("select 1") == "1"
        holder.query(ENDS["temporary objects"])
        assert error_of(client.read_until_ready()) is None
        assert client.rows("table t") == []


def test_a_named_statement_waits_as_well(start_pgsaba):
    daemon = start(start_pgsaba)
    with daemon.connect() as first, daemon.connect() as second:
        second.send(m.parse("s", MAKES["temporary objects"]), m.sync())
        second.read_until_ready()
        second.query("prepare p as select pg_advisory_lock(7)")
        first.query(MAKES["temporary objects"])
        second.send(m.bind("", "s"), m.execute(), m.sync())
        wait_for_waiters(daemon, 1)
        first.query("drop table t")
        assert error_of(second.read_until_ready()) is None
        second.query("drop table t")
        first.query(MAKES["temporary objects"])
        second.send(m.query("execute p"))
        wait_for_waiters(daemon, 1)
        first.query("drop table t")
        assert error_of(second.read_until_ready()) is None


def test_what_leaves_nothing_behind_does_not_wait(start_pgsaba, cluster):
    cluster.sql("create table plain (a int)")
    daemon = start(start_pgsaba, query_wait="1s")
    with daemon.connect() as first, daemon.connect() as second:
        first.query(MAKES["temporary objects"])
        for sql in ("drop table plain", "select pg_advisory_unlock(1)", "select pg_advisory_xact_lock(1)",
                    "begin; create temp table u (a int) on commit drop; commit",
                    "set search_path = public, pg_temp", "discard temp"):
            assert error_of(second.query(sql)) is None, sql
        wait_for_pins(daemon, "temporary objects")


def test_inside_a_transaction_it_goes_beyond_the_limit(start_pgsaba):
    """It holds locks that the pinned client may wait for: it does not wait itself."""
    daemon = start(start_pgsaba, size=3)
    with daemon.connect() as first, daemon.connect() as second, daemon.connect() as third:
        first.query(MAKES["temporary objects"])
        second.query("begin; select 1")
        assert error_of(second.query(MAKES["temporary objects"])) is None
        assert error_of(second.query("commit")) is None
        wait_for_pins(daemon, *["temporary objects"] * 2)
        # The last server is for all others.
        third.query("begin; select 1")
        third.query("savepoint s")
        error = fails(third.query(MAKES["temporary objects"]), b"E")
        assert error["M"] == "too many clients keep a server connection to themselves"
        assert error["D"].startswith("The statement would keep one for: temporary objects.")
        assert "max_pinned_servers" in error["H"]
        assert tags(third.query("rollback to s")) == b"CZ"
        assert third.value("select 2") == "2"
        third.send(*batch(MAKES["temporary objects"]))
        frames = third.read_until_ready()
        fails(frames, b"E")
        assert tags(frames) == b"EZ"
        assert fails(third.query("select 3"), b"E", "25P02")
        assert tags(third.query("commit")) == b"CZ"
        assert third.value("select 4") == "4"
        assert first.value("select count(*) from t") == second.value("select count(*) from t") == "0"


def test_pipelined_behind_others_it_waits_for_them_first(start_pgsaba):
    daemon = start(start_pgsaba)
    with daemon.connect() as first, daemon.connect() as second:
        first.query(MAKES["temporary objects"])
        second.send(m.query("select 1"), m.query(MAKES["temporary objects"]), m.query("select 2"))
        assert tags(second.read_until_ready()) == b"TDCZ"
        wait_for_waiters(daemon, 1)
        first.query("drop table t")
        assert tags(second.read_until_ready(2)) == b"CZTDCZ"


def test_pipelined_behind_the_end_of_a_failed_transaction_it_waits_as_well(start_pgsaba):
    """What would not be executed in it is, when it is over."""
    daemon = start(start_pgsaba)
    with daemon.connect() as first, daemon.connect() as second:
        first.query(MAKES["temporary objects"])
        second.query("begin")
        fails(second.query("select 1 / 0"), b"E", "22012")
        second.send(m.query("rollback"), m.query(MAKES["temporary objects"]), m.query("select 2"))
        assert tags(second.read_until_ready()) == b"CZ"
        wait_for_waiters(daemon, 1)
        first.query("drop table t")
        assert tags(second.read_until_ready(2)) == b"CZTDCZ"


def test_in_one_batch_with_the_end_of_a_failed_transaction(start_pgsaba):
    daemon = start(start_pgsaba, size=2)
    with daemon.connect() as first, daemon.connect() as second:
        first.query(MAKES["temporary objects"])
        second.query("begin")
        fails(second.query("select 1 / 0"), b"E", "22012")
        ended, made = batch("rollback"), batch(MAKES["temporary objects"])
        second.send(*ended[:-1], *made)
        frames = second.read_until_ready()
        assert tags(frames) == b"12nCEZ"
        assert error_of(frames)["M"] == "too many clients keep a server connection to themselves"
        assert second.value("select 2") == "2"


def test_what_could_not_be_foreseen_goes_beyond_the_limit(start_pgsaba):
    daemon = start(start_pgsaba, size=3)
    hidden = "do $$ begin create temp table t (a int); end $$"
    with daemon.connect() as first, daemon.connect() as second, daemon.connect() as third:
        first.query(hidden)
        second.query(hidden)
        wait_for_pins(daemon, *["temporary objects"] * 2)
        assert second.value("select count(*) from t") == "0"
        with pytest.raises((ConnectionEnded, OSError)):
            third.query(hidden)
            third.query("select 1")
        daemon.wait_for_log("too many clients keep a server connection")
        assert first.value("select count(*) from t") == second.value("select count(*) from t") == "0"
        with daemon.connect() as fourth:
            assert fourth.value("select 1") == "1"


def test_a_sequence_keeps_nobody_from_a_pin(start_pgsaba, cluster):
    cluster.sql("create sequence if not exists pin_numbers")
    daemon = start(start_pgsaba, sequence_pin="60s")
    with daemon.connect() as first, daemon.connect() as second, daemon.connect() as third:
        drawn = first.value("select nextval('pin_numbers')")
        assert first.value("select currval('pin_numbers')") == drawn
        wait_for_pins(daemon, "sequences")
        assert error_of(second.query(MAKES["temporary objects"])) is None
        wait_for_pins(daemon, "temporary objects")
        # It may meet the server again on which nobody but itself has drawn.
        answer = first.query("select currval('pin_numbers')")
        rows = [m.row_values(frame)[0].decode() for frame in answer if frame.tag == b"D"]
        assert rows == [drawn] or fails(answer, b"I", "55000")
        # Nor does it take what is not there.
        third.query("select nextval('pin_numbers')")
        wait_for_pins(daemon, "temporary objects")


def test_a_client_with_a_sequence_waits_like_any_other(start_pgsaba, cluster):
    cluster.sql("create sequence if not exists pin_numbers")
    daemon = start(start_pgsaba, pins=2, size=3, sequence_pin="60s")
    with daemon.connect() as first, daemon.connect() as second, daemon.connect() as third:
        first.query(MAKES["temporary objects"])
        third.query("select nextval('pin_numbers')")
        second.query(MAKES["temporary objects"])
        third.send(m.query(MAKES["temporary objects"]))
        wait_for_waiters(daemon, 1)
        second.query("drop table t")
        assert error_of(third.read_until_ready()) is None
        wait_for_pins(daemon, *["temporary objects"] * 2)


def test_whoever_has_a_sequence_and_more_takes_one_place(start_pgsaba, cluster):
    cluster.sql("create sequence if not exists pin_numbers")
    daemon = start(start_pgsaba, pins=2, size=4, sequence_pin="60s")
    with daemon.connect() as first, daemon.connect() as second:
        first.query("select nextval('pin_numbers')")
        drawn = second.value("select nextval('pin_numbers')")
        wait_for_pins(daemon, *["sequences"] * 2)
        first.query("begin")
        first.query(MAKES["temporary objects"])
        first.query("select pg_sleep(0.5)")  # time enough to let others go
        assert second.value("select currval('pin_numbers')") == drawn
        first.query("rollback")
        assert second.value("select currval('pin_numbers')") == drawn


def test_whoever_goes_away_while_it_waits_takes_nothing_along(start_pgsaba):
    daemon = start(start_pgsaba)
    with daemon.connect() as first, daemon.connect() as third:
        first.query(MAKES["temporary objects"])
        second = daemon.connect()
        second.send(m.query(MAKES["temporary objects"]))
        wait_for_waiters(daemon, 1)
        third.send(m.query(MAKES["temporary objects"]))
        wait_for_waiters(daemon, 2)
        second.abandon()
        wait_for_waiters(daemon, 1)
        first.query("drop table t")
        assert error_of(third.read_until_ready()) is None
        # A statement that fails keeps nothing, and nobody out.
        fails(third.query("drop table t; create temp table no (a nonsense)"), b"I", "42704")
        third.query("drop table t")
        assert error_of(first.query(MAKES["temporary objects"])) is None


def test_nothing_hangs_where_all_want_to_keep_one(start_pgsaba):
    """Many more clients than places: each has its turn, and the pool works on."""
    daemon = start(start_pgsaba, size=3, pins=2, workers=2)
    clients = [daemon.connect() for _ in range(12)]
    with daemon.connect() as other:
        for client in clients:
            client.send(m.query("begin"), m.query(MAKES["temporary objects"]), m.query("commit"),
                        m.query("drop table t"))
            backend(other)
        for client in clients:
            client.socket.settimeout(20)
            assert error_of(client.read_until_ready(4)) is None
            client.close()
    wait_for_pins(daemon)


def totals(daemon, reason="temporary objects"):
    (row,) = [row for row in daemon.admin("show pin_totals") if row["reason"] == reason]
    assert row["database"] == "postgres"
    return {name: int(value) for name, value in row.items() if name not in ("database", "reason")}


def test_what_happens_is_counted(start_pgsaba):
    daemon = start(start_pgsaba, size=2)
    assert daemon.admin("show pin_totals") == []
    with daemon.connect() as first, daemon.connect() as second:
        first.query(MAKES["temporary objects"])
        wait_for_pins(daemon, "temporary objects")
        assert totals(daemon) == {"pinned": 1, "total_pins": 1, "total_pinned_time": 0, "total_waits": 0,
                                  "total_wait_time": 0, "total_refused": 0}
        second.query("begin; select 1")
        fails(second.query(MAKES["temporary objects"]), b"E")
        second.query("rollback")
        assert totals(daemon)["total_refused"] == 1
        second.send(m.query(MAKES["temporary objects"]))
        wait_for_waiters(daemon, 1)
        first.query("select pg_advisory_lock(1)")
        first.query("drop table t")
        wait_for_pins(daemon, "advisory locks")
        assert totals(daemon)["total_pinned_time"] > 0
        first.query("select pg_advisory_unlock(1)")
        assert error_of(second.read_until_ready()) is None
        wait_for_pins(daemon, "temporary objects")
        now = totals(daemon)
        assert (now["pinned"], now["total_pins"], now["total_waits"]) == (1, 2, 1)
        assert now["total_wait_time"] > 0
        assert totals(daemon, "advisory locks")["total_pins"] == 1


# What a server keeps for its client is lost with it, and the client hears of that.

UNTOLD = {"an empty query": (m.query(" -- nothing"), b"IZ"), "a Sync": (m.sync(), b"Z"),
          "a Close": (m.close_statement("s") + m.sync(), b"3Z")}


def loses_its_server(daemon, cluster, pid):
    cluster.sql(f"select pg_terminate_backend({pid})")
    wait_until(lambda: pins(daemon) == [], 10, "the end of the pin")


def check_loss(frames):
    assert tags(frames) == b"EZ" and frames[-1].body == b"I"
    error = error_of(frames)
    assert error["C"] == "08006"
    assert error["D"] == "With it went what only that server had: temporary objects."


@pytest.mark.parametrize("untold", UNTOLD)
def test_what_cannot_fail_does_not_hide_a_loss(start_pgsaba, cluster, untold):
    daemon = start(start_pgsaba)
    with daemon.connect() as client:
        client.query(MAKES["temporary objects"])
        wait_for_pins(daemon, "temporary objects")
        loses_its_server(daemon, cluster, backend(client))
        said, answer = UNTOLD[untold]
        for _ in range(2):
            client.send(said)
            assert tags(client.read_until_ready()) == answer
        check_loss(client.query("select 1"))
        assert client.value("select 1") == "1"


def test_nor_does_a_batch_that_has_failed_already(start_pgsaba, cluster):
    daemon = start(start_pgsaba)
    with daemon.connect() as client:
        client.query(MAKES["temporary objects"])
        wait_for_pins(daemon, "temporary objects")
        pid = backend(client)
        client.send(m.parse("", "select 1/0"), m.bind(), m.execute(), m.flush())
        client.read_until(b"E")
        loses_its_server(daemon, cluster, pid)
        client.send(m.sync())
        assert tags(client.read_until_ready()) == b"Z"
        check_loss(client.query("select 1"))
        assert client.value("select 1") == "1"
