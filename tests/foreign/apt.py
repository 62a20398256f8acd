"""Debian's packages as files: nothing is installed, and no setting of the machine is touched."""

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
    """The source package, of another version if Debian has this one no longer."""
    state = directory / "apt"
    for name in ("lists/partial", "cache/archives/partial"):
        (state / name).mkdir(parents=True, exist_ok=True)
    (state / "sources.list").write_text("\n".join(SOURCES).format(codename()) + "\n")
    apt = ["apt-get", "-o", f"Dir::Etc::sourcelist={state / 'sources.list'}",
           "-o", "Dir::Etc::sourceparts=/dev/null", "-o", f"Dir::State::lists={state / 'lists'}",
           "-o", f"Dir::Cache={state / 'cache'}", "-o", "APT::Sandbox::User=root"]
    check([*apt, "update"])
    fetch = [*apt, "source", "--download-only"]
    try:
        check([*fetch, f"{package}={version}"], cwd=directory)
    except RuntimeError:
        check([*fetch, package], cwd=directory)


def fetch_binary(package, version, directory):
    """Unpacked below `directory`."""
    check(["apt-get", "-o", "APT::Sandbox::User=root", "download", f"{package}={version}"],
          cwd=directory)
    check(["dpkg", "-x", next(directory.glob(f"{package}_*.deb")), directory / package])
    return directory / package
