"""What bindings need from outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from livery.services.audit.types import Entry
from livery.services.bindings.types import Binding, Change, Move
from livery.services.catalog.types import Standing


class BindingStore(Protocol):
    """Slots of workspaces and their history."""

    async def bindings(self, workspaces: Sequence[UUID], slot: str | None = None) -> list[Binding]:
        """What is bound in these workspaces, by workspace and slot."""

    async def moves(self, workspace_id: UUID, slot: str) -> list[Move]:
        """The history of a slot, newest first."""

    async def fill(self, change: Change, entry: Entry) -> Standing | None:
        """Fill a slot and write its move; filling it with what it holds writes nothing.

        Answers how the version stood in the transaction, where it could not change: `bind` is done if it was certified,
        `roll_back` if it ran. None: the slot stands no more where it was expected, nothing was written.
        """

    async def empty(self, workspace_id: UUID, slot: str, by: str, entry: Entry) -> bool:
        """Take away what fills a slot; False where nothing does."""
