"""Who may certify, who is somebody else, what has drifted."""

import pytest

from livery.kernel.certification import (
    CertifyQuestion,
    drift,
    drift_sentence,
    independent,
    may_certify,
    may_run_stale,
)
from livery.kernel.policy import DEFAULT_POLICIES, Entities, PolicySet
from livery.manifest.capabilities import Capabilities

DEFAULTS = PolicySet.parse(DEFAULT_POLICIES)


def question(
    author: str = "author:alice", *approvers: str, **capabilities: object
) -> CertifyQuestion:
    can = Capabilities.parse(capabilities)
    return CertifyQuestion("s", "post", "1.0.0", "o", "c", "python", can, author, tuple(approvers))


@pytest.mark.parametrize(
    ("capabilities", "approvers", "allowed"),
    [
        ({}, (), True),
        ({"network": ["api.example.com"]}, (), True),
        ({"data": ["sessions"]}, (), True),
        ({"effects": ["send"]}, (), False),
        ({"credentials": ["smtp"]}, (), False),
        ({"effects": ["send"]}, ("approver:bob",), True),
        ({"credentials": ["smtp"]}, ("operator:carol",), True),
        ({"effects": ["send"]}, ("approver:alice",), False),
        ({"effects": ["send"]}, ("approver:approver",), False),
        ({"effects": ["send"]}, ("approver:alice", "approver:bob"), True),
    ],
)
def test_the_default_policy_asks_for_a_second_person(
    capabilities: dict[str, list[str]], approvers: tuple[str, ...], allowed: bool
) -> None:
    verdict = may_certify(DEFAULTS, question("author:alice", *approvers, **capabilities))
    assert verdict.allowed is allowed
    assert verdict.waiting is not allowed
    if not allowed:
        assert verdict.reasons == ("effects-and-credentials-need-a-sign-off",)


def test_no_policy_certifies_nothing() -> None:
    verdict = may_certify(PolicySet.parse(""), question())
    assert (verdict.allowed, verdict.waiting) == (False, False)
    assert verdict.reasons == ("no policy permits it",)


def test_a_sign_off_does_not_overrule_a_forbid() -> None:
    text = DEFAULT_POLICIES + (
        '@id("no-network") forbid (principal, action == Action::"certify", resource)'
        " unless { context.network.isEmpty() };"
    )
    policies = PolicySet.parse(text)
    asked = question("author:alice", "approver:bob", network=["api.example.com"], effects=["send"])
    verdict = may_certify(policies, asked)
    assert (verdict.allowed, verdict.waiting, verdict.reasons) == (False, False, ("no-network",))
    assert not may_certify(policies, question(network=["api.example.com"])).waiting


def test_a_policy_may_name_the_approvers() -> None:
    policies = PolicySet.parse(
        'permit (principal, action == Action::"certify", resource)'
        ' when { context.approvers.contains("approver:bob") };'
    )
    assert may_certify(policies, question("author:alice", "approver:bob")).allowed
    assert not may_certify(policies, question("author:alice", "approver:carol")).allowed


@pytest.mark.parametrize(
    ("approver", "author", "other"),
    [
        ("approver:bob", "author:alice", True),
        ("approver:alice", "author:alice", False),
        ("operator:alice", "author:alice", False),
        ("approver:Alice", "author:alice", False),
        ("approver: alice ", "author:alice", False),
        ("approver:al\u200bice", "author:alice", False),
        ("approver:ａｌｉｃｅ", "author:alice", False),
        ("approver:a.l.i.c.e", "author:alice", False),
        ("approver:approver", "author:alice", False),
        ("approver:", "author:alice", False),
        ("approver:—", "author:alice", False),
        ("approver:李雷", "author:韩梅梅", True),
        ("approver:李雷", "author:李雷", False),
        ("release:livery-0.1.0", "platform:seed", True),
    ],
)
def test_another_person(approver: str, author: str, other: bool) -> None:
    assert independent(approver, author) is other


def test_what_drifted() -> None:
    now = {"engine": "1", "checks": "a", "dependencies": "x"}
    assert drift(now, now) == ()
    assert drift({}, now) == ("checks", "dependencies", "engine")
    assert drift({**now, "dependencies": "y"}, now) == ("dependencies",)
    # What does not matter here any more is no drift.
    assert drift({**now, "gone": "1"}, now) == ()


def test_the_sentence_names_it_and_the_way_out() -> None:
    said = drift_sentence(("dependencies", "scanners"), "add@1.0.0")
    assert said == (
        "The certificate of add@1.0.0 is stale: the installed dependencies, the scanner policy changed since it was"
        " signed. Certify it again: livery skills certify add@1.0.0"
    )
    assert "what it rested on has changed" in drift_sentence((), "add@1.0.0")


def test_stale_runs_only_where_a_policy_says_so() -> None:
    graph = Entities.parse(
        [
            {"uid": {"type": "User", "id": "u"}, "attrs": {}, "parents": [{"type": "Role", "id": "operator"}]},
            {
                "uid": {"type": "Skill", "id": "s"},
                "attrs": {"key": "s", "owner": "o", "category": "c", "runtime": "python", "effects": []},
                "parents": [],
            },
        ]
    )  # fmt: skip
    ask = ('User::"u"', 'Skill::"s"', "w")
    assert not may_run_stale(DEFAULTS, *ask, ("dependencies",), graph)
    kind = PolicySet.parse(
        DEFAULT_POLICIES
        + 'permit (principal in Role::"operator", action == Action::"run_stale", resource)'
        ' when { ["dependencies"].containsAll(context.drifted) };'
    )
    assert may_run_stale(kind, *ask, ("dependencies",), graph)
    assert not may_run_stale(kind, *ask, ("dependencies", "scanners"), graph)
