"""Queries of the semantic layer: names in, bounded rows out; no SQL, no table, no file."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from livery.execution.data.definitions import Definitions, View
from livery.execution.data.errors import QueryInvalid
from livery.execution.data.periods import Period, parse_period
from livery.manifest.canonical import canonical_hash

DEFAULT_LIMIT = 1_000
MAX_LIMIT = 10_000
MAX_FIELDS = 20
MAX_VALUES = 1_000
_SETTINGS = (
    "set TimeZone = 'UTC'",
    "set memory_limit = '400MB'",
    "set enable_external_access = false",
    "set lock_configuration = true",
)
KEPT_STATEMENTS = 1_000
# Question -> statement. Compiling takes longer than most answers, and digests repeat questions.
_COMPILED: dict[str, str] = {}
_SCALARS = (str, int, float, bool)


class DataViews:
    """The views over one data window.

    Each query leaves a fingerprint: the hash of what was asked, of the definitions and of the
    window, which is the query's provenance. One instance serves one run; calls are serialised.
    """

    def __init__(self, database: Path, window: str, definitions: Definitions) -> None:
        self._database = database
        self._definitions = definitions
        self._engine: Any = None
        self._models: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()
        self.window = window
        self._asked: dict[str, str] = {}

    @property
    def fingerprints(self) -> Mapping[str, str]:
        """View -> hash of all that was asked of it, in order."""
        return dict(self._asked)

    def query(
        self,
        view: str,
        dimensions: Sequence[str] = (),
        measures: Sequence[str] = (),
        where: Mapping[str, Any] | None = None,
        order_by: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """Return rows `{dimension…, measure…}` of a view.

        `where` maps a dimension to a value, a list of values or None (absent), and `at` to a
        period `{"from", "to", "timezone"}`, half-open; the dimension `day` is in that timezone.
        `order_by` names dimensions or measures, `-name` descending; what is left open is ordered
        by the dimensions, so that equal data gives equal rows. Times are ISO 8601 UTC, days dates.
        Raises QueryInvalid for anything that is not defined or beyond the bounds.
        """
        asked = _Asked(self._definitions, view, (dimensions, measures), where, (order_by, limit))
        fingerprint = asked.fingerprint(self.window, self._definitions.digest)
        with self._lock:
            self._asked[view] = canonical_hash([self._asked.get(view), fingerprint])
            rows = self._rows(asked)
        return [{name: _plain(value) for name, value in row.items()} for row in rows]

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            if self._engine is not None:
                self._engine.disconnect()
                self._engine = None
                self._models.clear()

    def _rows(self, asked: _Asked) -> list[dict[str, Any]]:
        engine = self._connected()
        key = asked.fingerprint("", self._definitions.digest)
        sql = _COMPILED.get(key)
        if sql is None:
            sql = self._compile(asked)
            if len(_COMPILED) >= KEPT_STATEMENTS:
                _COMPILED.clear()
            _COMPILED[key] = sql
        rows: list[dict[str, Any]] = engine.con.sql(sql).to_arrow_table().to_pylist()
        return rows

    def _compile(self, asked: _Asked) -> str:
        """Return the engine's statement for a question; it is the same over every window."""
        import ibis
        from boring_semantic_layer import to_untagged

        query = self._model(asked.view, asked.period.timezone).query(
            dimensions=list(asked.dimensions),
            measures=list(asked.measures),
            filters=asked.filters(),
            order_by=asked.order,
            limit=asked.limit,
        )
        return str(ibis.to_sql(to_untagged(query), dialect="duckdb"))

    def _connected(self) -> Any:
        import ibis

        if self._engine is None:
            self._engine = ibis.duckdb.connect(str(self._database), read_only=True, threads=2)
            for setting in _SETTINGS:
                self._engine.raw_sql(setting)
        return self._engine

    def _model(self, view: View, timezone: str) -> Any:
        """Return the view's semantic model, with local times of `timezone`."""
        model = self._models.get((view.name, timezone))
        if model is None:
            model = self._models[view.name, timezone] = self._new_model(view, timezone)
        return model

    def _new_model(self, view: View, timezone: str) -> Any:
        from boring_semantic_layer import from_config

        base = self._connected().table(view.base)
        if not view.timeless:
            base = base.mutate(at_local=_wall_clock()(timezone, base["at"]))
        fields = {
            kind: {
                field.name: {"expr": field.expr, "description": field.description}
                for field in getattr(view, kind).values()
            }
            for kind in ("dimensions", "measures")
        }
        config = {view.name: {"table": "base", **fields}}
        return from_config(config, tables={"base": base})[view.name]


@cache
def _wall_clock() -> Any:
    """Return the engine's own `timezone(name, at)`: the wall clock of a place.

    A cast to a timezone's timestamp would compile to the connection's timezone instead.
    """
    import ibis
    import ibis.expr.datatypes as dt

    @ibis.udf.scalar.builtin(  # type: ignore[untyped-decorator]
        name="timezone", signature=((dt.string, dt.Timestamp(timezone="UTC")), dt.timestamp)
    )
    def wall_clock(name: Any, at: Any) -> Any:
        """`at` on the clocks of `name`."""

    return wall_clock


class _Asked:
    """A query that was checked against the definitions."""

    def __init__(
        self,
        definitions: Definitions,
        view: str,
        names: tuple[Sequence[str], Sequence[str]],
        where: Mapping[str, Any] | None,
        bounds: tuple[Sequence[str] | None, int | None],
    ) -> None:
        order_by, limit = bounds
        known = definitions.views.get(view) if isinstance(view, str) else None
        if known is None:
            raise QueryInvalid(message=f"There is no view {view!r:.80}.")
        self.view = known
        self.dimensions = _names(names[0], known.dimensions, "dimension")
        self.measures = _names(names[1], known.measures, "measure")
        if not self.dimensions and not self.measures:
            raise QueryInvalid(message="A query names at least one dimension or measure.")
        where = dict(where or {})
        period = where.pop("at", {})
        if period and known.timeless:
            raise QueryInvalid(message=f"The view {known.name} is not placed in time.")
        self.period: Period = parse_period(period)
        self.equal = {name: _values(name, value, known) for name, value in where.items()}
        self.order = _order(order_by or (), self.dimensions, self.measures)
        if limit is None:
            limit = DEFAULT_LIMIT
        if type(limit) is not int or not 1 <= limit <= MAX_LIMIT:
            raise QueryInvalid(message=f"A limit is between 1 and {MAX_LIMIT}.")
        self.limit = limit

    def fingerprint(self, window: str, definitions: str) -> str:
        """Return the hash of this question over that data."""
        period = self.period
        return canonical_hash(
            {
                "view": self.view.name,
                "dimensions": list(self.dimensions),
                "measures": list(self.measures),
                "where": dict(self.equal),
                "from": period.start.isoformat() if period.start else None,
                "to": period.stop.isoformat() if period.stop else None,
                "timezone": period.timezone,
                "order_by": [list(part) for part in self.order],
                "limit": self.limit,
                "window": window,
                "definitions": definitions,
            }
        )

    def filters(self) -> list[Any]:
        """Return the conditions, for the semantic model."""
        conditions: list[Any] = []
        period = self.period
        if period.start is not None:
            conditions.append(lambda t, start=period.start: t.at >= start)
        if period.stop is not None:
            conditions.append(lambda t, stop=period.stop: t.at < stop)
        for name, values in self.equal.items():
            conditions.append(_condition(name, values))
        return conditions


def _condition(name: str, values: list[Any]) -> Any:
    present = [value for value in values if value is not None]

    def holds(table: Any) -> Any:
        column = table[name]
        if len(present) == len(values):
            return column.isin(present)
        return column.isnull() | column.isin(present) if present else column.isnull()

    return holds


def _names(names: object, known: Mapping[str, Any], kind: str) -> tuple[str, ...]:
    if isinstance(names, str) or not isinstance(names, Sequence) or len(names) > MAX_FIELDS:
        raise QueryInvalid(message=f"{kind}s are a list of at most {MAX_FIELDS} names.")
    for name in names:
        if not isinstance(name, str) or name not in known:
            raise QueryInvalid(message=f"There is no {kind} {name!r:.80} in this view.")
    return tuple(dict.fromkeys(names))


def _values(name: object, value: object, view: View) -> list[Any]:
    if not isinstance(name, str) or name not in view.dimensions:
        raise QueryInvalid(message=f"There is no dimension {name!r:.80} in this view.")
    values = list(value) if isinstance(value, list | tuple) else [value]
    if not values or len(values) > MAX_VALUES:
        raise QueryInvalid(message=f"`{name}` is compared with 1 to {MAX_VALUES} values.")
    for entry in values:
        if entry is not None and type(entry) not in _SCALARS:
            raise QueryInvalid(message=f"`{name}` is compared with texts, numbers or flags.")
    return values


def _order(
    order_by: object, dimensions: tuple[str, ...], measures: tuple[str, ...]
) -> list[tuple[str, str]]:
    if isinstance(order_by, str) or not isinstance(order_by, Sequence):
        raise QueryInvalid(message="order_by is a list of names.")
    order: dict[str, str] = {}
    for entry in order_by:
        name = entry.removeprefix("-") if isinstance(entry, str) else ""
        if name not in dimensions and name not in measures:
            raise QueryInvalid(message=f"order_by {entry!r:.80} is not part of the query.")
        order.setdefault(name, "desc" if entry.startswith("-") else "asc")
    for name in dimensions:
        order.setdefault(name, "asc")
    return list(order.items())


def _plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value
