"""What nobody sane would send while logging in: pgsaba and PostgreSQL, with the same rules, say the
same to each, and go on serving others."""
# ctest-labels: threads

import base64
import hashlib
import hmac
import os
import re
import socket
import struct

import pytest
from harness import messages as m
from harness.client import ConnectionEnded, RawClient
from harness.cluster import TRUST, PostgresCluster
from harness.messages import Frame

PASSWORD = "correct horse"
USERS = {"by_password": "password", "by_md5": "md5", "by_scram": "scram-sha-256"}


@pytest.fixture(scope="module")
def judge(directory):
    rules = [f"host all {user} 127.0.0.1/32 {method}" for user, method in USERS.items()]
    made = PostgresCluster(directory, "judge", hba=[
        "host all postgres 127.0.0.1/32 trust", *rules, "host all nobody 127.0.0.1/32 scram-sha-256",
        *TRUST]).initialize().start()
    for user in USERS:
        made.create_user(user, PASSWORD, "md5" if user == "by_md5" else "scram-sha-256")
    yield made
    made.stop("immediate")


@pytest.fixture(scope="module")
def daemon(pgsaba_binary, directory, judge):
    from harness.pgsaba import Pgsaba
    users, rules = directory.path / "odd_users.txt", directory.path / "odd_hba.conf"
    secrets = judge.sql("select rolname, rolpassword from pg_authid where rolpassword is not null")
    users.write_text("".join(f'"{name}" "{secret}"\n' for name, secret in secrets) + '"postgres" ""\n')
    users.chmod(0o600)
    rules.write_text("".join(f"host all {user} all {method}\n" for user, method in USERS.items()) +
                     "host all nobody all scram-sha-256\nhost all postgres all trust\n")
    started = Pgsaba(pgsaba_binary, directory, [judge], {
        "auth": {"type": "hba", "file": str(users), "hba_file": str(rules), "failure_pause": "0s"},
        "databases": {"postgres": {"user": "postgres"}}}, "odd").start()
    yield started
    started.stop()


def sqlstate_in(frame):
    return "E" + re.search(rb"\0C(.{5})\0", frame.body)[1].decode()


def alike(ours, theirs):
    """PostgreSQL says nothing where it takes an opening for a port scan, or has not found the words
    yet; nobody gets in by ours being an error."""
    return ours == theirs or (theirs == "nothing" and ours.startswith("E"))


def ends_with(client):
    """What the other side has said at last: "R" with its code, "E" with its SQLSTATE, or nothing."""
    said = "nothing"
    try:
        while True:
            frame = client.read()
            if frame.tag == b"R":
                said = f"R{struct.unpack_from('!i', frame.body)[0]}"
            elif frame.tag == b"E":
                said = sqlstate_in(frame)
            elif frame.tag == b"Z":
                return "in"
    except (ConnectionEnded, ConnectionResetError, TimeoutError, struct.error):
        return said


def visit(where, user="by_scram"):
    client = RawClient(where, login=False, timeout=5)
    client.send(m.startup({"user": user, "database": "postgres"}))
    return client


# SCRAM


class Exchange:
    """One SCRAM login whose messages a case may bend."""

    def __init__(self, client, password=PASSWORD):
        self.client, self.password, self.nonce = client, password, "rOprNGfwEbeRWgbNEkqO"
        self.first_bare = f"n=,r={self.nonce}".encode()
        assert client.read().tag == b"R"

    def send_first(self, message=None, mechanism=b"SCRAM-SHA-256", length=None):
        message = b"n,," + self.first_bare if message is None else message
        size = len(message) if length is None else length
        self.client.send(m.password(m.text(mechanism) + struct.pack("!i", size) + message))
        frame = self.client.read()
        if frame.tag != b"R":
            raise Refused(frame)
        self.server_first = frame.body[4:]
        parts = dict(part.split("=", 1) for part in self.server_first.decode().split(","))
        self.full_nonce, self.salt, self.rounds = parts["r"], parts["s"], int(parts["i"])

    def final(self, channel=b"biws", nonce=None, proof=None):
        nonce = self.full_nonce if nonce is None else nonce
        bare = b"c=" + channel + b",r=" + nonce.encode()
        if proof is None:
            salted = hashlib.pbkdf2_hmac("sha256", self.password.encode(),
                                         base64.b64decode(self.salt), self.rounds)
            key = hmac.digest(salted, b"Client Key", "sha256")
            signed = hmac.digest(hashlib.sha256(key).digest(),
                                 self.first_bare + b"," + self.server_first + b"," + bare, "sha256")
            proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signed)))
        return bare + b",p=" + proof


class Refused(Exception):
    pass


def first(message, **arguments):
    return lambda exchange: exchange.send_first(message, **arguments)


def last(make):
    def run(exchange):
        exchange.send_first()
        exchange.client.send(m.password(make(exchange)))
    return run


def proof_of(exchange):
    return exchange.final().rpartition(b",p=")[2]


R = b"r=rOprNGfwEbeRWgbNEkqO"
FIRSTS = {
    "empty": b"", "no header": b"n=," + R, "no nonce": b"n,,n=", "empty nonce": b"n,,n=,r=",
    "channel not offered": b"p=tls-server-end-point,,n=," + R, "unknown channel": b"p=x,,n=," + R,
    "y, without TLS": b"y,,n=," + R, "no such flag": b"z,,n=," + R,
    "authorization name": b"n,a=someone,n=," + R, "extension": b"n,,m=x,n=," + R,
    "a name that is ignored": b"n,,n=someone-else," + R, "an extension behind": b"n,,n=," + R + b",e=x",
    "a nonce with a NUL": b"n,,n=,r=abc\0def", "a nonce that cannot be printed": b"n,,n=,r=\x01\x02",
    "a nonce of UTF-8": "n,,n=,r=ä".encode(), "name of UTF-8": "n,,n=ä,".encode() + R,
    "name that is no UTF-8": b"n,,n=\xff," + R, "escaped name": b"n,,n=a=2Cb=3D," + R,
    "two nonces": b"n,,n=," + R + b"," + R, "order": b"n,," + R + b",n=", "only commas": b",,,,,",
    "a long nonce": b"n,,n=,r=" + b"x" * 5000, "trailing NUL": b"n,,n=," + R + b"\0",
}
ODD = {
    **{name: first(message) for name, message in FIRSTS.items()},
    "another mechanism": first(None, mechanism=b"SCRAM-SHA-1"),
    "PLUS, which was not offered": first(None, mechanism=b"SCRAM-SHA-256-PLUS"),
    "no mechanism": first(None, mechanism=b""),
    "length too large": first(None, length=1000), "length too small": first(None, length=3),
    "length of none, with bytes": first(None, length=-1), "negative length": first(None, length=-2),
    "right": last(lambda one: one.final()),
    "wrong password": last(lambda one: one.final(proof=base64.b64encode(os.urandom(32)))),
    "truncated proof": last(lambda one: one.final(proof=base64.b64encode(os.urandom(31)))),
    "half a proof": last(lambda one: one.final(proof=proof_of(one)[:20])),
    "long proof": last(lambda one: one.final(proof=base64.b64encode(os.urandom(33)))),
    "empty proof": last(lambda one: one.final(proof=b"")),
    "no proof": last(lambda one: one.final().rpartition(b",p=")[0]),
    "proof of no base64": last(lambda one: one.final(proof=b"!" * 44)),
    "proof without padding": last(lambda one: one.final(proof=proof_of(one).rstrip(b"="))),
    "all zeros": last(lambda one: one.final(proof=base64.b64encode(bytes(32)))),
    "only its own nonce": last(lambda one: one.final(nonce=one.nonce)),
    "another nonce": last(lambda one: one.final(nonce=one.nonce + "x" * 24)),
    "nonce with more": last(lambda one: one.final(nonce=one.full_nonce + "x")),
    "channel of another flag": last(lambda one: one.final(channel=base64.b64encode(b"y,,"))),
    "no channel": last(lambda one: one.final(channel=b"")),
    "proof not last": last(lambda one: one.final() + b",x=y"),
    "two proofs": last(lambda one: one.final() + b",p=" + proof_of(one)),
    "trailing NUL behind": last(lambda one: one.final() + b"\0"),
    "an extension between": last(lambda one: one.final().replace(b",p=", b",x=y,p=")),
    "nothing at all": last(lambda one: b""),
    "the first message again": last(lambda one: b"n,," + one.first_bare),
    "garbage": last(lambda one: os.urandom(200)),
}


def outcome(where, case, user):
    with visit(where, user) as client:
        try:
            ODD[case](Exchange(client))
        except Refused as refused:
            return sqlstate_in(refused.args[0])
        except (ConnectionEnded, ConnectionResetError):
            return "nothing"
        if case != "right":  # who says no more is taken for gone
            client.socket.shutdown(socket.SHUT_WR)
        return ends_with(client)


@pytest.mark.parametrize("user", ["by_scram", "nobody"])
def test_scram(daemon, judge, user):
    """Also for a user that is not there, who must not be told apart."""
    different = {}
    for case in ODD:
        ours, theirs = outcome(daemon.where, case, user), outcome((judge.host, judge.port), case, user)
        if not alike(ours, theirs) and case != "a long nonce":  # for which PostgreSQL knows no bound
            different[case] = (ours, theirs)
        assert (ours == "in") <= (case in ("right", "a name that is ignored", "an extension between"))
    assert not different
    with RawClient(daemon.where, user="by_scram", password=PASSWORD) as client:
        assert client.value("select 1") == "1"


def test_a_nonce_is_not_used_twice(daemon):
    """Nor can the messages of one login be played again in another."""
    nonces = set()
    for _ in range(20):
        with visit(daemon.where) as client:
            exchange = Exchange(client)
            exchange.send_first()
            nonces.add(exchange.full_nonce)
            replay = exchange.final()
    assert len(nonces) == 20
    with visit(daemon.where) as client:
        exchange = Exchange(client)
        exchange.send_first()
        client.send(m.password(replay))
        assert ends_with(client) == "E08P01"


# Passwords in clear text and by MD5


PASSWORDS = {
    "right": m.text(PASSWORD), "wrong": m.text("wrong"), "empty": b"\0", "nothing": b"",
    "no end": PASSWORD.encode(), "NUL inside": b"correct\0horse\0", "more behind": m.text(PASSWORD) + b"x",
    "long": b"x" * 900 + b"\0", "no UTF-8": b"\xff\xfe\0", "right with a blank": m.text(PASSWORD + " "),
    "right, in capitals": m.text(PASSWORD.upper()), "md5 of nothing": m.text("md5" + "0" * 32),
    "md5 too short": m.text("md5"), "capitals of md5": m.text("MD5" + "0" * 32),
}


@pytest.mark.parametrize("user", ["by_password", "by_md5"])
def test_passwords(daemon, judge, user):
    different = {}
    for case, payload in PASSWORDS.items():
        answers = []
        for where in (daemon.where, (judge.host, judge.port)):
            with visit(where, user) as client:
                assert client.read().tag == b"R"
                client.send(m.password(payload))
                answers.append(ends_with(client))
        if not alike(*answers):
            different[case] = answers
        assert (answers[0] == "in") == (case == "right" and user == "by_password")
    assert not different


# Openings


def startup_of(*pairs, end=b"\0", version=m.PROTOCOL_3_0):
    return m.untagged(version, b"".join(m.text(pair) for pair in pairs) + end)


OPENINGS = {
    "nothing": b"", "a byte": b"\0", "half a length": b"\0\0", "a length of 0": struct.pack("!ii", 0, 0),
    "a length of 3": struct.pack("!ii", 3, 0), "a length of 4": struct.pack("!i", 4),
    "a length of 7": struct.pack("!i", 7) + b"xyz", "a huge length": struct.pack("!ii", 1 << 30, 196608),
    "a negative length": struct.pack("!ii", -1, 196608), "just too long": struct.pack("!ii", 10_001, 196608),
    "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "SSH": b"SSH-2.0-OpenSSH_9.2\r\n",
    "TLS, not offered": b"\x16\x03\x01\x00\x05hello", "SMTP": b"EHLO example.org\r\n",
    "version 0": startup_of("user", "postgres", version=0),
    "version 1": startup_of("user", "postgres", version=1 << 16),
    "version 2": m.untagged(2 << 16, b"\0" * 288), "version 4": startup_of("user", "x", version=4 << 16),
    "version 1234": m.untagged((1234 << 16) | 1), "no user": startup_of(), "empty user": startup_of("user", ""),
    "no end": startup_of("user", "postgres", end=b""), "no value": startup_of("user"),
    "bytes behind the end": startup_of("user", "postgres", end=b"\0more\0"),
    "no parameters at all": m.untagged(m.PROTOCOL_3_0), "a name that is no UTF-8": startup_of("user", b"\xff"),
    "user twice": startup_of("user", "nobody", "user", "postgres", "database", "postgres"),
    "a long user": startup_of("user", "x" * 9000), "a password first": m.password(m.text("x")),
    "a query first": m.query("select 1"), "cancel of nobody": m.cancel_request(1, b"\0\0\0\0"),
    "cancel that is short": m.untagged(m.CANCEL_REQUEST_CODE), "cancel with a long key":
    m.cancel_request(1, b"x" * 300),
    "replication, of no kind": startup_of("user", "postgres", "replication", "maybe"),
    "options that are none": startup_of("user", "postgres", "database", "postgres", "options", "-Z"),
}


def opening(where, data):
    with socket.create_connection(where, 10) as plain:
        client = RawClient.__new__(RawClient)
        client.socket, client._buffer, client.parameters = plain, bytearray(), {}
        plain.settimeout(5)
        plain.sendall(data)
        plain.shutdown(socket.SHUT_WR)
        return ends_with(client)


# What we say instead, and why.
UNLIKE = {"options that are none": "E0A000"}  # of which we know two kinds


@pytest.mark.parametrize("name", OPENINGS)
def test_openings(daemon, judge, name):
    ours = opening(daemon.where, OPENINGS[name])
    theirs = opening((judge.host, judge.port), OPENINGS[name])
    assert alike(ours, UNLIKE.get(name, theirs)), theirs
    assert ours != "in" or name == "user twice"  # the last one counts
    with daemon.connect() as client:
        assert client.value("select 1") == "1"


# Names and passwords beyond ASCII


def test_passwords_beyond_ascii(daemon, judge, directory, start_pgsaba):
    """As they are, and as SASLprep would have them: libpq makes a password into its normal form."""
    import psycopg
    forms = {"composed": "pässwörd", "decomposed": "pa\u0308sswo\u0308rd", "ligature": "\ufb01x",
             "full width": "\uff21\uff22", "soft hyphen": "soft\u00adhyphen", "no-break": "no\u00a0break",
             "roman": "\u2168", "prohibited": "bell\u0007", "bidi": "\u0627\u0031", "emoji": "🐟",
             "private": "\ue000x", "unassigned in 3.2": "\u0221x"}
    users = directory.path / "beyond_ascii.txt"
    lines = ['"postgres" ""']
    for number, password in enumerate(forms.values()):
        judge.create_user(f"form_{number}", password)
        lines.append(f'"form_{number}" "{password}"')
    users.write_text("\n".join(lines) + "\n")
    users.chmod(0o600)
    plain = start_pgsaba({"auth": {"type": "scram-sha-256", "file": str(users), "failure_pause": "0s"},
                          "databases": {"postgres": {"user": "postgres"}}})
    judge.set_hba(["host all postgres all trust", "local all all trust", "host all all all scram-sha-256"])
    judge.reload()
    judge.sql("select pg_sleep(0.2)")
    different = []
    for number, name in enumerate(forms):
        for tried in (forms[name], "wrong", *forms.values()):
            answers = []
            for port in (plain.port, judge.port):
                try:
                    psycopg.connect(host="127.0.0.1", port=port, user=f"form_{number}", password=tried,
                                    dbname="postgres", connect_timeout=10).close()
                    answers.append("in")
                except psycopg.OperationalError as error:
                    answers.append(re.sub(r".*FATAL", "FATAL", str(error).splitlines()[0]))
            if answers[0] != answers[1]:
                different.append((name, tried, answers))
    assert not different
