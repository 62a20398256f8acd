"""What clients are told of parameters that they have not set: what holds for their session, also after
the server's own values have changed."""

import pytest
from harness import messages as m
from harness.conversations import begin
from harness.processes import wait_until


@pytest.fixture
def daemon(start_pgsaba, cluster):
    yield start_pgsaba({"databases": {"postgres": {"pool_size": 2}}})
    for name in ("datestyle", "timezone"):
        cluster.sql(f"alter system reset {name}")
        cluster.sql(f"alter role postgres reset {name}")
    cluster.sql("select pg_reload_conf()")


def told(frames):
    """Of ParameterStatus messages."""
    pairs = [frame.body.split(b"\0")[:2] for frame in frames if frame.tag == b"S"]
    return {name.decode(): value.decode() for name, value in pairs}


def change(cluster, name, value):
    cluster.sql(f"alter system set {name} = '{value}'")
    cluster.sql("select pg_reload_conf()")
    wait_until(lambda: cluster.value(f"show {name}") == value, 10, "the new value")


def shown(client, name):
    """What the session has, and what it was told with that."""
    frames = client.query(f"select current_setting('{name}')")
    row, = [m.row_values(frame)[0].decode() for frame in frames if frame.tag == b"D"]
    return row, told(frames)


def test_a_configuration_that_is_read_again(daemon, cluster):
    """The server itself says so with its next answer; whoever comes then knows from the beginning."""
    with daemon.connect() as client, daemon.connect() as other:
        assert told(client.login_frames)["DateStyle"] == shown(client, "DateStyle")[0] == "ISO, MDY"
        change(cluster, "datestyle", "German, DMY")
        assert shown(client, "DateStyle")[0] == "German, DMY"
        wait_until(lambda: shown(client, "DateStyle") == ("German, DMY", {}), 10, "all servers' word")
        value, news = shown(other, "DateStyle")
        assert value == news["DateStyle"] == "German, DMY"
        with daemon.connect() as late:
            assert told(late.login_frames)["DateStyle"] == "German, DMY"
            assert shown(late, "DateStyle") == ("German, DMY", {})
        own = client.query("set datestyle to 'SQL, MDY'")
        assert told(own)["DateStyle"] == "SQL, MDY"
        assert shown(other, "DateStyle") == ("German, DMY", {})
        assert shown(client, "DateStyle")[0] == "SQL, MDY"


@pytest.mark.parametrize("options", [{}, {"client_encoding": "UTF8"}], ids=["plain", "with settings"])
def test_after_a_restart_nothing_old_is_told(daemon, cluster, options):
    with daemon.connect(options=options) as client:
        assert told(client.login_frames)["DateStyle"] == shown(client, "DateStyle")[0]
    cluster.sql("alter system set datestyle = 'German, DMY'")
    cluster.restart()
    with daemon.connect() as client:
        wait_until(lambda: client.query("select 1")[-2].tag == b"C", 20, "the server")
    with daemon.connect(options=options) as client:
        assert told(client.login_frames)["DateStyle"] == shown(client, "DateStyle")[0] == "German, DMY"


def test_who_is_in_is_told_once(daemon, cluster):
    with daemon.connect() as client, daemon.connect() as own:
        own.query("set timezone = 'Europe/Paris'")
        assert shown(client, "TimeZone")[1] == {}
        cluster.sql("alter role postgres set timezone = 'Asia/Tokyo'")
        daemon.admin("reconnect")
        wait_until(lambda: shown_by(daemon, "TimeZone") == "Asia/Tokyo", 10, "new servers")
        value, news = shown(client, "TimeZone")
        assert value == news["TimeZone"] == "Asia/Tokyo"
        assert shown(client, "TimeZone") == ("Asia/Tokyo", {})
        assert shown(own, "TimeZone")[0] == "Europe/Paris"


def shown_by(daemon, name):
    with daemon.connect() as client:
        return shown(client, name)[0]


@pytest.mark.parametrize("statements", [
    ["begin", "set local timezone = 'Asia/Tokyo'", "select 1", "commit"],
    ["set timezone = 'Asia/Tokyo'"], ["select set_config('TimeZone', 'Asia/Tokyo', false)"],
    ["begin", "select set_config('TimeZone', 'Asia/Tokyo', true)", "commit"],
    ["begin; set local timezone = 'Asia/Tokyo'; select 1; commit"],
    ["do $$ begin set timezone = 'Asia/Tokyo'; end $$"]], ids=" ".join)
@pytest.mark.parametrize("extended", [False, True], ids=["simple", "extended"])
def test_what_a_client_sets_is_no_news_of_the_server(daemon, statements, extended):
    with daemon.connect() as client:
        for statement in statements:
            if extended and ";" not in statement:
                client.send(m.parse("", statement), m.bind(), m.execute(), m.sync())
                client.read_until_ready()
            else:
                client.query(statement)
            with daemon.connect() as late:
                assert told(late.login_frames)["TimeZone"] == shown(late, "TimeZone")[0] == "UTC"
