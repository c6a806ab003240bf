"""Impact: who uses a version, before it is promoted, revoked or deleted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from livery.services.catalog.types import Skill, Use
from livery.services.catalog.uses import Uses
from livery.services.identity.access import Access
from livery.services.identity.types import Principal

_NAMED = 50
"""Names that the record of a change carries; their number is always whole."""


@dataclass(frozen=True, slots=True)
class Impact:
    """The uses of a skill, or of one version of it, in the workspaces that somebody sees."""

    skill_key: str
    version: str | None
    uses: tuple[Use, ...]
    workspaces: Mapping[UUID, str]
    """Workspace -> slug."""

    @property
    def kinds(self) -> dict[str, int]:
        """How many uses of each kind."""
        return dict(sorted(Counter(use.kind for use in self.uses).items()))

    def told(self) -> dict[str, Any]:
        """What the record of a change says of it."""
        names = [f"{use.kind} {use.name}" for use in self.uses[:_NAMED]]
        return {"count": len(self.uses), "kinds": self.kinds, "names": names}


class Impacts:
    """Reads impact from the registry of composition points."""

    def __init__(self, uses: Uses, access: Access) -> None:
        self._uses = uses
        self._access = access

    async def of(
        self,
        caller: Principal,
        skill: Skill,
        version: str | None = None,
        *,
        channel: str | None = None,
    ) -> Impact:
        """Uses that this caller sees: of a version, of all without one, of those only that follow a channel."""
        visible = await self._access.visible(caller)
        found = await self._uses.uses_of(skill.skill_id, version, visible)
        kept = tuple(use for use in found if channel is None or use.channel == channel)
        return Impact(skill.skill_key, version, kept, await self._access.slugs(caller))
