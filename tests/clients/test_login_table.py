"""Every method of logging in, with and without TLS, with the right secret, a wrong one and none: each
client gets from pgsaba the verdict that it gets from PostgreSQL with the same rules."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from harness.certificates import Authority
from harness.cluster import PostgresCluster
from harness.pgsaba import Pgsaba
from test_jdbc import DRIVER
from test_node import modules  # noqa: F401

HERE = Path(__file__).parent
PASSWORD = "right password"  # of ASCII: what drivers make of others differs
RULES = """
host      all by_trust    127.0.0.1/32 trust
host      all by_password 127.0.0.1/32 password
host      all by_md5      127.0.0.1/32 md5
host      all by_scram    127.0.0.1/32 scram-sha-256
host      all by_reject   127.0.0.1/32 reject
hostssl   all by_cert     127.0.0.1/32 cert
hostssl   all only_tls    127.0.0.1/32 scram-sha-256
hostnossl all no_tls      127.0.0.1/32 scram-sha-256
hostssl   all with_both   127.0.0.1/32 scram-sha-256 clientcert=verify-full
"""
USERS = [line.split()[2] for line in RULES.split("\n") if line]
CASES = list(itertools.product(USERS, [False, True], ["right", "wrong", "none"]))


@pytest.fixture(scope="module")
def authority(directory):
    return Authority(directory, "login-authority")


@pytest.fixture(scope="module")
def certificates(authority):
    """By user and by what is right; the third file is the key as JDBC wants it."""
    made = {}
    for user in ("by_cert", "with_both", "somebody_else"):
        files = authority.issue(user, names="")
        der = files.key + ".pk8"
        subprocess.run(["openssl", "pkcs8", "-topk8", "-in", files.key, "-outform", "DER", "-nocrypt",
                        "-out", der], check=True)
        made[user] = (*files, der)
    return made


@pytest.fixture(scope="module")
def judge(directory, authority):
    lines = ["host all postgres 127.0.0.1/32 trust", "local all all trust", *RULES.strip().split("\n")]
    made = PostgresCluster(directory, "judge", hba=lines).initialize()
    made.use_certificate(authority.issue("localhost"), authority.certificate).start()
    for user in USERS:
        made.create_user(user, PASSWORD, "md5" if user == "by_md5" else "scram-sha-256")
    yield made
    made.stop("immediate")


@pytest.fixture(scope="module")
def daemon(pgsaba_binary, directory, cluster, judge, authority):
    users, rules = directory.path / "login_users.txt", directory.path / "login_hba.conf"
    secrets = judge.sql("select rolname, rolpassword from pg_authid where rolpassword is not null")
    users.write_text("".join(f'"{name}" "{secret}"\n' for name, secret in secrets))
    users.chmod(0o600)
    rules.write_text(RULES)
    files = authority.issue("pgsaba")
    for user in USERS:
        cluster.create_user(user)
    started = Pgsaba(pgsaba_binary, directory, [cluster], {
        "auth": {"type": "hba", "file": str(users), "hba_file": str(rules), "failure_pause": "0s"},
        "tls": {"certificate": files.certificate, "key": files.key, "ca": authority.certificate}},
        "login_table").start()
    yield started
    started.stop()


def cases(port, certificates, key=1):
    """What each client is told; a wrong certificate is somebody else's."""
    for user, tls, secret in CASES:
        shown = certificates.get(user if secret == "right" else "somebody_else") \
            if user in certificates and secret != "none" and tls else None
        yield {"host": "127.0.0.1", "port": port, "user": user, "tls": tls,
               "password": {"right": PASSWORD, "wrong": "wrong", "none": None}[secret],
               "certificate": shown[0] if shown else "", "key": shown[key] if shown else ""}


def by_psycopg(port, certificates):
    for case in cases(port, certificates):
        try:
            with psycopg.connect(
                    host=case["host"], port=port, user=case["user"], dbname="postgres",
                    sslmode="require" if case["tls"] else "disable", connect_timeout=20,
                    sslcert=case["certificate"] or "/nonexistent", sslkey=case["key"] or "/nonexistent",
                    **({} if case["password"] is None else {"password": case["password"]})) as connection:
                assert connection.execute("select current_user").fetchone()[0] == case["user"]
                yield "in"
        except psycopg.OperationalError as error:
            text = str(error).splitlines()[0]
            yield text[text.find("FATAL"):].replace('"trust"', "certificate") if "FATAL" in text \
                else text.rpartition(": ")[2]


def by_lines(command, lines, env=None):
    done = subprocess.run([str(word) for word in command], input="\n".join(lines) + "\n", text=True,
                          capture_output=True, timeout=240, env={**os.environ, **(env or {})})
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def compare(answers_of, daemon, judge):
    ours, theirs = list(answers_of(daemon.port)), list(answers_of(judge.port))
    assert len(ours) == len(theirs) == len(CASES)
    # With a wrong certificate and a wrong password, PostgreSQL finds fault with the password first.
    different = {case: pair for case, *pair in zip(CASES, ours, theirs) if pair[0] != pair[1]
                 and not (case[0] == "with_both" and "in" not in pair)}
    assert not different
    verdicts = dict(zip(CASES, ours))
    let_in = {case for case, verdict in verdicts.items() if verdict == "in"}
    assert let_in == {(user, tls, secret) for user, tls, secret in CASES if expected(user, tls, secret)}


def expected(user, tls, secret):
    if user == "by_trust":
        return True
    wanted = {"by_cert": True, "only_tls": True, "with_both": True, "no_tls": False}.get(user, tls)
    return secret == "right" and tls == wanted and user != "by_reject"


def test_libpq(daemon, judge, certificates):
    compare(lambda port: by_psycopg(port, certificates), daemon, judge)


def test_psql(daemon, judge, certificates):
    """The program itself, which asks the environment; a few of the cases."""
    few = [case for case in CASES if case[0] in ("by_scram", "only_tls", "no_tls")]

    def run(port):
        for user, tls, secret in few:
            env = {**os.environ, "PGSSLMODE": "require" if tls else "disable", "PGCONNECT_TIMEOUT": "20"}
            if secret != "none":
                env["PGPASSWORD"] = PASSWORD if secret == "right" else "wrong"
            done = subprocess.run(["psql", "-w", "-X", "-At", "-h", "127.0.0.1", "-p", str(port), "-U", user,
                                   "-c", "select current_user", "postgres"], env=env, text=True,
                                  capture_output=True)
            yield done.stdout.strip() if done.returncode == 0 else \
                done.stderr.splitlines()[0].rpartition("failed: ")[2]

    assert list(run(daemon.port)) == list(run(judge.port))


def test_node_postgres(daemon, judge, certificates, modules):  # noqa: F811
    def run(port):
        return by_lines(["node", HERE / "node" / "logins.js"],
                        [json.dumps(case) for case in cases(port, certificates)],
                        {"NODE_PATH": str(modules)})
    compare(run, daemon, judge)


def test_asyncpg(daemon, judge, certificates):
    def run(port):
        return by_lines([sys.executable, "-B", HERE / "python" / "asyncpg_logins.py"],
                        [json.dumps(case) for case in cases(port, certificates)])
    compare(run, daemon, judge)


def test_jdbc(daemon, judge, certificates, cache):
    place = cache / "java"
    place.mkdir(exist_ok=True)
    source, made = HERE / "java" / "Logins.java", place / "Logins.class"
    if not made.exists() or made.stat().st_mtime <= source.stat().st_mtime:
        subprocess.run(["javac", "-cp", DRIVER, "-d", place, source], check=True, timeout=120)

    def line(case):
        fields = [case["host"], case["port"], case["user"],
                  "-" if case["password"] is None else case["password"], "tls" if case["tls"] else "plain",
                  case["certificate"], case["key"]]
        return "\t".join(map(str, fields))

    def run(port):
        return by_lines(["java", "-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8", "-cp",
                         f"{DRIVER}:{place}", "Logins"],
                        [line(case) for case in cases(port, certificates, key=2)])
    compare(run, daemon, judge)
