"""The active policy set in PostgreSQL."""

from __future__ import annotations

from livery.kernel.policy import PolicySet
from livery.services import PLATFORM
from livery.services.audit.types import Entry
from livery.storage.database import Database


class PostgresPolicies:
    """Keeps policy sets; exactly one is active."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._parsed: PolicySet | None = None

    async def ensure(self, policies: PolicySet, by: str) -> None:
        """Make this set the active one where there is none yet, or one that `by` made before: nobody changed that."""
        async with self._database.write([]) as tx:
            active = await tx.row("policy_active")
            if active is not None and not await tx.rows("policy_retire", by, policies.hash):
                return
            await tx.rows("policy_add", policies.hash, policies.text, by)
            await tx.bump()
            body = {"policy_hash": policies.hash, "by": by}
            await tx.append(Entry("policy.activated", PLATFORM, policies.hash, body))

    async def active(self) -> PolicySet:
        """The active set, parsed once; one that permits nothing where there is none."""
        async with self._database.read([]) as tx:
            row = await tx.row("policy_active")
        text: str = row["text"] if row is not None else ""
        if self._parsed is None or self._parsed.text != text:
            self._parsed = PolicySet.parse(text)
        return self._parsed
