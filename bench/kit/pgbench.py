"""PostgreSQL's own benchmark on a real server: honest, where the null server is sharp."""

import glob
import os
import re
import subprocess
from dataclasses import dataclass, replace

from kit import peers, postgres
from kit.report import REFERENCE, median, number, ratio_text, table
from kit.stage import Failure, Stage, wrap

SCALE = 10
TRANSACTION_SCRIPT = """\\set aid random(1, 100000 * :scale)
BEGIN;
SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
COMMIT;
"""
# PostgreSQL does not look into it, and neither can a pooler: it may have set anything.
FUNCTION = ("CREATE FUNCTION bench_opaque(given int) RETURNS int LANGUAGE plpgsql AS "
            "'BEGIN RETURN given; END'")
UNKNOWN_CODE_SCRIPT = "SELECT bench_opaque(1);\n"
UNKNOWN_CODE_CLIENTS = (1, 8)


@dataclass(frozen=True)
class Workload:
    arguments: list        # of pgbench
    description: str
    clients: tuple = ()    # empty: as asked for


WORKLOADS = {
    "select simple": Workload(["-S", "-M", "simple"], "pgbench -S"),
    "select extended": Workload(["-S", "-M", "extended"], "pgbench -S -M extended"),
    "select prepared": Workload(["-S", "-M", "prepared"], "pgbench -S -M prepared"),
    "transaction": Workload(["-M", "simple", "-f", "transaction.sql"], "BEGIN, a query, COMMIT"),
    "lone transaction": Workload(["-M", "simple", "-f", "transaction.sql"],
                                 "the same by one client: nothing but round trips", (1,)),
    "tpc-b": Workload(["-b", "tpcb-like", "-M", "simple"], "pgbench's own transaction"),
}
HEADER = ["workload", "clients", "peer", "tps", "p50 µs", "p99 µs", "CPU ms per 1,000",
          "user + system", "CPU ratio (spread)", "tps ratio (spread)", "p99 ratio (spread)"]


def start_cluster(stage):
    port = postgres.start_cluster(stage, cpus=peers.LOAD_CPU)
    postgres.run_checked([postgres.program("pgbench"), "-i", "-q", "-s", str(SCALE),
                          *connection(port)])
    postgres.run_sql(port, FUNCTION)
    peers.write(stage.directory, "transaction.sql", TRANSACTION_SCRIPT)
    peers.write(stage.directory, "unknown_code.sql", UNKNOWN_CODE_SCRIPT)
    return port


def connection(port):
    return ["-h", "127.0.0.1", "-p", str(port), "-U", postgres.USER, postgres.DATABASE]


def percentile(ordered, share):
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def measure(bench, pooler, arguments, clients):
    """One timed run; {'failure': text} when pgbench gives up."""
    prefix = os.path.join(bench.stage.directory, "pgbench_log")
    command = [postgres.program("pgbench"), "-n", *arguments, "-c", str(clients),
               "-T", str(max(1, round(bench.seconds))), "-D", f"scale={SCALE}", "-l",
               "--log-prefix", prefix, *connection(pooler.port)]
    before = pooler.counters() if pooler.process else None
    done = subprocess.run(wrap(command, cpus=peers.LOAD_CPU), cwd=bench.stage.directory,
                          capture_output=True, text=True, check=False)
    used = pooler.counters() - before if before else None
    latencies = take_latencies(prefix)
    tps = re.search(r"^tps = ([0-9.]+)", done.stdout, re.MULTILINE)
    if done.returncode != 0 or not latencies or not tps:
        return {"failure": failure_text(done.stderr)}
    report = {"tps": float(tps[1]), "p50_us": percentile(latencies, 0.5),
              "p99_us": percentile(latencies, 0.99)}
    if used:
        report["cpu_us"] = used.cpu_ns / 1000 / len(latencies)
        report["user_us"] = report["cpu_us"] * used.user_share
        report["system_us"] = report["cpu_us"] - report["user_us"]
    return report


def failure_text(output):
    errors = [line for line in output.splitlines() if "error" in line.lower()]
    return (errors or output.splitlines() or ["no output"])[0].removeprefix("pgbench: ")


def take_latencies(prefix):
    latencies = []
    for path in glob.glob(prefix + "*"):
        with open(path) as file:
            latencies += [int(line.split()[2]) for line in file]
        os.unlink(path)
    return sorted(latencies)


def run(bench, workload, clients):
    results = {pooler.name: [] for pooler in bench.poolers}
    for _ in range(bench.rounds):
        for pooler in bench.poolers:
            report = measure(bench, pooler, WORKLOADS[workload].arguments, clients)
            results[pooler.name].append(report)
            tell(bench, f"{workload} {clients} {pooler.name}", report)
    return results


def tell(bench, what, report):
    bench.progress(f"{what}: " + (report.get("failure") or f"{report['tps']:.0f} tps, "
                                  f"{report.get('cpu_us', 0):.1f} µs CPU"))


def rows(workload, clients, results):
    reference = results.get(REFERENCE)
    for name, rounds in results.items():
        failures = [entry["failure"] for entry in rounds if "failure" in entry]
        if failures:
            yield [workload, clients, name, f"fails: {failures[0]}"] + ["–"] * (len(HEADER) - 4)
            continue
        split = "–"
        if "user_us" in rounds[0]:
            split = f"{median(rounds, 'user_us'):.1f} + {median(rounds, 'system_us'):.1f}"
        yield [workload, clients, name, number(median(rounds, "tps"), 0),
               number(median(rounds, "p50_us"), 0), number(median(rounds, "p99_us"), 0),
               number(median(rounds, "cpu_us"), 2), split,
               ratio_text(rounds, reference, "cpu_us"), ratio_text(rounds, reference, "tps"),
               ratio_text(rounds, reference, "p99_us")]


def main_table(bench, workloads, client_counts):
    lines = []
    for workload in workloads:
        for clients in WORKLOADS[workload].clients or client_counts:
            lines += rows(workload, clients, run(bench, workload, clients))
    return "### pgbench on PostgreSQL\n\n" + table(HEADER, lines)


def unknown_code(bench):
    """SELECT of a user's function with pool.unknown_code: trust, probe, reset (pgsaba against itself)"""
    if "pgsaba" not in bench.peers:
        return ""
    lines = []
    with Stage() as stage:
        poolers = [peers.replace_name(
            peers.start_pgsaba(stage, replace(bench.setup, unknown_code=mode)), mode)
            for mode in ("trust", "probe", "reset")]
        for clients in UNKNOWN_CODE_CLIENTS:
            results = run_unknown_code(bench, poolers, clients)
            lines += [unknown_code_row(clients, mode, results) for mode in results]
    return ("### Functions that may have done anything (pgsaba)\n\n" +
            table(["clients", "pool.unknown_code", "ms per statement", "p99 ms", "tps",
                   "CPU ms per 1,000", "ms ratio to trust (spread)", "CPU ratio to trust (spread)"],
                  lines))


def run_unknown_code(bench, poolers, clients):
    results = {pooler.name: [] for pooler in poolers}
    for round_number in range(bench.rounds):
        for i in range(len(poolers)):
            pooler = poolers[(i + round_number) % len(poolers)]
            report = measure(bench, pooler, ["-M", "simple", "-f", "unknown_code.sql"], clients)
            tell(bench, f"unknown-code {clients} {pooler.name}", report)
            if "failure" in report:
                raise Failure(f"unknown_code: {pooler.name}: {report['failure']}")
            report["ms"] = 1000 * clients / report["tps"]
            report["p99_ms"] = report["p99_us"] / 1000
            results[pooler.name].append(report)
    return results


def unknown_code_row(clients, mode, results):
    rounds, trust = results[mode], results["trust"]
    return [clients, mode, number(median(rounds, "ms"), 3), number(median(rounds, "p99_ms"), 3),
            number(median(rounds, "tps"), 0), number(median(rounds, "cpu_us"), 2),
            ratio_text(rounds, trust, "ms"), ratio_text(rounds, trust, "cpu_us")]


def scenarios():
    from kit import reads  # which is built on this module
    return {"unknown-code": unknown_code, "reads": reads.reads}


def report(bench, wanted, client_counts):
    known_scenarios = scenarios()
    unknown = [name for name in wanted if name not in WORKLOADS and name not in known_scenarios]
    if unknown:
        known = ", ".join([*WORKLOADS, *known_scenarios])
        raise Failure(f"unknown workload {unknown[0]}; known: {known}")
    parts = []
    workloads = [name for name in wanted if name in WORKLOADS]
    if workloads:
        parts.append(main_table(bench, workloads, client_counts))
    parts += [known_scenarios[name](bench) for name in wanted if name in known_scenarios]
    return "\n\n".join(part for part in parts if part)
