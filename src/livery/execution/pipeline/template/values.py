"""The values of a template, each of which pays before it grows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from jinja2 import Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from livery.execution.pipeline.budget import Budget, TooMuch, cells, size_of
from livery.execution.pipeline.template.sizes import (
    MAX_TEXT,
    check_bits,
    number,
    percents,
    repeated,
)


class Values(ImmutableSandboxedEnvironment):
    """An environment whose values pay: for what is made, by what it is made of."""

    budget: Budget

    def concat(self, parts: Iterable[str]) -> str:
        """The text of a macro or a block."""
        kept = list(parts)
        self.budget.take(sum(map(size_of, kept)))
        return "".join(kept)

    def joined(self, parts: Iterable[Any]) -> str:
        """`a ~ b`."""
        return self.concat(map(self._string, parts))

    def sliced(self, value: Any, start: Any, stop: Any, step: Any) -> Any:
        """`a[1:3]`, which is a copy."""
        part = slice(start, stop, step)
        if isinstance(value, str | list | tuple):
            # Of a text, no more than the whole.
            self.budget.room(self._shallow(value))
        return self._made(value[part])

    def looked(self, value: Any) -> Any:
        """A value that will be compared or hashed, which takes as long as it is large."""
        if isinstance(value, str | list | tuple | dict):
            self.budget.look(value)
        return value

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Arithmetic, which grows."""
        take = self.budget.take
        match operator, left, right:
            case "%", str(), _:
                return self._format_with(left, right)
            case "*", (str() | list() | tuple()) as many, int() as times:
                take(repeated(many, times))
            case "*", int() as times, (str() | list() | tuple()) as many:
                take(repeated(many, times))
            case "*", int(), int():
                check_bits(left.bit_length() + right.bit_length())
            case "**", int(), int():
                check_bits(left.bit_length() * max(right, -right))
            case "+", str(), str():
                take(size_of(left) + size_of(right))
            case "+", (list() | tuple()), (list() | tuple()):
                take(cells(len(left) + len(right)))
            case _, (int() | float()), (int() | float()):
                pass
            case _ if isinstance(left, Undefined) or isinstance(right, Undefined):
                pass  # says itself what it is
            case _:
                raise TypeError(
                    f"{type(left).__name__} {operator} {type(right).__name__} is not calculated"
                )
        return super().call_binop(context, operator, left, right)

    def _printed(self, value: Any) -> Any:
        return value if isinstance(value, str | Undefined) else self._string(value)

    def _string(self, value: Any) -> str:
        if isinstance(value, str | Undefined):
            return str(value)
        size = self.budget.weight(value)
        if size > 2 * MAX_TEXT:
            raise TooMuch(f"The text has more than {MAX_TEXT} characters.")
        self.budget.room(64 + 12 * size)
        return str(self._made(str(value)))

    def _shallow(self, value: Any) -> int:
        match value:
            case str():
                return size_of(value)
            case list() | tuple() | range():
                return cells(len(value))
            case dict():
                return 2 * cells(len(value)) + 64 * len(value)
        return 0

    def _made(self, value: Any) -> Any:
        """Pay for what was made, whose parts may have been made with it."""
        self.budget.take(self._shallow(value))
        if isinstance(value, list | tuple):
            for item in value:
                self.budget.take(self._shallow(item))
        return value

    def _listed(self, value: Any) -> list[Any]:
        """A list of what a value has, each paid for as it comes."""
        if isinstance(value, list):
            return value
        if not isinstance(value, str | tuple | dict | range | Iterator | Undefined):
            raise TypeError(f"a {type(value).__name__} has no items")
        made = []
        for item in value:
            self.budget.spend(1)
            self.budget.take(8 + (self._shallow(item) if isinstance(value, str | Iterator) else 0))
            made.append(item)
        return made

    def _format_with(self, text: str, given: Any) -> str:
        """`text % given`."""
        items = given if isinstance(given, tuple) else (given,)
        each = sum(map(self.budget.weight, items))
        starred = sum(map(number, items))
        need = len(text)
        for width, stars, conversion in percents(text):
            part = each * (12 if conversion in "ra" else 1)
            need += width + stars * starred + part + 350  # 1e308 as %f
        self.budget.room(64 + 4 * need)
        return str(self._made(text % given))
