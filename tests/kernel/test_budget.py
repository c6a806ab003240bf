from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livery.kernel.budget import MAX_MICROS, Budget, admit, format_usd, parse_usd, settle

AMOUNT = st.integers(0, 10**9)
SMALL = st.integers(0, 30)


def test_only_admitted_calls_count() -> None:
    # 10 left; 8 fits, 5 does not and must not count, 2 fits exactly, 1 is over, 0 costs nothing
    assert admit(100, 90, [8, 5, 2, 1, 0]) == (True, False, True, False, True)


def test_nothing_asked_nothing_admitted() -> None:
    assert admit(0, 0, []) == ()
    assert admit(0, 0, [0, 1]) == (True, False)
    assert admit(10, 11, [0]) == (False,)


@given(SMALL, SMALL, st.lists(SMALL, max_size=12))
def test_admit_is_the_naive_model(cap: int, used: int, estimates: list[int]) -> None:
    verdicts = admit(cap, used, estimates)
    assert len(verdicts) == len(estimates)
    for at, verdict in enumerate(verdicts):
        before = sum(e for e, v in zip(estimates[:at], verdicts[:at], strict=True) if v)
        assert verdict == (used + before + estimates[at] <= cap)


@given(AMOUNT, st.lists(st.tuples(AMOUNT, AMOUNT), max_size=20))
def test_a_budget_keeps_its_books(cap: int, calls: list[tuple[int, int]]) -> None:
    budget, verdicts = Budget(cap).reserve(estimate for estimate, _ in calls)
    admitted = [call for call, fits in zip(calls, verdicts, strict=True) if fits]
    assert budget.reserved == sum(estimate for estimate, _ in admitted)
    assert budget.used <= cap
    for estimate, actual in admitted:
        budget = budget.settle(estimate, actual)
        assert min(budget.reserved, budget.spent, budget.left) >= 0
    assert budget.reserved == 0
    assert budget.spent == sum(actual for _, actual in admitted)
    assert budget.left == max(0, cap - budget.spent)


def test_settle_by_hand() -> None:
    assert settle(reserved=500, spent=100, estimate=200, actual=250) == (300, 350)
    with pytest.raises(ValueError, match="cannot give back 501 micro-USD of 500"):
        settle(500, 0, 501, 0)


@pytest.mark.parametrize("bad", [-1, 1.0, True, "1", None])
def test_amounts_are_whole_and_not_negative(bad: object) -> None:
    for call in (
        lambda: admit(bad, 0, []),  # type: ignore[arg-type]
        lambda: admit(1, bad, []),  # type: ignore[arg-type]
        lambda: admit(1, 0, [bad]),  # type: ignore[list-item]
        lambda: settle(1, 1, 1, bad),  # type: ignore[arg-type]
        lambda: Budget(1, 0, bad),  # type: ignore[arg-type]
        lambda: format_usd(bad),  # type: ignore[arg-type]
    ):
        with pytest.raises(ValueError, match="non-negative integer of micro-USD"):
            call()


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("10", 10_000_000),
        ("0.25", 250_000),
        ("0.000001", 1),
        ("0.1000000000", 100_000),
        (Decimal("1E+2"), 100_000_000),
        (Decimal("0.10"), 100_000),
        (30, 30_000_000),
        ("9223372036854.775807", MAX_MICROS),
    ],
)
def test_usd_is_parsed_exactly(text: str | int | Decimal, micros: int) -> None:
    assert parse_usd(text) == micros


@pytest.mark.parametrize(
    "text",
    [
        "", "-1", "+1", "1.", ".5", "1e3", " 1", "1_0", "١", "NaN", "inf", "0.0000001",
        "9223372036854.775808", "1" * 5000, 0.25, True, None, -1, Decimal("NaN"), Decimal("-0.5"),
    ],
)  # fmt: skip
def test_other_amounts_are_refused(text: object) -> None:
    with pytest.raises(ValueError, match="USD"):
        parse_usd(text)  # type: ignore[arg-type]


@given(st.integers(0, MAX_MICROS))
def test_usd_survives_the_round_trip(micros: int) -> None:
    text = format_usd(micros)
    assert parse_usd(text) == micros
    assert Decimal(text) * 1_000_000 == micros
    assert len(text.partition(".")[2]) >= 2


def test_usd_by_hand() -> None:
    assert [format_usd(n) for n in (0, 1, 250_000, 10_000_000)] == [
        "0.00", "0.000001", "0.25", "10.00",
    ]  # fmt: skip
