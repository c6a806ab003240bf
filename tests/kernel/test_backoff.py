import hashlib
import hmac
import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livery.kernel.backoff import Backoff, jitter

RUN_IDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)


@pytest.mark.parametrize(("attempt", "expected"), [(1, 186), (2, 430), (3, 822), (4, 1490)])
def test_gives_the_vectors_of_the_contract(attempt: int, expected: int) -> None:
    assert Backoff().delay_ms("wf_m11_test_001", attempt) == expected


def test_jitter_is_the_first_four_bytes_of_the_hmac() -> None:
    digest = hmac.digest("läuft".encode(), "läuft:7".encode(), hashlib.sha256)
    assert jitter("läuft", 7) == Fraction(int(digest[:4].hex(), 16), 4294967296)


@given(RUN_IDS, st.integers(1, 10_000))
def test_stays_within_the_jitter_and_the_cap(run_id: str, attempt: int) -> None:
    delay = Backoff().delay_ms(run_id, attempt)
    plain = Fraction(200) * 2 ** (attempt - 1)
    assert min(math.floor(plain * Fraction(9, 10)), 10_000) <= delay
    assert delay <= min(plain * Fraction(11, 10), 10_000)
    assert delay == Backoff().delay_ms(run_id, attempt)


@given(RUN_IDS, st.integers(1, 10**9), st.floats(1, 1e308), st.floats(0, 1), st.floats(0, 1e308))
def test_any_sound_arguments_give_an_answer(
    run_id: str, attempt: int, multiplier: float, pct: float, cap: float
) -> None:
    delay = Backoff(1, multiplier, pct, cap).delay_ms(run_id, attempt)
    assert 0 <= delay <= cap


def test_without_jitter_it_is_plain_exponential() -> None:
    backoff = Backoff(100, 3.0, 0, 5000)
    assert [backoff.delay_ms("w", n) for n in range(1, 6)] == [100, 300, 900, 2700, 5000]


def test_growth_beyond_floats_is_the_cap() -> None:
    assert Backoff(200, 2.0, 1, 777).delay_ms("w", 10**6) == 777
    assert Backoff(1e308, 1e308, 1, 777).delay_ms("w", 2) == 777


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("initial_ms", 0, "above 0"),
        ("initial_ms", math.inf, "finite"),
        ("initial_ms", True, "finite number"),
        ("multiplier", 0.9, "at least 1"),
        ("multiplier", "2", "finite number"),
        ("jitter_pct", -0.1, "at least 0"),
        ("jitter_pct", 1.1, "at most 1"),
        ("jitter_pct", math.nan, "finite"),
        ("max_ms", -1, "at least 0"),
    ],
)
def test_bad_settings_are_refused_by_name(field: str, value: object, says: str) -> None:
    with pytest.raises(ValueError, match=f"{field}.*{says}"):
        Backoff(**{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("attempt", [0, -1, True, 1.0, "1", None])
def test_bad_attempts_are_refused(attempt: object) -> None:
    with pytest.raises(ValueError, match="attempt"):
        Backoff().delay_ms("w", attempt)  # type: ignore[arg-type]


@pytest.mark.parametrize("run_id", ["", None, b"w", 7])
def test_bad_run_ids_are_refused(run_id: object) -> None:
    with pytest.raises(ValueError, match="workflow_run_id"):
        Backoff().delay_ms(run_id, 1)  # type: ignore[arg-type]
