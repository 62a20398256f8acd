"""Every command of README.md is executed: here, or by another test that is named here. What cannot be
is named with the reason; a command that is in none of these tables fails."""

import os
import re
import shutil
import subprocess

import pytest
from harness.certificates import Authority
from harness.client import RawClient
from harness.debian import SOURCE
from harness.processes import free_port

README = (SOURCE / "README.md").read_text()
FENCED = re.compile(r"(?ms)^( *)```(\w*)\n(.*?)^\1```")
TOUR = README.split("\n## From PgBouncer and Makara")[1].split("\n## ")[0]


def entries(kind, text):
    """One for each line of shell; one for a script, and for a block that its test executes as a whole."""
    if kind == "sh" and not text.startswith("#!") and text not in TOUR:
        return [line.strip() for line in text.splitlines()]
    return [text.split("\n")[0].strip()]


BLOCKS = {entry: re.sub(f"(?m)^{indent}", "", text) for indent, kind, text in FENCED.findall(README)
          for entry in entries(kind, text)}
SPANS = {re.sub(r"\s+", " ", span) for span in re.findall(r"`([^`]+)`", FENCED.sub("", README))}
PROGRAMS = re.compile(r"(pgsaba|systemctl|apt|dpkg-buildpackage|man|psql|journalctl|curl|promtool|sudo)( |$)"
                      r"|(bench|tests|packaging)/(run|deadlock|quickstart)")
CONSOLE = re.compile(r"(SHOW|PAUSE|RESUME|RELOAD|RECONNECT|KILL|KILL_CLIENT|DISABLE|ENABLE|SWITCHOVER|"
                     r"WAIT_CLOSE|SHUTDOWN|EXPLAIN ROUTE|SET \w+ =)(\b| )")

# Lines of shell, and other blocks by their first line; and what executes them.
BY_OTHERS = {
    "pgsaba import /etc/pgbouncer/pgbouncer.ini -o pgsaba.yaml     # with what it includes":
        "test_import.py::test_what_was_imported_serves",
    "pgsaba import config/database.yml -e production -o pgsaba.yaml # Rails' or Makara's":
        "test_import.py::test_what_was_imported_serves",
    "pgsaba import /etc/pgpool2/pgpool.conf -o pgsaba.yaml":
        "test_import.py::test_what_was_imported_serves",
    "pgsaba import /etc/pgbouncer/pgbouncer.ini -o /etc/pgsaba/new.yaml":
        "test_manual.py::test_the_tour_is_executed_as_it_stands",
    "install -m 0640 -g pgsaba /etc/pgsaba/new.yaml /etc/pgsaba/pgsaba.yaml":
        "test_manual.py::test_the_tour_is_executed_as_it_stands",
    "promtool check rules packaging/prometheus/alerts.yml":
        "test_manual.py::test_the_tour_is_executed_as_it_stands",
}
HERE = {
    "packaging/quickstart          # installs what is missing, builds, and runs a demo until Ctrl-C":
        "test_quickstart",
    "packaging/quickstart --check  # the same unattended: writes, reads, prints the pools, exits 0":
        "test_quickstart",
    "listen:": "test_configurations",
    "databases:": "test_configurations",
    "tls:                                # to clients; a certificate is enough to offer it":
        "test_configurations",
    "auth: {type: ldap, options: 'ldapurl=\"ldaps://ldap.example.org/ou=people,dc=example,dc=org?uid?sub\"'}":
        "test_configurations",
    "#!/bin/sh": "test_the_hook_for_renewed_certificates",
    "CREATE FUNCTION pooler.secret_of(wanted text) RETURNS TABLE (name text, secret text)":
        "test_secrets_by_a_function",
    "auth: {type: scram-sha-256, user: keeper, password_file: keeper.password,":
        "test_secrets_by_a_function",
    "psql -h 127.0.0.1 -p 6432 -U saba pgsaba     # the console; `pgbouncer` is its second name":
        "test_the_console_by_psql",
    "backend postgres": "test_haproxy_takes_the_example",
}
UNTRIED = {
    "tests/run                     # installs what is missing, builds, and runs every test":
        "it is what runs this test",
    "tests/run --fast              # the unit tests alone; --help lists the rest":
        "it is what runs this test",
}

# In the text: programs, and what is typed at the console.
SPANS_BY_OTHERS = {
    "dpkg-buildpackage --build=binary --no-sign": "test_package.py::package",
    "apt install ../pgsaba_*.deb": "test_package.py::test_it_is_installed_serves_is_upgraded_and_purged",
    "apt purge pgsaba": "test_package.py::test_it_is_installed_serves_is_upgraded_and_purged",
    "man pgsaba": "test_manual.py::test_pages_have_no_warnings",
    "man pgsaba-console": "test_manual.py::test_pages_have_no_warnings",
    "man pgsaba-routing": "test_manual.py::test_pages_have_no_warnings",
    "bench/deadlock": "test_incident.py::test_side_by_side",
    "pgsaba check": "test_manual.py::test_samples_are_in_order",
    "pgsaba check FILE": "test_manual.py::test_samples_are_in_order",
    "pgsaba import": "test_import.py::test_what_was_imported_serves",
    "pgsaba import config/database.yml": "test_import.py::test_what_was_imported_serves",
    "pgsaba top": "test_top.py::test_a_terminal_is_as_it_was_before",
    "SWITCHOVER TO rdb-02": "test_switchover.py::test_clients_see_a_delay_and_no_error",
}
SPANS_HERE = {
    "pgsaba serve -c FILE": "test_the_console_by_psql",
    "pgsaba top -b -n 10 -s 1 > FILE": "test_top_writes_looks_down",
    "bench/run": "test_benchmarks_say_how_they_are_used",
}
SPANS_UNTRIED = {
    "apt build-dep .":
        "changes the machine; structure/install_dependencies.py compares its list with the one for compiling",
    "pgsaba": "the program, or the database, by name", "psql": "the program by name",
    "systemctl reload pgsaba": "needs systemd as the first process; test_service_manager.py speaks its protocol",
    "systemctl status pgsaba": "needs systemd as the first process; test_service_manager.py speaks its protocol",
    "journalctl -u pgsaba": "needs systemd as the first process",
    "systemctl kill --kill-whom=main -s SIGURG pgsaba":
        "needs systemd as the first process; test_upgrade.py sends the signal",
}
AT_CONSOLE = sorted(span for span in SPANS if CONSOLE.match(span) and span not in SPANS_BY_OTHERS)


def test_no_command_is_left_out():
    assert set(BLOCKS) == {*BY_OTHERS, *HERE, *UNTRIED}
    programs = {span for span in SPANS if PROGRAMS.match(span)}
    tables = {*SPANS_BY_OTHERS, *SPANS_HERE, *SPANS_UNTRIED}
    assert programs == {span for span in tables if PROGRAMS.match(span)}
    assert len(AT_CONSOLE) >= 20


def test_what_others_execute_is_there():
    for name in {*BY_OTHERS.values(), *SPANS_BY_OTHERS.values()}:
        file, function = name.split("::")
        assert f"\ndef {function}(" in (SOURCE / "tests/e2e" / file).read_text(), name
    for name in {*HERE.values(), *SPANS_HERE.values()}:
        assert name in globals(), name


def block(start):
    return next(text for first, text in BLOCKS.items() if first.startswith(start))


def shell(text, **arguments):
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], capture_output=True, text=True,
                          timeout=120, **arguments)
    assert done.returncode == 0, (text, done.stdout, done.stderr)
    return done.stdout


# ---- blocks


def test_quickstart(pgsaba_binary, tmp_path):
    """With what is installed and built: what tests/run does before it begins is not done again."""
    for part in ("packaging", "cmake", "src", "include"):
        (tmp_path / part).mkdir()
    (tmp_path / "CMakeLists.txt").touch()
    for file in ("quickstart", "install-dependencies", "dependencies"):
        shutil.copy(SOURCE / "packaging" / file, tmp_path / "packaging")
    (tmp_path / "build/src").mkdir(parents=True)
    (tmp_path / "build/src/pgsaba").symlink_to(pgsaba_binary)
    command = next(line for line in block("packaging/quickstart").splitlines() if "--check" in line)
    out = shell(command, cwd=tmp_path)
    assert "database" in out and "cl_active" in out  # the pools


def complete(directory, tmp_path):
    """What the examples name, so that they can be checked."""
    authority = Authority(directory, f"{tmp_path.name}-{tmp_path.parent.name}")
    made = authority.issue("localhost")
    for name, source in (("fullchain.pem", made.certificate), ("privkey.pem", made.key),
                         ("rdb-ca.pem", authority.own.certificate)):
        shutil.copy(source, tmp_path / name)
        (tmp_path / name).chmod(0o600)
    (tmp_path / "userlist.txt").write_text('"saba" "secret"\n')
    return {"/etc/pgsaba/tls/": f"{tmp_path}/", "/etc/pgsaba/": f"{tmp_path}/"}


BASE = """listen: [{address: 127.0.0.1, port: 6432}]
clusters: {rdb: {servers: [{host: 10.0.0.11}], monitor: {user: pgsaba}}}
databases: {other: {cluster: rdb}}
auth: {type: trust}
"""


@pytest.mark.parametrize("first", [first for first, name in HERE.items() if name == "test_configurations"])
def test_configurations(pgsaba_binary, directory, tmp_path, first):
    """Examples, with the sections around them that they leave out."""
    text = BLOCKS[first]
    for section in re.split(r"(?m)^(?=\w)", BASE):
        if section and f"{section.split(':')[0]}:" not in re.findall(r"(?m)^\w+:", text):
            text += section
    for old, new in complete(directory, tmp_path).items():
        text = text.replace(old, new)
    (tmp_path / "pgsaba.yaml").write_text(text)
    shell(f"{pgsaba_binary} check {tmp_path}/pgsaba.yaml",
          env={**os.environ, "PGSABA_MONITOR_PASSWORD": "secret"})


def test_the_hook_for_renewed_certificates(pgsaba_binary, directory, tmp_path):
    lineage, etc, stubs = tmp_path / "live", tmp_path / "etc", tmp_path / "bin"
    for made in (lineage, etc, stubs):
        made.mkdir()
    complete(directory, lineage)
    (stubs / "systemctl").write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/told\n')
    (stubs / "systemctl").chmod(0o755)
    hook = block("#!/bin/sh").replace("/etc/pgsaba", str(etc)).replace("-g pgsaba ", "")
    shell(hook, env={"PATH": f"{stubs}:{os.environ['PATH']}", "RENEWED_LINEAGE": str(lineage)})
    assert (tmp_path / "told").read_text() == "reload pgsaba\n"
    (etc / "pgsaba.yaml").write_text(BASE + f"tls: {{certificate: {etc}/tls/fullchain.pem, key: {etc}/tls/privkey.pem}}")
    shell(f"{pgsaba_binary} check {etc}/pgsaba.yaml")


def test_secrets_by_a_function(start_pgsaba, directory, cluster):
    cluster.sql("create schema pooler; create role keeper login password 'kept';"
                " create role clerk login password 'told'")
    cluster.sql(block("CREATE FUNCTION"))
    cluster.sql("grant usage on schema pooler to keeper;"
                " grant execute on function pooler.secret_of(text) to keeper")
    (directory.path / "keeper.password").write_text("kept\n")
    (directory.path / "keeper.password").chmod(0o600)
    example = block("auth: {type: scram-sha-256, user: keeper")
    auth = dict(re.findall(r"(\w+): ([\w.-]+)", example.replace("{", "").split("query")[0].removeprefix("auth:")))
    auth["query"] = re.search(r'query: "(.*)"', example)[1]
    assert sorted(auth) == ["password_file", "query", "type", "user"]
    daemon = start_pgsaba({"auth": auth})
    with daemon.connect(user="clerk", password="told") as client:
        assert client.value("select current_user") == "clerk"


@pytest.fixture
def daemon(start_pgsaba, cluster):
    """With the names that README.md uses; rdb-02 does not answer."""
    port = free_port()
    return start_pgsaba({
        "clusters": {"main": {"servers": [
            {"name": "rdb-01", "host": cluster.host, "port": cluster.port},
            {"name": "rdb-02", "host": "127.0.0.1", "port": port}]}},
        "databases": {"mastodon": {"cluster": "main", "dbname": "postgres", "route": "split"}},
        "admin": {"users": ["saba", "postgres"]}})


def test_the_console_by_psql(daemon):
    command = block("psql -h").strip().replace("6432", str(daemon.port))
    words = command.split("#")[0]
    assert "cl_active" in shell(f"{words} -c 'SHOW POOLS'")
    assert "cl_active" in shell(f"{words.replace(' pgsaba', ' pgbouncer')} -c 'SHOW POOLS'")


def test_haproxy_takes_the_example(tmp_path):
    """That it follows the servers is tried in test_http.py."""
    (tmp_path / "haproxy.cfg").write_text(
        "defaults\n  mode tcp\n  timeout connect 1s\n  timeout client 1s\n  timeout server 1s\n"
        "frontend here\n  bind 127.0.0.1:6432\n  default_backend postgres\n" + block("backend postgres"))
    shell(f"/usr/sbin/haproxy -c -f {tmp_path}/haproxy.cfg")


# ---- in the text


@pytest.mark.parametrize("command", AT_CONSOLE)
def test_commands_of_the_console(daemon, command):
    command = command.replace("'…'", "'select 1'").replace("…", "1")
    with daemon.connect(database="mastodon") as client:
        if command == "KILL_CLIENT id":
            rows = daemon.admin("show clients")
            command = f"KILL_CLIENT {next(row['id'] for row in rows if row['database'] == 'mastodon')}"
        with RawClient(daemon.where, user="saba", database="pgsaba") as console:
            frames = console.query(command)
        assert b"E" not in [frame.tag for frame in frames], frames
        client.close()
    if command.startswith("SHUTDOWN"):
        assert daemon.wait() == 0


def test_top_writes_looks_down(pgsaba_binary, daemon, tmp_path):
    command = next(span for span in SPANS_HERE if span.startswith("pgsaba top"))
    command = command.replace("FILE", f"{tmp_path}/looks").replace("-n 10", "-n 2")
    shell(re.sub("^pgsaba", f"{pgsaba_binary}", command),
          env={**os.environ, "PGHOST": daemon.host, "PGPORT": str(daemon.port), "PGUSER": "saba"})
    assert (tmp_path / "looks").read_text().count("rdb-01") >= 2


@pytest.mark.parametrize("program", ["bench/run", "bench/deadlock", "bench/train"])
def test_benchmarks_say_how_they_are_used(program):
    assert "usage" in shell(f"{SOURCE}/{program} --help").lower()
