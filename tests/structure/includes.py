"""Who may include what: the floors of cmake/floors.cmake, the edges of src/CMakeLists.txt, and one
owning folder for each third-party library.

check(root) returns the violations as lines "file:line: what is wrong".
"""

import re
from dataclasses import dataclass
from pathlib import Path

# The first prefix that fits an included name decides; the value is the folders that may use it.
OWNERS = [
    ("uv.h", {"net"}),
    ("openssl/ssl.h", {"net"}),
    ("openssl/", {"auth", "net"}),
    ("yaml-cpp/", {"config"}),
    ("spdlog/", {"base"}),
    ("libpq-fe.h", {"control"}),
    ("libpq/", {"control"}),
    ("stringprep.h", {"auth"}),
    ("security/", {"control"}),
    ("ldap.h", {"control"}),
    ("prometheus/", {"control"}),
    ("doctest/", set()),
    ("pg_query.h", set()),
]

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^">]+)[">]')


@dataclass(frozen=True)
class Include:
    file: Path  # relative to the root
    line: int
    folder: str  # whose file it is
    quoted: bool
    name: str

    def wrong(self, what):
        return f"{self.file}:{self.line}: {what}"


def read_floors(root):
    table = (root / "cmake/floors.cmake").read_text()
    body = re.search(r"set\(PGSABA_FLOORS(.*?)\)", table, re.S).group(1)
    return {folder: int(floor) for folder, floor in re.findall(r"(\w+):(\d+)", body)}


def read_uses(root):
    """Folder -> all folders it may use, directly or through another."""
    text = (root / "src/CMakeLists.txt").read_text()
    uses = {}
    for call in re.findall(r"pgsaba_folder\(([^)]*)\)", text):
        name, *words = call.split()
        edges = " ".join(words).partition("USES")[2].partition("LIBRARIES")[0].split()
        uses[name] = set(edges).union(*(uses.get(edge, set()) for edge in edges))
    return uses


def folder_of(path):
    """The folder a source belongs to: src/wire/x.cc and include/pgsaba/wire/x.h are wire's."""
    parts = path.parts
    below = parts[1:] if parts[0] == "src" else parts[2:]
    return below[0] if len(below) > 1 else "main"


def read_includes(root):
    found = []
    for top in ("src", "include/pgsaba"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix not in (".h", ".cc"):
                continue
            relative = path.relative_to(root)
            for number, text in enumerate(path.read_text().splitlines(), 1):
                if match := INCLUDE.match(text):
                    found.append(Include(relative, number, folder_of(relative),
                                         match[1] == '"', match[2]))
    return found


def check_floor(include, floors, uses):
    parts = include.name.split("/")
    if parts[0] != "pgsaba" or len(parts) < 3 or parts[1] == include.folder:
        return None
    target = parts[1]
    if target not in floors:
        return include.wrong(f"'{target}' has no floor in cmake/floors.cmake")
    own = floors.get(include.folder, 99)  # src/main.cc stands above every floor
    if floors[target] >= own:
        return include.wrong(f"{include.folder} (floor {own}) may not include "
                             f"{target} (floor {floors[target]})")
    if include.folder in uses and target not in uses[include.folder]:
        return include.wrong(f"{include.folder} does not use {target} in src/CMakeLists.txt")
    return None


def check_private(include, root):
    """"x.h" or "wire/x.h" in src/wire/ is a neighbour; never another folder's private header."""
    if not include.quoted or include.name.startswith("pgsaba/"):
        return None
    own = root / "src" / include.folder
    for start in (own, root / "src", (root / include.file).parent):
        if (found := (start / include.name).resolve()).exists() and found.is_relative_to(own):
            return None
    return include.wrong(f'"{include.name}" is neither public nor in this folder')


def check_owner(include):
    for prefix, owners in OWNERS:
        if include.name.startswith(prefix):
            if include.folder in owners:
                return None
            allowed = " and ".join(sorted(owners)) or "tests"
            return include.wrong(f"<{include.name}> belongs to {allowed} alone")
    return None


def needed_headers(includes):
    """Public headers that another folder includes, and what these include in turn."""
    of_public = {}
    for include in includes:
        if include.file.parts[0] == "include":
            of_public.setdefault(str(include.file.relative_to("include")), []).append(include.name)
    queue = [include.name for include in includes
             if include.name.split("/")[0] == "pgsaba" and include.name.count("/") > 1
             and include.name.split("/")[1] != include.folder]
    needed = set()
    while queue:
        if (name := queue.pop()) not in needed:
            needed.add(name)
            queue += of_public.get(name, [])
    return needed


def check_public(root, includes):
    """A header stands in include/ only if another folder needs it."""
    needed = needed_headers(includes)
    for path in sorted((root / "include").rglob("*.h")):
        if str(path.relative_to(root / "include")) not in needed:
            relative = path.relative_to(root)
            yield (f"{relative}:1: no other folder includes it; "
                   f"it belongs beside its source in src/{folder_of(relative)}/")


def check_folders(root, floors):
    for top in ("src", "include/pgsaba"):
        for path in sorted((root / top).iterdir()):
            if path.is_dir() and path.name not in floors and any(path.rglob("*.*")):
                yield f"{path.relative_to(root)}: has no floor in cmake/floors.cmake"


def check(root):
    root = root.resolve()
    floors, uses, includes = read_floors(root), read_uses(root), read_includes(root)
    wrong = list(check_folders(root, floors))
    for include in includes:
        wrong += filter(None, (check_floor(include, floors, uses), check_private(include, root),
                               check_owner(include)))
    return wrong + list(check_public(root, includes))
