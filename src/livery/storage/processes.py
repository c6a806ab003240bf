"""Leases of processes, and the sweep of what dead ones left."""

from __future__ import annotations

import os
import socket
from typing import Any
from uuid import UUID

import asyncpg

from livery.storage.database import SQL, Database

BEAT_S = 5.0
LEASE_S = 15.0
SWEEP_LIMIT = 1000


class Processes:
    """A process's lease: without one, the journal begins no run."""

    def __init__(self, database: Database, process_id: UUID, kind: str) -> None:
        self._database = database
        self.process_id = process_id
        self._kind = kind

    async def start(self) -> None:
        """Take the lease."""
        async with self._database.connection() as connection:
            await connection.execute(
                SQL["process_start"],
                self.process_id,
                self._kind,
                socket.gethostname(),
                os.getpid(),
                LEASE_S,
            )

    async def beat(self) -> bool:
        """Renew the lease; False where it ran out. A lost lease is never renewed: its runs may be swept already."""
        async with self._database.connection() as connection:
            return (
                await connection.fetchval(SQL["process_beat"], self.process_id, LEASE_S) is not None
            )

    async def end(self) -> None:
        """Give the lease up, so that nothing waits for its expiry."""
        async with self._database.connection() as connection:
            await connection.execute(SQL["process_end"], self.process_id)

    async def sweep(self) -> list[Any]:
        """Settle the runs of expired leases; returns (run_id, workspace_id, status) of each."""
        swept: list[Any] = []
        while True:
            async with self._database.connection() as connection:
                try:
                    rows = await connection.fetch(
                        SQL["sweep"], self._database.chain_id, SWEEP_LIMIT
                    )
                except asyncpg.DeadlockDetectedError:
                    return swept  # a writer was first; the next sweep goes on
            swept += rows
            if len(rows) < SWEEP_LIMIT:
                return swept
