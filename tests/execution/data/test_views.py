"""The semantic layer: bounded, safe queries; half-open periods; prices with dates."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.support.facts import open_rows

from livery.client.session_logs.rows import Rows
from livery.execution.data.definitions import Definitions, definitions
from livery.execution.data.errors import QueryInvalid, WindowUnreadable
from livery.execution.data.periods import parse_period
from livery.execution.data.views import MAX_LIMIT, DataViews
from livery.execution.data.window import WindowSegment, build_window, window_hash

US = 1_000_000


def us(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * US


def facts(*answers: tuple[str, str, str, int, int]) -> Rows:
    """One session per answer: (session, time, model, input, output)."""
    rows = Rows()
    rows.open_file("0" * 32, "log")
    for offset, (session, at, model, given, output) in enumerate(answers):
        end = (None, "codex", "app", us(at), "answer", False)
        rows.by_entity["sessions"].append(("0" * 32, offset, session, *end))
        place = (offset, session, f"key-{offset}")
        usage = (given, output, 0, 0, 0)
        rows.message(place, "assistant", f"id-{offset}", us(at), model=model, usage=usage)
    return rows


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataViews]:
    opened = open_rows(
        tmp_path_factory.mktemp("views"),
        facts(
            # Berlin is an hour ahead of UTC: Sunday's last second and Monday's first one there.
            ("before", "2026-11-08T22:59:59", "claude-opus-4-6", 1_000_000, 0),
            ("first", "2026-11-08T23:00:00", "claude-opus-4-6", 0, 1_000_000),
            ("last", "2026-11-15T22:59:59", "gpt-5", 2_000_000, 0),
            ("after", "2026-11-15T23:00:00", "nobody-knows-1", 5, 7),
        ),
    )
    yield opened
    opened.close()


WEEK = {"from": "2026-11-09", "to": "2026-11-16", "timezone": "Europe/Berlin"}


def test_periods_are_half_open_in_the_timezone(views: DataViews) -> None:
    def sessions(period: dict[str, str]) -> list[str]:
        rows = views.query("sessions", ["session"], [], {"at": period})
        return [row["session"] for row in rows]

    assert sessions(WEEK) == ["first", "last"]
    assert sessions({**WEEK, "from": "2026-11-02", "to": "2026-11-09"}) == ["before"]
    assert sessions({**WEEK, "from": "2026-11-16", "to": "2026-11-23"}) == ["after"]
    assert sessions({**WEEK, "timezone": "UTC"}) == ["after", "last"]
    assert sessions({"from": "2026-11-08T22:59:59+00:00", "to": "2026-11-08T23:00:00Z"}) == [
        "before"
    ]


def test_days_are_those_of_the_timezone(views: DataViews) -> None:
    rows = views.query("sessions", ["day"], ["total"], {"at": WEEK})
    assert rows == [{"day": "2026-11-09", "total": 1}, {"day": "2026-11-15", "total": 1}]


def test_a_day_of_daylight_saving_has_its_own_length() -> None:
    period = parse_period({"from": "2026-10-25", "to": "2026-10-26", "timezone": "Europe/Berlin"})
    assert (period.stop - period.start).total_seconds() == 25 * 3600


def test_cost_is_by_price_and_never_zero_for_an_unknown_model(views: DataViews) -> None:
    rows = views.query("usage", ["model", "priced"], ["cost_usd", "unpriced_tokens"])
    assert rows == [
        {"model": "claude-opus-4-6", "priced": True, "cost_usd": 30.0, "unpriced_tokens": None},
        {"model": "gpt-5", "priced": True, "cost_usd": 2.5, "unpriced_tokens": None},
        {"model": "nobody-knows-1", "priced": False, "cost_usd": None, "unpriced_tokens": 12},
    ]


@pytest.mark.parametrize(("model", "given", "output", "dollars"), [
    ("claude-sonnet-4-5-20250929", 200_000, 1000, 0.6 + 0.015),
    ("claude-sonnet-4-5-20250929", 200_001, 1000, 200_001 * 6e-6 + 0.0225),  # all of it at long price
    ("us.anthropic.claude-haiku-4-5-20251001-v1:0", 1_000_000, 0, 1.0),
    ("anthropic/claude-opus-4-5", 1_000_000, 0, 5.0),
    ("claude-sonnet-4-6[1m]", 1_000_000, 0, 3.0),
    ("gpt-5-2025-08-07", 1_000_000, 0, 1.25),
    ("codex-mini-latest", 1_000_000, 0, 1.5),
])  # fmt: skip
def test_names_of_models_and_long_requests(
    tmp_path: Path, model: str, given: int, output: int, dollars: float
) -> None:
    views = open_rows(tmp_path, facts(("s", "2026-11-10T10:00:00", model, given, output)))
    assert views.query("usage", [], ["cost_usd"])[0]["cost_usd"] == pytest.approx(dollars, abs=1e-6)
    views.close()


def test_prices_hold_from_and_to_their_dates(tmp_path: Path) -> None:
    known = definitions()
    [price] = [p for p in known.prices if p.model == "gpt-5"]
    values = {name: getattr(price, name) for name in type(price).__slots__}
    change = date(2026, 11, 10)
    cheap = type(price)(**{**values, "valid_to": change})
    dear = type(price)(**{**values, "valid_from": change, "input": price.input * 4})
    changed = Definitions(known.views, (cheap, dear), known.base_sql, "", known.digest + "x")
    rows = facts(
        ("a", "2026-11-09T23:59:59", "gpt-5", 1_000_000, 0),
        ("b", "2026-11-10T00:00:00", "gpt-5", 1_000_000, 0),
    )
    plain = open_rows(tmp_path, rows)
    segments = [
        WindowSegment(n, entity, path.stem, path)
        for n, (entity, path) in enumerate(
            (entity, path)
            for entity in ("sessions", "messages")
            for path in [_segment(tmp_path, rows, entity)]
        )
    ]
    views = DataViews(build_window(segments, changed, tmp_path / "c2"), "w", changed)
    found = views.query("usage", ["session"], ["cost_usd"])
    assert [row["cost_usd"] for row in found] == [1.25, 5.0]
    plain.close()
    views.close()


def _segment(folder: Path, rows: Rows, entity: str) -> Path:
    from livery.client.session_logs.segments import pack_rows

    [segment] = [s for s in pack_rows(rows) if s.entity == entity]
    return folder / f"{segment.sha256}.parquet"


BAD: list[dict[str, Any]] = [
    {"view": "raw_messages"},
    {"view": "message_base"},
    {"view": ["sessions"]},
    {"view": "sessions", "measures": []},
    {"view": "sessions", "measures": ["count(*)"]},
    {"view": "sessions", "measures": "total"},
    {"view": "sessions", "dimensions": ["session; drop table x"], "measures": []},
    {"view": "sessions", "where": {"last_at": 1}},
    {"view": "sessions", "where": {"project": {"$ne": 1}}},
    {"view": "sessions", "where": {"project": []}},
    {"view": "sessions", "where": {"project": [object()]}},
    {"view": "sessions", "where": {"project": ["x"] * 1001}},
    {"view": "sessions", "where": {"at": {"from": "tomorrow"}}},
    {"view": "sessions", "where": {"at": {"from": "2026-11-09T00:00:00"}}},
    {"view": "sessions", "where": {"at": {"since": "2026-11-09"}}},
    {"view": "sessions", "where": {"at": {"timezone": "Europe/Atlantis"}}},
    {"view": "sessions", "where": {"at": {"timezone": "UTC'); drop table x; --"}}},
    {"view": "sessions", "where": {"at": {"timezone": "../../etc/passwd"}}},
    {"view": "sessions", "where": {"at": {"from": "2026-11-16", "to": "2026-11-09"}}},
    {"view": "bad_lines", "measures": ["lines"], "where": {"at": {"from": "2026-11-09"}}},
    {"view": "sessions", "order_by": ["project"]},
    {"view": "sessions", "order_by": "total"},
    {"view": "sessions", "limit": 0},
    {"view": "sessions", "limit": MAX_LIMIT + 1},
    {"view": "sessions", "limit": True},
]


@pytest.mark.parametrize("asked", BAD)
def test_what_is_not_defined_is_refused(views: DataViews, asked: dict[str, Any]) -> None:
    with pytest.raises(QueryInvalid):
        views.query(**{"measures": ["total"], **asked})


def test_values_are_values(views: DataViews) -> None:
    for text in ("'; drop table session_base; --", "app' or '1'='1", "\\", "{{x}}"):
        assert views.query("sessions", ["session"], [], {"project": text}) == []
    assert len(views.query("sessions", ["session"], [], {"project": ["app", None]})) == 4


def test_order_and_limit(views: DataViews) -> None:
    rows = views.query("usage", ["session"], ["output"], None, ["-output"], 2)
    assert [row["session"] for row in rows] == ["first", "after"]


def test_a_skill_cannot_reach_the_engine_behind_the_views(views: DataViews, tmp_path: Path) -> None:
    views.query("sessions", [], ["total"])
    for sql in (f"copy session_base to '{tmp_path}/x.csv'", "select * from read_csv('/etc/passwd')",
                "set enable_external_access = true", "drop table session_base"):  # fmt: skip
        with pytest.raises(Exception, match=r"(?i)disabled|locked|read-only|permission|cannot"):
            views._engine.raw_sql(sql)


def test_fingerprints_change_with_question_and_data(views: DataViews, tmp_path: Path) -> None:
    def prints(*batches: Rows, measures: tuple[str, ...] = ("total",)) -> dict[str, str]:
        opened = open_rows(tmp_path, *batches)
        opened.query("sessions", [], list(measures))
        opened.close()
        return dict(opened.fingerprints)

    one = facts(("s", "2026-11-10T10:00:00", "gpt-5", 1, 1))
    two = facts(("t", "2026-11-10T10:00:00", "gpt-5", 1, 1))
    assert prints(one) == prints(one)
    assert len({str(p) for p in (prints(one), prints(two), prints(one, measures=("failed",)))}) == 3
    assert prints(one)["sessions"].startswith("sha256:")


def test_every_definition_has_description_unit_and_owner() -> None:
    known = definitions()
    assert set(known.views) >= {"sessions", "messages", "tool_calls", "files", "usage"}
    for view in known.views.values():
        assert view.description
        for field in (*view.dimensions.values(), *view.measures.values()):
            assert field.description, f"{view.name}.{field.name}"
            assert field.unit
            assert field.owner


def test_every_field_of_every_view_answers(views: DataViews) -> None:
    for view in definitions().views.values():
        rows = views.query(view.name, list(view.dimensions), list(view.measures), limit=1)
        for row in rows:
            assert set(row) == {*view.dimensions, *view.measures}


def test_a_damaged_segment_is_said(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(b"not parquet")
    broken = [WindowSegment(1, "messages", "0" * 64, path)]
    with pytest.raises(WindowUnreadable):
        build_window(broken, definitions(), tmp_path / "cache")
    assert window_hash(broken) != window_hash([])
    assert list((tmp_path / "cache").glob("window-*")) == []
