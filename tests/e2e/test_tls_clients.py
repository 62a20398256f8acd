"""TLS to clients: who gets in, with what, and what becomes of it when files change."""
# ctest-labels: threads

import shutil
import socket
import ssl
import subprocess
import time
from pathlib import Path

import psycopg
import pytest
from harness import messages as m
from harness.certificates import Authority
from harness.client import RawClient, ServerError
from harness.cluster import PostgresCluster
from harness.conversations import refusal
from harness.differential import converse, is_complete
from harness.pgsaba import Pgsaba
from harness.processes import free_port, wait_until
from harness.tls import Refused, SlowTls, context, wrap
from scripts import GROUPS

SSLMODES = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
MODES = ["allow", "prefer", "require", "verify-ca", "verify-full"]
USERS = {mode: "by_" + mode.replace("-", "_") for mode in MODES}


@pytest.fixture(scope="module")
def authority(directory):
    return Authority(directory, "authority")


@pytest.fixture(scope="module")
def certificate(authority):
    return authority.issue("pgsaba.test")


@pytest.fixture(scope="module")
def shown(directory, authority):
    """What a client may show of itself; `USER` is replaced by the user it logs in as."""
    stranger = Authority(directory, "stranger")
    made = {"none": lambda user: None,
            "right": lambda user: authority.issue(user, names=""),
            "other name": lambda user: authority.issue("somebody-else", names=""),
            "expired": authority.expired,
            "wrong authority": stranger.issue,
            "self-signed": lambda user: stranger.own}
    cache = {}

    def of(kind, user):
        return cache.setdefault((kind, user), made[kind](user))

    return of


@pytest.fixture(scope="module")
def oracle(directory, authority, certificate):
    """PostgreSQL itself with the same rules, one user for each mode."""
    lines = ["local all all trust", "host all postgres 127.0.0.1/32 trust"]
    rules = {"allow": "host", "prefer": "host", "require": "hostssl", "verify-ca": "hostssl",
             "verify-full": "hostssl"}
    for mode, kind in rules.items():
        option = f" clientcert={mode}" if mode.startswith("verify") else ""
        lines.append(f"{kind} all {USERS[mode]} 127.0.0.1/32 trust{option}")
    made = PostgresCluster(directory, "oracle", hba=lines).initialize()
    made.use_certificate(certificate, authority.certificate).start()
    for user in USERS.values():
        made.create_user(user)
    yield made
    made.stop("immediate")


@pytest.fixture(scope="module")
def roles(cluster):
    for user in USERS.values():
        cluster.create_user(user)


def tls_of(files, **settings):
    return {"tls": {"certificate": files.certificate, "key": files.key, **settings}}


def verdict(where, user, sslmode, ca, client=None):
    """Whether libpq gets in, and whether with TLS."""
    host, port = where
    given = {"sslcert": client.certificate, "sslkey": client.key} if client else \
        {"sslcert": "/nonexistent", "sslkey": "/nonexistent"}
    try:
        with psycopg.connect(host=host, port=port, user=user, dbname="postgres", sslmode=sslmode,
                             sslrootcert=ca, connect_timeout=10, **given) as connection:
            return "TLS" if connection.pgconn.ssl_in_use else "plain"
    except psycopg.OperationalError:
        return "refused"


# Who gets in


@pytest.mark.parametrize("mode", MODES)
def test_the_same_clients_get_in_as_at_postgresql(start_pgsaba, roles, oracle, authority,
                                                  certificate, shown, mode):
    daemon = start_pgsaba(tls_of(certificate, mode=mode, ca=authority.certificate))
    user, ca = USERS[mode], authority.certificate
    kinds = ["none", "right", "other name", "expired", "wrong authority", "self-signed"]
    cases = [(sslmode, "none") for sslmode in SSLMODES] + [("require", kind) for kind in kinds]
    here = {case: verdict(daemon.where, user, case[0], ca, shown(case[1], user)) for case in cases}
    there = {case: verdict((oracle.host, oracle.port), user, case[0], ca, shown(case[1], user))
             for case in cases}
    assert here == there
    assert set(there.values()) > {"TLS"}  # some are let in, and others not, or without TLS


@pytest.mark.parametrize("changes", [{}, {"tls": {"mode": "disable"}}], ids=["none", "disabled"])
def test_without_tls_the_same_as_postgresql_without(start_pgsaba, cluster, authority, certificate,
                                                    changes):
    if changes:
        changes = tls_of(certificate, mode="disable")
    daemon = start_pgsaba(changes)
    for sslmode in SSLMODES:
        here = verdict(daemon.where, "postgres", sslmode, authority.certificate)
        there = verdict((cluster.host, cluster.port), "postgres", sslmode, authority.certificate)
        assert here == there == ("plain" if sslmode in SSLMODES[:3] else "refused")


def test_the_refusals_say_what_is_missing(start_pgsaba, authority, certificate, shown):
    daemon = start_pgsaba(tls_of(certificate, mode="verify-full", ca=authority.certificate))
    plain = refusal(daemon.where)
    assert plain["C"] == "28000" and "without TLS" in plain["M"] and "tls.mode" in plain["H"]
    other = refusal(daemon.where, tls=context(certificate=shown("other name", "postgres")))
    assert other["C"] == "28000"
    assert other["M"] == 'certificate authentication failed for user "postgres"'
    assert "somebody-else" in other["D"]
    with pytest.raises((ssl.SSLError, ConnectionError)):
        daemon.connect(tls=context(certificate=shown("wrong authority", "postgres")))
    daemon.wait_for_log("TLS failed: .*(self-signed|unable to get local issuer)")


@pytest.fixture
def with_listeners(pgsaba_binary, directory, cluster):
    started = []

    def start(listeners, changes):
        started.append(Pgsaba(pgsaba_binary, directory, [cluster], changes, "with_listeners"))
        started[0].config["listen"] += listeners
        return started[0].start()

    yield start
    for daemon in started:
        daemon.stop()


def test_each_listener_may_have_a_mode_of_its_own(with_listeners, roles, authority, certificate,
                                                  shown):
    """What tls.mode says is for the others, and what was listened on is what counts, not who asks."""
    modes = ["disable", "prefer", "require", "verify-full", None]
    listeners = [{"address": "127.0.0.1", "port": free_port(), **({"tls_mode": mode} if mode else {})}
                 for mode in modes]
    listeners.append({"address": "0.0.0.0", "port": free_port(), "tls_mode": "require"})
    daemon = with_listeners(listeners, tls_of(certificate, mode="verify-ca",
                                              ca=authority.certificate))
    user = USERS["verify-full"]

    def seen(listener, sslmode, kind="none"):
        return verdict(("127.0.0.1", listener["port"]), user, sslmode, authority.certificate,
                       shown(kind, user))

    answers = [[seen(listener, "disable"), seen(listener, "require"),
                seen(listener, "require", "other name"), seen(listener, "require", "right")]
               for listener in listeners]
    assert answers == [["plain", "refused", "refused", "refused"],
                       ["plain", "TLS", "TLS", "TLS"],
                       ["refused", "TLS", "TLS", "TLS"],
                       ["refused", "refused", "refused", "TLS"],
                       ["refused", "refused", "TLS", "TLS"],
                       ["refused", "TLS", "TLS", "TLS"]]
    daemon.reload({"listen": [{**listeners[0], "tls_mode": "prefer"}]})
    daemon.wait_for_log("reload: listen stays .*127.0.0.1:\\d+ disable.* until the next start")
    assert seen(listeners[0], "require") == "refused"


def test_certificates_that_were_revoked(start_pgsaba, directory, authority, certificate, shown,
                                        oracle, roles):
    """As at PostgreSQL; a reload reads the list again, and nobody's session is resumed past it."""
    user = USERS["verify-ca"]
    good, bad = authority.issue(user, names="", file="good"), authority.issue(user, names="", file="bad")
    crl = directory.path / "revoked.crl"
    shutil.copyfile(authority.revoke(), crl)
    daemon = start_pgsaba(tls_of(certificate, mode="verify-ca", ca=authority.certificate,
                                 crl=str(crl)))
    where = (oracle.host, oracle.port)

    def both(files):
        here = verdict(daemon.where, user, "require", authority.certificate, files)
        assert here == verdict(where, user, "require", authority.certificate, files)
        return here

    def tell_oracle(path):
        shutil.copyfile(path, oracle.data / "root.crl")
        (oracle.data / "root.crl").chmod(0o644)
        oracle.sql("alter system set ssl_crl_file = 'root.crl'")
        oracle.sql("select pg_reload_conf()")
        oracle.sql("select pg_sleep(0.3)")

    assert (both(good), both(bad)) == ("TLS", "TLS")
    tls = context(certificate=bad)
    with socket.create_connection(daemon.where, 10) as plain, wrap(plain, tls) as made:
        made.sendall(m.startup({"user": user, "database": "postgres"}))
        assert made.recv(1) == b"R"
        session = made.session
    shutil.copyfile(authority.revoke(bad), crl)
    tell_oracle(crl)
    try:
        daemon.reload()
        daemon.wait_for_log("reload: new clients get the TLS certificate")
        assert (both(good), both(bad)) == ("TLS", "refused")
        with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
            with socket.create_connection(daemon.where, 10) as plain:
                with wrap(plain, tls, session=session) as made:
                    made.sendall(m.startup({"user": user, "database": "postgres"}))
                    assert made.recv(1) == b"R"
        daemon.wait_for_log("TLS failed: .*revoked")
        folder = directory.make("crls")
        shutil.copyfile(crl, folder / "one.crl")
        daemon.reload({"tls": {"crl": None, "crl_directory": str(folder)}})
        wait_until(lambda: daemon.log.count("reload: new clients get") == 2, 10, "the reload")
        assert (both(good), both(bad)) == ("TLS", "refused")
        (folder / "broken.crl").write_text("-----BEGIN X509 CRL-----\nnonsense\n")
        daemon.reload()
        daemon.wait_for_log("reload refused.*cannot read the lists of revoked certificates")
    finally:
        oracle.sql("alter system reset ssl_crl_file")
        oracle.sql("select pg_reload_conf()")


def test_unix_sockets_have_no_tls_and_need_none(start_pgsaba, certificate):
    daemon = start_pgsaba(tls_of(certificate, mode="require"))
    with RawClient(daemon.unix_socket, login=False) as client:
        client.send(m.ssl_request())
        assert client.read_bytes(1) == b"N"
        client.login()
        assert client.value("select 1") == "1"


def test_the_console_shows_it_in_the_form_of_pgbouncer(start_pgsaba, certificate):
    daemon = start_pgsaba(tls_of(certificate))
    version_12 = context(maximum=ssl.TLSVersion.TLSv1_2)
    with daemon.connect(tls=context()), daemon.connect(tls=version_12), daemon.connect():
        shown_tls = sorted(row["tls"] for row in daemon.admin("show clients")
                           if row["database"] == "postgres")
    assert shown_tls == ["", "TLSv1.2/ECDHE-ECDSA-AES256-GCM-SHA384/ECDH=X25519",
                         "TLSv1.3/TLS_AES_128_GCM_SHA256/ECDH=X25519"]


# What is spoken


def test_versions_and_ciphers_on_offer(start_pgsaba, certificate):
    def scan(daemon):
        found = set()
        for option in ("tls1", "tls1_1", "tls1_2", "tls1_3"):
            done = subprocess.run(
                ["openssl", "s_client", "-starttls", "postgres", f"-{option}", "-cipher",
                 "ALL:@SECLEVEL=0", "-connect", f"{daemon.host}:{daemon.port}"],
                input="", capture_output=True, text=True, timeout=20)
            if "Cipher is (NONE)" not in done.stdout and done.returncode == 0:
                found.add(option)
        return found

    def refuses(daemon, ciphers):
        limited = context(maximum=ssl.TLSVersion.TLSv1_2)
        limited.set_ciphers(ciphers + ":@SECLEVEL=0")
        try:
            daemon.connect(tls=limited).close()
            return False
        except (ssl.SSLError, ConnectionError):
            return True

    daemon = start_pgsaba(tls_of(certificate))
    assert scan(daemon) == {"tls1_2", "tls1_3"}
    for weak in ("AES256-SHA", "ECDHE-ECDSA-AES256-SHA384", "ECDHE-ECDSA-AES128-SHA"):
        assert refuses(daemon, weak), weak
    assert not refuses(daemon, "ECDHE-ECDSA-AES128-GCM-SHA256")
    assert scan(start_pgsaba(tls_of(certificate, minimum_version="1.3"))) == {"tls1_3"}
    narrow = start_pgsaba(tls_of(certificate, ciphers="ECDHE+CHACHA20", maximum_version="1.2",
                                 curves="P-384"))
    assert refuses(narrow, "ECDHE-ECDSA-AES128-GCM-SHA256")
    with narrow.connect(tls=context()):
        row, = [row for row in narrow.admin("show clients") if row["database"] == "postgres"]
        assert row["tls"] == "TLSv1.2/ECDHE-ECDSA-CHACHA20-POLY1305/ECDH=secp384r1"


def test_direct_tls_needs_the_protocol(start_pgsaba, certificate):
    daemon = start_pgsaba(tls_of(certificate))
    with daemon.connect(tls=context(alpn=["postgresql"]), direct=True) as client:
        assert client.socket.selected_alpn_protocol() == "postgresql"
        assert client.value("select 1") == "1"
    for offered in ([], ["http/1.1"]):
        with pytest.raises((ssl.SSLError, ConnectionError, Exception)) as ended:
            daemon.connect(tls=context(alpn=offered), direct=True)
        assert not isinstance(ended.value, (ServerError, AssertionError))
    with pytest.raises((ssl.SSLError, ConnectionError)):  # also behind an SSLRequest
        daemon.connect(tls=context(alpn=["http/1.1"]))
    daemon.wait_for_log(r"without asking for the protocol postgresql")


def test_names_choose_the_certificate(start_pgsaba, authority, certificate):
    other = authority.issue("other.test", names="DNS:other.test,DNS:*.wild.test")
    changes = tls_of(certificate)
    changes["tls"]["certificates"] = [{"certificate": other.certificate, "key": other.key}]
    daemon = start_pgsaba(changes)

    def common_name(name):
        tls = context(authority.certificate)
        with socket.create_connection(daemon.where, 10) as plain, wrap(plain, tls, name) as made:
            return dict(made.getpeercert()["subject"][0])["commonName"]

    assert [common_name(name) for name in
            ("localhost", "other.test", "a.wild.test", "a.b.wild.test", None)] == \
        ["pgsaba.test", "other.test", "other.test", "pgsaba.test", "pgsaba.test"]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_are_resumed_by_any_worker_and_across_reloads(start_pgsaba, certificate, version):
    daemon = start_pgsaba({**tls_of(certificate), "workers": 3})
    tls = context(minimum=version, maximum=version)

    def visit(session):
        with socket.create_connection(daemon.where, 10) as plain:
            with wrap(plain, tls, "localhost", session=session) as made:
                made.sendall(m.startup({"user": "postgres", "database": "postgres"}))
                assert made.recv(1) == b"R"  # whoever has read this has its ticket
                return made.session, made.session_reused

    session, reused = visit(None)
    assert not reused
    held = [daemon.connect() for _ in range(2)]  # the next one falls to another worker
    for _ in range(4):
        session, reused = visit(session)
        assert reused
    daemon.reload({"log": {"stats_period": 61}})
    daemon.wait_for_log("configuration reloaded")
    assert visit(session)[1]
    for client in held:
        client.close()


# Files


def test_a_reload_takes_the_new_certificate_and_disturbs_nobody(start_pgsaba, directory, authority,
                                                                certificate):
    place = directory.make("renewed")
    files = [place / "pgsaba.crt", place / "pgsaba.key"]

    def install(issued):
        for source, target in zip(issued, files):
            shutil.copyfile(source, target)
            target.chmod(0o600)

    def common_name():
        tls = context(authority.certificate)
        with socket.create_connection(daemon.where, 10) as plain, wrap(plain, tls) as made:
            return dict(made.getpeercert()["subject"][0])["commonName"]

    install(certificate)
    daemon = start_pgsaba({"tls": dict(zip(("certificate", "key"), map(str, files)))})
    with daemon.connect(tls=context()) as old:
        old.rows("begin; create temp table mine (a int)")
        install(authority.issue("renewed.test"))
        daemon.reload()
        daemon.wait_for_log("reload: new clients get the TLS certificate")
        wait_until(lambda: common_name() == "renewed.test", 10, "the new certificate")
        files[1].write_text("no key\n")
        before = daemon.log
        daemon.reload({"limits": {"max_client_connections": 7}})
        wait_until(lambda: "reload refused" in daemon.log[len(before):], 10, "the refusal")
        assert str(files[0]) in daemon.log[len(before):]
        assert common_name() == "renewed.test"
        shown_limit = [row for row in daemon.admin("show config")
                       if "max_client_conn" in row["key"]]
        assert [row["value"] for row in shown_limit] == ["1000"]
        assert old.value("select count(*) from mine") == "0"


def test_a_stricter_reload_holds_for_whoever_was_about_to_log_in(start_pgsaba, authority,
                                                                 certificate, shown):
    daemon = start_pgsaba(tls_of(certificate))
    with daemon.connect(tls=context(), login=False) as client:
        daemon.reload(tls_of(certificate, mode="verify-ca", ca=authority.certificate))
        daemon.wait_for_log("configuration reloaded")
        with pytest.raises(ServerError, match="28000: connection requires a valid client cert"):
            client.login()
    right = context(certificate=shown("right", "postgres"))
    assert daemon.connect(tls=right).value("select 1") == "1"


@pytest.mark.parametrize("mode, owner, allowed", [
    (0o600, None, True), (0o640, None, False), (0o604, None, False), (0o660, "root", False),
    (0o640, "root", True), (0o644, "root", False), (0o600, "nobody", False)])
def test_keys_that_others_can_read_are_refused(pgsaba_binary, directory, authority, certificate,
                                               mode, owner, allowed, tmp_path):
    import os
    if owner and os.geteuid() != 0:
        pytest.skip("only root gives files away")
    if owner is None and os.geteuid() == 0:
        owner, allowed = "root", mode in (0o600, 0o640)
    key = tmp_path / "key"
    shutil.copyfile(certificate.key, key)
    if owner:
        shutil.chown(key, owner)
    key.chmod(mode)
    config = tmp_path / "pgsaba.yaml"
    config.write_text(f"tls: {{certificate: {certificate.certificate}, key: {key}}}\n"
                      "auth: {type: trust}\n")
    done = subprocess.run([pgsaba_binary, "check", config], capture_output=True, text=True)
    assert (done.returncode == 0) == allowed, done.stderr
    if not allowed:
        assert str(key) in done.stderr and "0600" in done.stderr


@pytest.mark.parametrize("wrong, words", [
    ("missing", "cannot read"), ("other key", "does not belong"), ("no certificate", "no certificate"),
    ("passphrase", "passphrase")])
def test_files_that_cannot_be_used_are_named(pgsaba_binary, authority, certificate, tmp_path, wrong,
                                             words):
    paths = {"certificate": certificate.certificate, "key": certificate.key}
    if wrong == "missing":
        paths["certificate"] = tmp_path / "missing.crt"
    elif wrong == "other key":
        paths["key"] = authority.issue("another").key
    elif wrong == "no certificate":
        paths["certificate"] = certificate.key
    else:
        paths["key"] = tmp_path / "locked.key"
        subprocess.run(["openssl", "ec", "-aes128", "-passout", "pass:x", "-in", certificate.key,
                        "-out", paths["key"]], check=True, capture_output=True)
        paths["key"].chmod(0o600)
    config = tmp_path / "pgsaba.yaml"
    config.write_text(f"tls: {{certificate: {paths['certificate']}, key: {paths['key']}}}\n"
                      "auth: {type: trust}\n")
    done = subprocess.run([pgsaba_binary, "check", config], capture_output=True, text=True)
    assert done.returncode == 1 and words in done.stderr and "tls:" in done.stderr, done.stderr


# What is said


CONVERSATIONS = [pytest.param(script, id=f"{group}-{name}")
                 for group, scripts in GROUPS.items() for name, script in list(scripts.items())[:6]]


@pytest.fixture(scope="module")
def tables(cluster):
    cluster.sql("create table if not exists notes (a int, b text)")
    cluster.sql("create table if not exists strict (a int primary key not null check (a > 0))")
    cluster.sql("create table if not exists later (a int unique deferrable initially deferred)")
    return lambda: cluster.sql("truncate notes, strict, later")


@pytest.fixture(scope="module")
def encrypted(pgsaba_binary, directory, cluster, certificate):
    from harness.pgsaba import Pgsaba
    started = Pgsaba(pgsaba_binary, directory, [cluster], tls_of(certificate), "encrypted").start()
    yield started
    started.stop()


@pytest.mark.parametrize("script", CONVERSATIONS)
def test_same_answers_as_without(encrypted, cluster, tables, script):
    tables()
    direct = converse((cluster.host, cluster.port), script)
    tables()
    assert is_complete(direct), direct
    assert converse(encrypted.where, script, tls=context()) == direct


def test_a_handshake_in_single_bytes(encrypted):
    with socket.create_connection(encrypted.where, 10) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with RawClient(encrypted.where, login=False) as client:
            client.socket.sendall(m.ssl_request())
            assert client.socket.recv(1) == b"S"
            client.socket = SlowTls(client.socket, context())
            client.login()
            assert client.value("select repeat('x', 100000)") == "x" * 100000


def test_large_results_and_copies_are_the_same_bytes(encrypted, cluster):
    """Also for a client that reads and writes at its leisure."""
    sql = "select i, repeat(md5(i::text), 40) from generate_series(1, 20000) i"
    with RawClient((cluster.host, cluster.port)) as direct, \
            encrypted.connect(tls=context()) as client:
        expected = direct.query(sql)
        assert client.query(sql) == expected
        client.send(m.query(sql))
        time.sleep(0.3)  # pgsaba has to hold back
        assert client.read_until_ready() == expected
        copied = direct.query(f"copy ({sql}) to stdout")
        assert client.query(f"copy ({sql}) to stdout") == copied
        client.rows("create temp table back (i int, b text)")
        client.send(m.query("copy back from stdin"))
        client.read_until(b"G")
        for frame in copied:
            if frame.tag == b"d":
                client.send(m.frame(b"d", frame.body))
        client.send(m.frame(b"c"))
        assert client.read_until_ready()[0] == (b"C", b"COPY 20000\0")
        assert client.value("select md5(string_agg(b, '' order by i)) from back") == \
            direct.value(f"select md5(string_agg(repeat, '' order by i)) from ({sql}) q")


def test_a_cancel_request_may_come_encrypted(encrypted):
    with encrypted.connect(tls=context()) as client:
        client.send(m.query("select pg_sleep(30)"))
        wait_until(lambda: any(row["state"] == "active" for row in encrypted.admin("show servers")),
                   10, "the statement")
        with RawClient(encrypted.where, tls=context(), login=False) as canceler:
            canceler.send(m.cancel_request(client.backend_pid, client.backend_secret))
            assert canceler.read_to_end() == []
        frames = client.read_until_ready()
        assert m.error_fields(frames[-2])["C"] == "57014"


# Before their time


def processor_time(daemon):
    """Nanoseconds that each thread of the daemon has run, by the thread's name."""
    return {(task / "comm").read_text().strip(): int((task / "schedstat").read_text().split()[0])
            for task in Path(f"/proc/{daemon.pid}/task").iterdir()}


STARTUP = m.startup({"user": "postgres", "database": "postgres"})


def opening(where, *pieces):
    """All that comes back."""
    with socket.create_connection(where, 10) as plain:
        for piece in pieces:
            plain.sendall(piece)
        received = b""
        try:
            while more := plain.recv(1 << 16):
                received += more
        except ConnectionResetError:
            pass
        return received


@pytest.mark.parametrize("bytes_sent, answer", [
    (m.ssl_request() + STARTUP, "received unencrypted data after SSL request"),
    (m.ssl_request() + b"x", "received unencrypted data after SSL request"),
    (m.gssenc_request() + STARTUP, "received unencrypted data after GSSAPI encryption request"),
], ids=["a packet", "a byte", "behind GSSAPI"])
def test_nothing_may_come_before_it_is_encrypted(encrypted, bytes_sent, answer):
    received = opening(encrypted.where, bytes_sent)
    assert received[:1] == b"E"
    fields = m.error_fields(m.Frame(b"E", received[5:]))
    assert (fields["C"], fields["M"]) == ("08P01", answer)


@pytest.mark.parametrize("garbage", [
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 4, b"\x16\x03\x01\x40\x00" + b"x" * 100,
    b"\x15\x03\x01\x00\x02\x02\x28", b"\x16" * 5000, b"\0" * 64, STARTUP],
    ids=["http", "a broken record", "an alert", "one type", "zeros", "a plain packet"])
def test_garbage_instead_of_a_handshake_ends_the_connection(encrypted, garbage):
    with socket.create_connection(encrypted.where, 10) as plain:
        plain.sendall(m.ssl_request())
        assert plain.recv(1) == b"S"
        plain.sendall(garbage)
        plain.shutdown(socket.SHUT_WR)
        received = b""
        try:
            while more := plain.recv(1 << 16):
                received += more
        except ConnectionResetError:
            pass
    assert received == b"" or received[:1] == b"\x15"  # nothing, or an alert
    assert encrypted.connect(tls=context()).value("select 1") == "1"


def test_ssl_is_asked_for_once(encrypted, pgsaba, cluster):
    """As in PostgreSQL, a second request is no packet that anybody knows."""
    with encrypted.connect(tls=context(), login=False) as client:
        client.send(m.ssl_request())
        assert m.error_fields(client.read())["C"] == "0A000"
    for where in (pgsaba.where, (cluster.host, cluster.port)):
        with RawClient(where, login=False) as client:
            client.send(m.ssl_request())
            assert client.read_bytes(1) == b"N"
            client.send(m.ssl_request())
            assert m.error_fields(client.read())["C"] == "0A000"


@pytest.mark.parametrize("held_back", ["everything", "the handshake", "its end"])
def test_slow_handshakes_are_cut(start_pgsaba, certificate, held_back):
    daemon = start_pgsaba({**tls_of(certificate), "timeouts": {"client_login": "400ms"}})
    with socket.create_connection(daemon.where, 10) as plain:
        if held_back != "everything":
            plain.sendall(m.ssl_request())
            assert plain.recv(1) == b"S"
        if held_back == "its end":
            plain.sendall(b"\x16\x03\x01\x02\x00\x01")
        assert plain.recv(1 << 16) in (b"",) or held_back == "everything"
        daemon.wait_for_log("client_login timeout")


def half_open(where):
    plain = socket.create_connection(where, 10)
    plain.sendall(m.ssl_request())
    assert plain.recv(1) == b"S"
    plain.sendall(b"\x16\x03\x01\x02\x00\x01\x00")
    return plain


def test_half_open_handshakes_leave_others_alone(start_pgsaba, certificate):
    daemon = start_pgsaba({**tls_of(certificate), "timeouts": {"client_login": "3s"}})
    with daemon.connect(tls=context()) as served:
        held = [half_open(daemon.where) for _ in range(300)]
        for number in range(20):
            assert served.value(f"select {number}") == str(number)
        assert daemon.connect(tls=context()).value("select 1") == "1"
        assert all(plain.recv(1) == b"" for plain in held)  # cut, one and all
        assert served.value("select 1") == "1"


def test_handshakes_are_computed_beside_the_workers(start_pgsaba, authority):
    """5 ms of an RSA key each: no query waits for that."""
    files = authority.issue("slow.test", key="rsa:4096")
    daemon = start_pgsaba(tls_of(files))
    before = processor_time(daemon)
    for _ in range(20):
        daemon.connect(tls=context()).close()
    after = processor_time(daemon)
    used = {name: after[name] - before.get(name, 0) for name in after}
    assert used["handshakes"] > used["worker-0"], used
