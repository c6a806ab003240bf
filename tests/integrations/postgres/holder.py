"""A process that holds the server of a home until its standard input ends.

Prints one line of JSON when it holds it: {started, identifier, dsn}, or {error, message}.
"""

import asyncio
import json
import sys
from pathlib import Path

import asyncpg

from livery.integrations.postgres import start_embedded
from livery.manifest.errors import LiveryError


async def main(home: Path) -> None:
    try:
        server = await start_embedded(home)
    except LiveryError as error:
        print(json.dumps({"error": type(error).__name__, "message": error.message}), flush=True)
        return
    connection = await asyncpg.connect(server.admin_dsn)
    started = await connection.fetchval("select pg_postmaster_start_time()::text")
    identifier = await connection.fetchval(
        "select system_identifier::text from pg_control_system()"
    )
    await connection.close()
    print(
        json.dumps({"started": started, "identifier": identifier, "dsn": server.admin_dsn}),
        flush=True,
    )
    await asyncio.to_thread(sys.stdin.read)
    await server.release()


asyncio.run(main(Path(sys.argv[1])))
