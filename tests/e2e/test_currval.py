"""Clients that ask for what a column's default has drawn, behind an INSERT outside of a transaction:
they get their own number also the first time, once anybody has asked; and nobody's server is kept for what nobody asks."""
# ctest-labels: threads

import itertools
import threading

import pytest
from harness import messages as m
from harness.client import ServerError
from harness.processes import wait_until

NAMES = itertools.count()
TRIALS = 8  # INSERTs into a table that nobody knows, behind which a question is expected
CAUGHT = "55000"


@pytest.fixture
def table(cluster):
    name = f"drawn_{next(NAMES)}"
    cluster.sql(f"create table {name} (id serial, who text)")
    return name


def start(start_pgsaba, size=8, asked=True, **changes):
    """Unless nobody has asked: a daemon whose clients have asked once, in vain."""
    daemon = start_pgsaba({"databases": {"postgres": {"pool_size": size}}, **changes})
    if asked:
        with daemon.connect() as client, pytest.raises(ServerError) as refused:
            client.value("select lastval()")
        assert refused.value.sqlstate == CAUGHT
    return daemon


def insert(client, table, who, way="simple"):
    sql = f"insert into {table} (who) values ('{who}')"
    if way == "simple":
        frames = client.query(sql)
    else:
        client.send(m.parse("", sql), m.bind(), m.execute(), m.sync())
        frames = client.read_until_ready()
    assert not [frame for frame in frames if frame.tag == b"E"], frames


def own(cluster, table, who):
    return str(cluster.value(f"select max(id) from {table} where who = '{who}'"))


def holds(daemon):
    return sum(int(row["total_pins"]) for row in daemon.admin("show pin_totals")
               if row["reason"] == "sequences")


@pytest.mark.parametrize("way", ["simple", "extended"])
@pytest.mark.parametrize("ask", ["select lastval()", "select currval('{}_id_seq')"])
def test_the_first_question_of_a_client(start_pgsaba, cluster, table, way, ask):
    daemon = start(start_pgsaba)
    for number in range(5):
        with daemon.connect() as client, daemon.connect() as other:
            insert(client, table, f"one {number}", way)
            insert(other, table, "another", way)
            assert client.value(ask.format(table)) == own(cluster, table, f"one {number}")
            assert client.value(ask.format(table)) == own(cluster, table, f"one {number}")


def test_what_drivers_say_in_between(start_pgsaba, cluster, table):
    daemon = start(start_pgsaba)
    with daemon.connect() as client, daemon.connect() as other:
        client.send(m.parse("p", f"insert into {table} (who) values ('one')"), m.bind("", "p"),
                    m.execute(), m.sync())
        client.read_until_ready()
        client.query("deallocate p")
        insert(other, table, "another")
        client.query("set work_mem = '5MB'")
        assert client.value("select lastval()") == own(cluster, table, "one")


def test_behind_a_transaction(start_pgsaba, cluster, table):
    daemon = start(start_pgsaba)
    with daemon.connect() as client, daemon.connect() as other:
        client.query("begin")
        insert(client, table, "one")
        client.query("commit")
        insert(other, table, "another")
        assert client.value("select lastval()") == own(cluster, table, "one")


def test_many_that_ask(start_pgsaba, cluster, table):
    """There are servers enough, and each gets its own number."""
    daemon = start(start_pgsaba, size=8, workers=2)
    wrong = []

    def ask(number):
        for step in range(20):
            with daemon.connect() as client:
                insert(client, table, f"{number}-{step}")
                found = client.value("select lastval()")
                wrong.extend([found] if found != own(cluster, table, f"{number}-{step}") else [])

    run(ask, 6, wrong)
    assert wrong == []


def test_too_many_that_ask(start_pgsaba, cluster, table):
    """Who cannot have its own number gets none."""
    daemon = start(start_pgsaba, size=2)
    wrong = []

    def ask(number):
        with daemon.connect() as client:
            for step in range(30):
                insert(client, table, f"{number}-{step}")
                try:
                    found = client.value("select lastval()")
                except ServerError as error:
                    assert error.sqlstate == CAUGHT
                    continue
                wrong.extend([found] if found != own(cluster, table, f"{number}-{step}") else [])

    run(ask, 6, wrong)
    assert wrong == []


def run(action, threads, failures):
    def guarded(number):
        try:
            action(number)
        except Exception as failure:  # shown by the test
            failures.append(repr(failure))

    started = [threading.Thread(target=guarded, args=(number,)) for number in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()


def test_where_nobody_has_ever_asked_nothing_is_held(start_pgsaba, table):
    daemon = start(start_pgsaba, asked=False)
    with daemon.connect() as client:
        for _ in range(TRIALS):
            insert(client, table, "one")
            assert daemon.admin("show pins") == []
        assert holds(daemon) == 0


def test_where_nobody_asks_no_server_is_kept(start_pgsaba, table):
    daemon = start(start_pgsaba)
    with daemon.connect() as client:
        for _ in range(TRIALS + 5):
            insert(client, table, "one")
            assert client.value("select 1") == "1"
        assert holds(daemon) == TRIALS
        insert(client, table, "one")
        assert daemon.admin("show pins") == []
        # Somebody asks after all: not in vain once more.
        with daemon.connect() as other:
            insert(other, table, "two")
            insert(client, table, "one")
            with pytest.raises(ServerError):
                other.value("select lastval()")
            insert(client, table, "one")
            client.value("select lastval()")


def test_a_server_that_is_held_is_not_kept_from_others(start_pgsaba, table):
    daemon = start(start_pgsaba, size=1, timeouts={"sequence_pin": "1h"})
    with daemon.connect() as client, daemon.connect() as other:
        insert(client, table, "one")
        assert other.value("select 1") == "1"
        wait_until(lambda: daemon.admin("show pins") == [], 10, "the end of the hold")
        insert(other, table, "two")
        with pytest.raises(ServerError) as caught:
            print(client.rows("select lastval()"))
        assert caught.value.sqlstate == CAUGHT


def test_a_server_that_is_lost_while_it_is_held(start_pgsaba, cluster, table):
    """The client does not notice, unless it asks."""
    daemon = start(start_pgsaba)
    for ask in ("select 1", "select lastval()"):
        with daemon.connect() as client:
            insert(client, table, "one")
            assert daemon.admin("show pins") != []
            cluster.sql("select pg_terminate_backend(pid) from pg_stat_activity"
                        f" where query like 'insert into {table} %'")
            wait_until(lambda: daemon.admin("show pins") == [], 10, "the end of the hold")
            errors = [m.error_fields(frame)["C"] for frame in client.query(ask) if frame.tag == b"E"]
            assert errors == ([] if ask == "select 1" else [CAUGHT])


def test_before_anybody_has_looked_at_the_functions(start_pgsaba, cluster):
    """Any of them may draw or ask: a new process keeps a caller's server for a while, and shows it no
    number of others."""
    cluster.sql("create sequence early; create function early_draw() returns void language sql as"
                " $$ select nextval('early') $$; create function early_last() returns bigint"
                " language sql as $$ select currval('early') $$")
    daemon = start(start_pgsaba, size=2, asked=False,
                   clusters={"main": {"monitor": {"catalogue_user": "missing"}}})
    with daemon.connect() as client, daemon.connect() as other:
        client.query("select early_draw()")
        drawn = cluster.value("select last_value from early")
        for _ in range(3):
            other.query("select early_draw()")
        assert client.value("select early_last()") == str(drawn)


@pytest.mark.parametrize("statement", ["discard all", "discard sequences"])
def test_what_is_discarded_keeps_no_server(start_pgsaba, table, statement):
    daemon = start(start_pgsaba, asked=False)
    with daemon.connect() as client:
        client.query(statement)
        assert holds(daemon) == 0
        client.query(f"select nextval('{table}_id_seq')")
        client.query(statement)
        with pytest.raises(ServerError) as refused:
            client.value(f"select currval('{table}_id_seq')")
        assert refused.value.sqlstate == CAUGHT
        assert holds(daemon) == 1
