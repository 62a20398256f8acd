"""Medians, ratios within one round, Markdown tables, and the place in README.md they go to."""

import datetime
import os
import platform
import re
import shlex
import statistics
import subprocess

from kit import postgres

REFERENCE = "pgbouncer"


def median(rounds, key):
    values = [entry[key] for entry in rounds if key in entry]
    return statistics.median(values) if values else None


def ratios(rounds, reference, key):
    """Round by round, since what disturbs one round disturbs its neighbours alike."""
    pairs = zip(rounds, reference)
    return [a[key] / b[key] for a, b in pairs if key in a and b.get(key)]


def ratio_text(rounds, reference, key):
    if rounds is None or reference is None:
        return "–"
    found = ratios(rounds, reference, key)
    if not found:
        return "–"
    return f"{statistics.median(found):.2f} ({min(found):.2f}–{max(found):.2f})"


def number(value, digits=1):
    return "–" if value is None else f"{value:,.{digits}f}"


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |"]
    lines.append("|" + "---|" * len(header))
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def command_output(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
        return (done.stdout or done.stderr).strip().splitlines()[0]
    except (OSError, IndexError, subprocess.TimeoutExpired):
        return "unknown"


def processor():
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def versions(programs, peers):
    commands = {"pgbouncer": [programs.pgbouncer, "--version"],
                "haproxy": [programs.haproxy, "-v"],
                "pgsaba": [programs.pgsaba, "--version"]}
    found = [command_output(commands[name]) for name in peers if name in commands]
    return "; ".join([*found, command_output([postgres.program("postgres"), "--version"])])


def provenance(arguments, programs, peers, load_before):
    return "\n".join([
        f"* Command: `{shlex.join(['bench/run'] + arguments)}`",
        f"* Date: {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC",
        f"* Machine: {os.cpu_count()} cores of {processor()}, Linux {platform.release()}",
        f"* Load average before the run: {load_before:.1f} (of other programs; near 0 is honest)",
        f"* Versions: {versions(programs, peers)}",
    ])


def record(path, section, text):
    """Replaces what stands between the section's markers."""
    begin, end = f"<!-- {section}:begin -->", f"<!-- {section}:end -->"
    with open(path) as file:
        old = file.read()
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if not pattern.search(old):
        raise SystemExit(f"{path} has no section {begin}")
    with open(path, "w") as file:
        file.write(pattern.sub(lambda _: f"{begin}\n{text}\n{end}", old))
