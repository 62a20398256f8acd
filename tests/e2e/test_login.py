"""Logging in, as a client at pgsaba and as pgsaba at PostgreSQL. Parameters: test_startup.py."""
# ctest-labels: threads

import hashlib
import itertools
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from harness import messages as m
from harness.client import RawClient, ServerError
from harness.cluster import TRUST, PostgresCluster
from harness.conversations import begin, refusal, tags
from harness.processes import wait_until

PASSWORD = 'a "quoted" pässword'
FILES = itertools.count()


def md5_secret(user, password=PASSWORD):
    return "md5" + hashlib.md5((password + user).encode()).hexdigest()


@pytest.fixture(scope="session")
def cluster(directory):
    """Each role must log in by the method of its name; the password is the same for all."""
    methods = ["trust", "password", "md5", "scram"]
    rules = [f"host all by_{name} 127.0.0.1/32 {name.replace('scram', 'scram-sha-256')}"
             for name in methods]
    made = PostgresCluster(directory, hba=[*rules, *TRUST]).initialize().start()
    for name in methods:
        kind = "scram-sha-256" if name == "scram" else "md5"
        literal = PASSWORD.replace("'", "''")
        with_kind = f"set password_encryption = '{kind}'"
        made.sql(f"{with_kind}; create role by_{name} login password '{literal}'")
    yield made
    made.stop("immediate")


@pytest.fixture
def start(start_pgsaba, directory):
    """A daemon whose userlist has these (user, secret) pairs."""
    def with_users(kind, *pairs, **changes):
        path = directory.path / f"userlist_{next(FILES)}.txt"
        path.write_text("".join('"{}" "{}"\n'.format(user, secret.replace('"', '""'))
                                for user, secret in pairs))
        path.chmod(0o600)
        return start_pgsaba({"auth": {"type": kind, "file": str(path)},
                             "databases": {"postgres": {"pool_size": 1}}, **changes})
    return with_users


def stored(cluster, user):
    return cluster.value(f"select rolpassword from pg_authid where rolname = '{user}'")


def requests(client):
    """The kinds of authentication request in a login."""
    return [struct.unpack_from("!i", frame.body)[0]
            for frame in client.login_frames if frame.tag == b"R"]


def processor_time(daemon):
    """Nanoseconds that each thread of the daemon has run, by the thread's name."""
    times = {}
    for task in Path(f"/proc/{daemon.pid}/task").iterdir():
        name = (task / "comm").read_text().strip()
        times[name] = int((task / "schedstat").read_text().split()[0])
    return times


# Clients


@pytest.mark.parametrize("kind, secret, asked", [
    ("trust", "plain", [0]), ("trust", "md5", [0]), ("trust", "scram", [0]),
    ("plain", "plain", [3, 0]), ("plain", "md5", [3, 0]), ("plain", "scram", [3, 0]),
    ("md5", "plain", [5, 0]), ("md5", "md5", [5, 0]), ("md5", "scram", [10, 11, 12, 0]),
    ("scram-sha-256", "plain", [10, 11, 12, 0]), ("scram-sha-256", "scram", [10, 11, 12, 0])])
def test_methods_and_secrets(start, cluster, kind, secret, asked):
    secrets = {"plain": PASSWORD, "md5": md5_secret("by_trust"), "scram": stored(cluster, "by_scram")}
    daemon = start(kind, ("by_trust", secrets[secret]))
    with daemon.connect(user="by_trust", password=PASSWORD) as client:
        assert requests(client) == asked
        assert client.value("select current_user") == "by_trust"
    if kind == "trust":
        return
    wrong = refusal(daemon.where, user="by_trust", password="wrong")
    assert (wrong["S"], wrong["C"]) == ("FATAL", "28P01")
    assert wrong["M"] == 'password authentication failed for user "by_trust"'
    assert daemon.connect(user="by_trust", password=PASSWORD).value("select 1") == "1"


@pytest.mark.parametrize("kind, secret", [("plain", PASSWORD), ("md5", PASSWORD),
                                          ("scram-sha-256", PASSWORD), ("md5", "scram")])
def test_an_unknown_user_is_not_told_apart(start, cluster, kind, secret):
    secret = stored(cluster, "by_scram") if secret == "scram" else secret
    daemon = start(kind, ("by_trust", secret))
    answers = []
    for user in ("by_trust", "no_such_user"):
        with RawClient(daemon.where, user=user, password="wrong", login=False) as client:
            with pytest.raises(ServerError) as refused:
                client.login()
            fields = {**refused.value.fields, "M": refused.value.fields["M"].replace(user, "X")}
            answers.append((requests(client), fields))
    assert answers[0] == answers[1]
    daemon.wait_for_log("no_such_user")


def test_md5_secret_cannot_be_checked_by_scram(start):
    daemon = start("scram-sha-256", ("by_trust", md5_secret("by_trust")))
    assert refusal(daemon.where, user="by_trust", password=PASSWORD)["C"] == "28P01"


def wrong_password(daemon, number):
    with pytest.raises(ServerError) as refused:
        daemon.connect(user="by_trust", password=f"wrong {number}")
    return refused.value.sqlstate


def test_wrong_passwords_cost_the_query_threads_nothing(start, cluster):
    """Each guess has to be hashed 4,096 times: another thread does that."""
    daemon = start("plain", ("by_trust", stored(cluster, "by_scram")), ("postgres", "secret"))
    with daemon.connect(password="secret") as busy, ThreadPoolExecutor(8) as guessers:
        before = processor_time(daemon)
        for sqlstate in guessers.map(lambda number: wrong_password(daemon, number), range(200)):
            assert sqlstate == "28P01"
            assert busy.value("select 1") == "1"
        after = processor_time(daemon)
    spent = {name: after[name] - before[name] for name in ("keys", "worker-0")}
    assert spent["keys"] > spent["worker-0"], spent
    with daemon.connect(user="by_trust", password=PASSWORD) as client:
        assert client.value("select 1") == "1"


@pytest.mark.parametrize("workers", [1, 2])
def test_clients_that_leave_while_their_password_is_hashed(start, cluster, workers):
    daemon = start("plain", ("by_trust", stored(cluster, "by_scram")), ("postgres", "secret"),
                   workers=workers)
    for _ in range(10):
        leaving = [RawClient(daemon.where, login=False) for _ in range(20)]
        for number, client in enumerate(leaving):
            client.send(m.startup({"user": "by_trust", "database": "postgres"}))
            client.read()
            client.send(m.password(m.text(f"wrong {number % 7}")))  # some ask for the same
        for client in leaving:
            client.close()
    with daemon.connect(user="by_trust", password=PASSWORD) as client:
        assert client.value("select 1") == "1"
    with daemon.connect(database="pgsaba", password="secret") as console:
        wait_until(lambda: tags(console.query("show clients")).count(b"D") == 1, 10,
                   "the end of the others")


def test_trust_with_a_file_knows_only_its_users(start):
    daemon = start("trust", ("by_trust", ""))
    refused = refusal(daemon.where, user="postgres")
    assert (refused["C"], refused["M"]) == ("28000", 'role "postgres" does not exist')


def test_an_empty_password_is_refused(start):
    daemon = start("plain", ("by_trust", ""))
    assert refusal(daemon.where, user="by_trust", password="")["C"] == "28P01"


def test_secrets_are_not_logged(start, cluster):
    daemon = start("scram-sha-256", ("by_md5", PASSWORD), ("by_scram", stored(cluster, "by_scram")))
    for user in ("by_md5", "by_scram"):
        daemon.connect(user=user, password=PASSWORD).close()
        refusal(daemon.where, user=user, password="mistyped")
    daemon.wait_for_log("by_scram@")
    for secret in (PASSWORD, "mistyped", "SCRAM-SHA-256$", "md5"):
        assert secret not in daemon.log.replace("by_md5", "")


# Servers


@pytest.mark.parametrize("user", ["by_trust", "by_password", "by_md5", "by_scram"])
def test_plain_secret_serves_every_method_of_the_server(start, user):
    daemon = start("scram-sha-256", (user, PASSWORD))
    with daemon.connect(user=user, password=PASSWORD) as client:
        assert client.value("select current_user") == user


def test_md5_secret_serves_an_md5_server(start):
    daemon = start("md5", ("by_md5", md5_secret("by_md5")))
    with daemon.connect(user="by_md5", password=PASSWORD) as client:
        assert client.value("select current_user") == "by_md5"


@pytest.mark.parametrize("workers", [1, 2])
def test_scram_secret_is_passed_through(start, cluster, workers):
    """The client's proof holds the key that the same secret wants on the server."""
    daemon = start("scram-sha-256", ("by_scram", stored(cluster, "by_scram")), workers=workers)
    clients = [daemon.connect(user="by_scram", password=PASSWORD) for _ in range(4)]
    for client in clients:
        assert client.value("select current_user") == "by_scram"
        client.close()


@pytest.mark.parametrize("user", ["by_password", "by_md5", "by_scram"])
def test_forced_user(start, cluster, user):
    databases = {"postgres": {"pool_size": 1, "user": user, "password": PASSWORD}}
    daemon = start("scram-sha-256", ("anybody", stored(cluster, "by_scram")), databases=databases)
    with daemon.connect(user="anybody", password=PASSWORD) as client:
        assert client.value("select current_user") == user


def test_the_servers_refusal_is_told_in_its_words(start):
    daemon = start("trust", ("by_scram", "not the password"))
    refused = refusal(daemon.where, user="by_scram")
    assert (refused["S"], refused["C"]) == ("FATAL", "28P01")
    assert refused["M"] == 'password authentication failed for user "by_scram"'


def test_who_waits_in_vain_hears_what_servers_say(start, cluster):
    """One server is left of the time before the password changed, and it is busy."""
    daemon = start("trust", ("by_scram", PASSWORD), timeouts={"query_wait": "1s"})
    daemon.reload({"databases": {"postgres": {"pool_size": 2}}})
    kept = stored(cluster, "by_scram")
    with daemon.connect(user="by_scram") as busy, daemon.connect(user="by_scram") as late:
        busy.query("begin")
        busy.query("select 1")
        cluster.sql("alter role by_scram password 'another'")
        try:
            refused = m.error_fields(late.query("select 1")[0])
        finally:
            cluster.sql(f"alter role by_scram password '{kept}'")
        assert refused["C"] == "53300"
        assert 'failed: password authentication failed for user "by_scram"' in refused["D"]


# Without a server


def test_login_needs_no_free_server(start):
    daemon = start("trust", ("by_trust", ""))
    with daemon.connect(user="by_trust") as holder:
        begin(holder)
        late = [daemon.connect(user="by_trust", options={"application_name": f"late {number}"})
                for number in range(20)]
        assert all(client.parameters["server_version"] for client in late)
        assert late[7].parameters["application_name"] == "late 7"
        holder.rows("commit")
        for client in late:
            client.close()


# Databases


def test_unknown_database(start):
    daemon = start("scram-sha-256", ("by_trust", PASSWORD))
    refused = refusal(daemon.where, user="by_trust", password=PASSWORD, database="absent")
    assert (refused["S"], refused["C"]) == ("FATAL", "3D000")
    assert refused["M"] == 'database "absent" does not exist' and "SHOW DATABASES" in refused["H"]


@pytest.mark.parametrize("type", ["plain", "md5", "scram-sha-256"])
def test_which_databases_there_are_is_for_who_has_logged_in(start, type):
    daemon = start(type, ("plain", PASSWORD))
    for user, password, code in (("plain", "wrong", "28P01"), ("stranger", PASSWORD, "28P01"),
                                 ("plain", PASSWORD, "3D000")):
        with pytest.raises(ServerError) as refused:
            daemon.connect(database="absent", user=user, password=password)
        assert refused.value.sqlstate == code


def test_database_the_server_does_not_know(start):
    daemon = start("trust", ("by_trust", ""), databases={"*": {"cluster": "main"}})
    refused = refusal(daemon.where, user="by_trust", database="absent")
    assert (refused["C"], refused["M"]) == ("3D000", 'database "absent" does not exist')


def test_admin_console_is_for_named_users(start):
    daemon = start("trust", ("by_trust", ""), ("postgres", ""), ("watcher", ""),
                   admin={"users": ["postgres"], "stats_users": ["watcher"]})
    refused = refusal(daemon.where, user="by_trust", database="pgsaba")
    assert refused["C"] == "42501" and "admin" in refused["H"]
    for user, may in (("postgres", True), ("watcher", False)):
        with daemon.connect(user=user, database="pgbouncer") as console:
            assert tags(console.query("show version")) == b"TDCZ"
            assert (b"E" in tags(console.query("reconnect"))) is not may
