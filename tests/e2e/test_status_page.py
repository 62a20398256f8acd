"""The status page: what it is made from, and how a browser shows it."""

import base64
import html
import json
import re
import subprocess
import urllib.error
import urllib.request

import pytest
from harness import messages as m
from harness.conversations import begin, wait_for_waiters
from harness.group import Group, split
from harness.pgsaba import Pgsaba
from harness.processes import free_port, wait_until

BROWSER = "chromium-headless-shell"
TABLES = {"topology": "TOPOLOGY", "pools": "POOLS", "routes": "ROUTES", "totals": "STATS_TOTALS"}


@pytest.fixture(scope="module")
def group(directory):
    servers = Group(directory, name="shown")
    yield servers
    servers.stop()


@pytest.fixture(scope="module")
def daemon(group, directory, pgsaba_binary):
    port = free_port()
    started = Pgsaba(pgsaba_binary, directory, group.servers,
                     split({"http": {"address": "127.0.0.1", "port": port},
                            "databases": {"postgres": {"pool_size": 1}}}), "status").start()
    started.http_port = port
    started.url = f"http://127.0.0.1:{port}/"
    wait_until(lambda: is_alive(started.url), 20, "its pages")
    yield started
    started.stop()


def get(url, **headers):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=20) as answer:
        return answer.headers, answer.read().decode()


def is_alive(url):
    try:
        return bool(get(url + "healthz"))
    except urllib.error.URLError:
        return False


def figures(daemon, page="status.json"):
    headers, body = get(daemon.url + page)
    assert headers["Content-Type"] == "application/json"
    return json.loads(body)


def test_the_figures_are_the_consoles(daemon):
    with daemon.connect() as client:
        client.query("select 1")
        told = figures(daemon)
        for name, table in TABLES.items():
            shown = daemon.admin(f"SHOW {table}")
            assert [list(row) for row in told[name]] == [list(row) for row in shown], name
            assert len(told[name]) > 0
        for row, shown in zip(told["topology"], daemon.admin("SHOW TOPOLOGY"), strict=True):
            assert (row["server"], row["role"], row["port"]) == (shown["server"], shown["role"],
                                                                 int(shown["port"]))
    assert "waits" not in told
    assert (told["state"], told["version"]) == ("active", "0.1.0")


def test_lag_is_remembered(daemon):
    wait_until(lambda: all(len(line["points"]) > 1 for line in figures(daemon)["lag"]["lines"]) and
               figures(daemon)["lag"]["lines"], 30, "two samples")
    lines = figures(daemon)["lag"]["lines"]
    assert len(lines) == 3
    # The primary has no lag; who knows that of a standby knows it in microseconds.
    assert sum(any(point is not None for point in line["points"]) for line in lines) >= 2


def test_nothing_comes_from_elsewhere(daemon):
    headers, page = get(daemon.url)
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|@import|url\(|src=", page)


def test_a_password_covers_it(group, directory, pgsaba_binary):
    port = free_port()
    daemon = Pgsaba(pgsaba_binary, directory, group.servers,
                    split({"http": {"address": "127.0.0.1", "port": port, "user": "saba",
                                    "password": "secret"}}), "covered").start()
    try:
        wait_until(lambda: is_alive(f"http://127.0.0.1:{port}/"), 20, "its pages")
        for page in ("", "status.json", "status.json?waits=1"):
            url = f"http://127.0.0.1:{port}/{page}"
            with pytest.raises(urllib.error.HTTPError) as refused:
                get(url)
            assert refused.value.code == 401
            get(url, Authorization="Basic " + base64.b64encode(b"saba:secret").decode())
    finally:
        daemon.stop()


def shown_by_the_browser(url, tmp_path, *options):
    """The document after a few seconds of its own time."""
    done = subprocess.run(
        [BROWSER, "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}", "--disable-dev-shm-usage",
         "--virtual-time-budget=9000", *options, "--dump-dom", url],
        capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return done.stdout


def cells(document, name):
    """What the table under this id says, row by row."""
    part = document.split(f'id="{name}">')[1].split("<h2>")[0].split("<footer>")[0]
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", part, re.S)
    return [[html.unescape(re.sub(r"<[^>]+>", "", cell)) for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row)]
            for row in rows]


@pytest.mark.timeout(120)
def test_a_browser_shows_who_waits_for_whom(daemon, tmp_path):
    hostile = "<script>document.title='mine'</script>"
    holder, waiter = daemon.connect(), daemon.connect()
    holder.rows(f"set application_name = '{hostile.replace(chr(39), chr(39) * 2)}'")
    waiter.rows("set application_name = 'patient'")
    begin(holder)
    waiter.send(m.query("create temp table at_last (a int)"))
    wait_for_waiters(daemon, 1)
    document = shown_by_the_browser(daemon.url, tmp_path)
    servers = cells(document, "servers")
    assert [row[1] for row in servers[1:]] == ["primary", "standby", "standby"]
    assert [row[3] for row in servers[1:]] == ["–", "yes", "yes"]
    waits = cells(document, "waits")
    assert waits[0][:3] == ["who", "since", "held by"]
    assert waits[1][0] == "patient"
    assert waits[1][2].startswith(hostile)
    assert hostile not in document
    pools = cells(document, "pools")
    assert pools[1][0] == "postgres" and pools[1][3] == "1"
    assert "(1 wait) pgsaba" in document
    holder.close()
    waiter.close()
