"""PostgreSQL's own tests: the regression tests with their parallel schedule, and those of isolation."""

import os
import re
import shutil
from pathlib import Path

import apt
from harness.cluster import bin_directory
from harness.processes import as_user, server_user
from suite import Suite, check, record

SETTINGS = ("lc_messages = 'C'", "lc_monetary = 'C'", "lc_numeric = 'C'", "lc_time = 'C'",
            "bytea_output = 'hex'", "timezone_abbreviations = 'Default'")


class PostgresSuite(Suite):
    """A folder of PostgreSQL's `src/test`."""

    folder = ""

    def make(self):
        """The source package has the tests; the headers have to be the installed version's."""
        version = apt.installed_version(f"postgresql-{self.major()}")
        packages = self.cache.parent / "debian"
        packages.mkdir(exist_ok=True)
        apt.fetch_source(f"postgresql-{self.major()}", version, packages)
        archive = max(packages.glob("*.orig.tar.*"), key=lambda path: path.stat().st_mtime)
        check(["tar", "xf", archive, "-C", self.cache, "--strip-components=1", "--wildcards",
               f"*/src/test/{self.folder}"])
        self.compile(apt.fetch_binary(f"postgresql-server-dev-{self.major()}", version, packages))

    def compile(self, developer_package):
        """What the tests need; PostgreSQL's headers and libraries are in that directory."""
        raise NotImplementedError

    @property
    def source(self):
        return self.cache / "src/test" / self.folder

    @staticmethod
    def major():
        return bin_directory().parts[-2]

    @staticmethod
    def libraries():
        return Path(check([bin_directory() / "pg_config", "--pkglibdir"]).strip())

    def prepare(self, cluster):
        super().prepare(cluster)
        cluster.sql(f"drop database {self.database}")
        for (role,) in cluster.sql("select rolname from pg_roles where rolname ~ '^regress'"):
            cluster.sql(f'drop owned by "{role}" cascade')
            cluster.sql(f'drop role "{role}"')
        cluster.sql(f"create database {self.database} template template0 locale 'C'")
        for setting in SETTINGS:  # as pg_regress does for a database of its own
            cluster.sql(f"alter database {self.database} set {setting}")

    def run_regress(self, program, schedule, target, directory, options=()):
        record([program, "--use-existing", f"--dbname={self.database}", f"--host={target.host}",
                f"--port={target.port}", "--user=postgres", f"--inputdir={self.source}",
                f"--outputdir={directory}", f"--bindir={bin_directory()}",
                f"--schedule={self.source / schedule}", *options, *self.options],
               directory / "log", cwd=directory, **as_user(server_user()))
        text = (directory / "log").read_text()
        found = re.findall(r"^(?:test|    ) (\S+) +\.\.\. (ok|FAILED|failed)", text, re.M)
        return {name: "passed" if word == "ok" else "failed" for name, word in found}


class Postgres(PostgresSuite):
    name = "postgres"
    folder = "regress"
    database = "regression"
    known = {
        "^guc$": "a prefix is reserved once its library was loaded, which another client may have"
                 " done there; pg_listening_channels() tells of the server process",
        "^plancache$": "after one cached plan did not fit its table, all statements of the client are"
                       " planned anew, so that its retry succeeds",
        "^prepare$": "pg_prepared_statements shows the text without PREPARE … AS",
        "^advisory_lock$|^sequence$": "where servers are scarce, no more of them are kept while others keep"
                                      " theirs",
        "^stats$": "each server process counts for itself, and reports it when it comes to it",
        "^temp$": "PREPARE TRANSACTION is refused where a transaction made the temporary schema;"
                  " another client may have had one made there",
        "^triggers$": "refint and the test's own C functions remember things in the server process",
    }

    def compile(self, developer_package):
        include = next(developer_package.glob("usr/include/postgresql/*/server"))
        check(["gcc", "-O2", "-Werror=implicit-function-declaration", "-fPIC", "-shared",
               f"-I{include}", "-o", self.cache / "regress.so", self.source / "regress.c"])

    def run(self, target, directory):
        for path in ("results", "sql", "expected", "testtablespace", "lib"):
            (directory / path).mkdir()
        for name in ("autoinc.so", "refint.so"):
            shutil.copy(self.libraries() / name, directory / "lib")
        shutil.copy(self.cache / "regress.so", directory / "lib")
        give_away(directory)
        return self.run_regress(self.libraries() / "pgxs/src/test/regress/pg_regress",
                                "parallel_schedule", target, directory,
                                [f"--dlpath={directory / 'lib'}", "--max-concurrent-tests=20"])


class Isolation(PostgresSuite):
    """Sessions that lock each other out. Its tester asks PostgreSQL which of them wait, by the numbers
    of their server processes. Here each session has a number that its application_name makes instead:
    session_number.c says it, and this is what PostgreSQL answers."""

    name = "isolation"
    folder = "isolation"
    database = "isolation_regression"
    least_pool_size = 12  # each of up to nine sessions holds a transaction
    known = {
        "^stats$": "each server process counts for itself, and reports it when it comes to it",
        "^detach-partition-concurrently-[34]$":
            "cancels by the number of the server process that a session had a statement before",
        "^temp-schema-cleanup$": "a client stays when its server process ends, and reads an ERROR"
                                 " instead of a lost connection",
    }

    # A built-in function is what it is, whatever replaces its definition. Who waits for a safe snapshot
    # is not found by it where the same process has run another transaction before.
    ANSWERS = (
        "alter function pg_catalog.pg_isolation_test_session_is_blocked(integer, integer[])"
        " rename to process_is_blocked",
        "create function pg_catalog.pg_isolation_test_session_is_blocked(integer, integer[])"
        " returns boolean language sql set search_path = pg_catalog as $$ with named as (select pid,"
        " hashtext(application_name) as session, wait_event from pg_stat_activity)"
        " select coalesce(bool_or(wait_event is not distinct from 'SafeSnapshot' or"
        " process_is_blocked(pid, array(select pid from named where session = any ($2)))), false)"
        " from named where session = $1 $$",
    )

    def compile(self, developer_package):
        include = next(developer_package.glob("usr/include/postgresql/*/server"))
        archives = [next(developer_package.glob(f"usr/lib/postgresql/*/lib/lib{name}.a"))
                    for name in ("pgcommon", "pgport")]
        libpq = check(["pg_config", "--includedir"]).strip()
        check(["gcc", "-O2", "-DPQbackendPID=session_number", f"-I{include}", f"-I{libpq}",
               f"-I{libpq}/internal", "-o", self.cache / "isolationtester",
               self.source / "isolationtester.c", self.source / "specparse.c",
               Path(__file__).parent / "session_number.c", "-lpq", *archives])
        # It looks for the tester beside it.
        shutil.copy(self.libraries() / "pgxs/src/test/isolation/pg_isolation_regress", self.cache)

    def prepare(self, cluster):
        super().prepare(cluster)
        for sql in self.ANSWERS:
            cluster.sql(sql, dbname=self.database)

    def run(self, target, directory):
        for path in ("results", "output_iso", "output_iso/results"):
            (directory / path).mkdir()
        give_away(directory)
        os.environ.setdefault("PGISOLATIONTIMEOUT", "60")  # seconds, for a step
        return self.run_regress(self.cache / "pg_isolation_regress", "isolation_schedule", target,
                                directory)


def give_away(directory):
    """To the user that pg_regress runs as."""
    if os.geteuid() == 0:
        for path in (directory, *directory.iterdir()):
            shutil.chown(path, server_user())
