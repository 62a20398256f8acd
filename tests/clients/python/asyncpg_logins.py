"""asyncpg logs in as often as it is told to: a case in JSON on each line, what became of it on each."""

import asyncio
import json
import ssl
import sys

import asyncpg


def context(case):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    if case["certificate"]:
        made.load_cert_chain(case["certificate"], case["key"])
    return made


async def attempt(case):
    try:
        connection = await asyncpg.connect(
            host=case["host"], port=case["port"], user=case["user"], password=case["password"],
            database="postgres", ssl=context(case) if case["tls"] else False, timeout=30)
    except asyncpg.PostgresError as error:
        return error.sqlstate
    except Exception as error:  # its own complaints
        return "by itself"
    name = await connection.fetchval("select current_user")
    await connection.close()
    return "in" if name == case["user"] else "somebody else"


async def main():
    for line in sys.stdin:
        print(await attempt(json.loads(line)))


asyncio.run(main())
