"""asyncpg, as applications use it: every query is a prepared statement from its cache."""

import asyncio
import sys

import asyncpg
from cases import run_cases

HOST, PORT, USER, DATABASE = sys.argv[1:5]
WHERE = {"host": HOST, "port": int(PORT), "user": USER, "database": DATABASE}


async def connect(**options):
    return await asyncpg.connect(**WHERE, **options)


async def fresh_table(connection, name, columns):
    await connection.execute(f"drop table if exists {name}; create table {name} ({columns})")


async def sqlstate(awaitable):
    try:
        await awaitable
    except asyncpg.PostgresError as error:
        return error.sqlstate
    return None


async def statement_cache():
    """The same statements of more clients than servers, each client with names of its own."""

    async def work(index):
        connection = await connect()
        total = 0
        for turn in range(25):
            query = f"select $1::int * {(index + turn) % 5} + $2::int"
            total += await connection.fetchval(query, turn, index)
        await connection.close()
        return total

    return await asyncio.gather(*(work(index) for index in range(6)))


async def evicted_statements():
    connection = await connect(statement_cache_size=3)
    got = [await connection.fetchval(f"select $1::int + {turn % 7}", turn) for turn in range(30)]
    await connection.close()
    return got


async def explicit_statement():
    connection = await connect()
    statement = await connection.prepare("select n, n * n as square from generate_series(1, $1) n")
    names = [column.name for column in statement.get_attributes()]
    rows = [tuple(row) for row in await statement.fetch(3)]
    more = [tuple(row) for row in await statement.fetch(5)]
    await connection.close()
    return names, rows, more


async def transactions():
    connection = await connect()
    await fresh_table(connection, "a_tx", "a int primary key")
    async with connection.transaction():
        await connection.execute("insert into a_tx values ($1)", 1)
        try:
            async with connection.transaction():
                await connection.execute("insert into a_tx values ($1)", 1)
        except asyncpg.UniqueViolationError:
            await connection.execute("insert into a_tx values ($1)", 2)
    async with connection.transaction(isolation="serializable", readonly=True):
        rows = await connection.fetch("select a from a_tx order by a")
        state = await sqlstate(connection.execute("insert into a_tx values (3)"))
    await connection.close()
    return [row["a"] for row in rows], state


async def cursor():
    connection = await connect()
    total = 0
    async with connection.transaction():
        async for row in connection.cursor("select n from generate_series(1, 500) n", prefetch=50):
            total += row["n"]
    await connection.close()
    return total


async def executemany():
    connection = await connect()
    await fresh_table(connection, "a_many", "a int, b text")
    await connection.executemany("insert into a_many values ($1, $2)",
                                 [(turn, "b" * turn) for turn in range(200)])
    failed = await sqlstate(connection.executemany("insert into a_many values (1 / $1::int, 'x')",
                                                   [(1,), (0,), (2,)]))
    counted = await connection.fetchrow("select count(*), sum(length(b)) from a_many")
    await connection.close()
    return failed, tuple(counted)


async def copy_both_ways():
    connection = await connect()
    await fresh_table(connection, "a_copy", "a int, b text")
    records = [(turn, f"line {turn}") for turn in range(10_000)]
    status = [await connection.copy_records_to_table("a_copy", records=records)]
    size = 0

    async def take(data):
        nonlocal size
        size += len(data)

    status.append(await connection.copy_from_query("select * from a_copy order by a", output=take))

    async def source():
        yield b"1\tone\n"
        yield b"not a number\ttwo\n"

    status.append(await sqlstate(connection.copy_to_table("a_copy", source=source())))
    status.append(await connection.fetchval("select count(*) from a_copy"))
    await connection.close()
    return status, size


async def cancelled_task():
    """A cancelled task sends a cancel request; its connection can be used again."""
    connection = await connect()
    task = asyncio.create_task(connection.fetch("select pg_sleep(30)"))
    await asyncio.sleep(0.3)
    task.cancel()
    outcome = (await asyncio.gather(task, return_exceptions=True))[0]
    alive = await connection.fetchval("select 'alive'")
    await connection.close()
    return type(outcome).__name__, alive


async def timeouts():
    connection = await connect()
    try:
        await connection.fetch("select pg_sleep(30)", timeout=0.3)
        outcome = "in time"
    except asyncio.TimeoutError:
        outcome = "too late"
    alive = await connection.fetchval("select 'alive'")
    await connection.close()
    return outcome, alive


async def pool():
    """A pool resets its connections after each use."""
    async with asyncpg.create_pool(**WHERE, min_size=2, max_size=6) as connections:
        await fresh_table(connections, "a_pool", "a int primary key, b int")
        await connections.execute("insert into a_pool select n, 0 from generate_series(0, 3) n")

        async def work(index):
            async with connections.acquire() as connection:
                async with connection.transaction():
                    await connection.execute("update a_pool set b = b + 1 where a = $1", index % 4)
                return await connection.fetchval("select $1::int", index)

        answers = await asyncio.gather(*(work(index) for index in range(60)))
        rows = await connections.fetch("select * from a_pool order by a")
        return answers == list(range(60)), [tuple(row) for row in rows]


async def introspection():
    """Unknown types make the driver ask the catalogue, in between."""
    connection = await connect()
    await connection.execute("drop type if exists a_colour cascade")
    await connection.execute("drop type if exists a_pair cascade")
    await connection.execute("create type a_colour as enum ('red', 'blue')")
    await connection.execute("create type a_pair as (one int, other text)")
    value = await connection.fetchval("select $1::a_colour", "blue")
    array = await connection.fetchval("select array['red', 'blue']::a_colour[]")
    pair = await connection.fetchval("select row(1, 'x')::a_pair")
    span = await connection.fetchval("select int4range(1, 5)")
    await connection.close()
    return value, array, tuple(pair), (span.lower, span.upper)


async def notices():
    heard = []
    connection = await connect()
    connection.add_log_listener(lambda _, message: heard.append((message.sqlstate, str(message))))
    await connection.execute("do $$ begin raise notice 'a word'; end $$")
    await asyncio.sleep(0)
    await connection.close()
    return heard


async def startup_settings():
    connection = await connect(server_settings={"application_name": "asyncpg test",
                                                "timezone": "Asia/Tokyo"})
    got = [await connection.fetchval("show timezone"), connection.get_settings().TimeZone,
           await connection.fetchval("show application_name")]
    await connection.close()
    return got


CASES = [statement_cache, evicted_statements, explicit_statement, transactions, cursor, executemany,
         copy_both_ways, cancelled_task, timeouts, pool, introspection, notices, startup_settings]

if __name__ == "__main__":
    run_cases(CASES, lambda case: asyncio.run(case()))
