"""Reads on standbys: a primary with two of them, and what it costs that reads are never stale."""

import os
import signal
import time
from dataclasses import replace

from kit import peers, pgbench, postgres
from kit.report import median, number, ratio_text, table
from kit.stage import Failure, Stage, free_port, wrap

READ_SHARE = 9  # of ten requests
LEVELS = ("off", "session", "database")
CLIENTS = (16, 64)
FIRST_LOOK_S = 2  # until the standbys' roles are known

# A timeline: who follows whom, and what those have written last.
SCHEMA = """
CREATE TABLE statuses (id bigserial PRIMARY KEY, account int NOT NULL, text text NOT NULL);
CREATE TABLE follows (account int, target int, PRIMARY KEY (account, target));
INSERT INTO statuses (account, text)
  SELECT i % 1000, repeat('saba ', 20) FROM generate_series(1, 50000) i;
INSERT INTO follows SELECT a, (a * 7 + t * 131) % 1000 FROM generate_series(0, 999) a,
  generate_series(1, 20) t ON CONFLICT DO NOTHING;
CREATE INDEX ON statuses (account, id);
ANALYZE;
"""
READ_SCRIPT = """\\set account random(0, 999)
SELECT s.id, s.text FROM statuses s JOIN follows f ON f.target = s.account
 WHERE f.account = :account ORDER BY s.id DESC LIMIT 5;
"""
WRITE_SCRIPT = """\\set account random(0, 999)
INSERT INTO statuses (account, text) VALUES (:account, 'a new one');
"""


def start_standby(stage, primary_port):
    folder, port = stage.folder("standby"), free_port()
    data = os.path.join(folder, "data")
    postgres.run_checked(wrap([postgres.program("pg_basebackup"), "-D", data, "-h", "127.0.0.1",
                               "-p", str(primary_port), "-U", postgres.USER, "-R", "-X", "stream",
                               "-c", "fast", "--no-sync"], unprivileged=True), cwd=folder)
    with open(os.path.join(data, "postgresql.auto.conf"), "a") as file:
        file.write(f"port = {port}\nunix_socket_directories = '{folder}'\n")
    process = stage.start([postgres.program("postgres"), "-D", data], cpus=peers.LOAD_CPU,
                          unprivileged=True, stop_signal=signal.SIGINT)
    process.wait_for_port(port)
    postgres.wait_until_ready(port)
    return port


def start_poolers(bench, stage):
    primary = postgres.start_cluster(stage, cpus=peers.LOAD_CPU)
    postgres.run_sql(primary, SCHEMA)
    peers.write(bench.stage.directory, "timeline_read.sql", READ_SCRIPT)
    peers.write(bench.stage.directory, "timeline_write.sql", WRITE_SCRIPT)
    standbys = (start_standby(stage, primary), start_standby(stage, primary))
    setup = replace(bench.setup, server_port=primary, pool_size=16)
    poolers = [peers.replace_name(peers.start_pgsaba(stage, setup), "all on the primary")]
    poolers += [peers.replace_name(
        peers.start_pgsaba(stage, replace(setup, standby_ports=standbys, read_your_writes=level)),
        level) for level in LEVELS]
    time.sleep(FIRST_LOOK_S)
    return poolers


def run(bench, poolers, clients):
    script = ["-M", "simple", "-f", f"timeline_read.sql@{READ_SHARE}", "-f",
              f"timeline_write.sql@{10 - READ_SHARE}"]
    results = {pooler.name: [] for pooler in poolers}
    for round_number in range(bench.rounds):
        for i in range(len(poolers)):
            pooler = poolers[(i + round_number) % len(poolers)]
            report = pgbench.measure(bench, pooler, script, clients)
            pgbench.tell(bench, f"reads {clients} {pooler.name}", report)
            if "failure" in report:
                raise Failure(f"reads: {pooler.name}: {report['failure']}")
            results[pooler.name].append(report)
    return results


def reads(bench):
    """9 reads and a write of a timeline over a primary and two standbys, by read_your_writes level"""
    if "pgsaba" not in bench.peers:
        return ""
    lines = []
    with Stage() as stage:
        poolers = start_poolers(bench, stage)
        for clients in CLIENTS:
            results = run(bench, poolers, clients)
            for name, rounds in results.items():
                lines.append([clients, name, number(median(rounds, "tps"), 0),
                              number(median(rounds, "p50_us"), 0),
                              number(median(rounds, "p99_us"), 0),
                              number(median(rounds, "cpu_us"), 2),
                              ratio_text(rounds, results["off"], "tps"),
                              ratio_text(rounds, results["off"], "cpu_us")])
    return ("### Reads on two standbys (timeline, 90 % reads)\n\n" +
            table(["clients", "read_your_writes", "tps", "p50 µs", "p99 µs", "CPU ms per 1,000",
                   "tps ratio to off (spread)", "CPU ratio to off (spread)"], lines))
