"""Channels in PostgreSQL."""

from __future__ import annotations

from uuid import UUID

import orjson

from livery.services import PLATFORM
from livery.services.audit.types import Entry
from livery.services.catalog.types import Move, Skill
from livery.storage.database import Database

_MAY_STAND = {"promote": ["certified"], "roll_back": ["certified", "deprecated"]}


class PostgresChannels:
    """See services.catalog.ports.ChannelStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def moves(self, skill: Skill, channel: str | None, limit: int | None) -> list[Move]:
        """Moves, newest first."""
        async with self._database.read([PLATFORM, skill.workspace_id]) as tx:
            rows = await tx.rows("channel_moves", skill.skill_id, channel, limit)
        return [
            Move(
                row["skill_id"],
                row["workspace_id"],
                row["channel"],
                row["version"],
                row["previous"],
                row["kind"],
                row["moved_by"],
                row["reason"],
                orjson.loads(row["signed"]) if row["signed"] else {},
                row["moved_at"],
            )
            for row in rows
        ]

    async def move(self, move: Move, certificate_id: UUID, entry: Entry) -> bool:
        """Compare and move, in one transaction."""
        async with self._database.write([move.workspace_id]) as tx:
            # Moves of a skill take turns; a revocation of its versions waits, or was seen.
            await tx.rows("skill_turn", move.skill_id)
            await tx.rows("version_hold", [move.skill_id], [move.version])
            current: str | None = await tx.value("channel_now", move.skill_id, move.channel)
            if current != move.previous:
                return False
            fits = await tx.value(
                "version_provable",
                move.skill_id,
                move.version,
                certificate_id,
                _MAY_STAND[move.kind],
            )
            if fits is not True:
                return False
            await tx.rows(
                "channel_set", move.skill_id, move.workspace_id, move.channel, move.version
            )
            await tx.rows(
                "channel_move_add",
                move.skill_id,
                move.workspace_id,
                move.channel,
                move.version,
                move.previous,
                move.kind,
                move.moved_by,
                move.reason,
                orjson.dumps(dict(move.statement)).decode(),
                move.moved_at,
            )
            await tx.bump()
            await tx.append(entry)
        return True
