"""admin.hba_file: who may use the console from where, and how that is proven, whatever holds for the
databases."""
# ctest-labels: threads

import itertools
import json
import os
import pwd
import socket
import subprocess

import pytest
from harness import messages as m
from harness.certificates import Authority
from harness.client import RawClient, ServerError
from harness.conversations import make_roles
from harness.tls import context

FOLDERS = itertools.count()
RULES = """
local    pgsaba     saba      peer map=keepers
local    all        all       reject
hostssl  pgsaba     saba      127.0.0.2/32   scram-sha-256
host     pgbouncer  saba      127.0.0.2/32   reject
host     pgsaba     watcher   127.0.0.3/32   trust
host     pgsaba     stranger  127.0.0.3/32   trust
host     pgsaba     postgres  127.0.0.1/32   trust
"""


@pytest.fixture(scope="module")
def certificate(directory):
    return Authority(directory, "console-authority").issue("console")


@pytest.fixture
def start(start_pgsaba, directory, cluster, certificate):
    make_roles(cluster, "saba", "watcher", "stranger")
    folder = directory.make(f"console-rules-{next(FOLDERS)}")
    me = pwd.getpwuid(os.geteuid()).pw_name
    (folder / "hba.conf").write_text(RULES)
    (folder / "ident.conf").write_text(f"keepers {me} saba\n")
    (folder / "users.txt").write_text("".join(
        f'"{name}" "{secret}"\n' for name, secret in [
            ("saba", "secret"), ("watcher", ""), ("stranger", ""), ("postgres", "")]))
    (folder / "users.txt").chmod(0o600)

    def with_rules(**auth):
        daemon = start_pgsaba({
            "auth": {"type": "trust", "file": str(folder / "users.txt"),
                     "ident_file": str(folder / "ident.conf"), **auth},
            "admin": {"users": ["saba", "postgres"], "stats_users": ["watcher"],
                      "hba_file": str(folder / "hba.conf")},
            "tls": {"certificate": certificate.certificate, "key": certificate.key}})
        daemon.rules = folder / "hba.conf"
        return daemon
    return with_rules


class From(RawClient):
    """Comes from an address of this machine."""

    def __init__(self, source, *arguments, **named):
        self._source = source
        super().__init__(*arguments, **named)

    def _connect(self, where, timeout):
        return socket.create_connection(where, timeout, source_address=(self._source, 0))


def verdict(daemon, user, database="pgsaba", source="127.0.0.1", password=None, tls=None):
    """"in", or the SQLSTATE and what of the message says why."""
    try:
        if source == "socket":
            client = RawClient(daemon.unix_socket, user=user, database=database, password=password)
        else:
            client = From(source, daemon.where, user=user, database=database, password=password,
                          tls=tls)
    except ServerError as error:
        message = error.fields["M"]
        for word in ("rejects", "no pg_hba.conf entry", "Peer", "password", "may not use"):
            if word in message:
                return f"{error.sqlstate} {word}"
        return f"{error.sqlstate} {message}"
    with client:
        client.query("show version" if database != "postgres" else "select 1")
        return "in"


def test_the_console_has_rules_of_its_own(start):
    daemon, encrypted = start(), context()
    told = {
        ("saba", "127.0.0.2", "secret", encrypted): "in",
        ("saba", "127.0.0.2", "wrong", encrypted): "28P01 password",
        ("saba", "127.0.0.2", "secret", None): "28000 no pg_hba.conf entry",
        ("saba", "127.0.0.3", "secret", encrypted): "28000 no pg_hba.conf entry",
        ("saba", "socket", None, None): "in",
        ("postgres", "socket", None, None): "28000 rejects",
        ("postgres", "127.0.0.1", None, None): "in",
        ("watcher", "127.0.0.3", None, None): "in",
        ("watcher", "127.0.0.1", None, None): "28000 no pg_hba.conf entry",
    }
    assert {case: verdict(daemon, case[0], source=case[1], password=case[2], tls=case[3])
            for case in told} == told
    # Its second name is another word in rules.
    assert verdict(daemon, "saba", "pgbouncer", "127.0.0.2", "secret", encrypted) == "28000 rejects"
    # The rules let in; whether somebody may use the console is another question.
    assert verdict(daemon, "stranger", source="127.0.0.3") == "42501 may not use"
    with pytest.raises(ServerError) as refused:
        daemon.connect(user="watcher", database="pgsaba")
    assert "admin.hba_file" in refused.value.fields["H"]
    # Databases go by auth.type.
    for user in ("saba", "watcher", "stranger"):
        assert verdict(daemon, user, "postgres") == "in"


def test_databases_with_rules_and_a_console_with_others(start, directory):
    others = directory.path / "database-rules.conf"
    others.write_text("host postgres all all trust\nhost pgsaba all all trust\n")
    daemon = start(type="hba", hba_file=str(others))
    assert verdict(daemon, "watcher", "postgres") == "in"
    assert verdict(daemon, "watcher") == "28000 no pg_hba.conf entry"
    rows = daemon.admin("show hba")
    assert [(os.path.basename(row["file"]), row["line"], row["method"]) for row in rows] == [
        ("database-rules.conf", "1", "trust"), ("database-rules.conf", "2", "trust"),
        ("hba.conf", "2", "peer"), ("hba.conf", "3", "reject"), ("hba.conf", "4", "scram-sha-256"),
        ("hba.conf", "5", "reject"), ("hba.conf", "6", "trust"), ("hba.conf", "7", "trust"),
        ("hba.conf", "8", "trust")]


def test_a_reload_changes_them_and_a_bad_file_does_not(start):
    daemon = start()
    with daemon.connect(database="pgsaba") as console:
        daemon.rules.write_text("host pgsaba postgres 127.0.0.4/32 trust\n")
        assert console.query("reload")[-1].tag == b"Z"
        assert verdict(daemon, "postgres") == "28000 no pg_hba.conf entry"
        assert verdict(daemon, "postgres", source="127.0.0.4") == "in"
        assert verdict(daemon, "saba", source="socket") == "28000 no pg_hba.conf entry"
        # Who is in stays in, and sees what is wrong with the file as it is now.
        daemon.rules.write_text("host pgsaba postgres all trust\nhost pgsaba +staff all trust\n")
        fields = m.error_fields(console.query("reload")[0])
        assert fields["C"] == "F0000" and "hba.conf:2:" in fields["M"] and "+staff" in fields["M"]
        assert verdict(daemon, "postgres") == "28000 no pg_hba.conf entry"
    with From("127.0.0.4", daemon.where, database="pgsaba") as console:
        frames = console.query("show hba")
        assert [frame.tag for frame in frames].count(b"D") == 2
        daemon.rules.write_text(RULES)
        assert console.query("reload")[-1].tag == b"Z"
    assert verdict(daemon, "saba", source="socket") == "in"
    daemon.reload({"admin": {"hba_file": None}})  # as everybody else
    daemon.wait_for_log("reload: admin.hba_file = ")
    assert verdict(daemon, "watcher") == "in"
    assert daemon.admin("show hba") == []


def test_a_broken_file_is_refused_at_start(pgsaba_binary, directory):
    folder = directory.make("console-broken")
    (folder / "console.conf").write_text("host pgsaba all all trust\nlocal all all radius\n")
    config = folder / "pgsaba.yaml"
    config.write_text(json.dumps({
        "listen": [{"unix": str(folder)}], "databases": {"*": {"host": "127.0.0.1"}},
        "auth": {"type": "trust"}, "admin": {"users": ["saba"], "hba_file": "console.conf"}}))
    for command in (["check", config], ["serve", "-c", config]):
        done = subprocess.run([pgsaba_binary, *command], capture_output=True, text=True, timeout=30)
        assert done.returncode == 1 and "console.conf:2:" in done.stdout + done.stderr
