"""SIGHUP: what a new configuration changes, what it leaves alone, and what a bad one does: nothing."""
# ctest-labels: threads

import json
import signal
import subprocess
import threading
import types

import pytest
from harness import messages as m
from harness.client import ServerError
from harness.cluster import PostgresCluster
from harness.conversations import (backend, begin, error_of, last_error, make_roles, pool_row,
                                   refusal, server_count, wait_for_waiters)
from harness.processes import free_port, wait_until

DONE = "configuration reloaded"


@pytest.fixture(scope="module")
def elsewhere(directory):
    """Another server, told apart by its name."""
    made = PostgresCluster(directory, "elsewhere", {"cluster_name": "elsewhere"})
    made.initialize().start()
    yield made
    made.stop("immediate")


@pytest.fixture(params=[1, 2], ids=["one worker", "two workers"])
def daemon(start_pgsaba, request):
    return start_pgsaba({"workers": request.param, "databases": {"postgres": {"pool_size": 1}}})


def reload(daemon, changes=None):
    """Reloads and returns once that is logged and every worker has heard of it."""
    before = daemon.log.count(DONE)
    daemon.reload(changes)
    wait_until(lambda: daemon.log.count(DONE) > before, 10, "reload")
    daemon.admin("show pools")


def where(client):
    return client.value("show cluster_name")


# Pools


def test_pool_size_grows_for_those_who_wait(daemon):
    clients = [daemon.connect() for _ in range(4)]
    for client in clients:
        client.send(m.query("begin; select 1"))
    wait_for_waiters(daemon, 3)
    reload(daemon, {"databases": {"postgres": {"pool_size": 4}}})
    for client in clients:
        assert client.read_until_ready()[-1].body == b"T"
    for client in clients:
        client.rows("commit")
        client.close()
    daemon.wait_for_log("reload: database postgres changed")


def test_a_smaller_pool_shrinks_as_servers_become_free(daemon, cluster):
    reload(daemon, {"databases": {"postgres": {"pool_size": 3}}})
    clients = [daemon.connect() for _ in range(3)]
    pids = [begin(client) for client in clients]
    reload(daemon, {"databases": {"postgres": {"pool_size": 1}}})
    assert [backend(client) for client in clients] == pids
    for client in clients:
        client.rows("commit")
    wait_until(lambda: server_count(cluster) == 1, 10, "a pool of one")
    for client in clients:
        assert client.value("select 1") == "1"
        client.close()
    # A connection of the monitor's that begins has no name yet.
    wait_until(lambda: server_count(cluster) == 1, 10, "still a pool of one")


def test_mode_and_limits(daemon):
    with daemon.connect() as client:
        assert client.query("begin; select 1")[-1].body == b"T"
        client.rows("commit")
        reload(daemon, {"databases": {"postgres": {"pool_mode": "statement"}},
                        "timeouts": {"query_wait": "300ms"}})
        assert pool_row(daemon)["pool_mode"] == "statement"
    client = daemon.connect()
    client.send(m.query("begin; select 1"))
    assert last_error(client)["C"] == "0A000"


# Databases


def test_new_and_removed_databases(daemon):
    assert refusal(daemon.where, database="fresh")["C"] == "3D000"
    reload(daemon, {"databases": {"fresh": {"cluster": "main", "dbname": "postgres"}}})
    with daemon.connect() as bystander:
        guests = [daemon.connect(database="fresh") for _ in range(3)]
        for guest in guests:
            assert guest.value("select current_database()") == "postgres"
        pid = begin(guests[0])
        reload(daemon, {"databases": {"fresh": None}})
        for guest in guests[1:]:
            error = last_error(guest)
            assert (error["S"], error["C"]) == ("FATAL", "57P01")
            assert 'database "fresh" was removed' in error["M"]
        assert backend(guests[0]) == pid  # what runs goes on
        guests[0].rows("commit")
        assert last_error(guests[0])["C"] == "57P01"
        assert refusal(daemon.where, database="fresh")["C"] == "3D000"
        assert bystander.value("select 1") == "1"
        wait_until(lambda: not pool_row(daemon, "fresh"), 10, "the end of its pool")


# Servers


def point_to(cluster, name=None):
    servers = [{"name": name or cluster.name, "host": cluster.host, "port": cluster.port}]
    return {"clusters": {"main": {"servers": servers}}}


def members(*places):
    """They keep their names, whoever they are."""
    servers = [{"name": f"server{number}", "host": place.host, "port": place.port}
               for number, place in enumerate(places, 1)]
    return {"clusters": {"main": {"servers": servers}}}


def move(daemon, changes):
    """Reloads, and returns once the monitor has found the primary there."""
    def found():
        return daemon.log.count("the primary is")
    before = found()
    reload(daemon, changes)
    wait_until(lambda: found() > before, 10, "another primary")


@pytest.fixture(params=["another name", "the same name"])
def name(cluster, request):
    """Of the server, at any place."""
    return cluster.name if request.param == "the same name" else None


def test_another_server_address(daemon, cluster, elsewhere, name):
    """A transaction ends where it began; the very next one is elsewhere, and so is who waited."""
    with daemon.connect() as busy, daemon.connect() as waiting:
        pid = begin(busy)
        waiting.send(m.query("show cluster_name"))
        wait_for_waiters(daemon, 1)
        move(daemon, point_to(elsewhere, name))
        assert (where(busy), backend(busy)) == ("", pid)
        busy.rows("commit")
        assert m.row_values(waiting.read_until_ready()[1]) == [b"elsewhere"]
        assert where(busy) == "elsewhere"
        wait_until(lambda: server_count(cluster) == 0, 10, "the end of the old server")


def test_another_server_address_beside_a_transaction(daemon, elsewhere, name):
    reload(daemon, {"databases": {"postgres": {"pool_size": 2}}})
    with daemon.connect() as busy, daemon.connect() as idle:
        assert where(idle) == ""
        pid = begin(busy)
        move(daemon, point_to(elsewhere, name))
        assert where(idle) == "elsewhere"
        assert (where(busy), backend(busy)) == ("", pid)
        busy.rows("commit")


def under_load(daemon, transaction, reloads):
    """Clients run `transaction` while the daemon is reloaded, without a single error."""
    over, failures, count = threading.Event(), [], [0]

    def work():
        with daemon.connect(timeout=60) as client:
            while not over.is_set():
                transaction(client)
                count[0] += 1

    def guarded():
        try:
            work()
        except Exception as failure:  # noqa: BLE001: told below
            failures.append(failure)

    threads = [threading.Thread(target=guarded) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for changes in reloads:
            reload(daemon, changes)
            seen = count[0]
            wait_until(lambda: count[0] > seen + 20 or failures, 10, "some transactions")
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert failures == []


def test_the_first_transaction_right_after_a_reload(daemon, cluster, elsewhere, name):
    """Back and forth, and never in two places at once."""
    def transaction(client):
        client.rows("begin; select 1")
        assert where(client) == where(client)
        client.rows("commit")

    under_load(daemon, transaction, [point_to(place, name) for place in (elsewhere, cluster) * 3])


# Servers of a cluster that has several


@pytest.fixture(scope="module")
def own_standby(cluster):
    made = cluster.make_standby("own standby").start()
    yield made
    made.stop("immediate")


@pytest.fixture(scope="module")
def standby_elsewhere(elsewhere):
    made = elsewhere.make_standby("standby elsewhere").start()
    yield made
    made.stop("immediate")


def test_a_cluster_moves_as_a_whole(start_pgsaba, cluster, own_standby, elsewhere,
                                    standby_elsewhere):
    """Who is the primary there is found out before anybody is sent there."""
    here, there = members(cluster, own_standby), members(standby_elsewhere, elsewhere)
    daemon = start_pgsaba(here)

    def transaction(client):
        assert client.value("select pg_is_in_recovery()") == "f"

    with daemon.connect() as busy, daemon.connect() as client:
        pid = begin(busy)
        under_load(daemon, transaction, [there, here, there])
        assert where(client) == "elsewhere"
        assert (where(busy), backend(busy)) == ("", pid)
        busy.rows("commit")


def test_a_server_of_two_is_replaced_by_a_stranger(start_pgsaba, cluster, own_standby, elsewhere):
    """The other one tells whose cluster it is, for as long as it is listed."""
    daemon = start_pgsaba({"timeouts": {"failover_wait": "300ms"},
                           **members(cluster, own_standby)})
    with daemon.connect() as busy, daemon.connect() as client:
        pid = begin(busy)
        reload(daemon, members(elsewhere, own_standby))
        daemon.wait_for_log(r"server server1 has the system identifier \d+, the cluster's is \d+")
        for _ in range(2):
            error = error_of(client.query("show cluster_name"))
            assert error["C"] == "57P03"
            assert "is in recovery or has another system identifier" in error["M"]
            reload(daemon)
        assert (where(busy), backend(busy)) == ("", pid)
        busy.rows("commit")
        reload(daemon, members(elsewhere))
        assert where(client) == "elsewhere"


def test_the_only_server_that_was_known_is_replaced(start_pgsaba, cluster, elsewhere):
    """Of the other one nothing has ever been heard, so that it does not tell whose cluster it is."""
    absent = types.SimpleNamespace(host="127.0.0.1", port=free_port())
    daemon = start_pgsaba(members(cluster, absent))
    with daemon.connect(timeout=60) as busy, daemon.connect(timeout=60) as client:
        pid = begin(busy)
        move(daemon, members(elsewhere, absent))
        assert where(client) == "elsewhere"
        assert (where(busy), backend(busy)) == ("", pid)
        busy.rows("commit")
        assert where(busy) == "elsewhere"


def test_other_credentials_reconnect(daemon, cluster):
    make_roles(cluster, "alice")
    with daemon.connect() as client:
        assert client.value("select session_user") == "postgres"
        reload(daemon, {"databases": {"postgres": {"user": "alice"}}})
        assert client.value("select session_user") == "alice"
        pid = backend(client)
        reload(daemon, {"databases": {"postgres": {"user": "alice", "password": "another"}}})
        assert backend(client) != pid


def test_other_credentials_under_a_transaction(daemon, cluster):
    """It goes on where it began, with what it has written; the next one logs in as it is said now, and so does
    who waits."""
    make_roles(cluster, "alice")
    with daemon.connect() as busy, daemon.connect() as waiting:
        pid = begin(busy)
        busy.rows("create temp table written on commit drop as select 1")
        waiting.send(m.query("select session_user"))
        wait_for_waiters(daemon, 1)
        reload(daemon, {"databases": {"postgres": {"user": "alice"}}})
        assert (busy.value("select session_user"), backend(busy)) == ("postgres", pid)
        assert busy.value("select count(*) from written") == "1"
        busy.rows("commit")
        rows = [frame for frame in waiting.read_until_ready() if frame.tag == b"D"]
        assert m.row_values(rows[0]) == [b"alice"]
        pid = begin(busy)
        reload(daemon, {"databases": {"postgres": {"user": "alice", "password": "another"}}})
        assert (busy.value("select session_user"), backend(busy)) == ("alice", pid)
        busy.rows("commit")
        assert busy.value("select session_user") == "alice" and backend(busy) != pid


# The userlist


def test_userlist(start_pgsaba, directory):
    path = directory.path / "reloaded_users.txt"
    path.write_text('"postgres" "old"\n')
    daemon = start_pgsaba({"auth": {"type": "scram-sha-256", "file": str(path)}})
    inside = daemon.connect(password="old")
    path.write_text('"postgres" "new"\n"postgres2" "also"\n')
    daemon.send_signal(1)
    wait_until(lambda: accepts(daemon, "new"), 10, "the new password")
    assert not accepts(daemon, "old")
    assert inside.value("select 1") == "1"
    path.write_text('"postgres" "newer"\n"broken line\n')
    daemon.send_signal(1)
    daemon.wait_for_log("reload refused")
    assert str(path) in daemon.log and ":2" in daemon.log
    assert accepts(daemon, "new") and not accepts(daemon, "newer")
    inside.close()


@pytest.fixture
def users(start_pgsaba, directory, cluster):
    """A daemon with a list of users, and what makes that another one."""
    make_roles(cluster, "alice", "bob")
    path = directory.path / "users_of_a_reload.txt"

    def are(**passwords):
        path.write_text("".join(f'"{user}" "{password}"\n' for user, password in passwords.items()))

    are(alice="a", bob="b")
    daemon = start_pgsaba({"auth": {"type": "scram-sha-256", "file": str(path)}, "workers": 2,
                           "databases": {"postgres": {"pool_size": 2}}})
    daemon.users_are = are
    return daemon


def reload_users(daemon, **passwords):
    daemon.users_are(**passwords)
    before = daemon.log.count(DONE)
    daemon.send_signal(signal.SIGHUP)
    wait_until(lambda: daemon.log.count(DONE) > before, 10, "reload")


LATER = {"is removed": {"bob": "b"}, "has another password": {"alice": "other", "bob": "b"}}


@pytest.mark.parametrize("becomes", LATER)
def test_servers_of_who_was_another_are_closed(users, cluster, becomes):
    """Idle ones at once, one in a transaction behind it; nobody else gets them."""
    of_alice = "usename = 'alice'"
    with users.connect(user="alice", password="a") as idle, \
            users.connect(user="alice", password="a") as busy:
        busy_pid = begin(busy)
        idle_pid = backend(idle)
        assert server_count(cluster, of_alice) == 2
        reload_users(users, **LATER[becomes])
        wait_until(lambda: server_count(cluster, f"pid = {idle_pid}") == 0, 10, "the idle one's end")
        assert (busy.value("select session_user"), backend(busy)) == ("alice", busy_pid)
        with users.connect(user="bob", password="b") as bob:
            assert bob.value("select session_user") == "bob"
            assert backend(bob) not in (idle_pid, busy_pid)
            busy.rows("commit")
            wait_until(lambda: server_count(cluster, f"pid = {busy_pid}") == 0, 10, "the other's end")
            assert (bob.value("select session_user"), backend(bob) in (idle_pid, busy_pid)) == ("bob", False)


def accepts(daemon, password):
    try:
        daemon.connect(password=password).close()
        return True
    except ServerError as refused:
        assert refused.sqlstate == "28P01"
        return False


# Bad files


@pytest.mark.parametrize("changes, words", [
    ({"databases": {"postgres": {"pool_sice": 9}}}, ["pool_sice", "pool_size"]),
    ({"timeouts": {"query_wait": "soon"}}, ["query_wait", "soon"]),
    ({"databases": {"other": {"cluster": "mian"}}}, ["mian", "main"])])
def test_a_bad_file_changes_nothing(daemon, changes, words):
    """Refused whole, with file, line and what was probably meant."""
    good = daemon.config
    daemon.reload({**changes, "users": {"postgres": {"pool_size": 3}}})
    daemon.wait_for_log("reload refused, the old settings stay")
    refused = daemon.log[daemon.log.index("reload refused"):]
    for word in words:
        assert word in refused
    line = next(number for number, text in
                enumerate(daemon.config_path.read_text().splitlines(), 1) if words[0] in text)
    assert f"({daemon.config_path}:{line})" in refused
    clients = [daemon.connect() for _ in range(2)]
    for client in clients:
        client.send(m.query("begin; select 1"))
    wait_for_waiters(daemon, 1)  # pool_size is still one
    daemon.config = good
    for client in clients:
        client.abandon()
    reload(daemon)


def test_what_only_a_start_can_change_is_named(daemon):
    reload(daemon, {"workers": 3})
    daemon.wait_for_log("workers stays . until the next start")


# Included files


def check(daemon):
    return subprocess.run([daemon.binary, "check", str(daemon.config_path)], capture_output=True, text=True,
                          check=False, timeout=30)


def test_included_files(start_pgsaba, directory):
    """They belong to the configuration: at start, when it is checked, and in a reload, which sees what they
    say now, which of them there are, and which is broken."""
    folder = directory.make("included")
    one, two = folder / "one.yaml", folder / "two.yaml"

    def has(**settings):
        return json.dumps({"databases": {name: {"cluster": "main", "dbname": "postgres", **changes}
                                         for name, changes in settings.items()}})

    one.write_text(has(one={"pool_size": 3}))
    daemon = start_pgsaba({"include": ["included/*.yaml"]})  # beside the file that says so

    def sizes():
        return {row["name"]: row["pool_size"] for row in daemon.admin("show databases")
                if row["name"] in ("one", "two")}

    assert sizes() == {"one": "3"}
    one.write_text(has(one={"pool_size": 5}))
    two.write_text(has(two={"pool_size": 7}))
    reload(daemon)
    assert sizes() == {"one": "5", "two": "7"}
    for name in sizes():
        with daemon.connect(database=name) as client:
            assert client.value("select current_database()") == "postgres"
    assert check(daemon).returncode == 0
    one.write_text(has(one={"pool_sice": 9}))
    two.unlink()
    checked = check(daemon)
    assert checked.returncode == 1 and "pool_sice" in checked.stderr and f"{one}:1" in checked.stderr
    daemon.reload()
    daemon.wait_for_log("reload refused")
    assert f"({one}:1)" in daemon.log
    assert sizes() == {"one": "5", "two": "7"}
    one.write_text(has(one={"pool_size": 9}))
    reload(daemon)
    assert sizes() == {"one": "9"}
    assert refusal(daemon.where, database="two")["C"] == "3D000"


# The log


def test_log_file_is_reopened(start_pgsaba, directory):
    path = directory.path / "rotated.log"
    daemon = start_pgsaba({"log": {"file": str(path)}})
    daemon.connect().close()
    wait_until(lambda: "logged in" in path.read_text(), 10, "a line in the log")
    path.rename(directory.path / "rotated.log.1")
    daemon.send_signal(1)
    wait_until(lambda: path.exists() and DONE in path.read_text(), 10, "a new log")
    daemon.connect(options={"application_name": "second"}).close()
    wait_until(lambda: "logged in" in path.read_text(), 10, "a line in the new log")
