"""What src/README.md names in backticks has to exist: files, folders, types, constants, functions.

check(root) returns what is missing as lines "src/README.md:line: what". Fenced blocks are drawings
and are not read. A name may be written as

    `wire/`, `src/main.cc`, `tests/run --fast`   a path from the root, src/ or include/pgsaba/
    `src/wire/*.cc`                              at least one such file
    `Pipeline`, `Result<T>`, `config::Config`    a declared class, struct, enum or alias
    `kNever`                                     a constant or an enumerator
    `transition()`                               a function
"""

import re

DOCUMENT = "src/README.md"
SUFFIXES = (".h", ".cc", ".md", ".py", ".cmake", ".yaml", ".txt", ".in")


def read_sources(root):
    paths = [p for top in ("src", "include", "tests") for p in sorted((root / top).rglob("*"))]
    return "\n".join(p.read_text() for p in paths if p.suffix in (".h", ".cc"))


def read_names(text):
    """(line number, text in backticks) outside of fenced blocks."""
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced:
            for name in re.findall(r"`([^`]+)`", line):
                yield number, name


def is_path(name):
    return not name.startswith(("/", "http")) and ("/" in name or name.endswith(SUFFIXES))


def path_exists(root, name):
    bases = (root, root / "src", root / "include/pgsaba")
    if "*" in name:
        return any(next(base.glob(name), None) for base in bases)
    return any((base / name).exists() for base in bases)


def missing(root, sources, name):
    first = name.split()[0]
    if is_path(first):
        return None if "<" in first or path_exists(root, first) else f"no such path: {first}"
    bare = re.sub(r"<.*>$", "", name).split("::")[-1]
    if re.fullmatch(r"[A-Z]\w*[a-z]\w*", bare):
        declared = rf"\b(class|struct|enum|using|concept)\s+(\[\[\w+\]\]\s+)?{bare}\b"
        return None if re.search(declared, sources) else f"no such type: {name}"
    if re.fullmatch(r"k[A-Z]\w+", bare):
        return None if re.search(rf"\b{bare}\b", sources) else f"no such constant: {name}"
    if match := re.fullmatch(r"([a-z]\w+)\(\)", bare):
        return None if re.search(rf"\b{match[1]}\(", sources) else f"no such function: {name}"
    return None


def check(root):
    document = root / DOCUMENT
    if not document.exists():
        return [f"{DOCUMENT} does not exist; it has to describe the floors, the turn and the types"]
    sources = read_sources(root)
    found = ((number, missing(root, sources, name))
             for number, name in read_names(document.read_text()))
    return [f"{DOCUMENT}:{number}: {what}" for number, what in found if what]
