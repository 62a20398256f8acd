"""pg_dump and pg_restore: what they set stays theirs, and what they carry arrives."""

import subprocess

import pytest
from harness.cluster import bin_directory

SETUP = """
    grant create on database postgres to tester; create schema dumped authorization tester; set role tester; set search_path = dumped;
    create table shops (id int generated always as identity primary key, name text unique not null);
    create table items (id serial primary key, shop int references shops, price numeric(10, 2), at timestamptz,
        raw bytea, tags text[] default '{}', check (price >= 0));
    create index on items (price) where price > 10;
    insert into shops (name) select 'shop ' || n from generate_series(1, 50) n;
    insert into items (shop, price, at, raw, tags) select 1 + n % 50, n / 3.0,
        timestamptz '2024-02-29 12:00+09' + n * interval '1 hour', decode(md5(n::text), 'hex'),
        array['a ' || n, null, '"鯖"'] from generate_series(1, 5000) n;
    create view cheap as select * from items where price < 10;
    create materialized view sums as select shop, sum(price) from items group by shop;
    create function twice(n int) returns int language sql as 'select n * 2';
    create function stamp() returns trigger language plpgsql as
        $$ begin new.at = coalesce(new.at, now()); return new; end $$;
    create trigger stamped before insert on items for each row execute function stamp();
    create sequence tickets start 40 increment 3; select nextval('tickets');
    comment on table items is 'what ''shops'' sell';
    alter table shops enable row level security; create policy all_of_them on shops using (true);
"""
ROWS = ("select md5(string_agg(t::text, ';' order by id)) from dumped.items t",
        "select md5(string_agg(t::text, ';' order by id)) from dumped.shops t",
        "select md5(string_agg(t::text, ';' order by shop)) from dumped.sums t",
        "select last_value, is_called from dumped.tickets", "select dumped.twice(4)")


def program(name, target, *arguments):
    command = [bin_directory() / name, "-h", target.host, "-p", target.port, "-U", target.user, *arguments]
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    assert not done.stderr, done.stderr
    return done.stdout


@pytest.fixture
def schema(cluster, direct):
    cluster.sql("drop schema if exists dumped cascade")
    cluster.sql(SETUP)
    yield [cluster.sql(sql) for sql in ROWS]
    cluster.sql("drop schema if exists dumped cascade")


def test_a_dump_is_the_same(direct, through, schema):
    def dump(target):  # without psql's key, which differs each time
        said = program("pg_dump", target, "-n", "dumped", "postgres")
        return [line for line in said.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]
    assert dump(through) == dump(direct)


@pytest.mark.parametrize("form, jobs", [("custom", 1), ("custom", 2), ("directory", 2)])
def test_dumped_and_restored(cluster, through, schema, tmp_path, form, jobs):
    """Two jobs need as many servers as pgsaba has: the parent's connection idles in no transaction."""
    archive = tmp_path / "archive"
    program("pg_dump", through, "-n", "dumped", "-F", form, "-f", archive, "postgres")
    cluster.sql("drop schema dumped cascade")
    program("pg_restore", through, "-j", jobs, "-d", "postgres", archive)
    assert [cluster.sql(sql) for sql in ROWS] == schema


def test_nothing_of_a_dump_is_left(through, schema):
    """It empties search_path, and turns off timeouts and row security."""
    program("pg_dump", through, "-n", "dumped", "postgres")
    said = program("psql", through, "-XAt", "-d", "postgres", "-c", "show search_path", "-c", "show row_security",
                   "-c", "show extra_float_digits", "-c", "show intervalstyle", "-c",
                   "select current_setting('default_transaction_isolation')")
    assert said.splitlines() == ['"$user", public', "on", "1", "postgres", "read committed"]
