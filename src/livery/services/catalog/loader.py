"""Load many packages at once: each by itself, so that a bad one never hides a good one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from livery.manifest.diagnostics import Diagnostic, diagnose
from livery.manifest.eligibility import Installation, eligibility
from livery.manifest.errors import LiveryError
from livery.manifest.package import CONTRACT_YAML, Package
from livery.manifest.skillmd import FILE as SKILL_MD
from livery.manifest.tree import Candidate, split_tree
from livery.services import PLATFORM
from livery.services.catalog.catalog import Catalog, refused
from livery.services.catalog.errors import VersionRefused
from livery.services.catalog.incoming import Incoming, collisions, read_candidate
from livery.services.catalog.owners import Owner, code_in
from livery.services.catalog.ports import LoadStore, PackageReader
from livery.services.catalog.types import (
    Held,
    Loaded,
    LoadReport,
    Offer,
    Rejected,
    Remarks,
    Skill,
)
from livery.services.identity.access import require
from livery.services.identity.types import PEOPLE, Principal

BUNDLED_BY: Final = "platform:seed"
"""Who registers what comes with Livery. Precedence: bundled < user; what a user registered stays the newest."""
SKILL_PROVIDER: Final = "livery"
AT_ONCE: Final = 2
"""Zips that are unfolded at a time: their sizes are bounded, their number is too."""


class Loader:
    """The use case of loading trees."""

    def __init__(
        self, catalog: Catalog, store: LoadStore, reader: PackageReader, here: Installation
    ) -> None:
        self._catalog = catalog
        self._store = store
        self._reader = reader
        self._here = here
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def load(
        self,
        caller: Principal,
        data: bytes,
        *,
        workspace: str | None = None,
        source: Mapping[str, Any] | None = None,
        correlation_id: str = "",
    ) -> LoadReport:
        """Register every package of a zip; each ends in one of the two lists. `source` goes on record with each.

        `workspace` is whose they will be; see `Catalog.home`.
        """
        home = await self._catalog.home(caller, workspace)
        async with self._turns:
            items = await asyncio.to_thread(self._read, data)
            await self._judge(items, home)
            return await self._admit(items, home, caller, source, correlation_id)

    async def take(
        self,
        caller: Principal,
        data: bytes,
        correlation_id: str = "",
        *,
        workspace: str | None = None,
    ) -> Skill:
        """Register the one package of a zip. Raises PackageRefused with its diagnostics, or what `admit` says."""
        home = await self._catalog.home(caller, workspace)
        async with self._turns:
            files, faults = await asyncio.to_thread(self._reader.read_zip, data)
            if faults:
                raise refused(faults)
            item = await asyncio.to_thread(read_candidate, Candidate("", files))
            await self._judge([item], home)
            package = item.package
            if package is None:
                raise refused([said for said in item.diagnostics if said.severity == "error"])
            bundled = await self._store.newest([item.key], home.workspace_id, BUNDLED_BY)
            item.say(*_gives_way(package, bundled.get(item.key)))
            offer = self._catalog.offer(
                package,
                item.diagnostics,
                by=caller.label,
                home=home,
                correlation_id=correlation_id,
            )
            [fault] = await self._catalog.admit([offer])
            if fault is not None:
                raise fault
        return await self._catalog.owned(home, item.key)

    def _read(self, data: bytes) -> list[Incoming]:
        tree = self._reader.read_tree(data)
        if tree.fault is not None:
            return [Incoming(path, None, (tree.fault,)) for path in ("", *tree.skills)]
        return [read_candidate(candidate) for candidate in split_tree(tree.files, tree.bad)]

    async def _judge(self, items: Sequence[Incoming], home: Owner) -> None:
        """What a package cannot say by itself: names that are taken, tools and programs that are not there."""
        good = [item for item in items if item.package is not None]
        wanted = {
            tool.partition(":")[2]
            for item in good
            if item.package is not None
            for tool in item.package.contract.capabilities.tools
        }
        aliases = {a for item in good if item.package for a in item.package.skill_md.aliases}
        names = {item.key for item in items if item.key}
        taken = await self._store.keys(sorted(names | aliases | wanted), home.workspace_id)
        claims = await self._store.aliases(sorted(names | aliases), home.workspace_id)
        collisions(items, taken, claims)
        keys = taken | {item.key for item in items if item.package is not None}
        for item in items:
            if item.package is not None:
                owned = code_in(item.package) if home.slug is not None else ()
                item.say(*owned, *eligibility(item.package, self._here, _registered(keys)))

    async def _admit(
        self,
        items: Sequence[Incoming],
        home: Owner,
        caller: Principal,
        source: Mapping[str, Any] | None,
        correlation_id: str,
    ) -> LoadReport:
        going = [(item, item.package) for item in items if item.package is not None]
        keys = [item.key for item, _ in going]
        bundled = await self._store.newest(keys, home.workspace_id, BUNDLED_BY)
        offers = []
        for item, package in going:
            item.say(*_gives_way(package, bundled.get(item.key)))
            offers.append(
                self._catalog.offer(
                    package,
                    item.diagnostics,
                    by=caller.label,
                    home=home,
                    correlation_id=correlation_id,
                    source=source,
                )
            )
        faults = await self._catalog.admit(offers)
        first: dict[tuple[str, str], str] = {}
        for (item, package), offer, fault in zip(going, offers, faults, strict=True):
            ref = (item.key, package.contract.version)
            if fault is None:
                first.setdefault(ref, item.path)
            else:
                item.say(*_refusal(offer, fault, first.get(ref)))
        return await self._report(items, home)

    async def _report(self, items: Sequence[Incoming], home: Owner) -> LoadReport:
        held = {
            item.path: (item.key, item.package.contract.version) for item in items if item.package
        }
        statuses = await self._store.statuses(sorted(set(held.values())), home.workspace_id)
        loaded = tuple(
            Loaded(
                item.path,
                *held[item.path],
                item.package.digest,
                statuses[held[item.path]],
                item.diagnostics,
            )
            for item in items
            if item.package is not None
        )
        rejected = tuple(
            Rejected(
                item.path, tuple(sorted(item.diagnostics, key=lambda d: d.severity != "error"))
            )
            for item in items
            if item.package is None
        )
        return LoadReport(loaded, rejected)

    async def outranked(self, package: Package) -> str | None:
        """Why a bundled package that is new here stays out: a user registered its skill, and prevails."""
        key, version = package.skill_md.name, package.contract.version
        held = (await self._store.newest([key], PLATFORM)).get(key)
        if held is None or held.created_by == BUNDLED_BY:
            return None
        if await self._store.statuses([(key, version)], PLATFORM):
            return None  # it was here before the user's
        return f"{key}@{held.version} of {held.created_by} prevails over the bundled {version}."

    async def said_of(self, skill: Skill, contract: Mapping[str, Any]) -> tuple[Diagnostic, ...]:
        """Diagnostics of a registered skill; a tool that was missing then and is there now is not told."""
        found = await self._store.note(skill.digest, skill.workspace_id)
        tools = [str(tool) for tool in (contract.get("capabilities") or {}).get("tools") or ()]
        names = [tool.partition(":")[2] for tool in tools]
        keys = await self._store.keys(names, skill.workspace_id)
        if all(map(_registered(keys), tools)):
            found = tuple(
                item
                for item in found
                if (item.code, item.file) != ("missing_required_tools", CONTRACT_YAML)
            )
        return found

    async def said(
        self, caller: Principal, after: tuple[str, UUID] | None, limit: int
    ) -> Sequence[Remarks]:
        """The skills that this caller sees of which something was said, by key; none is for an agent."""
        require(caller, *PEOPLE)
        return await self._store.notes(await self._catalog.visible(caller), after, limit)


def _registered(keys: frozenset[str]) -> Callable[[str], bool]:
    def known(tool: str) -> bool:
        provider, _, name = tool.partition(":")
        return provider == SKILL_PROVIDER and name in keys

    return known


def _gives_way(package: Package, bundled: Held | None) -> tuple[Diagnostic, ...]:
    if bundled is None or bundled.digest == package.digest:
        return ()
    key, version = package.skill_md.name, package.contract.version
    if bundled.version == version:
        return ()  # refused: a version is immutable
    return (
        diagnose(
            "precedence_conflict",
            f"{key} is also bundled with Livery ({bundled.version}); {version} takes precedence",
            SKILL_MD,
            2,
            severity="warning",
            remedy="Nothing to do if that is meant; else choose another name.",
        ),
    )


def _refusal(offer: Offer, fault: LiveryError, first: str | None) -> tuple[Diagnostic, ...]:
    if "holders" in fault.details:
        return (diagnose("precedence_conflict", fault.message, SKILL_MD, 2, remedy=fault.remedy),)
    file = CONTRACT_YAML if offer.new.contract else SKILL_MD
    line = fault.line if isinstance(fault, VersionRefused) else None
    lines = fault.lines if isinstance(fault, VersionRefused) else {}
    if fault.code != "already_exists" or "offered" not in fault.details:
        # A version that breaks what its line promised: each field by itself.
        broken = [
            (f"{item.pointer}: {item.message}", lines.get(item.pointer))
            for item in fault.violations[:10]
        ]
        return tuple(
            diagnose("contract_invalid", message, file, place, remedy=fault.remedy)
            for message, place in ((fault.message, line), *broken)
        )
    where = f" The first one lies in {first}." if first is not None else ""
    message = fault.message + where
    return (diagnose("precedence_conflict", message, file, line, remedy=fault.remedy),)
