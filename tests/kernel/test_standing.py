"""Standing approvals: what can have one, what one admits, and that it admits nothing else."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kernel.test_decide import NOW, facts, graph, request

from livery.kernel.decide import Denial, Facts, Permit, decide
from livery.kernel.policy import DEFAULT_POLICIES, PolicySet
from livery.kernel.standing import StandingApproval, admitting, why_not
from livery.manifest.capabilities import EFFECTS, Capabilities
from livery.manifest.schema import compile_schema

HOST = "hooks.example.com"
SENDS = Capabilities.parse({"effects": ["send"], "network": ["input:/url"]})
LATER = NOW + timedelta(hours=1)
ONE = StandingApproval("STA-1", HOST, LATER)


def sending(**changes: Any) -> Facts:
    known = facts(
        required=SENDS,
        entities=graph(("send",)),
        input_schema=compile_schema(True),
        standing=(ONE,),
    )
    return replace(known, **changes)


def to(url: Any, **more: Any) -> Any:
    return request({"url": url, "payload": {"n": 1}}, **more)


def verdict(asked: Any, known: Facts) -> str | None:
    """The approval that admits it, or the code of the refusal."""
    decision = decide(asked, known, NOW)
    return decision.approval_id if isinstance(decision, Permit) else decision.code


@pytest.mark.parametrize(
    ("effects", "review", "possible"),
    [
        (("send",), "standing", True),
        (("send",), "fixed", False),
        ((), "standing", False),
        (("send", "write"), "standing", False),
        *(((effect,), "standing", effect == "send") for effect in EFFECTS),
    ],
)
def test_what_can_have_one(effects: tuple[str, ...], review: str, possible: bool) -> None:
    refused = why_not(effects, review)
    assert (refused is None) == possible
    if refused is not None:
        assert all(part.endswith((".", "…")) for part in refused)


UNSENDABLE = [
    f"https://{HOST}@evil.example/",
    f"https://evil.example@{HOST}/",
    f"https://user:pw@{HOST}/",
    f"https://evil.example\\@{HOST}/",
    f"https://{HOST}\\.evil.example/",
    f"ftp://{HOST}/",
    f"//{HOST}/",
    HOST,
    "",
    "https://hооks.example.com/",
    f"https://{HOST}%2eevil.example/",
    f"https://{HOST}\u3002evil.example/",
]


@pytest.mark.parametrize(
    ("url", "admitted"),
    [
        (f"https://{HOST}/orders", True),
        (f"http://{HOST}/orders", True),
        (f"https://{HOST}:443/", True),
        (f"HTTPS://{HOST.upper()}/", True),
        (f"https://{HOST}:8443/", False),
        (f"https://{HOST}:80/", False),
        (f"https://{HOST}./", False),
        (f"https://sub.{HOST}/", False),
        (f"https://{HOST}.evil.example/", False),
        (f"https://evil.example/{HOST}", False),
        (f"https://{HOST}@evil.example/", False),
        (f"https://evil.example@{HOST}/", False),
        (f"https://user:pw@{HOST}/", False),
        (f"https://evil.example#@{HOST}/", False),
        (f"https://evil.example\\@{HOST}/", False),
        (f"https://{HOST}\\.evil.example/", False),
        (f"ftp://{HOST}/", False),
        (f"//{HOST}/", False),
        (HOST, False),
        ("", False),
        ([f"https://{HOST}/"], False),
        (None, False),
        (7, False),
        ("https://hооks.example.com/", False),  # Cyrillic
        (f"https://{HOST}%2eevil.example/", False),
        (f"https://{HOST}\u3002evil.example/", False),
    ],
)
def test_the_target_is_the_registered_one_to_the_letter(url: Any, admitted: bool) -> None:
    # What can never be sent is refused before anybody is asked.
    refused = "tool_input_invalid" if url in UNSENDABLE else "approval_required"
    assert verdict(to(url), sending()) == ("STA-1" if admitted else refused)


def test_a_call_that_could_reach_more_is_not_admitted() -> None:
    both = Capabilities.parse({"effects": ["send"], "network": ["input:/url", "other.example"]})
    url = f"https://{HOST}/"
    assert verdict(to(url), sending(required=both)) == "approval_required"
    fixed = Capabilities.parse({"effects": ["send"], "network": [HOST]})
    assert verdict(to(url), sending(required=fixed)) == "STA-1"
    nowhere = Capabilities.parse({"effects": ["send"]})
    assert verdict(to(url), sending(required=nowhere)) == "approval_required"
    two = Capabilities.parse({"effects": ["send"], "network": ["input:/url", "input:/copy"]})
    assert verdict(to(url), sending(required=two)) == "STA-1"
    asked = request({"url": url, "copy": "https://evil.example/"})
    assert verdict(asked, sending(required=two)) == "approval_required"


def test_it_ends_at_its_moment() -> None:
    tick = timedelta(microseconds=1)
    for expires, expected in (
        (NOW - tick, "approval_required"),
        (NOW, "approval_required"),
        (NOW + tick, "STA-1"),
    ):
        item = StandingApproval("STA-1", HOST, expires)
        assert verdict(to(f"https://{HOST}/"), sending(standing=(item,))) == expected


def test_the_first_to_end_is_used_and_a_named_one_is_that_one() -> None:
    soon = StandingApproval("STA-2", HOST, NOW + timedelta(minutes=1))
    known = sending(standing=(ONE, soon, StandingApproval("STA-3", "other.example", NOW)))
    url = f"https://{HOST}/"
    assert verdict(to(url), known) == "STA-2"
    assert verdict(to(url, approval_id="STA-1"), known) == "STA-1"
    assert verdict(to(url, approval_id="STA-3"), known) == "approval_invalid"
    assert verdict(to(url, approval_id="STA-9"), known) == "approval_invalid"
    assert verdict(to(url, approval_id="STA-"), known) == "approval_invalid"
    # An approval of the action itself goes first, and is not mixed up with a standing one.
    assert verdict(to(url, approval_id="APR-1"), known) == "APR-1"
    assert (
        verdict(to(url, approval_id="sta-1"), known) == "sta-1"
    )  # the journal knows none of that name


def test_a_dry_run_uses_none() -> None:
    permit = decide(to(f"https://{HOST}/", dry_run=True), sending(), NOW)
    assert isinstance(permit, Permit)
    assert permit.approval_id is None
    named = decide(to(f"https://{HOST}/", dry_run=True, approval_id="STA-1"), sending(), NOW)
    assert isinstance(named, Permit)
    assert named.approval_id is None


def test_a_skill_without_an_effect_cannot_be_called_by_one() -> None:
    plain = facts(input_schema=compile_schema(True), standing=(ONE,))
    assert verdict(to(f"https://{HOST}/"), plain) is None
    assert verdict(to(f"https://{HOST}/", approval_id="STA-1"), plain) == "approval_invalid"


def test_it_admits_no_code() -> None:
    known = sending(code_asks=True)
    assert verdict(to(f"https://{HOST}/"), known) == "approval_required"
    assert verdict(to(f"https://{HOST}/", approval_id="STA-1"), known) == "approval_invalid"
    assert verdict(to(f"https://{HOST}/"), replace(known, code_grant="always_allow")) == "STA-1"


def test_a_policy_can_only_take_away() -> None:
    closed = PolicySet.parse(DEFAULT_POLICIES + "forbid (principal, action, resource);")
    assert verdict(to(f"https://{HOST}/"), sending(policies=closed)) == "policy_denied"
    nobody = PolicySet.parse("")
    assert verdict(to(f"https://{HOST}/"), sending(policies=nobody)) == "policy_denied"


def test_a_contract_that_is_fixed_is_asked_about_each_time() -> None:
    url = f"https://{HOST}/"
    assert verdict(to(url), sending(review_policy="fixed")) == "approval_required"
    denial = decide(to(url, approval_id="STA-1"), sending(review_policy="fixed"), NOW)
    assert isinstance(denial, Denial)
    assert denial.code == "approval_invalid"


@settings(max_examples=1500, deadline=None)
@given(
    st.lists(st.sampled_from(EFFECTS), max_size=2, unique=True),
    st.sampled_from(["standing", "fixed"]),
    st.sampled_from([f"https://{HOST}/", f"https://{HOST}:1/", "https://evil.example/", ""]),
    st.sampled_from([HOST, f"{HOST}:1", "evil.example"]),
    st.integers(-2, 2),
    st.booleans(),
    st.none() | st.sampled_from(["STA-1", "STA-2"]),
)
def test_what_is_admitted_fits_in_every_part(
    effects: list[str],
    review: str,
    url: str,
    target: str,
    minutes: int,
    dry: bool,
    named: str | None,
) -> None:
    declared = Capabilities.parse({"effects": effects, "network": ["input:/url"]})
    item = StandingApproval("STA-1", target, NOW + timedelta(minutes=minutes))
    known = sending(
        required=declared, entities=graph(tuple(effects)), standing=(item,), review_policy=review
    )
    fits = (
        effects == ["send"]
        and review == "standing"
        and not dry
        and minutes > 0
        and url == f"https://{target}/"
        and named != "STA-2"
    )
    decision = decide(to(url, dry_run=dry, approval_id=named), known, NOW)
    used = decision.approval_id if isinstance(decision, Permit) else None
    assert used == ("STA-1" if fits else None)
    lets = fits or dry or (not effects and named is None and url != "")
    assert isinstance(decision, Permit) == lets


def test_nothing_known_admits_nothing() -> None:
    assert admitting((), SENDS, "standing", {"url": f"https://{HOST}/"}, NOW) is None
