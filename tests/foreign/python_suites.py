"""Drivers, and what is built upon them, whose source packages on PyPI have their tests."""

import os
import shutil

import junit
from suite import Suite, check, record

DEBIAN_PYTHON = "/usr/bin/python3"


class PythonSuite(Suite):
    """`requirement` is the package, `helpers` what its tests import besides, `copied` what they need of
    the source. The package beside the tests is not built, but installed."""

    requirement = ""
    helpers = ()
    copied = ("tests",)

    @property
    def python(self):
        return self.cache / "venv/bin/python"

    def make(self):
        pip = [self.python, "-m", "pip", "-q"]
        package = self.requirement.split("==")[0]
        check([DEBIAN_PYTHON, "-m", "venv", "--clear", self.cache / "venv"])
        check([*pip, "install", "pytest", "pytest-timeout", self.requirement, *self.helpers])
        check([*pip, "download", "--no-deps", "--no-binary", package, "-d", self.cache,
               self.requirement])
        check(["tar", "xzf", next(self.cache.glob("*.tar.gz")), "-C", self.cache])

    def run(self, target, directory):
        for path in self.copied:
            original = next(self.cache.glob(f"*/{path}"))
            (shutil.copytree if original.is_dir() else shutil.copy)(original, directory / path)
        report = directory / "report.xml"
        record([self.python, "-m", "pytest", "-v", "-p", "no:cacheprovider", "--timeout=120",
                f"--junitxml={report}", *self.arguments(target), *self.options],
               directory / "log", cwd=directory, env={**os.environ, **self.environment(target)})
        return junit.outcomes([report]) if report.exists() else {}

    def arguments(self, target):
        return ["tests"]

    def environment(self, target):
        return target.environment()


class Psycopg2(PythonSuite):
    name = "psycopg2"
    requirement = "psycopg2==2.9.13"
    known = {
        "test_backend_pid$": "the number that a client is told at login is of pgsaba's",
        "test_notify|NotifiesTests": "a notification names the server process that sent it",
        "test_cleanup_on_badconn_close|test_external_close":
            "ends the server process by the number that the client was told at login",
    }

    def prepare(self, cluster):
        super().prepare(cluster)
        cluster.sql("create extension hstore", dbname=self.database)

    def environment(self, target):
        return {**target.environment(), "PSYCOPG2_TESTDB": target.database,
                "PSYCOPG2_TEST_REPL_DSN": ""}


class Asyncpg(PythonSuite):
    name = "asyncpg"
    requirement = "asyncpg==0.32.0"
    helpers = ("distro",)
    known = {
        "TestListeners::test_listen": "a notification names the server process that sent it",
        "test_copy_records_to_table_no_stmt_cache":
            "pg_prepared_statements shows what that server process knows for other clients, too",
        "test_executemany_server_failure_during_writes":
            "the client may have written all of its 4 MB before it hears of the failure: they fit into"
            " the sockets of two connections",
        "test_pool_remote_close": "may end the server process that it runs on by itself",
        "test_pool_config_persistence": "a connection may be given up while it is made, depending on how"
                                        " long that takes",
        "test_execute_script_interrupted_by_server":
            "a client stays when its server process ends, and reads 08007 instead of 57P01",
        "test_pool_min_size_restored_after_idle_connection_loss":
            "ends the server process by the number that the client was told at login",
    }

    def arguments(self, target):
        # Two are about sources that are not there.
        return ["--import-mode=importlib", "--ignore=tests/test__sourcecode.py",
                "--ignore=tests/test__environment.py", "tests"]


class Pg8000(PythonSuite):
    """Another implementation of the protocol."""

    name = "pg8000"
    requirement = "pg8000==1.31.6"
    helpers = ("pytest-mock", "pytest-benchmark", "pytz")
    copied = ("test",)
    known = {
        "test_broken_pipe": "a client stays when its server process ends, and reads an ERROR instead of a"
                            " lost connection",
        "test_close_prepared_statement":
            "pg_prepared_statements shows what that server process knows for other clients, too",
    }

    def prepare(self, cluster):
        super().prepare(cluster)  # but the tests use the database that is called as the user
        cluster.sql("create extension if not exists hstore")

    def arguments(self, target):
        # Ways to log in that the server has to be made ready for, and the manual's examples.
        return [*(f"--ignore=test/{kind}/auth" for kind in ("dbapi", "legacy", "native")),
                "--ignore=test/legacy/stress.py", "--ignore=test/test_readme.py",
                "--benchmark-disable", "test"]


class PyGreSQL(PythonSuite):
    name = "pygresql"
    requirement = "PyGreSQL==6.2.3"
    least_pool_size = 12  # connections are left in transactions until garbage is collected

    def prepare(self, cluster):
        super().prepare(cluster)
        cluster.sql("create extension hstore", dbname=self.database)


class SQLAlchemy(PythonSuite):
    """By psycopg 3, whose own tests are not on PyPI."""

    name = "sqlalchemy"
    requirement = "SQLAlchemy==2.0.58"
    helpers = ("psycopg==3.2.10", "greenlet", "typing-extensions")
    copied = ("lib", "test", "setup.cfg", "pyproject.toml")

    def prepare(self, cluster):
        super().prepare(cluster)
        for sql in ("create extension hstore", "create extension citext", "create schema test_schema",
                    "create schema test_schema_2"):
            cluster.sql(sql, dbname=self.database)

    def arguments(self, target):
        # All of its tests are ten times as many.
        return [f"--dburi=postgresql+psycopg://postgres@{target.host}:{target.port}/{target.database}",
                *(f"test/dialect/postgresql/test_{kind}.py"
                  for kind in ("dialect", "on_conflict", "query", "reflection")), "test/engine"]
