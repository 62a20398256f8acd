"""The peers: how each is configured and started. All get the same server, pool and user."""

import json
import os
import resource
import shutil
import signal
from dataclasses import dataclass, replace

from kit.counters import read_counters
from kit.stage import Failure, free_port

BUILD = "bench/README.md says how it is built"
CPUS = [str(cpu) for cpu in sorted(os.sched_getaffinity(0))]
POOLER_CPU = CPUS[0]
LOAD_CPU = CPUS[min(1, len(CPUS) - 1)]
MAX_CLIENTS = 12000
LISTEN_BACKLOG = 4096


@dataclass(frozen=True)
class Setup:
    server_port: int
    programs: "Programs"
    cpus: str = POOLER_CPU
    pool_size: int = 8
    databases: int = 1        # more than one: bench0, bench1, ...
    known_users: int = 1      # entries of the user list
    workers: int = 1          # pgsaba
    network: str = "auto"     # pgsaba
    packet_buffer: int = 0    # PgBouncer's pkt_buf; 0: its default
    query_wait_s: int = 120   # how long a client may wait for a server
    unknown_code: str = ""    # pgsaba's pool.unknown_code; empty: its default
    standby_ports: tuple = ()  # pgsaba splits reads from writes
    read_your_writes: str = "off"
    certificate: str = ""     # with its key beside it: TLS for clients
    user: str = "bench"
    under: tuple = ()         # a command that runs pgsaba: valgrind with its options


@dataclass(frozen=True)
class Programs:
    build: str
    pgbouncer: str = "/usr/sbin/pgbouncer"
    haproxy: str = "/usr/sbin/haproxy"
    pgpool: str = "/usr/sbin/pgpool"

    @property
    def pgsaba(self):
        return os.path.join(self.build, "src", "pgsaba")

    @property
    def load(self):
        return os.path.join(self.build, "bench", "bench_load")

    @property
    def null_server(self):
        return os.path.join(self.build, "bench", "bench_null_server")

    @property
    def count(self):
        return os.path.join(self.build, "bench", "parts", "bench_count")

    @property
    def micro(self):
        return os.path.join(self.build, "bench", "parts", "bench_micro")


@dataclass
class Pooler:
    name: str
    port: int
    process: object = None  # None: the server itself

    @property
    def pid(self):
        return self.process.pid

    def counters(self):
        return read_counters(self.pid)


def database_names(setup):
    return ["bench"] if setup.databases == 1 else [f"bench{i}" for i in range(setup.databases)]


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w") as file:
        file.write(text)
    return path


def write_user_list(folder, setup):
    names = [setup.user] + [f"user{i}" for i in range(setup.known_users - 1)]
    return write(folder, "userlist.txt", "".join(f'"{name}" ""\n' for name in names))


def copied(folder, certificate):
    """Certificate and key, readable by whoever the folder belongs to."""
    paths = []
    for source in (certificate, certificate + ".key"):
        paths.append(shutil.copy(source, folder))
        os.chmod(paths[-1], 0o600)
        owner = os.stat(folder)
        os.chown(paths[-1], owner.st_uid, owner.st_gid)
    return paths


def started(stage, name, port, command, setup, unprivileged=False):
    process = stage.start(command, cpus=setup.cpus, unprivileged=unprivileged)
    process.wait_for_port(port)
    return Pooler(name, port, process)


def start_pgbouncer(stage, setup):
    folder, port = stage.folder("pgbouncer"), free_port()
    settings = {
        "listen_addr": "127.0.0.1", "listen_port": port, "unix_socket_dir": "",
        "auth_type": "trust", "auth_file": write_user_list(folder, setup),
        "pool_mode": "transaction", "default_pool_size": setup.pool_size,
        "query_wait_timeout": setup.query_wait_s,
        "max_client_conn": MAX_CLIENTS, "listen_backlog": LISTEN_BACKLOG,
        "ignore_startup_parameters": "extra_float_digits", "stats_users": setup.user,
        "log_connections": 0, "log_disconnections": 0, "log_stats": 0,
    }
    if setup.certificate:
        certificate, key = copied(folder, setup.certificate)
        settings |= {"client_tls_sslmode": "require", "client_tls_cert_file": certificate,
                     "client_tls_key_file": key, "client_tls_protocols": "secure"}
    if setup.packet_buffer:
        settings["pkt_buf"] = setup.packet_buffer
    lines = ["[databases]"]
    lines += [f"{name} = host=127.0.0.1 port={setup.server_port} dbname=bench"
              for name in database_names(setup)]
    lines += ["[pgbouncer]"] + [f"{name} = {value}" for name, value in settings.items()]
    path = write(folder, "pgbouncer.ini", "\n".join(lines) + "\n")
    command = [setup.programs.pgbouncer, "-q", path]
    return started(stage, "pgbouncer", port, command, setup, unprivileged=True)


def start_pgbouncer_large(stage, setup):
    pooler = start_pgbouncer(stage, replace(setup, packet_buffer=65536))
    return replace_name(pooler, "pgbouncer, pkt_buf=65536")


def replace_name(pooler, name):
    return Pooler(name, pooler.port, pooler.process)


def start_haproxy(stage, setup):
    folder, port = stage.folder("haproxy"), free_port()
    path = write(folder, "haproxy.cfg", f"""global
  nbthread 1
  maxconn {haproxy_clients()}
defaults
  mode tcp
  timeout connect 10s
  timeout client 1h
  timeout server 1h
listen bench
  bind 127.0.0.1:{port} backlog {LISTEN_BACKLOG}
  server s1 127.0.0.1:{setup.server_port}
""")
    return started(stage, "haproxy", port, [setup.programs.haproxy, "-db", "-f", path], setup)


def haproxy_clients():
    """HAProxy needs two descriptors per client, and refuses to start without them."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(MAX_CLIENTS, (files - 200) // 2)


def pgsaba_settings(setup, port, folder):
    servers = [{"name": f"s{i}", "host": "127.0.0.1", "port": server_port}
               for i, server_port in enumerate((setup.server_port, *setup.standby_ports), 1)]
    cluster = {"servers": servers}
    database = {"cluster": "c", "dbname": "bench", "pool_size": setup.pool_size}
    if setup.standby_ports:
        cluster["monitor"] = {"user": setup.user, "database": "bench", "interval": "1s"}
        database["route"] = "split"
    pool = {"unknown_code": setup.unknown_code} if setup.unknown_code else {}
    tls = {"certificate": setup.certificate, "key": setup.certificate + ".key",
           "mode": "require"} if setup.certificate else {}
    return {
        "listen": [{"address": "127.0.0.1", "port": port}],
        "tls": tls,
        "workers": setup.workers,
        "network": setup.network,
        "clusters": {"c": cluster},
        "databases": {name: database for name in database_names(setup)},
        "auth": {"type": "trust", "file": write_user_list(folder, setup)},
        "admin": {"users": ["saba"], "stats_users": [setup.user]},
        "pool": pool,
        "routing": {"read_your_writes": setup.read_your_writes},
        "timeouts": {"query_wait": f"{setup.query_wait_s}s"},
        "limits": {"max_client_connections": MAX_CLIENTS},
        "log": {"connections": False, "disconnections": False},
    }


def start_pgsaba(stage, setup):
    folder, port = stage.folder("pgsaba", unprivileged=False), free_port()
    # JSON is YAML, too.
    path = write(folder, "pgsaba.yaml", json.dumps(pgsaba_settings(setup, port, folder), indent=1))
    command = [*setup.under, setup.programs.pgsaba, "serve", "-c", path]
    return started(stage, "pgsaba", port, command, setup)


def start_pgsaba_epoll(stage, setup):
    return replace_name(start_pgsaba(stage, replace(setup, network="epoll")), "pgsaba-epoll")


def start_pgpool(stage, setup):
    """Pooling per session: num_init_children processes, each of which serves one client at a time."""
    folder, port = stage.folder("pgpool"), free_port()
    settings = {
        "backend_clustering_mode": "raw", "listen_addresses": "127.0.0.1", "port": port,
        "socket_dir": folder, "pcp_listen_addresses": "", "pcp_port": free_port(),
        "pcp_socket_dir": folder, "wd_ipc_socket_dir": folder,
        "backend_hostname0": "127.0.0.1", "backend_port0": setup.server_port, "backend_weight0": 1,
        "num_init_children": setup.pool_size, "max_pool": 1, "enable_pool_hba": "off",
        "pid_file_name": os.path.join(folder, "pgpool.pid"), "logdir": folder,
    }
    lines = [f"{name} = '{value}'" for name, value in settings.items()]
    path = write(folder, "pgpool.conf", "\n".join(lines) + "\n")
    command = [setup.programs.pgpool, "-n", "-f", path, "-F", write(folder, "pcp.conf", "")]
    process = stage.start(command, unprivileged=True, stop_signal=signal.SIGINT)
    process.wait_for_port(port)
    return Pooler("pgpool", port, process)


def start_direct(_stage, setup):
    return Pooler("direct", setup.server_port)


STARTERS = {
    "direct": start_direct,
    "haproxy": start_haproxy,
    "pgbouncer": start_pgbouncer,
    "pgsaba": start_pgsaba,
    "pgsaba-epoll": start_pgsaba_epoll,
}
USUAL = ("direct", "haproxy", "pgbouncer", "pgsaba")
POOLERS = ("pgbouncer", "pgsaba")  # those that keep a pool; HAProxy passes connections one to one


def missing_reason(name, programs):
    path = programs.null_server if name == "direct" else getattr(programs, name.split("-")[0])
    if os.path.exists(path) or shutil.which(path):
        return None
    remedy = BUILD if path.startswith(programs.build) else "packaging/install-dependencies bench"
    return f"{path} does not exist: {remedy}"


def start_null_server(stage, programs, login_delay_ms=0):
    if not os.path.exists(programs.null_server):
        raise Failure(f"{programs.null_server} does not exist: {BUILD}")
    port = free_port()
    command = [programs.null_server, "--port", str(port), "--login-delay-ms", str(login_delay_ms)]
    stage.start(command, cpus=LOAD_CPU).wait_for_port(port)
    return port
