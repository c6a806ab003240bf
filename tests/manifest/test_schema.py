from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livery.manifest.errors import ContractInvalid, LiveryError
from livery.manifest.schema import DIALECT, MAX_VIOLATIONS, compile_schema

ADD: dict[str, Any] = {
    "type": "object",
    "properties": {"a": {"type": "number", "minimum": 0}, "b": {"type": "number"}},
    "required": ["a", "b"],
    "additionalProperties": False,
}


def places(schema: Any, value: object) -> list[tuple[str, str]]:
    found = compile_schema(schema).violations(value)
    return [(item.pointer, item.message) for item in found]


def test_what_fits_has_no_violations() -> None:
    validator = compile_schema(ADD)
    assert validator.is_valid({"a": 1, "b": 2.5})
    assert validator.violations({"a": 1, "b": 2.5}) == ()


def test_violations_are_sorted_and_point_at_the_member() -> None:
    assert places(ADD, {"b": "x", "a": -1, "z/y": 1, "c": 2}) == [
        ("/a", "the value is less than the minimum of 0"),
        ("/b", 'the value is not of type "number"'),
        ("/c", "is not allowed here"),
        ("/z~1y", "is not allowed here"),
    ]
    assert places(ADD, {"a": 1}) == [("", '"b" is a required property')]


def test_nested_places() -> None:
    schema = {"properties": {"rows": {"items": {"properties": {"n": {"type": "integer"}}}}}}
    assert places(schema, {"rows": [{"n": 1}, {"n": "x"}]}) == [
        ("/rows/1/n", 'the value is not of type "integer"')
    ]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"properties": {"password": {"type": "integer"}}}, {"password": "hunter2"}),
        ({"enum": ["a"]}, "hunter2"),
        ({"const": 1}, ["hunter2"]),
        ({"pattern": "^x"}, "hunter2"),
        ({"maxLength": 2}, "hunter2"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "hunter2"),
        ({"items": {"type": "integer"}}, ["hunter2"]),
        ({"format": "date"}, "hunter2"),
    ],
)
def test_messages_never_repeat_the_value(schema: Any, value: object) -> None:
    found = places(schema, value)
    assert found
    assert "hunter2" not in str(found)


@pytest.mark.parametrize(
    ("schema", "value", "pointers"),
    [
        ({"additionalProperties": False}, {"b": 1, "a": 2}, ["/a", "/b"]),
        ({"properties": {"x": {"additionalProperties": False}}}, {"x": {"q": 1}}, ["/x/q"]),
        ({"properties": {"x": False}}, {"x": 1}, ["/x"]),
        (
            {"properties": {"additionalProperties": False}},
            {"additionalProperties": 5},
            ["/additionalProperties"],
        ),
        (False, {"a": 1}, [""]),
        ({"items": False}, [1], ["/0"]),
        ({"unevaluatedProperties": False}, {"a": 1}, ["/a"]),
        ({"patternProperties": {"^y": True}, "additionalProperties": False}, {"a": 1}, ["/a"]),
    ],
)
def test_every_unexpected_member_has_its_place(
    schema: Any, value: object, pointers: list[str]
) -> None:
    assert places(schema, value) == [(pointer, "is not allowed here") for pointer in pointers]


def test_a_secret_in_a_key_is_not_repeated() -> None:
    found = places({"additionalProperties": False}, {"AKIAIOSFODNN7EXAMPLE": 1})
    assert found == [("/[redacted]", "is not allowed here")]


def test_the_number_and_length_of_violations_are_bounded() -> None:
    found = compile_schema({"items": {"type": "integer"}}).violations(["x"] * 1000)
    assert len(found) == MAX_VIOLATIONS
    assert len(compile_schema({"additionalProperties": False}).violations(
        {str(number): 1 for number in range(500)})) == MAX_VIOLATIONS  # fmt: skip
    (long,) = compile_schema({"required": ["x" * 5000]}).violations({})
    assert len(long.message) == 300


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        ({"a": float("nan"), "b": 1}, "/a"),
        ({"a": 1, "b": object()}, "/b"),
        ({1: 2}, ""),
        ({"a": "\ud800"}, "/a"),
        (object(), ""),
    ],
)
def test_what_is_not_json_is_invalid_and_no_crash(value: object, pointer: str) -> None:
    validator = compile_schema(ADD)
    assert not validator.is_valid(value)
    assert [item.pointer for item in validator.violations(value)] == [pointer]


def test_too_deep_a_value_is_a_violation() -> None:
    value: object = 1
    for _ in range(10_000):
        value = [value]
    (violation,) = compile_schema({"type": "object"}).violations(value)
    assert "nested deeper" in violation.message


def test_references_inside_the_document_work() -> None:
    schema = {
        "$defs": {"node": {"properties": {"next": {"$ref": "#/$defs/node"}}, "type": "object"}},
        "$ref": "#/$defs/node",
    }
    assert compile_schema(schema).is_valid({"next": {"next": {}}})
    assert places(schema, {"next": {"next": 1}}) == [
        ("/next/next", 'the value is not of type "object"')
    ]


@pytest.mark.parametrize(
    "reference",
    [
        "http://127.0.0.1:9/x.json",
        "https://example.com/schema",
        "file:///etc/passwd",
        "other.json",
        "//host/x",
        "urn:x:y",
        "ftp://x/y",
    ],
)
def test_a_reference_to_the_outside_is_refused_at_its_place(reference: str) -> None:
    with pytest.raises(ContractInvalid) as caught:
        compile_schema({"properties": {"a/b": {"anyOf": [{"$ref": reference}]}}})
    assert caught.value.code == "contract_invalid"
    assert [item.pointer for item in caught.value.violations] == ["/properties/a~1b/anyOf/0/$ref"]


def test_an_identifier_does_not_make_the_outside_inside() -> None:
    with pytest.raises(ContractInvalid):
        compile_schema({"$id": "https://example.com/a", "$ref": "b"})
    assert compile_schema(
        {"$id": "https://example.com/a", "$ref": "b", "$defs": {"b": {"$id": "b"}}}
    ).is_valid(1)


def test_a_reference_that_leads_nowhere_is_refused() -> None:
    with pytest.raises(ContractInvalid, match="does not hold") as caught:
        compile_schema({"$ref": "#/nope"})
    assert "/nope" in caught.value.violations[0].message


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        ({"type": "foo"}, "/type"),
        ({"properties": {"a": {"minimum": "x"}}}, "/properties/a/minimum"),
        ({"required": "a"}, "/required"),
        ({"pattern": "("}, "/pattern"),
        # the linear engine has no look-around and no back-references
        ({"pattern": "(?=a)b"}, "/pattern"),
        ({"pattern": r"(a)\1"}, "/pattern"),
        ({"pattern": "a{1000}{1000}{1000}"}, "/pattern"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "/$schema"),
        ({"$schema": 5}, "/$schema"),
        ({"maximum": float("nan")}, "/maximum"),
        ({"const": "\0"}, "/const"),
        ([], ""),
        (None, ""),
        ("{}", ""),
    ],
)
def test_what_is_no_schema_is_refused_at_its_place(schema: Any, pointer: str) -> None:
    with pytest.raises(ContractInvalid) as caught:
        compile_schema(schema)
    assert [item.pointer for item in caught.value.violations] == [pointer]


@pytest.mark.parametrize("schema", [True, {}, {"$schema": DIALECT}, {"$schema": DIALECT + "#"}])
def test_the_open_schemas(schema: Any) -> None:
    assert compile_schema(schema).is_valid({"x": 1})


def test_false_accepts_nothing() -> None:
    assert not compile_schema(False).is_valid(1)
    assert len(compile_schema(False).violations(1)) == 1


@pytest.mark.timeout(20)
def test_a_catastrophic_pattern_is_harmless() -> None:
    validator = compile_schema({"pattern": "^(a+)+$"})
    assert not validator.is_valid("a" * 100_000 + "b")


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}]},
        {"not": {"$ref": "#"}},
        {"$dynamicAnchor": "x", "$dynamicRef": "#x"},
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
    ],
)
def test_circular_schemas_do_not_run_forever(schema: Any) -> None:
    compile_schema(schema).violations({"a": [1]})


KEYWORDS = st.sampled_from(
    [
        *("type", "properties", "items", "required", "enum", "const", "$ref", "anyOf", "pattern"),
        *("minimum", "$defs", "additionalProperties", "format", "$id", "$anchor", "if", "then"),
    ]
)
SCHEMAS = st.recursive(
    st.booleans()
    | st.integers()
    | st.sampled_from(["object", "string", "#", "#/$defs/a", "http://x/y", "a+", "(", "date", ""])
    | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(KEYWORDS | st.just("a"), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(SCHEMAS, st.recursive(st.none() | st.integers() | st.text(max_size=3),
                             lambda i: st.lists(i, max_size=2) | st.dictionaries(
                                 st.text(max_size=2), i, max_size=2), max_leaves=5))  # fmt: skip
def test_any_schema_compiles_or_is_refused(schema: object, value: object) -> None:
    try:
        validator = compile_schema(schema)
    except LiveryError as fault:
        places_ = fault.violations
        assert places_
        return
    assert validator.is_valid(value) == (not validator.violations(value))
