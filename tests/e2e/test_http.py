"""Metrics and health over HTTP, for Prometheus and load balancers."""
# ctest-labels: threads

import base64
import http.client
import json
import re
import socket
import ssl
import subprocess
import urllib.error
import urllib.request

import pytest
from harness import messages as m
from harness import tls
from harness.certificates import Authority
from harness.client import RawClient, ServerError
from harness.conversations import begin, wait_for_waiters
from harness.group import Group, split
from harness.pgsaba import Pgsaba
from harness.processes import free_port, spawn, wait_until
from prometheus_client.parser import text_string_to_metric_families


@pytest.fixture
def start(start_pgsaba):
    def with_http(changes=None, **arguments):
        port = free_port()
        daemon = start_pgsaba({"http": {"address": "127.0.0.1", "port": port}, **(changes or {})},
                              **arguments)
        port = daemon.config["http"]["port"]
        daemon.http = f"http://127.0.0.1:{port}"
        daemon.http_port = port
        wait_until(lambda: get(daemon, "/healthz")[0] == 200, 20, "health")
        return daemon
    return with_http


def get(daemon, path):
    """Status and body."""
    try:
        with urllib.request.urlopen(daemon.http + path, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def samples(daemon):
    """Every sample by its name and labels; the text must be what Prometheus can read."""
    status, text = get(daemon, "/metrics")
    assert status == 200
    found = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation and family.type in ("gauge", "counter", "histogram"), family
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found, key
            found[key] = sample.value
    return found


def value(all_samples, name, **labels):
    return all_samples[(name, tuple(sorted(labels.items())))]


def test_metrics_are_what_the_console_says(start):
    daemon = start({"databases": {"postgres": {"cluster": "main", "pool_size": 2}}, "workers": 2})
    clients = [daemon.connect() for _ in range(4)]
    begin(clients[0])
    begin(clients[1])
    clients[2].send(m.query("select 1"))
    wait_for_waiters(daemon, 1)
    found = samples(daemon)
    pool = {"database": "postgres", "user": "postgres"}
    assert value(found, "pgsaba_pool_clients", **pool, state="active") == 3
    assert value(found, "pgsaba_pool_clients", **pool, state="waiting") == 1
    assert value(found, "pgsaba_pool_longest_wait_seconds", **pool) > 0
    assert value(found, "pgsaba_pool_servers", **pool, server="primary", state="active") == 2
    assert value(found, "pgsaba_database_pool_size", database="postgres") == 2
    for client in clients[:2]:
        client.rows("commit")
    clients[2].read_until_ready()
    before = value(samples(daemon), "pgsaba_transactions_total", database="postgres")
    for _ in range(5):
        clients[3].value("select 1")
    after = samples(daemon)
    assert value(after, "pgsaba_transactions_total", database="postgres") == before + 5
    counted = value(after, "pgsaba_query_duration_seconds_count", database="postgres")
    assert counted == value(after, "pgsaba_queries_total", database="postgres")
    assert value(after, "pgsaba_wait_duration_seconds_count", database="postgres") >= 1
    totals = {row["database"]: row for row in daemon.admin("show stats_totals")}["postgres"]
    assert int(totals["query_count"]) == value(after, "pgsaba_queries_total", database="postgres")
    assert value(after, "process_open_fds") > 10
    assert value(after, "pgsaba_workers") == 2


def test_pins_and_prepared_statements(start):
    """What the console shows as PIN_TOTALS and MEM."""
    daemon = start({"databases": {"postgres": {"pool_size": 3}}, "workers": 2,
                    "pool": {"max_pinned_servers": 1}, "timeouts": {"query_wait": "1s"},
                    "limits": {"max_prepared_memory": "64kB"}})
    pin = {"database": "postgres", "reason": "temporary objects"}
    with daemon.connect() as client, daemon.connect() as other:
        client.query("create temp table kept (a int)")
        wait_until(lambda: daemon.admin("show pins"), 10, "the pin")
        assert value(samples(daemon), "pgsaba_pins", **pin) == 1
        assert other.query("create temp table too_many (a int)")[0].tag == b"E"
        client.query("drop table kept")
        wait_until(lambda: not daemon.admin("show pins"), 10, "its end")
        text = "select " + "1 + " * 1000 + "1 /* {} */"
        for n in range(30):
            client.send(m.parse(f"s{n}", text.format(n)), m.sync())
            client.read_until_ready()
        found = samples(daemon)
    assert value(found, "pgsaba_pins", **pin) == 0
    assert value(found, "pgsaba_pins_total", **pin) == 1
    assert value(found, "pgsaba_pin_seconds_total", **pin) > 0
    assert value(found, "pgsaba_pins_refused_total", **pin) == 1
    texts = {"cache": "prepared_statement_texts"}
    assert 0 < value(found, "pgsaba_memory_bytes", **texts) <= 64 * 1024
    kept = value(found, "pgsaba_memory_entries", **texts, state="used")
    assert 0 < kept < 30
    assert value(found, "pgsaba_prepared_statements_refused_total") == 30 - kept
    assert value(found, "pgsaba_prepared_memory_limit_bytes") == 64 * 1024


def test_how_clients_are_let_in_and_what_they_are_told(start, authority, directory, cluster):
    """Handshakes, logins that came to nothing, errors: ours and the servers'."""
    files_of = authority.issue("access")
    users = directory.path / "http_users.txt"
    users.write_text('"postgres" "right"\n')
    users.chmod(0o600)
    daemon = start({"auth": {"type": "scram-sha-256", "file": str(users), "failure_pause": "0s"},
                    "admin": {"users": ["somebody"]},
                    "tls": {"certificate": files_of.certificate, "key": files_of.key}})
    before = samples(daemon)
    handshakes, failures = "pgsaba_tls_handshakes_total", "pgsaba_tls_handshake_failures_total"
    assert value(before, handshakes, side="client", result="full") == 0
    encrypted = tls.context()
    for _ in range(2):
        with daemon.connect(password="right", tls=encrypted) as client:
            assert client.query("select 1/0")[0].tag == b"E"
            session = client.socket.session
    with RawClient(daemon.where, login=False) as again:
        again.socket = tls.wrap(again.socket, encrypted, "localhost", session=session)
        again.password = "right"
        again.login()
    for user, database in [("postgres", "postgres"), ("nobody", "postgres"), ("postgres", "missing"),
                           ("postgres", "pgsaba")]:
        with pytest.raises(ServerError):
            daemon.connect(user=user, database=database,
                           password="wrong" if database == "postgres" else "right")
    for begun in (b"\x16\x03\x01\x00\x10" + b"x" * 16, None):
        with socket.create_connection(daemon.where, 10) as plain:
            tls.negotiate(plain)
            if begun:
                plain.sendall(begun)
                while plain.recv(4096):
                    pass
    with socket.create_connection(daemon.where, 10) as plain, pytest.raises(ssl.SSLError):
        tls.wrap(plain, tls.context(authority.own.certificate, check_host=True), "wrong.test")
    wait_until(lambda: value(samples(daemon), failures, side="client", reason="peer_left") == 1, 10,
               "the one that left")
    after = samples(daemon)
    assert value(after, handshakes, side="client", result="full") == 2
    assert value(after, handshakes, side="client", result="resumed") == 1
    assert value(after, handshakes, side="server", result="full") == 0
    assert value(after, failures, side="client", reason="not_tls") == 1
    assert value(after, failures, side="client", reason="refused_by_peer") == 1
    assert value(after, handshakes, side="client", result="failed") == 3
    refused = "pgsaba_logins_refused_total"
    assert value(after, refused, method="scram-sha-256", reason="wrong_password") == 2
    assert value(after, refused, method="scram-sha-256", reason="no_such_database") == 1
    assert value(after, refused, method="scram-sha-256", reason="not_an_admin") == 1
    assert value(after, refused, method="none", reason="tls") == 3
    errors = "pgsaba_errors_total"
    assert value(after, errors, source="server", sqlstate="22012") == 2
    assert value(after, errors, source="pgsaba", sqlstate="28P01") == 2
    assert value(after, errors, source="pgsaba", sqlstate="3D000") == 1
    # The log tells an administrator more than a client hears.
    daemon.wait_for_log(r'nobody@\S+ error 28P01: .* \(The user is not known.\)')
    daemon.wait_for_log(r'postgres@\S+ error 28P01: .* \(The password does not match.\)')


def test_errors_of_ours_are_logged_unless_that_is_switched_off(start):
    daemon = start({"log": {"pooler_errors": False}})
    with pytest.raises(ServerError):
        daemon.connect(database="missing")
    daemon.wait_for_log("login failed")
    assert "3D000" not in daemon.log
    assert value(samples(daemon), "pgsaba_errors_total", source="pgsaba", sqlstate="3D000") == 1
    daemon.reload({"log": {"pooler_errors": True, "disconnections": False}})
    daemon.wait_for_log("configuration reloaded")
    with pytest.raises(ServerError):
        daemon.connect(database="missing")
    daemon.wait_for_log("missing/postgres@.* error 3D000: ")
    assert daemon.log.count("login failed") == 1


def test_names_and_units(start):
    """The habits of Prometheus: counters end in _total, times are seconds, sizes bytes."""
    daemon = start()
    _, text = get(daemon, "/metrics")
    for family in text_string_to_metric_families(text):
        assert re.fullmatch(r"(pgsaba|process)_[a-z0-9_]+", family.name)
        assert not re.search(r"_(us|ms|kb|mb|microseconds|milliseconds)(_|$)", family.name)
    for kind, name in re.findall(r"# TYPE (\S+) (\S+)", text):
        assert (name == "counter") == kind.endswith("_total")


def test_only_reading(start):
    daemon = start()
    assert get(daemon, "/nothing")[0] == 404
    connection = http.client.HTTPConnection("127.0.0.1", daemon.http_port, timeout=20)
    connection.request("POST", "/metrics", body=b"x")
    answer = connection.getresponse()
    assert answer.status == 405 and answer.getheader("Allow") == "GET, HEAD"
    connection = http.client.HTTPConnection("127.0.0.1", daemon.http_port, timeout=20)
    connection.request("HEAD", "/healthz")
    answer = connection.getresponse()
    assert answer.status == 200 and answer.read() == b""


def test_health_and_readiness_of_one_server(start, cluster):
    daemon = start()
    assert get(daemon, "/healthz") == (200, "alive\n")
    assert get(daemon, "/readyz") == (200, "ready\n")
    assert get(daemon, "/readyz?role=replica")[0] == 503
    assert get(daemon, "/readyz?role=nonsense")[0] == 503
    assert get(daemon, "/readyz?database=postgres")[0] == 200
    assert get(daemon, "/readyz?database=nothing")[0] == 503
    daemon.admin("pause")
    assert get(daemon, "/readyz") == (503, "all databases are paused\n")
    assert get(daemon, "/healthz")[0] == 200
    daemon.admin("resume")
    assert get(daemon, "/readyz")[0] == 200


def test_a_daemon_that_drains_is_not_ready(start):
    daemon = start()
    with daemon.connect() as client:
        begin(client)
        daemon.send_signal(15)
        wait_until(lambda: get(daemon, "/readyz") == (503, "shutting down\n"), 20, "not ready")
        assert get(daemon, "/healthz")[0] == 200
        client.rows("commit")
    daemon.wait()


def test_a_port_that_is_taken_is_told(start_pgsaba, pgsaba_binary, directory, cluster):
    other = start_pgsaba()
    second = Pgsaba(pgsaba_binary, directory, [cluster], {"http": {"port": other.port}}, "second")
    with pytest.raises(RuntimeError) as failed:
        second.start()
    assert f"cannot listen on 127.0.0.1:{other.port} for HTTP" in str(failed.value)


@pytest.fixture(scope="module")
def group(directory):
    made = Group(directory, name="http-group")
    yield made
    made.stop()


HAPROXY = """
defaults
  mode tcp
  timeout connect 5s
  timeout client 5s
  timeout server 5s
frontend stats
  mode http
  bind 127.0.0.1:{stats}
  http-request use-service prometheus-exporter if {{ path /metrics }}
  stats enable
  stats uri /
backend writes
  option httpchk GET /readyz
  server one 127.0.0.1:{port} check port {http} inter 200ms fall 1 rise 1
backend reads
  option httpchk GET /readyz?role=replica
  server one 127.0.0.1:{port} check port {http} inter 200ms fall 1 rise 1
"""


def test_haproxy_follows_the_servers(group, start_pgsaba, tmp_path):
    port, stats = free_port(), free_port()
    daemon = start_pgsaba(split({"http": {"port": port}}), servers=group.servers)
    config = tmp_path / "haproxy.cfg"
    config.write_text(HAPROXY.format(stats=stats, port=daemon.port, http=port))
    proxy = subprocess.Popen(["/usr/sbin/haproxy", "-db", "-f", config])

    def states():
        with urllib.request.urlopen(f"http://127.0.0.1:{stats}/;csv", timeout=5) as answer:
            rows = [line.split(",") for line in answer.read().decode().splitlines()]
        column = rows[0].index("status")
        return {row[0]: row[column] for row in rows if row[1] == "one"}

    def becomes(writes, reads):
        def seen():
            try:
                now = states()
            except OSError:
                return False
            return (now["writes"].startswith(writes), now["reads"].startswith(reads)) == (True, True)
        wait_until(seen, 30, f"writes {writes}, reads {reads}")

    try:
        becomes("UP", "UP")
        for standby in group.standbys:
            standby.stop("immediate")
        becomes("UP", "DOWN")
        for standby in group.standbys:
            standby.start()
        becomes("UP", "UP")
        group.primary.stop("immediate")
        becomes("DOWN", "UP")
        group.primary.start()
        becomes("UP", "UP")
    finally:
        proxy.terminate()
        proxy.wait(10)


def test_a_name_and_a_password(start):
    """For what tells something; whether it is alive and ready is for everybody."""
    daemon = start({"http": {"address": "127.0.0.1", "port": free_port(), "user": "zabbix",
                             "password": "pass:wörd"}})

    def status(path, name=None, password=None):
        request = urllib.request.Request(daemon.http + path)
        if name is not None:
            token = base64.b64encode(f"{name}:{password}".encode()).decode()
            request.add_header("Authorization", f"Basic {token}")
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            assert error.headers["WWW-Authenticate"].startswith('Basic realm="pgsaba"')
            return error.code

    assert status("/healthz") == status("/readyz") == 200
    assert status("/metrics", "zabbix", "pass:wörd") == 200
    for wrong in [(), ("zabbix", ""), ("zabbix", "pass"), ("", "pass:wörd"), ("Zabbix", "pass:wörd")]:
        assert status("/metrics", *wrong) == 401
    daemon.reload({"http": {"password": "another"}})
    daemon.wait_for_log("configuration reloaded")
    assert status("/metrics", "zabbix", "another") == 200
    assert "another" not in daemon.log and "pass:" not in daemon.log


# over TLS


@pytest.fixture(scope="module")
def authority(directory):
    return Authority(directory, "http-authority")


@pytest.fixture
def start_tls(start_pgsaba):
    def with_tls(**http):
        daemon = start_pgsaba({"http": {"address": "127.0.0.1", "port": free_port(), **http}})
        daemon.http_port = daemon.config["http"]["port"]
        daemon.http = f"https://127.0.0.1:{daemon.http_port}"
        return daemon
    return with_tls


def files(issued):
    return {"certificate": issued.certificate, "key": issued.key}


def curl(daemon, page, *arguments):
    """What it says, and its exit status."""
    done = subprocess.run(["curl", "-sS", "--noproxy", "*", *arguments, daemon.http + page],
                          capture_output=True, text=True, timeout=30)
    return done.returncode, done.stdout + done.stderr


def serial_shown(daemon, authority):
    with socket.create_connection(("127.0.0.1", daemon.http_port), 10) as plain:
        with tls.context(authority.certificate).wrap_socket(plain) as secured:
            return secured.getpeercert()["serialNumber"]


def test_pages_over_tls(start_tls, authority):
    daemon = start_tls(**files(authority.issue("pages")), user="zabbix", password="secret")
    trusting = ["--cacert", authority.certificate]
    assert curl(daemon, "/healthz", *trusting) == (0, "alive\n")
    assert curl(daemon, "/healthz")[0] == 60  # nobody vouches for it
    status, text = curl(daemon, "/metrics", *trusting, "-u", "zabbix:secret")
    assert status == 0 and "pgsaba_workers 1" in text
    assert "401" in curl(daemon, "/metrics", *trusting, "-i")[1].splitlines()[0]
    # As browsers do: HTTP/2 is offered, too, and what is chosen is what is spoken.
    with socket.create_connection(("127.0.0.1", daemon.http_port), 10) as plain:
        offered = tls.context(authority.certificate, alpn=["h2", "http/1.1"])
        with offered.wrap_socket(plain) as secured:
            assert secured.selected_alpn_protocol() == "http/1.1" and secured.version() == "TLSv1.3"
            for byte in b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n":
                secured.sendall(bytes([byte]))
            answer = b""
            while more := secured.recv(4096):  # a goodbye ends it, not a cut
                answer += more
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and answer.endswith(b"alive\n")
    with socket.create_connection(("127.0.0.1", daemon.http_port), 10) as plain:
        with pytest.raises(ssl.SSLError):
            tls.context(alpn=["postgresql"]).wrap_socket(plain)
    with socket.create_connection(("127.0.0.1", daemon.http_port), 10) as plain:
        plain.sendall(b"GET /healthz HTTP/1.1\r\n\r\n")  # in clear text nothing is told
        assert b"alive" not in plain.recv(4096)
    assert "secret" not in daemon.log


def test_the_certificate_of_the_pages_is_reloaded(start_tls, authority):
    first, second = authority.issue("pages"), authority.issue("pages", file="later")
    daemon = start_tls(**files(first))
    before = serial_shown(daemon, authority)
    with socket.create_connection(("127.0.0.1", daemon.http_port), 10) as plain:
        with tls.context(authority.certificate).wrap_socket(plain) as open_before:
            daemon.reload({"http": files(second)})
            wait_until(lambda: serial_shown(daemon, authority) != before, 10, "the new certificate")
            open_before.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            assert open_before.recv(4096).startswith(b"HTTP/1.1 200")
    after = serial_shown(daemon, authority)
    daemon.reload({"http": {"key": first.key}})  # not its key: refused, and nothing changes
    daemon.wait_for_log("reload refused.*http: the key does not belong")
    assert serial_shown(daemon, authority) == after


def test_only_who_shows_a_certificate_may_look(start_tls, authority, directory):
    stranger = Authority(directory, "http-stranger").issue("zabbix")
    daemon = start_tls(**files(authority.issue("pages")), ca=authority.certificate)
    trusting = ["--cacert", authority.certificate]
    known = authority.issue("zabbix")
    shown = ["--cert", known.certificate, "--key", known.key]
    assert curl(daemon, "/healthz", *trusting, *shown) == (0, "alive\n")
    for nobody in ([], ["--cert", stranger.certificate, "--key", stranger.key]):
        status, text = curl(daemon, "/healthz", *trusting, *nobody)
        assert status != 0 and "alive" not in text


def test_prometheus_reads_over_tls(start_tls, authority, directory):
    daemon = start_tls(**files(authority.issue("pages")), user="zabbix", password="secret")
    base, port = directory.make("prometheus-tls"), free_port()
    (base / "prometheus.yml").write_text(json.dumps({
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [{"job_name": "pgsaba", "scheme": "https",
                            "tls_config": {"ca_file": authority.certificate},
                            "basic_auth": {"username": "zabbix", "password": "secret"},
                            "static_configs": [{"targets": [f"127.0.0.1:{daemon.http_port}"]}]}]}))
    with open(base / "log", "wb") as log:
        process = spawn(["prometheus", f"--config.file={base}/prometheus.yml",
                         f"--storage.tsdb.path={base}/data", f"--web.listen-address=127.0.0.1:{port}"],
                        log)

    def is_up():
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/query?query=up",
                                        timeout=10) as reply:
                return [one["value"][1] for one in json.load(reply)["data"]["result"]] == ["1"]
        except (OSError, ValueError):
            return False

    try:
        wait_until(is_up, 60, "Prometheus to read it")
    finally:
        process.terminate()
        process.wait()


def test_slow_and_many_who_look(start):
    """Whoever is slow at asking makes way for those who ask."""
    daemon = start()
    held = [socket.create_connection(("127.0.0.1", daemon.http_port), 10) for _ in range(200)]
    for number, one in enumerate(held):
        one.sendall(b"GET /healthz HTTP/1.1\r\n"[:number % 20])
    for _ in range(20):
        assert get(daemon, "/healthz") == (200, "alive\n")
    ended = 0
    for one in held[:100]:  # the oldest went first
        one.settimeout(10)
        try:
            ended += one.recv(1) == b""
        except ConnectionResetError:
            ended += 1
    assert ended == 100
    for one in held:
        one.close()


@pytest.mark.parametrize("what, answered", [
    (b"GET / HTTP/1.1\r\n" + b"x: " + b"y" * 20_000, b"HTTP/1.1 431"),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"HTTP/1.1 400"),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"HTTP/1.1 505"),
    (b"POST /metrics HTTP/1.1\r\nContent-Length: 100000\r\n\r\n", b"HTTP/1.1 413"),
    (b"GET /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"HTTP/1.1 501"),
    (b"GET /healthz HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", b"HTTP/1.1 200"),
    (b"GET http://x/healthz HTTP/1.1\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n", b"HTTP/1.1 200"),
])
def test_odd_requests(start, what, answered):
    daemon = start()
    with socket.create_connection(("127.0.0.1", daemon.http_port), 10) as plain:
        plain.sendall(what)
        answer = b""
        try:
            while more := plain.recv(65536):
                answer += more
        except ConnectionResetError:  # it was still talking
            pass
    assert answer.startswith(answered) and answer.count(b"Content-Length") == 1
