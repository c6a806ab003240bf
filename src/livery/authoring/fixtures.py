"""Does an output equal what a fixture expects? Numbers may differ by a tolerance."""

from dataclasses import dataclass
from typing import Any

from livery.manifest.canonical import join_pointer


@dataclass(frozen=True, slots=True)
class Comparison:
    """Outcome: equal or not, the first difference in words, the largest difference of numbers."""

    ok: bool
    detail: str
    largest_difference: float


def compare(expected: Any, actual: Any, tolerance: float | None = None) -> Comparison:
    """Compare two JSON values; 5 and 5.0 are one number, True is none.

    Args:
        expected: what the fixture says.
        actual: what the skill returned.
        tolerance: largest absolute difference between two numbers that still counts as equal.
    """
    comparer = _Comparer(tolerance or 0)
    comparer.walk(expected, actual, ())
    return Comparison(not comparer.detail, comparer.detail, comparer.largest)


class _Comparer:
    def __init__(self, tolerance: float) -> None:
        self.tolerance = tolerance
        self.largest = 0.0
        self.detail = ""

    def walk(self, expected: Any, actual: Any, path: tuple[str | int, ...]) -> None:
        if _number(expected) and _number(actual):
            self._numbers(expected, actual, path)
        elif isinstance(expected, dict) and isinstance(actual, dict):
            self._members(expected, actual, path)
        elif isinstance(expected, list) and isinstance(actual, list):
            if len(expected) != len(actual):
                self._differs(path, f"expected {len(expected)} items, got {len(actual)}")
            for index, (one, other) in enumerate(zip(expected, actual, strict=False)):
                self.walk(one, other, (*path, index))
        elif type(expected) is not type(actual) or expected != actual:
            self._differs(path, f"expected {_shown(expected)}, got {_shown(actual)}")

    def _numbers(self, expected: float, actual: float, path: tuple[str | int, ...]) -> None:
        difference = abs(expected - actual)
        self.largest = max(self.largest, difference)
        if not difference <= self.tolerance:
            allowed = f" (tolerance {self.tolerance})" if self.tolerance else ""
            self._differs(path, f"expected {expected}, got {actual}{allowed}")

    def _members(
        self, expected: dict[str, Any], actual: dict[str, Any], path: tuple[str | int, ...]
    ) -> None:
        for key in sorted(expected.keys() | actual.keys()):
            if key not in actual:
                self._differs((*path, key), "is missing")
            elif key not in expected:
                self._differs((*path, key), "is not expected")
            else:
                self.walk(expected[key], actual[key], (*path, key))

    def _differs(self, path: tuple[str | int, ...], what: str) -> None:
        self.detail = self.detail or f"{join_pointer(*path) or '/'}: {what}"


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:79] + "…"
