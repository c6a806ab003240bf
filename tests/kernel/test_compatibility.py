"""What a new interface breaks: each kind by hand, and containment against the validator as an oracle."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from livery.kernel.compatibility import breaks, next_line, same_line
from livery.kernel.subsumption import gaps
from livery.manifest.errors import ContractInvalid
from livery.manifest.schema import compile_schema
from livery.manifest.semver import parse_semver

NUMBER = {"type": "number"}
OPEN = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}}}
CLOSED = {**OPEN, "additionalProperties": False}


def inputs(old: Any, new: Any) -> list[tuple[str, str]]:
    same = {"type": "object"}
    found = breaks({"input": old, "output": same}, {"input": new, "output": same})
    return [(item.pointer.removeprefix("/interface/input"), item.message) for item in found]


def outputs(old: Any, new: Any) -> list[tuple[str, str]]:
    same = {"type": "object"}
    found = breaks({"input": same, "output": old}, {"input": same, "output": new})
    return [(item.pointer.removeprefix("/interface/output"), item.message) for item in found]


def obj(required: tuple[str, ...] = (), closed: bool = False, **properties: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        found["required"] = list(required)
    return {**found, "additionalProperties": False} if closed else found


A = "/properties/a"
INPUT = [
    (obj(a=NUMBER), obj(("a",), a=NUMBER), A, "input: `a` is now required"),
    (CLOSED, obj(closed=True, b={"type": "string"}), A, "input: `a` is no longer accepted"),
    (
        obj(a={"type": ["integer", "string"]}),
        obj(a={"type": "string"}),
        A,
        "input: `a` accepted integer or string, accepts now only string",
    ),
    (
        obj(a=NUMBER),
        obj(a={"type": "integer"}),
        A,
        "input: `a` accepted number, accepts now only integer",
    ),
    (obj(a={"enum": ["x", "y"]}), obj(a={"enum": ["y"]}), A, 'input: `a` no longer accepts "x"'),
    (obj(a={"enum": [1, True]}), obj(a={"const": 1}), A, "input: `a` no longer accepts true"),
    (
        obj(a={"type": "string"}),
        obj(a={"type": "string", "enum": ["y"]}),
        A,
        'input: `a` accepts now only "y"',
    ),
    (
        obj(a={"type": "number", "minimum": 0}),
        obj(a={"type": "number", "minimum": 1}),
        A,
        "input: `a`: the minimum is now 1, was 0",
    ),
    (
        obj(a={"type": "number"}),
        obj(a={"type": "number", "exclusiveMaximum": 9}),
        A,
        "input: `a`: the exclusive maximum is now 9, was none",
    ),
    (
        obj(a={"type": "string", "maxLength": 9}),
        obj(a={"type": "string", "maxLength": 8}),
        A,
        "input: `a`: the longest length is now 8, was 9",
    ),
    (
        obj(a={"type": "string"}),
        obj(a={"type": "string", "pattern": "^x"}),
        A,
        'input: `a`: the pattern is now "^x", was none',
    ),
    (
        obj(a={"type": "array", "items": NUMBER}),
        obj(a={"type": "array", "items": {"type": "string"}}),
        f"{A}/items",
        "input: `a[]` accepted number, accepts now only string",
    ),
    (OPEN, CLOSED, "/additionalProperties", "input: `*` is no longer accepted"),
    (
        obj(a=NUMBER),
        obj(a={**NUMBER, "x-unit": "kg"}),
        A,
        "input: `a`: `x-unit` changed, cannot be shown compatible",
    ),
    (
        obj(a={**NUMBER, "x-unit": "kg"}),
        obj(a=NUMBER),
        A,
        "input: `a`: `x-unit` changed, cannot be shown compatible",
    ),
    (
        obj(a={"not": {"const": 1}}),
        obj(a={"not": {"const": 2}}),
        A,
        "input: `a`: `not` changed, cannot be shown compatible",
    ),
    (
        obj(**{"a/b~": NUMBER}),
        obj(**{"a/b~": {"type": "string"}}),
        "/properties/a~1b~0",
        "input: `a/b~` accepted number, accepts now only string",
    ),
]


@pytest.mark.parametrize(
    ("old", "new", "pointer", "message"), INPUT, ids=[case[3] for case in INPUT]
)
def test_an_input_that_breaks_is_named(old: Any, new: Any, pointer: str, message: str) -> None:
    assert inputs(old, new) == [(pointer, message)]


OUTPUT = [
    (obj(("a",), a=NUMBER), obj(a=NUMBER), A, "output: `a` is no longer always there"),
    (obj(a=NUMBER, b=NUMBER), obj(b=NUMBER), A, "output: `a` was removed"),
    (
        obj(closed=True, a=NUMBER, b=NUMBER),
        obj(closed=True, b=NUMBER),
        A,
        "output: `a` was removed",
    ),
    (
        obj(a={"type": "integer"}),
        obj(a={"type": ["integer", "null"]}),
        A,
        "output: `a` was integer, may now be integer or null",
    ),
    (obj(a={"enum": [1]}), obj(a={"enum": [1, 2]}), A, "output: `a` may now be 2"),
    (
        obj(a={"type": "number", "maximum": 1}),
        obj(a={"type": "number"}),
        A,
        "output: `a`: the maximum was 1, is now none",
    ),
    (
        obj(closed=True, b=NUMBER),
        obj(closed=True, a=NUMBER, b=NUMBER),
        A,
        "output: `a` is new where nothing more was promised (additionalProperties: false)",
    ),
]


@pytest.mark.parametrize(
    ("old", "new", "pointer", "message"), OUTPUT, ids=[case[3] for case in OUTPUT]
)
def test_an_output_that_breaks_is_named(old: Any, new: Any, pointer: str, message: str) -> None:
    assert outputs(old, new) == [(pointer, message)]


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        (CLOSED, OPEN),
        (obj(("a",), a=NUMBER), obj(a=NUMBER)),
        (obj(a=NUMBER), obj(a=NUMBER) | {"title": "T", "description": "D", "default": {}}),
        ({"type": "integer", "exclusiveMinimum": 0}, {"type": "integer", "minimum": 1}),
        ({"type": "integer"}, NUMBER),
        ({"multipleOf": 4}, {"multipleOf": 2}),
        ({"anyOf": [{"type": "null"}, NUMBER]}, {"type": ["number", "null"]}),
        ({"type": ["number", "null"]}, {"anyOf": [{"type": "null"}, NUMBER]}),
        ({"type": ["number", "null"]}, {"oneOf": [{"type": "null"}, NUMBER]}),
        ({"enum": ["a", "b"]}, {"type": "string", "maxLength": 1}),
        ({"type": "boolean"}, {"enum": [True, False, 3]}),
        ({"allOf": [{"minimum": 3}, NUMBER]}, {"type": "number", "minimum": 2}),
        ({"$defs": {"N": NUMBER}, "$ref": "#/$defs/N"}, NUMBER),
        (
            {"prefixItems": [NUMBER], "items": False, "type": "array"},
            {"type": "array", "items": NUMBER},
        ),
        (False, CLOSED),
        (CLOSED, True),
        (
            {"type": "object", "patternProperties": {"^a": NUMBER}, "additionalProperties": False},
            {"type": "object", "additionalProperties": NUMBER},
        ),
        (
            {"type": "object", "dependentRequired": {"a": ["b", "c"]}},
            {"type": "object", "dependentRequired": {"a": ["b"]}},
        ),
    ],
)
def test_what_is_wider_is_compatible(narrow: Any, wide: Any) -> None:
    assert gaps(narrow, wide) == ()


TREE = {
    "$defs": {
        "T": obj(("v",), v=NUMBER, kids={"type": "array", "items": {"$ref": "#/$defs/T"}}),
    },
    "$ref": "#/$defs/T",
}


def test_a_recursive_schema_is_compared_by_induction() -> None:
    wider = {
        **TREE,
        "$defs": {
            "T": obj(v={"type": ["number", "null"]}, kids=TREE["$defs"]["T"]["properties"]["kids"])
        },
    }
    assert gaps(TREE, wider) == ()
    assert {gap.keyword for gap in gaps(wider, TREE)} == {"required", "type"}


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ({"$ref": "#"}, {"$ref": "#", "title": "no way out"}),
        ({"$anchor": "a", "type": "object"}, {"type": "object"}),
        ({"$ref": "#/$defs/missing"}, NUMBER),
        (
            {"allOf": [obj(a=NUMBER)], "unevaluatedProperties": False},
            {"allOf": [obj(b=NUMBER)], "unevaluatedProperties": False},
        ),
        ({"oneOf": [{"minimum": 1}, {"maximum": 2}]}, {"oneOf": [{"minimum": 1}, {"maximum": 3}]}),
    ],
)
def test_what_is_not_understood_is_not_compatible(narrow: Any, wide: Any) -> None:
    assert gaps(narrow, wide)


def test_a_reference_means_what_its_document_says() -> None:
    old = {"$defs": {"N": NUMBER}, "type": "object", "properties": {"a": {"$ref": "#/$defs/N"}}}
    new = {**old, "$defs": {"N": {"type": "string"}}}
    assert [gap.path for gap in gaps(old, new)] == [("properties", "a")]


def test_too_large_is_not_compatible() -> None:
    def grown(leaf: Any) -> Any:
        for _ in range(12):  # 2^12 ways through each of the two
            leaf = {"anyOf": [obj(a=leaf), obj(b=leaf)]}
        return leaf

    assert [gap.keyword for gap in gaps(grown(NUMBER), grown({"type": "integer"}))] == ["size"]


names = st.sampled_from(["a", "b", "c"])
scalars = st.sampled_from([None, True, False, 0, 1, 2, 1.5, 1.0, -1, "", "a", "ab", "b"])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=5,
)
small = st.integers(0, 2)
KINDS = ("null", "boolean", "integer", "number", "string", "array", "object")


def _schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    members = st.dictionaries(names, inner, max_size=2)
    some = st.lists(inner, min_size=1, max_size=2)
    keywords = {
        "type": st.sampled_from(KINDS)
        | st.lists(st.sampled_from(KINDS), min_size=1, max_size=3, unique=True),
        "enum": st.lists(scalars, min_size=1, max_size=3),
        "const": scalars,
        "minimum": small,
        "exclusiveMinimum": small,
        "maximum": small,
        "exclusiveMaximum": small,
        "multipleOf": st.sampled_from([1, 2, 0.5]),
        "minLength": small,
        "maxLength": small,
        "pattern": st.sampled_from(["a", "^a$", "b"]),
        "minItems": small,
        "maxItems": small,
        "uniqueItems": st.booleans(),
        "items": inner,
        "prefixItems": some,
        "contains": inner,
        "properties": members,
        "required": st.lists(names, max_size=2, unique=True),
        "additionalProperties": inner,
        "patternProperties": st.dictionaries(st.sampled_from(["a", "^b"]), inner, max_size=1),
        "propertyNames": st.sampled_from([{"const": "a"}, {"maxLength": 1}, {"enum": ["a", "b"]}]),
        "minProperties": small,
        "maxProperties": small,
        "dependentRequired": st.dictionaries(names, st.lists(names, max_size=1), max_size=1),
        "anyOf": some,
        "oneOf": some,
        "allOf": some,
        "not": inner,
        "if": inner,
        "then": inner,
        "$ref": st.sampled_from(["#/$defs/X", "#"]),
        "unevaluatedProperties": st.just(False),
    }
    return st.lists(st.sampled_from(sorted(keywords)), max_size=3, unique=True).flatmap(
        lambda chosen: st.fixed_dictionaries({word: keywords[word] for word in chosen})
    )


schemas = st.recursive(st.booleans() | st.just({}), _schemas, max_leaves=5)
documents = st.builds(
    lambda schema, x: {**schema, "$defs": {"X": x}} if isinstance(schema, dict) else schema,
    schemas,
    st.sampled_from(
        [{"type": "integer"}, {"type": "string"}, {"type": "object", "required": ["a"]}]
    ),
)


@st.composite
def edited(draw: st.DrawFn) -> tuple[Any, Any]:
    """A schema, and the same with some keywords of its own or of a part taken from another."""
    first, other = draw(documents), draw(documents)
    if not isinstance(first, dict) or not isinstance(other, dict) or draw(st.booleans()):
        return first, other
    kept = {word: value for word, value in first.items() if draw(st.integers(0, 3))}
    return first, {
        **kept,
        **{w: v for w, v in other.items() if draw(st.booleans())},
        "$defs": first["$defs"],
    }


def _valid(schema: Any) -> Any:
    try:
        return compile_schema(schema)
    except ContractInvalid:
        return None


@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(edited(), st.lists(values, min_size=20, max_size=40))
def test_a_yes_is_true_of_every_value(pair: tuple[Any, Any], sample: list[Any]) -> None:
    old, new = pair
    for narrow, wide in ((old, new), (new, old)):
        first, second = _valid(narrow), _valid(wide)
        if first is None or second is None or gaps(narrow, wide):
            continue
        for value in sample:
            assert not first.is_valid(value) or second.is_valid(value), (narrow, wide, value)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(documents, documents)
def test_the_same_is_compatible(first: Any, second: Any) -> None:
    interface = {"input": first, "output": second}
    assert breaks(interface, interface) == ()


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(documents)
def test_annotations_break_nothing(schema: Any) -> None:
    if isinstance(schema, dict) and "$ref" not in str(schema) and "unevaluated" not in str(schema):
        assert gaps(schema, {**schema, "title": "T", "description": "D"}) == ()


@pytest.mark.parametrize(
    ("old", "new", "line", "right"),
    [
        ("1.4.0", "1.5.0", True, "3.0.0"),
        ("1.4.0", "2.0.0", False, "3.0.0"),
        ("0.3.1", "0.3.2", True, "0.5.0"),
        ("0.3.1", "0.4.0", False, "0.5.0"),
        ("0.3.1", "1.0.0", False, "0.5.0"),
    ],
)
def test_lines(old: str, new: str, line: bool, right: str) -> None:
    known = [parse_semver(text) for text in ("0.4.9", "1.4.0", "2.1.0")]
    assert same_line(parse_semver(old), parse_semver(new)) is line
    assert str(next_line(parse_semver(old), known)) == right
