"""PgJDBC, from the source archive that its makers publish for distributions on Maven Central."""

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
        (source / "build.local.properties").write_text(PROPERTIES.format(target))
        record(["mvn", "-B", "test", "-Dmaven.test.failure.ignore=true", *self.options],
               directory / "log", cwd=source)
        return junit.outcomes(sorted(source.glob("target/surefire-reports/TEST-*.xml")))
