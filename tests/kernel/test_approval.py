"""Who may approve, and where an action goes."""

import pytest

from livery.kernel.approval import House, Person, name_key, plain_name, refusal, targets

ANN = Person("1", "ann", "customer_admin")
OPEN, HELD = House(False, False), House(False, True)


@pytest.mark.parametrize(
    ("role", "delegated", "allowed"),
    [
        ("customer_admin", False, True),
        ("approver", False, True),
        ("operator", True, True),
        ("operator", False, False),
        ("customer_member", True, False),
        ("agent", True, False),
        ("author", True, False),
        ("auditor", True, False),
        ("", True, False),
    ],
)
@pytest.mark.parametrize("step", ["grant", "deny", "revoke"])
def test_the_role(role: str, delegated: bool, allowed: bool, step: str) -> None:
    person = Person("2", "bob", role)
    assert (refusal(step, person, ANN, House(False, delegated)) is None) is allowed


@pytest.mark.parametrize(
    ("person", "same"),
    [
        (ANN, True),
        (Person("1", "renamed", "customer_admin"), True),
        (Person("9", "ann", "customer_admin"), True),
        (Person("9", "ann", "approver"), True),
        (Person("9", "bob", "customer_admin"), False),
        (Person("", "bob", "customer_admin"), False),
    ],
)
def test_four_eyes(person: Person, same: bool) -> None:
    assert (refusal("grant", person, ANN, House(True, False)) is not None) is same
    # Stopping is never forbidden to who may decide at all.
    assert refusal("deny", person, ANN, House(True, False)) is None
    assert refusal("revoke", person, ANN, House(True, False)) is None
    assert refusal("grant", person, ANN, OPEN) is None


def test_two_whose_tokens_are_not_known_are_told_apart_by_name() -> None:
    assert not Person("", "ann", "").same_as(Person("", "bob", ""))


# What one token's keys are, as `services.identity.types.Line` gives them on.
BOSS = Person("b", "boss", "customer_admin", makers=("t:op", "n:op"))
HERS = Person("h", "helper", "customer_admin", BOSS.keys, BOSS.makers)
NEXT = Person("x", "next", "customer_member", HERS.keys, HERS.makers)
MORE = Person("m", "more", "customer_admin", BOSS.keys, BOSS.makers)
PEER = Person("p", "peer", "customer_admin", makers=("t:op", "n:op"))
THEIRS = Person("q", "their", "customer_member", PEER.keys, PEER.makers)
STAFF = Person("op", "op", "operator")
OTHER = Person("o2", "other", "approver", makers=("t:op", "n:op"))
APART = Person("o3", "apart", "approver")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (BOSS, HERS, True),  # she made it
        (BOSS, NEXT, True),  # and what it made
        (HERS, NEXT, True),
        (HERS, MORE, True),  # both are hers to use
        (NEXT, MORE, True),
        (BOSS, PEER, False),  # an operator handed both out
        (HERS, THEIRS, False),
        (BOSS, THEIRS, False),
        (PEER, THEIRS, True),
        (STAFF, BOSS, True),  # and could use either
        (STAFF, NEXT, True),
        (STAFF, OTHER, True),
        (OTHER, BOSS, False),
        (APART, BOSS, False),
        (APART, STAFF, False),
        (Person("z", "Boss ", "customer_member"), NEXT, True),  # by the name of who made it
    ],
)
def test_whoever_made_a_token_is_nobody_else(one: Person, other: Person, same: bool) -> None:
    assert one.same_as(other) is other.same_as(one) is same


@pytest.mark.parametrize(
    "name",
    [
        "T-customer_admin-acme",
        "t-Customer_Admin-ACME",
        " T-customer_admin-acme ",
        "\uff34-customer_admin-acme",
        "T-customer_admin\u200b-acme",
        "\u00a0T-customer_admin-acme\t",
    ],
)
def test_names_are_read_as_people_read_them(name: str) -> None:
    assert Person("1", name, "").same_as(Person("2", "T-customer_admin-acme", ""))
    assert not Person("1", name, "").same_as(Person("2", "T-customer_admin-acm", ""))
    assert plain_name("Ann  de\u3000Vries") == "ann de vries"
    assert name_key(" \u200b") == ""


def test_a_reason_is_a_sentence() -> None:
    for said in (
        refusal("grant", Person("2", "a", "agent"), ANN, HELD),
        refusal("grant", Person("2", "a", "operator"), ANN, OPEN),
        refusal("grant", ANN, ANN, House(True, True)),
    ):
        assert said is not None
        assert said.endswith(".")


@pytest.mark.parametrize(
    ("network", "args", "expected"),
    [
        (("api.example.com",), {}, ("api.example.com",)),
        (("input:/url",), {"url": "https://hooks.example.com/x?y"}, ("hooks.example.com",)),
        (("input:/url",), {"url": "http://127.0.0.1:8080/"}, ("127.0.0.1:8080",)),
        (("input:/url",), {"url": "https://user:pw@HOST.example/x"}, ("host.example",)),
        (("input:/a~1b/c",), {"a/b": {"c": "https://deep.example"}}, ("deep.example",)),
        (("b.example", "input:/url"), {"url": "https://a.example"}, ("a.example", "b.example")),
        (("input:/url",), {"url": "http://[::1"}, ()),
        (("input:/url",), {"url": "http://x:99999/"}, ()),
        (("input:/url",), {"url": "no url"}, ()),
        (("input:/url",), {"url": 7}, ()),
        (("input:/url",), [1], ()),
        (("input:/url",), None, ()),
    ],
)
def test_targets(network: tuple[str, ...], args: object, expected: tuple[str, ...]) -> None:
    assert targets(network, args) == expected
