"""JSON bodies that are not quite: members that are named twice, NaN, lone surrogates, each with its pointer.

orjson reads every body first. It takes the last of two members with one name, so that two readers of one request could
disagree about what was asked; whether there are any is counted, which costs a microsecond where there are none.
"""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from livery.manifest.canonical import NotIJson, check_ijson, join_pointer
from livery.manifest.errors import LiveryError, Violation

_NAMES = re.compile(rb'"[ \t\r\n]*:')


class _Doubled(dict[str, Any]):
    """An object that names `twice` a member."""

    twice: str


def may_repeat(raw: bytes, found: Any) -> bool:
    """Whether `raw`, which orjson read as `found`, may name a member twice; never false where it does."""
    written = orjson.dumps(found)
    # At least so many members are in `found`: each ends with a quote and a colon. Those within a text are escaped.
    members = written.count(b'":') - written.count(b'\\":')
    # At most so many are in `raw`; the first count is the cheapest, the last one the dearest.
    if raw.count(b":") <= members:
        return False
    spaced = b" :" in raw or b"\n:" in raw or b"\t:" in raw or b"\r:" in raw
    return (len(_NAMES.findall(raw)) if spaced else raw.count(b'":')) > members


def refuse_repeated(raw: bytes, judged: str | None) -> None:
    """Refuse a body that names a member twice, with its pointer."""
    pointer = _repeated(_parse(raw))
    if pointer is not None:
        raise _refusal(pointer, "this member is named twice in one object", judged)


def read(raw: bytes, judged: str | None) -> Any:
    """What orjson does not read as JSON, where it is JSON but for NaN and lone surrogates.

    Those inside of the member `judged` are left to whoever judges it.

    Raises:
        LiveryError: one is elsewhere; with its pointer.
        ValueError: it is no JSON.
    """
    try:
        found = _parse(raw)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    pointer = _repeated(found)
    if pointer is not None:
        raise _refusal(pointer, "this member is named twice in one object", judged)
    rest = {k: v for k, v in found.items() if k != judged} if isinstance(found, dict) else found
    try:
        check_ijson(rest)
    except NotIJson as fault:
        raise _refusal(fault.pointer, fault.reason, judged) from None
    return found


def _parse(raw: bytes) -> Any:
    # A lone surrogate is no UTF-8 either; it is read, so that it can be pointed at.
    return json.loads(raw.decode("utf-8", "surrogatepass"), object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    doubled = _Doubled(found)
    seen: set[str] = set()
    doubled.twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
    return doubled


def _repeated(document: Any) -> str | None:
    """The pointer of the first member that is named twice; the outermost counts first."""
    stack: list[tuple[Any, tuple[str | int, ...]]] = [(document, ())]
    while stack:
        item, path = stack.pop()
        if isinstance(item, _Doubled):
            return join_pointer(*path, item.twice)
        if isinstance(item, dict):
            stack.extend((member, (*path, name)) for name, member in reversed(item.items()))
        elif isinstance(item, list):
            stack.extend((item[at], (*path, at)) for at in reversed(range(len(item))))
    return None


def _refusal(pointer: str, reason: str, judged: str | None) -> LiveryError:
    if judged is not None and pointer.startswith(f"/{judged}/"):
        place = Violation(pointer.removeprefix(f"/{judged}"), reason)
        return LiveryError("tool_input_invalid", violations=(place,))
    return LiveryError(
        "validation_error", "The request does not fit.", violations=(Violation(pointer, reason),)
    )
