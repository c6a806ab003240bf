"""`str.format` within the budget."""

from __future__ import annotations

import re
from typing import Any, Final

from jinja2.sandbox import SandboxedFormatter

from livery.execution.pipeline.budget import size_of
from livery.execution.pipeline.template.sizes import digits
from livery.execution.pipeline.template.values import Values

_RUN: Final = re.compile("[0-9]+")


class _Formatter(SandboxedFormatter):
    """str.format, whose fields pay."""

    def __init__(self, env: Values) -> None:
        super().__init__(env)
        self._budget = env.budget

    def format_field(self, value: Any, format_spec: str) -> Any:
        wide = sum(digits(run) for run in _RUN.findall(format_spec))
        self._budget.take(4 * (self._budget.weight(value) + wide) + 1400)  # 1e308 as {:f}
        return super().format_field(value, format_spec)

    def convert_field(self, value: Any, conversion: Any) -> Any:
        if conversion is not None:
            self._budget.take(12 * self._budget.weight(value))
        return super().convert_field(value, conversion)


class Formatted:
    """`'{:>3}'.format` of one text."""

    def __init__(self, environment: Values, text: str) -> None:
        self._environment, self._text = environment, text

    def __call__(self, *args: Any, **kwargs: Any) -> str:
        """The text with its fields filled in."""
        self._environment.budget.take(size_of(self._text))
        return _Formatter(self._environment).vformat(self._text, args, kwargs)
