"""Instructions, counted by callgrind: of a part of the daemon, and of the daemon per transaction.

Each is the difference of two runs of different length, so that whatever happens once cancels out."""

import json
import os
import platform
import re
import shutil
from dataclasses import replace

from kit import load, peers
from kit.postgres import run_checked
from kit.stage import Failure, Stage

FEW, MANY = 200, 2200             # times that a part is done
FEW_REQUESTS, MANY_REQUESTS = 300, 1500
WORKLOADS = ("simple", "extended", "transaction")
DAEMON = "daemon/"                # what the counts of whole transactions are called
CLIENTS = 1                       # with more, how many one wake-up serves depends on their timing
LIMIT_S = 120
PATIENCE_S = 30                   # until the daemon has written down what it did


def callgrind(path):
    return ("valgrind", "--tool=callgrind", f"--callgrind-out-file={path}")


def read_count(path):
    try:
        with open(path) as file:
            found = re.search(r"^(?:summary|totals): (\d+)", file.read(), re.MULTILINE)
    except OSError:
        found = None
    if not found:
        raise Failure(f"callgrind has counted nothing into {path}")
    return int(found[1])


def describe(programs):
    """How the programs were built, and what they run on; what parts there are."""
    if not shutil.which("valgrind"):
        raise Failure("valgrind is not installed")
    if not os.path.exists(programs.count):
        raise Failure(f"{programs.count} does not exist: build the target bench_count")
    about = json.loads(run_checked([programs.count]))
    parts = about.pop("parts")
    about["processor"] = processor()
    about["valgrind"] = run_checked(["valgrind", "--version"]).strip()
    return about, [*parts, *(DAEMON + workload for workload in WORKLOADS)]


def processor():
    """The C library has other code for those with AVX2."""
    with open("/proc/cpuinfo") as file:
        wide = " avx2 " in file.read()
    return platform.machine() + (" with AVX2" if wide else "")


def count(programs, name):
    with Stage() as stage:
        if name.startswith(DAEMON):
            return per_transaction(stage, programs, name.removeprefix(DAEMON))
        few, many = (part_run(stage, programs, name, times) for times in (FEW, MANY))
        return (many - few) / (MANY - FEW)


def part_run(stage, programs, name, times):
    path = os.path.join(stage.directory, f"count-{times}")
    run_checked([*callgrind(path), programs.count, name, str(times)])
    return read_count(path)


def per_transaction(stage, programs, workload):
    port = peers.start_null_server(stage, programs)
    few, many = (daemon_run(stage, peers.Setup(port, programs), workload, requests)
                 for requests in (FEW_REQUESTS, MANY_REQUESTS))
    return (many - few) / (MANY_REQUESTS - FEW_REQUESTS)


def daemon_run(stage, setup, workload, requests):
    reason = peers.missing_reason("pgsaba", setup.programs)
    if reason:
        raise Failure(reason)
    path = os.path.join(stage.directory, f"count-{requests}")
    pooler = peers.start_pgsaba(stage, replace(setup, under=callgrind(path)))
    with load.running_load(setup.programs, pooler, workload, CLIENTS, requests=requests,
                           seconds=LIMIT_S) as child:
        report = load.read_report(child, pooler)
    pooler.process.stop(PATIENCE_S)
    if report["transactions"] != CLIENTS * requests or report["errors"] > 0:
        raise Failure(f"{report['transactions']} of {requests} transactions within {LIMIT_S} s, "
                      f"{report['errors']} errors {report['first_error']}")
    return read_count(path)
