"""JSON as two readers cannot understand it differently: no member twice, no NaN, UTF-8 only.

`json` keeps the last of two members of one name, other readers the first: whoever shows a document to a person may
then show something else than what was verified.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn


class Ambiguous(ValueError):
    """JSON that can be read in two ways."""


def read_json(data: bytes | str) -> Any:
    """The value of a JSON text. Raises `Ambiguous`, other ValueErrors for what is no JSON, and RecursionError."""
    text = data.decode("utf-8") if isinstance(data, bytes) else data
    return json.loads(text, object_pairs_hook=_no_doubles, parse_constant=_no_constant)


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise Ambiguous(f"a member appears twice: {name[:100]!r}")
        members[name] = value
    return members


def _no_constant(name: str) -> NoReturn:
    raise Ambiguous(f"{name} is no number of JSON")
