"""The Debian package around a built program, and a bare Debian 12 to install it in."""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[3]
SUITE = "bookworm"


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **options)
    assert done.returncode == 0, f"{command}: {done.stdout[-5000:]}"
    return done.stdout


def build_package(build, directory):
    """The .deb with the program of the build directory; what compiles is not tried here."""
    tree = directory / "pgsaba"
    shutil.copytree(SOURCE / "debian", tree / "debian")
    run("dpkg-buildpackage", "--build=binary", "--no-sign", "-d", cwd=tree,
        env={**os.environ, "PGSABA_BUILD": str(build), "DEB_BUILD_OPTIONS": "noautodbgsym nocheck"})
    package, = directory.glob("pgsaba_*.deb")
    return package


def with_version(package, version, directory):
    """The same package under another version."""
    tree = directory / f"unpacked-{version}"
    run("dpkg-deb", "-R", package, tree)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"(?m)^Version: .*", f"Version: {version}", control.read_text()))
    made = directory / f"pgsaba_{version}.deb"
    run("dpkg-deb", "--root-owner-group", "-b", tree, made)
    return made


def dependencies(package):
    text = run("dpkg-deb", "-f", package, "Depends")
    return sorted(re.sub(r"[ (|].*", "", word.strip()) for word in text.split(","))


class BareDebian:
    """A root directory with Debian's essential packages and those that are named."""

    def __init__(self, packages, cache, directory):
        key = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:12]
        archive = Path(cache) / f"bare-debian-{key}.tar"
        if not archive.exists():
            made = archive.with_suffix(f".{os.getpid()}")
            run("mmdebstrap", "--variant=essential", f"--include={','.join(packages)}", "--format=tar",
                SUITE, made)
            made.rename(archive)
        self.path = directory / "root"
        self.path.mkdir()
        run("tar", "-xf", archive, "-C", self.path, "--numeric-owner",
            "--exclude=./dev/*")  # nobody there needs devices but the null one
        run("mknod", "-m", "666", self.path / "dev/null", "c", "1", "3")

    def run(self, *command):
        return run("chroot", self.path, *command, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                                                       "DEBIAN_FRONTEND": "noninteractive"})

    def install(self, package):
        copy = self.path / "package.deb"
        shutil.copy(package, copy)
        try:
            return self.run("dpkg", "-i", "--force-confdef", "--force-confold", "/package.deb")
        finally:
            copy.unlink()

    def files(self):
        """Every path with its owner, mode and content, but for dpkg's own books."""
        found = {}
        for path in sorted(self.path.rglob("*")):
            name = "/" + str(path.relative_to(self.path))
            if name.startswith(("/var/lib/dpkg", "/var/log", "/var/cache", "/dev", "/proc", "/sys")):
                continue
            if name == "/run/adduser":  # a lock that adduser leaves
                continue
            if re.fullmatch(r"/etc/(passwd|group|shadow|gshadow)-", name):  # what it was before
                continue
            state = path.lstat()
            content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
            found[name] = (state.st_mode, state.st_uid, state.st_gid, hashlib.sha256(content).digest())
        return found
