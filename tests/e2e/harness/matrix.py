"""Which servers have executed a statement, by their own logs."""

import itertools

from . import messages as m
from .client import RawClient
from .group import where_at_last

NUMBERS = itertools.count(1)
# Of a group whose servers log everything.
LOGGING = {"log_statement": "all", "log_line_prefix": "%m [%p] "}


def simple(client, sql):
    client.send(m.query(sql))
    return client.read_until_ready()


def parsed(client, sql):
    client.send(m.parse("", sql), m.bind(), m.execute(), m.sync())
    return client.read_until_ready()


def named(client, sql):
    name = f"n{next(NUMBERS)}"
    client.send(m.parse(name, sql), m.sync())
    frames = client.read_until_ready()
    client.send(m.bind("", name), m.execute(), m.sync())
    return [*frames, *client.read_until_ready()]


WAYS = {"simple": simple, "parsed": parsed, "named": named}


def outcome(frames):
    """Whether it went well, or how not."""
    return [m.error_fields(frame)["C"] for frame in frames if frame.tag == b"E"]


def statements(text):
    """One a line; a line that begins a comment belongs to the next one."""
    lines = [line for line in text.strip("\n").splitlines() if line.strip()]
    found, pending = [], ""
    for line in lines:
        pending += line
        if line.startswith("--"):
            pending += "\n"
        else:
            found.append(pending)
            pending = ""
    return found


def reached(group, mark):
    """Who executed it; a Parse alone does nothing."""
    def executes(line):
        return mark in line and ("statement: " in line or "execute " in line)
    return {server.name for server in group.servers
            if any(executes(line) for line in whole_lines(server.log_path.read_text()))}


def whole_lines(log):
    """The lines of a statement that has several belong together."""
    return log.replace("\n\t", " ").splitlines()


def marked(sql):
    mark = f"mark-{next(NUMBERS)}-"
    return mark, f"{sql} /* {mark} */"


def run(daemon, group, sql, way):
    """Where it ran, what became of it, and what becomes of it without pgsaba."""
    mark, text = marked(sql)
    with daemon.connect() as client:
        where_at_last(client)
        through = outcome(WAYS[way](client, text))
    nodes = reached(group, mark)
    with RawClient((group.primary.host, group.primary.port)) as client:
        directly = outcome(WAYS[way](client, sql))
    return nodes, through, directly
