"""Users that no file lists: a server is asked for their secrets."""
# ctest-labels: threads

import itertools
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from harness.client import ServerError
from harness.client import RawClient
from harness.cluster import TRUST, PostgresCluster
from harness.processes import wait_until
from harness.successor import adopt_orphans

adopt_orphans()

FILES = itertools.count()
FUNCTION = """
create schema pooler;
create function pooler.secret_of(wanted text) returns table (name text, secret text)
  language sql security definer set search_path = pg_catalog
  as $$ select rolname::text, rolpassword from pg_authid where rolname = wanted and rolcanlogin $$;
revoke all on function pooler.secret_of(text) from public;
create role keeper login password 'keeper';
grant usage on schema pooler to keeper;
grant execute on function pooler.secret_of(text) to keeper;
"""
QUERY = "select name, secret from pooler.secret_of($1)"


@pytest.fixture(scope="module")
def cluster(directory):
    """It asks everybody but the superuser for a password."""
    rules = ["host all postgres 127.0.0.1/32 trust", "host all by_md5 127.0.0.1/32 md5",
             "host all all 127.0.0.1/32 scram-sha-256"]
    made = PostgresCluster(directory, "secretive", hba=[*rules, *TRUST]).initialize().start()
    made.sql(FUNCTION)
    made.sql("create role alice login password 'first'; create role barred nologin password 'x';"
             "create role bare login")
    made.sql("set password_encryption = 'md5'; create role by_md5 login password 'old style'")
    yield made
    made.stop("immediate")


@pytest.fixture
def start(start_pgsaba, cluster, directory):
    def with_auth(auth=None, listed='"keeper" "keeper"\n', kind="scram-sha-256", **changes):
        path = directory.path / f"auth_query_{next(FILES)}.txt"
        path.write_text(listed)
        path.chmod(0o600)
        return start_pgsaba({
            "auth": {"type": kind, "file": str(path), "user": "keeper", "query": QUERY, **(auth or {})},
            "clusters": {"main": {"servers": [{"name": "secretive", "host": cluster.host,
                                               "port": cluster.port}]}}, **changes})
    return with_auth


def whoami(daemon, user, password, database="postgres"):
    with psycopg.connect(host=daemon.host, port=daemon.port, user=user, password=password,
                         dbname=database, connect_timeout=20) as connection:
        return connection.execute("select current_user").fetchone()[0]


def refusal(daemon, user, password):
    with pytest.raises(psycopg.OperationalError) as refused:
        whoami(daemon, user, password)
    return str(refused.value)


def test_users_of_the_server_get_in_with_their_passwords(start):
    """The server gets a proof of the same password: nobody had to write it down."""
    daemon = start()
    assert whoami(daemon, "alice", "first") == "alice"
    wrong = refusal(daemon, "alice", "wrong")
    assert 'password authentication failed for user "alice"' in wrong
    for user in ("nobody", "bare", "barred"):
        assert refusal(daemon, user, "first") == wrong.replace("alice", user)


def test_md5_secrets(start):
    daemon = start(kind="md5")
    assert whoami(daemon, "by_md5", "old style") == "by_md5"
    assert whoami(daemon, "alice", "first") == "alice"
    assert "password authentication failed" in refusal(daemon, "by_md5", "old")


def test_a_changed_password_counts_at_once(start, cluster):
    """The old one is forgotten with the first login that fails."""
    cluster.sql("create role changing login password 'old'")
    daemon = start({"query_ttl": "1h"})
    assert whoami(daemon, "changing", "old") == "changing"
    cluster.sql("alter role changing password 'new'")
    refusal(daemon, "changing", "new")
    assert whoami(daemon, "changing", "new") == "changing"
    cluster.sql("drop role changing")
    refusal(daemon, "changing", "wrong")
    refusal(daemon, "changing", "new")


def asked(cluster):
    return cluster.value("select coalesce(sum(calls), 0) from pg_stat_user_functions"
                         " where funcname = 'secret_of'")


def test_answers_are_remembered_for_query_ttl(start, cluster):
    cluster.sql("alter system set track_functions = 'all'; ")
    cluster.sql("select pg_reload_conf()")
    daemon = start({"query_ttl": "1h"})
    wait_until(lambda: cluster.value("show track_functions") == "all", 10, "the setting")
    assert whoami(daemon, "alice", "first") == "alice"
    wait_until(lambda: asked(cluster) > 0, 20, "the statistics")
    before = asked(cluster)
    for _ in range(5):
        whoami(daemon, "alice", "first")
    daemon.stop()  # with which its backend reports
    wait_until(lambda: cluster.value(
        "select count(*) from pg_stat_activity where usename = 'keeper'") == 0, 10, "the end")
    assert asked(cluster) == before


def test_listed_users_are_not_asked_for(start):
    daemon = start(listed='"keeper" "keeper"\n"alice" "of the file"\n')
    refusal(daemon, "alice", "first")


def test_names_are_parameters(start):
    daemon = start()
    assert "password authentication failed" in refusal(daemon, "x' or true --", "first")


@pytest.mark.parametrize("auth, words", [
    ({"query": "select nonsense from nowhere where $1 = ''"}, "nowhere"),
    ({"query": "select 'one column' where $1 <> ''"}, "two columns"),
    ({"password": "not keeper's"}, "password authentication failed")])
def test_what_is_wrong_is_logged_and_not_told(start, auth, words):
    daemon = start(auth)
    assert "could not be looked up" in refusal(daemon, "alice", "first")
    daemon.wait_for_log(words)
    assert whoami(daemon, "keeper", "keeper") == "keeper"  # who is listed gets in


def test_per_database(start, cluster):
    cluster.sql("create database of_its_own")
    cluster.sql("create function secret_here(text) returns table (n text, s text) language sql"
                " as $$ select $1, 'here'::text $$", dbname="of_its_own")
    daemon = start(databases={
        "postgres": {"cluster": "main"},
        "alias": {"cluster": "main", "dbname": "of_its_own", "auth_user": "postgres",
                  "auth_query": "select * from secret_here($1)", "user": "postgres"},
        "elsewhere": {"cluster": "main", "dbname": "of_its_own", "auth_dbname": "postgres"},
        "named": {"cluster": "main", "dbname": "postgres", "auth_dbname": "alias", "auth_user": "postgres",
                  "auth_query": "select * from secret_here($1)", "user": "postgres"}})
    assert whoami(daemon, "alice", "first", "elsewhere") == "alice"
    assert whoami(daemon, "anybody", "here", "alias") == "postgres"
    # By what it is called here: there is no such database on the server.
    assert whoami(daemon, "anybody", "here", "named") == "postgres"


def test_the_console_asks_where_auth_dbname_says(start, cluster):
    for dbname, lets_in in (("postgres", True), (None, False)):
        daemon = start({"dbname": dbname} if dbname else {}, admin={"users": ["alice"]})
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            whoami(daemon, "alice", "wrong", "pgsaba")
        if lets_in:
            with psycopg.connect(host=daemon.host, port=daemon.port, user="alice", password="first",
                                 dbname="pgsaba", autocommit=True) as console:
                assert console.execute("show version").fetchall()
        else:
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                whoami(daemon, "alice", "first", "pgsaba")


def test_a_database_that_is_disabled_is_not_asked(start):
    daemon = start({"dbname": "keys"}, databases={
        "postgres": {"cluster": "main"}, "keys": {"cluster": "main", "dbname": "postgres"}})
    assert whoami(daemon, "alice", "first") == "alice"
    with RawClient(str(daemon.unix_socket), user="pgsaba", database="pgsaba") as console:
        console.rows("disable keys")
        assert "could not be looked up" in refusal(daemon, "bob", "second")
        console.rows("enable keys")
    assert "password" in refusal(daemon, "alice", "second")


def test_a_storm_of_logins(start, cluster):
    """Many at once, most of them wrong, and those that are right get in."""
    daemon = start({"query_ttl": "0"}, workers=2)

    def one(number):
        try:
            return whoami(daemon, *[("alice", "first"), ("alice", "wrong"), ("ghost", "x")][number % 3])
        except psycopg.OperationalError as error:
            return "password authentication failed" in str(error)

    with ThreadPoolExecutor(20) as threads:
        results = list(threads.map(one, range(90)))
    assert results == ["alice", True, True] * 30


def test_a_server_that_is_away_and_comes_back(start, directory):
    own = PostgresCluster(directory, "coming_back", hba=["host all all 127.0.0.1/32 trust"])
    own.initialize().start()
    own.sql("create role alice login password 'first'")
    try:
        daemon = start({"user": "postgres", "query": "select rolname, rolpassword from pg_authid"
                        " where rolname = $1", "query_ttl": "0"},
                       clusters={"main": {"servers": [{"name": "own", "host": own.host, "port": own.port}],
                                          "monitor": None}})
        assert whoami(daemon, "alice", "first") == "alice"
        own.stop("immediate")
        assert "could not be looked up" in refusal(daemon, "alice", "first")
        own.start()
        assert whoami(daemon, "alice", "first") == "alice"
    finally:
        own.stop("immediate")


def test_the_console_is_for_listed_users(start):
    daemon = start(admin={"users": ["alice"]})
    with pytest.raises(ServerError):
        daemon.connect(user="alice", password="first", database="pgsaba")


def test_who_moves_to_another_process_brings_what_its_login_has_revealed(start):
    """Servers are logged in to with it, and nobody logs in to the new process."""
    daemon = start()
    with psycopg.connect(host=daemon.host, port=daemon.port, user="alice", password="first",
                         dbname="postgres", autocommit=True, connect_timeout=20) as connection:
        connection.execute("select 1")
        assert daemon.upgrade_by_signal().wait(20) == 0
        assert connection.execute("select current_user").fetchone()[0] == "alice"
