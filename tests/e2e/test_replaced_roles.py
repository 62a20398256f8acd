"""CREATE ROLE, DROP ROLE and ALTER ROLE … RENAME: whoever logs in by that name later is the role that has it
then, and not served by a server that has logged in before, or by the memory of one that could not."""

# ctest-labels: threads
import pytest
from harness import messages as m
from harness.client import RawClient, ServerError
from harness.conversations import error_of, tags

ROLE, OTHER = "passer", "passer_2"


@pytest.fixture(params=[1, 2], ids=["one worker", "two workers"])
def daemon(start_pgsaba, cluster, request):
    forget_roles(cluster)
    cluster.sql(f"create role {ROLE} login")
    daemon = start_pgsaba({"workers": request.param})
    yield daemon
    forget_roles(cluster)


def forget_roles(cluster):
    for name in (ROLE, OTHER):
        cluster.sql(f"drop role if exists {name}")


def enter(daemon, clients=4):
    """Each of them has had a server."""
    users = [daemon.connect(user=ROLE) for _ in range(clients)]
    for user in users:
        user.query("begin; select 1")
    for user in users:
        user.query("commit")
    return users


def leave(users):
    for user in users:
        user.close()


def by_batch(client, sql):
    client.send(m.parse("", sql) + m.bind() + m.execute() + m.sync())
    return client.read_until_ready()


def succeed(frames):
    assert b"E" not in tags(frames), error_of(frames)


@pytest.mark.parametrize("ask", [RawClient.query, by_batch], ids=["simple", "extended"])
@pytest.mark.parametrize("stay", [False, True], ids=["gone", "there"])
@pytest.mark.parametrize("sql", [f"drop role {ROLE}", f'DROP USER IF EXISTS nobody, "{ROLE}"',
                                 f"alter role {ROLE} rename to {OTHER}"])
def test_the_next_one_of_that_name_is_another(daemon, ask, stay, sql):
    """Also where clients of the former one have stayed."""
    with daemon.connect() as owner:
        users = enter(daemon)
        if not stay:
            leave(users)
        succeed(ask(owner, sql))
        succeed(ask(owner, f"create role {ROLE} login"))
        others = enter(daemon)
        for other in others:
            assert other.value("select current_user") == ROLE
        leave(others + (users if stay else []))


def test_it_counts_when_it_is_committed(daemon):
    with daemon.connect() as owner:
        leave(enter(daemon))
        owner.query("begin")
        succeed(owner.query(f"drop role {ROLE}"))
        leave(enter(daemon))  # it is there still
        succeed(owner.query(f"create role {ROLE} login"))
        succeed(owner.query("commit"))
        others = enter(daemon)
        for other in others:
            assert other.value("select current_user") == ROLE
        leave(others)


def test_who_is_gone_gets_no_server(daemon):
    with daemon.connect() as owner:
        leave(enter(daemon))
        succeed(owner.query(f"drop role {ROLE}"))
        with daemon.connect(user=ROLE) as late:
            assert error_of(late.query("select 1"))["C"] == "28000"
        succeed(owner.query(f"create role {ROLE} login"))
        with daemon.connect(user=ROLE) as other:  # though a login has failed a moment ago
            assert other.value("select current_user") == ROLE


def test_who_takes_over_the_name_gets_a_server(daemon):
    with daemon.connect() as owner:
        with pytest.raises(ServerError, match="28000"):
            daemon.connect(user=OTHER)
        succeed(owner.query(f"alter role {ROLE} rename to {OTHER}"))
        with daemon.connect(user=OTHER) as late:
            assert late.value("select current_user") == OTHER
