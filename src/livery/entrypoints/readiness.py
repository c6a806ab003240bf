"""What a platform needs in order to work, looked at when somebody asks."""

from __future__ import annotations

from pathlib import Path

from livery.api.http.services import Check, NotReady
from livery.disk import FLOOR_BYTES, free_bytes, free_text
from livery.entrypoints.lease import Lease
from livery.integrations.postgres.layout import Layout
from livery.integrations.postgres.urls import hosts_of
from livery.integrations.signing.signer import Signer
from livery.services.runs.errors import DatabaseFull
from livery.storage.database import SQL, Database
from livery.storage.room import Room

REFUSED_S, REFUSED_HERE_S = 30.0, 5.0
"""How long a refused write counts where none came after it: a platform that is asked nothing can only guess that there
is room again. Shorter where the disk is seen to have some."""
_MAKE_ROOM = "Free space on the disk that holds the database; nothing has to be started again."


def readiness(
    home: Path, dsn: str, database: Database, signer: Signer, lease: Lease
) -> dict[str, Check]:
    """The checks by name. The disk is looked at where the database on `dsn` is the one below `home`."""
    here = home if _is_embedded(dsn, home) else None

    async def answers() -> str:
        # First: a server that a full disk has stopped does not say so itself.
        _refuse_full(database.room, here)
        if lease.failing is not None:
            raise NotReady(
                message=f"The lease of this process could not be renewed ({lease.failing}).",
                remedy="See the database's log, and whether its server takes writes.",
            )
        async with database.connection() as connection:
            text: str = await connection.fetchval("show server_version")
        return f"PostgreSQL {text}"

    async def signing() -> str:
        return f"key {signer.keyid[:16]}"

    async def processes() -> str:
        async with database.connection() as connection:
            rows = await connection.fetch(SQL["process_list"])
        alive = sum(row["alive"] for row in rows)
        return f"{alive} with a lease, {len(rows) - alive} to be swept"

    return {"database": answers, "signing": signing, "processes": processes}


def _refuse_full(room: Room, home: Path | None) -> None:
    """Raise `NotReady` where there is no room; `home` is None where the disk cannot be seen from here."""
    if home is not None and (free := free_bytes(home)) < FLOOR_BYTES:
        how = "full" if room.is_lacking(REFUSED_S) else "nearly full"
        said = f"{free_text(free)}, {FLOOR_BYTES // 2**20} MiB needed"
        raise NotReady(message=f"The disk of the database is {how}: {said}.", remedy=_MAKE_ROOM)
    if room.is_lacking(REFUSED_S if home is None else REFUSED_HERE_S):
        raise NotReady(message=DatabaseFull().message, remedy=_MAKE_ROOM)


def _is_embedded(dsn: str, home: Path) -> bool:
    return str(Layout.of(home).client_socket_dir()) in hosts_of(dsn)[1]
