"""TLS to PostgreSQL: with which servers pgsaba speaks, and how the login is bound to them."""
# ctest-labels: threads

import ssl
import struct

import psycopg
import pytest
from harness import messages as m
from harness.certificates import Authority
from harness.client import ServerError
from harness.cluster import PostgresCluster
from harness.conversations import refusal
from harness.differential import converse, is_complete
from harness.fake_postgres import serve
from harness.processes import wait_until
from harness.tls import context
from scripts import GROUPS

SSLMODES = ["disable", "prefer", "require", "verify-ca", "verify-full"]
PASSWORD = "secret"


@pytest.fixture(scope="module")
def authority(directory):
    return Authority(directory, "server-authority")


@pytest.fixture(scope="module")
def stranger(directory):
    return Authority(directory, "server-stranger")


@pytest.fixture(scope="module")
def good(authority):
    return authority.issue("db.test")


@pytest.fixture(scope="module")
def secure(directory, authority, good):
    """PostgreSQL with TLS: by_cert has to show a certificate, by_scram to know a password."""
    lines = ["local all all trust", "hostssl all by_cert 127.0.0.1/32 cert",
             "hostssl all only_tls 127.0.0.1/32 trust", "hostssl all no_tls 127.0.0.1/32 reject",
             "host all by_scram 127.0.0.1/32 scram-sha-256", "host all all 127.0.0.1/32 trust",
             "host replication all 127.0.0.1/32 trust"]
    made = PostgresCluster(directory, "secure", hba=lines).initialize()
    made.use_certificate(good, authority.certificate).start()
    for user in ("by_cert", "only_tls", "no_tls"):
        made.create_user(user)
    made.create_user("by_scram", PASSWORD)
    yield made
    made.stop("immediate")


def cluster_of(server, host, **tls):
    return {"servers": [{"name": "db", "host": host, "port": server.port}], "tls": tls}


def in_one_daemon(server, ca, hosts=("localhost", "127.0.0.1")):
    """A cluster and a database for each mode and host."""
    clusters, databases = {}, {}
    for mode in SSLMODES:
        for host in hosts:
            name = f"{mode} {host}"
            tls = {"mode": mode, **({"ca": ca} if mode.startswith("verify") else {})}
            clusters[name] = cluster_of(server, host, **tls)
            databases[name] = {"cluster": name, "dbname": "postgres", "pool_size": 2}
    return {"clusters": {"main": None, **clusters}, "databases": {"postgres": None, **databases},
            "timeouts": {"server_login_retry": "10ms", "failover_wait": "500ms"}}


def through(daemon, mode, host, user="postgres"):
    try:
        with daemon.connect(database=f"{mode} {host}", user=user) as client:
            sql = "select ssl from pg_stat_ssl where pid = pg_backend_pid()"
            return "TLS" if client.value(sql) == "t" else "plain"
    except ServerError:
        return "refused"


def directly(server, mode, host, ca, user="postgres"):
    """libpq's verdict. Its verify modes alone look at the authority."""
    try:
        with psycopg.connect(host=host, port=server.port, user=user, dbname="postgres",
                             sslmode=mode, connect_timeout=10, sslcert="/nonexistent",
                             sslkey="/nonexistent",
                             sslrootcert=ca if mode.startswith("verify") else "/nonexistent"
                             ) as connection:
            return "TLS" if connection.pgconn.ssl_in_use else "plain"
    except psycopg.OperationalError:
        return "refused"


def verdicts(ask):
    return {(mode, host): ask(mode, host)
            for mode in SSLMODES for host in ("localhost", "127.0.0.1")}


@pytest.mark.parametrize("kind", ["good", "other host", "only its address", "name in CN", "expired",
                                  "wrong authority", "self-signed"])
def test_the_same_servers_are_trusted_as_by_libpq(start_pgsaba, secure, authority, stranger, good,
                                                  kind):
    issued = {"good": lambda: good,
              "other host": lambda: authority.issue("other", names="DNS:other.test"),
              "only its address": lambda: authority.issue("address", names="IP:127.0.0.1"),
              "name in CN": lambda: authority.issue("localhost", names=""),
              "expired": lambda: authority.expired("db.test"),
              "wrong authority": lambda: stranger.issue("db.test"),
              "self-signed": lambda: stranger.own}[kind]()
    secure.use_certificate(issued)
    daemon = start_pgsaba(in_one_daemon(secure, authority.certificate))
    there = verdicts(lambda mode, host: directly(secure, mode, host, authority.certificate))
    assert verdicts(lambda mode, host: through(daemon, mode, host)) == there
    assert there["require", "localhost"] == "TLS"
    if kind == "other host":
        daemon.wait_for_log('TLS failed: .*not made out to "localhost"')
    if kind in ("expired", "wrong authority", "self-signed"):
        daemon.wait_for_log("TLS failed: the peer's certificate is refused")
    secure.use_certificate(good)


def test_servers_without_tls(start_pgsaba, cluster, authority):
    daemon = start_pgsaba(in_one_daemon(cluster, authority.certificate, hosts=["127.0.0.1"]))
    answers = {mode: through(daemon, mode, "127.0.0.1") for mode in SSLMODES}
    assert answers == {mode: directly(cluster, mode, "127.0.0.1", authority.certificate)
                       for mode in SSLMODES}
    fields = refusal(daemon.where, database="require 127.0.0.1")
    assert "server does not support SSL, but SSL was required" in fields["M"]
    assert "tls" in fields["H"]


@pytest.fixture
def before(start_pgsaba, secure):
    """A daemon in front of the secure server, with these settings under tls."""
    def start(changes=None, **tls):
        cluster = cluster_of(secure, "localhost", **{"mode": "require", **tls})
        cluster["monitor"] = {"user": "postgres", "database": "postgres"}
        return start_pgsaba({**(changes or {}), "clusters": {"main": cluster}}, [secure])
    return start


def test_our_own_certificate_is_shown(before, authority, stranger):
    own = authority.issue("by_cert", names="")
    daemon = before(certificate=own.certificate, key=own.key)
    with daemon.connect(user="by_cert") as client:
        assert client.value("select client_dn from pg_stat_ssl where pid = pg_backend_pid()") == \
            "/CN=by_cert"
    other = stranger.issue("by_cert", names="")
    fields = refusal(before(certificate=other.certificate, key=other.key).where, user="by_cert")
    assert "TLS failed" in fields["M"] and "db" in fields["M"]
    assert refusal(before().where, user="by_cert")["C"] == "28000"  # PostgreSQL's own word


def test_the_versions_are_limited(before):
    daemon = before(maximum_version="1.2")
    with daemon.connect() as client:
        sql = "select version || ' ' || cipher from pg_stat_ssl where pid = pg_backend_pid()"
        assert client.value(sql).startswith("TLSv1.2 ECDHE-ECDSA-AES")
        row, = [row for row in daemon.admin("show servers") if row["database"] == "postgres"]
        assert row["tls"].startswith("TLSv1.2/ECDHE-ECDSA-AES")


def test_the_monitor_asks_with_tls_as_well(before, secure, authority):
    daemon = before(mode="verify-full", ca=authority.certificate)
    wait_until(lambda: daemon.admin("show topology")[0]["role"] == "primary", 10, "the role")
    assert secure.value("select bool_and(ssl) from pg_stat_ssl join pg_stat_activity using (pid)"
                        " where application_name like 'pgsaba%'")


def test_what_else_connects_does_it_with_tls(before, secure):
    """Cancel requests, replication, the shared listener."""
    daemon = before({"databases": {"postgres": {"cluster": "main", "pool_size": 4}}})
    with daemon.connect() as client:
        client.send(m.query("select pg_sleep(30)"))
        wait_until(lambda: secure.value("select count(*) from pg_stat_activity where query like "
                                        "'select pg_sleep%' and state = 'active'") == 1, 10,
                   "the statement")
        canceler = daemon.connect(login=False)
        canceler.send(m.cancel_request(client.backend_pid, client.backend_secret))
        assert m.error_fields(client.read_until_ready()[-2])["C"] == "57014"
        client.rows("listen news")
        daemon.connect().rows("notify news, 'hello'")
        while (frame := client.read()).tag != b"A":
            pass
        assert b"hello" in frame.body
    with daemon.connect(options={"replication": "database"}) as client:
        assert len(client.query("IDENTIFY_SYSTEM")) == 4
        assert secure.value("select bool_and(ssl) from pg_stat_ssl join pg_stat_activity "
                            "using (pid) where pid <> pg_backend_pid()")


# SCRAM-SHA-256-PLUS


def userlist(directory):
    path = directory.path / "tls_userlist.txt"
    path.write_text(f'"by_scram" "{PASSWORD}"\n')
    path.chmod(0o600)
    return {"type": "scram-sha-256", "file": str(path)}


def libpq(daemon, binding, **arguments):
    return psycopg.connect(host=daemon.host, port=daemon.port, user="by_scram", password=PASSWORD,
                           dbname="postgres", channel_binding=binding, **arguments)


@pytest.mark.parametrize("key", ["ec", "rsa:2048"])
def test_a_login_is_bound_to_the_certificate_on_both_sides(before, directory, authority, secure,
                                                           good, key):
    own = authority.issue("pgsaba.test", file=f"pgsaba-{key}", key=key)
    daemon = before({"tls": {"certificate": own.certificate, "key": own.key},
                     "auth": userlist(directory)}, channel_binding="require")
    with libpq(daemon, "require", sslmode="require") as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    with libpq(daemon, "disable", sslmode="require") as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    with pytest.raises(psycopg.OperationalError, match="channel binding"):
        libpq(daemon, "require", sslmode="disable")


def test_binding_that_cannot_be_had_is_refused(before):
    daemon = before(channel_binding="require")
    assert "channel binding is required" in refusal(daemon.where, user="only_tls")["M"]
    plain = before(mode="disable", channel_binding="require")
    assert "channel binding is required" in refusal(plain.where)["M"]


# Servers that are not what they seem


def at_ssl_request(reply, then=None):
    """A script that answers the SSLRequest."""
    def script(connection):
        connection.ssl_answer(reply)
        if then:
            then(connection)
    script.answers_ssl = True
    return script


@pytest.mark.parametrize("reply, code, words", [
    (b"S" + b"\x16", "08001", "received unencrypted data after SSL response"),
    (b"SN", "08001", "received unencrypted data after SSL response"),
    # So may a server that stops, which is waited for.
    (b"N" + m.frame(b"R", struct.pack("!i", 0)), "08006",
     "received invalid response to SSL negotiation"),
    (b"E" + m.frame(b"E", b"SFATAL\0\0")[1:], "08006",
     "server sent an error response during SSL exchange"),
    (b"X", "08006", "received invalid response to SSL negotiation"),
], ids=["a byte behind S", "S and N", "Ok behind N", "an error", "nonsense"])
@pytest.mark.parametrize("mode", ["prefer", "require"])
def test_answers_that_nobody_may_give(before_fake, reply, code, words, mode):
    daemon, fake = before_fake(at_ssl_request(reply), changes={
        "clusters": {"main": {"tls": {"mode": mode}}}, "timeouts": {"failover_wait": "500ms"}})
    fields = refusal(daemon.where)
    assert fields["C"] == code and words in fields["M"]


def test_prefer_goes_on_without(before_fake):
    daemon, fake = before_fake(at_ssl_request(b"N", serve), changes={
        "clusters": {"main": {"tls": {"mode": "prefer"}}}})
    with daemon.connect() as client:
        assert client.value("select 1")


def test_prefer_is_the_default_and_does_without_as_libpq_does(start_pgsaba, secure):
    """Also in a database with a host of its own, and where a server refuses TLS or what it is with."""
    own = {"own": {"host": secure.host, "port": secure.port, "dbname": "postgres"}}
    daemon = start_pgsaba({"databases": own}, [secure])
    sql = "select ssl from pg_stat_ssl where pid = pg_backend_pid()"

    def used(daemon, user, database="own"):
        with daemon.connect(database=database, user=user) as client:
            return client.value(sql) == "t"

    def libpq_uses(user, **arguments):
        with psycopg.connect(host=secure.host, port=secure.port, user=user, dbname="postgres",
                             **arguments) as connection:
            return connection.pgconn.ssl_in_use

    for user in ("postgres", "only_tls", "no_tls"):
        assert used(daemon, user) == used(daemon, user, "postgres") == libpq_uses(user)
    assert used(daemon, "only_tls") and not used(daemon, "no_tls")
    required = start_pgsaba({"databases": own, "server_tls": {"mode": "require"}}, [secure])
    assert used(required, "postgres")
    assert refusal(required.where, database="own", user="no_tls")["C"] == "28000"
    # The handshake fails: the two have no version in common.
    secure.sql("alter system set ssl_max_protocol_version = 'TLSv1.2'")
    secure.sql("select pg_reload_conf()")
    try:
        wait_until(lambda: not libpq_uses("postgres", ssl_min_protocol_version="TLSv1.3"), 10,
                   "the setting")
        newer = start_pgsaba({"databases": own, "server_tls": {"minimum_version": "1.3"}}, [secure])
        assert used(newer, "postgres") is libpq_uses("postgres", ssl_min_protocol_version="TLSv1.3")
        assert not used(newer, "postgres")
        strict = start_pgsaba({"databases": own, "server_tls": {
            "minimum_version": "1.3", "mode": "require"}, "timeouts": {"failover_wait": "500ms"}},
            [secure])
        assert "TLS failed" in refusal(strict.where, database="own")["M"]
    finally:
        secure.sql("alter system reset ssl_max_protocol_version")
        secure.sql("select pg_reload_conf()")


def test_clusters_say_otherwise(start_pgsaba, secure, authority):
    """server_tls is for all; what a cluster sets is stronger, setting by setting."""
    daemon = start_pgsaba({
        "server_tls": {"mode": "verify-full", "ca": authority.certificate},
        "clusters": {"main": {"servers": [{"name": "db", "host": "localhost", "port": secure.port}]},
                     "plain": cluster_of(secure, "localhost", mode="disable"),
                     "older": cluster_of(secure, "localhost", maximum_version="1.2")},
        "databases": {name: {"cluster": name, "dbname": "postgres"} for name in ("plain", "older")}},
        [secure])
    sql = "select coalesce(version, 'none') from pg_stat_ssl where pid = pg_backend_pid()"
    versions = {}
    for name in ("postgres", "plain", "older"):
        with daemon.connect(database=name) as client:
            versions[name] = client.value(sql)
    assert versions == {"postgres": "TLSv1.3", "plain": "none", "older": "TLSv1.2"}


def test_servers_whose_certificate_was_revoked(start_pgsaba, secure, directory, authority, good):
    bad = authority.issue("localhost", file="revoked")
    crl = authority.revoke(bad)
    daemon = start_pgsaba({
        "server_tls": {"mode": "verify-full", "ca": authority.certificate, "crl": crl},
        "clusters": {"main": {"servers": [{"name": "db", "host": "localhost", "port": secure.port}]}},
        "timeouts": {"server_login_retry": "10ms", "failover_wait": "500ms"}}, [secure])
    assert daemon.connect().value("select 1") == "1"
    secure.use_certificate(bad)
    daemon.admin("reconnect")
    try:
        wait_until(lambda: "TLS failed" in refusal_of(daemon), 20, "the refusal")
        daemon.wait_for_log("TLS failed: .*revoked")
        with pytest.raises(psycopg.OperationalError, match="certificate"):
            psycopg.connect(host="localhost", port=secure.port, user="postgres", dbname="postgres",
                            sslmode="verify-full", sslrootcert=authority.certificate, sslcrl=crl)
    finally:
        secure.use_certificate(good)


def refusal_of(daemon):
    try:
        with daemon.connect() as client:
            client.value("select 1")
            return ""
    except ServerError as error:
        return error.fields["M"]


@pytest.mark.parametrize("answer", [None, b"S"], ids=["silence", "S and then silence"])
def test_a_server_that_never_shakes_hands_is_given_up(before_fake, answer):
    def wait(connection):
        if answer:
            connection.ssl_answer(answer)
        connection.read_bytes(1 << 20)
    wait.answers_ssl = True
    daemon, fake = before_fake(wait, changes={
        "clusters": {"main": {"tls": {"mode": "require"}}},
        "timeouts": {"server_connect": "300ms", "failover_wait": "600ms"}})
    assert "server_connect" in refusal(daemon.where)["M"]


# What is said


CONVERSATIONS = [pytest.param(script, id=f"{group}-{name}")
                 for group, scripts in GROUPS.items() for name, script in list(scripts.items())[-4:]]


@pytest.fixture(scope="module")
def tables(secure):
    secure.sql("create table notes (a int, b text)")
    secure.sql("create table strict (a int primary key not null check (a > 0))")
    secure.sql("create table later (a int unique deferrable initially deferred)")
    return lambda: secure.sql("truncate notes, strict, later")


@pytest.fixture(scope="module")
def encrypted(pgsaba_binary, directory, secure, authority):
    """TLS on both sides."""
    from harness.pgsaba import Pgsaba
    own = authority.issue("pgsaba.both")
    started = Pgsaba(pgsaba_binary, directory, [secure], {
        "tls": {"certificate": own.certificate, "key": own.key},
        "clusters": {"main": {"tls": {"mode": "require"}}}}, "encrypted_twice").start()
    yield started
    started.stop()


@pytest.mark.parametrize("script", CONVERSATIONS)
def test_same_answers_as_without(encrypted, secure, tables, script):
    tables()
    direct = converse((secure.host, secure.port), script)
    tables()
    assert is_complete(direct), direct
    assert converse(encrypted.where, script, tls=context()) == direct


def test_large_results_are_the_same_bytes(encrypted, secure):
    sql = "select i, repeat(md5(i::text), 40) from generate_series(1, 20000) i"
    with encrypted.connect(tls=context(maximum=ssl.TLSVersion.TLSv1_2)) as client:
        from harness.client import RawClient
        with RawClient((secure.host, secure.port)) as direct:
            assert client.query(sql) == direct.query(sql)


def test_a_reload_replaces_what_no_longer_fits(before, secure, authority):
    daemon = before()
    with daemon.connect() as client:
        first = client.value("select pg_backend_pid()")
        daemon.reload()
        daemon.wait_for_log("configuration reloaded")
        assert client.value("select pg_backend_pid()") == first  # nothing has changed
        daemon.reload({"clusters": {"main": {"tls": {"mode": "verify-full",
                                                     "ca": authority.certificate}}}})
        wait_until(lambda: client.value("select pg_backend_pid()") != first, 10, "another server")
