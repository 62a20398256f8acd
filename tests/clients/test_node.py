"""node-postgres: its pool, named queries, errors, startup settings, URLs."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "node"


@pytest.fixture(scope="session")
def modules(cache):
    """The directory that has the module pg: the locked version where npm is, or else Debian's."""
    if shutil.which("npm") is None:
        return Path("/usr/share/nodejs")
    place = cache / "node"
    place.mkdir(exist_ok=True)
    lock = (HERE / "package-lock.json").read_text()
    installed = place / "installed.json"
    if not installed.exists() or installed.read_text() != lock:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, place)
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=place,
                       check=True, stdin=subprocess.DEVNULL, timeout=80)
        installed.write_text(lock)
    return place / "node_modules"


def test_node_postgres(same, modules):
    same(["node", HERE / "client.js"], env={**os.environ, "NODE_PATH": str(modules)})
