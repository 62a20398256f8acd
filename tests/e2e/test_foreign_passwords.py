"""Passwords that PAM and directories judge: with the same rules, the verdicts are PostgreSQL's."""
# ctest-labels: threads

import contextlib
import glob
import itertools
import os
import signal
import socket
import time

import psycopg
import pytest
from harness import messages as m
from harness.certificates import Authority
from harness.client import RawClient
from harness.cluster import PostgresCluster
from harness.directory_server import BASE, MANAGER, MANAGER_PASSWORD, DirectoryServer
from harness.pgsaba import Pgsaba
from harness.processes import children_of, wait_until

FILES = itertools.count()
USERS = ["ann", "ben", "cay", "dot", "eve*", "nobody"]
PEOPLE = [("ann", "people", "ann's", {"mail": "ann@example.net"}),
          ("ben", "staff", "ben's", {"mail": "b@example.net"}),
          ("cay", "people", "cay's", {"mail": "dot@example.net"}),
          ("cay", "staff", "another", {}),  # two of a name
          ("dot", "hidden", "dot's", {})]
PASSWORDS = {"ann": "ann's", "ben": "ben's", "cay": "cay's", "dot": "dot's"}


@pytest.fixture(scope="module")
def authority(directory):
    return Authority(directory, "ldap-authority")


@pytest.fixture(scope="module")
def ldap(directory, authority):
    made = DirectoryServer(directory, authority.issue("localhost"), authority.certificate, PEOPLE)
    yield made.start()
    made.stop()


@pytest.fixture(scope="module")
def environment(directory, authority):
    """Of both programs: services of PAM out of a directory of the test's own, whom to trust."""
    services = directory.make("pam.d")
    database = directory.path / "pam_users"
    names = ["pgsaba", "other"]
    database.write_text("".join(f"{user}:{password}:pgsaba\n" for user, password in PASSWORDS.items()
                                if user != "ben") + "ben:ben's:other\n")
    database.chmod(0o644)
    matrix = glob.glob("/usr/lib/*/pam_wrapper/pam_matrix.so")[0]
    for name in names:
        (services / name).write_text("".join(f"{kind} required {matrix} passdb={database}\n"
                                             for kind in ("auth", "account", "password", "session")))
    (services / "slow").write_text("auth required pam_exec.so quiet /bin/sleep 40\n"
                                   "account required pam_permit.so\n")
    return {"LD_PRELOAD": "libpam_wrapper.so", "PAM_WRAPPER": "1",
            "PAM_WRAPPER_SERVICE_DIR": str(services), "LDAPTLS_CACERT": authority.certificate,
            # A sanitizer wants to be the first in the list, and to be found by all libraries.
            "UID_WRAPPER_DISABLE_DEEPBIND": "1",
            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}


@pytest.fixture(scope="module")
def judge(directory, environment):
    """PostgreSQL, to compare with."""
    made = PostgresCluster(directory, "judge").initialize()
    kept = dict(os.environ)
    os.environ.update(environment)
    try:
        made.start()
    finally:
        os.environ.clear()
        os.environ.update(kept)
    for user in USERS:
        made.create_user(user)
    yield made
    made.stop("immediate")


@pytest.fixture(scope="module")
def trusting(cluster):
    for user in USERS:
        cluster.create_user(user)
    return cluster


@pytest.fixture
def start(pgsaba_binary, directory, environment, trusting):
    started = []

    def with_auth(auth, server=None, **changes):
        name = f"foreign_{next(FILES)}"
        under = ["/usr/bin/env", *(f"{key}={value}" for key, value in environment.items())]
        started.append(Pgsaba(pgsaba_binary, directory, [server or trusting], {"auth": auth, **changes}, name,
                              under))
        return started[-1].start()

    yield with_auth
    for daemon in started:
        daemon.stop()


def verdict(**wanted):
    """What became of a login: "in", or the error."""
    try:
        with psycopg.connect(connect_timeout=20, dbname="postgres", **wanted) as connection:
            assert connection.execute("select current_user").fetchone()[0] == wanted["user"]
            return "in"
    except psycopg.OperationalError as error:
        text = str(error).splitlines()[0]
        return text[text.find("FATAL"):] if "FATAL" in text else text.split(": ", 1)[-1]


def attempts():
    for user in USERS:
        for password in (PASSWORDS.get(user, "x"), "wrong", "", None):
            yield {"user": user, **({} if password is None else {"password": password})}


def compare(daemon, judge, rule, cases=None):
    """The verdicts of both, case by case; returns how many got in."""
    judge.set_hba(["local all all trust", "host all postgres 127.0.0.1/32 trust", rule])
    judge.reload()
    # The reload has been read once the newest of the rules is in force.
    deadline = time.monotonic() + 10
    while judge.value("select count(*) from pg_hba_file_rules where error is not null"):
        assert time.monotonic() < deadline, judge.sql("select error from pg_hba_file_rules")
    judge.sql("select pg_sleep(0.2)")
    got_in = 0
    for case in cases or list(attempts()):
        ours = verdict(host="127.0.0.1", port=daemon.port, **case)
        theirs = verdict(host="127.0.0.1", port=judge.port, **case)
        assert ours == theirs, (rule, case)
        got_in += ours == "in"
    return got_in


def ldap_rules(ldap):
    server = f"ldapserver=127.0.0.1 ldapport={ldap.port}"
    searching = f'{server} ldapbasedn="{BASE}"'
    manager = f'ldapbinddn="{MANAGER}" ldapbindpasswd="{MANAGER_PASSWORD}"'
    return {
        "simple": (f'{server} ldapprefix="uid=" ldapsuffix=",ou=people,{BASE}"', 2),
        "several servers": (f'ldapserver="127.0.0.9 127.0.0.1" ldapport={ldap.port} '
                            f'ldapprefix="uid=" ldapsuffix=",ou=staff,{BASE}"', 1),
        "search": (searching, 2),
        "search as somebody": (f"{searching} {manager}", 3),
        "search as the wrong one": (f'{searching} ldapbinddn="{MANAGER}" ldapbindpasswd="no"', 0),
        "attribute": (f"{searching} ldapsearchattribute=cn", 2),
        "filter": (f'{searching} ldapsearchfilter="(|(uid=$username)(mail=$username@example.net))"', 2),
        "a broken filter": (f'{searching} ldapsearchfilter="(uid=$username"', 0),
        "url": (f'ldapurl="ldap://127.0.0.1:{ldap.port}/ou=people,{BASE}?uid?sub"', 2),
        "url with a filter": (f'ldapurl="ldap://127.0.0.1:{ldap.port}/{BASE}??sub?(cn=$username)"', 2),
        "url, one level": (f'ldapurl="ldap://127.0.0.1:{ldap.port}/{BASE}?uid?one"', 0),
        "StartTLS": (f'ldapserver=127.0.0.1 ldapport={ldap.port} ldaptls=1 ldapbasedn="{BASE}"', 2),
        "ldaps": (f'ldapserver=127.0.0.1 ldapport={ldap.secure_port} ldapscheme=ldaps '
                  f'ldapbasedn="{BASE}"', 2),
        # OpenLDAP's library takes localhost for the machine's own name.
        "TLS with a wrong name": (f'ldapserver=localhost ldapport={ldap.port} ldaptls=1 '
                                  f'ldapbasedn="{BASE}"', 0),
        "nobody there": (f'ldapserver=127.0.0.1 ldapport=1 ldapbasedn="{BASE}"', 0),
    }


def test_directories(start, judge, ldap):
    """Every way to ask one, with right, wrong, empty and missing passwords."""
    for name, (options, expected) in ldap_rules(ldap).items():
        daemon = start({"type": "ldap", "options": options})
        got_in = compare(daemon, judge, f"host all all 127.0.0.1/32 ldap {options}")
        assert got_in == expected, name
        daemon.stop()


def test_pam(start, judge):
    daemon = start({"type": "pam", "options": "pamservice=pgsaba"})
    assert compare(daemon, judge, "host all all 127.0.0.1/32 pam pamservice=pgsaba") == 3
    default = start({"type": "pam"})
    assert compare(default, judge, "host all all 127.0.0.1/32 pam pamservice=pgsaba") == 3
    other = start({"type": "pam", "options": "pamservice=other pam_use_hostname=1"})
    assert compare(other, judge, "host all all 127.0.0.1/32 pam pamservice=other") == 1


def test_servers_get_the_password_that_was_typed(start, judge):
    judge.sql("alter role ann password 'ann''s'")
    judge.set_hba(["local all all trust", "host all postgres 127.0.0.1/32 trust",
                   "host all all 127.0.0.1/32 scram-sha-256"])
    judge.reload()
    judge.sql("select pg_sleep(0.2)")
    daemon = start({"type": "pam"}, judge)
    assert verdict(host="127.0.0.1", port=daemon.port, user="ann", password="ann's") == "in"
    refused = verdict(host="127.0.0.1", port=daemon.port, user="cay", password="cay's")
    assert "password authentication failed" in refused  # PostgreSQL's own word
    assert "ann's" not in daemon.log


def test_a_typed_password_is_forgotten_once_nobody_needs_it(start, judge, directory):
    """It is there for servers as long as its user has clients or servers, and a while longer."""
    judge.sql("alter role ann password 'ann''s'")
    judge.set_hba(["local all all trust", "host all postgres 127.0.0.1/32 trust",
                   "host all all 127.0.0.1/32 scram-sha-256"])
    judge.reload()
    judge.sql("select pg_sleep(0.2)")
    rules = directory.path / f"foreign_{next(FILES)}.hba"
    rules.write_text("host all ann all pam pamservice=pgsaba\nhost all postgres all trust\n")
    daemon = start({"type": "hba", "hba_file": str(rules), "secret_ttl": "500ms"}, judge,
                   timeouts={"server_idle": "500ms"})

    def known():
        rows = [row for row in daemon.admin("show mem") if row["name"] == "found_secrets"]
        return int(rows[0]["used"])

    assert known() == 0
    for _ in range(2):
        with psycopg.connect(host="127.0.0.1", port=daemon.port, user="ann", password="ann's",
                             dbname="postgres", autocommit=True) as client:
            first = client.execute("select pg_backend_pid()").fetchone()
            wait_until(lambda: not judge.sql("select 1 from pg_stat_activity where pid = %s", first),
                       20, "the end of the idle server")
            time.sleep(1.5)  # three times as long as it is kept for nobody
            assert known() == 1
            assert client.execute("select pg_backend_pid()").fetchone() != first
        wait_until(lambda: known() == 0, 20, "the password to be forgotten")


def test_rules_with_both(start, judge, ldap, directory):
    options, _ = ldap_rules(ldap)["search"]
    rules = directory.path / f"foreign_{next(FILES)}.hba"
    rules.write_text(f"host all ann all ldap {options}\nhost all cay,ben all pam pamservice=pgsaba\n"
                     "host all postgres all trust\n"
                     f'host all dot all ldap {options} ldapbinddn="x" ldapbindpasswd="hidden word"\n')
    daemon = start({"type": "hba", "hba_file": str(rules)})
    where = {"host": "127.0.0.1", "port": daemon.port}
    assert verdict(user="ann", password="ann's", **where) == "in"
    assert verdict(user="cay", password="cay's", **where) == "in"
    assert 'PAM authentication failed for user "ben"' in verdict(user="ben", password="ben's", **where)
    assert 'LDAP authentication failed for user "ann"' in verdict(user="ann", password="x", **where)
    shown = daemon.admin("show hba")
    assert [row["method"] for row in shown] == ["ldap", "pam", "trust", "ldap"]
    assert "hidden word" not in str(shown) and "****" in shown[3]["options"]
    daemon.wait_for_log(r"ann: LDAP login failed for .*Invalid credentials")
    daemon.wait_for_log(r"ben: pam_\w+ failed: .*service .pgsaba")


def asks_for_password(daemon, user):
    client = RawClient(daemon.where, login=False)
    client.send(m.startup({"user": user, "database": "postgres"}))
    assert client.read().tag == b"R"
    return client


def test_slow_judges_keep_nobody_else(start, directory):
    """More logins hang in PAM than there are threads for it: queries and other logins go on, and so
    does the end of the process."""
    rules = directory.path / f"foreign_{next(FILES)}.hba"
    rules.write_text("host all ann all pam pamservice=slow\nhost all ben localhost trust\n"
                     "host all postgres all trust\n")
    daemon = start({"type": "hba", "hba_file": str(rules)})
    hanging = [asks_for_password(daemon, "ann") for _ in range(20)]
    for client in hanging:
        client.send(m.password(m.text("x")))
    with daemon.connect(user="ben") as client:  # whose address has to be looked up
        assert client.value("select 1") == "1"
    for client in hanging[10:]:
        client.close()
    wait_until(lambda: len(children_of(daemon.pid)) == 8, 20, "one for each thread")
    modules = children_of(daemon.pid)  # they outlive the process
    begun = time.monotonic()
    daemon.stop()
    assert time.monotonic() - begun < 20  # they take 40 seconds
    for pid in modules:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_a_directory_that_says_nothing(start):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        daemon = start({"type": "ldap", "options":
                        f"ldapserver=127.0.0.1 ldapport={port} ldapbasedn=dc=x"},
                       timeouts={"password_check": "300ms"})
        assert "LDAP authentication failed" in verdict(user="ann", password="x", host="127.0.0.1",
                                                       port=daemon.port)
        daemon.wait_for_log("ann: cannot bind as .*Timed out")
