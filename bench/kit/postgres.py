"""A throw-away PostgreSQL, gone with its Stage."""

import glob
import os
import shutil
import signal
import subprocess
import time

from kit.stage import Failure, free_port, wrap

USER = "bench"
DATABASE = "bench"
SETTINGS = {
    "listen_addresses": "127.0.0.1", "max_connections": 400, "shared_buffers": "256MB",
    "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off",
    "logging_collector": "off", "autovacuum": "off", "jit": "off",
}


def program(name):
    """The newest installed one; $PG_BIN decides if set."""
    folders = [os.environ["PG_BIN"]] if "PG_BIN" in os.environ else \
        sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=version_of, reverse=True)
    for folder in folders:
        if os.path.exists(os.path.join(folder, name)):
            return os.path.join(folder, name)
    found = shutil.which(name)
    if not found:
        raise Failure(f"PostgreSQL's {name} is not installed: packaging/install-dependencies bench")
    return found


def version_of(folder):
    text = folder.split("/")[-2]
    return int(text) if text.isdigit() else 0


def run_checked(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise Failure(f"{command[-1]}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def start_cluster(stage, cpus=None, **changes):
    """Returns the port of a running cluster with an empty database."""
    folder, port = stage.folder("postgres"), free_port()
    data = os.path.join(folder, "data")
    run_checked(wrap([program("initdb"), "-D", data, "-U", USER, "-A", "trust", "--no-sync"],
                     unprivileged=True), cwd=folder)
    settings = {**SETTINGS, **changes, "port": port, "unix_socket_directories": folder}
    with open(os.path.join(data, "postgresql.auto.conf"), "a") as file:
        file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
    process = stage.start([program("postgres"), "-D", data], cpus=cpus, unprivileged=True,
                          stop_signal=signal.SIGINT)
    process.wait_for_port(port)
    wait_until_ready(port)
    run_sql(port, f"CREATE DATABASE {DATABASE}", database="postgres")
    return port


def wait_until_ready(port, limit_s=15):
    """It listens before it lets anybody in."""
    command = [program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    deadline = time.monotonic() + limit_s
    while subprocess.run(command, check=False).returncode != 0:
        if time.monotonic() > deadline:
            raise Failure(f"PostgreSQL does not become ready on port {port}")
        time.sleep(0.05)


def run_sql(port, sql, database=DATABASE):
    return run_checked([program("psql"), "-XAtq", "-h", "127.0.0.1", "-p", str(port), "-U", USER,
                        "-d", database, "-c", sql])
