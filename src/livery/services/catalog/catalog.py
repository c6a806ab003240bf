"""Register, find and revoke skills."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from livery.kernel.lifecycle import SKILL_VERSION, InvalidTransition
from livery.manifest.diagnostics import Diagnostic
from livery.manifest.errors import LiveryError, Violation
from livery.manifest.package import Package, PackageFile, parse_package
from livery.manifest.slugs import resolve_alias, slugify
from livery.services import PLATFORM
from livery.services.audit.types import Entry
from livery.services.catalog.errors import (
    PackageRefused,
    SkillExists,
    SkillNotFound,
    VersionRefused,
)
from livery.services.catalog.owners import (
    PLATFORM_OWNER,
    REGISTER,
    Owner,
    ambiguous,
    code_in,
    key_held,
)
from livery.services.catalog.places import locate
from livery.services.catalog.ports import CatalogStore, Entitlements
from livery.services.catalog.releases import judge
from livery.services.catalog.types import Change, Listing, NewVersion, Offer, Skill, Version
from livery.services.identity.access import Access, require
from livery.services.identity.errors import Invalid
from livery.services.identity.filters import check_status
from livery.services.identity.types import STAFF, Principal

IN_FLIGHT = ("finish", "withhold")
"""What a revocation does to calls that run: let them answer, or withhold what they answer."""


class Catalog:
    """The use cases of the catalog."""

    def __init__(
        self,
        store: CatalogStore,
        access: Access,
        entitlements: Entitlements,
        clock: Callable[[], datetime],
        new_id: Callable[[], UUID],
    ) -> None:
        self._store = store
        self._access = access
        self._entitlements = entitlements
        self._clock = clock
        self._new_id = new_id

    async def create(
        self,
        caller: Principal,
        name: str,
        description: str,
        category: str,
        *,
        skill_key: str | None = None,
        workspace: str | None = None,
        correlation_id: str = "",
    ) -> Skill:
        """An instructions-only skill, version 0.1.0, waiting for certification. 409 where its key is taken."""
        home = await self.home(caller, workspace)
        if not name.strip() or not description.strip() or not category.strip():
            raise Invalid(message="A skill needs a name, a description and a category.")
        key = slugify(skill_key or name)
        if await self._store.named(key, [home.workspace_id]):
            raise SkillExists(message=f"There is a skill {key!r} already.")
        head = f"---\nname: {key}\ndescription: {_quoted(description)}\n---\n"
        text = f"{head}\n# {name.strip()}\n\n{description.strip()}\n"
        files = (PackageFile("SKILL.md", text.encode(), executable=False),)
        return await self.register(
            files,
            by=caller.label,
            home=home,
            name=name,
            category=category,
            correlation_id=correlation_id,
        )

    async def home(self, caller: Principal, workspace: str | None) -> Owner:
        """Whose a skill will be that this caller registers: the workspace's that is named, a customer's own without a
        name, else the platform's. Raises forbidden, and not_found for a workspace that the caller does not see."""
        require(caller, *REGISTER)
        if workspace is None and caller.role in STAFF:
            return PLATFORM_OWNER
        found = await self._access.workspace(caller, workspace)
        return Owner(found.workspace_id, found.slug)

    async def register(
        self,
        files: Sequence[PackageFile],
        *,
        by: str,
        home: Owner = PLATFORM_OWNER,
        name: str | None = None,
        category: str | None = None,
        correlation_id: str = "",
    ) -> Skill:
        """Add a package as a version of its skill. The same files again are the same version; other files under the
        same version are refused with both digests."""
        package, diagnostics = parse_package(files)
        if package is None:
            raise refused(diagnostics)
        offer = self.offer(
            package,
            diagnostics,
            by=by,
            home=home,
            name=name,
            category=category,
            correlation_id=correlation_id,
        )
        [fault] = await self.admit([offer])
        if fault is not None:
            raise fault
        return await self.owned(home, offer.new.skill_key)

    def offer(
        self,
        package: Package,
        diagnostics: Sequence[Diagnostic],
        *,
        by: str,
        home: Owner = PLATFORM_OWNER,
        name: str | None = None,
        category: str | None = None,
        correlation_id: str = "",
        source: Mapping[str, Any] | None = None,
    ) -> Offer:
        """What a package asks to become; `source` is where it came from, for the record."""
        contract = package.contract
        new = NewVersion(
            skill_id=self._new_id(),
            workspace_id=home.workspace_id,
            skill_key=package.skill_md.name,
            name=(name or package.skill_md.name).strip(),
            description=package.skill_md.description,
            category=category
            or (contract.category if contract.runtime.kind != "instructions" else "general"),
            # Policies ask for the owner: what a workspace writes there is not what it is.
            owner=home.slug or contract.owner or "platform",
            version=contract.version,
            digest=package.digest,
            contract=contract.raw,
            created_by=by,
            created_at=self._clock(),
        )
        body: dict[str, Any] = {
            "skill_key": new.skill_key,
            "version": new.version,
            "digest": new.digest,
            "by": by,
        }
        if source:
            body["source"] = source
        entry = Entry(
            "skill.registered",
            home.workspace_id,
            f"{new.skill_key}@{new.version}",
            body,
            correlation_id=correlation_id,
        )
        code = code_in(package) if home.slug is not None else ()
        return Offer(new, package.files, entry, tuple(diagnostics), package.skill_md.aliases, code)

    async def admit(self, offers: Sequence[Offer]) -> list[LiveryError | None]:
        """Register packages, each by itself: None where it is registered now or was before, else why it is not.

        The one way into the catalog: SemVer is kept here. Offers of one key are judged in their order.
        """
        faults = await judge(self._store, offers)
        for index, offer in enumerate(offers):
            if offer.code:
                faults[index] = refused(offer.code)
        fit = [index for index, fault in enumerate(faults) if fault is None]
        outcomes = await self._store.add([offers[index] for index in fit]) if fit else []
        for index, outcome in zip(fit, outcomes, strict=True):
            faults[index] = _conflict(offers[index].new, outcome)
        of_versions = [
            (fault, offer.files)
            for fault, offer in zip(faults, offers, strict=True)
            if isinstance(fault, VersionRefused) and "offered" in fault.details
        ]
        # A contract may be large, and there may be many: the loop goes on meanwhile.
        await asyncio.to_thread(locate, of_versions)
        return faults

    async def get(self, caller: Principal, ref: str) -> Skill:
        """A skill by key, alias or id, and by `workspace:key` where more than one workspace has the key.

        A workspace's own comes before the platform's; an agent finds the skills that it may use. Raises not_found, and
        validation_error where staff name a key that several workspaces have.
        """
        slug, _, key = ref.rpartition(":")
        if slug:
            home = await self._access.workspace(caller, slug)
            ref, named = key, await self._named(key, [home.workspace_id], home.workspace_id)
        else:
            named = await self._named(ref, await self._access.visible(caller))
        only = await self._only(caller)
        return self._one(ref, [item for item in named if only is None or item.skill_id in only])

    async def _only(self, caller: Principal) -> frozenset[UUID] | None:
        if caller.hired_agent_id is None or caller.workspace_id is None:
            return None
        return await self._entitlements.entitled(caller.hired_agent_id, caller.workspace_id)

    async def seen_from(self, workspace_id: UUID, ref: str) -> Skill:
        """What a reference means inside of one workspace: its own skill, or the platform's."""
        return self._one(ref, await self._named(ref, [workspace_id]))

    async def owned(self, home: Owner, ref: str) -> Skill:
        """A skill of this owner; what another one has under the name is not found."""
        return self._one(ref, await self._named(ref, [home.workspace_id], home.workspace_id))

    async def _named(
        self, ref: str, workspaces: Sequence[UUID], owner: UUID | None = None
    ) -> list[Skill]:
        return await self._store.named(ref, workspaces, owner) or await self._store.named(
            resolve_alias(ref), workspaces, owner
        )

    @staticmethod
    def _one(ref: str, found: Sequence[Skill]) -> Skill:
        if not found:
            raise SkillNotFound(message=f"There is no skill {ref!r}.")
        if len(found) > 1:
            raise ambiguous(ref, found)
        return found[0]

    async def visible(self, caller: Principal) -> list[UUID]:
        """The workspaces whose skills this caller sees."""
        return await self._access.visible(caller)

    async def search(self, caller: Principal, listing: Listing) -> list[Skill]:
        """Skills that this caller sees, by key; an agent sees those that it may use. A status that is none is
        validation_error, with those that are."""
        check_status(listing.status, SKILL_VERSION)
        listing = replace(listing, only=await self._only(caller))
        return await self._store.skills(await self._access.visible(caller), listing)

    async def versions(self, skill: Skill) -> tuple[list[Version], dict[str, str]]:
        """The versions of a skill, newest first, and its channels."""
        home = skill.workspace_id
        return await self._store.versions(skill.skill_id, home), await self._store.channels(
            skill.skill_id, home
        )

    async def version(self, skill: Skill, version: str | None) -> Version:
        """One version; where none is named the newest by SemVer precedence that was not deleted."""
        known = await self._store.versions(skill.skill_id, skill.workspace_id)
        for item in known:
            if item.version == version or (version is None and item.status != "deleted"):
                return item
        if version is None and known:
            return known[0]
        raise SkillNotFound(message=f"{skill.skill_key} has no version {version}.")

    async def revoke(
        self,
        caller: Principal,
        ref: str,
        version: str | None,
        reason: str,
        correlation_id: str = "",
        *,
        in_flight: str = "finish",
        noted: Mapping[str, Any] | None = None,
    ) -> Skill:
        """Revoke a version: the next call of it is refused, in every process.

        `in_flight`: what becomes of calls that run now, `finish` or `withhold`; `noted` goes into the record.
        """
        require(caller, "operator")
        if not reason.strip():
            raise Invalid(message="A revocation states its reason.")
        if in_flight not in IN_FLIGHT:
            raise Invalid(message=f"in_flight is {' or '.join(IN_FLIGHT)}.")
        skill = await self.get(caller, ref)
        found = await self.version(skill, version)
        more = {"reason": reason, "in_flight": in_flight, **(noted or {})}
        await self.advance(
            caller, skill, found, "revoke", more, correlation_id, reason=reason, in_flight=in_flight
        )
        return await self.get(caller, str(skill.skill_id))

    async def advance(
        self,
        caller: Principal,
        skill: Skill,
        found: Version,
        event: str,
        body: Mapping[str, Any],
        correlation_id: str,
        *,
        reason: str | None = None,
        in_flight: str = "finish",
    ) -> None:
        """Take one step of a version's life and record it; the caller's right to it has been asked.

        Raises invalid_transition, also where somebody else took another step meanwhile.
        """
        after = SKILL_VERSION.advance(found.status, event)
        name = f"{skill.skill_key}@{found.version}"
        told = {"version": found.version, "digest": found.digest, **body, "by": caller.label}
        entry = Entry(
            f"skill.{after}", skill.workspace_id, name, told, correlation_id=correlation_id
        )
        change = Change(found.status, after, reason, in_flight)
        visible = await self._access.visible(caller)
        if not await self._store.set_status(skill.skill_id, found.version, change, visible, entry):
            now = await self.version(skill, found.version)
            SKILL_VERSION.advance(now.status, event)
            raise InvalidTransition(
                message=f"{name} became {now.status} meanwhile; look at it and repeat the call."
            )

    async def archive(self, digest: str, home: UUID) -> bytes:
        """A registered package as its stored zip, where a skill that the workspace `home` sees has it."""
        data = await self._store.archive(digest, home)
        if data is None:
            raise SkillNotFound(message=f"There is no package {digest}.")
        return data

    async def package(self, digest: str, home: UUID = PLATFORM) -> tuple[PackageFile, ...]:
        """The files of a registered package, where a skill that the workspace `home` sees has it."""
        files = await self._store.package(digest, home)
        if files is None:
            raise SkillNotFound(message=f"There is no package {digest}.")
        return files


def refused(diagnostics: Sequence[Diagnostic]) -> PackageRefused:
    """The refusal that carries a package's diagnostics."""
    violations = tuple(
        Violation(f"/{item.file or ''}", f"{item.code}: {item.message}", item.code)
        for item in diagnostics
    )
    first = diagnostics[0].message if diagnostics else "It is no skill package."
    return PackageRefused(message=first, violations=violations)


def _conflict(new: NewVersion, outcome: str) -> LiveryError | None:
    if outcome in ("added", "same"):
        return None
    if outcome.startswith("held:"):
        return key_held(new, outcome.removeprefix("held:").split())
    return SkillExists(
        message=f"{new.skill_key}@{new.version} is there with {outcome}; these files are {new.digest}.",
        details={"registered": outcome, "offered": new.digest},
        remedy="A version is immutable: raise "
        + (
            "the version in contract.yaml"
            if new.contract
            else "`version` in the metadata of SKILL.md"
        )
        + " and register that.",
    )


def _quoted(text: str) -> str:
    # A YAML double-quoted scalar on one line; JSON's escapes are a subset of YAML's.
    import json

    return json.dumps(text.strip(), ensure_ascii=False)
