"""The counts that are kept in the tree, and how others compare with them."""

import json

from kit.report import number, table
from kit.stage import Failure

TOLERANCE = 0.05
SAME, DIFFERENT, NOT_COMPARABLE = 0, 1, 2  # exit statuses


def read(path):
    try:
        with open(path) as file:
            return json.load(file)
    except FileNotFoundError as missing:
        raise Failure(f"{path} does not exist: bench/micro --record writes it") from missing
    except ValueError as broken:
        raise Failure(f"{path}: {broken}") from broken


def write(path, made_with, counts):
    with open(path, "w") as file:
        json.dump({"made with": made_with, "instructions": counts}, file, indent=1)
        file.write("\n")


def conditions_that_differ(recorded, now):
    """One line for each: counts under other conditions say nothing about the code."""
    return [f"{name}: recorded with {recorded.get(name)}, now {now.get(name)}"
            for name in sorted(recorded.keys() | now.keys()) if recorded.get(name) != now.get(name)]


def verdict(recorded, now):
    if recorded is None:
        return "not recorded"
    if now is None:
        return "not measured any more"
    if now > recorded * (1 + TOLERANCE):
        return "more"
    return "fewer" if now < recorded * (1 - TOLERANCE) else ""


def compare(recorded, now):
    """[(name, recorded count, count, verdict)]; an empty verdict is the good one."""
    names = [*now, *(name for name in recorded if name not in now)]
    return [(name, recorded.get(name), now.get(name), verdict(recorded.get(name), now.get(name)))
            for name in names]


def as_table(rows):
    lines = [[name, number(before), number(after), change(before, after), word or "–"]
             for name, before, after, word in rows]
    return table(["part", "recorded", "now", "change", "verdict"], lines)


def change(before, after):
    return f"{100 * (after / before - 1):+.1f} %" if before and after is not None else "–"
