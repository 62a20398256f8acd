"""Drivers that are Go modules, whose tests come with them: pgx and lib/pq."""

import json
import os
import re
import shutil
from pathlib import Path

from suite import Suite, check, record

WORDS = {"pass": "passed", "fail": "failed", "skip": "skipped"}


class GoSuite(Suite):
    module = ""
    version = ""
    left_out = "^$"  # tests, by a pattern

    def go(self):
        return {**os.environ, "GOMODCACHE": str(self.cache / "mod"), "GOFLAGS": "-mod=mod"}

    def make(self):
        (self.cache / "go.mod").write_text("module foreign\n")
        check(["go", "mod", "download", f"{self.module}@{self.version}"], cwd=self.cache,
              env=self.go())

    def run(self, target, directory):
        source = directory / "source"
        shutil.copytree(self.cache / "mod" / f"{self.module}@{self.version}", source)
        check(["chmod", "-R", "u+w", source])
        record(["go", "test", "-json", "-count=1", "-p=1", "-timeout=15m",
                f"-skip={self.left_out}", *self.options, "./..."],
               directory / "log", cwd=source, env={**self.go(), **self.environment(target)})
        return outcomes(directory / "log")

    def environment(self, target):
        raise NotImplementedError


def outcomes(log):
    found = {}
    for line in Path(log).read_text(errors="replace").splitlines():
        event = json.loads(line) if line.startswith("{") else {}
        if event.get("Action") in WORDS and "Test" in event:
            name = re.sub(r"/tmp/\w+/\d+/", "", event["Test"])  # a directory of that run
            found[f"{event['Package']}::{name}"] = WORDS[event["Action"]]
    return found


class Pgx(GoSuite):
    name = "pgx"
    module = "github.com/jackc/pgx/v5"
    version = "v5.13.0"
    least_pool_size = 8  # examples leave connections open that have temporary tables
    known = {
        "TestConnectProtocolVersion32": "pgsaba speaks 3.2 and gives long keys, whatever its servers do",
        "TestPrepare(WithDigestedName)?HandlesTimeoutBetweenParseAndDescribe":
            "looks for its statement in pg_prepared_statements, where it has a name of pgsaba's",
        "TestListenNotify$": "a notification comes from another server than a query's answer, and may come"
                             " a moment after that",
        "TestConnContextCanceledCancelsRunningQueryOnServer":
            "pg_stat_activity shows the last query of an idle server, which stays when its client goes",
        "TestConnMultiplePrepareAndDeallocate":
            "pg_prepared_statements shows what that server process knows for other clients, too",
        "TestBeginTxFatalErrorKillsConn|TestFatalTxError|TestFatalRxError"
        "|TestConnDestroyedWhenBeginFailsFatally|TestPoolAcquireChecksIdleConns$|TestCheckIdleConn":
            "ends the server process by the number that the client was told at login, or reads an ERROR"
            " where a client stays when its server process ends",
    }

    def prepare(self, cluster):
        super().prepare(cluster)
        for sql in ("create extension hstore", "create extension ltree",
                    "create domain uint64 as numeric(20,0)"):
            cluster.sql(sql, dbname=self.database)

    def environment(self, target):
        return {"PGX_TEST_DATABASE": f"host={target.host} port={target.port} user=postgres"
                                     f" database={target.database}"}


class LibPq(GoSuite):
    name = "libpq-go"
    database = "pqgo"  # so its tests call it, and the user
    module = "github.com/lib/pq"
    version = "v1.12.3"
    # Ends a server process by the number that it had a moment before, which serves another test by then.
    left_out = "^TestPing$"
    known = {
        "TestListenerReconnect|TestCopyInRespLoopConnectionError":
            "a client stays when its server process ends, and reads 08007 or 08006 instead of"
            " 57P01 or a lost connection",
    }

    def prepare(self, cluster):
        super().prepare(cluster)
        cluster.sql("drop role if exists pqgo")
        cluster.sql("create role pqgo login superuser")

    def environment(self, target):
        return {**target.environment(), "PGUSER": "pqgo", "PGSSLMODE": "disable"}
