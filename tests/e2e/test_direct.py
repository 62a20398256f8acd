"""The harness itself, against PostgreSQL alone: what it reports about pgsaba rests on this."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from harness import messages as m
from harness.client import ConnectionEnded, RawClient, ServerError
from harness.cluster import TRUST
from harness.differential import READY, converse, is_complete
from harness.processes import wait_until


@pytest.fixture
def client(cluster):
    with RawClient((cluster.host, cluster.port)) as connected:
        yield connected


def tags(frames):
    return b"".join(frame.tag for frame in frames).decode()


def test_login(client):
    assert client.parameters["server_encoding"] == "UTF8"
    assert client.backend_pid > 0 and len(client.backend_secret) == 4
    assert client.login_frames[-1] == (b"Z", b"I")


def test_unix_socket(cluster):
    with RawClient(cluster.socket_directory / f".s.PGSQL.{cluster.port}") as client:
        assert client.value("select 1") == "1"


def test_simple_query(client):
    assert client.rows("select 1, null, 'x'; select 2") == [["1", None, "x"], ["2"]]
    assert tags(client.query("")) == "IZ"


def test_error(client):
    frames = client.query("select 1/0")
    assert tags(frames) == "TEZ" or tags(frames) == "EZ"
    assert m.error_fields(frames[-2])["C"] == "22012"
    with pytest.raises(ServerError, match="22012"):
        client.value("select 1/0")
    assert client.value("select 'alive'") == "alive"


def test_extended_query(client):
    client.send(m.parse("s", "select $1::int + $2::int"), m.describe_statement("s"),
                m.bind("p", "s", ["40", "2"]), m.describe_portal("p"), m.execute("p"),
                m.close_portal("p"), m.close_statement("s"), m.sync())
    frames = client.read_until_ready()
    assert tags(frames) == "1tT2TDC33Z"
    assert m.row_values(frames[5]) == [b"42"]


def test_null_and_binary_values(client):
    client.send(m.parse("", "select $1::text, $2::int4"),
                m.bind(values=[None, b"\0\0\0\x07"], formats=[0, 1], results=[1]),
                m.execute(), m.sync())
    frames = client.read_until_ready()
    assert m.row_values(frames[2]) == [None, b"\0\0\0\x07"]


def test_portal_suspension_and_flush(client):
    client.send(m.parse("", "select generate_series(1, 3)"), m.bind(), m.execute(max_rows=2), m.flush())
    assert tags(client.read_until(b"s")) == "12DDs"
    assert client.is_silent()
    client.send(m.execute(), m.sync())
    assert tags(client.read_until_ready()) == "DCZ"


def test_copy(client):
    client.query("create temporary table c (a int, b text)")
    client.send(m.query("copy c from stdin"))
    assert tags(client.read_until(b"G")) == "G"
    client.send(m.copy_data("1\tone\n2\ttwo\n"), m.copy_done())
    assert client.read_until_ready()[0] == (b"C", b"COPY 2\0")
    assert [f.body for f in client.query("copy c to stdout") if f.tag == b"d"] == \
        [b"1\tone\n", b"2\ttwo\n"]


def test_function_call(client):
    oid = int(client.value("select 'int4pl'::regproc::oid"))
    client.send(m.function_call(oid, [b"40", b"2"]))
    assert client.read_until_ready() == [(b"V", b"\0\0\0\x0242"), (b"Z", b"I")]


def test_ssl_is_declined(cluster):
    with RawClient((cluster.host, cluster.port), login=False) as client:
        client.send(m.ssl_request())
        assert client.read_bytes(1) == b"N"
        client.login()
        assert client.value("select 1") == "1"


def test_cancel(cluster, client):
    client.send(m.query("select pg_sleep(30)"))
    with RawClient((cluster.host, cluster.port), login=False) as other:
        time.sleep(0.1)
        other.send(m.cancel_request(client.backend_pid, client.backend_secret))
        assert other.read_to_end() == []
    frames = client.read_until_ready()
    assert m.error_fields(frames[-2])["C"] == "57014"


@pytest.mark.parametrize("method, encryption", [
    ("password", "scram-sha-256"), ("md5", "md5"), ("scram-sha-256", "scram-sha-256")])
def test_password_login(cluster, method, encryption):
    user = f"user_{method.replace('-', '_')}"
    cluster.create_user(user, "sécret", encryption)
    cluster.set_hba([f"host all {user} 127.0.0.1/32 {method}", *TRUST])
    cluster.reload()
    where = (cluster.host, cluster.port)

    def refuses_a_wrong_password():
        try:
            RawClient(where, user=user, password="wrong").close()
        except ServerError as error:
            return error.sqlstate == "28P01"
        return False

    wait_until(refuses_a_wrong_password, 5, "reload of pg_hba.conf")
    with RawClient(where, user=user, password="sécret") as client:
        assert client.value("select current_user") == user


def test_a_closed_connection_is_noticed(cluster, client):
    cluster.sql("select pg_terminate_backend(%s)", (client.backend_pid,))
    assert m.error_fields(client.read())["C"] == "57P01"
    with pytest.raises(ConnectionEnded):
        client.read()


def test_differences_are_seen(cluster):
    where = (cluster.host, cluster.port)
    one = converse(where, [m.query("select 1"), READY])
    assert is_complete(one)
    assert one == converse(where, [m.query("select 1"), READY])
    assert one != converse(where, [m.query("select 2"), READY])
    assert one != converse(where, [m.query("select 1; select 1"), READY])


def test_a_conversation_out_of_step_is_seen(cluster):
    where = (cluster.host, cluster.port)
    assert not is_complete(converse(where, [READY], timeout=0.3))
    # One answer too many for the script is caught by the question that follows every script.
    late = converse(where, [m.query("select 1") + m.query("select 2"), READY])
    assert late != converse(where, [m.query("select 1"), READY])


def test_standby_crash_and_restart(directory, cluster):
    standby = cluster.make_standby("standby").start()
    try:
        cluster.sql("create table if not exists replayed (a int)")
        cluster.sql("insert into replayed values (1)")
        cluster.wait_for_replay(standby)
        assert standby.sql("select a from replayed") == [(1,)]
        assert standby.value("select pg_is_in_recovery()")
        with RawClient((standby.host, standby.port)) as client:
            standby.kill()
            assert client.read_to_end() == []
        assert not standby.is_running()
        standby.start()
        assert standby.sql("select a from replayed") == [(1,)]
        standby.restart()
        standby.promote()
        standby.sql("insert into replayed values (2)")
    finally:
        standby.stop("immediate")


LEFT_BEHIND = """
import sys, time
from harness.cluster import PostgresCluster
from harness.processes import TemporaryDirectory
directory = TemporaryDirectory()
cluster = PostgresCluster(directory).initialize().start()
print(directory.path, cluster._process.pid, flush=True)
time.sleep(60)
"""


def test_nothing_is_left_behind_when_the_test_process_is_killed():
    here = Path(__file__).parent
    tester = subprocess.Popen([sys.executable, "-B", "-c", LEFT_BEHIND], stdout=subprocess.PIPE,
                              text=True, env={**os.environ, "PYTHONPATH": str(here)})
    path, pid = tester.stdout.readline().split()
    assert Path(path).is_dir() and Path("/proc", pid).is_dir()
    tester.send_signal(signal.SIGKILL)
    tester.wait()
    tester.stdout.close()
    wait_until(lambda: not Path("/proc", pid).exists(), 10, "end of the orphaned server")
    wait_until(lambda: not Path(path).exists(), 10, "removal of its directory")
