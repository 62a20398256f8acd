"""psql: what people type, from files, on the command line, with Ctrl-C."""

import os
import signal
import subprocess

import pytest
from harness.cluster import TRUST, bin_directory
from harness.pgsaba import Pgsaba
from harness.processes import wait_until

CATALOGUE = """
create table s_things (id int primary key, name text not null default 'x' check (name <> ''));
create index s_by_name on s_things (name);
create view s_view as select name from s_things;
\\d
\\d s_things
\\d+ s_view
\\di
\\df s_*
\\du tester
\\l postgres
\\echo :AUTOCOMMIT
drop table s_things cascade;
"""

TRANSACTIONS = """
create table s_tx (a int primary key);
begin;
insert into s_tx values (1);
savepoint one;
insert into s_tx values (1);
select 'not heard';
rollback to one;
insert into s_tx values (2);
commit;
begin;
insert into s_tx values (3);
rollback;
\\set ON_ERROR_ROLLBACK on
begin;
insert into s_tx values (2);
insert into s_tx values (4);
commit;
\\set AUTOCOMMIT off
insert into s_tx values (5);
rollback;
\\set AUTOCOMMIT on
table s_tx;
drop table s_tx;
"""

ERRORS = """
\\set VERBOSITY verbose
select 1/0;
select nonsense;
selekt;
select 1; select 1/0; select 2;
do $$ begin raise notice 'a word'; raise warning 'another'; end $$;
do $$ begin raise exception using errcode = 'P1234', hint = 'a hint', detail = 'more'; end $$;
;
\\errverbose
select 'alive';
"""

COMMANDS = """
select n, repeat('x', 10) from generate_series(1, 3) n \\gx
select 1 as a, 2 as b \\gset
\\echo :a :b
select 'create table s_g' || n || ' (a int)' from generate_series(1, 2) n \\gexec
\\dt s_g*
drop table s_g1, s_g2;
select 'x' as c, 1 as d \\gdesc
\\set FETCH_COUNT 10
select sum(n) from generate_series(1, 100) n;
select n from generate_series(1, 35) n;
\\encoding LATIN1
select 'grün';
\\encoding
"""

SCRIPTS = {"catalogue": CATALOGUE, "transactions": TRANSACTIONS, "errors": ERRORS,
           "commands": COMMANDS}


def psql_command(target, *arguments):
    return [str(bin_directory() / "psql"), "-X", target.dsn, *arguments]


def psql(target, *arguments, text="", env=None):
    """What psql says and how it ends."""
    done = subprocess.run(psql_command(target, *arguments), input=text, capture_output=True,
                          text=True, timeout=60, env={**os.environ, "LC_ALL": "C.UTF-8", **(env or {})})
    return done.returncode, done.stdout, done.stderr


def assert_same(direct, through, *arguments, text=""):
    expected = psql(direct, *arguments, text=text)
    assert psql(through, *arguments, text=text) == expected
    return expected


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_same_output(direct, through, script):
    assert_same(direct, through, text=script)


def test_commands_on_the_command_line(direct, through):
    status, out, _ = assert_same(direct, through, "-At", "-c", "select 1; select 2", "-c", "select 3",
                                 "-c", "begin; select 4; commit")
    assert (status, out.splitlines()) == (0, ["1", "2", "3", "BEGIN", "4", "COMMIT"])
    assert assert_same(direct, through, "-c", "select 1/0")[0] == 1
    several = ["-1", "-v", "ON_ERROR_STOP=1", "-c", "create table s_never ()", "-c", "select 1/0"]
    assert assert_same(direct, through, *several)[0] == 1
    assert psql(direct, "-At", "-c", "select to_regclass('s_never')")[1] == "\n"


def test_copy(direct, through, directory):
    written = directory.path / "lines.txt"
    written.write_text("".join(f"{n}\tline {n}\n" for n in range(20_000)))
    back = directory.path / "back.txt"
    script = f"""
        create table s_copy (a int, b text);
        \\copy s_copy from '{written}'
        \\copy (select * from s_copy order by a) to '{back}'
        \\copy s_copy from stdin
        20000\tlast
        \\.
        \\copy s_copy from '/dev/null/nowhere'
        copy s_copy from stdin;
not a number\tx
\\.
        select count(*), max(a) from s_copy;
        drop table s_copy;
    """.replace("        ", "")
    assert_same(direct, through, text=script)
    assert back.read_text() == written.read_text()


def test_large_result(through):
    status, out, err = psql(through, "-At", "-c",
                            "select n, repeat('x', 200) from generate_series(1, 100000) n")
    assert (status, err) == (0, "")
    assert out.count("\n") == 100_000 and out.endswith("100000|" + "x" * 200 + "\n")


def test_watch(through):
    """\\watch repeats until it is interrupted."""
    process = start(through, "-At", text="select 'seen' \\watch 0.1\n")
    try:
        lines = [process.stdout.readline() for _ in range(12)]
        assert sum(line == "seen\n" for line in lines) >= 3
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)


def start(target, *arguments, text):
    """A psql that is still running; it has read `text` from a pipe that stays open."""
    process = subprocess.Popen(psql_command(target, "-f", "-", *arguments), stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               start_new_session=True)
    process.stdin.write(text)
    process.stdin.flush()
    return process


def test_control_c(cluster, through):
    """The statement ends, psql and its connection do not."""
    process = start(through, "-At", text="select pg_sleep(50);\nselect 'alive';\n")
    running = "select count(*) from pg_stat_activity where query = 'select pg_sleep(50);'"
    wait_until(lambda: cluster.value(f"{running} and state = 'active'") == 1, 20, "a sleeping psql")
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=20)
    assert "canceling statement due to user request" in said
    assert cluster.value(f"{running} and state = 'active'") == 0


@pytest.mark.parametrize("method", ["scram-sha-256", "md5"])
def test_password(pgsaba_binary, cluster, directory, direct, method):
    """Clients prove their password to pgsaba, which proves it to PostgreSQL."""
    user = f"{method}_user"
    cluster.create_user(user, "a secret", method)
    cluster.set_hba([f"host all {user} 127.0.0.1/32 {method}", *TRUST])
    cluster.reload()
    users = directory.path / f"users_{method}.txt"
    users.write_text(f'"{user}" "a secret"\n')
    users.chmod(0o600)
    daemon = Pgsaba(pgsaba_binary, directory, [cluster],
                    {"auth": {"type": method, "file": str(users)}}, f"pgsaba_{method}").start()
    try:
        for target in (direct, direct._replace(port=daemon.port)):
            check_password(target._replace(user=user))
    finally:
        daemon.stop()


def check_password(target):
    good = psql(target, "-At", "-w", "-c", "select 'in'", env={"PGPASSWORD": "a secret"})
    assert good == (0, "in\n", "")
    status, out, err = psql(target, "-w", "-c", "select 1", env={"PGPASSWORD": "wrong"})
    assert (status, out) == (2, "") and "password authentication failed" in err
    assert psql(target, "-w", "-c", "select 1", env={"PGPASSWORD": ""})[0] == 2
