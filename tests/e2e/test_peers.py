"""Several processes on one port: a cancel request reaches the one that has the client, wherever it
comes in."""
# ctest-labels: threads

import itertools
import select
import signal
import socket
import threading
import time

import pytest

from harness import messages as m
from harness.client import ConnectionEnded, RawClient, ServerError
from harness.messages import error_fields
from harness.pgsaba import Pgsaba, rows_by_name
from harness.processes import free_port, wait_until

NUMBERS = itertools.count(1)


class Group:
    """Processes that share a port; each has a Unix socket of its own, where its peers find it."""

    def __init__(self, binary, directory, cluster, changes=None):
        self.binary, self.directory, self.cluster, self.changes = binary, directory, cluster, changes
        self.port, self.name = free_port(), f"group_{next(NUMBERS)}"
        self.members, self.ended, self.peers = {}, [], {}

    def make(self, peer_id):
        name = f"{self.name}_{peer_id}_{len(self.ended)}"
        one = Pgsaba(self.binary, self.directory, [self.cluster], self.changes, name)
        one.port = self.port
        one.config["listen"] = [{"address": one.host, "port": one.port},
                                {"unix": str(one.socket_directory), "port": one.port}]
        one.config |= {"reuse_port": True, "peer_id": peer_id}
        one.config["databases"]["postgres"]["pool_size"] = 40
        self.peers[peer_id] = {"host": str(one.socket_directory), "port": one.port}
        self.members[peer_id] = one
        return one

    def start(self, *ids):
        for peer_id in ids:
            self.make(peer_id)
        for peer_id in ids:
            self.members[peer_id].config["peers"] = dict(self.peers)
            self.members[peer_id].start()
        return self

    def replace(self, peer_id):
        """The second of the kind stands at the place of the first, which lets its clients end."""
        old = self.members[peer_id]
        old.send_signal(signal.SIGTERM)
        assert old.wait() == 0
        self.ended.append(old)
        new = self.make(peer_id)
        new.socket_directory = old.socket_directory
        new.config["listen"] = old.config["listen"]
        self.peers[peer_id] = old.config["peers"][peer_id]
        new.config["peers"] = dict(self.peers)
        new.start()
        return new

    def connect(self, peer_id=None):
        if peer_id is None:
            return RawClient(("127.0.0.1", self.port), timeout=30)
        return RawClient(self.members[peer_id].unix_socket, timeout=30)

    def admin(self, peer_id, sql):
        with RawClient(self.members[peer_id].unix_socket, database="pgsaba") as console:
            return rows_by_name(console.query(sql))

    def stop(self):
        for one in self.members.values():
            one.stop(signal.SIGINT)


@pytest.fixture
def make_group(pgsaba_binary, directory, cluster):
    groups = []

    def make(*ids, changes=None):
        groups.append(Group(pgsaba_binary, directory, cluster, changes))
        return groups[-1].start(*ids)

    yield make
    for group in groups:
        group.stop()


def peer_of(client):
    return client.backend_pid >> 24


def cancel(where, pid, secret):
    family = socket.AF_INET if isinstance(where, tuple) else socket.AF_UNIX
    with socket.socket(family) as link:
        link.settimeout(10)
        link.connect(where if isinstance(where, tuple) else str(where))
        link.sendall(m.cancel_request(pid, secret))
        while link.recv(100):
            pass


def codes(frames):
    return [error_fields(frame)["C"] for frame in frames if frame.tag == b"E"]


def wait_for_sleepers(cluster, count):
    wait_until(lambda: cluster.value("select count(*) from pg_stat_activity where state = 'active' "
                                     "and query like 'select pg_sleep(60)%'") == count,
               20, f"{count} sleepers")


@pytest.mark.parametrize("ids, workers", [((1, 2), 1), ((3, 70, 127), 2)])
@pytest.mark.parametrize("version", [m.PROTOCOL_3_0, m.PROTOCOL_3_0 + 2])
def test_every_cancel_hits_its_own_query(make_group, cluster, ids, workers, version):
    group = make_group(*ids, changes={"workers": workers})
    clients = [RawClient(("127.0.0.1", group.port), timeout=30, version=version)
               for _ in range(36)]
    seen = {peer_of(client) for client in clients}
    assert seen == set(ids), "the kernel gives every process some of 36"
    for client in clients:
        client.send(m.query("select pg_sleep(60)"))
    wait_for_sleepers(cluster, len(clients))
    for number, client in enumerate(clients):
        door = group.members[ids[number % len(ids)]]
        where = door.where if number % 2 else door.unix_socket
        cancel(where, client.backend_pid, client.backend_secret)
        assert codes(client.read_until_ready()) == ["57014"]
        others = [other.socket for other in clients[number + 1:]]
        assert select.select(others, [], [], 0)[0] == [], "nobody else's"
    for client in clients:
        assert client.value("select 1") == "1"
        client.close()


def test_what_belongs_to_nobody_is_dropped(make_group, cluster):
    group = make_group(1, 2)
    with group.connect(1) as client:
        client.send(m.query("select pg_sleep(60)"))
        wait_for_sleepers(cluster, 1)
        own = client.backend_pid & 0xFFFFFF
        for member in group.members.values():
            for peer in (0, 2, 3, 127):
                cancel(member.unix_socket, own | peer << 24, client.backend_secret)
            wrong = bytes(byte ^ 1 for byte in client.backend_secret)
            cancel(member.unix_socket, client.backend_pid, wrong)
            # Marked as forwarded, for another one than whom it comes to.
            cancel(member.unix_socket, own | 3 << 24, client.backend_secret + b"F")
        cancel(group.members[2].unix_socket, client.backend_pid, client.backend_secret + b"F")
        assert client.is_silent(0.5)
        cancel(group.members[2].unix_socket, client.backend_pid, client.backend_secret)
        assert codes(client.read_until_ready()) == ["57014"]


def test_a_peer_that_does_not_answer_holds_up_nobody(make_group, cluster):
    """One refuses, one takes connections and says nothing."""
    with socket.socket() as silent, socket.socket() as closed:
        silent.bind(("127.0.0.1", 0))
        silent.listen(50)
        closed.bind(("127.0.0.1", 0))
        dead = {"host": "127.0.0.1", "port": closed.getsockname()[1]}
        mute = {"host": "127.0.0.1", "port": silent.getsockname()[1]}
        group = make_group(1, 2)
        group.members[1].config["peers"] |= {8: dead, 9: mute}
        group.members[1].reload()
        group.members[1].wait_for_log("configuration reloaded")
        door = group.members[1].unix_socket
        for _ in range(60):
            cancel(door, 8 << 24 | 1, b"abcd")
            cancel(door, 9 << 24 | 1, b"abcd")
        rows = {row["peer_id"]: row for row in group.admin(1, "show peer_pools")}
        assert int(rows["9"]["cl_active_cancel_req"]) == 16
        assert int(rows["9"]["cl_waiting_cancel_req"]) == 44
        assert int(rows["8"]["cl_waiting_cancel_req"]) == 0
        with group.connect(2) as client:
            client.send(m.query("select pg_sleep(60)"))
            wait_for_sleepers(cluster, 1)
            cancel(door, client.backend_pid, client.backend_secret)
            assert codes(client.read_until_ready()) == ["57014"]


def test_peers_that_point_at_each_other_wrongly_do_not_loop(make_group, cluster):
    group = make_group(1, 2)
    one, two = (group.members[i] for i in (1, 2))
    one.config["peers"] |= {5: group.peers[2]}
    two.config["peers"] |= {5: group.peers[1]}
    for member in (one, two):
        member.reload()
        member.wait_for_log("configuration reloaded")
    for _ in range(20):
        cancel(one.unix_socket, 5 << 24 | 1, b"abcd")
    wait_until(lambda: all(row["cl_active_cancel_req"] == row["cl_waiting_cancel_req"] == "0"
                           for peer_id in (1, 2) for row in group.admin(peer_id, "show peer_pools")),
               10, "both at rest")
    with group.connect(2) as client:
        client.send(m.query("select pg_sleep(60)"))
        wait_for_sleepers(cluster, 1)
        cancel(one.unix_socket, client.backend_pid, client.backend_secret)
        assert codes(client.read_until_ready()) == ["57014"]


def test_a_client_keeps_its_key_when_another_process_takes_over(make_group, cluster):
    group = make_group(1, 2)
    with group.connect(1) as client:
        key = client.backend_pid, client.backend_secret
        group.members[1].upgrade_by_signal()
        wait_until(lambda: group.members[1].former[-1].poll() is not None, 20, "the first one's end")
        client.send(m.query("select pg_sleep(60)"))
        wait_for_sleepers(cluster, 1)
        cancel(group.members[2].unix_socket, *key)
        assert codes(client.read_until_ready()) == ["57014"]


def test_one_after_the_other_is_replaced_under_load(make_group):
    group = make_group(1, 2)
    over, errors, finished = threading.Event(), [], []

    def work():
        while not over.is_set():
            try:
                client = group.connect()
            except (OSError, ConnectionEnded, ServerError):
                time.sleep(0.01)
                continue  # not let in: it tries again
            began = False
            try:
                while not over.is_set():
                    began = False
                    frames = client.query("begin; select 1")
                    began = not codes(frames)
                    client.query("select pg_sleep(0.01)")
                    client.query("commit")
                    began = False
                    finished.append(True)
            except Exception as error:  # between transactions it is let go
                if began:
                    errors.append(repr(error))
            finally:
                client.socket.close()

    threads = [threading.Thread(target=work) for _ in range(40)]
    for thread in threads:
        thread.start()
    try:
        for peer_id in (1, 2):
            group.replace(peer_id)
            before = len(finished)
            wait_until(lambda: len(finished) > before + 40, 30, "transactions behind a replacement")
    finally:
        over.set()
        for thread in threads:
            thread.join(30)
    assert errors == []


def test_show_peers(make_group):
    group = make_group(1, 2)
    rows = group.admin(1, "show peers")
    assert [(row["peer_id"], row["host"], row["port"]) for row in rows] == [
        (str(i), str(group.members[i].socket_directory), str(group.port)) for i in (1, 2)]
    assert list(group.admin(1, "show peer_pools")[0]) == [
        "peer_id", "cl_active_cancel_req", "cl_waiting_cancel_req", "sv_active_cancel", "sv_login"]
