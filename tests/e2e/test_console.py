"""The admin console beside many clients: its tables agree with each other and with who is there."""
# ctest-labels: threads

import pytest
from harness.conversations import begin, last_error, pool_row, wait_for_waiters

CLIENTS = 150  # more than a worker describes in one turn


def by_name(rows, key, name):
    found = [row for row in rows if row[key] == name]
    assert len(found) == 1, rows
    return found[0]


@pytest.mark.parametrize("workers", [1, 2])
def test_many_clients_are_listed_and_counted(start_pgsaba, workers):
    daemon = start_pgsaba({"workers": workers,
                           "databases": {"postgres": {"pool_size": 2}}})
    clients = [daemon.connect(options={"application_name": f"client-{i}"}) for i in range(CLIENTS)]
    begin(clients[0])
    begin(clients[1])
    clients[2].send(b"Q\0\0\0\x0dselect 1\0")
    wait_for_waiters(daemon, 1)

    rows = [row for row in daemon.admin("show clients") if row["database"] == "postgres"]
    assert sorted(row["application_name"] for row in rows) == \
        sorted(f"client-{i}" for i in range(CLIENTS))
    assert len({row["port"] for row in rows}) == CLIENTS
    by_state = {row["application_name"]: row["state"] for row in rows}
    assert [by_state[f"client-{i}"] for i in range(4)] == ["active", "active", "waiting", "idle"]

    pool = pool_row(daemon)
    assert (pool["cl_active"], pool["cl_waiting"]) == (str(CLIENTS - 1), "1")
    consoles = by_name(daemon.admin("show pools"), "database", "pgsaba")
    assert consoles["cl_active"] == "1"
    lists = {row["list"]: row["items"] for row in daemon.admin("show lists")}
    assert (lists["used_clients"], lists["login_clients"]) == (str(CLIENTS + 1), "0")
    assert lists["used_servers"] == "2"
    database = by_name(daemon.admin("show databases"), "name", "postgres")
    assert (database["current_connections"], database["current_client_connections"]) == \
        ("2", str(CLIENTS))

    for client in clients[3:]:
        client.close()
    clients[0].rows("commit")
    assert clients[2].read_until_ready()[-1].body == b"I"
    clients[1].rows("commit")
    assert pool_row(daemon)["cl_active"] == "3"
    assert len([row for row in daemon.admin("show clients") if row["database"] == "postgres"]) == 3


def test_kill_client_finds_its_client_among_many(start_pgsaba):
    daemon = start_pgsaba({"workers": 2})
    clients = [daemon.connect(options={"application_name": f"client-{i}"}) for i in range(CLIENTS)]
    victim = by_name(daemon.admin("show clients"), "application_name", "client-77")
    daemon.admin(f"kill_client {victim['id']}")
    assert last_error(clients[77])["C"] == "57P01"
    assert clients[78].value("select 1") == "1"
    assert clients[76].value("select 1") == "1"


def test_users_that_no_file_knows_are_listed(start_pgsaba):
    daemon = start_pgsaba()
    with daemon.connect() as client:
        assert client.value("select 1") == "1"
        assert "postgres" in [row["name"] for row in daemon.admin("show users")]
