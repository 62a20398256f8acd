"""A PgBouncer in front of one server, to be put in front of pgsaba or behind it."""

import signal
import socket

from .processes import free_port, server_user, spawn, wait_until

PROGRAM = "/usr/sbin/pgbouncer"


class PgBouncer:
    """`server` has host and port; `mode` is its pool_mode. Everybody is trusted."""

    def __init__(self, directory, server, mode="session", name="pgbouncer"):
        self.name = name
        self.host, self.port = "127.0.0.1", free_port()
        self._config = directory.path / f"{name}.ini"
        self._log = directory.path / f"{name}.log"
        self._config.write_text("\n".join([
            "[databases]", f"* = host={server.host} port={server.port}", "[pgbouncer]",
            f"listen_addr = {self.host}", f"listen_port = {self.port}", "unix_socket_dir =",
            "auth_type = any", f"pool_mode = {mode}", "default_pool_size = 20",
            "max_client_conn = 200", "server_login_retry = 0.1",
            "ignore_startup_parameters = extra_float_digits,options", ""]).replace(
                "* = ", "* = user=postgres "))
        self._process = None

    @property
    def where(self):
        return (self.host, self.port)

    def start(self):
        with open(self._log, "ab") as log:
            self._process = spawn([PROGRAM, str(self._config)], log, user=server_user())
        wait_until(self._accepts, 20, f"{self.name} accepting connections")
        return self

    def _accepts(self):
        if self._process.poll() is not None:
            raise RuntimeError(f"{self.name} ended:\n{self._log.read_text()}")
        socket.create_connection(self.where, 1).close()
        return True

    def stop(self):
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(20)
