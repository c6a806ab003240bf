"""Jinja within a budget: what a template may name is listed here, and what could grow pays before it grows.

The sandbox of Jinja keeps templates from the objects behind the values. It does not keep `{{ 'a' * 2000000000 }}` from
taking the memory of the process; this does. An environment serves one rendering.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import TemplateError

from livery.authoring.errors import SkillFailed
from livery.execution.pipeline.budget import Budget, TooMuch, size_of
from livery.execution.pipeline.template.environment import Environment
from livery.execution.pipeline.template.sizes import MAX_TEXT


def render(template: str, scope: Mapping[str, Any], budget: Budget) -> str:
    """A template, over `input`, `steps` and `value`; raises SkillFailed."""
    try:
        parts, size = [], 0
        for part in Environment(budget).from_string(template).generate(**scope):
            size += len(part)
            if size > MAX_TEXT:
                raise TooMuch(f"The text has more than {MAX_TEXT} characters.")
            if part:
                budget.take(size_of(part))
                parts.append(part)
        return "".join(parts)
    except (
        TemplateError,
        SyntaxError,
        RecursionError,
        MemoryError,
        TypeError,
        ValueError,
        LookupError,
        AttributeError,
        ArithmeticError,
    ) as error:
        raise SkillFailed(
            f"The template fails: {type(error).__name__}: {str(error)[:200]}"
        ) from None
