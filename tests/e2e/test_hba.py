"""Rules about logins: pgsaba and PostgreSQL, with the same rules, let the same clients in."""
# ctest-labels: threads

import itertools
import json
import os
import pwd
import re
import shutil
import socket
import subprocess

import psycopg
import pytest
from harness import messages as m
from harness.certificates import Authority
from harness.client import RawClient, ServerError
from harness.cluster import TRUST, PostgresCluster

FILES = itertools.count()
USERS = ["alice", "bob", "carol", "repl"]

RULES = """
# type      database   user    address            method
local       all        carol                      reject
local       shop       all                        peer map=staff
local       all        all                        peer
hostssl     shop       dave    127.0.0.1/32       cert
hostssl     shop       erin    127.0.0.1/32       md5 clientcert=verify-ca
hostssl     shop       frank   127.0.0.1/32       trust clientcert=verify-full
hostssl     shop       grete   127.0.0.1/32       cert map=certificates
hostnossl   shop       alice   127.0.0.1/32       scram-sha-256
hostssl     shop       alice   127.0.0.1/32       reject
host        blog       alice,bob samehost         md5
host        "all"      all     all                trust
host        sameuser   all     127.0.0.1/32       trust
host        /^shop_    /^b     127.0.0.0 255.0.0.0 password
host        @names     bob     localhost          trust
host        replication repl   127.0.0.1/32       trust
host        all        carol   127.0.0.2/32       trust
host        all        bob     ::1/128            scram-sha-256
"""
MAPS = """
staff         {me}            bob
staff         /^(.*)$         \\1
certificates  greta           grete
"""
DATABASES = ["shop", "blog", "shop_eu", "alice", "listed", "all"]


@pytest.fixture(scope="module")
def authority(directory):
    return Authority(directory, "authority")


@pytest.fixture(scope="module")
def certificates(authority):
    return {name: authority.issue(name) for name in ["localhost", "dave", "erin", "frank", "greta"]}


def me():
    return pwd.getpwuid(os.geteuid()).pw_name


@pytest.fixture(scope="module")
def servers(directory, authority, certificates):
    """PostgreSQL that trusts, for pgsaba, and one that judges by the rules, to compare with."""
    trusting = PostgresCluster(directory, "trusting", hba=TRUST).initialize().start()
    judge = PostgresCluster(directory, "judge", {
        "ssl": "on", "ssl_cert_file": "server.crt", "ssl_key_file": "server.key",
        "ssl_ca_file": "ca.crt"}, hba=TRUST).initialize()
    for source, name in [(certificates["localhost"].certificate, "server.crt"),
                         (certificates["localhost"].key, "server.key"),
                         (authority.certificate, "ca.crt")]:
        shutil.copy(source, judge.data / name)
        (judge.data / name).chmod(0o600)
        if judge.user is not None:
            shutil.chown(judge.data / name, judge.user)
    judge.start()
    for server in (trusting, judge):
        for database in DATABASES:
            server.sql(f'create database "{database}"')
        for user in ["alice", "bob", "carol", "dave", "erin", "frank", "grete"]:
            server.sql(f"create role {user} login password 'secret'")
        server.sql("create role repl login replication password 'secret'")
        if server.value(f"select count(*) from pg_roles where rolname = '{me()}'") == 0:
            server.sql(f'create role "{me()}" login')
    # PostgreSQL 15 takes no expressions for databases and users, and what it makes of each is the same
    # as if they were written out.
    written_out = RULES.replace("/^shop_", "shop_eu").replace("/^b ", "bob ")
    (judge.data / "names").write_text("listed\n")
    (judge.data / "pg_ident.conf").write_text(MAPS.format(me=me()))
    judge.set_hba(written_out.splitlines())
    judge.reload()
    yield trusting, judge
    judge.stop("immediate")
    trusting.stop("immediate")


@pytest.fixture
def start(start_pgsaba, directory, servers, authority, certificates):
    def with_rules(rules=RULES, maps=MAPS, **changes):
        number = next(FILES)
        folder = directory.make(f"hba_{number}")
        (folder / "hba.conf").write_text(rules)
        (folder / "names").write_text("listed\n")
        (folder / "ident.conf").write_text(maps.format(me=me()))
        (folder / "users.txt").write_text("".join(
            f'"{user}" "secret"\n' for user in [*USERS, "dave", "erin", "frank", "grete", "postgres"]))
        (folder / "users.txt").chmod(0o600)
        daemon = start_pgsaba({
            "auth": {"type": "hba", "file": str(folder / "users.txt"),
                     "hba_file": str(folder / "hba.conf"), "ident_file": str(folder / "ident.conf")},
            "tls": {"mode": "allow", "certificate": certificates["localhost"].certificate,
                    "key": certificates["localhost"].key, "ca": authority.certificate},
            "clusters": {"main": {"servers": [{"name": "trusting", "host": servers[0].host,
                                               "port": servers[0].port}]}},
            "databases": {"*": {"cluster": "main"}}, **changes})
        daemon.hba = folder / "hba.conf"
        return daemon
    return with_rules


def verdict(**wanted):
    """What became of a login: "in", or the error's first line without the address."""
    try:
        with psycopg.connect(connect_timeout=10, **wanted) as connection:
            if wanted.get("replication") == "true":
                connection.autocommit = True
                connection.pgconn.exec_(b"IDENTIFY_SYSTEM")
            else:
                assert connection.execute("select current_user").fetchone()[0] == wanted["user"]
            return "in"
    except psycopg.OperationalError as error:
        text = str(error).splitlines()[0]
        return text[text.find("FATAL"):] if "FATAL" in text else text.split(": ", 1)[-1]


def over_tcp():
    for database, user in itertools.product(DATABASES, [*USERS, "nobody"]):
        for sslmode in ("disable", "require"):
            for password in ("secret", "wrong"):
                yield {"dbname": database, "user": user, "sslmode": sslmode, "password": password}


def test_verdicts_over_tcp(start, servers):
    daemon, judge = start(), servers[1]
    different = []
    seen = set()
    for case in over_tcp():
        ours = verdict(host="127.0.0.1", port=daemon.where[1], **case)
        theirs = verdict(host="127.0.0.1", port=judge.port, **case)
        if "does not exist" in theirs:  # trust meets a role that is not there
            theirs = ours if ours != "in" else theirs
        seen.add(theirs)
        if ours != theirs:
            different.append((case, ours, theirs))
    assert not different
    assert "in" in seen and any("rejects" in one for one in seen) and any("no pg_hba" in one for one in seen)
    assert any("password authentication failed" in one for one in seen)


@pytest.mark.parametrize("user, certificate", [
    ("dave", "dave"), ("dave", "erin"), ("dave", None), ("erin", "erin"), ("erin", "frank"),
    ("erin", None), ("frank", "frank"), ("frank", "dave"), ("frank", None), ("grete", "greta"),
    ("grete", "dave")])
def test_verdicts_with_certificates(start, servers, certificates, user, certificate):
    daemon, judge = start(), servers[1]
    case = {"dbname": "shop", "user": user, "sslmode": "require", "password": "secret"}
    if certificate is not None:
        case |= {"sslcert": certificates[certificate].certificate, "sslkey": certificates[certificate].key}
    ours = verdict(host="127.0.0.1", port=daemon.where[1], **case)
    theirs = verdict(host="127.0.0.1", port=judge.port, **case)
    # With a method other than cert, PostgreSQL names that method as what failed.
    assert ours == re.sub(r'FATAL: +("trust"|password) authentication failed',
                          "FATAL:  certificate authentication failed", theirs)
    right = {"dave": "dave", "frank": "frank", "grete": "greta"}
    assert (ours == "in") == (certificate is not None if user == "erin" else certificate == right[user])


def test_verdicts_over_a_unix_socket(start, servers):
    daemon, judge = start(), servers[1]
    for database, user in itertools.product(["shop", "blog"], [me(), "bob", "carol", "alice"]):
        case = {"dbname": database, "user": user, "password": "secret"}
        ours = verdict(host=str(daemon.socket_directory), port=daemon.port, **case)
        assert ours == verdict(host=str(judge.socket_directory), port=judge.port, **case)
        assert user != "bob" or (ours == "in") == (database == "shop")


def test_replication_needs_a_rule_of_its_own(start, servers):
    daemon, judge = start(databases={"*": {"cluster": "main"}, "shop": {"cluster": "main"}}), servers[1]
    for user, mode in itertools.product(["repl", "alice"], ["true"]):
        case = {"dbname": "shop", "user": user, "replication": mode, "password": "secret",
                "sslmode": "disable"}
        assert verdict(host="127.0.0.1", port=daemon.where[1], **case) == \
            verdict(host="127.0.0.1", port=judge.port, **case)


def test_addresses_decide(start, servers):
    """The same user from two addresses of this machine."""
    daemon, judge = start(), servers[1]

    def from_address(source, port):
        with socket.create_connection(("127.0.0.1", port), source_address=(source, 0)) as one:
            one.sendall(m.startup({"user": "carol", "database": "shop"}))
            return one.recv(1)

    for source, expected in [("127.0.0.2", b"R"), ("127.0.0.3", b"E")]:
        assert from_address(source, daemon.where[1]) == expected
        assert from_address(source, judge.port) == expected


def test_a_reload_changes_the_rules_and_a_bad_file_does_not(start):
    daemon = start("host all all 127.0.0.1/32 trust\n")
    with daemon.connect(user="alice", database="shop") as client:
        daemon.hba.write_text("host all alice 127.0.0.1/32 reject\nhost all all all trust\n")
        daemon.admin("reload")
        with pytest.raises(ServerError) as refused:
            daemon.connect(user="alice", database="shop")
        assert refused.value.sqlstate == "28000" and "rejects" in refused.value.fields["M"]
        assert "auth.hba_file" in refused.value.fields["H"]
        assert client.value("select 1") == "1"  # who is in stays in
        daemon.hba.write_text("host all all 127.0.0.1/32 trust\nhost all +staff all trust\n")
        with RawClient(daemon.where, user="postgres", database="pgsaba") as console:
            frames = console.query("reload")
            fields = m.error_fields(frames[0])
            assert fields["C"] == "F0000" and "hba.conf:2:" in fields["M"] and "+staff" in fields["M"]
            assert "@file" in fields["H"]
        with pytest.raises(ServerError):
            daemon.connect(user="alice", database="shop")
        rows = daemon.admin("show hba")
        assert [(row["line"], row["method"], row["error"] is None) for row in rows] == \
            [("1", "trust", True), ("2", None, False)]


@pytest.mark.parametrize("rules, words", [
    ("host all all trust\n", "hba.conf:1: "), ("", "has no rules"), ("local all all radius\n", "radius"),
    ("include nothing\n", "nothing")])
def test_check_refuses_broken_rules(pgsaba_binary, directory, rules, words):
    folder = directory.make(f"hba_{next(FILES)}")
    (folder / "hba.conf").write_text(rules)
    config = folder / "pgsaba.yaml"
    config.write_text(json.dumps({"databases": {"*": {"host": "127.0.0.1"}}, "auth": {
        "type": "hba", "hba_file": "hba.conf"}}))
    checked = subprocess.run([pgsaba_binary, "check", config], capture_output=True, text=True)
    assert checked.returncode == 1 and words in checked.stderr
    (folder / "hba.conf").write_text("local all all peer\n")
    assert subprocess.run([pgsaba_binary, "check", config], capture_output=True).returncode == 0
