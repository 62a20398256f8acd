"""The log: what has a line there, what has none, and how a line looks."""

import json
import re
import signal
import threading

import pytest
from harness import messages as m
from harness.client import RawClient
from harness.conversations import begin, make_roles, refusal, tags
from harness.pgsaba import Pgsaba
from harness.processes import wait_until

QUIET = {"stats": False}  # no line comes by itself


def lines_of(daemon, user):
    """What is logged of its clients, in their order."""
    return [line for line in daemon.log.splitlines() if re.search(rf"\bC-\d+ \w*/{user}@", line)]


def reload(daemon, **changes):
    daemon.write_config(changes)
    with daemon.connect(database="pgsaba") as console:
        console.rows("reload")


# What has none


def simple(client, number):
    return client.query(f"select {number}")


def several_at_once(client, number):
    return client.query(f"select {number}; select 2; select 3")


def transaction(client, number):
    return client.query("begin") + client.query(f"select {number}") + client.query("commit")


def unnamed(client, number):
    client.send(m.parse("", "select $1::int"), m.bind(values=[number]), m.execute(), m.sync())
    return client.read_until_ready()


def named(client, number):
    client.send(m.parse(f"s{number}", f"select {number}"), m.sync(), m.bind("", f"s{number}"), m.execute(),
                m.close_statement(f"s{number}"), m.sync())
    return client.read_until_ready(2)


def pipeline(client, number):
    batch = m.parse("", f"select {number}"), m.bind(), m.execute(), m.sync()
    client.send(*batch * 3)
    return client.read_until_ready(3)


def copy(client, number):
    client.send(m.query("copy logged from stdin"), m.copy_data(f"{number}\n"), m.copy_done(),
                m.query("copy logged to stdout"))
    return client.read_until_ready(2)


def function_call(client, number):
    client.send(m.function_call(1397, [str(-number).encode()]))  # abs(int)
    return client.read_until_ready()


def error_in_simple(client, number):
    return client.query(f"select {number} / 0")


def error_in_extended(client, number):
    client.send(m.parse("", "select 1 / $1::int"), m.bind(values=[0]), m.execute(), m.sync())
    return client.read_until_ready()


def failed_transaction(client, number):
    return client.query("begin") + client.query("nonsense") + client.query("rollback")


PROTOCOLS = [simple, several_at_once, transaction, unnamed, named, pipeline, copy, function_call]
ERRORS = [error_in_simple, error_in_extended, failed_transaction]


def test_queries_have_no_line(start_pgsaba, cluster):
    """However much is logged: neither what runs nor what the server says of it, errors included."""
    cluster.sql("create table logged (a int)")
    daemon = start_pgsaba({"log": {**QUIET, "level": "debug"}})
    with daemon.connect() as client:
        assert client.value("select 1") == "1"
        daemon.wait_for_log("the primary is")  # nothing else is under way now
        before = len(daemon.log.splitlines())
        for number in range(1, 31):
            for converse in PROTOCOLS:
                assert b"E" not in tags(converse(client, number))
            for converse in ERRORS:
                assert tags(converse(client, number)).count(b"E") == 1
    daemon.wait_for_log("client disconnected")
    line, = daemon.log.splitlines()[before:]
    assert line.endswith("client disconnected")


# What has one if it is wanted


def visit(daemon, user):
    """Who it was for the log: a client that has come and gone."""
    client = daemon.connect(user=user)
    address, port = client.socket.getsockname()
    client.close()
    wait_until(lambda: not any(row["user"] == user for row in daemon.admin("show clients")), 10, "its end")
    return f"postgres/{user}@{address}:{port}"


@pytest.mark.parametrize("connections", [True, False])
@pytest.mark.parametrize("disconnections", [True, False])
def test_coming_and_going(start_pgsaba, cluster, connections, disconnections):
    """Each has a line with database, user and address, where it is wanted; a reload changes that."""
    make_roles(cluster, "visitor")
    wanted = {"connections": connections, "disconnections": disconnections}
    daemon = start_pgsaba({"log": wanted})
    for _ in range(2):
        who = visit(daemon, "visitor")
        events = [line.split(f" {who} ")[1] for line in lines_of(daemon, "visitor") if who in line]
        words = {"connections": "logged in", "disconnections": "client disconnected"}
        assert events == [words[name] for name in words if wanted[name]]
        wanted = {name: not value for name, value in wanted.items()}
        reload(daemon, log=wanted)


@pytest.mark.parametrize("wanted_later", [True, False])
def test_going_is_told_as_it_is_wanted_then(start_pgsaba, cluster, wanted_later):
    """Also of who came before the reload."""
    make_roles(cluster, "visitor")
    daemon = start_pgsaba({"log": {"disconnections": not wanted_later}})
    clients = [daemon.connect(user="visitor") for _ in range(3)]
    begin(clients[1])
    reload(daemon, log={"disconnections": wanted_later})
    clients[0].close()
    clients[1].socket.close()
    clients[2].abandon()
    wait_until(lambda: not any(row["user"] == "visitor" for row in daemon.admin("show clients")), 10,
               "their ends")
    events = [re.split(r"@\S+ ", line)[1] for line in lines_of(daemon, "visitor")]
    ends = ["client closed the connection without saying so", "client disconnected",
            "connection to the client broke"]
    assert events[:3] == ["logged in"] * 3
    assert sorted(events[3:]) == (ends if wanted_later else [])


def refused_tls(_daemon, client):
    client.send(m.ssl_request())
    assert client.read_bytes(1) == b"N"


def asked_for_a_password(_daemon, client):
    client.send(m.startup({"user": client.user, "database": "postgres"}))
    assert client.read().tag == b"R"


def logged_in(_daemon, client):
    client.login()


def in_a_transaction(_daemon, client):
    client.login()
    begin(client)


def with_a_statement(_daemon, client):
    client.login()
    client.send(m.query("select pg_sleep(60)"))
    assert client.is_silent(0.1)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("state", [refused_tls, asked_for_a_password, logged_in, in_a_transaction,
                                   with_a_statement], ids=lambda state: state.__name__)
def test_who_resets_is_named_with_its_address(start_pgsaba, directory, workers, state):
    """The kernel does not know it any more; it was remembered from the beginning."""
    users = directory.path / "resetting_users.txt"
    users.write_text('"postgres" "p"\n')
    daemon = start_pgsaba({"workers": workers, "log": QUIET, "auth": {"type": "md5", "file": str(users)}})
    client = daemon.connect(login=False, password="p")
    host, port = client.socket.getsockname()
    state(daemon, client)
    client.abandon()
    daemon.wait_for_log(rf"C-\d+ \S*@{re.escape(host)}:{port} connection to the client broke\n")
    if state is with_a_statement:
        assert " postgres/postgres@" in daemon.log


def test_coming_over_a_unix_socket(start_pgsaba):
    daemon = start_pgsaba()
    RawClient(daemon.unix_socket).close()
    daemon.wait_for_log(r"C-\d+ postgres/postgres@unix\S* logged in")


STATS = re.compile(r"stats: (\d+) xacts/s, (\d+) queries/s, .*, in (\d+) B/s, out (\d+) B/s, xact (\d+) us")


def queries_per_second(daemon):
    rows = daemon.admin("show stats")
    return sum(int(row["avg_query_count"]) for row in rows if row["database"] == "postgres")


def test_totals(start_pgsaba):
    """A line each period, with what there was in it; none if it is not wanted."""
    daemon = start_pgsaba({"log": {"stats": True, "stats_period": "1s"}})
    over = threading.Event()

    def work():
        with daemon.connect() as client:
            while not over.is_set():
                client.rows("select 1")

    thread = threading.Thread(target=work)
    thread.start()
    try:
        wait_until(lambda: len(STATS.findall(daemon.log)) >= 3, 20, "three periods")
        reload(daemon, log={"stats": False})
    finally:
        over.set()
        thread.join()
    lines = STATS.findall(daemon.log)
    assert all(int(number) > 0 for number in lines[1]), lines  # there was work in all of that period
    wait_until(lambda: queries_per_second(daemon) == 0, 20, "a period without any")
    assert STATS.findall(daemon.log) == lines


# How a line looks

RUDE = 'no "such"\n\tone\\ \x1b[31m'


def test_lines_for_machines(start_pgsaba):
    """From the first to the last each line is an object of its own, whatever names clients have."""
    daemon = start_pgsaba({"log": {"format": "json"}})
    daemon.connect().close()
    assert refusal(daemon.where, database=RUDE)["C"] == "3D000"
    daemon.stop()
    lines = [json.loads(line) for line in daemon.log.splitlines()]
    for line in lines:
        assert set(line) == {"time", "level", "pid", "message"}
        assert re.fullmatch(r"\d{4}(-\d\d){2}T\d\d(:\d\d){2}\.\d{3}[+-]\d\d:\d\d", line["time"])
        assert line["level"] in ("debug", "info", "warning", "error", "critical")
        assert line["pid"] == daemon.pid
    messages = [line["message"] for line in lines]
    assert any(f"{RUDE}/postgres@" in message and "error 3D000" in message for message in messages)
    assert messages[-1] == "pgsaba has ended"


def test_lines_for_people(start_pgsaba):
    daemon = start_pgsaba()
    assert refusal(daemon.where, database=RUDE)["C"] == "3D000"
    daemon.stop()
    for line in daemon.log.splitlines():
        assert re.match(rf"\d{{4}}(-\d\d){{2}} \d\d(:\d\d){{2}}\.\d{{3}} \S+ \[{daemon.pid}\] [A-Z]+ ", line)
    assert r'no "such"\n\tone\ \x1b[31m/postgres@' in daemon.log


def test_a_reload_changes_the_format(start_pgsaba):
    daemon = start_pgsaba()
    reload(daemon, log={"format": "json"})
    before = len(daemon.log.splitlines())
    daemon.connect().close()
    wait_until(lambda: len(daemon.log.splitlines()) >= before + 2, 10, "two lines")
    assert all(json.loads(line)["message"] for line in daemon.log.splitlines()[before:])


def levels(daemon):
    """Of the lines that a login, a setting for the next start and a broken file have left."""
    before, refusals = len(daemon.log.splitlines()), daemon.log.count("reload refused")
    daemon.connect().close()
    reload(daemon, workers=7)
    good = daemon.config
    daemon.reload({"workers": "many"})
    wait_until(lambda: daemon.log.count("reload refused") > refusals, 10, "a refusal")
    daemon.config = good
    return {line.split("] ")[1].split()[0] for line in daemon.log.splitlines()[before:]}


def test_the_level(start_pgsaba):
    """Nothing below it is logged; a reload changes it in both directions."""
    daemon = start_pgsaba({"log": {"level": "error"}})
    assert levels(daemon) == {"ERROR"}
    reload(daemon, log={"level": "info"})
    assert levels(daemon) == {"LOG", "WARNING", "ERROR"}
    reload(daemon, log={"level": "warning"})
    assert levels(daemon) == {"WARNING", "ERROR"}
    reload(daemon, log={"level": "debug"})
    assert levels(daemon) == {"LOG", "WARNING", "ERROR"}


# How clients end


def does_nothing(_daemon, _client):
    pass


def begins(_daemon, client):
    begin(client)


def sleeps(_daemon, client):
    client.send(m.query("select pg_sleep(60)"))


def sleeps_in_a_transaction(_daemon, client):
    begin(client)
    client.send(m.query("select pg_sleep(60)"))


def says_nonsense(_daemon, client):
    client.send(m.frame(b"!"))


def is_killed(daemon, client):
    number = next(row["id"] for row in daemon.admin("show clients") if row["user"] == client.user)
    daemon.admin(f"kill_client {number}")


def opens_a_block(_daemon, client):
    client.send(m.query("begin"))


# By user: what it does, which settings are its own, and the reason that is logged.
ENDS = {
    "terminates": (lambda _, client: client.close(), {}, "client disconnected"),
    "closes": (lambda _, client: client.socket.close(), {}, "client closed the connection without saying so"),
    "resets": (lambda _, client: client.abandon(), {}, "connection to the client broke"),
    "violates": (says_nonsense, {}, "client broke the protocol"),
    "idles": (does_nothing, {"client_idle": "200ms"}, "client_idle timeout"),
    "dawdles": (begins, {"idle_transaction": "200ms"}, "idle_transaction timeout"),
    "sleeps": (sleeps, {"query": "200ms"}, "query timeout"),
    "lingers": (sleeps_in_a_transaction, {"transaction": "200ms"}, "transaction timeout"),
    "blocks": (opens_a_block, {"pool_mode": "statement"},
               "transaction block in statement pooling mode"),
    "is_killed": (is_killed, {}, "closed by an administrator"),
}
HAVE_LEFT = {"terminates", "closes", "resets"}


@pytest.fixture(scope="module")
def limited(pgsaba_binary, directory, cluster):
    """A daemon whose users have a limit each."""
    make_roles(cluster, *ENDS)
    limits = {user: settings for user, (_, settings, _) in ENDS.items() if settings}
    daemon = Pgsaba(pgsaba_binary, directory, [cluster], {
        "users": limits, "databases": {"postgres": {"pool_size": 2}}, "log": QUIET}, "limited").start()
    yield daemon
    daemon.stop()


@pytest.mark.parametrize("user", ENDS)
def test_why_a_client_ended(limited, user):
    """The reason is its last line, behind the error that it was told, if any."""
    act, _, words = ENDS[user]
    client = limited.connect(user=user)
    act(limited, client)
    wait_until(lambda: any(line.endswith(f" {words}") for line in lines_of(limited, user)), 10, words)
    *before, last = lines_of(limited, user)
    assert last.endswith(words)
    told = [line for line in before if " error " in line]
    if user in HAVE_LEFT:
        assert not told
        return
    error = m.error_fields(client.read_to_end()[-1])
    assert len(told) == 1 and f" error {error['C']}: {error['M']}" in told[0]
    client.close()


@pytest.mark.parametrize("number, at_rest", [(signal.SIGTERM, True), (signal.SIGINT, False)])
def test_a_shutdown_is_a_reason(start_pgsaba, number, at_rest):
    daemon = start_pgsaba()
    with daemon.connect() as client:
        if not at_rest:
            begin(client)
        daemon.stop(number)
    *_, last = lines_of(daemon, "postgres")
    assert last.endswith(" shutting down") and "C-" in last
