"""The admin console through drivers other than libpq, which are tried in e2e/test_console.py."""

import os
import subprocess

from test_jdbc import DRIVER, SOURCE
from test_node import HERE, modules  # noqa: F401: a fixture


def run(daemon, *command, **options):
    done = subprocess.run([*command, daemon.host, str(daemon.port), "postgres", "pgsaba"], text=True,
                          capture_output=True, timeout=60, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_node(daemon, modules):  # noqa: F811
    out = run(daemon, "node", HERE / "console.js", env={**os.environ, "NODE_PATH": str(modules)})
    assert "pgsaba" in out and "42601 The nearest command is: SHOW POOLS;" in out


def test_jdbc(daemon, cache):
    place = cache / "java-console"
    place.mkdir(exist_ok=True)
    subprocess.run(["javac", "-cp", DRIVER, "-d", place, SOURCE.with_name("Console.java")], check=True,
                   timeout=80)
    out = run(daemon, "java", "-XX:TieredStopAtLevel=1", "-cp", f"{DRIVER}:{place}", "Console")
    assert out.splitlines() == [f"{mode} true true 42601"
                                for mode in ("simple", "extended", "extendedForPrepared")]
