"""What many tests ask of a client: what went wrong, who serves it, whether it waits."""

import pytest

from . import messages
from .client import RawClient, ServerError
from .processes import wait_until


def tags(frames):
    return b"".join(frame.tag for frame in frames)


def error_of(frames):
    """The fields of the only error among the frames, or None."""
    errors = [messages.error_fields(frame) for frame in frames if frame.tag == b"E"]
    assert len(errors) <= 1, errors
    return errors[0] if errors else None


def last_error(client):
    """The fields of the error with which the other side says goodbye."""
    frames = client.read_to_end()
    assert frames and frames[-1].tag == b"E", frames
    return messages.error_fields(frames[-1])


def refusal(where, **arguments):
    """The fields of the error that a login ends with."""
    with pytest.raises(ServerError) as refused:
        RawClient(where, **arguments)
    return refused.value.fields


def backend(client):
    """The process id of the server that runs this very statement."""
    return int(client.value("select pg_backend_pid()"))


def begin(client):
    """Opens a transaction and returns the process id of its server."""
    client.rows("begin")
    return backend(client)


def pool_row(daemon, database="postgres", user="postgres"):
    rows = [row for row in daemon.admin("show pools")
            if (row["database"], row["user"]) == (database, user)]
    return rows[0] if rows else None


def waiting_clients(daemon, database="postgres"):
    return sum(int(row["cl_waiting"]) for row in daemon.admin("show pools")
               if row["database"] == database)


def wait_for_waiters(daemon, count, database="postgres"):
    wait_until(lambda: waiting_clients(daemon, database) == count, 10, f"{count} waiting clients")


def server_count(cluster, condition="true"):
    """How many clients PostgreSQL itself counts, without the tests' own and the monitor."""
    return cluster.value(f"""select count(*) from pg_stat_activity where ({condition})
        and pid <> pg_backend_pid() and backend_type = 'client backend'
        and application_name not like 'pgsaba%'""")


def is_running(cluster, statement):
    return cluster.sql("select 1 from pg_stat_activity where query like %s and state = 'active'"
                       " and pid <> pg_backend_pid()", [statement + "%"])


def make_roles(cluster, *names):
    """Roles that may log in, whether another file's tests have made them already or not."""
    known = [row[0] for row in cluster.sql("select rolname from pg_roles")]
    for name in names:
        if name not in known:
            cluster.sql(f"create role {name} login")
