"""Takes the secrets that a run has opened out of everything that it leaves behind."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

_MARK = "[redacted]"
_SHORTEST = 4
"""A shorter value would take innocent text with it; the vault takes none that short."""
_SHORTEST_INNER = 8
"""The same for the middle of a base64 text."""


class Scrubber:
    """Knows the exact values, also in the forms in which they travel: base64 (of a longer text too, as in
    `Authorization: Basic`), hex, percent-encoding, and as JSON, Python and JSON pointers write them.
    """

    def __init__(self) -> None:
        self._values: list[str] = []

    def learn(self, secret: object) -> None:
        """Remember every text inside."""
        if isinstance(secret, Mapping):
            for value in secret.values():
                self.learn(value)
        elif isinstance(secret, list | tuple):
            for value in secret:
                self.learn(value)
        elif isinstance(secret, str) and len(secret) >= _SHORTEST:
            # The longest first, so that no part of a form stays.
            self._values = sorted({*self._values, *_forms(secret)}, key=len, reverse=True)

    def text(self, text: str, *, cut: bool = False) -> str:
        """The text without them; where the end was `cut` off, also without the beginning of one there."""
        for value in self._values:
            text = text.replace(value, _MARK)
        return (
            text[: max(0, len(text) - len(self._values[0]) + 1)] if cut and self._values else text
        )

    def name(self, text: str) -> str:
        """The same for a text that may have lost its case, as the name of a host has."""
        for value in self._values:
            text = re.sub(re.escape(value), _MARK, text, flags=re.IGNORECASE)
        return text

    def data(self, data: bytes, *, cut: bool = False) -> bytes:
        """The bytes without them; where the end was `cut` off, also without the beginning of one there."""
        longest = 0
        for value in self._values:
            raw = value.encode("utf-8", "surrogatepass")
            longest = max(longest, len(raw))
            data = data.replace(raw, _MARK.encode())
        return data[: max(0, len(data) - longest + 1)] if cut and longest else data

    def value(self, value: Any) -> Any:
        """The JSON value without them, names of fields included; anything else as it is."""
        if not self._values:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {
                self.text(key) if isinstance(key, str) else key: self.value(item)
                for key, item in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        return value


def _forms(secret: str) -> Iterator[str]:
    raw = secret.encode("utf-8", "surrogatepass")
    yield secret
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(raw).decode().rstrip("=")
        yield from _inside(raw, encode)
    yield raw.hex()
    yield raw.hex().upper()
    for safe in ("", "/"):
        for write in (quote, quote_plus):
            yield write(raw, safe=safe)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    yield repr(raw)[2:-1]
    yield secret.replace("~", "~0").replace("/", "~1")


def _inside(raw: bytes, encode: Any) -> Iterator[str]:
    """What is the same in the base64 of every text that holds it, wherever in there it begins."""
    for before in range(3):
        first = -(-before * 8 // 6)  # the letters that the bytes before have a part in
        end = (before + len(raw)) * 8 // 6  # the next letter has a part of what comes after
        inner = encode(bytes(before) + raw).decode()[first:end]
        if len(inner) >= _SHORTEST_INNER:
            yield inner
