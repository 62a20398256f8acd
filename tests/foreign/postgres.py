"""PostgreSQL's own regression tests, run by pg_regress with its parallel schedule."""

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


class Postgres(Suite):
    name = "postgres"
    database = "regression"
    known = {
        "^guc$": "a prefix is reserved once its library was loaded, which another client may have"
                 " done there; pg_listening_channels() tells of the server process",
        "^plancache$": "after one cached plan did not fit its table, all statements of the client are"
                       " planned anew, so that its retry succeeds",
        "^prepare$": "pg_prepared_statements shows the text without PREPARE … AS",
        "^stats$": "each server process counts for itself, and reports it when it comes to it",
        "^temp$": "PREPARE TRANSACTION is refused where a transaction made the temporary schema;"
                  " another client may have had one made there",
        "^triggers$": "refint and the test's own C functions remember things in the server process",
    }

    def make(self):
        """The source package has the tests; the headers have to be the installed version's."""
        version = apt.installed_version(f"postgresql-{self.major()}")
        apt.fetch_source(f"postgresql-{self.major()}", version, self.cache)
        headers = apt.fetch_binary(f"postgresql-server-dev-{self.major()}", version, self.cache)
        check(["tar", "xf", next(self.cache.glob("*.orig.tar.*")), "-C", self.cache,
               "--strip-components=1", "--wildcards", "*/src/test/regress"])
        include = next(headers.glob("usr/include/postgresql/*/server"))
        check(["gcc", "-O2", "-Werror=implicit-function-declaration", "-fPIC", "-shared",
               f"-I{include}", "-o", self.cache / "regress.so",
               self.cache / "src/test/regress/regress.c"])

    @staticmethod
    def major():
        return bin_directory().parts[-2]

    def prepare(self, cluster):
        super().prepare(cluster)
        cluster.sql(f"drop database {self.database}")
        for (role,) in cluster.sql("select rolname from pg_roles where rolname ~ '^regress'"):
            cluster.sql(f'drop owned by "{role}" cascade')
            cluster.sql(f'drop role "{role}"')
        cluster.sql(f"create database {self.database} template template0 locale 'C'")
        for setting in SETTINGS:  # as pg_regress does for a database of its own
            cluster.sql(f"alter database {self.database} set {setting}")

    def run(self, target, directory):
        user = server_user()
        libraries = Path(check([bin_directory() / "pg_config", "--pkglibdir"]).strip())
        for path in ("results", "sql", "expected", "testtablespace", "lib"):
            (directory / path).mkdir()
        for name in ("autoinc.so", "refint.so"):
            shutil.copy(libraries / name, directory / "lib")
        shutil.copy(self.cache / "regress.so", directory / "lib")
        if os.geteuid() == 0:
            for path in (directory, *directory.iterdir()):
                shutil.chown(path, user)
        source = self.cache / "src/test/regress"
        record([libraries / "pgxs/src/test/regress/pg_regress", "--use-existing",
                f"--dbname={self.database}", f"--host={target.host}", f"--port={target.port}",
                "--user=postgres", f"--inputdir={source}", f"--outputdir={directory}",
                f"--dlpath={directory / 'lib'}", f"--bindir={bin_directory()}",
                f"--schedule={source / 'parallel_schedule'}", "--max-concurrent-tests=20",
                *self.options], directory / "log", cwd=directory, **as_user(user))
        text = (directory / "log").read_text()
        found = re.findall(r"^(?:test|    ) (\S+) +\.\.\. (ok|FAILED|failed)", text, re.M)
        return {name: "passed" if word == "ok" else "failed" for name, word in found}
