"""What no pooler can mend, shown on PostgreSQL itself: the reasons of session_limits.py."""

import pytest
from harness.client import RawClient
from harness.conversations import error_of

CLEANING = ["reset saba.met", "reset all", "discard all", "set saba.met to default"]


@pytest.fixture
def client(cluster):
    with RawClient((cluster.host, cluster.port)) as connected:
        yield connected


@pytest.mark.parametrize("meet", [["set saba.met = 'x'"], ["begin", "set saba.met = 'x'", "rollback"],
                                  ["begin", "set local saba.met = 'x'", "commit"],
                                  ["select set_config('saba.met', 'x', true)"]])
def test_a_custom_parameter_that_was_met_stays(client, meet):
    """Null becomes empty; only a new session does not know the name."""
    asked = "select current_setting('saba.met', true)"
    assert client.value(asked) is None
    for sql in meet:
        client.query(sql)
    for sql in CLEANING:
        client.query(sql)
        assert client.value(asked) == ""


def test_the_first_spelling_of_a_custom_parameter_stays(client):
    """It heads SHOW's column; pooled, the first one may have been another client."""
    client.query("set \"Saba\".\"Spelled\" = 'x'")
    for sql in CLEANING:
        client.query(sql)
        columns = client.query("set saba.spelled = 'y'; show saba.spelled")
        assert [frame.body[2:14] for frame in columns if frame.tag == b"T"] == [b"Saba.Spelled"]


def test_custom_parameters_are_listed_nowhere(client):
    client.query("set saba.hidden = 'x'")
    assert client.rows("select name from pg_settings where name like 'saba.%'") == []
    assert not [row for row in client.rows("show all") if row[0].startswith("saba.")]


def test_transaction_isolation_counts_as_set(client):
    counts = "select name from pg_settings where source = 'session'"
    assert client.rows(counts) == []
    client.query("begin; set transaction isolation level serializable; commit")
    for sql in ("reset all", "discard all"):
        client.query(sql)
        assert client.rows(counts) == [["transaction_isolation"]]
    assert client.value("show transaction_isolation") == "read committed"


def test_a_plan_depends_on_when_it_was_made(client, cluster):
    """The same statement, prepared before and after the table changed."""
    cluster.sql("create table planned (a int)")
    client.query("prepare before as select * from planned")
    cluster.sql("alter table planned add b int")
    client.query("prepare behind as select * from planned")
    error = error_of(client.query("execute before"))
    assert (error["C"], error["R"]) == ("0A000", "RevalidateCachedQuery")
    assert error_of(client.query("execute behind")) is None
    cluster.sql("drop table planned")
