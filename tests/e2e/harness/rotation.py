"""Servers that never look as a client left them: between any two of its statements all free servers
of its pool serve others, who leave them full of foreign state.

Three persons work on a pool in turn, a different one on each server. A *dirtier* stays connected and
has settings, statements and channels of its own, under the names that the cases use. A *passer-by*
connects, makes what pins a server (temporary objects, locks, held cursors, sequences), and goes
without tidying up. The values change with every turn, so that no server matches any of them twice.
"""

import itertools

from . import messages
from .client import RawClient
from .cluster import SUPERUSER
from .pgsaba import Pgsaba

POOL_SIZE = 3
TURNS = itertools.count(1)  # of all rotations, so that no two of them lock the same

CONFIG = {"pool": {"server_round_robin": True, "pool_size": POOL_SIZE},
          "timeouts": {"sequence_pin": "10s"}}

# Each is one Query, hence one lease; {n} is another number each time, {client} that of the client
# under test. An explicit block, for what
# the dirtier has set before may be read only.
SETTINGS = """begin read write;
    set application_name = 'dirt {n}'; set timezone = 'Pacific/Chatham'; set datestyle = 'German';
    set intervalstyle = 'sql_standard'; set extra_float_digits = -1; set bytea_output = 'escape';
    set search_path = pg_catalog, dirt; set work_mem = '{n}kB'; set statement_timeout = '{n}s';
    set lock_timeout = '{n}s'; set idle_in_transaction_session_timeout = '{n}s';
    set client_min_messages = 'error'; set enable_seqscan = off; set enable_hashjoin = off;
    set default_transaction_isolation = 'serializable'; set default_transaction_read_only = on;
    set standard_conforming_strings = off; set client_encoding = 'LATIN1'; set xmloption = document;
    set synchronous_commit = off; set row_security = off; set saba.one = 'dirt {n}';
    set saba.two = 'dirt {n}'; set other.thing = 'dirt {n}'; commit"""

SUPERUSER_SETTINGS = """begin read write; set session_replication_role = replica;
    set log_statement = 'none'; set session authorization dirt; set role dirt_too; commit"""

TIDY = """rollback; begin read write; reset session authorization; reset role; reset all; commit"""

# No dirtier has any of these when it comes again.
STATEMENTS = [
    "prepare s as select 'dirt {n}'", "prepare p (text) as select 'dirt {n}', $1",
    "prepare a1 as select 'dirt {n}'", "prepare plan as select 'dirt {n}' from dirt.things",
]

TEMPORARY = [
    "create temp table basket (dirt text default 'dirt {n}'); insert into basket default values",
    "create temp view shelf as select 'dirt {n}' as dirt", "create temp sequence ticket start {n}",
    "drop view shelf; drop sequence ticket; drop table basket",
]

LISTENING = ["listen dirt_{n}; listen news{client}", "unlisten dirt_{n}; unlisten news{client}"]

LOCKS = ["select pg_advisory_lock(5000000 + {n}), pg_advisory_lock_shared(6000000)",
         "select pg_advisory_unlock(5000000 + {n}), pg_advisory_unlock_shared(6000000)"]

LEFT_BEHIND = [
    "create temp table basket (dirt text); create temp table remains as select {n} as dirt",
    "select nextval('public.counter'), nextval('public.counter_too')",
    "select pg_advisory_lock(7000000 + {n}); listen dirt_{n}",
    "prepare s as select 'left {n}'; set work_mem = '{n}kB'; set saba.one = 'left {n}'",
    "begin; declare held cursor with hold for select 'dirt {n}'; commit",
]

SETUP = """
    create role dirt superuser; create role dirt_too superuser;
    create schema dirt; create table dirt.things (dirt text); grant all on schema dirt to public;
    grant all on dirt.things to public;
"""


class Dirtier:
    """Stays connected."""

    def __init__(self, where, **login):
        self._client = RawClient(where, **login)
        self._is_superuser = login.get("user", SUPERUSER) == SUPERUSER

    def open_server(self):
        """Holds a server of its own until let_go()."""
        self._client.query("begin")
        self._client.query("select 1")

    def let_go(self):
        self._client.query("commit")

    def work(self, client):
        """Some statements, each on whatever server is free, that leave no pin."""
        turn = next(TURNS)
        kind = (STATEMENTS, TEMPORARY, LISTENING, LOCKS)[turn % 4]
        self._say(TIDY, turn)
        self._client.query("deallocate all")
        for sql in kind:
            self._say(sql, turn, client)
        self._parse(turn)

    def soil(self):
        """One statement that leaves its server with odd settings; that server's pid."""
        turn, sql = next(TURNS), SETTINGS
        if self._is_superuser:
            sql += ";" + SUPERUSER_SETTINGS
        frames = self._client.query(numbered(sql, turn) + "; select pg_backend_pid()")
        rows = [messages.row_values(frame) for frame in frames if frame.tag == b"D"]
        return int(rows[-1][0]) if rows else None

    def _say(self, sql, turn, client=""):
        self._client.query(numbered(sql, turn, client))

    def _parse(self, turn):
        """The names of the cases on protocol level, with other statements."""
        self._client.send(*(messages.close_statement(name) + messages.parse(name, f"select 'wire {turn}'")
                            for name in ("s", "t", "p")), messages.sync())
        self._client.read_until_ready()

    def close(self):
        self._client.close()


def numbered(sql, turn, client=""):
    return sql.replace("{n}", str(100 + turn)).replace("{client}", str(client))


class Rotation:
    """The dirtiers of one pool; turn() is the whole of it."""

    def __init__(self, where, database="postgres", user=SUPERUSER):
        self._where = where
        self._login = {"database": database, "user": user}
        self._dirtiers = []
        self._next = None  # the server that was free the longest when the last turn ended

    def start(self):
        """Opens every server of the pool."""
        self._dirtiers = [Dirtier(self._where, **self._login) for _ in range(POOL_SIZE)]
        for dirtier in self._dirtiers:
            dirtier.open_server()
        for dirtier in self._dirtiers:
            dirtier.let_go()
        return self

    def turn(self, client):
        """Soils every server that is free: all of them, or all but that of a pinned client; and leaves
        another one in front than last time. `client` is the number of the client under test. Returns
        the pids of the servers."""
        self._pass_by()
        for dirtier in self._dirtiers:
            dirtier.work(client)
        before, order = self._next, []
        for dirtier in self._dirtiers * 3:
            server = dirtier.soil()
            order = [other for other in order if other != server] + [server]
            if len(order) == POOL_SIZE and order[0] != before:
                break
        self._next = order[0]
        return set(order)

    def _pass_by(self):
        turn = next(TURNS)
        with RawClient(self._where, **self._login) as passer_by:
            passer_by.query(numbered(LEFT_BEHIND[turn % len(LEFT_BEHIND)], turn))

    def close(self):
        for dirtier in self._dirtiers:
            dirtier.close()


class Rotations:
    """A daemon whose pools rotate, whichever pool a client asks for."""

    def __init__(self, binary, directory, cluster, databases, changes=None):
        config = {**CONFIG, **(changes or {}),
                  "databases": {name: {"cluster": "main", "route": "primary",
                                       "pool_size": POOL_SIZE} for name in databases}}
        self.daemon = Pgsaba(binary, directory, [cluster], config, "rotation").start()
        self._running = {}

    @property
    def where(self):
        return self.daemon.where

    def turn(self, pool, client):
        """A turn of the pool (database, user). One that went wrong is not used again."""
        if pool not in self._running:
            self._running[pool] = Rotation(self.where, *pool).start()
        try:
            return self._running[pool].turn(client)
        except OSError:
            self._running.pop(pool).close()
            raise

    def close(self):
        for rotation in self._running.values():
            rotation.close()
        self.daemon.stop()
