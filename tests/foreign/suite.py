"""What a suite is, and how its runs are started."""

import hashlib
import inspect
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

DATABASE = "foreign_tests"


class Target(NamedTuple):
    """PostgreSQL itself, or pgsaba in front of it."""

    host: str
    port: int
    database: str

    def environment(self):
        """What libpq and its likes read."""
        return {"PGHOST": self.host, "PGPORT": str(self.port), "PGUSER": "postgres",
                "PGDATABASE": self.database}


class Suite:
    """One project's tests. `cache` keeps what was fetched; `options` go to its runner."""

    name = ""
    database = DATABASE
    least_pool_size = 0  # what it cannot do with less than
    # Patterns of test names, and why these tests cannot pass through a transaction pooler.
    known = {}

    def __init__(self, cache, options=()):
        self.cache, self.options = cache / self.name, list(options)
        self.cache.mkdir(parents=True, exist_ok=True)

    def edition(self):
        """Another one where anything else would be run."""
        files = {Path(module.__file__) for module in map(inspect.getmodule, type(self).__mro__[:-1])}
        texts = [re.sub(r"\n    known = {.*?\n    }", "", path.read_text(), flags=re.S)
                 for path in sorted(files)]
        return hashlib.sha256(repr([texts, self.options]).encode()).hexdigest()

    def fetch(self):
        """Has the source below `cache`, ready to run."""
        if not (self.cache / "ready").exists():
            self.make()
            (self.cache / "ready").touch()

    def make(self):
        raise NotImplementedError

    def prepare(self, cluster):
        """Makes its database anew, straight on PostgreSQL; nothing is left of an earlier run."""
        for name, database in cluster.sql("select gid, database from pg_prepared_xacts"):
            cluster.sql(f"rollback prepared '{name}'", dbname=database)
        others = "select datname from pg_database where datname <> 'postgres' and not datistemplate"
        for (name,) in cluster.sql(others):
            cluster.sql(f'drop database "{name}" with (force)')
        cluster.sql(f"create database {self.database} template template0")

    def run(self, target, directory):
        """The outcome of each test by its name; `directory` is empty, and for what is left behind."""
        raise NotImplementedError


def check(command, **arguments):
    """Runs a command that has to succeed; its output is shown if it does not."""
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **arguments)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}:\n{done.stdout}")
    return done.stdout


def record(command, log, **arguments):
    """Runs a command, whatever comes of it, with its output in the file `log`."""
    with open(log, "ab") as out:
        subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=out,
                       stderr=subprocess.STDOUT, check=False, **arguments)
