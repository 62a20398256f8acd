"""PostgreSQL's JDBC driver: server-side statements, batches, portals, COPY, query timeouts."""

import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent / "java" / "Client.java"
DRIVER = "/usr/share/java/postgresql.jar"


@pytest.fixture(scope="session")
def classes(cache):
    """The directory of the compiled client."""
    place = cache / "java"
    place.mkdir(exist_ok=True)
    made = place / "Client.class"
    if not made.exists() or made.stat().st_mtime <= SOURCE.stat().st_mtime:
        subprocess.run(["javac", "-cp", DRIVER, "-d", place, SOURCE], check=True, timeout=80)
    return place


def test_jdbc(same, classes):
    same(["java", "-XX:TieredStopAtLevel=1", "-cp", f"{DRIVER}:{classes}", "Client"])
