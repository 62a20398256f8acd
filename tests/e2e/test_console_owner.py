"""Who runs pgsaba, on its console; and how clients log in, changed by hand."""

import os
import subprocess

import pytest
from harness.client import RawClient, ServerError

USERS = '"alice" "wonder"\n"saba" "secret"\n'


@pytest.fixture
def strict(start_pgsaba, directory):
    """Wants passwords of everybody, and has a Unix socket."""
    users = directory.path / "owner-users.txt"
    users.write_text(USERS)
    return start_pgsaba({"auth": {"type": "scram-sha-256", "file": str(users)},
                         "admin": {"users": ["saba"]}})


def sqlstate(where, **arguments):
    """Of what a login ends with; None if it does not."""
    try:
        RawClient(where, **arguments).close()
    except ServerError as error:
        return error.sqlstate
    return None


@pytest.mark.parametrize("name", ["pgsaba", "pgbouncer"])
def test_who_runs_it_needs_no_password(strict, name):
    socket = str(strict.unix_socket)
    with RawClient(socket, user=name, database="pgsaba") as console:
        assert console.rows("show version")
        console.rows("pause postgres")  # everything, not only looking
        console.rows("resume postgres")
    assert sqlstate(socket, user="saba", database="pgsaba", password="wrong") == "28P01"
    assert sqlstate(socket, user=name, database="postgres", password="x") == "28P01"
    assert sqlstate(strict.where, user=name, database="pgsaba", password="x") == "28P01"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_another_user_of_the_machine_does(strict):
    folder = strict.socket_directory
    for above in [folder, *folder.parents]:
        if above.owner() == "root" and len(above.parts) > 2:
            above.chmod(above.stat().st_mode | 0o055)
    command = ["psql", "-w", "-h", folder, "-p", str(strict.port), "-U", "pgbouncer", "pgbouncer",
               "-c", "show version"]
    assert subprocess.run(command, capture_output=True).returncode == 0
    other = subprocess.run(["runuser", "-u", "nobody", "--", *command], capture_output=True, text=True)
    assert other.returncode == 2 and "no password supplied" in other.stderr


def set_by_owner(daemon, setting):
    with RawClient(str(daemon.unix_socket), user="pgsaba", database="pgsaba") as console:
        console.rows(f"set {setting}")


def test_how_clients_log_in_is_changed_by_hand(strict):
    assert sqlstate(strict.where, user="alice", password="wrong") == "28P01"
    set_by_owner(strict, "auth_type = trust")
    assert sqlstate(strict.where, user="alice", password="wrong") != "28P01"
    set_by_owner(strict, "auth_type = 'scram-sha-256'")
    assert sqlstate(strict.where, user="alice", password="wrong") == "28P01"
    set_by_owner(strict, "auth.type = peer")  # by rules that are made for it
    assert sqlstate(strict.where, user="alice", password="wonder") == "28000"


def test_what_cannot_be_is_refused_and_changes_nothing(strict):
    for setting, code, word in (("auth_type = hba", "22023", "auth.hba_file is missing"),
                                ("client_tls_sslmode = require", "22023", "tls.certificate is missing"),
                                ("auth_file = 'other.txt'", "55P02", "read with its files"),
                                ("server_tls_sslmode = require", "55P02", "read with its files")):
        with pytest.raises(ServerError) as refused:
            set_by_owner(strict, setting)
        assert refused.value.sqlstate == code and word in refused.value.fields["M"], setting
    assert sqlstate(strict.where, user="alice", password="wrong") == "28P01"


def test_who_keeps_secrets_is_changed_by_hand(start_pgsaba, directory, cluster):
    cluster.sql("set password_encryption = 'scram-sha-256'; create role keeper superuser login password 'k';"
                " create role asked login password 'for'")
    users = directory.path / "keeper-users.txt"
    users.write_text('"keeper" "k"\n')
    daemon = start_pgsaba({"auth": {"type": "scram-sha-256", "file": str(users)}})
    assert sqlstate(daemon.where, user="asked", password="for") == "28P01"
    set_by_owner(daemon, "auth_user = keeper")
    with daemon.connect(user="asked", password="for") as client:
        assert client.value("select current_user") == "asked"
