"""DROP, ALTER and CREATE DATABASE, which PostgreSQL refuses while anybody is connected to the database: the
servers that clients have left there are not in the way, those of clients that are still there are."""

# ctest-labels: threads
import pytest
from harness import messages as m
from harness.client import RawClient
from harness.conversations import error_of, tags

OWN, OTHER = "workshop", "workshop_2"


@pytest.fixture(params=[1, 2], ids=["one worker", "two workers"])
def daemon(start_pgsaba, cluster, request):
    for name in (OWN, OTHER):
        cluster.sql(f"drop database if exists {name} with (force)")
    cluster.sql(f"create database {OWN}")
    database = {"cluster": "main", "pool_size": 4, "route": "primary"}
    return start_pgsaba({"workers": request.param, "databases": {"postgres": database, "*": database}})


def names(cluster):
    return {name for (name,) in cluster.sql("select datname from pg_database")}


def use(where, database, clients=4):
    """Each of them has had a server."""
    users = [RawClient(where, database=database) for _ in range(clients)]
    for user in users:
        user.query("begin; select 1")
    for user in users:
        user.query("commit")
    return users


def leave(users):
    for user in users:
        user.send(m.terminate())
        user.socket.close()


def by_batch(client, sql):
    client.send(m.parse("", sql) + m.bind() + m.execute() + m.sync())
    return client.read_until_ready()


@pytest.mark.parametrize("ask", [lambda client, sql: client.query(sql), by_batch],
                         ids=["simple", "extended"])
@pytest.mark.parametrize("sql, remain", [
    (f"drop database {OWN}", set()),
    (f"/* away */ DROP\ndatabase IF EXISTS \"{OWN}\"", set()),
    (f"alter database {OWN} rename to {OTHER}", {OTHER}),
    (f"create database {OTHER} template {OWN}", {OWN, OTHER}),
])
def test_who_has_left_is_not_in_the_way(daemon, cluster, ask, sql, remain):
    with daemon.connect() as owner:
        leave(use(daemon.where, OWN))
        frames = ask(owner, sql)
        assert b"E" not in tags(frames), error_of(frames)
        assert names(cluster) & {OWN, OTHER} == remain


def test_who_is_still_there_is(daemon, cluster):
    """As on a direct connection."""
    for where in ((cluster.host, cluster.port), daemon.where):
        with RawClient(where) as owner:
            users = use(where, OWN)
            assert error_of(owner.query(f"drop database {OWN}"))["C"] == "55006"
            for user in users:
                assert user.value("select current_database()") == OWN
            leave(users)
    with daemon.connect() as owner:
        assert tags(owner.query(f"drop database {OWN}")) == b"CZ"


def test_who_leaves_in_time_is_not(daemon, cluster):
    """PostgreSQL waits a while for others to be gone."""
    with daemon.connect() as owner:
        users = use(daemon.where, OWN)
        owner.send(m.query(f"drop database {OWN}"))
        assert owner.is_silent(0.3)
        leave(users)
        assert tags(owner.read_until_ready()) == b"CZ"


def test_who_has_listened_is_not(daemon, cluster):
    with daemon.connect() as owner:
        users = use(daemon.where, OWN)
        users[0].query("listen news")
        leave(users)
        assert tags(owner.query(f"drop database {OWN}")) == b"CZ"
