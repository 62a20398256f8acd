"""Runs the load generator against one pooler and reads the pooler's counters meanwhile."""

import contextlib
import json
import shutil
import signal
import subprocess
import time

from kit.peers import LOAD_CPU
from kit.stage import Failure, wrap

ATTACH_S = 0.4  # until perf or strace watches


def load_command(programs, pooler, mode, clients, options):
    command = [programs.load, "--mode", mode, "--clients", str(clients), "--port", str(pooler.port)]
    for name, value in options.items():
        command += ["--" + name.replace("_", "-"), str(value)]
    return wrap(command, cpus=LOAD_CPU)


@contextlib.contextmanager
def running_load(programs, pooler, mode, clients, **options):
    """Yields the process when its measured time begins."""
    child = subprocess.Popen(load_command(programs, pooler, mode, clients, options), text=True,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        if child.stdout.readline().strip() != "start":
            raise Failure(child.stderr.read().strip())
        yield child
    finally:
        child.stdin.close()
        try:
            child.wait(timeout=20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        child.stdout.close()
        child.stderr.close()


def read_report(child, pooler):
    line = child.stdout.readline()
    if not line:
        raise Failure(f"{pooler.name}: the load generator ended: {child.stderr.read().strip()}")
    report = json.loads(line)
    if report["transactions"] == 0:
        raise Failure(f"{pooler.name}: no transaction was completed {report['first_error']}")
    return report


def measure(programs, pooler, mode, clients, watch=dict, **options):
    """One timed run: the load generator's report and, for a pooler, its CPU per transaction.

    By how much each number of watch() grows per transaction is added to the report."""
    with running_load(programs, pooler, mode, clients, **options) as child:
        watched = watch()
        before = pooler.counters() if pooler.process else None
        report = read_report(child, pooler)
        if before:
            used = pooler.counters() - before
            add_costs(report, used)
        for name, value in watch().items():
            report[name] = (value - watched[name]) / report["transactions"]
    return report


def add_costs(report, used):
    transactions = report["transactions"]
    report["cpu_us"] = used.cpu_ns / 1000 / transactions
    report["user_us"] = report["cpu_us"] * used.user_share
    report["system_us"] = report["cpu_us"] - report["user_us"]
    report["switches"] = used.switches / transactions
    report["cpu_s_per_gb"] = used.cpu_ns / max(1, report["bytes"])


def calls_per_transaction(stage, programs, pooler, mode, clients, **options):
    """Counted apart from the timed runs, since watching costs time.

    Two runs of different length; their difference leaves out logins and the tracer's own start."""
    tracer = perf_calls if shutil.which("perf") else strace_calls
    total = 22000 if tracer is perf_calls else 6000
    runs = []
    for transactions in (total // 11, total):
        requests = max(1, transactions // clients)
        with tracer(stage, pooler.pid) as read_count:
            with running_load(programs, pooler, mode, clients, requests=requests, seconds=60,
                              **options) as child:
                report = read_report(child, pooler)
        runs.append((read_count(), report["transactions"]))
    (calls_short, short), (calls_long, long) = runs
    return (calls_long - calls_short) / max(1, long - short)


@contextlib.contextmanager
def watched_by(command, pid):
    tracer = subprocess.Popen(command + ["-p", str(pid)], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    try:
        time.sleep(ATTACH_S)
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(timeout=20)


@contextlib.contextmanager
def perf_calls(stage, pid):
    path = f"{stage.directory}/perf.out"
    command = ["perf", "stat", "-x,", "-o", path, "-e", "raw_syscalls:sys_enter"]
    with watched_by(command, pid):
        yield lambda: read_perf(path)


def read_perf(path):
    with open(path) as file:
        for line in file:
            if "sys_enter" in line:
                return int(line.split(",")[0])
    raise Failure("perf counted no system calls; is the tracepoint raw_syscalls:sys_enter readable?")


@contextlib.contextmanager
def strace_calls(stage, pid):
    path = f"{stage.directory}/strace.out"
    with watched_by(["strace", "-c", "-f", "-o", path], pid):
        yield lambda: read_strace(path)


def read_strace(path):
    with open(path) as file:
        for line in file:
            words = line.split()
            if words and words[-1] == "total":
                return int(words[3] if len(words) > 4 else words[2])
    raise Failure("strace counted no system calls")
