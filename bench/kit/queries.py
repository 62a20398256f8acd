"""The main table: small queries, by workload, number of clients and peer."""

import statistics

from kit import load
from kit.chart import Ratio
from kit.report import REFERENCE, median, number, ratio_text, ratios, table
from kit.stage import Failure

WORKLOADS = {
    "simple": "a simple Query",
    "extended": "Parse, Bind, Describe, Execute, Sync in one write, unnamed statement",
    "prepared": "Bind, Describe, Execute, Sync of a named statement parsed once after login",
    "transaction": "BEGIN, a query, COMMIT, each waiting for the last one's reply",
    "pipelined": "as extended, ten of them in one write",
    "connect": "connect, log in, leave (only when asked for)",
}
MAX_ERROR_SHARE = 0.001
HEADER = ["workload", "clients", "peer", "tps", "p50 µs", "p99 µs", "p99.9 µs",
          "CPU ms per 1,000", "user + system", "CPU ratio (spread)", "p99 ratio (spread)",
          "calls per txn", "switches per txn", "errors"]


def run(bench, workload, clients):
    """Interleaved rounds over the peers; the order turns, so that no peer always follows the same."""
    results = {pooler.name: [] for pooler in bench.poolers}
    for round_number in range(bench.rounds):
        for i in range(len(bench.poolers)):
            pooler = bench.poolers[(i + round_number) % len(bench.poolers)]
            results[pooler.name].append(measure(bench, pooler, workload, clients))
    return results


def measure(bench, pooler, workload, clients, **options):
    """A peer that cannot do a workload is no reason to stop measuring the others."""
    try:
        report = load.measure(bench.programs, pooler, workload, clients,
                              seconds=bench.seconds, warmup=min(0.5, bench.seconds / 2), **options)
    except Failure as failure:
        bench.progress(str(failure))
        return {"transactions": 0, "errors": 1, "first_error": str(failure)}
    bench.progress(f"{workload} {clients} {pooler.name}: {report['tps']:.0f} tps, "
                   f"{report.get('cpu_us', 0):.2f} µs CPU")
    return report


def count_calls(bench, workload, clients, results):
    counts = {}
    for pooler in bench.poolers:
        if pooler.process and workload != "connect" and not failure_of(results[pooler.name]):
            try:
                counts[pooler.name] = load.calls_per_transaction(
                    bench.stage, bench.programs, pooler, workload, clients)
            except Failure as failure:  # no more than the timed runs may it end all
                bench.progress(str(failure))
                continue
            bench.progress(f"{workload} {clients} {pooler.name}: "
                           f"{counts[pooler.name]:.2f} system calls")
    return counts


def failure_of(rounds):
    """A peer that answers with errors is fast at nothing: its figures are not shown."""
    failed = [entry for entry in rounds if entry["errors"] > MAX_ERROR_SHARE * entry["transactions"]]
    return failed[0]["first_error"] if failed else None


def rows(workload, clients, results, counts):
    reference = results.get(REFERENCE)
    if reference and failure_of(reference):
        reference = None
    for name, rounds in results.items():
        failure = failure_of(rounds)
        if failure:
            yield [workload, number(clients, 0), name, f"fails: {failure}"] + \
                ["–"] * (len(HEADER) - 4)
            continue
        split = "–"
        if median(rounds, "user_us") is not None:
            split = f"{median(rounds, 'user_us'):.1f} + {median(rounds, 'system_us'):.1f}"
        yield [workload, number(clients, 0), name, number(median(rounds, "tps"), 0),
               number(median(rounds, "p50_us"), 0), number(median(rounds, "p99_us"), 0),
               number(median(rounds, "p999_us"), 0), number(median(rounds, "cpu_us"), 2), split,
               ratio_text(rounds, reference, "cpu_us"), ratio_text(rounds, reference, "p99_us"),
               number(counts.get(name), 2), number(median(rounds, "switches"), 2),
               number(sum(entry["errors"] for entry in rounds), 0)]


def cpu_ratio(workload, clients, results):
    """pgsaba's to PgBouncer, for the picture; nothing if either failed or is missing."""
    ours, reference = results.get("pgsaba"), results.get(REFERENCE)
    if not ours or not reference or failure_of(ours) or failure_of(reference):
        return []
    found = ratios(ours, reference, "cpu_us")
    return [Ratio(workload, clients, statistics.median(found), min(found), max(found))] if found else []


def report(bench, workloads, client_counts):
    lines = []
    for workload in workloads:
        for clients in client_counts:
            results = run(bench, workload, clients)
            counts = count_calls(bench, workload, clients, results)
            lines += rows(workload, clients, results, counts)
            bench.cpu_ratios += cpu_ratio(workload, clients, results)
    return "### Small queries\n\n" + table(HEADER, lines)
