"""What the semantic layer defines: views, their dimensions and measures, and list prices."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

PICO_PER_TOKEN = 1_000_000
"""Pico-dollars per token at one dollar per million tokens."""

_FOLDER = "livery.execution.data"


@dataclass(frozen=True, slots=True)
class Field:
    """A dimension or measure: `expr` is an Ibis expression over the view's base table."""

    name: str
    expr: str
    unit: str
    description: str
    owner: str


@dataclass(frozen=True, slots=True)
class View:
    """One entity that skills may query. A timeless view takes no period."""

    name: str
    description: str
    base: str
    timeless: bool
    dimensions: Mapping[str, Field]
    measures: Mapping[str, Field]


@dataclass(frozen=True, slots=True)
class Price:
    """A list price in pico-dollars per token, for requests above or up to `above` input tokens."""

    model: str
    valid_from: date | None
    valid_to: date | None
    above: int
    is_above: bool
    input: int
    output: int
    cache_read: int
    cache_write: int
    cache_write_1h: int


@dataclass(frozen=True, slots=True)
class Definitions:
    """Everything that gives a query its meaning; `digest` is part of each fingerprint."""

    views: Mapping[str, View]
    prices: tuple[Price, ...]
    base_sql: tuple[tuple[str, str], ...]
    prices_as_of: str
    digest: str


@cache
def definitions() -> Definitions:
    """Read the definitions that Livery ships."""
    folder = files(_FOLDER)
    texts = [
        folder.joinpath(name).read_text("utf-8")
        for name in ("base_views.sql", "views.yml", "prices.yml")
    ]
    priced = yaml.safe_load(texts[2])
    return Definitions(
        views=_views(yaml.safe_load(texts[1])),
        prices=tuple(price for entry in priced["prices"] for price in _prices(entry)),
        base_sql=_statements(texts[0]),
        prices_as_of=str(priced["as_of"]),
        digest="sha256:" + hashlib.sha256("\0".join(texts).encode()).hexdigest(),
    )


def _views(data: Mapping[str, Any]) -> dict[str, View]:
    owner = str(data["owner"])

    def fields(entries: Mapping[str, Any]) -> dict[str, Field]:
        return {
            name: Field(name, entry["expr"], entry["unit"], entry["description"].strip(), owner)
            for name, entry in entries.items()
        }

    return {
        name: View(
            name,
            entry["description"],
            entry["base"],
            bool(entry.get("timeless", False)),
            fields(entry["dimensions"]),
            fields(entry["measures"]),
        )
        for name, entry in data["views"].items()
    }


def _statements(text: str) -> tuple[tuple[str, str], ...]:
    parts = text.split("\n-- view: ")[1:]
    return tuple((name.strip(), sql) for name, sql in (part.split("\n", 1) for part in parts))


def _prices(entry: Mapping[str, Any]) -> list[Price]:
    above = entry.get("long_context")
    limit = int(above["above"]) if above else 2**62
    prices = [_price(entry, entry, limit, is_above=False)]
    if above:
        prices.append(_price(entry, above, limit, is_above=True))
    return prices


def _price(
    entry: Mapping[str, Any], amounts: Mapping[str, Any], above: int, *, is_above: bool
) -> Price:
    def pico(name: str, other: str) -> int:
        dollars = Decimal(str(amounts.get(name, amounts[other])))
        return int(dollars * PICO_PER_TOKEN)

    return Price(
        model=entry["model"],
        valid_from=entry.get("from"),
        valid_to=entry.get("to"),
        above=above,
        is_above=is_above,
        input=pico("input", "input"),
        output=pico("output", "output"),
        cache_read=pico("cache_read", "input"),
        cache_write=pico("cache_write", "input"),
        cache_write_1h=pico("cache_write_1h", "input"),
    )
