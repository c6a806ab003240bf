"""Outputs held against what was expected, within a tolerance, field by field."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, zip_longest
from typing import Any

from livery.manifest.canonical import escape_pointer
from livery.manifest.contract import Fixture
from livery.manifest.denylist import redact

_SHOWN = 80
_NOTHING: Any = object()
MAX_DIFFERENCES = 20
"""Of one output; more of them say nothing new."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that is not as expected: its JSON pointer, and both values as short JSON."""

    pointer: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"{self.pointer or 'the output'}: expected {self.expected}, got {self.got}"


def difference(fixture: Fixture, output: Any) -> float | None:
    """The largest numeric distance between expected and actual output, None where they differ beyond tolerance."""
    gaps: list[float] = []
    for item in _walk(fixture.output, output, fixture.tolerance or 0.0, ""):
        if isinstance(item, Difference):
            return None
        gaps.append(item)
    return max(gaps, default=0.0)


def differences(fixture: Fixture, output: Any) -> tuple[Difference, ...]:
    """The fields that differ beyond the tolerance, at most MAX_DIFFERENCES."""
    found = _walk(fixture.output, output, fixture.tolerance or 0.0, "")
    return tuple(islice((item for item in found if isinstance(item, Difference)), MAX_DIFFERENCES))


def _walk(
    expected: Any, actual: Any, tolerance: float, pointer: str
) -> Iterator[float | Difference]:
    if isinstance(expected, bool) or isinstance(actual, bool):
        yield 0.0 if expected is actual else _differ(expected, actual, pointer)
    elif isinstance(expected, int | float) and isinstance(actual, int | float):
        gap = abs(expected - actual)
        near = gap <= tolerance and not math.isnan(gap)
        yield float(gap) if near else _differ(expected, actual, pointer)
    elif isinstance(expected, dict) and isinstance(actual, dict):
        for key in sorted(expected.keys() | actual.keys(), key=str):
            pair = expected.get(key, _NOTHING), actual.get(key, _NOTHING)
            yield from _member(*pair, tolerance, f"{pointer}/{escape_pointer(str(key))}")
    elif isinstance(expected, list) and isinstance(actual, list):
        pairs = zip_longest(expected, actual, fillvalue=_NOTHING)
        for index, (one, other) in enumerate(pairs):
            yield from _member(one, other, tolerance, f"{pointer}/{index}")
    elif type(expected) is type(actual) and expected == actual:
        yield 0.0
    else:
        yield _differ(expected, actual, pointer)


def _member(
    expected: Any, actual: Any, tolerance: float, pointer: str
) -> Iterator[float | Difference]:
    if expected is _NOTHING or actual is _NOTHING:
        yield _differ(expected, actual, pointer)
    else:
        yield from _walk(expected, actual, tolerance, pointer)


def _differ(expected: Any, actual: Any, pointer: str) -> Difference:
    return Difference(pointer, shown(expected), shown(actual))


def shown(value: Any) -> str:
    """A value as short JSON, without secrets."""
    if value is _NOTHING:
        return "nothing"
    try:
        text = json.dumps(redact(value), ensure_ascii=False, default=str)
    except (ValueError, RecursionError):
        text = type(value).__name__
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
