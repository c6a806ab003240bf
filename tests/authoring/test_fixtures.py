from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livery.authoring.fixtures import compare

NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@given(JSON)
def test_a_value_equals_itself(value: Any) -> None:
    found = compare(value, value)
    assert (found.ok, found.detail) == (True, "")


@given(JSON, JSON)
def test_it_is_symmetric(one: Any, other: Any) -> None:
    assert compare(one, other).ok == compare(other, one).ok


@pytest.mark.parametrize(
    ("expected", "actual", "tolerance", "detail"),
    [
        (5, 5.0, None, ""),
        (0.3, 0.1 + 0.2, 1e-12, ""),
        (0.3, 0.1 + 0.2, None, "/: expected 0.3, got 0.30000000000000004"),
        (1.0, 1.5, 0.5, ""),
        (1.0, 1.75, 0.5, "/: expected 1.0, got 1.75 (tolerance 0.5)"),
        (2**53 - 1, 2**53 - 2, None, "/: expected 9007199254740991, got 9007199254740990"),
        (1, True, None, "/: expected 1, got True"),
        (None, False, None, "/: expected None, got False"),
        ("a", "b", 9, "/: expected 'a', got 'b'"),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, None, "/a/1/b: expected 2, got 3"),
        ({"a": 1}, {}, None, "/a: is missing"),
        ({}, {"a/b": 1}, None, "/a~1b: is not expected"),
        ([1, 2], [1], None, "/: expected 2 items, got 1"),
        ([1], [1, 2], None, "/: expected 1 items, got 2"),
        ({}, [], None, "/: expected {}, got []"),
    ],
)
def test_differences_in_words(
    expected: Any, actual: Any, tolerance: float | None, detail: str
) -> None:
    found = compare(expected, actual, tolerance)
    assert (found.ok, found.detail) == (not detail, detail)


def test_the_largest_difference_is_kept() -> None:
    assert compare([1, 2, 3], [1.25, 2, 2.5], 1).largest_difference == 0.5
    assert compare({"a": "x"}, {"a": "x"}).largest_difference == 0


def test_long_values_are_cut() -> None:
    assert len(compare("x" * 5000, "y" * 5000).detail) < 200
