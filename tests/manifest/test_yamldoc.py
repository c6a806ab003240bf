import json
import re

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from livery.manifest.yamldoc import (
    MAX_BYTES,
    MAX_FAULTS,
    MAX_NODES,
    MAX_YAML_DEPTH,
    YamlDoc,
    load_yaml,
)


def value_of(text: str) -> object:
    doc = load_yaml(text)
    assert doc.faults == []
    return doc.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("# only a comment", None),
        ("a: 1\nb: [x, 'y', \"z\\n\"]\n", {"a": 1, "b": ["x", "y", "z\n"]}),
        ("a: {b: {c: []}, d: {}}", {"a": {"b": {"c": []}, "d": {}}}),
        ("- 1\n- -2\n- +3\n- 0\n", [1, -2, 3, 0]),
        ("[1.5, -0.25, 1e3, 2.5E-2]", [1.5, -0.25, 1000.0, 0.025]),
        ("[true, True, FALSE, null, ~, '']", [True, True, False, None, None, ""]),
        ("a:\nb: ''\n", {"a": None, "b": ""}),
        ("['1', \"true\", '2026-01-01', 'on']", ["1", "true", "2026-01-01", "on"]),
        ("a: !!str 010", {"a": "010"}),
        ("a: ! x", {"a": "x"}),
        ("a: |\n  two\n  lines\n", {"a": "two\nlines\n"}),
        ("a: >-\n  one\n  line\n", {"a": "one line"}),
        ("%YAML 1.1\n---\na: 1\n...\n", {"a": 1}),
        ("\ufeffa: 1", {"a": 1}),
        ("a: 1.2.3", {"a": "1.2.3"}),
        ("a: 1:30x", {"a": "1:30x"}),
        ("a: scripts/skill.py:run", {"a": "scripts/skill.py:run"}),
        ("'true': 1", {"true": 1}),
        ("a: " + "9" * 100 + "x", {"a": "9" * 100 + "x"}),
    ],
)
def test_values(text: str, value: object) -> None:
    assert value_of(text) == value


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\na: 2", 2, "the key 'a' appears twice"),
        ("x:\n  a: 1\n  'a': 2", 3, "appears twice"),
        ("a: on", 1, "boolean to some"),
        ("a: No", 1, "boolean to some"),
        ("on: 1", 1, "boolean to some"),
        ("1: x", 1, "the key 1 is not a text"),
        ("null: x", 1, "the key null is not a text"),
        ("a: 2026-01-01", 1, "a date to some"),
        ("a: 2026-01-01T00:00:00Z", 1, "a date to some"),
        ("a: 010", 1, "octal"),
        ("a: 0o17", 1, "octal"),
        ("a: 0x1F", 1, "hexadecimal"),
        ("a: 0b11", 1, "binary"),
        ("a: 1_000", 1, "a number to some"),
        ("a: 12:30:45", 1, "base-60"),
        ("a: 1.", 1, "half a number"),
        ("a: .5", 1, "half a number"),
        ("a: .inf", 1, "JSON does not have"),
        ("a: -.INF", 1, "JSON does not have"),
        ("a: .NaN", 1, "JSON does not have"),
        ("a: 1e999", 1, "too large for a double"),
        ("a: 9007199254740992", 1, "beyond 2^53"),
        ("a: " + "9" * 5000, 1, "beyond 2^53"),
        ("a: {<<: {b: 1}}", 1, "special meaning"),
        ("a: =", 1, "special meaning"),
        ("x: 1\na: &b 1\nc: *b", 2, "anchors and aliases"),
        ("a: *nope", 1, "anchors and aliases"),
        ("a: &x [*x]", 1, "anchors and aliases"),
        ("a: !!python/object/apply:os.system ['id']", 1, "is not supported"),
        ("a: !!binary aGk=", 1, "is not supported"),
        ("a: !!int 1", 1, "is not supported"),
        ("a: !mine {b: 1}", 1, "is not supported"),
        ("? [a]\n: 1", 1, "a key must be a text"),
        ("{{a: 1}: 2}", 1, "a key must be a text"),
        ("a: 1\n---\nb: 2", 2, "more than one document"),
        ("a: [1,", 1, "not YAML"),
        ("a: 1\n b: 2", 2, "not YAML"),
        ("a: 'x", 1, "not YAML"),
        ("a: \tx: y", 1, "not YAML"),
        ("a: \x01", 1, "not YAML"),
        ("a: \ud800", 1, "not YAML"),
        ('b: 1\na: "\\0"', 2, "NUL"),
        ('a: "\\uFFFE"', 1, "noncharacter"),
    ],
)
def test_faults_have_lines(text: str, line: int, message: str) -> None:
    faults = load_yaml(text).faults
    assert faults
    assert message in faults[0].message
    assert abs(faults[0].line - line) <= (1 if "not YAML" in message else 0)


def test_several_faults_are_told_at_once() -> None:
    faults = load_yaml("a: on\nb: 010\nc: ok\na: 1\n").faults
    assert [fault.line for fault in faults] == [1, 2, 4]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (b"\xff\xfe", "is not UTF-8"),
        ("a: é".encode("latin-1"), "is not UTF-8"),
        ("x" * (MAX_BYTES + 1), "larger than"),
        ("[" * (MAX_YAML_DEPTH + 1), "nested deeper"),
        ("[" * 200_000, "nested deeper"),
        ("{a: " * 60_000, "nested deeper"),
        ("- " * 100_000, "nested deeper"),
        ("[" + "1," * MAX_NODES + "]", "more than"),
        ("[" + "on," * 1000 + "]", "boolean"),
    ],
)
def test_limits(source: str | bytes, message: str) -> None:
    faults = load_yaml(source).faults
    assert message in faults[0].message
    assert len(faults) <= MAX_FAULTS


def test_not_utf_8_is_reported_at_its_line() -> None:
    assert load_yaml(b"a: 1\nb: \xff").faults[0].line == 2


def test_the_line_of_a_place_or_of_its_nearest_parent() -> None:
    doc = load_yaml("a: 1\nb:\n  - x\n  - c/d: 1\n    ~e: 2\n")
    assert doc.line_of("/b") == 2
    assert doc.line_of("/b/1") == 4
    assert doc.line_of("/b/1/c~1d") == 4
    assert doc.line_of("/b/1/~0e") == 5
    assert doc.line_of("/b/1/~0e/deeper/still") == 5
    assert doc.line_of("/nope") == 1
    assert doc.line_of("") == 1
    assert YamlDoc().line_of("/x") == 1


def test_flow_collections_are_noted() -> None:
    assert load_yaml("a: 1\nb: [x]\nc:\n  - {d: 1}\n").flow == [2, 4]


def test_all_text_reads_scalars_as_strictyaml_does() -> None:
    doc = load_yaml("a: on\nb: 2026-01-01\nc: 010\nd:\n1: true\n", all_text=True)
    assert doc.faults == []
    assert doc.value == {"a": "on", "b": "2026-01-01", "c": "010", "d": "", "1": "true"}


JSONS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="ascii", min_codepoint=32), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(st.characters(codec="ascii", min_codepoint=32), max_size=5), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@given(JSONS)
def test_json_is_yaml_and_reads_as_the_same_value(value: object) -> None:
    assert value_of(json.dumps(value)) == value


@given(st.dictionaries(st.text(st.characters(codec="ascii", categories=("Ll",)), min_size=1,
                               max_size=5), JSONS, max_size=4))  # fmt: skip
def test_what_pyyaml_writes_reads_back_or_is_a_told_surprise(value: object) -> None:
    written = yaml.safe_dump(value, allow_unicode=True)
    # PyYAML writes the text "1e5" without quotes; to JSON, which is YAML too, that is a number.
    assume(not re.search(r"(?<![\w.'])-?\d+[eE][+-]?\d+(?![\w.'])", written))
    doc = load_yaml(written)
    assert doc.value == value or doc.faults
