"""Debian's packages as files: nothing is installed, and no setting of the machine is touched."""

import subprocess
from functools import cmp_to_key
from pathlib import Path

from suite import check

SOURCES = ("deb-src http://deb.debian.org/debian {0} main",
           "deb-src http://deb.debian.org/debian-security {0}-security main")


def codename():
    lines = Path("/etc/os-release").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)["VERSION_CODENAME"]


def installed_version(package):
    return check(["dpkg-query", "-W", "-f", "${Version}", package])


def fetch_source(package, version, directory):
    """The source package, of the newest other version if Debian has this one no longer."""
    state = directory / "apt"
    for name in ("lists/partial", "cache/archives/partial"):
        (state / name).mkdir(parents=True, exist_ok=True)
    (state / "sources.list").write_text("\n".join(SOURCES).format(codename()) + "\n")
    options = ["-o", f"Dir::Etc::sourcelist={state / 'sources.list'}",
               "-o", "Dir::Etc::sourceparts=/dev/null", "-o", f"Dir::State::lists={state / 'lists'}",
               "-o", f"Dir::Cache={state / 'cache'}", "-o", "APT::Sandbox::User=root"]
    check(["apt-get", *options, "update"])
    offered = check(["apt-cache", *options, "madison", package]).splitlines()
    others = sorted({line.split("|")[1].strip() for line in offered if "Sources" in line},
                    key=cmp_to_key(compare_versions), reverse=True)
    failures = []
    for candidate in [version, *others]:
        try:
            check(["apt-get", *options, "source", "--download-only", f"{package}={candidate}"],
                  cwd=directory)
            return
        except RuntimeError as failure:  # also: listed, but not to be had
            failures.append(str(failure))
    raise RuntimeError("\n".join(failures))


def compare_versions(one, other):
    for word, result in (("lt", -1), ("gt", 1)):
        if subprocess.run(["dpkg", "--compare-versions", one, word, other]).returncode == 0:
            return result
    return 0


def fetch_binary(package, version, directory):
    """Unpacked below `directory`."""
    check(["apt-get", "-o", "APT::Sandbox::User=root", "download", f"{package}={version}"],
          cwd=directory)
    check(["dpkg", "-x", next(directory.glob(f"{package}_*.deb")), directory / package])
    return directory / package
