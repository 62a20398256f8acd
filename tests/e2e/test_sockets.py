"""Where pgsaba listens and where it connects to: TCP over IPv4 and IPv6, Unix sockets, names."""

import itertools
import os
import re
import shlex
import socket
import stat
import subprocess

import pytest
from harness import messages as m
from harness.client import RawClient
from harness.cluster import SUPERUSER, TRUST, PostgresCluster
from harness.conversations import backend, begin, error_of, last_error
from harness.name_server import NameServer
from harness.pgsaba import Pgsaba
from harness.processes import free_port, wait_until

ABSTRACT = f"@pgsaba_e2e_{os.getpid()}"
PIDFD_GETFD = 438  # every architecture's number
NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def cluster(directory):
    """Listens on both loopback addresses, in a directory and in the abstract name space."""
    made = PostgresCluster(directory, "sockets", {"listen_addresses": "127.0.0.1,::1"},
                           hba=[*TRUST, "host all all ::1/128 trust"])
    made.settings["unix_socket_directories"] = f"{made.socket_directory},{ABSTRACT}"
    made.initialize().start()
    yield made
    made.stop("immediate")


def server_at(cluster, host):
    servers = [{"name": "primary", "host": str(host), "port": cluster.port}]
    return {"clusters": {"main": {"servers": servers}}}


def server_address(client):
    return client.value("select host(inet_server_addr())")


# Towards PostgreSQL


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "directory", "abstract"])
def test_server_host(start_pgsaba, cluster, host):
    places = {"directory": cluster.socket_directory, "abstract": ABSTRACT}
    daemon = start_pgsaba(server_at(cluster, places.get(host, host)))
    expected = {"127.0.0.1": ["127.0.0.1"], "::1": ["::1"], "localhost": ["127.0.0.1", "::1"]}
    with daemon.connect() as client:
        assert server_address(client) in expected.get(host, [None])
    servers = daemon.admin("show servers")
    unix = host in places
    assert [row["addr"] in ("127.0.0.1", "::1") for row in servers] == [not unix]
    assert not unix or servers[0]["addr"] == "unix"


def test_cancel_over_a_unix_socket(start_pgsaba, cluster):
    daemon = start_pgsaba(server_at(cluster, cluster.socket_directory))
    with RawClient(daemon.unix_socket) as client:
        client.send(m.query("select pg_sleep(60)"))
        wait_until(lambda: cluster.sql("select 1 from pg_stat_activity where query like"
                                       " 'select pg_sleep%' and state = 'active'"), 10, "the sleep")
        with RawClient(daemon.unix_socket, login=False) as other:
            other.send(m.cancel_request(client.backend_pid, client.backend_secret))
            other.read_to_end()
        errors = [frame for frame in client.read_until_ready() if frame.tag == b"E"]
        assert m.error_fields(errors[0])["C"] == "57014"


def test_unknown_name(start_pgsaba, cluster):
    daemon = start_pgsaba(server_at(cluster, "absent.invalid"))
    with RawClient(daemon.where, login=False) as client:
        client.send(m.startup({"user": SUPERUSER, "database": "postgres"}))
        fields = m.error_fields(client.read_to_end()[-1])
    assert fields["C"] == "08006" and "absent.invalid" in fields["M"]


# A name that moves. Only a mount name space of its own can give the daemon another /etc/hosts.


@pytest.fixture
def start_with_file(pgsaba_binary, directory, cluster):
    """Starts a daemon for which a file of the system's is another one."""
    started = []

    def start(path, system_path, settings):
        bind = f"mount --bind {shlex.quote(str(path))} {system_path}"
        if subprocess.run(["unshare", "-m", "sh", "-c", bind], capture_output=True).returncode != 0:
            pytest.skip("a mount name space needs root")
        wrapper = directory.path / "pgsaba_with_file"
        wrapper.write_text(f"#!/bin/sh\nexec unshare -m sh -c '{bind} && exec \"$@\"' sh "
                           f"{shlex.quote(pgsaba_binary)} \"$@\"\n")
        wrapper.chmod(0o755)
        started.append(Pgsaba(wrapper, directory, [cluster], settings, f"moving_{next(NUMBERS)}"))
        return started[-1].start()

    yield start
    for daemon in started:
        daemon.stop()


@pytest.fixture
def start_with_names(directory, start_with_file):
    """Starts a daemon for which names have the addresses that they are given; and a function that
    gives them others."""
    path = directory.path / "hosts"

    def names_are(names):
        path.write_text("".join(f"{address} {name}\n" for name, addresses in names.items()
                                for address in addresses) or "127.0.0.1 elsewhere.test\n")

    def start(names, settings):
        names_are(names)
        return start_with_file(path, "/etc/hosts", {"dns": {"max_ttl": "1s"}, **settings}), names_are

    return start


@pytest.fixture
def start_named(start_with_names, cluster):
    """The same for a server that is called db.moving.test."""
    def start(*addresses, **changes):
        settings = {**server_at(cluster, "db.moving.test"), **changes}
        daemon, names_are = start_with_names({"db.moving.test": addresses}, settings)
        return daemon, lambda *others: names_are({"db.moving.test": others})

    return start


def test_moving_name_is_followed(start_named):
    daemon, name_is = start_named("127.0.0.1")
    with daemon.connect() as client:
        assert server_address(client) == "127.0.0.1"
        client.rows("begin")
        assert server_address(client) == "127.0.0.1"
        name_is("::1")
        daemon.wait_for_log(r"db\.moving\.test moved to \[::1\]")
        assert server_address(client) == "127.0.0.1"  # a transaction stays where it is
        client.rows("commit")
        assert server_address(client) == "::1"
        name_is()  # no answer is no news
        daemon.wait_for_log("cannot look up server db.moving.test")
        assert server_address(client) == "::1"
        daemon.reload({"pool": {"max_prepared_statements": 7}})
        daemon.wait_for_log("configuration reloaded")
        with daemon.connect(database="pgsaba") as console:
            assert console.query("show databases")
        with RawClient(daemon.where, options={"application_name": "new"}) as other:
            assert server_address(other) == "::1"  # nor is a reload


def test_names_are_listed_with_the_time_they_are_valid(start_named):
    daemon, _ = start_named("127.0.0.1", "::1", dns={"max_ttl": "1h"})
    with daemon.connect() as client:
        assert server_address(client) in ("127.0.0.1", "::1")
    [row] = daemon.admin("show dns_hosts")
    assert (row["hostname"], row["addrs"]) == ("db.moving.test", "127.0.0.1,::1")
    assert 3500 < int(row["ttl"]) <= 3600


def clients_in_transactions(daemon, count):
    """Clients that have a server each, and the servers' addresses."""
    clients = [daemon.connect() for _ in range(count)]
    for client in clients:
        client.rows("begin")
    return clients, [server_address(client) for client in clients]


def test_all_addresses_of_a_name_are_used(start_named):
    daemon, name_is = start_named("127.0.0.1", "::1")
    clients, addresses = clients_in_transactions(daemon, 4)
    assert sorted(addresses) == ["127.0.0.1"] * 2 + ["::1"] * 2
    holder = clients.pop(addresses.index("127.0.0.1"))
    for client in clients:
        client.close()
    name_is("::1")
    daemon.wait_for_log(r"db\.moving\.test moved to \[::1\]:\d+\n")
    wait_until(lambda: [row["addr"] for row in daemon.admin("show servers")].count("127.0.0.1")
               == 1, 10, "the end of the other one there")
    assert server_address(holder) == "127.0.0.1"  # a transaction stays where it is
    holder.rows("commit")
    assert clients_in_transactions(daemon, 4)[1] == ["::1"] * 4


@pytest.mark.parametrize("dead", ["127.0.0.2", "127.0.0.2 127.0.0.3"])
def test_a_dead_address_is_passed_over(start_named, dead):
    """Nobody listens there: the next one is tried at once, and the dead one is left alone."""
    daemon, _ = start_named(*dead.split(), "127.0.0.1",
                            timeouts={"server_login_retry": "600s", "failover_wait": "3s"})
    assert clients_in_transactions(daemon, 4)[1] == ["127.0.0.1"] * 4
    for address in dead.split():
        assert daemon.log.count(f"@{address}:") <= 2, daemon.log


def test_cancel_goes_to_the_address_of_its_server(start_named):
    daemon, _ = start_named("127.0.0.1", "::1")
    clients = [daemon.connect() for _ in range(2)]
    for client in clients:
        client.send(m.query("select pg_sleep(60)"))
    for client in clients:
        assert client.is_silent(0.1)
        with RawClient(daemon.where, login=False) as other:
            other.send(m.cancel_request(client.backend_pid, client.backend_secret))
            other.read_to_end()
        errors = [frame for frame in client.read_until_ready() if frame.tag == b"E"]
        assert m.error_fields(errors[0])["C"] == "57014"
        client.close()


# Other servers under the same names


ANYWHERE = [*TRUST, "host all all 127.0.0.0/8 trust"]


@pytest.fixture(scope="module")
def places(directory):
    """On one port of three addresses: a primary, its standby, and a server of its own."""
    primary = PostgresCluster(directory, "old", {"cluster_name": "old"}, ANYWHERE)
    primary.initialize().start()
    standby = primary.make_standby("standby", {"cluster_name": "standby"})
    stranger = PostgresCluster(directory, "new", {"cluster_name": "new"}, ANYWHERE).initialize()
    for place, server in (("127.0.0.2", standby), ("127.0.0.3", stranger)):
        server.host = server.settings["listen_addresses"] = place
        server.port = primary.port
        server.start()
    primary.sql("create table w (i int)")
    yield primary, standby, stranger
    for server in (stranger, standby, primary):
        server.stop("immediate")


def servers_called(names, port):
    servers = [{"name": name, "host": f"{name}.moving.test", "port": port} for name in names]
    return {"clusters": {"main": {"servers": servers, "monitor": {"interval": "100ms"}}}}


def names_at(**places):
    return {f"{name}.moving.test": [server.host] for name, server in places.items()}


def monitor_is_at(server):
    return server.value("select count(*) from pg_stat_activity"
                        " where application_name = 'pgsaba monitor'") > 0


def roles(daemon):
    return {row["server"]: row["role"] for row in daemon.admin("show topology")}


def name_of(client):
    return client.value("show cluster_name")


def test_a_name_that_moves_to_another_server(start_with_names, places):
    """Nobody keeps a connection to the old one, so that nothing happens when it ends."""
    old, _, new = places
    daemon, names_are = start_with_names(names_at(one=old), servers_called(["one"], old.port))
    with daemon.connect() as busy, daemon.connect() as client:
        assert name_of(client) == "old"
        wait_until(lambda: monitor_is_at(old), 10, "the monitor")
        pid = begin(busy)
        names_are(names_at(one=new))
        wait_until(lambda: monitor_is_at(new) and not monitor_is_at(old), 10, "the move")
        assert name_of(client) == "new"
        assert (name_of(busy), backend(busy)) == ("old", pid)
        busy.rows("commit")
        wait_until(lambda: roles(daemon) == {"one": "primary"}, 10, "its role")
        pid = begin(client)
        old.restart()
        assert (name_of(client), backend(client)) == ("new", pid)
        client.rows("commit")
    assert "is not used" not in daemon.log


DESKS = ("pgsaba auth", "pgsaba fates")


def connected(server, *names):
    """Those of pgsaba's own connections that this server has."""
    return sorted(row[0] for row in server.sql("select application_name from pg_stat_activity"
                                               " where application_name like 'pgsaba%'")
                  if row[0] in names)


@pytest.fixture
def asking(places):
    """A configuration by which the control thread asks for secrets and for the fates of COMMITs."""
    for server in (places[0], places[2]):
        if not server.sql("select 1 from pg_roles where rolname = 'found'"):
            server.sql("create role found login password 'p'")
    return {"auth": {"type": "scram-sha-256", "user": SUPERUSER, "query":
                     "select rolname, rolpassword from pg_authid where rolname = $1"},
            "routing": {"xact_status": True}}


def test_what_asks_servers_leaves_the_one_that_a_name_has_left(start_with_names, places, asking):
    """Without being asked anything: else the old server waits for it when it is to stop."""
    old, _, new = places
    daemon, names_are = start_with_names(names_at(one=old), servers_called(["one"], old.port) | asking)
    with daemon.connect(user="found", password="p") as client:
        wait_until(lambda: connected(old, *DESKS) == sorted(DESKS), 10, "both connections")
        names_are(names_at(one=new))
        wait_until(lambda: connected(old, *DESKS) == [], 10, "their ends")
        wait_until(lambda: connected(new, "pgsaba fates"), 10, "one where it is now")
        assert name_of(client) == "new"


def test_what_asks_servers_leaves_the_one_that_a_reload_replaces(start_with_names, places, asking):
    old, _, new = places
    daemon, _ = start_with_names(names_at(one=old, two=new), servers_called(["one"], old.port) | asking)
    with daemon.connect(user="found", password="p"):
        wait_until(lambda: connected(old, *DESKS) == sorted(DESKS), 10, "both connections")
        moved = servers_called(["two"], old.port)
        moved["clusters"]["main"]["servers"][0]["name"] = "one"
        daemon.reload(moved)
        wait_until(lambda: connected(old, *DESKS) == [], 10, "their ends")
        wait_until(lambda: connected(new, "pgsaba fates"), 10, "one where it is now")


def test_roles_are_those_of_where_the_names_lead(start_with_names, places):
    """A primary and its standby change names; whoever writes waits meanwhile."""
    primary, standby, _ = places
    daemon, names_are = start_with_names(names_at(one=primary, two=standby),
                                         servers_called(["one", "two"], primary.port))
    with daemon.connect(timeout=60) as client:
        for names, expected in ((names_at(one=standby, two=primary), ("standby", "primary")),
                                (names_at(one=primary, two=standby), ("primary", "standby"))):
            names_are(names)
            while tuple(roles(daemon).values()) != expected:
                client.rows("insert into w values (1)")
            client.rows("insert into w values (1)")


def test_a_name_that_moves_to_a_stranger(start_with_names, places):
    """The standby still tells whose cluster it is."""
    primary, standby, stranger = places
    daemon, names_are = start_with_names(
        names_at(one=primary, two=standby),
        {**servers_called(["one", "two"], primary.port), "timeouts": {"failover_wait": "300ms"}})
    with daemon.connect() as client, daemon.connect() as busy:
        assert name_of(client) == "old"
        pid = begin(busy)
        names_are(names_at(one=stranger, two=standby))
        daemon.wait_for_log("server one has the system identifier .* it is not used")
        error = error_of(client.query("select 1"))
        assert error["C"] == "57P03" and "has another system identifier" in error["M"]
        assert backend(busy) == pid
        busy.rows("commit")
        names_are(names_at(one=primary, two=standby))
        wait_until(lambda: roles(daemon)["one"] == "primary", 10, "the primary")
        assert name_of(client) == "old"


@pytest.fixture
def name_server():
    try:
        made = NameServer()
    except PermissionError:
        pytest.skip("port 53 needs root")
    yield made
    made.close()


@pytest.mark.parametrize("found", ["127.0.0.1", None])
def test_a_first_look_up_is_waited_for(start_with_file, directory, cluster, name_server, found):
    """Until it has failed, nothing speaks against a server that a reload has brought."""
    path = directory.path / "resolv.conf"
    path.write_text(f"nameserver {name_server.address}\noptions timeout:30 attempts:1\n")
    daemon = start_with_file(path, "/etc/resolv.conf", server_at(cluster, "127.0.0.1"))
    server = {"name": "late", "host": "late.pgsaba.test.", "port": cluster.port}
    daemon.reload({"clusters": {"late": {"servers": [server]}},
                   "databases": {"late": {"cluster": "late", "dbname": "postgres"}}})
    daemon.wait_for_log("configuration reloaded")
    assert name_server.asked.wait(10)
    with RawClient(daemon.where, login=False) as client:
        client.send(m.startup({"user": SUPERUSER, "database": "late"}))
        assert client.is_silent(0.5)
        name_server.answer(found)
        if found:
            client.read_until_ready()
            assert server_address(client) == found
        else:
            assert last_error(client)["C"] == "08006"


# Towards clients


@pytest.fixture
def start_listening(pgsaba_binary, directory, cluster, request):
    """Starts a daemon with these listeners before the one that the harness waits for."""
    started = []

    def start(*listeners):
        name = re.sub(r"\W", "_", request.node.name)
        daemon = Pgsaba(pgsaba_binary, directory, [cluster], name=name)
        daemon.config["listen"] = [*listeners, daemon.config["listen"][0]]
        started.append(daemon)
        return daemon.start()

    yield start
    for daemon in started:
        daemon.stop()


def test_listens_on_several_addresses(start_listening, directory):
    ports = [free_port() for _ in range(2)]
    abstract = f"{ABSTRACT}_listen"
    path = directory.make("several")
    daemon = start_listening(
        {"address": "::1", "port": ports[0]}, {"address": "127.0.0.2", "port": ports[1]},
        {"address": "localhost", "port": ports[1]}, {"unix": str(path), "port": 7},
        {"unix": abstract, "port": 7})
    places = {("::1", ports[0]): "::1", ("127.0.0.2", ports[1]): "127.0.0.1",
              ("127.0.0.1", ports[1]): "127.0.0.1", path / ".s.PGSQL.7": "unix",
              "\0" + abstract[1:] + "/.s.PGSQL.7": "unix"}
    for place, expected in places.items():
        with RawClient(place) as client:
            assert client.value("select 1") == "1"
            addresses = [row["addr"] for row in daemon.admin("show clients")
                         if row["database"] == "postgres"]
            assert addresses == [expected]


def test_a_star_is_every_address(start_listening):
    port = free_port()
    daemon = start_listening({"address": "*", "port": port})
    for host in ("127.0.0.1", "::1"):
        with RawClient((host, port)) as client:
            assert client.value("select 1") == "1"
    assert daemon.is_running()


@pytest.mark.parametrize("mode", ["0600", "0770", None])
def test_mode_of_the_socket(start_listening, directory, mode):
    path = directory.make(f"mode_{mode}")
    listener = {"unix": str(path), "port": 7}
    daemon = start_listening({**listener, "mode": mode} if mode else listener)
    file = path / ".s.PGSQL.7"
    assert stat.S_IMODE(file.stat().st_mode) == int(mode or "0777", 8)
    assert stat.S_ISSOCK(file.stat().st_mode)
    daemon.stop()
    assert not file.exists()


def listens(path):
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def test_socket_file_of_a_dead_process(start_pgsaba, pgsaba_binary, directory):
    daemon = start_pgsaba()
    second = directory.path / "second.yaml"
    second.write_text(re.sub(r'"address": "127.0.0.1"', '"address": "127.0.0.3"',
                             daemon.config_path.read_text()))
    refused = subprocess.run([pgsaba_binary, "serve", "-c", second], capture_output=True, text=True,
                             timeout=30)
    assert refused.returncode == 1 and "cannot listen" in refused.stdout + refused.stderr
    with RawClient(daemon.unix_socket) as client:
        assert client.value("select 1") == "1"
    daemon.kill()
    assert daemon.unix_socket.exists()
    daemon.start()  # until TCP accepts; the Unix socket comes next
    wait_until(lambda: listens(daemon.unix_socket), 10, "the Unix socket")
    with RawClient(daemon.unix_socket) as client:
        assert client.value("select 1") == "1"


# Options of TCP sockets


def tcp_sockets(pid):
    """Copies of a process's connected TCP sockets."""
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(pid)
    for name in os.listdir(f"/proc/{pid}/fd"):
        if not os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:"):
            continue
        fd = libc.syscall(PIDFD_GETFD, pidfd, int(name), 0)
        if fd < 0:
            pytest.skip(f"another process's sockets are out of reach: "
                        f"{os.strerror(ctypes.get_errno())}")
        with socket.socket(fileno=fd) as copy:
            listening = copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            if copy.family == socket.AF_INET and not listening:
                yield copy
    os.close(pidfd)


OPTIONS = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE), (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
           (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL), (socket.IPPROTO_TCP, socket.TCP_KEEPCNT),
           (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT), (socket.IPPROTO_TCP, socket.TCP_NODELAY)]


def options_of_both(daemon):
    """The OPTIONS of a client's connection and of its server's."""
    with daemon.connect() as client:
        client.rows("begin")
        port = int(client.value("select inet_client_port()"))
        ours = client.socket.getsockname()[1]
        sockets = {}
        for copy in tcp_sockets(daemon.pid):
            values = [copy.getsockopt(*option) for option in OPTIONS]
            if copy.getpeername()[1] == ours:
                sockets["client"] = values
            elif copy.getsockname()[1] == port:
                sockets["server"] = values
        return sockets["client"], sockets["server"]


def test_tcp_options(start_pgsaba):
    daemon = start_pgsaba({"tcp": {"keepidle": "33s", "keepintvl": "7s", "keepcnt": 4,
                                   "user_timeout": "21s"}})
    assert options_of_both(daemon) == ([1, 33, 7, 4, 21_000, 1],) * 2


def test_tcp_options_are_the_systems_unless_set(start_pgsaba):
    def system(name):
        with open(f"/proc/sys/net/ipv4/tcp_{name}", encoding="ascii") as file:
            return int(file.read())
    usual = [system("keepalive_time"), system("keepalive_intvl"), system("keepalive_probes"), 0, 1]
    assert options_of_both(start_pgsaba()) == ([1, *usual],) * 2
    assert options_of_both(start_pgsaba({"tcp": {"keepalive": False}})) == ([0, *usual],) * 2
