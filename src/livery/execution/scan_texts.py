"""Texts that can be read from the syntax, also where they were taken apart: "sys" + "tem"."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

_LIMIT: Final = 4096
_PLAIN: Final[Mapping[str, Callable[[str], str]]] = {
    "lower": str.lower,
    "upper": str.upper,
    "strip": str.strip,
    "swapcase": str.swapcase,
    "casefold": str.casefold,
}


class Texts:
    """Texts of one module. A name has one where it is bound once, to a text."""

    def __init__(self, pairs: Sequence[tuple[str, ast.expr]], rebound: set[str]) -> None:
        self._known: dict[str, str | None] = {}
        for name, value in pairs:
            again = name in self._known or name in rebound
            self._known[name] = None if again else self.read(value)

    def argument(self, node: ast.Call, index: int, name: str) -> str | None:
        """The text of an argument, by its position or its name."""
        given: ast.expr | None = node.args[index] if len(node.args) > index else None
        for keyword in node.keywords:
            if keyword.arg == name:
                given = keyword.value
        return None if given is None else self.read(given)

    def read(self, node: ast.expr) -> str | None:
        """The text that an expression gives, None where that cannot be read."""
        if isinstance(node, ast.Constant):
            if isinstance(node.value, bytes):
                return node.value.decode("latin-1")
            return node.value if isinstance(node.value, str) else None
        if isinstance(node, ast.Name):
            return self._known.get(node.id)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self._joined("", [node.left, node.right])
        if isinstance(node, ast.JoinedStr):
            return self._joined("", node.values)
        if isinstance(node, ast.FormattedValue) and node.format_spec is None:
            return self.read(node.value)
        if isinstance(node, ast.Subscript):
            return self._sliced(node)
        return self._called(node) if isinstance(node, ast.Call) else None

    def _joined(self, glue: str, parts: Iterable[ast.expr]) -> str | None:
        texts = [self.read(part) for part in parts]
        known = [text for text in texts if text is not None]
        return glue.join(known)[:_LIMIT] if len(known) == len(texts) else None

    def _called(self, node: ast.Call) -> str | None:
        if isinstance(node.func, ast.Name) and node.func.id == "chr":
            return _char(node)
        if not isinstance(node.func, ast.Attribute) or node.keywords:
            return None
        owner, name = self.read(node.func.value), node.func.attr
        if owner is None:
            return None
        if name == "decode":
            return owner
        if name in _PLAIN and not node.args:
            return _PLAIN[name](owner)
        if (
            name == "join"
            and len(node.args) == 1
            and isinstance(node.args[0], ast.List | ast.Tuple)
        ):
            return self._joined(owner, node.args[0].elts)
        if name == "replace" and len(node.args) == 2:
            old, new = self.read(node.args[0]), self.read(node.args[1])
            return owner.replace(old, new)[:_LIMIT] if old and new is not None else None
        return None

    def _sliced(self, node: ast.Subscript) -> str | None:
        owner = self.read(node.value)
        if owner is None or not isinstance(node.slice, ast.Slice):
            return None
        try:
            lower, upper, step = (
                None if part is None else ast.literal_eval(part)
                for part in (node.slice.lower, node.slice.upper, node.slice.step)
            )
            return owner[lower:upper:step]
        except (ValueError, TypeError):
            return None


def _char(node: ast.Call) -> str | None:
    given = node.args[0] if len(node.args) == 1 else None
    value = given.value if isinstance(given, ast.Constant) else None
    return chr(value) if isinstance(value, int) and 0 <= value < 0x110000 else None
