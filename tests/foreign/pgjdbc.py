"""PgJDBC, from the source archive that its makers publish for distributions on Maven Central."""

import re
import shutil

import junit
from suite import Suite, check, record

PROPERTIES = """server={0.host}
port={0.port}
database={0.database}
username=test
password=test
privilegedUser=postgres
privilegedPassword=
"""


class Pgjdbc(Suite):
    name = "pgjdbc"
    database = "test"
    version = "42.5.5"
    known = {
        "IsValidTest::testIsValidRemoteClose":
            "ends the server process by the number that the client was told at login",
    }

    def make(self):
        check(["mvn", "-q", "org.apache.maven.plugins:maven-dependency-plugin:3.6.0:copy",
               f"-Dartifact=org.postgresql:postgresql:{self.version}:tar.gz:jdbc-src",
               f"-DoutputDirectory={self.cache}"], cwd=self.cache)
        check(["tar", "xzf", next(self.cache.glob("*.tar.gz")), "-C", self.cache])

    def prepare(self, cluster):
        super().prepare(cluster)
        cluster.sql("drop role if exists test")
        cluster.sql("create role test login superuser password 'test'")
        for name in ("hstore", "lo"):
            cluster.sql(f"create extension {name}", dbname=self.database)

    def run(self, target, directory):
        source = directory / "source"
        shutil.copytree(next(self.cache.glob("postgresql-*-jdbc-src")), source)
        self.leave_out(next(source.glob("src/test/java/**/jdbc2/CopyTest.java")),
                       "testLockReleaseOnCancelFailure")
        (source / "build.local.properties").write_text(PROPERTIES.format(target))
        record(["mvn", "-B", "test", "-Dmaven.test.failure.ignore=true", *self.options],
               directory / "log", cwd=source)
        return junit.outcomes(sorted(source.glob("target/surefire-reports/TEST-*.xml")))

    @staticmethod
    def leave_out(path, test):
        """It ends its server process by the number that it was told at login, and sends rows until
        that has happened: through pgsaba until the disk is full."""
        text = path.read_text()
        without = re.sub(rf"@Test\s+public void {test}\(", f"public void {test}(", text)
        if without == text:
            raise RuntimeError(f"{path} has no {test}")
        path.write_text(without)
