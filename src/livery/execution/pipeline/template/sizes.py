"""How large a thing becomes, before it is made."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from livery.execution.pipeline.budget import TooMuch, cells

MAX_TEXT: Final = 1024 * 1024
MAX_RANGE: Final = 100_000
MAX_BITS: Final = 4096

_PERCENT: Final = re.compile(r"[#0\- +]*([0-9]+|\*)?(?:\.([0-9]+|\*)?)?[hlL]?(.?)", re.DOTALL)


def percents(text: str) -> Iterator[tuple[int, int, str]]:
    """Of each field of a %-format: what its width and precision say, how many of them are arguments, its conversion."""
    at = text.find("%")
    while at >= 0:
        at += 1
        if text[at : at + 1] == "(":
            depth = 0
            while at < len(text):
                depth += {"(": 1, ")": -1}.get(text[at], 0)
                at += 1
                if depth == 0:
                    break
        found = _PERCENT.match(text, at)
        if found is None:
            return
        sizes = [item for item in found.groups()[:2] if item]
        yield sum(digits(item) for item in sizes if item != "*"), sizes.count("*"), found[3]
        at = text.find("%", max(found.end(), at))


def digits(text: str) -> int:
    """The number that digits write; of many digits only that it is huge."""
    return int(text) if len(text) < 12 else 10**12


def number(value: Any) -> int:
    """How large a number is that something is made as large as; what is none is refused by what takes it."""
    return abs(value) if isinstance(value, int) else 0


def check_bits(count: int) -> None:
    """Raise TooMuch where a number would have too many bits."""
    if count > MAX_BITS:
        raise TooMuch(f"A number has at most {MAX_BITS} bits.")


def checked_text(value: Any) -> str:
    """A text; raises TypeError for what is none."""
    if isinstance(value, str):
        return value
    raise TypeError("only texts are joined by a text")


def repeated(many: Any, times: int) -> int:
    """What `many * times` takes, in bytes; raises TooMuch for a text beyond MAX_TEXT."""
    count = len(many) * max(times, 0)
    if isinstance(many, str):
        if count > MAX_TEXT:
            raise TooMuch(f"The text has more than {MAX_TEXT} characters.")
        return 64 + 4 * count
    return cells(count)
