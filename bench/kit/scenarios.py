"""What the main table does not show: large results, memory, logins, many pools, threads."""

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from kit import counters, load, peers
from kit.report import median, number, ratio_text, table
from kit.stage import Stage

KIB = 1024
MIB = 1024 * KIB
GIB = 1e9
ROW_BYTES = 100
ROW_MESSAGE_BYTES = 1 + 4 + 2 + 4 + ROW_BYTES
LOGIN_DELAY_MS = 20
BURST = 20
SETTLE_S = 0.5
ANY_CLIENT_COUNT = 16
BUSY_CLIENT_COUNT = 128
POOL_SIZES = (8, 64)  # of two_workers
WORKERS_RATE = 20_000  # transactions/s that one worker carries without hurry


@contextlib.contextmanager
def fresh(bench, starters, **changes):
    """Poolers of their own, so that no earlier measurement has left memory or connections behind."""
    with Stage() as stage:
        setup = replace(bench.setup, **changes)
        yield [start(stage, setup) for start in starters]


def pooler_starters(bench):
    return [peers.STARTERS[name] for name in bench.peers if name in peers.POOLERS]


def proxy_starters(bench):
    return [peers.STARTERS[name] for name in bench.peers if name != "direct"]


def rounds_of(bench, poolers, measure):
    """{name: [report, ...]}, interleaved."""
    results = {pooler.name: [] for pooler in poolers}
    for _ in range(bench.rounds):
        for pooler in poolers:
            results[pooler.name].append(measure(pooler))
    return results


def large_results(bench):
    """a large result and COPY out"""
    lines = []
    starters = proxy_starters(bench)
    if "pgbouncer" in bench.peers:
        starters.append(peers.start_pgbouncer_large)
    rows = int(bench.large_result_bytes / ROW_MESSAGE_BYTES)
    queries = {"rows": f"SELECT rows {rows} bytes {ROW_BYTES}",
               "COPY out": f"COPY rows {rows} bytes {ROW_BYTES} TO STDOUT"}
    with fresh(bench, starters) as poolers:
        for name, query in queries.items():
            results = rounds_of(bench, poolers, lambda pooler: one_large(bench, pooler, query))
            for peer, rounds in results.items():
                bench.progress(f"{name} {peer}: {median(rounds, 'cpu_s_per_gb'):.2f} s/GB")
                lines.append([name, peer, number(median(rounds, "gb_per_s"), 2),
                              number(median(rounds, "cpu_s_per_gb"), 2),
                              ratio_text(rounds, results.get("pgbouncer"), "cpu_s_per_gb"),
                              number(median(rounds, "peak_mib"), 1)])
    size = bench.large_result_bytes / GIB
    return (f"### Large results (one client, {size:g} GB in rows of {ROW_BYTES} bytes)\n\n" +
            table(["kind", "peer", "GB/s", "CPU s per GB", "CPU ratio (spread)", "peak RSS MiB"],
                  lines))


def one_large(bench, pooler, query):
    counters.reset_peak(pooler.pid)
    report = load.measure(bench.programs, pooler, "bulk", 1, requests=1, seconds=120, query=query)
    report["peak_mib"] = counters.peak_bytes(pooler.pid) / MIB
    report["gb_per_s"] = report["bytes"] / GIB / report["seconds"]
    return report


def idle_clients(bench):
    """memory of clients that do nothing"""
    lines = []
    for start in proxy_starters(bench):
        with fresh(bench, [start]) as (pooler,):
            count = bench.idle_clients
            if pooler.name == "haproxy":
                count = min(count, peers.haproxy_clients() - 100)
            warm_up(bench, pooler)
            before = counters.resident_bytes(pooler.pid)
            with load.running_load(bench.programs, pooler, "idle", count):
                time.sleep(SETTLE_S)
                grown = counters.resident_bytes(pooler.pid) - before
            bench.progress(f"idle client {pooler.name}: {grown / count:.0f} bytes")
            lines.append([pooler.name, number(count, 0), number(before / MIB, 1),
                          number(grown / count, 0)])
    return ("### Memory of an idle client\n\n" +
            table(["peer", "clients", "before, MiB", "bytes per client"], lines))


def warm_up(bench, pooler, **options):
    load.measure(bench.programs, pooler, "simple", ANY_CLIENT_COUNT, requests=50, seconds=30,
                 **options)
    time.sleep(SETTLE_S)


def known_users(bench):
    """memory of the user list"""
    lines = []
    for start in pooler_starters(bench):
        sizes = []
        for count in (1, bench.known_users):
            with fresh(bench, [start], known_users=count) as (pooler,):
                warm_up(bench, pooler)
                sizes.append(counters.resident_bytes(pooler.pid))
        lines.append([pooler.name, number(bench.known_users, 0), number(sizes[0] / MIB, 1),
                      number(sizes[1] / MIB, 1),
                      number((sizes[1] - sizes[0]) / bench.known_users, 0)])
    return ("### Memory of a known user\n\n" +
            table(["peer", "users", "with one user, MiB", "with all, MiB", "bytes per user"],
                  lines))


def login_burst(bench):
    """20 clients want a transaction from a cold pooler whose server logs in slowly"""
    lines = []
    for start in pooler_starters(bench):
        rounds = []
        for _ in range(bench.rounds):
            rounds.append({f"held_{count}": time_to_hold(bench, start, count)
                           for count in (1, BURST)})
        one, many = median(rounds, "held_1"), median(rounds, f"held_{BURST}")
        bench.progress(f"login burst: {one:.1f} and {many:.1f} ms")
        lines.append([start.__name__.removeprefix("start_"), number(one), number(many),
                      number(many / one)])
    return (f"### Opening servers (each login takes the server {LOGIN_DELAY_MS} ms)\n\n" +
            table(["peer", "one client holds a transaction after, ms",
                   f"{BURST} clients, ms", "ratio"], lines))


def time_to_hold(bench, start, count):
    """From the first connect to a cold pooler until all clients hold a transaction."""
    with Stage() as stage:
        port = peers.start_null_server(stage, bench.programs, LOGIN_DELAY_MS)
        pooler = start(stage, replace(bench.setup, server_port=port, pool_size=BURST))
        with load.running_load(bench.programs, pooler, "hold", count, requests=1,
                               seconds=60) as child:
            report = load.read_report(child, pooler)
    return 1000 * (report["login_seconds"] + report["seconds"])


def idle_pools(bench):
    """one database in use beside 2,000 with an idle pool each"""
    lines = []
    count = bench.idle_pools
    for start in pooler_starters(bench):
        with Stage() as stage:
            one = start(stage, bench.setup)
            many = start(stage, replace(bench.setup, databases=count))
            load.measure(bench.programs, many, "simple", count, databases=count, requests=1,
                         seconds=60)
            for clients in (1, ANY_CLIENT_COUNT):
                lines.append(compare_pools(bench, one, many, clients))
    return (f"### Idle pools (simple; {count:,} databases with a pool each, one of them in use)\n\n" +
            table(["peer", "clients", "one pool: CPU ms per 1,000", "all pools", "ratio (spread)"],
                  lines))


def compare_pools(bench, one, many, clients):
    few, lot = [], []
    for _ in range(bench.rounds):
        few.append(timed(bench, one, clients, db="bench"))
        lot.append(timed(bench, many, clients, db="bench0"))
    texts = [f"{median(rounds, 'cpu_us'):.2f} ({median(rounds, 'user_us'):.1f} user)"
             for rounds in (few, lot)]
    bench.progress(f"idle pools {one.name}, {clients} clients: {texts[0]}, {texts[1]}")
    return [one.name, clients, *texts, ratio_text(lot, few, "cpu_us")]


def timed(bench, pooler, clients, **options):
    return load.measure(bench.programs, pooler, "simple", clients, seconds=bench.seconds,
                        warmup=min(0.5, bench.seconds / 2), **options)


def two_workers(bench):
    """pgsaba with one worker and with two on both cores, by pool size and load"""
    if "pgsaba" not in bench.peers:
        return ""
    return "\n\n".join(compare_workers(bench, size, rate)
                       for size in POOL_SIZES for rate in (WORKERS_RATE, 0))


@dataclass
class Halves:
    """Two processes of one worker each, that share clients and servers and nothing else: what two
    of anything cost on these cores, without a tax of threads."""
    poolers: list
    name: str = "two processes"

    def measure(self, bench, rate):
        count = len(self.poolers)
        with ThreadPoolExecutor(count) as both:
            reports = list(both.map(lambda pooler: timed(bench, pooler, BUSY_CLIENT_COUNT // count,
                                                         rate=rate / count), self.poolers))
        transactions = sum(report["transactions"] for report in reports)
        return {"tps": sum(report["tps"] for report in reports),
                "p99_us": max(report["p99_us"] for report in reports),
                "cpu_us": sum(report["cpu_us"] * report["transactions"] / transactions
                              for report in reports)}


def compare_workers(bench, pool_size, rate):
    setup = replace(bench.setup, pool_size=pool_size, cpus="0,1")
    half = replace(setup, pool_size=pool_size // 2)
    with Stage() as stage:
        poolers = [peers.replace_name(peers.start_pgsaba(stage, replace(setup, workers=workers)),
                                      f"workers: {workers}") for workers in (1, 2)]
        poolers.append(Halves([peers.start_pgsaba(stage, half) for _ in range(2)]))
        results = rounds_of(bench, poolers, lambda pooler: pooler.measure(bench, rate)
                            if isinstance(pooler, Halves)
                            else timed(bench, pooler, BUSY_CLIENT_COUNT, rate=rate))
    one, _, halves = results.values()
    lines = [[name, number(median(rounds, "tps"), 0), number(median(rounds, "p99_us"), 0),
              number(median(rounds, "cpu_us"), 2), ratio_text(rounds, one, "cpu_us"),
              ratio_text(rounds, halves, "cpu_us"), ratio_text(rounds, one, "p99_us")]
             for name, rounds in results.items()]
    for line in lines:
        bench.progress(f"workers, {pool_size} servers: {line}")
    speed = f"{rate:,} transactions/s" if rate else "as fast as they go"
    return (f"### Two workers (simple, {BUSY_CLIENT_COUNT} clients, {speed}, {pool_size} servers, "
            "pgsaba on both cores)\n\n" +
            table(["pgsaba", "tps", "p99 µs", "CPU ms per 1,000", "ratio to one worker (spread)",
                   "ratio to two processes", "p99 ratio to one worker"], lines))


SCENARIOS = {
    "bulk": large_results,
    "idle-clients": idle_clients,
    "users": known_users,
    "logins": login_burst,
    "idle-pools": idle_pools,
    "workers": two_workers,
}
