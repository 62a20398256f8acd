"""The Debian package: what is in it, and that a bare Debian 12 serves a query with it and has
nothing left of it afterwards. The program in it is the one under test: that the package can be
compiled is not tried here."""

import json
import os
import re
import resource
import select
import socket
import stat
import subprocess
from pathlib import Path

import pytest
from harness.client import RawClient
from harness.cluster import SUPERUSER
from harness.debian import SOURCE, BareDebian, build_package, dependencies, run, with_version
from harness.processes import free_port, spawn, wait_until

pytestmark = pytest.mark.timeout(500)  # of which most is for fetching Debian, the first time

UNIT = (SOURCE / "packaging/systemd/pgsaba.service").read_text()


@pytest.fixture(scope="module")
def build(pgsaba_binary):
    return Path(pgsaba_binary).resolve().parents[1]


@pytest.fixture(scope="module")
def package(build, tmp_path_factory):
    return build_package(build, tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="module")
def bare(package, build, tmp_path_factory):
    if os.geteuid() != 0:
        pytest.skip("only root can install a package in a root directory of its own")
    return BareDebian(dependencies(package), build, tmp_path_factory.mktemp("bare"))


def settings_of_unit(name):
    return re.findall(rf"(?m)^{name}=(.*)$", UNIT)


def test_lintian_has_no_errors_and_no_warnings(package):
    done = subprocess.run(["lintian", "--fail-on", "error,warning", str(package)],
                          capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
    assert done.returncode == 0, done.stdout


def test_the_unpacked_program_runs(package, tmp_path):
    run("dpkg-deb", "-x", package, tmp_path)
    assert run(tmp_path / "usr/bin/pgsaba", "--version").startswith("pgsaba ")
    assert "ok" in run(tmp_path / "usr/bin/pgsaba", "check", tmp_path / "etc/pgsaba/pgsaba.yaml")


@pytest.mark.parametrize("name, instance", [("pgsaba.service", ""), ("pgsaba@.service", "2")])
def test_the_unit_is_well_formed_and_shut_in(package, tmp_path, name, instance):
    run("dpkg-deb", "-x", package, tmp_path)
    # Its program is not installed on this machine; any other one does for looking at the rest.
    unit = tmp_path / name.replace("@", "@" + instance)
    text = (tmp_path / "lib/systemd/system" / name).read_text()
    unit.write_text(text.replace("/usr/bin/pgsaba", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    exposed = run("systemd-analyze", "security", "--offline=yes", unit)
    assert float(re.search(r"exposure level for \S+: ([\d.]+)", exposed)[1]) < 2.0
    assert ("PGSABA_PEER=%i" in text) == ("RuntimeDirectory=pgsaba/%i" in text) == bool(instance)
    if instance:
        return
    socket = tmp_path / "pgsaba.socket"
    socket.write_text((tmp_path / "lib/systemd/system/pgsaba.socket").read_text())
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", socket], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_apparmor_understands_the_profile():
    run("apparmor_parser", "--skip-kernel-load", "--skip-cache",
        SOURCE / "packaging/apparmor/usr.bin.pgsaba")


class Notices:
    """A socket as systemd's, in the root directory."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        path.chmod(0o777)

    def has_come(self):
        return select.select([self._socket], [], [], 0)[0]

    def read(self):
        return self._socket.recv(4096).decode()


def configure(bare, cluster, port):
    settings = {
        "listen": [{"address": "127.0.0.1", "port": port}, {"unix": "/run/pgsaba", "port": port}],
        "clusters": {"main": {"servers": [{"host": cluster.host, "port": cluster.port}]}},
        "databases": {"*": {"cluster": "main"}},
        "auth": {"type": "scram-sha-256", "file": "userlist.txt"},
        "log": {"file": "/var/log/pgsaba/pgsaba.log"},
    }
    (bare.path / "etc/pgsaba/pgsaba.yaml").write_text(json.dumps(settings))
    (bare.path / "etc/pgsaba/userlist.txt").write_text(f'"{SUPERUSER}" "secret"\n')


def start_as_the_unit_says(bare, log):
    """What systemd would do, without it: the unit's user, limits, directories and privileges."""
    command, = settings_of_unit("ExecStart")
    user, = settings_of_unit("User")
    # Who may not raise limits tries what there is.
    files = min(int(settings_of_unit("LimitNOFILE")[0]), resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    logs = bare.path / "var/log" / settings_of_unit("LogsDirectory")[0]
    logs.mkdir(mode=0o750, exist_ok=True)
    line = re.fullmatch(r"d (\S+) (\d+) (\S+) (\S+) -",
                        (bare.path / "usr/lib/tmpfiles.d/pgsaba.conf").read_text().splitlines()[-1])
    (bare.path / line[1][1:]).mkdir(mode=int(line[2], 8), exist_ok=True)
    for path in (f"/var/log/{logs.name}", line[1]):
        bare.run("chown", f"{user}:{user}", path)
    uid, gid = (int(bare.run("id", flag, user)) for flag in ("-u", "-g"))
    shut_in = ["setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", f"--reuid={uid}",
               f"--regid={gid}", "--clear-groups"]
    return spawn(["prlimit", f"--nofile={files}", "chroot", bare.path, *shut_in, *command.split()], log,
                 env={"PATH": "/usr/bin:/usr/sbin", "NOTIFY_SOCKET": "/run/notify"})


def test_it_is_installed_serves_is_upgraded_and_purged(bare, package, cluster, tmp_path):
    before = bare.files()
    bare.install(package)
    assert bare.run("id", "-un", "pgsaba").strip() == "pgsaba"
    for name, mode in (("etc/pgsaba", 0o750), ("etc/pgsaba/pgsaba.yaml", 0o640),
                       ("etc/pgsaba/userlist.txt", 0o640)):
        state = (bare.path / name).stat()
        assert (stat.S_IMODE(state.st_mode), state.st_uid) == (mode, 0)
        assert state.st_gid == int(bare.run("id", "-g", "pgsaba"))
    assert "/etc/pgsaba/pgsaba.yaml" in bare.run("dpkg-query", "-W", "-f", "${Conffiles}", "pgsaba")
    assert bare.run("/usr/bin/pgsaba", "check") == "/etc/pgsaba/pgsaba.yaml: ok\n"

    port = free_port()
    configure(bare, cluster, port)
    notice = Notices(bare.path / "run/notify")
    with open(tmp_path / "log", "wb") as log:
        service = start_as_the_unit_says(bare, log)
    wait_until(lambda: service.poll() is not None or notice.has_come(), 30, "a word of it")
    assert service.poll() is None and notice.read().startswith("READY=1"), (tmp_path / "log").read_text()
    for where in (("127.0.0.1", port), str(bare.path / f"run/pgsaba/.s.PGSQL.{port}")):
        with RawClient(where, password="secret") as client:
            assert client.value("select 40 + 2") == "42"
    wait_until(lambda: "serves with" in (bare.path / "var/log/pgsaba/pgsaba.log").read_text(), 10, "its log")
    service.terminate()
    assert service.wait(20) == 0
    (bare.path / "run/notify").unlink()

    bare.install(with_version(package, "0.1.1~later", tmp_path))
    assert "secret" in (bare.path / "etc/pgsaba/userlist.txt").read_text()
    assert (bare.path / "etc/pgsaba/pgsaba.yaml").stat().st_gid == int(bare.run("id", "-g", "pgsaba"))
    bare.run("dpkg", "--purge", "pgsaba")
    after = bare.files()
    assert {path: after.get(path) for path in before} == before
    assert sorted(set(after) - set(before)) == []
    assert not (bare.path / "var/log/pgsaba").exists()


def complete(line):
    """What bash offers for the words of `line`, of which the last one is being written."""
    words = line.split(" ")
    script = (f"source {SOURCE}/packaging/completion/pgsaba.bash; COMP_WORDS=({' '.join(map(repr, words))});"
              f"COMP_CWORD={len(words) - 1}; _pgsaba pgsaba {words[-1]!r} {words[-2]!r};"
              "printf '%s\\n' \"${COMPREPLY[@]}\"")
    return set(run("bash", "-c", script, cwd=SOURCE / "conf").split())


def test_bash_completes_what_there_is(pgsaba_binary):
    named = set(re.findall(r"^  pgsaba (\w+)", run(pgsaba_binary, "--help"), re.M))
    offered = complete("pgsaba ")
    assert named <= offered
    for command in offered:
        if not command.startswith("-") and command != "help":
            assert command in run(pgsaba_binary, "--help")
    assert complete("pgsaba che") == {"check"}
    assert "pgsaba.yaml" in complete("pgsaba check pgs")
    assert "--check" in complete("pgsaba demo --")


def test_zsh_has_the_same_commands(pgsaba_binary):
    path = SOURCE / "packaging/completion/_pgsaba"
    run("zsh", "-n", path)
    commands = set(re.findall(r"^    '([a-z]+):", path.read_text(), re.M))
    assert commands == {word for word in complete("pgsaba ") if not word.startswith("-")}
