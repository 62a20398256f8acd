"""Which server a statement reaches, by the servers' own logs: every statement that others have sent
to the wrong one, and what PostgreSQL's standbys would not refuse. Each runs as a simple query, in the
extended protocol, and prepared by name; the answer must be that of the primary."""

import pytest
from harness.group import Group, splitting
from harness.matrix import LOGGING, WAYS, run, statements

# What is to run on the primary, whatever it looks like. One line each.
PRIMARY = """
select * from t where id = 1 for update
select * from t where id = 1 for update skip locked
select * from t where id = 1 for update nowait
select * from t where id = 1 for update of t
select * from t where id = 1 for no key update
select * from t where id = 1 for share
select * from t where id = 1 for key share
select * from t where id = 1 for update;
select * from t where id = 1 for update /* controller:statuses */
select * from (select * from t where id = 1 for update) x
with x as (select * from t where id = 1 for share) select * from x
with d as (delete from t where id = -1 returning *) select * from d
with a as (select 1 as id) insert into t (id) select -2 from a where false
with a as materialized (select 1) , b as (update t set v = v where false returning 1) select 1 from a
select id into temp table gone from t where false; drop table gone
select setval('s', 1)
select nextval('s')
select pg_notify('c', 'x')
select txid_current()
select pg_current_xact_id() is not null
select lo_creat(-1) is not null
select writes()
select public.writes()
select harmless()
select pg_try_advisory_lock(1), pg_advisory_unlock(1)
select pg_advisory_xact_lock(1)
select pg_try_advisory_xact_lock(2)
select pg_advisory_unlock_all()
select pg_cancel_backend(0)
select pg_terminate_backend(0)
select pg_stat_reset()
select pg_backend_pid() > 0
select pg_is_in_recovery()
select pg_current_wal_lsn() is not null
select count(*) > 0 from pg_stat_activity
select count(*) >= 0 from pg_catalog.pg_locks
table pg_locks limit 0
select count(*) from pg_stat_replication
select inet_server_port()
select pg_postmaster_start_time() is null
select currval('s') where false
select query_to_xml('select 1', true, true, '')
select set_config('search_path', 'public', true)
select case when true then nextval('s') end is not null
select (select setval('s', 2))
insert into t values (-5, 0) on conflict do nothing
update t set v = v where false
copy (with d as (delete from t where id = -1 returning *) select * from d) to stdout
copy t to '/dev/null'
explain analyze update t set v = v where false
explain insert into t values (-9, 1)
lock table t in access share mode
do $$ begin perform 1; end $$
select 1; insert into t values (-6, 0) on conflict do nothing
checkpoint
show server_version
select * from locks
select count(*) from public.LOCKS
select * from "Locks up"
table locks_above
with x as (select * from locks_above) select * from x
select 1 where exists (select from app.hidden)
set search_path = app; select * from hidden
select * from activity
select * from calls_harmless
select * from calls_writes
select 1 ### 2
select 1 operator(public.###) 2
select 1 operator(app.~~~) 2 from t limit 1
select initcap(3)
select t.computed from t limit 1
select (t).computed from t limit 1
select count(*) from guarded
select 5::locked
select cast(5 as public.locked)
select * from uses_domain
select count(*) from shades
select 'x'::text::shade
select last_value > 0 from s
select * from s
"""

# What a standby may answer.
STANDBY = """
select * from t where id = 1
  select v from t where id = 1
-- a comment first
/* application:web */ select v from t where id = 1
(select 1) union (select 2) order by 1
with x as (select 1 as one) select * from x
with recursive n(i) as (select 1 union all select i + 1 from n where i < 3) select * from n order by 1
values (1), (2)
table t limit 1
select substring('abc' for 2)
select count(*), max(v), string_agg(v::text, ',') from t where id in (1, 2)
select now() is not null, random() >= 0
select 'for update', $$ insert into t $$, "update" from (select 1 as "update") x
select e'it\\'s; delete from t' as x
select coalesce(null, 1), greatest(1, 2), nullif(1, 2)
show timezone
explain (costs off) select * from t
copy (select 1) to stdout
select 1; select 2
select relname from pg_class where relname = 't'
select * from plain
with x as (select * from app.plain_above) select * from x
table stored
select 3::positive
select 1 %%% 2
select count(*) from kinds where kind = 'a'
select exists(select 1 from t) as one
"""


# What a text does not show.
OWN_OBJECTS = """
create schema app;
create view locks as select pg_try_advisory_lock(77) as got;
create view "Locks up" as select pg_try_advisory_lock(78) as got;
create view locks_above as select got from locks;
create view app.hidden as select pg_try_advisory_lock(80) as got;
create view activity as select count(*) from pg_stat_activity;
create view calls_harmless as select harmless();
create view calls_writes as select writes();
create view plain as select id, lower(v::text) from t where id > random();
create view app.plain_above as select * from plain;
create materialized view stored as select pg_try_advisory_lock(79) as got;
create function lock_sum(int, int) returns boolean language sql
  as 'select pg_try_advisory_lock($1 + $2)';
create operator ### (leftarg = int, rightarg = int, function = lock_sum);
create operator app.~~~ (leftarg = int, rightarg = int, function = lock_sum);
create operator %%% (leftarg = int, rightarg = int, function = int4pl);
create function initcap(int) returns boolean language sql as 'select pg_try_advisory_lock($1)';
create function computed(t) returns boolean language sql as 'select pg_try_advisory_lock($1.id)';
create table guarded (id int);
alter table guarded enable row level security;
create policy seen on guarded using (pg_try_advisory_lock(id));
create domain positive as int check (value > 0);
create domain locked as int check (pg_try_advisory_lock(value) is not null);
create view uses_domain as select 5::locked;
create type kind as enum ('a', 'b');
create table kinds (kind kind);
create type shade as (name text);
create table shades (shade shade);
create function shade_of(text) returns shade language sql
  as 'select row($1)::shade from pg_try_advisory_lock(1)';
create cast (text as shade) with function shade_of(text) as implicit
"""


@pytest.fixture(scope="module")
def group(directory):
    made = Group(directory, LOGGING)
    made.primary.sql("create table t (id int primary key, v int)")
    made.primary.sql("insert into t select i, 0 from generate_series(1, 10) i")
    made.primary.sql("create sequence s")
    made.primary.sql("create function writes() returns int language sql as "
                     "$$ update t set v = v where false; select 1 $$")
    made.primary.sql("create function harmless() returns int language sql immutable as "
                     "$$ select 1 $$")
    for statement in OWN_OBJECTS.strip().split(";\n"):
        made.primary.sql(statement)
    made.wait_for_replay()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def daemon(group, directory, pgsaba_binary):
    with splitting(group, directory, pgsaba_binary, "matrix") as daemon:
        yield daemon


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("sql", statements(PRIMARY))
def test_what_belongs_to_the_primary(daemon, group, sql, way):
    nodes, through, directly = run(daemon, group, sql, way)
    assert through == directly
    assert nodes <= {"group"}
    assert nodes or directly, "it ran nowhere"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("sql", statements(STANDBY))
def test_what_a_standby_may_answer(daemon, group, sql, way):
    nodes, through, directly = run(daemon, group, sql, way)
    assert through == directly
    assert "group" not in nodes
    assert nodes or directly, "it ran nowhere"
