"""The chain that the checkpoints are: each carries its number and the hash of the one before it.

Checkpoints that were signed before they had numbers count by their position. A number that is missing stays missing:
the platform counts on from the highest that it or this machine's copy knows, so what was removed shows for good.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from livery.manifest.errors import StatementInvalid
from livery.manifest.statement import verify_dsse
from livery.services.audit.types import ChainState, Mark

NAME = "checkpoints"


@dataclass(frozen=True, slots=True)
class Verified:
    """A checkpoint that a key of the platform signed; `follows` is None for one without a number."""

    mark: Mark
    follows: str | None
    numbered: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """What this machine's copy says: a mark, nothing, or that it cannot be read."""

    mark: Mark | None
    fault: str = ""


def look(read: Callable[[], Mark | None]) -> Kept:
    """This machine's copy."""
    try:
        return Kept(read())
    except ValueError as error:
        return Kept(None, f"this machine's copy of the newest cannot be read: {error}")


def digest(statement: Mapping[str, Any]) -> str:
    """The hash by which a checkpoint is spoken of: sha256 of its payload, in hex."""
    return sha256(base64.b64decode(statement["payload"])).hexdigest()


def verified(statement: Mapping[str, Any], predicate: Mapping[str, Any], at: int) -> Verified:
    """A checkpoint whose signature was verified, at this position."""
    number = predicate.get("number")
    mark = Mark(at if number is None else int(number), digest(statement))
    return Verified(mark, predicate.get("previous"), number is not None)


def last(statement: Mapping[str, Any] | None, count: int, keys: dict[str, bytes]) -> Mark | None:
    """The checkpoint that the next one follows on; one that does not verify is only counted."""
    if statement is None:
        return None
    try:
        predicate = verify_dsse(statement, keys).payload["predicate"]
    except StatementInvalid:
        return Mark(count, sha256(str(statement.get("payload")).encode()).hexdigest())
    return verified(statement, predicate, count).mark


def newer(one: Mark | None, other: Mark | None) -> Mark | None:
    """The one with the higher number; the first where they are one."""
    marks = [mark for mark in (one, other) if mark is not None]
    return max(marks, key=lambda mark: mark.number, default=None)


def walk(found: Sequence[Verified], kept: Kept) -> list[ChainState]:
    """The state of their chain; none where there never was a checkpoint."""
    if not found and kept == Kept(None):
        return []
    ordered = sorted(found, key=lambda item: item.mark.number)
    faults = [kept.fault] if kept.fault else []
    before: Mark | None = None
    for item in ordered:
        faults += _step(before, item)
        before = item.mark
    faults += _against(kept.mark, before, {item.mark.number: item.mark for item in ordered})
    return [_state(len(found), before, faults, kept)]


def counted(
    count: int, statement: Mapping[str, Any] | None, keys: dict[str, bytes], kept: Kept
) -> ChainState:
    """The same by the newest one and the count alone: quick, and blind for one that was put in another's place."""
    newest = last(statement, count, keys)
    faults = [kept.fault] if kept.fault else []
    if newest is not None and newest.number != count:
        faults.append(f"the newest is number {newest.number}, and {count} are there")
    known = {newest.number: newest} if newest else {}
    faults += _against(kept.mark, newest, known)
    return _state(count, newest, faults, kept)


def _step(before: Mark | None, item: Verified) -> list[str]:
    number, expected = item.mark.number, before.number + 1 if before else 1
    if number < expected:
        return [f"there are two of number {number}"]
    if number > expected:
        return [_missing(expected, number - 1)]
    if item.numbered and item.follows != (before.sha256 if before else None):
        return [f"number {number} does not follow on number {number - 1}"]
    return []


def _against(kept: Mark | None, newest: Mark | None, known: Mapping[int, Mark]) -> list[str]:
    if kept is None:
        return []
    highest = newest.number if newest else 0
    if kept.number > highest:
        return [
            f"{_missing(highest + 1, kept.number)} (this machine has seen number {kept.number})"
        ]
    there = known.get(kept.number)
    if there is not None and there != kept:
        return [f"number {kept.number} is another one than this machine has seen"]
    return []


def _missing(first: int, final: int) -> str:
    return f"{first} to {final} were removed" if final > first else f"{first} was removed"


def _state(count: int, newest: Mark | None, faults: list[str], kept: Kept) -> ChainState:
    detail = "; ".join(faults)
    if not faults:
        detail = f"whole, up to number {newest.number}" if newest else "none yet"
        detail += "" if kept.mark else "; this machine keeps no copy of its number yet"
    return ChainState(NAME, count, newest.sha256 if newest else "", ok=not faults, detail=detail)
