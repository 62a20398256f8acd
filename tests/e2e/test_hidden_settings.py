"""Parameters that functions set, under names that no statement shows and no list of the server's has:
never another client's value, and the client's own wherever the name can be known."""
# ctest-labels: threads

import pytest
from harness.processes import wait_until

FUNCTIONS = """
    create function set_made_up(value text) returns void language plpgsql as
        $$ begin perform set_config('made' || '.' || 'up', value, false); end $$;
    create function set_in_body(value text) returns void language plpgsql as
        $$ begin perform set_config('In_Body.Setting', value, false); end $$;
    create function set_as_statement() returns void language plpgsql as
        $$ begin set session as_statement.setting = 'kept'; end $$;
    create function set_deep(value text) returns void language plpgsql as
        $$ begin perform set_in_body(value); end $$;
    create function set_by_name(prefix text, value text) returns void language plpgsql as
        $$ begin perform set_config(prefix || '.' || 'shared', value, false); end $$;
    create procedure set_by_call(value text) language plpgsql as
        $$ begin execute 'select set_config(''by_call.setting'', $1, false)' using value; end $$;
    create view shows_a_setting as select current_setting('in_view.setting', true) as setting;
    create function set_for_view(value text) returns void language plpgsql as
        $$ begin perform set_config('in_' || 'view.setting', value, false); end $$;
"""


@pytest.fixture(scope="module")
def functions(cluster):
    """Made on a connection beside pgsaba."""
    cluster.sql(FUNCTIONS)


@pytest.fixture
def daemon(start_pgsaba, functions):
    return start_pgsaba({"workers": 2, "databases": {"postgres": {"pool_size": 2}}})


def show(name):
    return f"select coalesce(current_setting('{name}', true), '')"


def is_kept(client, other, set_it, name):
    """Whether each of these values is the client's on whatever server. Never the other one's."""
    for value in ("first", "second"):
        client.query(set_it.format(value))
        expected = "kept" if "{}" not in set_it else value
        assert other.value(show(name)) == ""
        other.query("begin; select 1")
        found = client.value(show(name))
        other.query("commit")
        assert found in (expected, "")
        if found != expected or client.value(show(name)) != expected:
            return False
    return True


@pytest.mark.parametrize("set_it, name", [
    ("select set_in_body('{}')", "in_body.setting"), ("select set_deep('{}')", "in_body.setting"),
    ("select set_as_statement()", "as_statement.setting"),
    ("call set_by_call('{}')", "by_call.setting"),
    ("select set_for_view('{}')", "in_view.setting")])
def test_what_the_catalogue_shows_is_kept(daemon, set_it, name):
    """Nobody has mentioned these names to pgsaba."""
    with daemon.connect() as one, daemon.connect() as two:
        for client, other in ((one, two), (two, one)):
            wait_until(lambda: is_kept(client, other, set_it, name), 10, "somebody has looked")
            client.query(f"select set_config('{name}', '', false)")


def test_a_name_that_nobody_can_know(daemon):
    """It is made up while the function runs. Its value stays where it was set, and goes before another
    client comes there."""
    with daemon.connect() as one, daemon.connect() as two:
        for turn in range(20):
            client, other, mine, others = (one, two, "one", "two") if turn % 2 else (two, one, "two", "one")
            client.query(f"select set_made_up('{mine}')")
            if turn % 3 == 0:
                client.query(f"set work_mem = '5MB'; select set_made_up('{mine}')")
            if turn % 5 == 0:
                client.query(f"begin; select set_made_up('{mine}'); commit")
            with daemon.connect() as third:
                for anybody, its_own in ((other, others), (third, ""), (third, ""), (other, others)):
                    assert anybody.value(show("made.up")) in ("", its_own)


@pytest.mark.parametrize("pool", [{}, {"unknown_code": "reset"}, {"unknown_code": "trust"}])
def test_a_name_that_the_statement_computes(start_pgsaba, functions, pool):
    daemon = start_pgsaba({"databases": {"postgres": {"pool_size": 1}}, "pool": pool})
    with daemon.connect() as client, daemon.connect() as other:
        client.query("select set_config('comp' || 'uted.name', 'secret', false)")
        assert other.value(show("computed.name")) == ""
        assert other.value("show work_mem") == "4MB"


@pytest.mark.parametrize("unknown_code", ["reset", "probe"])
def test_what_a_statement_shows_is_kept(start_pgsaba, functions, unknown_code):
    """Also if a function nobody knows runs in the same transaction."""
    daemon = start_pgsaba({"databases": {"postgres": {"pool_size": 3}},
                           "pool": {"unknown_code": unknown_code}})
    with daemon.connect() as client, daemon.connect() as other:
        def turn():
            other.query("begin; select 1")
            other.query("commit")

        client.query("prepare mine as select set_made_up('x') is null")
        turn()
        assert client.value("execute mine") == "f"
        client.query("begin; set work_mem = '5MB'; select set_made_up('secret'); commit")
        turn()
        assert client.value("show work_mem") == "5MB"
        assert other.value(show("made.up")) == ""
        client.query("create temp table own as select set_made_up('x')::text as nothing")
        turn()
        assert client.value("select count(*) from own") == "1"
        client.query("drop table own")
        turn()
        assert client.value("show work_mem") == "5MB"
        assert client.value("select to_regclass('own') is null") == "t"
        for _ in range(3):
            assert other.value(show("made.up")) == ""


def test_the_same_settings_do_not_hide_others(start_pgsaba, functions):
    """The next client's settings are equal, so that nothing would have to be set for it."""
    daemon = start_pgsaba({"databases": {"postgres": {"pool_size": 1}}})
    with daemon.connect() as client, daemon.connect() as other:
        for each in (client, other):
            each.query("set work_mem = '5MB'")
        client.query("select set_made_up('secret')")
        assert client.value(show("made.up")) == "secret"
        assert other.value(show("made.up")) == ""
        assert other.value("show work_mem") == "5MB"
        assert client.value("show work_mem") == "5MB"


def test_all_workers_know_what_one_has_met(daemon):
    """Two clients are served by two workers. One mentions a name; the other's function makes it up."""
    with daemon.connect() as one, daemon.connect() as two:
        one.query("set met.shared = 'of one'")
        two.query("select set_by_name('met', 'of two')")
        for client, other, mine in ((one, two, "of one"), (two, one, "of two")):
            other.query("begin; select 1")
            assert client.value(show("met.shared")) == mine
            other.query("commit; begin")
            other.query("select 1")
            assert client.value(show("met.shared")) == mine
            other.query("commit")


def test_names_beyond_what_is_remembered(start_pgsaba, functions):
    """Their values are nobody else's."""
    daemon = start_pgsaba({"databases": {"postgres": {"pool_size": 1}}})
    with daemon.connect() as client, daemon.connect() as other:
        for n in range(300):
            client.query(f"set many.n{n} = 'x'")
        for n in (0, 299):
            client.query(f"select set_by_name('beyond{n}', 'secret')")
            assert other.value(show(f"beyond{n}.shared")) == ""
        client.query("select set_config('many.n299', 'secret', false) from (select set_made_up('x')) s")
        assert other.value(show("many.n299")) == ""
        assert client.value(show("many.n299")) == "secret"


def test_a_function_that_is_made_later(daemon, cluster):
    """Beside pgsaba, after its first look. Until it looks again nobody knows the name, and nobody else
    meets the value; a statement that mentions it tells all workers."""
    cluster.sql("create or replace function set_later(value text) returns void language plpgsql as"
                " $$ begin perform set_config('made.later', value, false); end $$")
    with daemon.connect() as one, daemon.connect() as two:
        for turn in range(6):
            client, other, mine, others = (one, two, "one", "two") if turn % 2 else (two, one, "two", "one")
            client.query(f"select set_later('{mine}')")
            assert other.value(show("made.later")) in ("", others)
    with daemon.connect() as one, daemon.connect() as two:
        one.query("create or replace function calls_it(value text) returns void language sql as"
                  " $$ select set_later(value) $$")
        for client, other in ((one, two), (two, one)):
            wait_until(lambda: is_kept(client, other, "select calls_it('{}')", "made.later"), 10,
                       "what was defined has made pgsaba look")
            client.query("select set_config('made.later', '', false)")
