"""A primary and two standbys. Each server has a work_mem of its own: SHOW work_mem, which is a read,
tells who answers."""

import contextlib

from .cluster import PostgresCluster
from .pgsaba import Pgsaba, merged
from .processes import wait_until

WORK_MEM = {"5MB": "primary", "6MB": "standby-1", "7MB": "standby-2"}
LOOK = "show work_mem"
SPLIT = {"databases": {"postgres": {"route": "split"}},
         "clusters": {"main": {"monitor": {"interval": "100ms"}}}}


class Group:
    def __init__(self, directory, settings=None, name="group"):
        self.primary = PostgresCluster(directory, name, {"work_mem": "5MB", **(settings or {})})
        self.primary.initialize().start()
        self.standbys = [self.primary.make_standby(f"{name}-{number}", {"work_mem": work_mem})
                         for number, work_mem in ((1, "6MB"), (2, "7MB"))]
        for standby in self.standbys:
            standby.start()

    @property
    def servers(self):
        return [self.primary, *self.standbys]

    def wait_for_replay(self):
        for standby in self.standbys:
            self.primary.wait_for_replay(standby)

    def promote(self):
        """The first standby takes over, and the second one follows it."""
        self.standbys[0].promote()
        self.standbys[1].follow(self.standbys[0])

    def stop(self):
        for server in reversed(self.servers):
            server.stop("immediate")


def split(changes=None):
    return merged(SPLIT, changes or {})


@contextlib.contextmanager
def splitting(group, directory, binary, name):
    """A daemon in front of the group that has both standbys in use."""
    daemon = Pgsaba(binary, directory, group.servers, split(), name).start()
    try:
        wait_for_both(daemon)
        yield daemon
    finally:
        daemon.stop()


def where(client):
    return WORK_MEM[client.value(LOOK)]


def where_at_last(client):
    """Where it reads when a standby has had the time to catch up."""
    wait_until(lambda: where(client) != "primary", 20, "a read on a standby")
    return where(client)


def where_a_new_client_reads(daemon):
    with daemon.connect() as client:
        return where(client)


def wait_for_both(daemon):
    wait_until(lambda: {where_a_new_client_reads(daemon) for _ in range(10)} ==
               {"standby-1", "standby-2"}, 20, "reads on both standbys")
