"""Put code that was changed after it was certified right again, without a restart."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

from livery.services.audit.types import Entry
from livery.services.catalog.catalog import Catalog
from livery.services.catalog.ports import CatalogStore
from livery.services.catalog.types import Skill, Version
from livery.services.identity.access import require
from livery.services.identity.types import Principal
from livery.services.runs.ports import Restorer


@dataclass(frozen=True, slots=True)
class Looked:
    """A version whose package was looked at: `found` says what differed, where it was restored."""

    version: Version
    state: Literal["intact", "restored"]
    found: str | None = None


class Restoring:
    """The use case of restoring."""

    def __init__(self, catalog: Catalog, store: CatalogStore, restorer: Restorer) -> None:
        self._catalog = catalog
        self._store = store
        self._restorer = restorer

    async def restore(
        self, caller: Principal, ref: str, version: str | None, correlation_id: str = ""
    ) -> tuple[Skill, list[Looked]]:
        """Look at the package of a version, of each where none is named, and put back what differs from the stored one.

        The stored package is verified by its digest first. What was done is on record; where nothing differs nothing
        is. The next call runs. Raises security_hash_mismatch where the stored package is not the certified one.
        """
        require(caller, "operator")
        skill = await self._catalog.get(caller, ref)
        if version is not None:
            meant = [await self._catalog.version(skill, version)]
        else:
            meant, _ = await self._catalog.versions(skill)
        return skill, [await self._one(caller, skill, item, correlation_id) for item in meant]

    async def _one(
        self, caller: Principal, skill: Skill, item: Version, correlation_id: str
    ) -> Looked:
        found = await self._restorer.damage(item.digest, skill.workspace_id)
        if found is None:
            return Looked(item, "intact")
        body = {"version": item.version, "digest": item.digest, "found": found, "by": caller.label}
        entry = Entry(
            "skill.restored",
            skill.workspace_id,
            f"{skill.skill_key}@{item.version}",
            body,
            correlation_id=correlation_id,
        )
        act = partial(self._restorer.restore, item.digest, skill.workspace_id)
        await self._store.recorded(entry, act)
        return Looked(item, "restored", found)
