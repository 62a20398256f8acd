"""Debian's PgBouncer, as an oracle of what its users and their tools are used to."""

import psycopg

from .processes import free_port, server_user, spawn, wait_until

PROGRAM = "/usr/sbin/pgbouncer"
SETTINGS = """[databases]
postgres = host=127.0.0.1 port={server} pool_size=4
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {directory}/userlist.txt
admin_users = postgres
pool_mode = transaction
ignore_startup_parameters = extra_float_digits
"""


class PgBouncer:
    """One in front of `cluster`."""

    def __init__(self, directory, cluster, name="bouncer"):
        self.port = free_port()
        base = directory.make(f"{name}-{self.port}", server_user())
        (base / "userlist.txt").write_text('"postgres" ""\n')
        file = base / "pgbouncer.ini"
        file.write_text(SETTINGS.format(server=cluster.port, port=self.port, directory=base))
        with open(base / "log", "wb") as log:
            self._process = spawn([PROGRAM, str(file)], log, user=server_user())
        wait_until(self._answers, 15, "PgBouncer")

    def _answers(self):
        try:
            return console(self.port, "show version")
        except psycopg.OperationalError:
            return False

    def stop(self):
        self._process.kill()
        self._process.wait()


def connect_to_console(port, user="postgres"):
    """As its exporters do: in the simple protocol, which is all that PgBouncer's console speaks."""
    return psycopg.connect(host="127.0.0.1", port=port, dbname="pgbouncer", user=user, autocommit=True,
                           cursor_factory=psycopg.ClientCursor)


def console(port, sql):
    with connect_to_console(port) as connection:
        return connection.cursor(row_factory=psycopg.rows.dict_row).execute(sql).fetchall()
