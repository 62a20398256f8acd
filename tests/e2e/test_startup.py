"""The startup packet: versions, encryption requests, parameters; and what comes back of it."""

import struct

import pytest
from harness import messages as m
from harness.client import RawClient, ServerError
from harness.conversations import begin, last_error, make_roles, refusal, tags

VERSION_3_2 = 3 << 16 | 2
GREASE = 3 << 16 | 9999


@pytest.fixture(scope="module")
def daemon(pgsaba, cluster):
    make_roles(cluster, "alice")
    return pgsaba


def knock(daemon, *data):
    client = RawClient(daemon.where, login=False)
    client.send(*data)
    return client


# Versions


@pytest.mark.parametrize("version, secret_bytes", [(m.PROTOCOL_3_0, 4), (VERSION_3_2, 16)])
def test_versions_we_speak(daemon, version, secret_bytes):
    with daemon.connect(version=version) as client:
        assert b"v" not in tags(client.login_frames)
        assert len(client.backend_secret) == secret_bytes
        assert client.value("select 1") == "1"


@pytest.mark.parametrize("version, options, unknown", [
    (m.PROTOCOL_3_0, {"_pq_.one": "1", "_pq_.two": ""}, [b"_pq_.one", b"_pq_.two"]),
    (VERSION_3_2, {"_pq_.test_protocol_negotiation": ""}, [b"_pq_.test_protocol_negotiation"]),
    (GREASE, {"_pq_.grease": "x"}, [b"_pq_.grease"]), (GREASE, {}, [])])
def test_newer_versions_are_negotiated(daemon, version, options, unknown):
    with daemon.connect(version=version, options=options) as client:
        negotiated = [frame for frame in client.login_frames if frame.tag == b"v"]
        assert len(negotiated) == 1
        newest, count = struct.unpack_from("!ii", negotiated[0].body)
        assert newest == min(version, VERSION_3_2) and count == len(unknown)
        assert negotiated[0].body[8:].split(b"\0")[:-1] == unknown
        assert client.value("select 1") == "1"


@pytest.mark.parametrize("version", [1 << 16, 2 << 16, 4 << 16])
def test_other_versions_are_refused(daemon, version):
    with knock(daemon, m.startup({"user": "postgres"}, version)) as client:
        error = last_error(client)
    assert (error["S"], error["C"]) == ("FATAL", "0A000")
    assert f"unsupported frontend protocol {version >> 16}.0" in error["M"]


# Encryption


@pytest.mark.parametrize("request_bytes", [m.ssl_request(), m.gssenc_request()])
def test_encryption_is_declined_and_the_login_goes_on(daemon, request_bytes):
    with knock(daemon, request_bytes) as client:
        assert client.read_bytes(1) == b"N"
        other = m.gssenc_request() if request_bytes == m.ssl_request() else m.ssl_request()
        client.send(other)
        assert client.read_bytes(1) == b"N"
        client.login()
        assert client.value("select 1") == "1"


@pytest.mark.parametrize("request_bytes", [m.ssl_request(), m.gssenc_request()])
def test_nothing_may_follow_an_encryption_request(daemon, request_bytes):
    with knock(daemon, request_bytes + m.startup({"user": "postgres"})) as client:
        assert last_error(client)["C"] == "08P01"


# Broken packets


@pytest.mark.parametrize("packet", [
    struct.pack("!i", 4), struct.pack("!ii", 7, m.PROTOCOL_3_0), struct.pack("!i", 1 << 20),
    m.untagged(m.PROTOCOL_3_0, b"user\0postgres"), m.untagged(m.PROTOCOL_3_0, b"user\0"),
    m.untagged(m.PROTOCOL_3_0, b"user\0postgres\0\0more"), b"GET / HTTP/1.1\r\n\r\n" * 4],
    ids=["short", "seven", "huge", "open", "odd", "more", "http"])
def test_broken_packets_end_that_connection_only(daemon, packet):
    with daemon.connect() as bystander:
        with knock(daemon, packet) as client:
            assert tags(client.read_to_end()) in (b"E", b"")
        assert bystander.value("select 1") == "1"


def test_no_user(daemon):
    with knock(daemon, m.startup({"database": "postgres"})) as client:
        assert last_error(client)["C"] == "28000"


def test_the_database_is_the_users_name_unless_told(start_pgsaba):
    started = start_pgsaba()
    with knock(started, m.startup({"user": "postgres"})) as client:
        assert tags(client.read_until_ready())[:1] == b"R"


# Parameters


PARAMETERS = [
    ({"application_name": "a name"}, "application_name", "a name"),
    ({"application_name": "caf\u00e9 " + "x" * 90}, "application_name", None),
    ({"client_encoding": "LATIN1"}, "client_encoding", "LATIN1"),
    ({"client_encoding": "utf-8"}, "client_encoding", None),
    ({"DateStyle": "German"}, "DateStyle", "German, DMY"),
    ({"datestyle": "sql, dmy"}, "datestyle", "SQL, DMY"),
    ({"TimeZone": "Asia/Tokyo"}, "TimeZone", "Asia/Tokyo"),
    ({"timezone": "jAPAN"}, "TimeZone", None),
    ({"extra_float_digits": "2"}, "extra_float_digits", "2"),
    ({"search_path": '"a b", pg_catalog'}, "search_path", '"a b", pg_catalog'),
    ({"statement_timeout": "12345"}, "statement_timeout", "12345ms"),
    ({"IntervalStyle": "iso_8601"}, "IntervalStyle", "iso_8601"),
    ({"options": "-c search_path=pg_catalog"}, "search_path", "pg_catalog"),
    ({"options": "-c  statement_timeout=5min --work_mem=9MB"}, "work_mem", "9MB"),
    ({"options": "--lock-timeout=3s"}, "lock_timeout", "3s"),
    ({"options": r"-c application_name=two\ words"}, "application_name", "two words"),
    ({"options": "-ctimezone=UTC", "TimeZone": "Asia/Seoul"}, "TimeZone", None),
    ({"standard_conforming_strings": "off"}, "standard_conforming_strings", "off"),
    ({"pgsaba_test.custom": "x"}, "pgsaba_test.custom", "x")]


@pytest.mark.parametrize("options, name, value", PARAMETERS)
def test_parameters_reach_the_session(daemon, cluster, options, name, value):
    """The session has them, before and after others used its server, and so it was told."""
    show = f"show {name}"
    with RawClient((cluster.host, cluster.port), options=options) as direct, \
            daemon.connect(options=options) as client, daemon.connect() as other:
        expected = direct.value(show)
        assert value in (None, expected)
        assert client.parameters == direct.parameters
        assert client.value(show) == expected
        begin(other)
        other.rows("commit")
        assert client.value(show) == expected
        again = daemon.connect(options=options)  # known by now
        assert again.parameters == direct.parameters and again.value(show) == expected
        again.close()


def test_parameters_of_other_sessions_are_not_mixed_up(start_pgsaba):
    started = start_pgsaba({"databases": {"postgres": {"pool_size": 1}}})
    zones = ["UTC", "Asia/Tokyo", "Europe/Paris"]
    clients = [started.connect(options={"TimeZone": zone}) for zone in zones]
    for _ in range(3):
        for client, zone in zip(clients, zones):
            assert client.value("show timezone") == zone
    with started.connect() as plain:
        assert plain.value("select setting = boot_val or source = 'configuration file' or"
                           " source = 'command line' from pg_settings"
                           " where name = 'TimeZone'") == "t"
    for client in clients:
        client.close()


@pytest.mark.parametrize("options", [
    {"DateStyle": "nonsense"}, {"TimeZone": "Nowhere/Land"}, {"client_encoding": "no-such"},
    {"no_such_parameter": "1"}, {"statement_timeout": "soon"}, {"max_connections": "5"},
    {"options": "-c work_mem=little"}, {"options": "--no-such-thing=1"}])
def test_a_bad_parameter_gets_the_servers_error(daemon, cluster, options):
    expected = refusal((cluster.host, cluster.port), options=options)
    found = refusal(daemon.where, options=options)
    assert {key: found.get(key) for key in "SCM"} == {key: expected.get(key) for key in "SCM"}
    assert daemon.connect().value("select 1") == "1"


@pytest.mark.parametrize("options", ["-c", "-d 5", "-c work_mem", "-cx=1 stray"])
def test_bad_options(daemon, options):
    with pytest.raises(ServerError) as refused:
        daemon.connect(options={"options": options})
    assert refused.value.fields["S"] == "FATAL"


def test_superuser_settings_are_the_users_own(daemon, cluster):
    options = {"log_min_messages": "debug1"}
    expected = refusal((cluster.host, cluster.port), user="alice", options=options)
    assert refusal(daemon.where, user="alice", options=options)["C"] == expected["C"] == "42501"
    with daemon.connect(options=options) as client:
        assert client.value("show log_min_messages") == "debug1"


def test_only_parameters_that_no_server_has_answered_need_one(start_pgsaba):
    """Whether they are valid, and how they are spelled, a server has to say, once. Where none is free
    that login waits, and is refused in the end; others do not."""
    daemon = start_pgsaba({"databases": {"postgres": {"pool_size": 1}}, "timeouts": {"query_wait": "700ms"}})
    new, bad = {"TimeZone": "Asia/Tokyo", "options": "-c work_mem=9MB"}, {"TimeZone": "Saba/Nowhere"}
    with daemon.connect() as holder:
        begin(holder)
        with daemon.connect() as known, daemon.connect(options={"application_name": "own"}) as named:
            assert known.login_frames[-1].tag == named.login_frames[-1].tag == b"Z"
        error = refusal(daemon.where, options=new)
        assert (error["S"], error["C"]) == ("FATAL", "53300") and "pool_size" in error["H"]
        with knock(daemon, m.startup({"user": "postgres", "database": "postgres", **new})) as patient:
            assert patient.is_silent(0.2)
            holder.rows("commit")
            patient.read_until_ready()
        assert refusal(daemon.where, options=bad)["C"] == "22023"
        begin(holder)
        with daemon.connect(options=new) as known:
            assert known.parameters["TimeZone"] == "Asia/Tokyo"
