"""Filters, tests and functions of a template: Jinja's own where they cannot grow, ours where they can."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import update_wrapper
from typing import Any

from jinja2.filters import FILTERS, make_attrgetter, sync_do_slice
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import escape

from livery.execution.pipeline.budget import TooMuch, cells, size_of
from livery.execution.pipeline.template.names import SCALARS
from livery.execution.pipeline.template.sizes import MAX_RANGE, check_bits, checked_text, number
from livery.execution.pipeline.template.values import Values


class Filters(Values):
    """Filters, tests and functions within the budget."""

    def _own_filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "batch": self._batch,
            "center": self._center,
            "e": self._escape,
            "escape": self._escape,
            "forceescape": self._escape,
            "format": self._format,
            "indent": self._indent,
            "int": self._int,
            "join": self._join,
            "list": self._list,
            "replace": self._replace,
            "round": self._round,
            "safe": self._string,
            "slice": self._slice,
            "string": self._string,
            "sum": self._sum,
            "tojson": self._tojson,
            "wordwrap": self._wordwrap,
        }

    def _paid(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A filter of Jinja that pays by what it is given, and whose result is there when it returns."""
        first = int(hasattr(function, "jinja_pass_arg"))

        def paid(*args: Any, **kwargs: Any) -> Any:
            need = 0
            for item in (*args[first:], *kwargs.values()):
                need += self._shallow(item) * 4
                self.looked(item)
            if args[first:] and isinstance(args[first], str):
                need += 32 * len(args[first])  # most of them take a text apart
            elif args[first:] and not isinstance(args[first], SCALARS):
                self.budget.spend(need // 32)
            self.budget.room(need)
            made = function(*args, **kwargs)
            if isinstance(made, Iterator):
                return self._listed(made)
            return self._made(str(made) if isinstance(made, str) else made)

        return update_wrapper(paid, function)

    def _compared(self, function: Any) -> Callable[..., Any]:
        def compared(left: Any, right: Any) -> Any:
            return function(self.looked(left), self.looked(right))

        return compared

    def _range(self, *args: int) -> range:
        made = range(*args)
        if len(made) > MAX_RANGE:
            raise TooMuch(f"A range has at most {MAX_RANGE} numbers.")
        return made

    def _dict(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        for item in args:
            self.looked(item)
            self.budget.take(self._shallow(item))
        self.budget.take(128 * (1 + len(kwargs)))
        return dict(*args, **kwargs)

    def _format(self, value: Any, *args: Any, **kwargs: Any) -> str:
        if args and kwargs:
            raise TypeError("positional or keyword arguments, not both")
        return self._format_with(self._string(value), kwargs or args)

    def _center(self, value: Any, width: int = 80) -> str:
        return str(self._text_method(self._string(value), "center", (width,), {}))

    def _text_method(self, text: str, name: str, args: Any, kwargs: Any) -> Any:
        room = self.budget.room
        match name:
            case "replace":
                return self._replace(text, *args, **kwargs)
            case "join":
                [items] = args
                return self._joined([checked_text(item) for item in self._listed(items)], text)
            case "center" | "ljust" | "rjust" | "zfill":
                room(size_of(text) + 4 * sum(map(number, args)))
            case "split" | "rsplit" | "splitlines":
                room(96 * len(text))
            case _:
                room(4 * size_of(text))
        return self._made(getattr(text, name)(*args, **kwargs))

    def _escape(self, value: Any) -> str:
        text = self._string(value)
        self.budget.room(6 * size_of(text))
        return str(self._made(str(escape(text))))

    def _indent(
        self, value: Any, width: int | str = 4, first: bool = False, blank: bool = False
    ) -> str:
        text = self._string(value)
        wide = len(width) if isinstance(width, str) else number(width)
        self.budget.room(96 * len(text))
        self.budget.room(96 * len(text) + 4 * (2 + len(text.splitlines())) * wide)
        return str(self._made(FILTERS["indent"](text, width, first, blank)))

    def _int(self, value: Any, default: Any = 0, base: int = 10) -> Any:
        if isinstance(value, str):
            check_bits(4 * len(value))
        return FILTERS["int"](value, default, base)

    def _join(self, value: Any, d: Any = "", attribute: Any = None) -> str:
        items = self._listed(value)
        if attribute is not None:
            items = list(map(make_attrgetter(self, attribute), items))
        return self._joined([self._string(item) for item in items], self._string(d))

    def _joined(self, items: list[str], glue: str) -> str:
        self.budget.spend(len(items))
        self.budget.take(4 * (sum(map(len, items)) + len(items) * len(glue)) + 64)
        return glue.join(items)

    def _list(self, value: Any) -> list[Any]:
        listed = self._listed(value)
        if listed is value:
            self.budget.take(cells(len(listed)))
        return list(listed)

    def _batch(self, value: Any, linecount: int, fill_with: Any = None) -> list[Any]:
        items = self._listed(value)
        self.budget.room(cells(len(items)) + 8 * number(linecount))
        return self._listed(FILTERS["batch"](items, linecount, fill_with))

    def _slice(self, value: Any, slices: int, fill_with: Any = None) -> list[Any]:
        items = self._listed(value)
        self.budget.spend(number(slices))
        return self._listed(sync_do_slice(items, slices, fill_with))

    def _replace(self, value: Any, old: Any, new: Any, count: int | None = None) -> str:
        text, this, that = self._string(value), self._string(old), self._string(new)
        times = text.count(this)
        if count is not None and count >= 0:
            times = min(times, count)
        self.budget.room(64 + 4 * (len(text) + times * len(that)))
        return str(self._made(text.replace(this, that, -1 if count is None else count)))

    def _round(self, value: Any, precision: int = 0, method: Any = "common") -> Any:
        if number(precision) > 300:
            raise ValueError("a precision is at most 300")
        return FILTERS["round"](value, precision, method)

    def _sum(self, value: Any, attribute: Any = None, start: Any = 0) -> Any:
        items = self._listed(value)
        if attribute is not None:
            items = list(map(make_attrgetter(self, attribute), items))
        self.budget.spend(len(items))
        if isinstance(start, list):
            made = list(self._list(start))
            for item in items:
                if not isinstance(item, list):
                    raise TypeError("lists are added to lists")
                self.budget.take(8 * len(item))
                made += item
            return made
        total = start
        for item in items:
            total = self.call_binop(None, "+", total, item)
        return total

    def _tojson(self, value: Any, indent: int | None = None) -> str:
        self.budget.room(12 * self.budget.weight(value))
        if indent is not None and not 0 <= indent <= 16:
            raise ValueError("an indent is 0 to 16")
        parts = []
        for part in json.JSONEncoder(sort_keys=True, indent=indent).iterencode(value):
            self.budget.take(8 + len(part))
            parts.append(part)
        text = "".join(parts)
        self.budget.room(12 * len(text))
        return str(self._made(str(htmlsafe_json_dumps(text, dumps=str))))

    def _wordwrap(
        self,
        value: Any,
        width: int = 79,
        break_long_words: bool = True,
        wrapstring: str | None = None,
        break_on_hyphens: bool = True,
    ) -> str:
        text = self._string(value)
        self.budget.room(96 * len(text) + 4 * len(text) * len(wrapstring or "\n"))
        wrap = FILTERS["wordwrap"]
        made = wrap(self, text, width, break_long_words, wrapstring, break_on_hyphens)
        return str(self._made(str(made)))
