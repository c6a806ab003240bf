"""A weekly digest document as the figures of a page. Pure.

The members are those of `packs/analytics/weekly-digest` (SKILL.md). The document was written by a
skill, perhaps by another version of it: what it lacks is a dash, and nothing has the type it
should have until that was looked at.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from livery.portals.ui.format import number, percent, period, signed, usd

MOST_ROWS = 100
_RATES = ("rate", "failed-sessions", "tool-errors", "unpriced")


@dataclass(frozen=True, slots=True)
class Kpi:
    """One figure with its note."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found: `level` is low, medium, high or empty; `rule` is the rule's id."""

    title: str
    detail: str = ""
    value: str = ""
    level: str = ""
    rule: str = ""


@dataclass(frozen=True, slots=True)
class ModelRow:
    """What one model did; `cost` is None where the model has no price."""

    model: str
    messages: Any
    input: Any
    output: Any
    cache_read: Any
    cost: Any


@dataclass(frozen=True, slots=True)
class Report:
    """The page of one digest; each list of `lists` is `(title, unit, ((name, count), …))`."""

    period: str
    scope: str
    kpis: tuple[Kpi, ...]
    actions: tuple[Finding, ...]
    risk: tuple[Finding, ...]
    velocity: tuple[Finding, ...]
    models: tuple[ModelRow, ...]
    lists: tuple[tuple[str, str, tuple[tuple[str, Any], ...]], ...]
    bad_lines: int
    listed_lines: int
    outcome_rule: str


def view(document: Mapping[str, Any]) -> Report:
    """The report of a digest document."""
    overview = _map(document.get("overview"))
    sessions = _map(overview.get("sessions"))
    models = tuple(_model(row) for row in _rows(document.get("by_model")))
    quality = _map(document.get("quality"))
    bad_lines = quality.get("bad_lines")
    listed = len(bad_lines) if isinstance(bad_lines, list) else 0
    total = quality.get("total")
    return Report(
        period=period(_map(document.get("period"))),
        scope=f"{_count(sessions.get('total'), 'session')} from "
        f"{_count(overview.get('projects'), 'project')}",
        kpis=(
            _sessions(sessions, _map(document.get("change"))),
            _success(sessions),
            _tokens(overview),
            _cost(overview, models),
        ),
        actions=tuple(_action(row) for row in _rows(document.get("actions"))),
        risk=tuple(_risk(row) for row in _rows(document.get("risk"))),
        velocity=tuple(_velocity(row) for row in _rows(document.get("velocity"))),
        models=models,
        lists=(
            ("Top tools", "calls", _pairs(document.get("tools"), "tool", "calls", 10)),
            ("Blockers", "errors", _pairs(document.get("blockers"), "error", "errors", 5)),
            ("Highlights", "sessions", _pairs(document.get("projects"), "project", "total", 3)),
            ("Wins", "succeeded", _pairs(document.get("wins"), "project", "success", 5)),
        ),
        bad_lines=total if isinstance(total, int) else listed,
        listed_lines=listed,
        outcome_rule=_text(sessions.get("outcome_rule")),
    )


def _sessions(sessions: Mapping[str, Any], change: Mapping[str, Any]) -> Kpi:
    difference = _map(change.get("sessions_total")).get("difference")
    note = ""
    if number(difference) != number(None):
        note = f"{signed(difference)} on the period before"
    return Kpi("Sessions", number(sessions.get("total")), note)


def _success(sessions: Mapping[str, Any]) -> Kpi:
    unknown = sessions.get("unknown")
    note = f"{number(unknown)} {'has' if unknown == 1 else 'have'} no known outcome"
    label = f"Succeeded, of {number(sessions.get('known'))} known"
    return Kpi(label, percent(sessions.get("success_rate")), note if unknown else "")


def _tokens(overview: Mapping[str, Any]) -> Kpi:
    output, ratio = _map(overview.get("tokens")).get("output"), overview.get("cache_ratio")
    note = f"cache ratio {percent(ratio)}" if ratio is not None else ""
    known, answers = overview.get("answers_with_usage"), overview.get("answers")
    if isinstance(known, int) and isinstance(answers, int) and known < answers:
        note = f"known for {number(known)} of {_count(answers, 'answer')}"
    return Kpi("Output tokens", "unknown" if output is None else number(output), note)


def _cost(overview: Mapping[str, Any], models: tuple[ModelRow, ...]) -> Kpi:
    unpriced = sum(row.cost is None for row in models)
    note = f"{_count(unpriced, 'model')} unpriced" if unpriced else ""
    return Kpi("Cost", usd(overview.get("cost_usd")), note)


def _action(row: Mapping[str, Any]) -> Finding:
    return Finding(_text(row.get("title")), _text(row.get("detail")), rule=_text(row.get("id")))


def _risk(row: Mapping[str, Any]) -> Finding:
    rule, value = _text(row.get("id")), row.get("value")
    written = percent(value) if any(name in rule for name in _RATES) else number(value)
    level = _text(row.get("level"))
    return Finding(_text(row.get("title")), _text(row.get("formula")), written, level, rule)


def _velocity(row: Mapping[str, Any]) -> Finding:
    change = row.get("change")
    note = "nothing to compare"
    if isinstance(change, int | float) and not isinstance(change, bool):
        note = f"{'+' if change > 0 else '−' if change < 0 else ''}{percent(abs(change))}"
    rule = _text(row.get("id"))
    return Finding(_text(row.get("title")), note, number(row.get("value")), rule=rule)


def _model(row: Mapping[str, Any]) -> ModelRow:
    cost = row.get("cost_usd")
    return ModelRow(
        _text(row.get("model")) or "–",
        row.get("messages"),
        row.get("input"),
        row.get("output"),
        row.get("cache_read"),
        cost if isinstance(cost, int | float) else None,  # the word `unpriced`, or unknown
    )


def _pairs(listed: object, name: str, count: str, most: int) -> tuple[tuple[str, Any], ...]:
    return tuple((_text(row.get(name)) or "–", row.get(count)) for row in _rows(listed)[:most])


def _rows(listed: object) -> list[Mapping[str, Any]]:
    found = listed[:MOST_ROWS] if isinstance(listed, list) else []
    return [row for row in found if isinstance(row, Mapping)]


def _count(value: object, unit: str) -> str:
    return f"{number(value)} {unit}{'' if value == 1 else 's'}"


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
