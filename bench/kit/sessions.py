"""What sessions cost: named statements, parameters that clients set, connecting."""

import contextlib
from dataclasses import dataclass, field

from kit import peers, queries
from kit.client import Client
from kit.report import REFERENCE, median, number, ratio_text, table
from kit.scenarios import ANY_CLIENT_COUNT, BUSY_CLIENT_COUNT, fresh, pooler_starters

LIMIT_S = 10
CLIENT_COUNTS = (ANY_CLIENT_COUNT, BUSY_CLIENT_COUNT)
CONNECTING_CLIENT_COUNTS = (1, ANY_CLIENT_COUNT)
CASE_HEADER = ["clients", "peer", "load", "tps", "p50 µs", "p99 µs", "CPU ms per 1,000",
               "CPU ratio to its first row (spread)", "tps ratio to its first row (spread)",
               "CPU ratio to PgBouncer (spread)", "messages at the server per txn"]
CONNECT_HEADER = ["clients", "peer", "connects/s", "p50 µs", "p99 µs", "CPU ms per 1,000",
                  "user + system", "CPU ratio (spread)", "connects/s ratio (spread)",
                  "messages at the server per connect", "server held µs per connect"]


@dataclass(frozen=True)
class Case:
    """One load; the first of a table is what the others are compared with."""
    label: str
    mode: str = "simple"
    options: dict = field(default_factory=dict)


PLAIN = Case("plain")


@contextlib.contextmanager
def console(port, database):
    client = Client(port, "bench", database, LIMIT_S)
    try:
        client.finish_login()
        yield client
    finally:
        client.close()


def messages_seen(server):
    """How many messages all clients of the null server have sent it."""
    return int(server.rows("SHOW bench.messages")[0]["value"])


def held_us(admin):
    """How long servers were in use, by the pooler's own account."""
    return sum(int(row["total_xact_time"]) for row in admin.rows("SHOW STATS")
               if row["database"] == "bench")


def interleaved(rounds, keys, measure):
    """{key: [report, ...]}; the order turns, so that no key always follows the same."""
    results = {key: [] for key in keys}
    for round_number in range(rounds):
        for i in range(len(keys)):
            key = keys[(i + round_number) % len(keys)]
            results[key].append(measure(key))
    return results


# ---- the same load by clients that differ ----------------------------------------------------------

def compare(bench, title, cases, starters):
    if not starters:
        return ""
    lines = []
    with fresh(bench, starters) as poolers, console(bench.setup.server_port, "bench") as server:
        keys = [(pooler.name, case.label) for pooler in poolers for case in cases]
        pooler_of = {pooler.name: pooler for pooler in poolers}
        case_of = {case.label: case for case in cases}
        for clients in CLIENT_COUNTS:
            def measure(key, clients=clients):
                pooler, case = pooler_of[key[0]], case_of[key[1]]
                bench.progress(f"{title}: {case.label}")
                return queries.measure(bench, pooler, case.mode, clients, **case.options,
                                       watch=lambda: {"messages": messages_seen(server)})
            results = interleaved(bench.rounds, keys, measure)
            lines += [case_row(clients, key, results, cases[0]) for key in keys]
    return f"### {title}\n\n" + table(CASE_HEADER, lines)


def case_row(clients, key, results, first):
    peer, label = key
    rounds = results[key]
    failure = queries.failure_of(rounds)
    if failure:
        return [clients, peer, label, f"fails: {failure}"] + ["–"] * (len(CASE_HEADER) - 4)
    own = usable(results.get((peer, first.label)))
    reference = usable(results.get((REFERENCE, label)))
    return [clients, peer, label, number(median(rounds, "tps"), 0),
            number(median(rounds, "p50_us"), 0), number(median(rounds, "p99_us"), 0),
            number(median(rounds, "cpu_us"), 2), ratio_text(rounds, own, "cpu_us"),
            ratio_text(rounds, own, "tps"), ratio_text(rounds, reference, "cpu_us"),
            number(median(rounds, "messages"), 2)]


def usable(rounds):
    return None if rounds is None or queries.failure_of(rounds) else rounds


def named_statements(bench):
    """prepared beside the same peer's own simple"""
    cases = [Case("simple"), Case("prepared", "prepared"),
             Case("prepared, 50 texts", "prepared", {"texts": 50})]
    return compare(bench, "Named statements", cases, pooler_starters(bench))


def mixed_sets(bench):
    """clients SET four parameters at connect, to one of k sets of values, then run simple queries"""
    cases = [PLAIN] + [Case(f"{count} sets of settings", options={"sets": count})
                       for count in (4, 16)]
    return compare(bench, "Clients with settings of their own (simple; PgBouncer leaks two of the "
                   "four)", cases, pooler_starters(bench))


def application_name(bench):
    """clients of two application_names share a pool"""
    cases = [Case("one name", options={"application_names": 1}),
             Case("two names", options={"application_names": 2})]
    return compare(bench, "application_name (simple)", cases, pooler_starters(bench))


def unchanged_session(bench):
    """clients SET once what all servers have by now (pgsaba against itself)"""
    starters = [start for start in pooler_starters(bench) if start is peers.start_pgsaba]
    cases = [PLAIN, Case("all set the same", options={"sets": 1})]
    return compare(bench, "Sessions that match their servers (simple)", cases, starters)


# ---- connecting ------------------------------------------------------------------------------------

def connecting(bench, title, mode):
    lines = []
    with fresh(bench, pooler_starters(bench)) as poolers:
        for clients in CONNECTING_CLIENT_COUNTS:
            pooler_of = {pooler.name: pooler for pooler in poolers}
            results = interleaved(
                bench.rounds, list(pooler_of),
                lambda name: measure_connecting(bench, pooler_of[name], mode, clients))
            lines += [connect_row(clients, name, results) for name in results]
    return f"### {title}\n\n" + table(CONNECT_HEADER, lines)


def measure_connecting(bench, pooler, mode, clients):
    with console(bench.setup.server_port, "bench") as server, \
            console(pooler.port, "pgbouncer") as admin:
        return queries.measure(bench, pooler, mode, clients, watch=lambda: {
            "messages": messages_seen(server), "held_us": held_us(admin)})


def connect_row(clients, peer, results):
    rounds, reference = results[peer], usable(results.get(REFERENCE))
    failure = queries.failure_of(rounds)
    if failure:
        return [clients, peer, f"fails: {failure}"] + ["–"] * (len(CONNECT_HEADER) - 3)
    return [clients, peer, number(median(rounds, "tps"), 0),
            number(median(rounds, "p50_us"), 0), number(median(rounds, "p99_us"), 0),
            number(median(rounds, "cpu_us"), 2),
            f"{median(rounds, 'user_us'):.1f} + {median(rounds, 'system_us'):.1f}",
            ratio_text(rounds, reference, "cpu_us"), ratio_text(rounds, reference, "tps"),
            number(median(rounds, "messages"), 2), number(median(rounds, "held_us"), 0)]


def active_record(bench):
    """connect, what ActiveRecord sends then (12 statements), leave"""
    return connecting(bench, "Connecting as ActiveRecord does", "connect-ar")


def churn(bench):
    """connect, one query, leave"""
    return connecting(bench, "Connections of one query", "churn")


SCENARIOS = {
    "named-statements": named_statements,
    "mixed-sets": mixed_sets,
    "application-name": application_name,
    "unchanged-session": unchanged_session,
    "connect-ar": active_record,
    "churn": churn,
}
