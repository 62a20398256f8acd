"""packaging/install-dependencies, and what begins with it, on a machine that is made up: apt-get,
dpkg-query, sudo and id are ours, and of all other programs there are only those that a script needs."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(sys.argv.pop(1)) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2]
TOOLS = ["bash", "sh", "awk", "cat", "chmod", "dirname", "env", "find", "grep", "mkdir", "nproc", "rm", "sort",
         "tr", "true", "xargs"]
FAKES = {
    # Says what is installed, and fails if anything is not, as the real one.
    "dpkg-query": """
        status=0
        for name in "$@"; do
          case $name in -*) continue ;; esac
          if grep -qx "$name" "$FAKE/installed"; then echo "$name installed"
          elif grep -qx "$name" "$FAKE/removed"; then echo "$name config-files"
          else echo "dpkg-query: no packages found matching $name" >&2; status=1; fi
        done
        exit $status""",
    "apt-get": """
        echo "apt-get $*" >>"$FAKE/calls"
        [ "$(id -u)" = 0 ] || { echo "E: are you root?" >&2; exit 100; }
        case " $* " in *" install "*) ;; *) exit 0 ;; esac
        ls "$FAKE/system/usr/sbin/policy-rc.d" "$FAKE"/system/etc/postgresql-common/createcluster.d/* \
          >>"$FAKE/held_back"
        [ -e "$FAKE/ctrl_c" ] && { trap "" INT; kill -INT 0; }  # as on a terminal; it goes on
        for name in "$@"; do
          case $name in -* | install) ;; *) echo "$name" >>"$FAKE/installed" ;; esac
        done""",
    "sudo": """
        echo "sudo $*" >>"$FAKE/calls"
        [ -e "$FAKE/may_use_sudo" ] || { echo "sudo: a password is required" >&2; exit 1; }
        [ "$1" = -n ] && shift
        FAKE_UID=0 exec "$@" """,
    "id": """echo "${FAKE_UID:-1000}" """,
    "ls": """for name in "$@"; do [ -e "$name" ] && echo "$name"; done; exit 0""",
}


class Machine:
    """A folder of programs, with what is installed on it."""

    def __init__(self, uid, sudo=None):
        self.folder = Path(tempfile.mkdtemp(prefix="pgsaba_apt_"))
        self.programs = self.folder / "bin"
        self.programs.mkdir()
        for tool in TOOLS:
            (self.programs / tool).symlink_to(shutil.which(tool))
        for name, text in FAKES.items():
            if name != "sudo" or sudo is not None:
                self.add_program(name, text)
        for name in ("installed", "removed", "calls", "held_back"):
            (self.folder / name).touch()
        (self.folder / "system" / "usr" / "sbin").mkdir(parents=True)
        if sudo:
            (self.folder / "may_use_sudo").touch()
        self.uid = uid

    def add_program(self, name, text="exit 0"):
        path = self.programs / name
        path.write_text(f"#!{shutil.which('sh')}\n{text.strip()}\n")
        path.chmod(0o755)

    def install(self, *packages):
        with open(self.folder / "installed", "a") as installed:
            installed.writelines(f"{package}\n" for package in packages)

    def run(self, *command):
        env = {"PATH": str(self.programs), "FAKE": str(self.folder), "FAKE_UID": str(self.uid),
               "PGSABA_SYSTEM_ROOT": str(self.folder / "system"), "LC_ALL": "C",
               "PGSABA_BUILD": str(self.folder / "build")}
        return subprocess.run([str(part) for part in command], env=env, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=60, start_new_session=True,
                              preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))

    def install_dependencies(self, *arguments):
        return self.run(ROOT / "packaging" / "install-dependencies", *arguments)

    def lines(self, name):
        return (self.folder / name).read_text().splitlines()

    def remove(self):
        shutil.rmtree(self.folder)


def packages(*groups):
    """The packages of these groups, by the file that lists them, and the programs that stand for some."""
    found = {}
    for line in (ROOT / "packaging" / "dependencies").read_text().splitlines():
        fields = line.split("#")[0].split()
        if fields and fields[0] in groups:
            found[fields[1]] = fields[2] if len(fields) > 2 else None
    return found


class InstallDependencies(unittest.TestCase):
    def machine(self, uid, sudo=None):
        made = Machine(uid, sudo)
        self.addCleanup(made.remove)
        return made

    def installed_by_apt(self, machine):
        installs = [line.split() for line in machine.lines("calls")
                    if line.startswith("apt-get") and " install " in line]
        self.assertLessEqual(len(installs), 1)
        return sorted(word for word in installs[0][2:] if not word.startswith("-") and word != "install") \
            if installs else []

    def test_root_installs_exactly_what_is_missing(self):
        machine = self.machine(uid=0)
        wanted = packages("build", "run")
        there = ["cmake", "libuv1-dev", "postgresql"]
        machine.install(*there)
        (machine.folder / "removed").write_text("libssl-dev\n")  # only its settings are left
        done = machine.install_dependencies("build", "run")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.installed_by_apt(machine), sorted(set(wanted) - set(there)))
        self.assertEqual(machine.lines("calls")[0], "apt-get -q update")
        self.assertIn("--no-install-recommends", machine.lines("calls")[1])

    def test_a_second_run_installs_nothing(self):
        machine = self.machine(uid=0)
        for expected in (2, 2):  # calls of apt-get by then
            self.assertEqual(machine.install_dependencies("build", "run").returncode, 0)
            self.assertEqual(len(machine.lines("calls")), expected)

    def test_a_program_from_elsewhere_counts(self):
        machine = self.machine(uid=0)
        wanted = packages("test")
        by_program = {package: program for package, program in wanted.items() if program}
        self.assertTrue(by_program)
        for program in by_program.values():
            machine.add_program(program)
        self.assertEqual(machine.install_dependencies("test").returncode, 0)
        self.assertEqual(self.installed_by_apt(machine), sorted(set(wanted) - set(by_program)))

    def test_no_server_is_started_by_it(self):
        """Meanwhile, and nothing of that is left behind; an administrator's own policy stays."""
        machine = self.machine(uid=0)
        system = machine.folder / "system"
        policy = system / "usr/sbin/policy-rc.d"
        for own in (None, "#!/bin/sh\nexit 0\n"):
            if own:
                policy.write_text(own)
                (machine.folder / "installed").write_text("")
            self.assertEqual(machine.install_dependencies("run").returncode, 0)
            self.assertEqual(len(machine.lines("held_back")), 4 if own else 2)
            self.assertEqual(policy.read_text() if policy.exists() else None, own)
            self.assertEqual(list((system / "etc/postgresql-common/createcluster.d").iterdir()), [])

    def test_ctrl_c_ends_it_when_apt_is_done(self):
        machine = self.machine(uid=0)
        (machine.folder / "ctrl_c").touch()
        done = machine.run(ROOT / "packaging" / "quickstart", "--check")
        self.assertEqual((done.returncode, done.stderr), (130, ""))  # nothing is built
        self.assertFalse((machine.folder / "system/usr/sbin/policy-rc.d").exists())

    def test_others_install_with_sudo(self):
        machine = self.machine(uid=1000, sudo=True)
        done = machine.install_dependencies("run")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.installed_by_apt(machine), sorted(packages("run")))
        self.assertIn("installing with sudo: postgresql", done.stderr)
        again = machine.install_dependencies("run")
        self.assertEqual((again.returncode, again.stderr), (0, ""))
        self.assertEqual(len([line for line in machine.lines("calls") if "install" in line
                              and line.startswith("apt-get")]), 1)

    def refused(self, done, missing):
        self.assertEqual(done.returncode, 2, done.stderr)
        line = "apt-get update && apt-get install -y --no-install-recommends " + " ".join(sorted(missing))
        self.assertEqual(done.stderr.splitlines(), ["packages are missing; as root, run:", line])

    def test_without_the_right_the_line_is_printed(self):
        for sudo in (None, False):  # there is none; it may not be used
            machine = self.machine(uid=1000, sudo=sudo)
            machine.install("cmake")
            missing = set(packages("build", "run")) - {"cmake"}
            self.refused(machine.install_dependencies("build", "run"), missing)
            self.refused(machine.run(ROOT / "packaging" / "quickstart", "--check"), missing)
            self.refused(machine.run(ROOT / "tests" / "run", "--fast"),
                         set(packages("build", "run", "test")) - {"cmake"})
            self.assertEqual(self.installed_by_apt(machine), [])

    def test_what_cannot_work_is_said_before_anything_is_installed(self):
        machine = self.machine(uid=0)
        done = machine.run(ROOT / "packaging" / "quickstart", "--chekc")
        self.assertEqual(done.returncode, 2)
        self.assertIn("unknown option: --chekc", done.stderr)
        (machine.folder / "build").touch()  # where the directory should be
        done = machine.run(ROOT / "packaging" / "quickstart", "--check")
        self.assertEqual(done.returncode, 1)
        self.assertIn("build cannot be written to; PGSABA_BUILD=", done.stderr)
        self.assertEqual(machine.lines("calls"), [])

    def test_the_list_installs_nothing(self):
        machine = self.machine(uid=0)
        done = machine.install_dependencies("--list", "run")
        self.assertEqual((done.returncode, done.stdout.split()), (0, sorted(packages("run"))))
        self.assertEqual(machine.lines("calls"), [])

    def test_another_system_is_told_apart(self):
        machine = self.machine(uid=0)
        (machine.programs / "apt-get").unlink()
        done = machine.install_dependencies("run")
        self.assertEqual(done.returncode, 2)
        self.assertIn("this is not a Debian system", done.stderr)
        self.assertIn("postgresql", done.stderr)

    def test_the_package_is_built_with_what_the_daemon_is_compiled_with(self):
        control = (ROOT / "debian" / "control").read_text()
        listed = control.split("Build-Depends:")[1].split("Standards-Version")[0]
        names = {entry.split()[0] for entry in listed.split(",")}
        beside = {"debhelper-compat", "dh-apparmor", "python3:any"}  # the last runs bench/train
        self.assertEqual(names - beside,
                         set(packages("build")) - {"build-essential"})  # which is never named

    def test_a_group_that_there_is_not(self):
        done = self.machine(uid=0).install_dependencies("biuld")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("no such group: biuld", done.stderr)


if __name__ == "__main__":
    unittest.main()
