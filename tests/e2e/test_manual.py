"""The manual: its pages are well-formed and have what there is, and the commands of the README's tour
are executed in its order."""

import os
import re
import subprocess

import pytest
from harness.cluster import SUPERUSER
from harness.debian import SOURCE
from harness.pgsaba import Pgsaba
from harness.processes import free_port

PAGES = sorted(SOURCE.glob("man/*.[1-8]"))
README = (SOURCE / "README.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_pages_have_no_warnings(page):
    for command in (["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page],
                    ["groff", "-ww", "-man", "-Tutf8", page]):
        done = subprocess.run(command, capture_output=True, text=True,
                              env={**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8"})
        assert (done.returncode, done.stderr) == (0, "")


def test_pages_name_each_other():
    names = {page.name.rsplit(".", 1)[0]: page for page in PAGES}
    for page in PAGES:
        for name, section in re.findall(r"\.BR (pgsaba[\w.\\-]*) \((\d)\)", page.read_text()):
            assert names[name.replace("\\", "")].suffix == f".{section}"


def test_the_console_has_its_tables_and_commands_in_the_manual():
    text = (SOURCE / "man/pgsaba-console.7").read_text()
    source = (SOURCE / "src/control/admin/subject.cc").read_text()
    subjects = re.findall(r'SubjectName\{"(\w+)"', source)
    assert len(subjects) > 25
    for subject in subjects:
        assert re.search(rf"SHOW {subject}\b", text), subject
    for words in re.findall(r'"\\n\\t([A-Z_]+(?: [A-Z]+)?)\b', source):
        assert all(word in text for word in words.split()), words


def test_own_columns_are_explained():
    text = (SOURCE / "man/pgsaba-console.7").read_text()
    for column in ("waits_for", "since", "wait_us", "holders", "held_by", "held_from", "held_why", "held_us",
                   "total_pins", "total_refused", "idle_us", "servers", "reason"):
        assert column in text


def test_every_reason_of_a_route_is_in_the_manual():
    text = (SOURCE / "man/pgsaba-routing.7").read_text().replace("\\-", "-")
    reasons = re.findall(r'return "([^"?]{2,})";', (SOURCE / "src/routing/lease_reason.cc").read_text())
    table = re.search(r"kReasons = \{(.*?)\};", (SOURCE / "src/sql/access.cc").read_text(), re.S)[1]
    reasons += re.findall(r'(?m)^\s+"(.+)",$', table)
    assert len(reasons) > 35
    for reason in reasons:
        assert f"\n.B {reason}\n" in text, reason


def test_the_command_line_is_in_the_manual(pgsaba_binary):
    text = (SOURCE / "man/pgsaba.1").read_text()
    out = subprocess.run([pgsaba_binary, "--help"], capture_output=True, text=True, check=True).stdout
    for command in re.findall(r"^  pgsaba (\w+)", out, re.M):
        assert re.search(rf"\.BR {command}\b", text), command


def test_the_figure_of_the_unit_is_what_systemd_says():
    done = subprocess.run(["systemd-analyze", "security", "--offline=yes",
                           SOURCE / "packaging/systemd/pgsaba.service"],
                          capture_output=True, text=True, check=True)
    figure = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)[1]
    assert f"an exposure level of {figure} of 10" in (SOURCE / "man/pgsaba.1").read_text()


def blocks_of(heading):
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"```sh\n(.*?)```", section, re.S)


def test_the_tour_is_executed_as_it_stands(pgsaba_binary, directory, cluster, tmp_path):
    port, http = free_port(), free_port()
    etc = tmp_path / "etc"
    (etc / "pgbouncer").mkdir(parents=True)
    (etc / "pgsaba").mkdir()
    (etc / "pgbouncer/userlist.txt").write_text('"saba" "secret"\n')
    (etc / "pgbouncer/pgbouncer.ini").write_text(f"""[databases]
* = host=127.0.0.1 port={cluster.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {etc}/pgbouncer/userlist.txt
admin_users = saba
pool_mode = transaction
""")
    daemon = Pgsaba(pgsaba_binary, directory, [], None, "tour")

    def restart():
        path = etc / "pgsaba/pgsaba.yaml"
        path.write_text(path.read_text() + f"\nhttp:\n  port: {http}\n")
        daemon.config_path, daemon.port, daemon.config = path, port, {"listen": []}
        daemon.write_config = lambda changes=None: None
        daemon.start()

    commands = "".join(blocks_of("From PgBouncer and Makara to pgsaba in ten minutes")).splitlines()
    assert len(commands) >= 10
    try:
        for command in commands:
            if command == "systemctl restart pgsaba":
                restart()
                continue
            for old, new in (("/etc/", f"{etc}/"), ("-g pgsaba ", ""), ("6432", str(port)),
                             ("9127", str(http))):
                command = command.replace(old, new)
            command = re.sub(r"^pgsaba\b", pgsaba_binary, command)
            done = subprocess.run(["bash", "-ec", "set -o pipefail; " + command], capture_output=True,
                                  text=True, cwd=SOURCE, timeout=60, env={**os.environ, "PGUSER": SUPERUSER})
            assert done.returncode == 0, (command, done.stdout, done.stderr)
    finally:
        daemon.stop()


def test_the_examples_of_the_routing_page_run(start_pgsaba):
    daemon = start_pgsaba({"databases": {"shop": {"cluster": "main", "dbname": "postgres", "route": "split"}}})
    text = (SOURCE / "man/pgsaba-routing.7").read_text()
    examples = text.split(".SH EXAMPLES\n.nf\n")[1].split(".fi")[0].splitlines()
    for command in examples:
        assert daemon.admin(command) is not None


def test_imports_in_the_readme_have_files_in_the_corpus():
    """Those are executed by test_import.py."""
    named = re.findall(r"^pgsaba import (\S+)", "".join(blocks_of("Installation")), re.M)
    assert {os.path.splitext(path)[1] for path in named} == {".ini", ".yml", ".conf"}


def test_samples_are_in_order(pgsaba_binary, tmp_path):
    for sample in sorted((SOURCE / "conf").glob("*.yaml")):
        copy = tmp_path / sample.name
        copy.write_text(sample.read_text())
        (tmp_path / "monitor.password").write_text("secret\n")
        (tmp_path / "monitor.password").chmod(0o600)
        (tmp_path / "userlist.txt").write_text('"mastodon" "secret"\n')
        done = subprocess.run([pgsaba_binary, "check", str(copy)], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
