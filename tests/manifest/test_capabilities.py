import pytest
from hypothesis import given
from hypothesis import strategies as st

from livery.manifest.capabilities import (
    EFFECTS,
    KINDS,
    Capabilities,
    CapabilityUse,
    LlmGrant,
    closure,
)
from livery.manifest.errors import ContractInvalid, LiveryError, UnknownCapability

FULL = {
    "tools": ["github:create_issue", "slack:chat.postMessage"],
    "data": ["sessions"],
    "network": ["api.example.com", "localhost:8080"],
    "credentials": ["slack_bot"],
    "effects": ["send", "publish"],
    "storage": ["cache"],
    "llm": {"level": "small", "token_budget": 2000},
    "filesystem": ["output", "input"],
}


def test_the_vocabulary_is_closed() -> None:
    assert (
        *("tools", "data", "network", "credentials", "effects", "storage", "llm"),
        "filesystem",
    ) == KINDS
    assert (
        *("publish", "post", "send", "place_order", "close_position", "write", "delete"),
    ) == EFFECTS


def test_nothing_declared_allows_nothing() -> None:
    for empty in (Capabilities.parse({}), Capabilities.parse(None), Capabilities()):
        assert empty.to_dict() == {}
        assert not any(empty.allows(kind, "x") for kind in KINDS)


def test_a_full_declaration_reads_and_writes() -> None:
    grants = Capabilities.parse(FULL)
    assert grants.effects == ("publish", "send")
    assert grants.filesystem == ("input", "output")
    assert grants.llm == LlmGrant("small", 2000)
    assert Capabilities.parse(grants.to_dict()) == grants


def test_order_and_doubles_do_not_matter() -> None:
    left = Capabilities.parse({"data": ["b", "a", "b"]})
    assert left == Capabilities.parse({"data": ("a", "b")})
    assert left.to_dict() == {"data": ["a", "b"]}


def test_allows_exactly_what_is_declared() -> None:
    grants = Capabilities.parse(FULL)
    assert grants.allows("network", "api.example.com")
    assert not grants.allows("network", "example.com")
    assert not grants.allows("network", "evil.api.example.com")
    assert grants.allows("llm", "small")
    assert not grants.allows("llm", "large")
    assert not grants.allows("nuclear", "x")
    assert not grants.allows("to_dict", "x")


def test_closure_lists_what_is_not_declared_in_order() -> None:
    uses = [
        CapabilityUse("effects", "send", "scripts/skill.py:3"),
        CapabilityUse("effects", "delete", "scripts/skill.py:9"),
        CapabilityUse("network", "evil.example", "scripts/skill.py:4"),
        CapabilityUse("nuclear", "x"),
    ]
    assert closure(Capabilities.parse(FULL), uses) == tuple(uses[1:])
    assert closure(Capabilities(), []) == ()


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(UnknownCapability, match="nuclear is no capability") as caught:
        Capabilities.parse({"nuclear": ["x"], "data": "sessions"})
    pointers = [(item.pointer, item.code) for item in caught.value.violations]
    assert pointers == [("/nuclear", "unknown_capability"), ("/data", None)]


@pytest.mark.parametrize(
    ("given_", "pointer"),
    [
        ([], ""),
        ("all", ""),
        ({"data": "sessions"}, "/data"),
        ({"data": {"sessions": True}}, "/data"),
        ({"data": [1]}, "/data/0"),
        ({"data": ["ok", "not ok"]}, "/data/1"),
        ({"data": ["x"] * 257}, "/data"),
        ({"tools": ["create_issue"]}, "/tools/0"),
        ({"tools": [":x"]}, "/tools/0"),
        ({"network": ["https://api.example.com"]}, "/network/0"),
        ({"network": ["*"]}, "/network/0"),
        ({"network": ["*.example.com"]}, "/network/0"),
        ({"network": ["API.example.com"]}, "/network/0"),
        ({"network": ["api.example.com/x"]}, "/network/0"),
        ({"network": ["-a.example"]}, "/network/0"),
        ({"network": ["a..b"]}, "/network/0"),
        ({"network": ["a" * 64]}, "/network/0"),
        ({"effects": ["pay"]}, "/effects/0"),
        ({"filesystem": ["/etc"]}, "/filesystem/0"),
        ({"storage": ["a" * 65]}, "/storage/0"),
        ({"llm": True}, "/llm"),
        ({"llm": {"level": "small"}}, "/llm"),
        ({"llm": {"level": "small", "token_budget": 1, "x": 1}}, "/llm"),
        ({"llm": {"level": "Small!", "token_budget": 1}}, "/llm/level"),
        ({"llm": {"level": "small", "token_budget": 0}}, "/llm/token_budget"),
        ({"llm": {"level": "small", "token_budget": True}}, "/llm/token_budget"),
        ({"llm": {"level": "small", "token_budget": 1.5}}, "/llm/token_budget"),
        ({"llm": {"level": "small", "token_budget": 10**10}}, "/llm/token_budget"),
    ],
)
def test_malformed_grants_are_refused_at_their_place(given_: object, pointer: str) -> None:
    with pytest.raises(ContractInvalid) as caught:
        Capabilities.parse(given_)
    assert [violation.pointer for violation in caught.value.violations] == [pointer]


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.sampled_from(EFFECTS),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(KINDS) | st.text(max_size=5), JUNK, max_size=4) | JUNK)
def test_anything_is_a_grant_or_a_refusal_with_places(value: object) -> None:
    try:
        grants = Capabilities.parse(value)
    except LiveryError as fault:
        places = fault.violations
    else:
        assert Capabilities.parse(grants.to_dict()) == grants
        return
    assert places
    assert all(item.pointer == "" or item.pointer.startswith("/") for item in places)
