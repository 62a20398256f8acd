"""A throw-away PostgreSQL server on a free loopback port and a Unix socket."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import psycopg

from .processes import (as_user, children_of, free_port, kill_tree, server_user, spawn,
                        wait_until)

SUPERUSER = "postgres"
# Of the tests' own connections, whose backends are still there for a moment when they are closed.
TEST_NAME = "pgsaba test"

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "max_prepared_transactions": "10",
    "max_wal_senders": "10",
    "wal_level": "logical",
    "hot_standby": "on",
    "jit": "off",
    "autovacuum": "off",
    "timezone": "UTC",
    "lc_messages": "C",
    "log_line_prefix": "%m [%p] %a ",
}

TRUST = ["local all all trust", "host all all 127.0.0.1/32 trust",
         "local replication all trust", "host replication all 127.0.0.1/32 trust"]


def bin_directory():
    """The newest installed server's programs; Debian keeps them out of PATH."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"),
                      key=lambda path: int(path.parts[-3]))
    if versions:
        return versions[-1].parent
    found = subprocess.run(["pg_config", "--bindir"], check=True, capture_output=True, text=True)
    return Path(found.stdout.strip())


class PostgresCluster:
    """One data directory and the server that runs on it.

    settings  override SETTINGS; hba replaces the lines of pg_hba.conf, all of them "trust" unless told
    directory a TemporaryDirectory that outlives the cluster
    """

    def __init__(self, directory, name="primary", settings=None, hba=None):
        self.name = name
        self.host = "127.0.0.1"
        self.port = free_port()
        self.settings = {**SETTINGS, **(settings or {})}
        self.user = server_user()
        self.socket_directory = directory.make(f"{name}.socket", self.user)
        self.data = directory.make(name, self.user)
        self.data.chmod(0o700)
        self.log_path = directory.path / f"{name}.log"
        self._directory = directory
        self._hba = hba or TRUST
        self._process = None

    # Making a data directory

    def initialize(self):
        self._run("initdb", "-D", self.data, "-U", SUPERUSER, "-A", "trust", "-E", "UTF8",
                  "--locale=C.UTF-8", "--no-sync", "--no-instructions")
        self.set_hba(self._hba)
        return self

    def make_standby(self, name, settings=None):
        """A streaming hot standby of this running server, not started yet."""
        standby = PostgresCluster(self._directory, name, {**self.settings, **(settings or {})})
        self._run("pg_basebackup", "-D", standby.data, "-h", self.host, "-p", self.port, "-U",
                  SUPERUSER, "-R", "-X", "stream", "-c", "fast", "--no-sync")
        return standby

    def set_hba(self, lines):
        """Replaces pg_hba.conf; reload() makes a running server follow."""
        (self.data / "pg_hba.conf").write_text("\n".join(lines) + "\n")

    def rebuild_from(self, primary):
        """Its data is gone; what runs at its address from now on is a new standby."""
        self.stop("immediate")
        for path in self.data.iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        self._run("pg_basebackup", "-D", self.data, "-h", primary.host, "-p", primary.port, "-U",
                  SUPERUSER, "-R", "-X", "stream", "-c", "fast", "--no-sync")
        return self.start()

    def make_twin(self, name):
        """A copy that believes to be this server, on the same timeline, not started yet."""
        twin = PostgresCluster(self._directory, name, self.settings)
        self._run("pg_basebackup", "-D", twin.data, "-h", self.host, "-p", self.port, "-U",
                  SUPERUSER, "-X", "stream", "-c", "fast", "--no-sync")
        return twin

    def become_standby_of(self, primary):
        """To be said while it does not run."""
        signal_file = self.data / "standby.signal"
        signal_file.touch()
        with open(self.data / "postgresql.auto.conf", "a") as settings:
            settings.write(f"primary_conninfo = '{primary.conninfo()}'\n")
        if os.geteuid() == 0:
            shutil.chown(signal_file, self.user)

    def follow(self, primary):
        """A running standby turns to another primary."""
        self.sql(f"alter system set primary_conninfo = '{primary.conninfo()}'")
        self.sql("select pg_reload_conf()")

    def conninfo(self):
        return f"host={self.host} port={self.port} user={SUPERUSER}"

    def use_certificate(self, files, client_ca=None):
        """TLS with these files; a running server follows at once."""
        for source, name in [(files.certificate, "server.crt"), (files.key, "server.key"),
                             *([(client_ca, "root.crt")] if client_ca else [])]:
            copy = self.data / name
            shutil.copyfile(source, copy)
            copy.chmod(0o600)
            if os.geteuid() == 0:
                shutil.chown(copy, self.user)
        self.settings["ssl"] = "on"
        if client_ca:
            self.settings["ssl_ca_file"] = "root.crt"
        if self.is_running():
            self.sql("select pg_reload_conf()")
        return self

    # Life and death

    def start(self, timeout=30):
        options = [f"--{key}={value}" for key, value in self.settings.items()]
        command = [bin_directory() / "postgres", "-D", self.data, "-p", str(self.port),
                   f"--unix_socket_directories={self.socket_directory}", *options]
        with open(self.log_path, "ab") as log:
            # An immediate shutdown if we die: nobody needs this data any more.
            self._process = spawn(command, log, signal.SIGQUIT, self.user)
        wait_until(self.is_ready, timeout, f"start of {self.name}")
        return self

    def is_ready(self):
        if self._process.poll() is not None:
            raise RuntimeError(f"{self.name} ended while starting:\n{self.log_path.read_text()}")
        try:
            psycopg.connect(self.dsn(), connect_timeout=5).close()
            return True
        except psycopg.OperationalError as error:
            raise OSError(error) from error

    def is_running(self):
        return self._process is not None and self._process.poll() is None

    def stop(self, mode="fast", timeout=30):
        """smart waits for clients, fast ends their sessions, immediate skips the checkpoint."""
        if self.is_running():
            signals = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
            self._process.send_signal(signals[mode])
            try:
                self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                kill_tree(self._process)
                raise

    def kill(self):
        """As if the machine lost its power: no goodbye on any connection."""
        if self.is_running():
            kill_tree(self._process)

    def freeze(self):
        """As if it were cut off: connections stay, and nothing is said on them."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self):
        self._signal_all(signal.SIGCONT)

    def stop_accepting(self):
        """Whoever connects, or has a cancel request, waits; what is connected goes on."""
        self._process.send_signal(signal.SIGSTOP)

    def accept_again(self):
        self._process.send_signal(signal.SIGCONT)

    def _signal_all(self, number):
        for pid in [self._process.pid, *children_of(self._process.pid)]:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def restart(self, mode="fast"):
        self.stop(mode)
        return self.start()

    def reload(self):
        self._process.send_signal(signal.SIGHUP)

    def promote(self):
        self.sql("select pg_promote()")

    # Talking to it

    def dsn(self, dbname="postgres", user=SUPERUSER):
        return f"host={self.host} port={self.port} dbname={dbname} user={user}"

    def sql(self, text, parameters=None, dbname="postgres"):
        """Runs one statement as superuser, past pgsaba; returns its rows."""
        with psycopg.connect(self.dsn(dbname), autocommit=True,
                             application_name=TEST_NAME) as connection:
            cursor = connection.execute(text, parameters)
            return cursor.fetchall() if cursor.description else []

    def value(self, text, parameters=None, dbname="postgres"):
        return self.sql(text, parameters, dbname)[0][0]

    def create_user(self, name, password=None, encryption="scram-sha-256"):
        quoted = "null" if password is None else "'" + password.replace("'", "''") + "'"
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            connection.execute(f"set password_encryption = '{encryption}'")
            connection.execute(f'create role "{name}" login password {quoted}')

    def wait_for_replay(self, standby, timeout=30):
        """Until `standby` shows everything that is committed here now."""
        written = self.value("select pg_current_wal_lsn()")
        wait_until(lambda: standby.value("select pg_last_wal_replay_lsn() >= %s", (written,)),
                   timeout, f"{standby.name} replaying {written}")

    def _run(self, program, *arguments):
        command = [str(word) for word in (bin_directory() / program, *arguments)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              cwd="/", **as_user(self.user))
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
