"""Many versions into the catalog in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

import orjson

from livery.manifest.semver import parse_semver
from livery.services.catalog.types import NewVersion, Offer
from livery.storage.database import Transaction

_THERE = ("added", "same")


async def add_all(tx: Transaction, offers: Sequence[Offer], packed: Sequence[bytes]) -> list[str]:
    """See services.catalog.ports.CatalogStore.add; `packed` are the archives of the offers.

    Who holds the keys is asked first, which lets one load in at a time; then skills are locked in one order.
    """
    held = await _held(tx, offers)
    free = [offer.new for offer in offers if _name(offer) not in held]
    skills = await _lock(tx, free)
    known = {
        (row["skill_id"], row["version"]): row["digest"]
        for row in await tx.rows("version_digests", list(skills.values()))
    }
    outcomes: list[str] = []
    added: list[tuple[UUID, Offer, bytes]] = []
    for offer, archive in zip(offers, packed, strict=True):
        new = offer.new
        if _name(offer) in held:
            outcomes.append(held[_name(offer)])
            continue
        skill_id = skills[new.workspace_id, new.skill_key]
        there = known.setdefault((skill_id, new.version), "")
        if there:
            outcomes.append("same" if there == new.digest else there)
            continue
        known[skill_id, new.version] = new.digest
        outcomes.append("added")
        added.append((skill_id, offer, archive))
    await _write(tx, added)
    await _order(tx, known, {skill_id for skill_id, _, _ in added})
    noted = [offer for offer, outcome in zip(offers, outcomes, strict=True) if outcome in _THERE]
    await tx.many("package_note_add", [_note(offer) for offer in noted])
    return outcomes


def _name(offer: Offer) -> tuple[UUID, str]:
    return offer.new.workspace_id, offer.new.skill_key


async def _held(tx: Transaction, offers: Sequence[Offer]) -> dict[tuple[UUID, str], str]:
    """The names that another owner has: the platform a workspace's, or the other way round."""
    names = list(dict.fromkeys(_name(offer) for offer in offers))
    rows = await tx.rows(
        "skill_key_holders", [home for home, _ in names], [key for _, key in names]
    )
    return {
        (row["workspace_id"], row["skill_key"]): f"held:{' '.join(row['holders'])}" for row in rows
    }


def _note(offer: Offer) -> tuple[str, str, list[str]]:
    said = orjson.dumps([item.to_dict() for item in offer.diagnostics]).decode()
    return offer.new.digest, said, list(offer.aliases)


async def _lock(tx: Transaction, news: Sequence[NewVersion]) -> dict[tuple[UUID, str], UUID]:
    unique = list({(new.workspace_id, new.skill_key): new for new in reversed(news)}.values())
    await tx.rows(
        "skills_add",
        [new.skill_id for new in unique],
        [new.workspace_id for new in unique],
        [new.skill_key for new in unique],
        [new.name for new in unique],
        [new.description for new in unique],
        [new.category for new in unique],
        [new.owner for new in unique],
        [new.created_at for new in unique],
    )
    rows = await tx.rows(
        "skills_lock", [new.workspace_id for new in unique], [new.skill_key for new in unique]
    )
    return {(row["workspace_id"], row["skill_key"]): row["skill_id"] for row in rows}


async def _order(
    tx: Transaction, known: Mapping[tuple[UUID, str], str], touched: set[UUID]
) -> None:
    """Let ordinals say precedence: 1.2.4 after 2.0.0 is newer in time and older as a version."""
    of_skill: dict[UUID, list[str]] = {}
    for skill_id, version in known:  # in the order of ordinals, so that equals keep theirs
        if skill_id in touched:
            of_skill.setdefault(skill_id, []).append(version)
    places = [
        (skill_id, version, place)
        for skill_id, versions in of_skill.items()
        if len(versions) > 1
        for place, version in enumerate(sorted(versions, key=parse_semver), start=1)
    ]
    if places:
        skills, versions, ordinals = zip(*places, strict=True)
        await tx.rows("version_order", list(skills), list(versions), list(ordinals))


async def _write(tx: Transaction, added: Sequence[tuple[UUID, Offer, bytes]]) -> None:
    if not added:
        return
    await tx.many("package_add", [(offer.new.digest, archive) for _, offer, archive in added])
    await tx.many(
        "version_add",
        [
            (
                skill_id,
                offer.new.version,
                offer.new.digest,
                orjson.dumps(dict(offer.new.contract)).decode(),
                offer.new.created_by,
                offer.new.created_at,
            )
            for skill_id, offer, _ in added
        ],
    )
    for workspace_id in sorted({offer.new.workspace_id for _, offer, _ in added}):
        await tx.bump(workspace_id)
    await tx.append_all([offer.entry for _, offer, _ in added])
