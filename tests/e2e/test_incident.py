"""The incident pgsaba was built for: clients that keep their sessions open hold nothing."""

import os
import subprocess
import sys

import pytest
from harness import bouncer, messages
from harness.debian import SOURCE
from harness.messages import error_fields


def small(start_pgsaba, **timeouts):
    return start_pgsaba({"databases": {"postgres": {"pool_size": 4}}, "timeouts": timeouts,
                         "limits": {"max_client_connections": 300}})


def test_idle_sessions_hold_nothing(start_pgsaba):
    daemon = small(start_pgsaba)
    clients = []
    for number in range(200):
        clients.append(daemon.connect())
        assert clients[-1].value(f"select {number}") == str(number)
    pool = [row for row in daemon.admin("show pools") if row["database"] == "postgres"][0]
    assert int(pool["cl_active"]) == 200 and int(pool["sv_active"]) == 0
    assert 1 <= int(pool["sv_idle"]) <= 4
    for client in clients:
        client.close()


def test_open_transactions_make_others_wait_visibly_and_not_for_ever(start_pgsaba):
    daemon = small(start_pgsaba, query_wait="2s")
    holders = [daemon.connect() for _ in range(4)]
    for holder in holders:
        holder.query("begin; select 1")
    late = daemon.connect()  # login needs no free server
    late.send(messages.query("select 5"))
    waiting = next(row for _ in range(100) for row in daemon.admin("show pools")
                   if row["database"] == "postgres" and row["cl_waiting"] == "1")
    assert int(waiting["sv_active"]) == 4
    assert [row["state"] for row in daemon.admin("show clients")].count("waiting") == 1
    frames = late.read_until_ready()
    error = error_fields(frames[0])
    assert (error["S"], error["C"]) == ("ERROR", "53300")
    assert "query_wait" in error["M"] and "pool_size" in error["H"]
    daemon.wait_for_log("no server connection became free within query_wait")
    holders[0].query("commit")
    assert late.value("select 6") == "6"  # the session lives on
    for client in [*holders, late]:
        client.close()


def test_the_log_tells_of_those_who_wait(start_pgsaba):
    """Long before query_wait is over, once, and when they wait no longer."""
    daemon = start_pgsaba({"databases": {"postgres": {"pool_size": 1}}})
    with daemon.connect() as holder, daemon.connect(timeout=60) as late:
        holder.query("begin; select 1")
        late.send(messages.query("select 5"))
        daemon.wait_for_log(r"WARNING pool postgres/postgres: 1 clients wait for a server, the first "
                            r"for \d+ s; 1 are in use here; SHOW WAITS tells who holds them", 30)
        holder.query("commit")
        assert late.read_until_ready()[-1].body == b"I"
        daemon.wait_for_log("pool postgres/postgres: clients wait no longer for a server")
    assert daemon.log.count("clients wait for a server") == 1


# Of bench/deadlock: who serves every client that stays, and what the fifth gets beside four transactions.
VERDICTS = {"pgbouncer": ("all served", "gets FATAL 08P01: query_wait_timeout"),
            "pgsaba": ("all served", "gets ERROR 53300: no server connection became free within query_wait"),
            "pgpool": ("client 5 **hangs**", "**hangs**")}


def rows(table):
    """By their first column, without the heading."""
    cells = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")]
    return {row[0]: row[1:] for row in cells[1:]}


@pytest.mark.skipif(not os.path.exists(bouncer.PROGRAM), reason="PgBouncer is not installed")
def test_side_by_side(pgsaba_binary, tmp_path):
    """bench/deadlock finds what is said of each peer; pgpool-II is not everywhere."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src/pgsaba").symlink_to(os.path.abspath(pgsaba_binary))
    command = [sys.executable, "-B", SOURCE / "bench/deadlock", "--build", tmp_path, "--clients", "100",
               "--limit", "20"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=85, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    idle, busy = map(rows, done.stdout.split("\n### 4 clients sit in open transactions"))
    assert {"pgbouncer", "pgsaba"} <= set(idle) == set(busy) <= set(VERDICTS)
    for peer in idle:
        served, verdict = VERDICTS[peer]
        assert idle[peer][-1].startswith(served) and busy[peer][-1].startswith(verdict), done.stdout
        assert int(idle[peer][0]) == (4 if peer == "pgpool" else 100)
