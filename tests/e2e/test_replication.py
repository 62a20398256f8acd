"""Replication connections: each has a server of its own, and every byte passes as it is."""
# ctest-labels: threads

import signal
import time
import subprocess

import pytest
from harness import messages as m
from harness.client import ConnectionEnded, RawClient, ServerError
from harness.cluster import SUPERUSER, bin_directory
from harness.conversations import begin, last_error, tags
from harness.processes import as_user, server_user, spawn, wait_until

DATABASES = {"databases": {
    "postgres": {"cluster": "main", "pool_size": 4, "route": "primary"},
    "replication": {"cluster": "main", "pool_size": 4, "route": "primary"}}}


@pytest.fixture(scope="module")
def relay(pgsaba_binary, directory, cluster):
    from harness.pgsaba import Pgsaba
    started = Pgsaba(pgsaba_binary, directory, [cluster], DATABASES, "relay").start()
    yield started
    started.stop()


def connect(daemon, mode, options=None, **arguments):
    return daemon.connect(options={"replication": mode, **(options or {})}, **arguments)


def program(name, daemon, *arguments):
    return [str(word) for word in (bin_directory() / name, "-h", daemon.host, "-p", daemon.port,
                                   "-U", SUPERUSER, "-w", *arguments)]


def run(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          cwd="/", timeout=60, **as_user(server_user()))
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def replication_rows(daemon, table):
    return [row for row in daemon.admin(f"show {table}") if row["replication"] != "none"]


def gone(daemon):
    return not replication_rows(daemon, "clients") and not replication_rows(daemon, "servers")


# What the tools do


def test_base_backup(relay, cluster, directory):
    copy = directory.make("copy", server_user())
    run(*program("pg_basebackup", relay, "-D", copy, "-X", "stream", "-c", "fast", "--no-sync",
                 "-R"))
    assert (copy / "PG_VERSION").exists() and (copy / "standby.signal").exists()
    run(str(bin_directory() / "pg_verifybackup"), str(copy))
    wait_until(lambda: gone(relay), 10, "the end of the backup's connections")


def test_standby_streams_through_pgsaba(relay, cluster, directory):
    """The copy becomes a standby whose primary is pgsaba."""
    standby = cluster.make_standby("behind_pgsaba")
    auto = standby.data / "postgresql.auto.conf"
    auto.write_text(auto.read_text() +
                    f"\nprimary_conninfo = 'host={relay.host} port={relay.port} user={SUPERUSER}"
                    " application_name=behind_pgsaba'\n")
    standby.start()
    try:
        cluster.sql("create table streamed as select generate_series(1, 1000) as n")
        cluster.wait_for_replay(standby)
        assert standby.value("select count(*) from streamed") == 1000
        assert cluster.value("select state from pg_stat_replication"
                             " where application_name = 'behind_pgsaba'") == "streaming"
        clients = replication_rows(relay, "clients")
        servers = replication_rows(relay, "servers")
        assert [row["replication"] for row in clients + servers] == ["physical"] * 2
        assert clients[0]["application_name"] == "behind_pgsaba"
        assert clients[0]["link"] == servers[0]["ptr"] and servers[0]["link"] == clients[0]["ptr"]
        assert int(servers[0]["remote_pid"]) == cluster.value(
            "select pid from pg_stat_replication where application_name = 'behind_pgsaba'")
    finally:
        standby.stop("immediate")
        cluster.sql("drop table streamed")
    wait_until(lambda: gone(relay), 10, "the end of the standby's connection")


def test_receivewal(relay, cluster, directory):
    archive = directory.make("archive", server_user())
    with open(directory.path / "receivewal.log", "wb") as log:
        receiver = spawn(program("pg_receivewal", relay, "-D", str(archive), "--no-sync"), log,
                         user=server_user())
        try:
            wait_until(lambda: list(archive.glob("*.partial")), 20, "pg_receivewal's first file")

            def complete_file():  # without anything written since the last one, no file ends
                cluster.sql("select pg_logical_emit_message(false, 'e2e', 'x')")
                cluster.sql("select pg_switch_wal()")
                time.sleep(0.3)  # a file is 16 MB
                return any(not f.name.endswith(".partial") for f in archive.iterdir())

            wait_until(complete_file, 20, "a complete file")
        finally:
            receiver.send_signal(signal.SIGINT)
            assert receiver.wait(20) == 0, (directory.path / "receivewal.log").read_text()
    wait_until(lambda: gone(relay), 10, "the end of pg_receivewal's connection")


def test_logical_decoding(relay, cluster, directory):
    conninfo = f"host={relay.host} port={relay.port} user={SUPERUSER} dbname=postgres"
    slot = "CREATE_REPLICATION_SLOT decoded LOGICAL test_decoding (SNAPSHOT 'nothing')"
    created = run(str(bin_directory() / "psql"), "-XAt", f"{conninfo} replication=database",
                  "-c", slot)
    assert created.startswith("decoded|")
    cluster.sql("create table decoded (n int)")
    output = directory.make("decoded", server_user()) / "changes"
    with open(directory.path / "recvlogical.log", "wb") as log:
        receiver = spawn(program("pg_recvlogical", relay, "-d", "postgres", "-S", "decoded",
                                 "--start", "-f", str(output), "-F", "0"), log, user=server_user())
        try:
            wait_until(lambda: [row["replication"] for row in replication_rows(relay, "clients")]
                       == ["logical"], 20, "a logical client in SHOW CLIENTS")
            cluster.sql("insert into decoded values (4711)")
            wait_until(lambda: output.exists() and "4711" in output.read_text(), 20, "the change")
        finally:
            receiver.send_signal(signal.SIGINT)
            receiver.wait(20)
            wait_until(lambda: gone(relay), 10, "the end of pg_recvlogical's connection")
            cluster.sql("select pg_drop_replication_slot('decoded')")
            cluster.sql("drop table decoded")


def test_logical_subscriber(relay, cluster, directory):
    """Another database of the same server subscribes through pgsaba."""
    cluster.sql("create table published (n int primary key)")
    cluster.sql("create publication all_of_it for table published")
    cluster.sql("create database subscriber")
    cluster.sql("select pg_create_logical_replication_slot('through', 'pgoutput')")
    cluster.sql("create table published (n int primary key)", dbname="subscriber")
    cluster.sql("insert into published values (1)")
    try:
        cluster.sql(f"create subscription through connection 'host={relay.host} port={relay.port}"
                    f" dbname=postgres user={SUPERUSER}' publication all_of_it"
                    " with (create_slot = false)", dbname="subscriber")
        cluster.sql("insert into published values (2)")
        arrived = "select count(*) from published"
        wait_until(lambda: cluster.value(arrived, dbname="subscriber") == 2, 30,
                   "both rows at the subscriber")
        cluster.sql("alter subscription through disable", dbname="subscriber")
        cluster.sql("drop subscription through", dbname="subscriber")
    finally:
        wait_until(lambda: gone(relay), 20, "the end of the subscriber's connections")
        cluster.sql("drop database subscriber")
        cluster.sql("drop table published cascade")
        cluster.sql("drop publication all_of_it")


# The startup packet


@pytest.mark.parametrize("mode", ["true", "on", "yes", "1", "TRUE", "t", "database"])
def test_modes_that_ask_for_replication(relay, mode):
    with connect(relay, mode) as client:
        assert len(client.rows("IDENTIFY_SYSTEM")[0]) == 4


@pytest.mark.parametrize("mode", ["false", "off", "no", "0"])
def test_modes_that_do_not(relay, mode):
    with connect(relay, mode) as client:
        assert client.value("select 1") == "1"
        with pytest.raises(ServerError, match="42601"):
            client.rows("IDENTIFY_SYSTEM")


@pytest.mark.parametrize("mode", ["maybe", "", "o", "Database"])
def test_unknown_mode(relay, cluster, mode):
    with pytest.raises(ServerError) as ours:
        connect(relay, mode)
    with pytest.raises(ServerError) as theirs:
        RawClient((cluster.host, cluster.port), options={"replication": mode})
    for field in "SCM":
        assert ours.value.fields[field] == theirs.value.fields[field]


def test_startup_parameters_reach_the_server(relay, cluster):
    options = {"options": "-c work_mem=7MB -c search_path=elsewhere", "datestyle": "German",
               "application_name": "my subscriber"}
    with connect(relay, "database", options) as client:
        assert client.value("show work_mem") == "7MB"
        assert client.value("show search_path") == "elsewhere"
        assert client.parameters["DateStyle"].startswith("German")
        assert client.parameters["application_name"] == "my subscriber"
        with RawClient((cluster.host, cluster.port),
                       options={"replication": "database", **options}) as direct:
            assert client.parameters == direct.parameters
        client.query("set work_mem = '9MB'")
    with relay.connect() as pooled:
        assert pooled.value("show work_mem") == cluster.value("show work_mem")


def test_refusal_is_the_servers_own(relay, cluster):
    cluster.create_user("plain")
    with pytest.raises(ServerError) as ours:
        connect(relay, "database", user="plain")
    with pytest.raises(ServerError) as theirs:
        RawClient((cluster.host, cluster.port), user="plain", options={"replication": "database"})
    assert ours.value.fields == theirs.value.fields
    cluster.sql("drop role plain")


def test_database_replication_must_be_configured(start_pgsaba):
    daemon = start_pgsaba()
    with pytest.raises(ServerError) as refused:
        connect(daemon, "true", database="replication")
    assert refused.value.sqlstate == "3D000"
    assert "under databases" in refused.value.fields["H"]


# A stream's life


def test_bytes_pass_in_any_pieces(relay):
    with connect(relay, "database") as client:
        rows = client.rows("select repeat('x', 1000) from generate_series(1, 20000)")
        assert len(rows) == 20_000 and set(map(len, sum(rows, []))) == {1000}
        packet = m.query("select 'cut'")
        for at in range(len(packet)):
            client.send(packet[at:at + 1])
        assert [f.tag for f in client.read_until_ready()] == [b"T", b"D", b"C", b"Z"]
        client.query("create temporary table sent (t text)")
        client.send(m.query("copy sent from stdin"))
        client.read_until(b"G")
        for _ in range(200):
            client.send(m.copy_data("y" * 50_000 + "\n"))
        client.send(m.copy_done())
        client.read_until_ready()
        assert client.value("select sum(length(t)) from sent") == "10000000"


def test_slow_client_costs_no_memory(relay, cluster):
    """The server waits for a client that does not read; we hold no more than our mark."""
    def resident_kb():
        with open(f"/proc/{relay.pid}/status", encoding="ascii") as status:
            return int(next(line for line in status if line.startswith("VmRSS")).split()[1])
    with connect(relay, "database") as client:
        pid = int(client.value("select pg_backend_pid()"))
        before = resident_kb()
        client.send(m.query("select repeat('x', 10000) from generate_series(1, 20000)"))
        waits = "select wait_event = 'ClientWrite' from pg_stat_activity where pid = %s"
        wait_until(lambda: all(cluster.value(waits, (pid,)) for _ in range(20)), 10,
                   "the server waiting for us")
        assert resident_kb() - before < 20_000
        frames = client.read_until_ready()
        assert len([frame for frame in frames if frame.tag == b"D"]) == 20_000


def test_cancel(relay):
    with connect(relay, "database") as client:
        client.send(m.query("select pg_sleep(60)"))
        wait_until(lambda: replication_rows(relay, "servers"), 10, "the server in SHOW SERVERS")
        assert client.is_silent(0.3)
        with RawClient(relay.where, login=False) as other:
            other.send(m.cancel_request(client.backend_pid, client.backend_secret))
            other.read_to_end()
        errors = [frame for frame in client.read_until_ready() if frame.tag == b"E"]
        assert m.error_fields(errors[0])["C"] == "57014"


def test_killed_server_ends_the_client(relay, cluster):
    with connect(relay, "database") as client:
        pid = int(client.value("select pg_backend_pid()"))
        cluster.sql("select pg_terminate_backend(%s)", (pid,))
        frames = client.read_to_end()
        assert m.error_fields(frames[-1])["C"] == "57P01"
    wait_until(lambda: gone(relay), 10, "the end of both connections")


def test_a_slow_client_hears_the_end(relay, cluster):
    """All that the server said before it ended arrives, however late it is read."""
    with RawClient(relay.unix_socket, options={"replication": "database"}) as client:
        pid = int(client.value("select pg_backend_pid()"))
        client.send(m.query("select repeat('x', 100000) from generate_series(1, 20)"),
                    m.terminate())
        wait_until(lambda: not cluster.sql("select 1 from pg_stat_activity where pid = %s", (pid,)),
                   10, "the server's end")
        frames = client.read_to_end()
        assert len([frame for frame in frames if frame.tag == b"D"]) == 20
        assert frames[-1].tag == b"Z"


def test_client_gone_ends_the_server(relay, cluster):
    for leave in (RawClient.close, RawClient.abandon, lambda client: client.socket.close()):
        client = connect(relay, "database")
        pid = int(client.value("select pg_backend_pid()"))
        leave(client)
        wait_until(lambda pid=pid: not cluster.sql(
            "select 1 from pg_stat_activity where pid = %s", (pid,)), 10, "the server's end")
    wait_until(lambda: gone(relay), 10, "the end of all connections")


def test_kill_and_shutdown(start_pgsaba, cluster):
    daemon = start_pgsaba(DATABASES)
    first, second = connect(daemon, "database"), connect(daemon, "true")
    ids = {row["id"] for row in replication_rows(daemon, "clients")}
    assert len(ids) == 2
    daemon.admin(f"kill_client {first.backend_pid}")
    with pytest.raises((ConnectionEnded, ConnectionResetError)):
        first.read()
    assert second.rows("IDENTIFY_SYSTEM")
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(20) == 0
    with pytest.raises((ConnectionEnded, ConnectionResetError)):
        second.read()


LIMITS = ("client_idle", "idle_transaction", "query", "transaction", "server_idle", "server_lifetime")


def test_time_limits_and_reconnect_are_for_others(start_pgsaba, cluster):
    """What ends clients that came later, and replaces their servers, leaves a stream alone: one that flows,
    one in a transaction, one in a statement."""
    daemon = start_pgsaba({"databases": {"postgres": {"pool_size": 6}, "replication": {"cluster": "main"}},
                           "timeouts": dict.fromkeys(LIMITS, "1s")})
    streaming, begun, busy = connect(daemon, "true"), connect(daemon, "database"), connect(daemon, "database")
    _, _, position, _ = streaming.rows("IDENTIFY_SYSTEM")[0]
    streaming.send(m.query(f"START_REPLICATION PHYSICAL {position}"))
    streaming.read_until(b"W")
    begun.query("begin")
    busy.send(m.query("select pg_sleep(60)"))
    servers = {row["ptr"] for row in replication_rows(daemon, "servers")}
    assert len(servers) == 3

    idle, in_transaction, in_statement = (daemon.connect() for _ in range(3))
    begin(in_transaction)
    in_statement.send(m.query("select pg_sleep(60)"))
    assert last_error(idle)["C"] == "57P05"
    assert last_error(in_transaction)["C"] in ("25P03", "25P04")
    assert last_error(in_statement)["C"] in ("57014", "25P04")
    with daemon.connect() as late:
        assert late.value("select 1") == "1"
        daemon.wait_for_log("S-.* (server lifetime over|server idle timeout)")
    with daemon.connect(database="pgsaba") as console:
        assert tags(console.query("reconnect")) == tags(console.query("wait_close")) == b"CZ"

    assert {row["ptr"] for row in replication_rows(daemon, "servers")} == servers
    cluster.sql("select pg_logical_emit_message(false, 'e2e', 'it still flows')")
    received = b""
    while b"it still flows" not in received:
        received += streaming.read_until(b"d")[-1].body
    assert begun.query("select 1")[-1].body == b"T"
    assert busy.is_silent(0.05)
    for client in streaming, begun, busy:
        client.abandon()


# Limits


def small_pool(**timeouts):
    return {"databases": {"postgres": {"pool_size": 2}}, "timeouts": timeouts}


def test_takes_a_slot(start_pgsaba):
    daemon = start_pgsaba(small_pool(server_connect="1s", query_wait="1s"))
    first, second = connect(daemon, "database"), connect(daemon, "database")
    with pytest.raises(ServerError) as refused:
        connect(daemon, "database")
    assert refused.value.sqlstate == "53300" and refused.value.fields["S"] == "FATAL"
    assert "2 of 2" in refused.value.fields["D"]
    with pytest.raises(ServerError, match="53300"):
        daemon.connect()
    first.close()
    with daemon.connect() as pooled:
        assert pooled.value("select 1") == "1"
    second.close()


def test_waits_for_a_slot(start_pgsaba):
    daemon = start_pgsaba(small_pool())
    held = [connect(daemon, "database") for _ in range(2)]
    waiting = RawClient(daemon.where, login=False)
    waiting.send(m.startup({"user": "postgres", "database": "postgres",
                            "replication": "database"}, m.PROTOCOL_3_0))
    assert waiting.is_silent(0.5)
    held[0].abandon()
    assert waiting.read_until_ready()[-1].body == b"I"
    for client in (waiting, held[1]):
        client.close()


def worker_of(client):
    """A client's number has its worker in the upper bits."""
    return client.backend_pid >> 25


@pytest.mark.parametrize("workers", [1, 2])
def test_idle_servers_make_way(start_pgsaba, workers):
    """With two workers all idle servers are in one, and a stream comes to each."""
    daemon = start_pgsaba({**small_pool(), "workers": workers})
    pooled = [daemon.connect() for _ in range(4)]
    neighbours = sorted(pooled, key=worker_of)[1:3]
    if worker_of(neighbours[0]) != worker_of(neighbours[1]):
        neighbours = sorted(pooled, key=worker_of)[:2]
    for client in neighbours:
        client.send(m.query("select pg_sleep(0.2)"))
    for client in neighbours:
        client.read_until_ready()
    assert len(daemon.admin("show servers")) == 2
    streams = [connect(daemon, "database") for _ in range(2)]
    assert len({worker_of(client) for client in streams}) == workers
    assert len(replication_rows(daemon, "servers")) == len(daemon.admin("show servers")) == 2
    for client in streams:
        client.close()
    assert pooled[0].value("select 1") == "1"
    for client in pooled:
        client.close()
