"""Where secrets come from, how they are replaced, and that they stay where they are."""

import os
import pwd
import re
import subprocess
from pathlib import Path

import pytest
from harness.certificates import Authority
from harness.client import RawClient, ServerError
from harness.cluster import TRUST
from harness.conversations import make_roles, refusal
from harness.memory import occurrences
from harness.pgsaba import Pgsaba
from harness.processes import wait_until
from harness.tls import context


@pytest.fixture
def start(start_pgsaba, directory, cluster):
    make_roles(cluster, "ann")
    numbers = iter(range(100))

    def with_files(kind, present, previous=None, **changes):
        names = {}
        for key, secret in (("file", present), ("previous_file", previous)):
            if secret is None:
                continue
            path = directory.path / f"secrets_{os.getpid()}_{id(changes)}_{next(numbers)}.txt"
            path.write_text(f'"ann" "{secret}"\n')
            path.chmod(0o600)
            names[key] = str(path)
        return start_pgsaba({"auth": {"type": kind, **names},
                             "databases": {"postgres": {"user": "postgres"}}, **changes})
    return with_files


def answer(daemon, password):
    try:
        with daemon.connect(user="ann", password=password) as client:
            return client.value("select 1") == "1"
    except ServerError as error:
        return error.sqlstate


def md5_secret(password):
    import hashlib
    return "md5" + hashlib.md5((password + "ann").encode()).hexdigest()


def scram_secret(cluster, password, salt_of=None):
    """PostgreSQL's own form of it; with the salt of another one."""
    import base64
    import hashlib
    import hmac
    salt = base64.b64decode(re.search(r"4096:(.*?)\$", salt_of)[1]) if salt_of else os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 4096)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    one, two, three = (base64.b64encode(part).decode() for part in (salt, stored, server))
    return f"SCRAM-SHA-256$4096:{one}${two}:{three}"


@pytest.mark.parametrize("kind", ["plain", "md5", "scram-sha-256"])
@pytest.mark.parametrize("stored", ["plain", "md5", "scram"])
def test_two_passwords_at_once(start, cluster, kind, stored):
    """While a new one makes its way, the old one is good."""
    new_scram = scram_secret(cluster, "new")
    forms = {"plain": ("new", "old"), "md5": (md5_secret("new"), md5_secret("old")),
             "scram": (new_scram, scram_secret(cluster, "old", salt_of=new_scram))}
    present, previous = forms[stored]
    usable = not (kind == "scram-sha-256" and stored == "md5")
    daemon = start(kind, present, previous)
    for password in ("new", "old"):
        assert answer(daemon, password) == (True if usable else "28P01")
    assert answer(daemon, "older") == "28P01"
    daemon.reload({"auth": {"previous_file": None}})
    daemon.wait_for_log("configuration reloaded")
    assert answer(daemon, "old") == "28P01"
    assert answer(daemon, "new") == (True if usable else "28P01")


def test_a_plain_secret_stands_in_for_a_scram_one(start, cluster):
    daemon = start("scram-sha-256", scram_secret(cluster, "new"), "old")
    assert answer(daemon, "old") is True and answer(daemon, "new") is True


def test_two_salts_cannot_be_shown(pgsaba_binary, cluster, tmp_path):
    for name, password in (("new", "new"), ("old", "old")):
        (tmp_path / name).write_text(f'"ann" "{scram_secret(cluster, password)}"\n')
    config = tmp_path / "pgsaba.yaml"
    config.write_text("auth: {file: new, previous_file: old}\ndatabases: {'*': {host: 127.0.0.1}}\n")
    checked = subprocess.run([pgsaba_binary, "check", config], capture_output=True, text=True)
    assert checked.returncode == 1
    assert 'the SCRAM secret of "ann" has another salt' in checked.stderr


def demands_passwords_of(cluster, user):
    try:
        RawClient((cluster.host, cluster.port), user=user, password="wrong").close()
        return False
    except ServerError as refused:
        return refused.sqlstate == "28P01"


@pytest.mark.parametrize("kind, place", [
    ("password", "${OF_DATABASE}"), ("password_file", "${CREDENTIALS_DIRECTORY}/of_database")])
def test_secrets_from_credentials_of_systemd_and_from_the_environment(pgsaba_binary, directory, cluster,
                                                                      kind, place):
    """LoadCredential= makes files in $CREDENTIALS_DIRECTORY, which only the service may read. With what
    stands there, and with nothing else, clients log in to pgsaba, and pgsaba to the server."""
    user, secret = f"has_{kind}", f"what the {kind} is"
    cluster.create_user(user, secret)
    cluster.set_hba([f"host all {user} 127.0.0.1/32 scram-sha-256", *TRUST])
    cluster.reload()
    wait_until(lambda: demands_passwords_of(cluster, user), 10, "pg_hba.conf in force")
    credentials = directory.make(f"credentials_{kind}")

    def serves(of_database):
        """What the client gets if this is the secret for the server."""
        (credentials / "of_database").write_text(f"{of_database}\n")
        (credentials / "users").write_text(f'"{user}" "typed"\n')
        daemon = Pgsaba(pgsaba_binary, directory, [cluster], {
            "auth": {"type": "scram-sha-256", "file": "${CREDENTIALS_DIRECTORY}/users"},
            "databases": {"postgres": {"user": user, kind: place}}},
            f"with_{kind}_{of_database == secret}", under=["/usr/bin/env",
            f"CREDENTIALS_DIRECTORY={credentials}", f"OF_DATABASE={of_database}"]).start()
        try:
            assert refusal(daemon.where, user=user, password=secret)["C"] == "28P01"
            with daemon.connect(user=user, password="typed") as client:
                return client.value("select current_user")
        except ServerError as refused:
            return refused.sqlstate
        finally:
            daemon.stop()

    assert serves(secret) == user
    assert serves("another one") == "28P01"


# Where they are not shown

SECRETS = ("auth.password", "auth.options", "http.password")
SHOWN_AS = ("auth.password", "auth_ldap_options", "http.password")
TABLES = ("config", "databases", "clients", "pools", "servers", "topology")


def every_secret(word):
    """All that the configuration has places for."""
    return {"auth": {"type": "trust", "password": f"{word} of auth", "options": f"pamservice={word}-service"},
            "http": {"user": "me", "password": f"{word} of http"},
            "clusters": {"main": {"monitor": {"password": f"{word} of the monitor"}}},
            "databases": {"postgres": {"user": "postgres", "password": f"{word} of the database"}}}


def test_they_are_not_shown(start_pgsaba):
    """Neither by the console nor in what a reload says has changed: *** stands there."""
    daemon = start_pgsaba({**every_secret("former"), "log": {"level": "debug"}})
    daemon.reload(every_secret("latter"))
    daemon.wait_for_log("configuration reloaded")
    for name in SECRETS:
        assert f"reload: {name} = *** (was ***)" in daemon.log
    assert "reload: database postgres changed" in daemon.log and "reload: cluster main changed" in daemon.log
    with daemon.connect() as client:
        assert client.value("select 1") == "1"
        tables = {name: daemon.admin(f"show {name}") for name in TABLES}
    assert all(tables.values())
    shown = {row["key"]: row for row in tables["config"]}
    for name in SHOWN_AS:
        assert (shown[name]["value"], shown[name]["default"]) == ("***", "")  # by default there is none
    for word in "former", "latter":
        assert word not in str(tables) + daemon.log


# The process


def status_of(daemon):
    lines = Path(f"/proc/{daemon.pid}/status").read_text().splitlines()
    return {name: value.split() for name, value in (line.split(":", 1) for line in lines)}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_root_becomes_the_user(start_pgsaba, directory, cluster):
    """Keys and rules are read and sockets opened before; nothing of root is left."""
    user = pwd.getpwnam("nobody")
    users = directory.path / "of_root.txt"
    users.write_text('"postgres" ""\n')
    users.chmod(0o600)
    log = directory.make("logs") / "pgsaba.log"
    log.parent.chmod(0o755)
    daemon = start_pgsaba({"user": "nobody", "auth": {"type": "trust", "file": str(users)},
                           "log": {"file": str(log)}, "core_dumps": None})
    daemon.connect().close()  # its sockets are open before it becomes the user, and answer after that
    status = status_of(daemon)
    assert set(status["Uid"]) == {str(user.pw_uid)} and set(status["Gid"]) == {str(user.pw_gid)}
    assert set(status.get("Groups", [])) <= {str(user.pw_gid)}
    assert int(status["CapEff"][0], 16) == int(status["CapPrm"][0], 16) == 0
    for task in Path(f"/proc/{daemon.pid}/task").iterdir():
        assert f"Uid:\t{user.pw_uid}\t{user.pw_uid}\t{user.pw_uid}" in (task / "status").read_text()
    with daemon.connect() as client:
        assert client.value("select 1") == "1"
    assert log.stat().st_uid == user.pw_uid
    users.chmod(0o600)  # root's: the reload cannot read it, and says so
    daemon.reload()
    wait_until(lambda: "reload refused" in log.read_text(), 10, "the refusal")
    assert str(users) in log.read_text()
    assert daemon.connect().value("select 1") == "1"


def test_a_user_that_is_not_there(pgsaba_binary, tmp_path):
    config = tmp_path / "pgsaba.yaml"
    config.write_text("user: no-such-user\nauth: {type: trust}\nlisten: [{address: 127.0.0.1, port: 1}]\n"
                      "databases: {'*': {host: 127.0.0.1}}\n")
    for command in (["check", config], ["serve", "-c", config]):
        done = subprocess.run([pgsaba_binary, *command], capture_output=True, text=True)
        assert done.returncode == 1, command
        assert 'user: there is no user "no-such-user"' in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_who_is_not_root_cannot_become_another(pgsaba_binary, directory):
    config = directory.path / "not_root.yaml"
    config.write_text("user: root\nauth: {type: trust}\nlisten: [{address: 127.0.0.1, port: 61999}]\n"
                      "databases: {'*': {host: 127.0.0.1}}\n")
    done = subprocess.run([pgsaba_binary, "serve", "-c", config], capture_output=True, text=True,
                          user="nobody", group="nogroup", extra_groups=[])
    assert done.returncode == 1 and 'cannot become "root"' in done.stderr


@pytest.mark.parametrize("over", ["plain text", "TLS"])
def test_a_typed_password_is_wiped_once_it_is_judged(start, cluster, directory, over):
    """Right or wrong, whoever looks into the process afterwards finds none of it."""
    right, wrong = "a word that was typed rightly", "a word that was typed wrongly"
    certificate = Authority(directory, f"wiping-{over[0]}").issue("localhost")
    tls = {"certificate": certificate.certificate, "key": certificate.key} if over == "TLS" else {}
    encrypted = context() if over == "TLS" else None
    daemon = start("plain", scram_secret(cluster, right), tls=tls)
    clients = [daemon.connect(user="ann", password=right, tls=encrypted) for _ in range(3)]
    for _ in range(3):
        with pytest.raises(ServerError):
            daemon.connect(user="ann", password=wrong, tls=encrypted)
    assert occurrences(daemon.pid, right.encode()) == occurrences(daemon.pid, wrong.encode()) == 0
    assert clients[0].value("select 1") == "1"
    for client in clients:
        client.close()
    plain = start("plain", right, tls=tls)  # of which the list itself is kept
    assert occurrences(plain.pid, right.encode()) > 0


def test_no_core_dumps_unless_asked(start_pgsaba):
    def limit(daemon):
        text = Path(f"/proc/{daemon.pid}/limits").read_text()
        return re.search(r"Max core file size +(\S+)", text)[1]

    quiet = start_pgsaba({"core_dumps": False})
    assert limit(quiet) == "0"
    # What is not to be dumped is root's in /proc, whoever runs it.
    assert Path(f"/proc/{quiet.pid}/environ").stat().st_uid == 0
    with quiet.connect() as client:
        assert client.value("select 1") == "1"
