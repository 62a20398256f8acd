"""Many clients, each with many statements of its own, stay within the configured memory; on servers
there are never more than were allowed. By default there are few of both;
PGSABA_FULL_SIZE=1 takes 1,000 clients with 1,000 statements each."""
# ctest-labels: threads

import os
from pathlib import Path

import pytest
from harness import messages as m
from harness.conversations import error_of

FULL = os.environ.get("PGSABA_FULL_SIZE") == "1"
CLIENTS, STATEMENTS = (1000, 1000) if FULL else (20, 50)
LIMIT = (400 if FULL else 1) << 20
TEXT_BYTES = 2_000  # all of them together take more than twice what there is room for
PER_SERVER = 50
BATCH = 50  # statements that a client has on the way at a time


def memory_kb(daemon, name):
    status = Path(f"/proc/{daemon.pid}/status").read_text()
    return int(status.partition(name + ":")[2].split()[0])


def resident_bytes(daemon):
    return memory_kb(daemon, "VmRSS") * 1024


def is_sanitized(daemon):
    """A sanitizer maps terabytes, and keeps for a while what was freed."""
    return memory_kb(daemon, "VmSize") > 1 << 30


def text_of(client, number):
    text = f"select '{client} {number}' /* "
    return text + "-" * (TEXT_BYTES - len(text) - 3) + " */"


def prepare_all(client, index):
    """The numbers of those that were accepted."""
    accepted = []
    for first in range(0, STATEMENTS, BATCH):
        numbers = range(first, first + BATCH)
        client.send(*(m.parse(f"a{number}", text_of(index, number)) + m.sync() for number in numbers))
        for number in numbers:
            error = error_of(client.read_until_ready())
            assert error is None or error["C"] == "53200", error
            if error is None:
                accepted.append(number)
    return accepted


def execute(client, name):
    client.send(m.bind("", name), m.execute(), m.sync())
    frames = client.read_until_ready()
    rows = [m.row_values(frame)[0].decode() for frame in frames if frame.tag == b"D"]
    return rows[0] if rows else error_of(frames)["C"]


@pytest.mark.timeout(1800 if FULL else 120)
def test_many_clients_with_many_statements(start_pgsaba, cluster):
    daemon = start_pgsaba({"workers": 2, "limits": {"max_prepared_memory": f"{LIMIT >> 20}MB"},
                           "pool": {"max_prepared_statements": PER_SERVER},
                           "databases": {"postgres": {"pool_size": 4}}})
    clients = [daemon.connect(timeout=120) for _ in range(CLIENTS)]
    before = resident_bytes(daemon)
    accepted = [prepare_all(client, index) for index, client in enumerate(clients)]
    taken = sum(int(row["memtotal"]) for row in daemon.admin("show mem")
                if row["name"].startswith("prepared_statement"))
    count = sum(map(len, accepted))
    print(f"{count} of {CLIENTS * STATEMENTS} statements, {taken} bytes by our count,"
          f" {resident_bytes(daemon) - before} by the kernel's")
    assert 0.8 * LIMIT < taken <= LIMIT
    assert count < CLIENTS * STATEMENTS / 2
    if not is_sanitized(daemon):
        assert resident_bytes(daemon) - before < 1.25 * LIMIT + (8 << 20)
    # What was accepted is there for as long as its client is, whoever came in between.
    for index, client in enumerate(clients):
        for number in accepted[index][::max(1, len(accepted[index]) // 5)]:
            assert execute(client, f"a{number}") == f"{index} {number}"
        if len(accepted[index]) < STATEMENTS:
            refused = next(n for n in range(STATEMENTS) if n not in set(accepted[index][:n + 1]))
            assert execute(client, f"a{refused}") == "26000"
    own = "select count(*) from pg_prepared_statements where name like '\\_pgsaba\\_%'"
    for _ in range(8):
        assert int(clients[0].value(own)) <= PER_SERVER
    # Whoever goes makes room for others.
    for client in clients[:-1]:
        client.close()
    with daemon.connect() as later:
        assert prepare_all(later, "later") == list(range(STATEMENTS))
    clients[-1].close()
