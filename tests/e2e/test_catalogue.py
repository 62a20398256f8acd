"""The list of functions and relations that may be read on a standby, against the catalogue of the
server that is installed: what a newer one brings shows here before it is misrouted."""

import os
import re
import subprocess

import pytest

READ = 0

# Volatile, and harmless nevertheless. A name is added here and to src/sql/make-functions only when
# somebody has looked at what the function does on a standby.
HARMLESS = {
    "amvalidate", "array_sample", "array_shuffle", "bernoulli", "clock_timestamp", "currtid2",
    "current_query", "gen_random_uuid", "lo_close", "lo_get", "lo_lseek", "lo_lseek64", "lo_tell",
    "lo_tell64", "loread", "pg_collation_actual_version", "pg_database_collation_actual_version",
    "pg_database_size", "pg_get_wal_resource_managers", "pg_indexes_size", "pg_jit_available",
    "pg_partition_ancestors", "pg_partition_tree", "pg_relation_size", "pg_sleep", "pg_sleep_for",
    "pg_sleep_until", "pg_table_size", "pg_tablespace_size", "pg_total_relation_size", "random",
    "random_normal", "system", "timeofday", "uuidv4", "uuidv7"}

# Labelled stable, though they write, or answer from one server or session.
MISLABELLED = {"txid_current", "pg_current_xact_id", "pg_stat_get_activity", "version",
               "pg_backend_pid", "current_setting", "pg_show_all_settings"}

FUNCTIONS = """
select proname, bool_or(provolatile = 'v') from pg_proc
where pronamespace = 'pg_catalog'::regnamespace and 'internal'::regtype <> all (proargtypes::oid[])
  and prorettype not in ('trigger'::regtype, 'event_trigger'::regtype, 'internal'::regtype)
group by proname order by proname"""
VIEWS = """
select relname, pg_get_viewdef(oid) from pg_class
where relnamespace = 'pg_catalog'::regnamespace and relkind = 'v' order by relname"""


@pytest.fixture(scope="module")
def access_of():
    program = os.environ.get("PGSABA_ACCESS_OF", "")
    if not os.access(program, os.X_OK):
        if os.environ.get("PGSABA_REQUIRE_BINARY") == "1":
            pytest.fail(f"PGSABA_ACCESS_OF={program!r} is no program")
        pytest.skip("PGSABA_ACCESS_OF names no program")

    def ask(texts):
        done = subprocess.run([program], input="\n".join(texts) + "\n", check=True,
                              capture_output=True, text=True, timeout=60)
        return [int(line) for line in done.stdout.splitlines()]
    return ask


@pytest.fixture(scope="module")
def functions(cluster, access_of):
    """name -> (volatile, may be called on a standby)"""
    rows = cluster.sql(FUNCTIONS)
    answers = access_of([f"select {name}(1)" for name, _ in rows])
    return {name: (volatile, answer == READ)
            for (name, volatile), answer in zip(rows, answers, strict=True)}


def test_volatile_functions(functions):
    assert len(functions) > 2000
    allowed = {name for name, (volatile, read) in functions.items() if volatile and read}
    assert allowed == HARMLESS & functions.keys()


def test_functions_that_are_not_volatile(functions):
    refused = {name for name, (volatile, read) in functions.items() if not volatile and not read}
    assert MISLABELLED <= refused
    assert len(refused) < 250  # of some 2,100


def test_views_that_show_one_server(cluster, access_of, functions):
    """A view is refused if its definition calls a function that is, or reads such a view."""
    views = dict(cluster.sql(VIEWS))
    wanted = {name for name, text in views.items()
              if any(called in functions and not functions[called][1]
                     for called in re.findall(r"(\w+)\(", text))}
    for _ in range(3):
        wanted |= {name for name, text in views.items()
                   if wanted & set(re.findall(r"(?:FROM|JOIN) \(*(\w+)", text))}
    answers = access_of([f"select * from pg_catalog.{name}" for name in views])
    refused = {name for name, answer in zip(views, answers, strict=True) if answer != READ}
    assert len(wanted) > 40
    assert refused == wanted
