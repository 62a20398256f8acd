"""auth.type cert and peer: without files of rules, and with the verdicts of PostgreSQL's methods of
those names."""

import itertools
import os
import pwd
import subprocess

import psycopg
import pytest
from harness.certificates import Authority
from harness.cluster import PostgresCluster
from harness.conversations import make_roles

FILES = itertools.count()
USERS = ["by_cn", "by_dn", "other"]
MAPS = """
dn    "O=Example,CN=greta"      by_dn
dn    /^CN=([a-z_]+)$           \\1
names /^(.*)$                   all
names {me}                      other
"""


def me():
    return pwd.getpwuid(os.geteuid()).pw_name


@pytest.fixture(scope="module")
def authority(directory):
    return Authority(directory, "types-authority")


@pytest.fixture(scope="module")
def certificates(authority):
    shown = {name: authority.issue(name, names="") for name in ("by_cn", "other")}
    return {**shown, "greta": authority.issue("greta/O=Example", names="", file="greta"), "none": None,
            "stranger": None}


@pytest.fixture(scope="module")
def files(authority):
    return authority.issue("localhost")


@pytest.fixture(scope="module")
def judge(directory, authority, files):
    made = PostgresCluster(directory, "judge").initialize()
    made.use_certificate(files, authority.certificate).start()
    make_roles(made, *USERS, me())
    # Versions up to 15 know no "all" in maps.
    maps = MAPS.format(me=me()).replace("names /^(.*)$                   all\n", "")
    (made.data / "pg_ident.conf").write_text(maps)
    yield made
    made.stop("immediate")


@pytest.fixture
def start(start_pgsaba, directory, cluster, authority, files):
    make_roles(cluster, *USERS, me())

    def with_type(kind, options="", **changes):
        maps = directory.path / f"types_{next(FILES)}.ident"
        maps.write_text(MAPS.format(me=me()).replace("names /^(.*)$                   all\n", ""))
        return start_pgsaba({"auth": {"type": kind, "options": options, "ident_file": str(maps)},
                             "tls": {"certificate": files.certificate, "key": files.key,
                                     "ca": authority.certificate}, **changes})
    return with_type


def verdict(**wanted):
    try:
        with psycopg.connect(connect_timeout=20, dbname="postgres", **wanted) as connection:
            assert connection.execute("select current_user").fetchone()[0] == wanted["user"]
            return "in"
    except psycopg.OperationalError as error:
        return str(error)


def shown(certificate):
    return {"sslcert": certificate.certificate if certificate else "/nonexistent",
            "sslkey": certificate.key if certificate else "/nonexistent"}


@pytest.mark.parametrize("options, expected", [
    ("", {("by_cn", "by_cn"), ("other", "other")}),
    ("clientname=DN map=dn", {("by_cn", "by_cn"), ("other", "other"), ("by_dn", "greta")})])
def test_a_certificate_in_place_of_a_password(start, judge, certificates, options, expected):
    daemon = start("cert", options)
    judge.set_hba(["local all all trust", "host all postgres all trust",
                   f"hostssl all all all cert {options}"])
    judge.reload()
    judge.sql("select pg_sleep(0.2)")
    got_in = set()
    for user, name in itertools.product(USERS, certificates):
        case = {"user": user, "sslmode": "require", **shown(certificates[name])}
        ours = verdict(host="127.0.0.1", port=daemon.port, **case)
        theirs = verdict(host="127.0.0.1", port=judge.port, **case)
        assert (ours == "in") == (theirs == "in"), (user, name, ours, theirs)
        if ours == "in":
            got_in.add((user, name))
        else:
            assert "certificate" in ours
    assert got_in == expected
    for where in ("127.0.0.1", str(daemon.socket_directory)):
        refused = verdict(host=where, port=daemon.port, user="by_cn", sslmode="disable")
        assert "nobody may log in from" in refused and "sslcert" in refused


def test_a_user_of_this_machine(start, judge):
    daemon = start("peer")
    judge.set_hba(["local all all peer", "host all postgres all trust"])
    judge.reload()
    judge.sql("select pg_sleep(0.2)")
    for user in [me(), *USERS]:
        case = {"user": user}
        ours = verdict(host=str(daemon.socket_directory), port=daemon.port, **case)
        theirs = verdict(host=str(judge.socket_directory), port=judge.port, **case)
        assert (ours == "in") == (theirs == "in") == (user == me())
        assert ours == "in" or f'Peer authentication failed for user "{user}"' in ours
    refused = verdict(host="127.0.0.1", port=daemon.port, user=me())
    assert "nobody may log in from" in refused and "Unix socket" in refused
    mapped = start("peer", "map=names")
    assert verdict(host=str(mapped.socket_directory), port=mapped.port, user="other") == "in"
    assert verdict(host=str(mapped.socket_directory), port=mapped.port, user="by_cn") != "in"


@pytest.mark.parametrize("auth, words", [
    ("{type: cert}", "auth.type is cert, but tls has no certificate or no ca"),
    ("{type: peer}", "nobody listens on a Unix socket"),
    ("{type: ldap}", "needs ldapbasedn, ldapprefix or ldapsuffix"),
    ("{type: pam, options: ldapserver=x}", "belongs to the method ldap"),
    ("{type: pam, options: \"a\\nlocal all all trust\"}", "more than one line"),
    ("{type: trust, options: map=x}", "is for the types cert, peer, pam and ldap")])
def test_mistakes_are_found(pgsaba_binary, tmp_path, auth, words):
    config = tmp_path / "pgsaba.yaml"
    config.write_text(f"auth: {auth}\ndatabases: {{'*': {{host: 127.0.0.1}}}}\n")
    checked = subprocess.run([pgsaba_binary, "check", config], capture_output=True, text=True)
    assert words in checked.stderr
    assert (checked.returncode == 0) == ("type: trust" in auth)
