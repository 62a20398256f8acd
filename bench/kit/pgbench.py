"""PostgreSQL's own benchmark on a real server: honest, where the null server is sharp."""

import glob
import os
import re
import subprocess

from kit import peers, postgres
from kit.report import REFERENCE, median, number, ratio_text, table
from kit.stage import Failure, wrap

SCALE = 10
TRANSACTION_SCRIPT = """\\set aid random(1, 100000 * :scale)
BEGIN;
SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
COMMIT;
"""
WORKLOADS = {
    "select simple": ["-S", "-M", "simple"],
    "select extended": ["-S", "-M", "extended"],
    "select prepared": ["-S", "-M", "prepared"],
    "transaction": ["-M", "simple", "-f", "transaction.sql"],
    "tpc-b": ["-b", "tpcb-like", "-M", "simple"],
}
HEADER = ["workload", "clients", "peer", "tps", "p50 µs", "p99 µs", "CPU ms per 1,000",
          "user + system", "CPU ratio (spread)", "tps ratio (spread)", "p99 ratio (spread)"]


def start_cluster(stage):
    port = postgres.start_cluster(stage, cpus=peers.LOAD_CPU)
    postgres.run_checked([postgres.program("pgbench"), "-i", "-q", "-s", str(SCALE),
                          *connection(port)])
    with open(os.path.join(stage.directory, "transaction.sql"), "w") as file:
        file.write(TRANSACTION_SCRIPT)
    return port


def connection(port):
    return ["-h", "127.0.0.1", "-p", str(port), "-U", postgres.USER, postgres.DATABASE]


def percentile(ordered, share):
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def measure(bench, pooler, workload, clients):
    """One timed run; {'failure': text} when pgbench gives up."""
    prefix = os.path.join(bench.stage.directory, "pgbench_log")
    command = [postgres.program("pgbench"), "-n", *WORKLOADS[workload], "-c", str(clients),
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
            report = measure(bench, pooler, workload, clients)
            results[pooler.name].append(report)
            bench.progress(f"{workload} {clients} {pooler.name}: " +
                           (report.get("failure") or f"{report['tps']:.0f} tps, "
                            f"{report.get('cpu_us', 0):.1f} µs CPU"))
    return results


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


def report(bench, workloads, client_counts):
    unknown = [name for name in workloads if name not in WORKLOADS]
    if unknown:
        raise Failure(f"unknown workload {unknown[0]}; known: {', '.join(WORKLOADS)}")
    lines = []
    for workload in workloads:
        for clients in client_counts:
            lines += rows(workload, clients, run(bench, workload, clients))
    return "### pgbench on PostgreSQL\n\n" + table(HEADER, lines)
