"""Drivers whose source package on PyPI has their tests: psycopg2 and asyncpg."""

import os
import shutil

import junit
from suite import Suite, check, record

DEBIAN_PYTHON = "/usr/bin/python3"


class PythonSuite(Suite):
    """`requirement` is the package, `helpers` what its tests import besides."""

    requirement = ""
    helpers = ()

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
        # The tests alone: the package beside them is not built.
        source = next(self.cache.glob("*/tests"))
        shutil.copytree(source, directory / "tests")
        report = directory / "report.xml"
        record([self.python, "-m", "pytest", "-v", "-p", "no:cacheprovider", "--timeout=120",
                f"--junitxml={report}", *self.arguments(), *self.options, "tests"],
               directory / "log", cwd=directory, env={**os.environ, **self.environment(target)})
        return junit.outcomes([report]) if report.exists() else {}

    def arguments(self):
        return []

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
        "test_execute_script_interrupted_by_server":
            "a client stays when its server process ends, and reads 08007 instead of 57P01",
        "test_pool_min_size_restored_after_idle_connection_loss":
            "ends the server process by the number that the client was told at login",
    }

    def arguments(self):
        # The first two are about sources that are not there.
        return ["--import-mode=importlib", "--ignore=tests/test__sourcecode.py",
                "--ignore=tests/test__environment.py"]
