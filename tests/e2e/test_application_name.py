"""Which application_name servers show: each client's own, one for all, or one with the address."""

import pytest
from harness import messages as m
from harness.conversations import tags

SHOWN = "select application_name from pg_stat_activity where pid = pg_backend_pid()"


def start(start_pgsaba, mode, **database):
    """The mode of the database itself is stronger than the general one."""
    general = "force" if mode != "force" else "follow"
    return start_pgsaba({"pool": {"application_name_mode": general}, "databases": {"postgres": {
        "pool_size": 1, "application_name_mode": mode, **database}}})


@pytest.mark.parametrize("options", [{"application_name": "own"}, {"options": "-c application_name=own"}])
def test_followed(start_pgsaba, options):
    daemon = start(start_pgsaba, "follow", application_name="ours")
    with daemon.connect(options=options) as named, daemon.connect() as nameless:
        for client, name in ((named, "own"), (nameless, "ours")) * 2:
            assert client.value(SHOWN) == client.parameters["application_name"] == name
        nameless.query("set application_name = 'later'")
        assert (named.value(SHOWN), nameless.value(SHOWN)) == ("own", "later")
        nameless.query("reset application_name")
        assert nameless.value(SHOWN) == "ours"


@pytest.mark.parametrize("name", ["ours", ""])
def test_forced(start_pgsaba, cluster, name):
    """Also after a SET, which the server executes, but of which nothing is left when it is over. The
    client is told."""
    daemon = start(start_pgsaba, "force", application_name=name)
    with daemon.connect(options={"application_name": "own"}) as client, daemon.connect() as other:
        assert client.parameters["application_name"] == name
        assert client.value(SHOWN) == other.value(SHOWN) == name
        for sql in ("set application_name = 'later'", "select set_config('application_name', 'later', false)",
                    "set work_mem = '7MB'; set application_name = 'later'",
                    "do $$ begin perform set_config('application_name', 'later', false); end $$"):
            frames = client.query(sql)
            told = [frame.body for frame in frames if frame.tag == b"S"]
            assert told == [m.text("application_name") + m.text("later"),
                            m.text("application_name") + m.text(name)], sql
            assert tags(frames)[-1:] == b"Z"
            assert client.value(SHOWN) == other.value(SHOWN) == name
        assert client.value("show work_mem") == "7MB"
        client.query("begin")
        client.query("set application_name = 'later'")
        assert client.value(SHOWN) == "later"
        client.query("commit")
        assert client.parameters["application_name"] == name
        client.query("set timezone = 'Asia/Tokyo'")
        assert (client.value("show timezone"), client.value(SHOWN)) == ("Asia/Tokyo", name)


def test_with_the_address(start_pgsaba):
    daemon = start(start_pgsaba, "add_host")
    with daemon.connect(options={"application_name": "own"}) as client, daemon.connect() as other, \
            daemon.connect(options={"application_name": "x" * 80}) as long:
        def name(start, one):
            host, port = one.socket.getsockname()
            return f"{start} - {host}:{port}"
        for one, shown in ((client, name("own", client)), (other, name("app", other)),
                           (long, "x" * (63 - len(name("", long))) + name("", long))) * 2:
            assert one.value(SHOWN) == one.parameters["application_name"] == shown
        client.query("set application_name = 'later'")
        assert client.value(SHOWN) == "later"
        client.query("reset application_name")
        assert client.value(SHOWN) == name("own", client)
