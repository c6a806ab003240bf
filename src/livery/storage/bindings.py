"""Bindings in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from livery.services.audit.types import Entry
from livery.services.bindings.types import Binding, Change, Move, Target
from livery.services.catalog.types import Standing, Use
from livery.storage.database import Database, Transaction
from livery.storage.standing import standings
from livery.storage.uses import uses


class PostgresBindings:
    """See services.bindings.ports.BindingStore and services.catalog.ports.UseSource."""

    kind = "binding"
    tables = frozenset({"binding"})

    def __init__(self, database: Database) -> None:
        self._database = database

    async def bindings(self, workspaces: Sequence[UUID], slot: str | None = None) -> list[Binding]:
        """What is bound, with the version that it is now."""
        async with self._database.read(workspaces) as tx:
            rows = await tx.rows("binding_list", slot)
            stood = await standings(tx, [(row["skill_id"], row["resolved"]) for row in rows])
        return [_binding(row, standing) for row, standing in zip(rows, stood, strict=True)]

    async def moves(self, workspace_id: UUID, slot: str) -> list[Move]:
        """The history of a slot, newest first."""
        async with self._database.read([workspace_id]) as tx:
            return [
                Move(row["move_id"], row["kind"], _target(row), row["moved_by"], row["moved_at"])
                for row in await tx.rows("binding_moves", workspace_id, slot)
            ]

    async def fill(self, change: Change, entry: Entry) -> Standing | None:
        """Fill a slot. The row of the slot is the lock of its history."""
        target = change.target
        async with self._database.write([change.workspace_id]) as tx:
            version = target.version or await tx.value(
                "binding_channel", target.skill_id, target.channel
            )
            stood = (await standings(tx, [(target.skill_id, version or "")], hold=True))[0]
            if not (stood.certified if change.kind == "bind" else stood.runs):
                return stood
            if not await _stands(tx, change):
                return None
            changed = await tx.value(
                "binding_set",
                change.workspace_id,
                change.slot,
                target.skill_id,
                target.version,
                target.channel,
                change.by,
                change.at,
            )
            if changed is not None or change.kind == "roll_back":
                await _move(tx, change)
                await tx.append(entry)
        return stood

    async def empty(self, workspace_id: UUID, slot: str, by: str, entry: Entry) -> bool:
        """Take away what fills a slot."""
        async with self._database.write([workspace_id]) as tx:
            held = await tx.row("binding_remove", workspace_id, slot)
            if held is None:
                return False
            await tx.rows(
                "binding_move_add",
                workspace_id,
                slot,
                held["skill_id"],
                held["version"],
                held["channel"],
                "unbind",
                by,
                held["at"],
            )
            await tx.append(entry)
        return True

    async def uses_of(
        self, skill_id: UUID, version: str | None, workspaces: Sequence[UUID]
    ) -> Sequence[Use]:
        """Slots that hold the skill, by pin or by channel."""
        return await uses(self._database, self.kind, "binding_uses", skill_id, version, workspaces)


async def _stands(tx: Transaction, change: Change) -> bool:
    if change.expected is None:
        return True
    # Locked first: the next statement sees what whoever held the lock has written.
    await tx.rows("binding_lock", change.workspace_id, change.slot)
    newest = await tx.value("binding_newest_move", change.workspace_id, change.slot)
    return bool(newest == change.expected)


async def _move(tx: Transaction, change: Change) -> None:
    target = change.target
    await tx.rows(
        "binding_move_add",
        change.workspace_id,
        change.slot,
        target.skill_id,
        target.version,
        target.channel,
        change.kind,
        change.by,
        change.at,
    )


def _target(row: Any) -> Target:
    return Target(row["skill_id"], row["skill_key"], row["version"], row["channel"])


def _binding(row: Any, resolved: Standing) -> Binding:
    return Binding(
        row["workspace_id"],
        row["workspace"],
        row["slot"],
        _target(row),
        resolved,
        row["bound_by"],
        row["bound_at"],
        row["move_id"],
    )
