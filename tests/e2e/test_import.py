"""`pgsaba import`: files that look like real ones, each made into a configuration with which pgsaba is
started and serves a query. What a pgbouncer.ini means is asked of PgBouncer itself, which runs beside
it with the same file."""

import os
import re
import subprocess
from pathlib import Path

import psycopg
import pytest
from harness.cluster import SUPERUSER
from harness.pgsaba import Pgsaba
from harness.processes import free_port, server_user, spawn, wait_until

CORPUS = Path(__file__).with_name("import")
INI = sorted(path.name for path in CORPUS.glob("*.ini"))
JUDGED = [name for name in INI if name != "peers.ini"]  # version 1.18 knows of none
OTHERS = ["makara.yml", "rails.yml", "address.yml", "pgpool.conf"]
PGBOUNCER = "/usr/sbin/pgbouncer"


class Site:
    """A directory with the corpus, its places filled in."""

    def __init__(self, path, cluster, port):
        self.path, self.port = path, port
        path.mkdir(exist_ok=True)
        path.chmod(0o777)
        places = {"@directory@": str(path), "@port@": str(port), "@server@": str(cluster.port),
                  "@dead@": str(free_port()), "@server_directory@": str(cluster.socket_directory)}
        for source in CORPUS.iterdir():
            text = source.read_text()
            for place, value in places.items():
                text = text.replace(place, value)
            (path / source.name).write_text(text)
        (path / "userlist.txt").write_text(f'"{SUPERUSER}" "secret"\n')
        (path / "hba.conf").write_text("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")

    def run(self, binary, name, *options):
        return subprocess.run([binary, "import", *options, str(self.path / name)], text=True,
                              capture_output=True, timeout=30)


@pytest.fixture
def site(directory, cluster, request):
    port = free_port()
    return Site(directory.path / f"import-{port}", cluster, port)


class Imported(Pgsaba):
    """A daemon with a configuration that it has not written."""

    def __init__(self, binary, directory, path, port):
        super().__init__(binary, directory, [], None, f"imported-{port}")
        self.config_path, self.port, self.config = path, port, {"listen": []}

    def write_config(self, changes=None):
        pass


@pytest.fixture
def serve(pgsaba_binary, directory, site, monkeypatch):
    daemons = []

    def start(name):
        made = site.path / "made" / f"{name}.yaml"
        made.parent.mkdir(exist_ok=True)
        monkeypatch.setenv("IMPORT_TEST_HOST", "127.0.0.1")
        done = site.run(pgsaba_binary, name, "-o", str(made))
        assert done.returncode == 0, done.stderr
        assert "error:" not in done.stderr
        text = made.read_text()
        if name.endswith(".yml"):  # which do not say where to listen
            made.write_text(text.replace("port: 6432", f"port: {site.port}"))
        if not (made.parent / "userlist.txt").exists():  # which a pgpool.conf has elsewhere
            (made.parent / "userlist.txt").write_text(f'"{SUPERUSER}" "secret"\n')
        daemons.append(Imported(pgsaba_binary, directory, made, site.port))
        return daemons[-1].start(), made

    yield start
    for daemon in daemons:
        daemon.stop()


def query(port, database, sql="select 40 + 2", host="127.0.0.1"):
    with psycopg.connect(host=host, port=port, dbname=database, user=SUPERUSER, password="secret",
                         autocommit=True, prepare_threshold=None, connect_timeout=20) as connection:
        return connection.cursor(row_factory=psycopg.rows.dict_row).execute(sql).fetchall()


def console(port, sql, database="pgbouncer"):
    with psycopg.connect(host="127.0.0.1", port=port, dbname=database, user=SUPERUSER, password="secret",
                         autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        return connection.cursor(row_factory=psycopg.rows.dict_row).execute(sql).fetchall()


def databases_of(text):
    section = text.split("\ndatabases:\n")[1].split("\n\n")[0]
    return [name.strip("'\"") for name in re.findall(r"(?m)^  ([^ ]+): \{", section)]


@pytest.mark.parametrize("name", INI + OTHERS)
def test_what_was_imported_serves(serve, name):
    daemon, made = serve(name)
    for database in databases_of(made.read_text()):
        rows = query(daemon.port, "postgres" if database == "*" else database)
        assert list(rows[0].values()) == [42]


@pytest.mark.parametrize("name", INI + OTHERS)
def test_no_line_is_lost(pgsaba_binary, site, name):
    done = site.run(pgsaba_binary, name)
    files = [name] + (["databases.inc"] if name == "included.ini" else [])
    for file in files:
        for number, line in enumerate((site.path / file).read_text().splitlines(), 1):
            if not is_setting(file, line):
                continue
            key = re.split("[=: ]", line.strip(" -"))[0].strip()
            taken = f"{file}:{number}" in done.stdout or is_taken_with_others(file, key)
            assert taken or re.search(r"=\s*$", line), f"{file}:{number}: {line}\n{done.stdout}"


def is_setting(file, line):
    line = line.strip()
    if file.endswith(".yml"):
        return not line.endswith(":") and "&" not in line and not line.startswith("<<")
    return line and line[0] not in "#;[%"


def is_taken_with_others(file, key):
    """What is one line there and part of another line here, or says what is so anyhow."""
    if file.endswith(".ini"):
        return key in {"listen_port", "unix_socket_mode", "application_name_add_host", "verbose",
                       "server_tls_protocols", "client_tls_sslmode", "server_tls_sslmode"}
    if file.endswith(".conf"):
        return key.startswith(("backend_hostname", "backend_port", "backend_weight", "port",
                               "backend_application_name", "sr_check", "load_balance_mode"))
    return key in {"host", "port", "username", "password", "adapter", "database", "role", "name", "weight",
                   "url", "replica"}


# ---- PgBouncer as the judge --------------------------------------------------------------------------

@pytest.fixture
def bouncer(directory, cluster):
    """PgBouncer in a place of its own with a file of the corpus."""
    started = []

    def start(name):
        port = free_port()
        site = Site(directory.path / f"bouncer-{port}", cluster, port)
        with open(site.path / "output", "wb") as log:
            process = spawn([PGBOUNCER, str(site.path / name)], log, user=server_user())
        started.append(process)
        wait_until(lambda: answers(port), 15, "PgBouncer: " + (site.path / "output").read_text())
        return port

    yield start
    for process in started:
        process.kill()
        process.wait()


def answers(port):
    try:
        return console(port, "show version")
    except psycopg.OperationalError:
        return False


# What is called the same and means the same, but has to be written in another way.
DIFFERENT = {
    "conffile", "auth_file", "auth_hba_file", "logfile",  # where it lies
    "listen_port", "listen_addr", "unix_socket_dir", "auth_query",  # chosen by this test; its blanks
    "syslog_ident",  # whose name it is
    "auth_type",  # any is trust here
    "max_prepared_statements",  # version 1.18 has none
    "client_tls_ciphers", "server_tls_ciphers", "client_tls_ecdhcurve",  # words for lists of them
    "server_tls_sslmode", "server_tls_protocols", "client_tls_sslmode",  # by cluster here
    "listen_backlog",
    "pidfile", "ignore_startup_parameters", "server_check_query", "server_reset_query_always",  # always the same here
    "client_tls_protocols",  # older ones are not spoken
    "unix_socket_mode",  # in octal here
}


@pytest.mark.parametrize("name", JUDGED)
def test_pgbouncer_reads_the_same_out_of_it(serve, bouncer, name):
    theirs = bouncer(name)
    daemon, made = serve(name)
    wanted = {row["key"]: row for row in console(theirs, "show config")}
    found = {row["key"]: row for row in console(daemon.port, "show config")}
    for key in sorted(set(wanted) & set(found) - DIFFERENT):
        set_there = wanted[key]["value"] != wanted[key]["default"]
        if set_there:
            assert same(wanted[key]["value"], found[key]["value"]), key
    mine = {row["name"]: row for row in console(daemon.port, "show databases")}
    for row in console(theirs, "show databases"):
        if row["name"] == "pgbouncer":
            continue
        other = mine[row["name"]]
        for column in ("port", "database", "force_user", "pool_size", "min_pool_size", "pool_mode",
                       "max_connections"):
            assert (row[column] or None) == (other[column] or None), (row["name"], column)
        assert (row["reserve_pool"] or None) == (other["reserve_pool_size"] or None)


def same(theirs, ours):
    if theirs == ours:
        return True
    if re.fullmatch(r"[\d.]+", theirs or "") and re.fullmatch(r"[\d.]+", ours or ""):
        return float(theirs) == float(ours)
    return sorted((theirs or "").replace(",", " ").split()) == sorted((ours or "").replace(",", " ").split())


def test_every_setting_of_the_installed_pgbouncer_is_known(pgsaba_binary, bouncer, site):
    rows = console(bouncer("plain.ini"), "show config")
    assert len(rows) > 70
    text = "[databases]\np =\n[pgbouncer]\n"
    (site.path / "all.ini").write_text(text + "".join(f"{row['key']} = 1\n" for row in rows
                                                      if row["key"] not in ("auth_type", "pool_mode")))
    done = site.run(pgsaba_binary, "all.ini")
    assert done.returncode == 0, done.stderr
    assert "no setting" not in done.stderr


@pytest.mark.parametrize("text, where", [
    ("[pgbouncer]\nlisten_port 6432\n", ":2"),
    ("[pgbouncer\nlisten_port = 6432\n", ":1"),
    ("[nonsense]\na = 1\n", ":2"),
    ("[databases]\na = host=x host\n", ":2"),
    ("[databases]\na = host='x\n", ":2"),
    ("[pgbouncer]\nquery_timeout = soon\n", ":2"),
    ("[pgbouncer]\nmax_client_conn = many\n", ":2"),
    ("[pgbouncer]\nauth_type = nonsense\n", ":2"),
    ("%include nowhere.ini\n", ":1"),
])
def test_what_pgbouncer_refuses_is_refused_by_its_place(pgsaba_binary, site, text, where):
    (site.path / "wrong.ini").write_text(text)
    done = site.run(pgsaba_binary, "wrong.ini")
    assert done.returncode == 1 and done.stdout == ""
    assert f"wrong.ini{where})" in done.stderr, done.stderr
    theirs = subprocess.run([PGBOUNCER, str(site.path / "wrong.ini")], capture_output=True, text=True,
                            timeout=10, cwd=site.path,
                            preexec_fn=None if os.geteuid() else lambda: os.setuid(65534))
    assert theirs.returncode != 0


def test_nothing_is_overwritten(pgsaba_binary, site):
    target = site.path / "there.yaml"
    target.write_text("mine")
    done = site.run(pgsaba_binary, "plain.ini", "-o", str(target))
    assert done.returncode == 1 and "there.yaml" in done.stderr
    assert target.read_text() == "mine"


@pytest.mark.parametrize("arguments", [[], ["--from", "odyssey", "x"], ["--nonsense", "x"], ["a", "b"],
                                       ["x.txt"], ["-o"]])
def test_a_wrong_command_line_is_told(pgsaba_binary, arguments):
    done = subprocess.run([pgsaba_binary, "import", *arguments], capture_output=True, text=True, timeout=30)
    assert done.returncode == 2 and "pgsaba import --help" in done.stderr
