"""What a version may break: SemVer, held against the newest certified version that it follows."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from livery.kernel.compatibility import Break, breaks, interface_of, next_line, same_line
from livery.manifest.errors import LiveryError, Violation
from livery.manifest.semver import SemVer, parse_semver
from livery.services.catalog.errors import ReleaseRefused, SkillExists
from livery.services.catalog.ports import CatalogStore
from livery.services.catalog.types import NewVersion, Offer, Registered

PROMISED = ("certified", "deprecated")
"""Statuses of versions that others may rely on."""
_NAMED = 5


async def judge(store: CatalogStore, offers: Sequence[Offer]) -> list[LiveryError | None]:
    """For each offer: None, or why it cannot be this version. What is registered already is not judged again."""
    known = await store.registered([(o.new.workspace_id, o.new.skill_key) for o in offers])
    of_skill: dict[tuple[Any, str], list[Registered]] = {}
    for item in known:
        of_skill.setdefault((item.workspace_id, item.skill_key), []).append(item)
    faults: list[LiveryError | None] = []
    for offer in offers:
        held = of_skill.get((offer.new.workspace_id, offer.new.skill_key), [])
        faults.append(await _judge(store, offer.new, held))
    return faults


async def _judge(
    store: CatalogStore, new: NewVersion, held: Sequence[Registered]
) -> LiveryError | None:
    there = next((item for item in held if item.version == new.version), None)
    if there is not None:
        return _deleted(new) if there.status == "deleted" else None
    before = baseline(new.version, held)
    if before is None:
        return None
    contract = await store.contract(before.skill_id, before.version, before.workspace_id)
    # A contract may be large, and its author anybody: the loop goes on meanwhile.
    broken = await asyncio.to_thread(compare, contract, new.contract)
    return refusal(new, before.version, broken, [item.version for item in held])


def baseline(version: str, held: Sequence[Registered]) -> Registered | None:
    """The newest certified release of lower precedence in the line of `version`: what it must be able to replace.

    A pre-release promises nothing.
    """
    mine = parse_semver(version)
    lower = [
        (parsed, item)
        for item in held
        if item.status in PROMISED
        and (parsed := parse_semver(item.version)) < mine
        and not parsed.prerelease
        and same_line(parsed, mine)
    ]
    return max(lower, key=lambda pair: pair[0].precedence)[1] if lower else None


def compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Break, ...]:
    """What the interface of one contract document breaks of another's."""
    return breaks(interface_of(old), interface_of(new))


def right_version(version: str, known: Sequence[str]) -> SemVer:
    """The version that a breaking successor of `version` would rightly have, beside the known ones."""
    return next_line(parse_semver(version), [parse_semver(item) for item in known])


def refusal(
    new: NewVersion, before: str, broken: Sequence[Break], known: Sequence[str]
) -> ReleaseRefused | None:
    """Why `new` cannot follow `before` in one line; None where it can."""
    violations = [Violation(item.pointer, item.message, "contract_invalid") for item in broken]
    named = [item.message for item in broken]
    if (new.contract.get("release") or {}).get("compatibility") == "breaking":
        message = f"release.compatibility says breaking, and {new.version} would replace {before}"
        violations.append(Violation("/release/compatibility", message, "contract_invalid"))
        named.append(message)
    if not violations:
        return None
    right = right_version(before, [*known, new.version])
    line = f"must be {right} or a later one: it breaks what {before} promised"
    violations.append(Violation("/version", line, "contract_invalid"))
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return ReleaseRefused(
        message=f"{new.skill_key} {new.version} cannot follow {before}: "
        f"{'; '.join(named[:_NAMED])}{more}. It would be right as {right}.",
        violations=violations,
        details={"baseline": before, "offered": new.version, "right_version": str(right)},
        remedy=f"Write version {right} in contract.yaml, or take back what the violations name.",
    )


def _deleted(new: NewVersion) -> SkillExists:
    return SkillExists(
        message=f"{new.skill_key}@{new.version} was deleted; its number is not given again.",
        details={"registered": "deleted", "offered": new.digest},
        remedy="Raise "
        + (
            "the version in contract.yaml"
            if new.contract
            else "`version` in the metadata of SKILL.md"
        )
        + " and register that.",
    )
