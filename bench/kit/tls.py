"""What TLS to clients costs: queries, large results, logins, memory. The server has none."""

import os
import time
from contextlib import contextmanager
from dataclasses import replace

from kit import counters, load, peers
from kit.postgres import run_checked
from kit.report import median, number, ratio_text, table
from kit.scenarios import (GIB, KIB, ROW_BYTES, ROW_MESSAGE_BYTES, SETTLE_S, pooler_starters,
                           rounds_of)
from kit.stage import Stage

CLIENTS = (16, 128)
LOGIN_CLIENTS = 8
KEYS = {"ECDSA P-256": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "RSA 2048": ["rsa:2048"]}


def make_certificate(stage, key):
    path = os.path.join(stage.folder("certificate"), "server.crt")
    run_checked(["openssl", "req", "-x509", "-newkey", *key, "-nodes", "-days", "2", "-subj",
                 "/CN=bench", "-out", path, "-keyout", path + ".key"])
    os.chmod(path + ".key", 0o600)
    return path


@contextmanager
def poolers_with(bench, key):
    with Stage() as stage:
        setup = replace(bench.setup, certificate=make_certificate(stage, key))
        yield [start(stage, setup) for start in pooler_starters(bench)]


def tls(bench):
    """queries, large results, logins and memory of clients with TLS"""
    parts = [logins(bench, name, key) for name, key in KEYS.items()]
    with poolers_with(bench, KEYS["ECDSA P-256"]) as poolers:
        return "\n\n".join([queries(bench, poolers), large(bench, poolers), *parts,
                            memory(bench, poolers)])


def queries(bench, poolers):
    lines = []
    for clients in CLIENTS:
        results = rounds_of(bench, poolers, lambda pooler: load.measure(
            bench.programs, pooler, "simple", clients, seconds=bench.seconds,
            warmup=min(0.5, bench.seconds / 2), tls="yes"))
        for peer, rounds in results.items():
            lines.append([peer, clients, number(median(rounds, "tps"), 0),
                          number(median(rounds, "p99_us"), 0), number(median(rounds, "cpu_us"), 2),
                          number(median(rounds, "user_us"), 1),
                          ratio_text(rounds, results.get("pgbouncer"), "cpu_us")])
            bench.progress(f"TLS simple {clients} {peer}: {lines[-1][-3:]}")
    return ("### TLS: queries (simple)\n\n" +
            table(["peer", "clients", "tps", "p99 µs", "CPU ms per 1,000", "of it user",
                   "CPU ratio (spread)"], lines))


def large(bench, poolers):
    query = f"SELECT rows {int(bench.large_result_bytes / ROW_MESSAGE_BYTES)} bytes {ROW_BYTES}"
    results = rounds_of(bench, poolers, lambda pooler: load.measure(
        bench.programs, pooler, "bulk", 1, requests=1, seconds=120, query=query, tls="yes"))
    lines = [[peer, number(median(rounds, "bytes") / GIB / median(rounds, "seconds"), 2),
              number(median(rounds, "cpu_s_per_gb"), 2),
              ratio_text(rounds, results.get("pgbouncer"), "cpu_s_per_gb")]
             for peer, rounds in results.items()]
    bench.progress(f"TLS large: {lines}")
    return ("### TLS: large results (one client)\n\n" +
            table(["peer", "GB/s", "CPU s per GB", "CPU ratio (spread)"], lines))


def logins(bench, name, key):
    lines = []
    with poolers_with(bench, key) as poolers:
        for kind, option in (("full", "yes"), ("resumed", "resume")):
            results = rounds_of(bench, poolers, lambda pooler: load.measure(
                bench.programs, pooler, "connect", LOGIN_CLIENTS, seconds=bench.seconds,
                warmup=min(0.5, bench.seconds / 2), tls=option))
            lines += [[peer, kind, number(median(rounds, "tps"), 0),
                       number(median(rounds, "cpu_us"), 0),
                       ratio_text(rounds, results.get("pgbouncer"), "cpu_us")]
                      for peer, rounds in results.items()]
    bench.progress(f"TLS logins {name}: {lines}")
    return (f"### TLS: logins ({name}, {LOGIN_CLIENTS} clients that come and go)\n\n" +
            table(["peer", "handshake", "per second", "CPU µs each", "CPU ratio (spread)"], lines))


def memory(bench, poolers):
    lines = []
    for pooler in poolers:
        with load.running_load(bench.programs, pooler, "idle", bench.idle_clients // 10, tls="yes"):
            time.sleep(SETTLE_S)
            before = counters.resident_bytes(pooler.pid)
            with load.running_load(bench.programs, pooler, "idle", bench.idle_clients, tls="yes"):
                time.sleep(SETTLE_S)
                grown = counters.resident_bytes(pooler.pid) - before
        lines.append([pooler.name, number(bench.idle_clients, 0),
                      number(grown / bench.idle_clients / KIB, 1)])
        bench.progress(f"TLS memory: {lines[-1]}")
    return ("### TLS: memory of an idle client\n\n" +
            table(["peer", "clients", "KiB per client"], lines))


SCENARIOS = {"tls": tls}
