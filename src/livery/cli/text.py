"""Text from elsewhere, made safe for a terminal, and numbers made readable."""

import re
from datetime import UTC, datetime

from rich.style import StyleType
from rich.text import Text

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 without tab and newline, DEL, C1: they steer a terminal
    "\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"  # bidi and invisible: they lie to readers
    "\ud800-\udfff]"  # lone surrogates: they cannot be printed
)


def clean(value: object) -> str:
    """`value` as text in which every character that could steer a terminal is spelled out.

    `\\x1b[31m` becomes the seven letters `\\x1b[31m`; tabs and newlines stay.
    """
    return _UNSAFE.sub(lambda found: _spelled(ord(found[0])), str(value))


def one_line(value: object, limit: int = 400) -> str:
    """`clean`, on one line, cut at `limit` characters."""
    line = " ".join(clean(value).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def text(value: object, style: StyleType = "") -> Text:
    """Text from elsewhere for Rich: markup and control characters in it mean nothing."""
    return Text(clean(value), style=style)


def line(value: object, style: StyleType = "", limit: int = 400) -> Text:
    """`text` on one line."""
    return Text(one_line(value, limit), style=style)


def number(value: object) -> str:
    """A number with thousands separators, at most one decimal; `–` where there is none."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.1f}".removesuffix(".0")
    return f"{value:,}" if isinstance(value, int) else one_line(value)


def count(value: int, one: str, many: str = "") -> str:
    """A count of things: `1 session`, `41 sessions`."""
    return f"{number(value)} {one if value == 1 else many or one + 's'}"


def money(value: object) -> str:
    """US dollars; `–` where there is none. Small amounts keep what makes them differ from zero."""
    if not isinstance(value, int | float):
        return "–" if value is None else one_line(value)
    return f"${value:,.2f}" if value == 0 or abs(value) >= 0.01 else f"${value:.6f}"


def short(identifier: object, length: int = 19) -> str:
    """The head of a digest or id: `sha256:1a2b3c4d5e6f`."""
    return one_line(identifier)[:length]


def moment(value: object) -> str:
    """An RFC 3339 time as `2026-11-21 08:15` UTC; anything else as it is."""
    if not value:
        return "–"
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return one_line(value, 32)
    at = at.astimezone(UTC) if at.tzinfo else at
    return at.strftime("%Y-%m-%d %H:%M")


def _spelled(point: int) -> str:
    return f"\\x{point:02x}" if point < 0x100 else f"\\u{point:04x}"
