from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livery.authoring import contract_yaml, skill
from livery.manifest.yamldoc import load_yaml


@skill(version="1.0.0", owner="on", capabilities={"storage": ["a.b"]})
def odd(mode: Literal["yes", "off", "010", "1e5", "2026-01-01", "~", "a: b", "#x", "ä"]) -> str:
    return mode


def test_the_text_reads_back_as_the_contract() -> None:
    text = contract_yaml(odd)
    doc = load_yaml(text)
    assert doc.faults == []
    assert doc.value == odd.contract
    assert text == contract_yaml(odd)
    assert text.startswith('apiVersion: livery/v1\nversion: 1.0.0\nowner: "on"\n')


def test_tests_and_release_are_kept_the_rest_is_derived() -> None:
    existing: dict[str, Any] = {
        "version": "0.0.1",
        "capabilities": {"network": ["evil.example"]},
        "tests": {"fixtures": [{"name": "x", "input": {"mode": "off"}, "output": "off"}]},
        "release": {"compatibility": "none"},
        "review_policy": "fixed",
    }
    written = load_yaml(contract_yaml(odd, existing)).value
    kept = {name: existing[name] for name in ("tests", "release", "review_policy")}
    assert written == {**odd.contract, **kept}


def test_one_object_used_twice_is_written_twice() -> None:
    shared = {"mode": "off"}
    fixtures = [{"name": str(n), "input": shared, "output": "off"} for n in range(2)]
    assert "&id" not in contract_yaml(odd, {"tests": {"fixtures": fixtures}})


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)


@given(st.dictionaries(TEXT, TEXT | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats()))
def test_any_fixture_survives_or_is_refused(value: dict[str, Any]) -> None:
    existing = {"tests": {"fixtures": [{"name": "n", "input": value, "output": 1}]}}
    try:
        text = contract_yaml(odd, existing)
    except ValueError as error:
        assert "cannot be written" in str(error)  # noqa: PT017
    else:
        assert load_yaml(text).value["tests"] == existing["tests"]


def test_what_is_no_json_is_refused() -> None:
    bad = {"tests": {"fixtures": [{"name": "n", "input": float("inf"), "output": 1}]}}
    with pytest.raises(ValueError, match="cannot be written"):
        contract_yaml(odd, bad)
