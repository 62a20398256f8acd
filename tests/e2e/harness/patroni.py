"""A cluster that Patroni manages, with an etcd of its own: two servers, of which Patroni decides who
is the primary."""

import json
import subprocess
import urllib.request

import psycopg

from .cluster import SETTINGS, SUPERUSER, bin_directory
from .processes import as_user, children_of, free_port, kill_tree, server_user, spawn, wait_until

LOOP_S = 1


class Etcd:
    def __init__(self, directory):
        self.port, peers = free_port(), free_port()
        data = directory.make("etcd", server_user())
        client, peer = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{peers}"
        with open(directory.path / "etcd.log", "ab") as log:
            self._process = spawn(
                ["/usr/bin/etcd", "--data-dir", data, "--unsafe-no-fsync",
                 "--listen-client-urls", client, "--advertise-client-urls", client,
                 "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                 "--initial-cluster", f"default={peer}"], log, user=server_user())
        wait_until(lambda: urllib.request.urlopen(f"{client}/health", timeout=1).status == 200, 30,
                   "start of etcd")

    def stop(self):
        kill_tree(self._process)


class PatroniNode:
    """One Patroni and its server. It has what pgsaba has to know: name, host and port."""

    def __init__(self, directory, etcd, name, scope="fish"):
        self.name, self.host, self.port, self.rest = name, "127.0.0.1", free_port(), free_port()
        self.config = directory.path / f"{name}.json"
        self._log_path = directory.path / f"{name}.patroni.log"
        self._data = directory.make(name, server_user()) / "data"
        sockets = directory.make(f"{name}.socket", server_user())
        parameters = {key: value for key, value in SETTINGS.items()
                      if key not in ("listen_addresses", "max_connections", "max_wal_senders",
                                     "wal_level", "hot_standby", "max_prepared_transactions")}
        self.config.write_text(json.dumps({
            "scope": scope, "name": name,
            "restapi": {"listen": f"127.0.0.1:{self.rest}",
                        "connect_address": f"127.0.0.1:{self.rest}"},
            "etcd3": {"host": f"127.0.0.1:{etcd.port}"},
            "bootstrap": {
                # A primary that dies is replaced at once, and only by who has all of it.
                "dcs": {"ttl": 20, "loop_wait": LOOP_S, "retry_timeout": 5, "synchronous_mode": True,
                        "master_start_timeout": 0,
                        "postgresql": {"use_pg_rewind": False,
                                       "remove_data_directory_on_diverged_timelines": True}},
                "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}, "no-sync"]},
            "postgresql": {
                "listen": f"127.0.0.1:{self.port}", "connect_address": f"127.0.0.1:{self.port}",
                "pgpass": str(self._data.parent / "pgpass"),
                "data_dir": str(self._data), "bin_dir": str(bin_directory()),
                "authentication": {"superuser": {"username": SUPERUSER},
                                   "replication": {"username": SUPERUSER}},
                "pg_hba": ["local all all trust", "host all all 127.0.0.1/32 trust",
                           "host replication all 127.0.0.1/32 trust"],
                "basebackup": [{"checkpoint": "fast"}, "no-sync"],
                "parameters": {**parameters, "unix_socket_directories": str(sockets)}},
        }, indent=1))
        self._process = None

    def start(self):
        with open(self._log_path, "ab") as log:
            self._process = spawn(["/usr/bin/patroni", str(self.config)], log, user=server_user())
        return self

    def is_ready(self):
        if self._process.poll() is not None:
            raise RuntimeError(f"{self.name} ended:\n{self._log_path.read_text()[-4000:]}")
        try:
            return self.value("select 1") == 1
        except psycopg.Error as error:
            raise OSError(error) from error

    def sql(self, text):
        dsn = f"host={self.host} port={self.port} dbname=postgres user={SUPERUSER}"
        with psycopg.connect(dsn, autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(text)
            return cursor.fetchall() if cursor.description else []

    def value(self, text):
        return self.sql(text)[0][0]

    def kill_server(self):
        """PostgreSQL dies, and its Patroni sees it. First whoever would let clients in again."""
        pid = int((self._data / "postmaster.pid").read_text().split()[0])
        for process in [pid, *children_of(pid)]:
            subprocess.run(["kill", "-9", str(process)], check=False, stderr=subprocess.DEVNULL)

    def control(self, *words):
        done = subprocess.run(["/usr/bin/patronictl", "-c", str(self.config), *words],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd="/",
                              timeout=60, env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
                              **as_user(server_user()))
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def members(self):
        return {member["Member"]: member for member in json.loads(self.control("list", "-f", "json"))}

    def stop(self):
        if self._process is not None:
            kill_tree(self._process)
