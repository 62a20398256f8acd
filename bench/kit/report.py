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


def versions_of(programs, peers):
    commands = {"pgbouncer": [programs.pgbouncer, "--version"],
                "haproxy": [programs.haproxy, "-v"],
                "pgpool": [programs.pgpool, "--version"],
                "pgsaba": [programs.pgsaba, "--version"]}
    return [command_output(commands[name]) for name in peers if name in commands]


def versions(programs, peers):
    return "; ".join([*versions_of(programs, peers),
                      command_output([postgres.program("postgres"), "--version"])])


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def machine():
    return f"{os.cpu_count()} cores of {processor()}"


def caption(programs):
    """Stands below a picture."""
    return "; ".join([*versions_of(programs, ["pgbouncer", "pgsaba"]), machine(),
                      f"{now():%Y-%m-%d}"])


def provenance(command, programs, peers, load_before):
    """Stands below each heading, since tables are measured anew one by one."""
    return "\n".join([
        f"`{shlex.join(command)}`, begun with a load average of {load_before:.1f} "
        "(other programs; near 0 is honest),",
        f"ended {now():%Y-%m-%d %H:%M} UTC on {machine()}, Linux {platform.release()}; "
        f"{versions(programs, peers)}",
    ])


def blocks_of(text):
    """The parts of a text that begin with a heading, by heading."""
    parts = re.split(r"^(?=### )", text, flags=re.MULTILINE)
    return {part.splitlines()[0]: part.strip() for part in parts if part.startswith("### ")}


def with_origin(text, origin):
    """Below each heading where its figures come from."""
    return "\n\n".join(block.replace(heading, f"{heading}\n\n{origin}", 1)
                       for heading, block in blocks_of(text).items())


def record(path, section, text):
    """Tables of the same heading are replaced between the section's markers, others stay."""
    begin, end = f"<!-- {section}:begin -->", f"<!-- {section}:end -->"
    with open(path) as file:
        old = file.read()
    found = re.search(re.escape(begin) + "(.*?)" + re.escape(end), old, re.DOTALL)
    if not found:
        raise SystemExit(f"{path} has no section {begin}")
    blocks = "\n\n".join((blocks_of(found[1]) | blocks_of(text)).values())
    with open(path, "w") as file:
        file.write(old[:found.start()] + f"{begin}\n{blocks}\n{end}" + old[found.end():])
