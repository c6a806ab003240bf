"""What one run of a pipeline may make: bytes and steps, paid for before they are taken.

A pipeline runs in the processes that everybody shares. Nothing in it may make a value first and be measured afterwards:
whatever could grow (a repetition, a join, a text of a list) says how large it will be, and is refused where that is
more than is left. What was paid is not given back, so that the sum of all that a run makes is bounded too.
"""

from __future__ import annotations

from typing import Any, Final

from livery.authoring.errors import SkillFailed

MAX_BYTES: Final = 96 * 1024 * 1024
"""All that the steps of one run make, together."""
MAX_STEPS: Final = 4_000_000
"""Parts of expressions and templates evaluated in one run."""
MAX_WEIGHT: Final = 32 * 1024 * 1024
"""The largest value of a step, as text."""
_ENTRY: Final = 64
_KNOWN: Final = 192
_SLOT: Final = 4
_PAIR: Final = 8

Container = list[Any] | tuple[Any, ...] | dict[Any, Any]


class TooMuch(SkillFailed):
    """A step would make more than a run may hold."""


class Budget:
    """Of one run, or of one operator alone. Kept by one thread."""

    def __init__(self, size: int = MAX_BYTES, steps: int = MAX_STEPS) -> None:
        self._left, self._steps = size, steps
        # A container is measured once: what is in it twice counts twice and is walked once. It is kept, so that its
        # id stays its own; nothing in a pipeline changes one.
        self._known: dict[int, tuple[Container, int]] = {}

    def take(self, size: int) -> None:
        """Pay for so many bytes; raises TooMuch."""
        if size > self._left:
            self._left = 0  # what swallows the refusal gets nothing more either
            raise TooMuch(f"This would make more than the {MAX_BYTES >> 20} MiB that a run may.")
        self._left -= max(size, 0)

    def room(self, size: int) -> None:
        """Refuse what would need more than is left while it is made; what it comes to is paid for by take."""
        if size > self._left:
            self.take(size)

    def spend(self, steps: int) -> bool:
        """Pay for so many steps; raises TooMuch. True, so that it can stand in a condition."""
        if steps > self._steps:
            self._steps = 0
            raise TooMuch(f"This takes more than the {MAX_STEPS} steps that a run may.")
        self._steps -= max(steps, 0)
        return True

    def look(self, value: Any) -> None:
        """Pay for going through a value: for comparing, hashing or sorting it."""
        self.spend(self.weight(value) // 4096)

    def weight(self, value: Any) -> int:
        """About how long a value is as text, at least; what is shared counts wherever it stands."""
        match value:
            case str():
                return len(value) + 2
            case bool() | None:
                return 5
            case int():
                return value.bit_length() // 3 + 2
            case list() | tuple() | dict():
                return self._container(value)
            case float():
                return 24
            case range():
                return 40
            case _:
                # Its text is its own affair, and may hold anything: a namespace, a macro, a method.
                raise SkillFailed(f"A {type(value).__name__} is no value.")

    def check(self, value: Any) -> None:
        """Refuse a value of a step that is larger than one may be; raises TooMuch."""
        if self.weight(value) > MAX_WEIGHT:
            raise TooMuch(f"Its value has more than {MAX_WEIGHT >> 20} MiB.")

    def _container(self, value: Container) -> int:
        known = self._known.get(id(value))
        if known is not None:
            return known[1]
        self.spend(1 + len(value) // 8)
        self.take(_KNOWN)
        total = 2
        if isinstance(value, dict):
            for key, item in value.items():
                total += _PAIR + self.weight(key) + self.weight(item)
        else:
            for item in value:
                total += _SLOT + self.weight(item)
        self._known[id(value)] = (value, total)
        return total


def size_of(text: str) -> int:
    """Bytes of a text in memory, at most."""
    return 64 + len(text) * (1 if text.isascii() else 4)


def cells(count: int) -> int:
    """Bytes of a list of so many things that are there already."""
    return _ENTRY + 8 * count
