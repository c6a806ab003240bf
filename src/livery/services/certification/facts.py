"""What the checks may know of a version besides its package."""

from __future__ import annotations

import asyncio

from livery.manifest.package import parse_package
from livery.manifest.semver import parse_semver
from livery.services.catalog.catalog import Catalog
from livery.services.catalog.types import Skill, Version
from livery.services.certification.ports import SignOffStore, SuppressionStore
from livery.services.certification.types import Baseline, CheckFacts


class FactsReader:
    """Gathers the facts of a version."""

    def __init__(
        self, catalog: Catalog, suppressions: SuppressionStore, sign_offs: SignOffStore
    ) -> None:
        self._catalog = catalog
        self._suppressions = suppressions
        self._sign_offs = sign_offs

    async def of(self, skill: Skill, found: Version) -> CheckFacts:
        """The facts of one version, as they are now."""
        return CheckFacts(
            skill_key=skill.skill_key,
            version=found.version,
            author=found.created_by,
            baseline=await self._baseline(skill, found),
            suppressions=await self._suppressions.of_version(
                skill.skill_id, found.version, skill.workspace_id
            ),
            sign_offs=tuple(
                await self._sign_offs.of_version(
                    skill.skill_id, found.version, found.digest, skill.workspace_id
                )
            ),
            skill_id=str(skill.skill_id),
            owner=skill.owner,
        )

    async def _baseline(self, skill: Skill, found: Version) -> Baseline | None:
        """The certified version that comes right before this one by precedence."""
        versions, _ = await self._catalog.versions(skill)
        mine = parse_semver(found.version)
        below = [
            (parse_semver(item.version), item)
            for item in versions
            if item.status == "certified" and parse_semver(item.version) < mine
        ]
        if not below:
            return None
        base = max(below, key=lambda pair: pair[0])[1]
        files = await self._catalog.package(base.digest, skill.workspace_id)
        package, _ = await asyncio.to_thread(parse_package, files)
        return Baseline(base.version, package) if package is not None else None
