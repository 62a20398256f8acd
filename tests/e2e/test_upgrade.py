"""Another process takes over, and no client notices: listening sockets, clients at rest with all
that their sessions are, notifications, cancel requests; and what happens if it cannot."""
# ctest-labels: threads

import os
import signal
import socket
import threading
import time

import pytest
from harness import messages as m
from harness.client import RawClient, ServerError
from harness.conversations import begin
from harness.processes import wait_until
from harness.successor import adopt_orphans

adopt_orphans()

SMALL = {"workers": 2, "databases": {"postgres": {"pool_size": 4}}}


@pytest.fixture(params=[1, 2], ids=["one worker", "two workers"])
def daemon(start_pgsaba, request):
    return start_pgsaba({**SMALL, "workers": request.param})


def ended(process):
    return process.wait(20) == 0


def cancel(where, client):
    with socket.create_connection(where, 10) as connection:
        connection.sendall(m.cancel_request(client.backend_pid, client.backend_secret))
        assert connection.recv(1) == b""


def refusal(client):
    return next(m.error_fields(f)["C"] for f in client.read_until_ready() if f.tag == b"E")


# ---- the sockets that clients come to ----------------------------------------------------------


def test_new_clients_come_to_the_new_process(daemon):
    before = daemon.upgrade()
    assert ended(before) and daemon.is_running()
    for where in (daemon.where, str(daemon.unix_socket)):
        with RawClient(where) as client:
            assert client.value("select 1") == "1"
    assert daemon.upgrade().pid != before.pid
    with daemon.connect() as client:
        assert client.value("select 1") == "1"


def test_nobody_is_turned_away(daemon):
    """Logins one after the other, while processes take over."""
    stop, failures, logins = threading.Event(), [], [0]

    def log_in():
        while not stop.is_set():
            try:
                with daemon.connect() as client:
                    assert client.value("select 1") == "1"
                logins[0] += 1
            except Exception as error:
                failures.append(repr(error))

    threads = [threading.Thread(target=log_in) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        daemon.upgrade()
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures and logins[0] > 10
    assert all(ended(process) for process in daemon.former)


def test_a_configuration_with_errors_is_refused(daemon):
    config = daemon.config_path.read_text()
    client = daemon.connect()
    daemon.config_path.write_text("pool: {pool_sice: 7}\n")
    with pytest.raises(ServerError) as refused:
        daemon.upgrade()
    assert "pool_sice" in refused.value.fields["M"]
    assert client.value("select 1") == "1" and daemon.connect().value("select 1") == "1"
    assert daemon.unix_socket.exists()
    daemon.config_path.write_text(config)
    assert ended(daemon.upgrade()) and client.value("select 1") == "1"


def test_a_signal_does_it(daemon):
    client = daemon.connect()
    assert ended(daemon.upgrade_by_signal()) and client.value("select 1") == "1"


def test_what_was_listened_to_follows_the_configuration(daemon):
    daemon.config["listen"] = daemon.config["listen"][:1]
    daemon.write_config()
    assert ended(daemon.upgrade())
    wait_until(lambda: not daemon.unix_socket.exists(), 10, "the end of the Unix socket")
    with daemon.connect() as client:
        assert client.value("select 1") == "1"


def test_what_is_paused_stays_paused(daemon):
    with daemon.connect(database="pgsaba") as console:
        console.rows("disable postgres")
    daemon.upgrade()
    with pytest.raises(ServerError, match="disabled"):
        daemon.connect()


# ---- clients at rest ---------------------------------------------------------------------------


def test_a_session_is_the_same_afterwards(daemon):
    with daemon.connect(options={"options": "-c work_mem=5MB"}) as client:
        client.query("set search_path = pg_catalog, public")
        client.query("set my.own = 'thing'")
        client.query("prepare by_sql as select 'by sql', $1::int")
        client.send(m.parse("named", "select 'named', $1::int"), m.parse("", "select 'unnamed'"),
                    m.sync())
        client.read_until_ready()
        assert ended(daemon.upgrade())
        assert client.value("show work_mem") == "5MB"
        assert client.value("show search_path") == "pg_catalog, public"
        assert client.value("show my.own") == "thing"
        assert client.rows("execute by_sql(3)") == [["by sql", "3"]]
        client.send(m.bind("", "named", [b"7"]), m.execute(), m.sync())
        assert [m.row_values(f) for f in client.read_until_ready() if f.tag == b"D"] \
            == [[b"named", b"7"]]
        client.query("reset work_mem")
        assert client.value("show work_mem") == "5MB"
        cancel(daemon.where, client)  # nothing runs; nothing breaks
        assert client.value("select 1") == "1"


def test_an_unnamed_statement_and_a_begin_move(daemon):
    with daemon.connect() as unnamed, daemon.connect() as begun:
        unnamed.send(m.parse("", "select 'unnamed'"), m.sync())
        unnamed.read_until_ready()
        assert begun.query("begin isolation level serializable")[-1].body == b"T"
        assert ended(daemon.upgrade())
        unnamed.send(m.bind("", "", []), m.execute(), m.sync())
        assert [m.row_values(f) for f in unnamed.read_until_ready() if f.tag == b"D"] \
            == [[b"unnamed"]]
        assert begun.value("show transaction_isolation") == "serializable"
        assert begun.query("commit")[-1].body == b"I"


def test_a_transaction_ends_where_it_began(daemon):
    with daemon.connect() as busy:
        begin(busy)
        before = daemon.upgrade()
        pid = busy.value("select pg_backend_pid()")
        time.sleep(0.3)
        assert busy.value("select pg_backend_pid()") == pid and before.poll() is None
        busy.query("commit")
        assert ended(before) and busy.value("select 1") == "1"


def test_what_pins_a_client_stays_until_it_is_gone(daemon):
    with daemon.connect() as pinned:
        pinned.query("create temp table mine as select 42 as answer")
        before = daemon.upgrade()
        time.sleep(0.3)
        assert pinned.value("select answer from mine") == "42" and before.poll() is None
        pinned.query("drop table mine")
        assert ended(before) and pinned.value("select 1") == "1"


def test_who_does_not_move_has_a_limit(start_pgsaba):
    daemon = start_pgsaba({**SMALL, "timeouts": {"upgrade": "1s", "shutdown": "1s"}})
    busy = daemon.connect()
    begin(busy)
    before = daemon.upgrade()
    assert ended(before)
    assert [f.tag for f in busy.read_to_end()] == [b"E"]
    with daemon.connect() as client:
        assert client.value("select 1") == "1"


@pytest.mark.parametrize("version", [m.PROTOCOL_3_0, m.PROTOCOL_3_0 | 2], ids=["3.0", "3.2"])
def test_cancel_requests_find_their_client(daemon, cluster, version):
    """It runs in the old process, and the request comes to the new one; then the other way round:
    its key is from the old process, and it runs in the new one."""
    with daemon.connect(version=version) as client:
        begin(client)
        before = daemon.upgrade()
        for _ in range(2):
            client.send(m.query("select pg_sleep(60)"))
            wait_until(lambda: cluster.value(
                "select count(*) from pg_stat_activity where state = 'active' and query like "
                "'select pg_sleep(60)%'") == 1, 10, "the sleeper")
            cancel(daemon.where, client)
            assert refusal(client) == "57014"
            client.query("rollback")
            assert ended(before)


def test_a_chain_of_processes(daemon):
    """Clients of the first process, while there is a third."""
    first, second = daemon.connect(), daemon.connect()
    begin(first)
    one = daemon.upgrade()
    begin(second)
    two = daemon.upgrade()
    assert one.poll() is None and two.poll() is None
    second.query("commit")
    time.sleep(0.3)
    assert two.poll() is None  # it is the way to the first
    first.send(m.query("select pg_sleep(60)"))
    time.sleep(0.2)
    cancel(daemon.where, first)
    assert refusal(first) == "57014"
    first.query("rollback")
    assert ended(one) and ended(two)
    assert first.value("select 1") == second.value("select 1") == "1"


# ---- notifications -----------------------------------------------------------------------------


class Notifier:
    """Numbers that are notified one after the other, all the time, until `with` ends."""

    def __init__(self, cluster):
        self.sent = 0
        self._where = cluster.host, cluster.port
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        with RawClient(self._where) as direct:
            while not self._stop.is_set():
                self.sent += 1
                direct.query(f"notify numbers, '{self.sent}'")

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()


def listeners_of(daemon):
    listeners = [daemon.connect() for _ in range(8)]
    for listener in listeners:
        listener.query("listen numbers")
    return listeners


def numbers(frames):
    return [int(frame.body[4:].split(b"\0")[1]) for frame in frames if frame.tag == b"A"]


def test_every_notification_comes_once(daemon, cluster):
    listeners = listeners_of(daemon)
    with Notifier(cluster) as notifier:
        for _ in range(3):
            assert ended(daemon.upgrade())
    assert notifier.sent > 20
    for listener in listeners:
        heard = numbers(listener.read_until(b"A", notifier.sent))
        assert heard == list(range(1, notifier.sent + 1))
        assert listener.is_silent(0.05)


def test_what_comes_inside_a_transaction_is_told_behind_it(daemon, cluster):
    """Also if no server has heard of that transaction, when its client could move."""
    listeners = listeners_of(daemon)
    stop, told, broken = threading.Event(), {}, []

    def go_on(listener):
        frames = []
        try:
            while not stop.is_set():
                for sql in ("begin", "commit"):
                    listener.send(m.query(sql))
                    frames += listener.read_until_ready()
        except Exception as error:  # shown at the end
            broken.append(error)
        told[listener] = frames

    threads = [threading.Thread(target=go_on, args=(listener,)) for listener in listeners]
    with Notifier(cluster) as notifier:
        for thread in threads:
            thread.start()
        for _ in range(3):
            assert ended(daemon.upgrade())
        stop.set()
        for thread in threads:
            thread.join()
    assert not broken
    for listener in listeners:
        heard = numbers(told[listener])
        frames = listener.read_until(b"A", notifier.sent - len(heard))
        assert heard + numbers(frames) == list(range(1, notifier.sent + 1))


# ---- the new process ends ----------------------------------------------------------------------


def test_the_old_process_goes_on_if_the_new_one_dies(daemon):
    busy, idle = daemon.connect(), daemon.connect()
    begin(busy)
    before = daemon.upgrade()
    idle.value("select 1")
    wait_until(lambda: any(row["database"] == "postgres" for row in daemon.admin("show clients")), 10,
               "the move of who is idle")
    daemon.crash()
    daemon.wait_for_log("this one goes on instead")
    assert busy.value("select 2") == "2"
    busy.query("commit")
    for where in (daemon.where, str(daemon.unix_socket)):
        with RawClient(where) as client:
            assert client.value("select 1") == "1"
    assert busy.value("select 3") == "3" and before.poll() is None
    idle.read_to_end()  # it had moved
    assert ended(daemon.upgrade()) and busy.value("select 4") == "4"


def test_sigterm_ends_both(daemon):
    busy = daemon.connect()
    begin(busy)
    before = daemon.upgrade()
    daemon.send_signal(signal.SIGTERM)
    time.sleep(0.2)
    assert busy.value("select 1") == "1"
    busy.query("commit")
    assert ended(before) and daemon.wait() == 0
    assert not daemon.unix_socket.exists()


def test_the_new_process_reads_nothing_of_who_may_go_back(start_pgsaba, cluster):
    """A client that listens is offered to it, and stays where it is if the listening does not come
    about in time: what it says meanwhile is read by one of them only."""
    daemon = start_pgsaba()
    clients = [daemon.connect(timeout=60) for _ in range(4)]
    for client in clients:
        client.query("listen news")
    wait_until(lambda: listeners(cluster), 10, "the server that listens")
    (listener, pid), = listeners(cluster)
    os.kill(pid, signal.SIGSTOP)
    try:
        daemon.upgrade()
        wait_until(lambda: "serves with" in daemon.log, 10, "the new process")
        os.kill(daemon.pid, signal.SIGSTOP)  # so that all of it is there at once
        for client in clients:
            client.send(m.query("select repeat('x', 3000)" + " " * 3000))
        time.sleep(0.1)
        os.kill(daemon.pid, signal.SIGCONT)
        time.sleep(6)  # longer than an offer stands
    finally:
        os.kill(pid, signal.SIGCONT)
    for client in clients:
        frames = client.read_until_ready()
        assert [frame.tag for frame in frames if frame.tag in b"TDCZE"] == [b"T", b"D", b"C", b"Z"]
        client.close()


def listeners(cluster):
    return cluster.sql("select application_name, pid from pg_stat_activity where "
                       "application_name = 'pgsaba listener'")
