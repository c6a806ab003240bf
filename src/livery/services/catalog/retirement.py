"""The end of a version: deprecate, revoke, delete; each says first who uses it, and records that."""

from __future__ import annotations

from dataclasses import replace

from livery.kernel.lifecycle import SKILL_VERSION, InvalidTransition
from livery.manifest.errors import Violation
from livery.services.audit.types import Entry
from livery.services.catalog.catalog import Catalog
from livery.services.catalog.impact import Impact, Impacts
from livery.services.catalog.ports import CatalogStore
from livery.services.catalog.types import Skill, Version
from livery.services.identity.access import Access, require
from livery.services.identity.types import Principal


class Retirement:
    """The use cases that take versions out of service."""

    def __init__(
        self, catalog: Catalog, store: CatalogStore, impacts: Impacts, access: Access
    ) -> None:
        self._catalog = catalog
        self._store = store
        self._impacts = impacts
        self._access = access

    async def impact(
        self, caller: Principal, ref: str, version: str | None, channel: str | None = None
    ) -> Impact:
        """Who uses a version; all versions where none is named, those that follow a channel where one is."""
        skill = await self._catalog.get(caller, ref)
        if version is not None:
            await self._catalog.version(skill, version)
        return await self._impacts.of(caller, skill, version, channel=channel)

    async def deprecate(
        self,
        caller: Principal,
        ref: str,
        version: str | None,
        reason: str | None = None,
        correlation_id: str = "",
    ) -> tuple[Skill, Version, Impact]:
        """Take a certified version out of what is offered: what holds it goes on, nothing new may take it up."""
        require(caller, "operator")
        skill, found, impact = await self._about(caller, ref, version)
        body = {"reason": reason, "impact": impact.told()}
        await self._catalog.advance(
            caller, skill, found, "deprecate", body, correlation_id, reason=reason
        )
        return await self._now(caller, skill), replace(found, status="deprecated"), impact

    async def revoke(
        self,
        caller: Principal,
        ref: str,
        version: str | None,
        reason: str,
        correlation_id: str = "",
        *,
        in_flight: str = "finish",
    ) -> tuple[Skill, Version, Impact]:
        """Stop a version: its next call is refused in every process. See `Catalog.revoke`."""
        require(caller, "operator")
        skill, found, impact = await self._about(caller, ref, version)
        done = await self._catalog.revoke(
            caller,
            str(skill.skill_id),
            found.version,
            reason,
            correlation_id,
            in_flight=in_flight,
            noted={"impact": impact.told()},
        )
        return done, replace(found, status="revoked"), impact

    async def delete(
        self, caller: Principal, ref: str, version: str | None, correlation_id: str = ""
    ) -> tuple[Skill, list[Version]]:
        """Delete a version, or all versions of a skill where none is named, if nothing ever used them.

        Raises invalid_transition with every use, channel and run that is in the way: then nothing is deleted.
        """
        require(caller, "operator")
        skill = await self._catalog.get(caller, ref)
        if version is not None:
            gone = [await self._catalog.version(skill, version)]
        else:
            known, _ = await self._catalog.versions(skill)
            gone = [item for item in known if item.status != "deleted"] or known[:1]
        for item in gone:
            SKILL_VERSION.advance(item.status, "delete_unused")
        blocked = await self._uses(caller, skill, version)
        if not blocked:
            entries = [_deleted(caller, skill, item, correlation_id) for item in gone]
            visible = await self._access.visible(caller)
            blocked = await self._store.delete(gone, visible, entries)
        if blocked:
            raise InvalidTransition(
                message=f"{skill.skill_key} is not unused: {'; '.join(blocked[:5])}.",
                violations=[Violation("", words) for words in blocked],
                remedy="Only what was never used can be deleted; revoke or deprecate it instead.",
            )
        return await self._now(caller, skill), [replace(item, status="deleted") for item in gone]

    async def _uses(self, caller: Principal, skill: Skill, version: str | None) -> list[str]:
        impact = await self._impacts.of(caller, skill, version)
        return [f"{use.kind} {use.name} uses {use.skill_key}@{use.version}" for use in impact.uses]

    async def _about(
        self, caller: Principal, ref: str, version: str | None
    ) -> tuple[Skill, Version, Impact]:
        skill = await self._catalog.get(caller, ref)
        found = await self._catalog.version(skill, version)
        return skill, found, await self._impacts.of(caller, skill, found.version)

    async def _now(self, caller: Principal, skill: Skill) -> Skill:
        return await self._catalog.get(caller, str(skill.skill_id))


def _deleted(caller: Principal, skill: Skill, gone: Version, correlation_id: str) -> Entry:
    body = {"version": gone.version, "digest": gone.digest, "by": caller.label}
    name = f"{skill.skill_key}@{gone.version}"
    return Entry("skill.deleted", skill.workspace_id, name, body, correlation_id=correlation_id)
