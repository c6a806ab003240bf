import enum
import hashlib
import json
import struct

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from livery.manifest.canonical import (
    MAX_DEPTH,
    MAX_INT,
    NotIJson,
    canonical_hash,
    canonical_json,
    check_ijson,
    escape_pointer,
    join_pointer,
    sha256_hex,
)


def _is_character(char: str) -> bool:
    point = ord(char)
    return char != "\0" and not 0xFDD0 <= point <= 0xFDEF and point & 0xFFFE != 0xFFFE


TEXTS = st.text(st.characters(exclude_categories=("Cs",)).filter(_is_character), max_size=8)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-MAX_INT, MAX_INT)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
IJSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
ANYTHING = st.recursive(
    SCALARS | st.integers() | st.floats() | st.text(max_size=6) | st.binary(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner)
        | st.dictionaries(st.text(max_size=4) | st.integers(), inner, max_size=4)
        | st.sets(st.integers(), max_size=2)
    ),
    max_leaves=12,
)

# RFC 8785, Appendix B: IEEE 754 bits and their serialization.
APPENDIX_B = [
    ("0000000000000000", "0"),
    ("8000000000000000", "0"),
    ("0000000000000001", "5e-324"),
    ("8000000000000001", "-5e-324"),
    ("7fefffffffffffff", "1.7976931348623157e+308"),
    ("ffefffffffffffff", "-1.7976931348623157e+308"),
    ("4340000000000000", "9007199254740992"),
    ("c340000000000000", "-9007199254740992"),
    ("4430000000000000", "295147905179352830000"),
    ("44b52d02c7e14af5", "9.999999999999997e+22"),
    ("44b52d02c7e14af6", "1e+23"),
    ("44b52d02c7e14af7", "1.0000000000000001e+23"),
    ("444b1ae4d6e2ef4e", "999999999999999700000"),
    ("444b1ae4d6e2ef4f", "999999999999999900000"),
    ("444b1ae4d6e2ef50", "1e+21"),
    ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
    ("3eb0c6f7a0b5ed8d", "0.000001"),
    ("41b3de4355555553", "333333333.3333332"),
    ("41b3de4355555554", "333333333.33333325"),
    ("41b3de4355555555", "333333333.3333333"),
    ("41b3de4355555556", "333333333.3333334"),
    ("41b3de4355555557", "333333333.33333343"),
    ("becbf647612f3696", "-0.0000033333333333333333"),
    ("43143ff3c1cb0959", "1424953923781206.2"),
]


@pytest.mark.parametrize(("bits", "expected"), APPENDIX_B)
def test_numbers_of_rfc_8785_appendix_b(bits: str, expected: str) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    assert canonical_json(number) == expected.encode()


@pytest.mark.parametrize("bits", ["7fffffffffffffff", "7ff0000000000000", "fff0000000000000"])
def test_nan_and_infinity_of_appendix_b_are_refused(bits: str) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    with pytest.raises(NotIJson, match="NaN and infinity"):
        canonical_json(number)


def test_the_sample_of_rfc_8785_section_3_2_2() -> None:
    source = (
        '{"numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],'
        ' "string": "\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/",'
        ' "literals": [null, true, false]}'
    )
    expected = (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )
    assert canonical_json(json.loads(source)) == expected.encode()


def test_keys_are_sorted_by_utf_16_units_as_in_section_3_2_3() -> None:
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\x80", "\xf6"]
    ordered = json.loads(canonical_json(dict.fromkeys(names, 0)))
    assert list(ordered) == ["\r", "1", "\x80", "\xf6", "\u20ac", "\U0001f600", "\ufb33"]


def test_the_hash_is_sha_256_of_the_canonical_bytes() -> None:
    expected = hashlib.sha256(b'{"a":1,"b":2}').hexdigest()
    assert canonical_hash({"b": 2, "a": 1}) == f"sha256:{expected}"
    assert sha256_hex(b'{"a":1,"b":2}') == expected


@given(IJSON)
@example({"\x7f": '\x7f\x1f\b\t\f"\\/\u2028'})
@example({"b": [(), {}], "a": (1, 2)})
def test_every_i_json_value_gives_the_reference_bytes(value: object) -> None:
    check_ijson(value)
    assert canonical_json(value) == rfc8785.dumps(value)  # type: ignore[arg-type]


@given(IJSON)
@example(9007199254740992.0)
def test_canonical_json_reads_back_as_the_same_value(value: object) -> None:
    # JCS writes doubles from 2^53 to 10^21 without an exponent; a reader must take them as doubles.
    written = canonical_json(value)
    assert canonical_json(json.loads(written, parse_int=_integer)) == written


def _integer(digits: str) -> int | float:
    return int(digits) if abs(int(digits)) <= MAX_INT else float(digits)


def _fault(value: object) -> NotIJson | None:
    try:
        check_ijson(value)
    except NotIJson as fault:
        return fault
    return None


@given(ANYTHING)
def test_anything_else_is_refused_with_a_pointer_and_never_otherwise(value: object) -> None:
    fault = _fault(value)
    if fault is None:
        assert canonical_json(value) == rfc8785.dumps(value)  # type: ignore[arg-type]
        return
    assert fault.reason
    assert fault.pointer == "" or fault.pointer.startswith("/")
    with pytest.raises(NotIJson):
        canonical_json(value)


class Colour(enum.StrEnum):
    RED = "red"


class Count(enum.IntEnum):
    TWO = 2


@pytest.mark.parametrize(
    ("value", "pointer", "reason"),
    [
        ({"a": "x\0"}, "/a", "NUL"),
        ({"a": [1, "x\0y"]}, "/a/1", "NUL"),
        ("\0", "", "NUL"),
        ({"k\0": 1}, "", "object key holds a NUL"),
        ({"é\0": 1}, "", "object key holds a NUL"),
        ({"a": {"b/c~d": "\ud800"}}, "/a/b~1c~0d", "surrogate"),
        ({"a": {"\udfff": 1}}, "/a", "surrogate"),
        (["\ufffe"], "/0", "noncharacter"),
        (["\U0010ffff"], "/0", "noncharacter"),
        ({"a": float("nan")}, "/a", "NaN"),
        ([float("-inf")], "/0", "NaN and infinity"),
        ({"a": 2**53}, "/a", "beyond"),
        ({"a": -(2**53)}, "/a", "beyond"),
        ([2**53 + 1], "/0", "beyond"),
        (10**400, "", "beyond"),
        ({1: "x"}, "", "key is not a text"),
        ({"a": {None: 1}}, "/a", "key is not a text"),
        ({"a": b"x"}, "/a", "bytes"),
        ({"a": {1, 2}}, "/a", "set"),
        ([object()], "/0", "object"),
        # the first fault in document order is the one that is named
        ({"z": 2**60, "a": "\0"}, "/z", "beyond"),
        ([[1, "\0"], float("nan")], "/0/1", "NUL"),
    ],
)
def test_what_is_outside_i_json(value: object, pointer: str, reason: str) -> None:
    with pytest.raises(NotIJson, match=reason) as caught:
        check_ijson(value)
    assert caught.value.pointer == pointer


@pytest.mark.parametrize(
    "value",
    [
        MAX_INT,
        -MAX_INT,
        {"a": MAX_INT, "b": -MAX_INT},
        [MAX_INT],
        "\ufffd\ufdcf\U0001f600",
        {"é": "ü"},
        1e308,
        True,
        None,
        (),
        {"a": Colour.RED, "b": [Colour.RED, Count.TWO]},
        Colour.RED,
    ],
)
def test_what_is_inside_i_json(value: object) -> None:
    check_ijson(value)


def test_enumerations_are_written_as_their_values() -> None:
    assert canonical_json({"a": Colour.RED, "n": Count.TWO}) == b'{"a":"red","n":2}'


def _nested(levels: int, kind: type) -> object:
    value: object = 1
    for _ in range(levels):
        value = {"a": value} if kind is dict else [value]
    return value


@pytest.mark.parametrize("kind", [dict, list])
def test_the_depth_is_bounded(kind: type) -> None:
    check_ijson(_nested(MAX_DEPTH, kind))
    with pytest.raises(NotIJson, match="nested deeper than 128") as caught:
        check_ijson(_nested(MAX_DEPTH + 1, kind))
    assert caught.value.pointer == ("/a" if kind is dict else "/0") * MAX_DEPTH
    with pytest.raises(NotIJson, match="nested deeper"):
        canonical_json(_nested(100_000, kind))


def test_a_container_that_json_does_not_have_is_refused_by_its_type() -> None:
    class Mapping(dict):  # type: ignore[type-arg]
        pass

    with pytest.raises(NotIJson):
        check_ijson(Mapping(a=1))


def test_the_error_never_repeats_the_value() -> None:
    with pytest.raises(NotIJson) as caught:
        check_ijson({"a": "hunter2\0"})
    assert "hunter2" not in str(caught.value)


def test_pointers_are_escaped_as_rfc_6901_says() -> None:
    assert escape_pointer("a/b~c") == "a~1b~0c"
    assert join_pointer("", "a/b", 0, "m~n") == "//a~1b/0/m~0n"
    assert join_pointer() == ""
