"""The operators. `transform`, `score`, `summarize` and `render` follow from their inputs alone."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from livery.authoring.errors import SkillFailed
from livery.execution.pipeline import template as template_of
from livery.execution.pipeline.budget import Budget, cells, size_of
from livery.execution.pipeline.expression import search

Rows = list[dict[str, Any]]


def transform(value: Any, expression: str, budget: Budget | None = None) -> Any:
    """The value of a JMESPath expression (jmespath.org) over `value`."""
    return search(expression, value, budget or Budget())


def score(
    value: Any,
    weights: Mapping[str, float],
    into: str,
    minimum: float | None = None,
    maximum: float | None = None,
    budget: Budget | None = None,
) -> Rows:
    """Each row with `into` = sum of weight * field, held to the bounds. Exact arithmetic, then the nearest float."""
    paid = budget or Budget()
    done = []
    for index, row in enumerate(_rows(value)):
        paid.spend(1 + len(weights))
        paid.take(2 * cells(len(row) + 1))
        total = Fraction(0)
        for field, weight in weights.items():
            total += Fraction(weight) * Fraction(_number(row.get(field), f"row {index}, {field}"))
        result = float(total)
        if minimum is not None:
            result = max(result, minimum)
        if maximum is not None:
            result = min(result, maximum)
        done.append({**row, into: result})
    return done


def summarize(
    value: Any,
    measures: Mapping[str, Mapping[str, str]],
    by: Sequence[str] = (),
    budget: Budget | None = None,
) -> Rows:
    """One row for each group of `by` (in the order in which they first appear), with its measures."""
    paid = budget or Budget()
    by = list(dict.fromkeys(by))
    groups: dict[tuple[str, ...], Rows] = {}
    for row in _rows(value):
        paid.spend(1 + len(by) + len(measures))
        # What a row is grouped by may be large, and stand in every row at no cost.
        paid.room(sum(4 * paid.weight(row.get(name)) + 64 for name in by))
        key = tuple(repr(row.get(name)) for name in by)
        if key not in groups:
            paid.take(sum(map(size_of, key)) + 3 * cells(len(by) + len(measures)) + 128)
            groups[key] = []
        groups[key].append(row)
    if not groups and not by:
        groups[()] = []
    return [
        {
            **{name: rows[0].get(name) for name in by},
            **{name: _measure(rows, about) for name, about in measures.items()},
        }
        for rows in groups.values()
    ]


_AGGREGATES: dict[str, Callable[[list[Any]], Any]] = {
    "sum": lambda numbers: _exact(sum(map(Fraction, numbers), Fraction(0))),
    "mean": lambda numbers: float(statistics.fmean(numbers)) if numbers else None,
    "min": lambda numbers: min(numbers, default=None),
    "max": lambda numbers: max(numbers, default=None),
    "median": lambda numbers: statistics.median(numbers) if numbers else None,
}


def _measure(rows: Rows, about: Mapping[str, str]) -> Any:
    field = about.get("field")
    if about["op"] == "count":
        return len(rows) if field is None else sum(row.get(field) is not None for row in rows)
    if field is None:
        raise SkillFailed(f"{about['op']} needs a field.")
    numbers = [_number(row[field], field) for row in rows if row.get(field) is not None]
    return _AGGREGATES[about["op"]](numbers)


def _exact(total: Fraction) -> int | float:
    return int(total) if total.denominator == 1 else float(total)


def _rows(value: Any) -> Rows:
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise SkillFailed("This step takes rows: a list of objects.")
    return value


def _number(value: Any, where: str) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SkillFailed(f"{where} is no number.")
    return value


def render(template: str, scope: Mapping[str, Any], budget: Budget | None = None) -> str:
    """A Jinja template, sandboxed and within the budget, over `input`, `steps` and `value`."""
    return template_of.render(template, scope, budget or Budget())
