"""Whoever guesses is slowed down, and nobody else; whoever only opens connections is bounded."""
# ctest-labels: threads

import os
import resource
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness import messages as m
from harness.certificates import Authority
from harness.client import RawClient, ServerError
from harness.conversations import make_roles
from harness.processes import wait_until
from harness.tls import context

# 10,000 when somebody asks for it; as many as there can be files here and in the daemon.
SOFT, HARD = resource.getrlimit(resource.RLIMIT_NOFILE)
SLOW_CLIENTS = min(int(os.environ.get("PGSABA_SLOW_CLIENTS", "3000")), HARD - 1000)
GUESSER, NEIGHBOUR = "127.0.0.2", "127.0.0.3"


@pytest.fixture
def start(start_pgsaba, directory, cluster):
    make_roles(cluster, "ann", "ben")

    def with_pause(pause, **changes):
        users = directory.path / "login_limits.txt"
        users.write_text('"ann" "right"\n"ben" "right"\n"postgres" "right"\n')
        users.chmod(0o600)
        return start_pgsaba({"auth": {"type": "scram-sha-256", "file": str(users),
                                      "failure_pause": pause}, **changes})
    return with_pause


def log_in(daemon, source, user, password):
    """True if it got in, the SQLSTATE otherwise."""
    plain = socket.create_connection(daemon.where, 60, source_address=(source, 0))
    client = RawClient(daemon.where, user=user, password=password, login=False)
    client.socket.close()
    client.socket = plain
    try:
        client.login()
        return True
    except ServerError as error:
        return error.sqlstate
    finally:
        plain.close()


def test_a_guesser_is_slowed_down_and_others_are_not(start):
    daemon = start("60s", timeouts={"client_login": "5s"})
    assert [log_in(daemon, GUESSER, "ann", "wrong") for _ in range(8)].count("28P01") >= 3
    # Now more than its time is needed for each: what would be next is refused, also if it is right.
    with ThreadPoolExecutor(8) as guessers:
        answers = list(guessers.map(lambda _: log_in(daemon, GUESSER, "ann", "right"), range(8)))
    assert "53300" in answers
    for source, user in [(NEIGHBOUR, "ann"), (GUESSER, "ben"), ("127.0.0.1", "ann")]:
        assert log_in(daemon, source, user, "right") is True
    assert log_in(daemon, NEIGHBOUR, "ann", "right") is True


def test_who_has_to_wait_keeps_nobody_waiting(start):
    daemon = start("2s")
    for _ in range(3):
        assert log_in(daemon, GUESSER, "ann", "wrong") == "28P01"
    with daemon.connect(user="ann", password="right") as served, ThreadPoolExecutor(6) as guessers:
        waiting = [guessers.submit(log_in, daemon, GUESSER, "ann", "wrong") for _ in range(6)]
        answered = 0
        while not all(one.done() for one in waiting) and answered < 5000:
            assert served.value("select 1") == "1"
            answered += 1
        assert {one.result() for one in waiting} <= {"28P01", "53300"}
    assert answered > 50
    wait_until(lambda: log_in(daemon, GUESSER, "ann", "right") is True, 60, "the end of the pause")
    begun = time.monotonic()
    assert log_in(daemon, GUESSER, "ann", "right") is True  # a right password ended it
    assert time.monotonic() - begun < 2


def test_a_pause_of_nothing(start):
    daemon = start("0s")
    assert {log_in(daemon, GUESSER, "ann", "wrong") for _ in range(12)} == {"28P01"}
    assert log_in(daemon, GUESSER, "ann", "right") is True


def test_those_who_log_in_from_one_address_are_bounded(start):
    daemon = start("0s", limits={"max_logins_per_address": 5})
    held = [socket.create_connection(daemon.where, 10, source_address=(GUESSER, 0)) for _ in range(5)]
    time.sleep(0.2)
    with socket.create_connection(daemon.where, 10, source_address=(GUESSER, 0)) as sixth:
        frame = b""
        while more := sixth.recv(4096):
            frame += more
        fields = m.error_fields(m.Frame(b"E", frame[5:]))
        assert fields["C"] == "53300" and "max_logins_per_address is 5" in fields["H"]
    assert log_in(daemon, NEIGHBOUR, "ann", "right") is True
    for one in held:
        one.close()
    wait_until(lambda: log_in(daemon, GUESSER, "ann", "right") is True, 10, "room")
    # Whoever is in does not count.
    inside = [RawClient(daemon.where, user="ann", password="right") for _ in range(8)]
    for client in inside:
        client.close()


STARTUP = m.startup({"user": "ann", "database": "postgres"})
BEGINNINGS = [b"", STARTUP[:3], STARTUP[:-2], m.ssl_request(), STARTUP,
              STARTUP + m.password(b"SCRAM-SHA-256\0")[:9]]


def hello():
    """What TLS begins with, when nobody asks first."""
    made = context(alpn=["postgresql"])
    received, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        made.wrap_bio(received, sent).do_handshake()
    return sent.read()


@pytest.fixture
def many_files():
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(HARD, max(SOFT, 2 * SLOW_CLIENTS)), HARD))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (SOFT, HARD))


def test_half_open_and_slow_clients_leave_the_served_ones_alone(start, many_files, directory):
    """They have come in any number and say nothing, or begin and do not go on, or go on byte by byte."""
    certificate = Authority(directory, "slow").issue("localhost")
    daemon = start("5s", timeouts={"client_login": "8s"},
                   tls={"certificate": certificate.certificate, "key": certificate.key},
                   limits={"max_client_connections": 2 * SLOW_CLIENTS})
    whole = hello()
    beginnings = [*BEGINNINGS, whole, whole[:100]]
    with daemon.connect(user="ben", password="right") as served:
        held = []
        for number in range(SLOW_CLIENTS):
            source = f"127.0.1.{number % 250 + 1}"
            held.append(socket.create_connection(daemon.where, 20, source_address=(source, 0)))
            held[-1].sendall(beginnings[number % len(beginnings)])
            if number % 10 == 0:
                assert served.value(f"select {number}") == str(number)
                held[number // 2].send(STARTUP[3:4])
        with daemon.connect(user="ben", password="right") as late:
            assert late.value("select 1") == "1"
        for number in range(500):
            assert served.value(f"select {number}") == str(number)
        wait_until(lambda: daemon.log.count("client_login timeout") + daemon.log.count("protocol")
                   + daemon.log.count("TLS failed") > SLOW_CLIENTS // 2, 60, "the end of most of them")
        for plain in held:  # every one was ended
            plain.settimeout(20)
            try:
                while plain.recv(4096):
                    pass
            except ConnectionResetError:
                pass
            plain.close()
        assert served.value("select 2") == "2"
