"""psycopg 3, as applications use it."""

import sys
import threading
import time

import psycopg
from cases import in_threads, run_cases

HOST, PORT, USER, DATABASE = sys.argv[1:5]
DSN = f"host={HOST} port={PORT} user={USER} dbname={DATABASE}"


def connect(**options):
    return psycopg.connect(DSN, **options)


def sqlstate(action):
    try:
        action()
    except psycopg.Error as error:
        return error.sqlstate
    return None


def fresh_table(connection, name, columns):
    connection.execute(f"drop table if exists {name}")
    connection.execute(f"create table {name} ({columns})")
    connection.commit()


def transactions():
    with connect() as connection:
        fresh_table(connection, "p_tx", "a int primary key")
        with connection.transaction():
            connection.execute("insert into p_tx values (1)")
            try:
                with connection.transaction():
                    connection.execute("insert into p_tx values (1)")
            except psycopg.errors.UniqueViolation:
                pass
            with connection.transaction():
                connection.execute("insert into p_tx values (2)")
        states = [sqlstate(lambda: connection.execute("select 1/0")),
                  sqlstate(lambda: connection.execute("select 1"))]
        connection.rollback()
        return states, connection.execute("select a from p_tx order by a").fetchall()


def prepared_everywhere():
    """Every statement is prepared at once, by more clients than there are servers."""

    def work(index):
        with connect(prepare_threshold=0, autocommit=True) as connection:
            total = 0
            for turn in range(30):
                row = connection.execute("select %s::int + %s::int", (index, turn)).fetchone()
                total += row[0]
                rows = connection.execute("select n from generate_series(1, %s) n", (turn,))
                total += len(rows.fetchall())
            return total

    return in_threads(6, work)


def prepared_after_five():
    with connect(autocommit=True) as connection:
        return [connection.execute("select %s::text || %s::text", ("x", str(turn))).fetchone()[0]
                for turn in range(12)]


def prepared_and_evicted():
    """The driver forgets statements by DEALLOCATE and uses them again under new names."""

    def work(index):
        with connect(prepare_threshold=0, autocommit=True) as connection:
            connection.prepared_max = 3
            return sum(connection.execute(f"select {turn % 7} + %s::int", (index,)).fetchone()[0]
                       for turn in range(40))

    return in_threads(5, work)


def prepared_in_transactions():
    with connect(prepare_threshold=0) as connection:
        fresh_table(connection, "p_prepared", "a int, b text")
        for turn in range(10):
            connection.execute("insert into p_prepared values (%s, %s)", (turn, f"b{turn}"))
            if turn % 3 == 0:
                connection.rollback()
            else:
                connection.commit()
        return connection.execute("select * from p_prepared order by a").fetchall()


def prepared_then_changed():
    """ALTER TABLE makes the cached plan useless; the second attempt of the client succeeds."""
    with connect(prepare_threshold=0, autocommit=True) as connection:
        fresh_table(connection, "p_changed", "a int")
        query = "select * from p_changed"
        columns = [len(connection.execute(query, prepare=True).description)]
        connection.execute("alter table p_changed add b int")
        state = sqlstate(lambda: connection.execute(query, prepare=True))
        connection.execute("deallocate all")
    with connect(prepare_threshold=0, autocommit=True) as connection:
        columns.append(len(connection.execute(query, prepare=True).description))
    return state, columns


def discard_all():
    with connect(prepare_threshold=0, autocommit=True) as connection:
        before = connection.execute("select %s::int", (1,)).fetchone()
        connection.execute("discard all", prepare=False)
        connection._prepared.clear()
        return before, connection.execute("select %s::int", (2,)).fetchone()


def pipeline():
    with connect(autocommit=True) as connection:
        with connection.pipeline():
            cursors = [connection.execute("select %s::int", (turn,)) for turn in range(50)]
            return [cursor.fetchone()[0] for cursor in cursors]


def pipeline_with_errors():
    """An error skips what follows up to the next Sync, and nothing behind it."""
    with connect(autocommit=True, prepare_threshold=0) as connection:
        fresh_table(connection, "p_pipe", "a int primary key")
        states = []
        for batch in range(4):  # one pipeline each: when psycopg raises must not hang on timing
            try:
                with connection.pipeline():
                    connection.execute("insert into p_pipe values (%s)", (batch,))
                    if batch % 2:
                        connection.execute("insert into p_pipe values (%s)", (batch,))
                    connection.execute("insert into p_pipe values (%s)", (batch + 10,))
                states.append("done")
            except psycopg.Error as error:
                states.append(error.sqlstate or "aborted")
        return states, connection.execute("select a from p_pipe order by a").fetchall()


def pipeline_transaction():
    with connect() as connection:
        fresh_table(connection, "p_pipe_tx", "a int")
        with connection.pipeline():
            with connection.transaction():
                for turn in range(20):
                    connection.execute("insert into p_pipe_tx values (%s)", (turn,))
            cursor = connection.execute("select count(*), sum(a) from p_pipe_tx")
            return cursor.fetchone()


def executemany():
    with connect() as connection:
        fresh_table(connection, "p_many", "a int, b text")
        cursor = connection.cursor()
        cursor.executemany("insert into p_many values (%s, %s) returning a",
                           [(turn, "b" * turn) for turn in range(100)], returning=True)
        returned = 0
        while True:
            returned += cursor.fetchone()[0]
            if not cursor.nextset():
                break
        connection.commit()
        return returned, connection.execute("select count(*), sum(length(b)) from p_many").fetchone()


def copy_both_ways():
    with connect() as connection:
        fresh_table(connection, "p_copy", "a int, b text")
        with connection.cursor().copy("copy p_copy from stdin") as copy:
            for turn in range(20_000):
                copy.write_row((turn, f"line {turn}"))
        connection.commit()
        size = 0
        with connection.cursor().copy("copy (select * from p_copy order by a) to stdout") as copy:
            for data in copy:
                size += len(data)

        def broken():
            with connection.cursor().copy("copy p_copy from stdin") as bad:
                bad.write("not a number\tx\n")

        state = sqlstate(broken)
        connection.rollback()

        def given_up():
            with connection.cursor().copy("copy p_copy from stdin"):
                raise RuntimeError("no more rows")

        states = [state, sqlstate(given_up)]
        connection.rollback()
        return size, states, connection.execute("select count(*) from p_copy").fetchone()


def server_side_cursor():
    with connect() as connection:
        with connection.cursor(name="walk") as cursor:
            cursor.itersize = 100
            cursor.execute("select n from generate_series(1, 1000) n")
            head = cursor.fetchmany(3)
            rest = sum(row[0] for row in cursor)
        connection.commit()
        with connection.cursor(name="jump", scrollable=True) as cursor:
            cursor.execute("select n from generate_series(1, 10) n")
            cursor.scroll(5, mode="absolute")
            return head, rest, cursor.fetchone()


def streamed_rows():
    with connect(autocommit=True) as connection:
        return sum(row[0] for row in connection.cursor().stream(
            "select n from generate_series(1, 5000) n"))


def cancel():
    with connect(autocommit=True) as connection:
        threading.Timer(0.3, connection.cancel).start()
        began = time.monotonic()
        state = sqlstate(lambda: connection.execute("select pg_sleep(30)"))
        return state, time.monotonic() - began < 15, connection.execute("select 'alive'").fetchone()


def notices():
    heard = []
    with connect(autocommit=True) as connection:
        connection.add_notice_handler(lambda notice: heard.append(
            (notice.severity, notice.sqlstate, notice.message_primary)))
        connection.execute("drop table if exists p_nothing")
        connection.execute("do $$ begin raise warning 'careful'; end $$")
    return heard


def error_fields():
    with connect(autocommit=True) as connection:
        fresh_table(connection, "p_fields", "a int constraint positive check (a > 0)")
        try:
            connection.execute("insert into p_fields values (-1)")
        except psycopg.errors.CheckViolation as error:
            return error.diag.constraint_name, error.diag.table_name, error.diag.schema_name
    return None


def binary_results():
    with connect(autocommit=True) as connection:
        cursor = connection.cursor(binary=True)
        cursor.execute("select %b::int8, %b::bytea, now() is not null, array[1, 2, null]",
                       (1 << 40, bytes(range(256))))
        return cursor.fetchone()


def large_values():
    with connect(autocommit=True) as connection:
        text = "鯖" * 300_000
        row = connection.execute("select %s::text, length(%s::text)", (text, text)).fetchone()
        return row[0] == text, row[1]


def transfers_in_threads():
    """Money is moved by more clients than there are servers, and none is lost."""
    with connect() as connection:
        fresh_table(connection, "p_accounts", "id int primary key, balance int")
        connection.execute("insert into p_accounts select n, 100 from generate_series(0, 9) n")

    def work(index):
        with connect() as connection:
            for turn in range(20):
                one, other = sorted(((index + turn) % 10, (index * 3 + turn + 1) % 10))
                with connection.transaction(force_rollback=turn % 4 == 3):
                    move = "update p_accounts set balance = balance + %s where id = %s"
                    connection.execute(move, (-1, one))
                    connection.execute(move, (1, other))
        return index

    in_threads(8, work)
    with connect() as connection:
        return connection.execute("select id, balance from p_accounts order by id").fetchall()


CASES = [transactions, prepared_everywhere, prepared_after_five, prepared_and_evicted,
         prepared_in_transactions, prepared_then_changed, discard_all, pipeline,
         pipeline_with_errors, pipeline_transaction, executemany, copy_both_ways,
         server_side_cursor, streamed_rows, cancel, notices, error_fields, binary_results,
         large_values, transfers_in_threads]

if __name__ == "__main__":
    run_cases(CASES, lambda case: case())
