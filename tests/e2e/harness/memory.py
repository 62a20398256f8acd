"""What a process has in its memory."""

import re

LARGEST = 1 << 30  # a sanitizer's map of terabytes is not its memory


def occurrences(pid, needle):
    """How often `needle` stands in what the process may write to."""
    found = 0
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            start, end, rights = re.match(r"(\w+)-(\w+) (\S+)", line).groups()
            start, end = int(start, 16), int(end, 16)
            if not rights.startswith("rw") or end - start > LARGEST:
                continue
            try:
                memory.seek(start)
                found += memory.read(end - start).count(needle)
            except (OSError, ValueError, OverflowError):  # [vvar] and its kind
                continue
    return found
