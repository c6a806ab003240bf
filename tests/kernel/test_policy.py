"""Policies: default deny, forbid wins, an error denies, and nothing that does not fit the schema is accepted."""

import json
from typing import Any

import cedarpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livery.kernel import policy
from livery.kernel.policy import DEFAULT_POLICIES, Entities, PolicyInvalid, PolicySet, PolicyVerdict
from livery.manifest.canonical import canonical_hash

SKILL, HOME, ELSEWHERE = 'Skill::"s"', "w1", "w2"
EXECUTE = 'Action::"execute"'


def entities(
    kind: str = "User",
    role: str = "operator",
    *,
    workspace: str | None = None,
    effects: tuple[str, ...] = (),
    entitled: tuple[str, ...] = ("s",),
) -> Entities:
    attrs: dict[str, Any] = {}
    if workspace is not None:
        attrs["workspace"] = {"__entity": {"type": "Workspace", "id": workspace}}
    if kind == "Agent":
        attrs["entitled"] = [{"__entity": {"type": "Skill", "id": item}} for item in entitled]
    return Entities.parse(
        [
            {"uid": {"type": kind, "id": "p"}, "attrs": attrs, "parents": [{"type": "Role", "id": role}]},
            {
                "uid": {"type": "Skill", "id": "s"},
                "attrs": {
                    "key": "s", "owner": "o", "category": "c", "runtime": "python", "effects": list(effects),
                },
                "parents": [],
            },
        ]
    )  # fmt: skip


def context(
    workspace: str = HOME, *, estimate: int = 0, dry_run: bool = False, approved: bool = False
) -> str:
    return json.dumps(
        {
            "workspace": {"__entity": {"type": "Workspace", "id": workspace}},
            "estimate_usd_micros": estimate,
            "dry_run": dry_run,
            "approved": approved,
        }
    )


def ask(text: str, graph: Entities | None = None, kind: str = "User", **more: Any) -> PolicyVerdict:
    policies = PolicySet.parse(text)
    return policies.decide(f'{kind}::"p"', EXECUTE, SKILL, context(**more), graph or entities(kind))


def test_nothing_is_permitted_by_no_policy() -> None:
    assert ask("") == PolicyVerdict(False, (), ())


def test_forbid_wins() -> None:
    verdict = ask(
        '@id("yes") permit (principal, action, resource); @id("no") forbid (principal, action, resource);'
    )
    assert verdict == PolicyVerdict(False, ("no",), ())


PERMIT = "permit (principal, action, resource);"
# Fits the schema, and overflows when it is evaluated: estimate * max is beyond a Long.
ERRING = (
    '(principal, action == Action::"execute", resource)'
    " when { context.estimate_usd_micros * 9223372036854775807 > 0 };"
)


def test_a_forbid_that_errs_denies_where_cedar_alone_allows() -> None:
    text = PERMIT + " forbid " + ERRING
    alone = cedarpy.is_authorized(
        {
            "principal": 'User::"p"',
            "action": EXECUTE,
            "resource": SKILL,
            "context": json.loads(context(estimate=2)),
        },
        text,
        [
            {"uid": {"type": "User", "id": "p"}, "attrs": {}, "parents": []},
            {"uid": {"type": "Skill", "id": "s"}, "attrs": {}, "parents": []},
        ],
    )
    assert alone.allowed
    assert alone.diagnostics.errors
    verdict = ask(text, estimate=2)
    assert not verdict.allowed
    assert len(verdict.errors) == 1
    # Where it does not overflow it forbids, or does not.
    assert not ask(text, estimate=1).allowed
    assert ask(text, estimate=0).allowed


def test_a_permit_that_errs_denies_too() -> None:
    verdict = ask(PERMIT + " permit " + ERRING, estimate=2)
    assert not verdict.allowed
    assert verdict.errors


@pytest.mark.parametrize(
    "text",
    [
        "permit",
        "permit (principal, action, resource)",
        "allow (principal, action, resource);",
        "permit (principal, action, resource) when { 1 };",
        "permit (principal, action, resource) when { context.colour == 1 };",
        "permit (principal, action, resource) when { resource.owner == 1 };",
        "permit (principal, action, resource) when { principal.workspace == context.workspace };",
        "permit (principal is Robot, action, resource);",
        'permit (principal, action == Action::"delete", resource);',
        'permit (principal in Team::"x", action, resource);',
        "permit (principal == ?principal, action, resource);",
        "\x00",
        "permit (principal, action, resource); garbage",
    ],
)
def test_what_does_not_parse_or_fit_is_refused(text: str) -> None:
    with pytest.raises(PolicyInvalid) as refused:
        PolicySet.parse(text)
    assert refused.value.code == "contract_invalid"


def test_the_hash_is_of_the_text() -> None:
    assert PolicySet.parse(PERMIT).hash == canonical_hash(PERMIT)
    assert PolicySet.parse(PERMIT).hash != PolicySet.parse(PERMIT + " ").hash


DEFAULTS = [
    # who, role, workspace, effects, context -> allowed
    ("User", "operator", None, (), {}, True),
    ("User", "operator", None, (), {"workspace": ELSEWHERE}, True),
    ("User", "auditor", None, (), {}, False),
    ("User", "approver", None, (), {}, False),
    ("User", "author", None, (), {}, True),
    ("User", "author", None, ("write",), {}, False),
    ("User", "author", None, ("write",), {"approved": True}, False),
    ("User", "author", None, ("write",), {"dry_run": True}, True),
    ("User", "customer_admin", HOME, (), {}, True),
    ("User", "customer_member", HOME, (), {}, True),
    ("User", "customer_member", ELSEWHERE, (), {}, False),
    ("User", "customer_member", None, (), {}, False),
    ("User", "customer_member", HOME, ("write",), {}, False),
    ("User", "customer_member", HOME, ("write",), {"approved": True}, True),
    ("User", "customer_member", HOME, ("write",), {"dry_run": True}, True),
    ("User", "operator", None, ("write",), {}, False),
    ("User", "operator", None, ("write",), {"approved": True}, True),
    ("User", "operator", None, (), {"estimate": 100_000_000}, True),
    ("User", "operator", None, (), {"estimate": 100_000_001}, False),
    ("User", "nobody", None, (), {}, False),
    ("User", "agent", HOME, (), {}, False),
    ("Agent", "agent", HOME, (), {}, True),
    ("Agent", "agent", ELSEWHERE, (), {}, False),
    ("Agent", "agent", HOME, ("send",), {}, False),
    ("Agent", "agent", HOME, ("send",), {"approved": True}, True),
    ("Agent", "customer_admin", HOME, (), {}, True),
]


@pytest.mark.parametrize(("kind", "role", "workspace", "effects", "more", "allowed"), DEFAULTS)
def test_the_default_policies(
    kind: str,
    role: str,
    workspace: str | None,
    effects: tuple[str, ...],
    more: dict[str, Any],
    allowed: bool,
) -> None:
    graph = entities(kind, role, workspace=workspace, effects=effects)
    assert ask(DEFAULT_POLICIES, graph, kind, **more).allowed is allowed


def test_an_agent_needs_its_entitlement() -> None:
    graph = entities("Agent", "agent", workspace=HOME, entitled=("other",))
    assert not ask(DEFAULT_POLICIES, graph, "Agent").allowed


def test_a_verdict_names_the_policies_by_their_ids() -> None:
    graph = entities("User", "operator", effects=("write",))
    assert ask(DEFAULT_POLICIES, graph).policies == ("effects-need-an-approval",)
    assert ask(DEFAULT_POLICIES).policies == ("staff-execute",)


def test_the_memo_answers_as_an_evaluation_and_stays_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "_MEMO_LIMIT", 8)
    policies = PolicySet.parse(DEFAULT_POLICIES)
    graph = entities()
    for _ in range(2):
        for estimate in (0, 1, 100_000_000, 100_000_001, *range(2, 30)):
            question = ('User::"p"', EXECUTE, SKILL, context(estimate=estimate), graph)
            assert policies.decide(*question) == policies.evaluate(*question)
            assert len(policies._memo) <= 8


def test_the_memo_does_not_mix_entity_graphs() -> None:
    policies = PolicySet.parse(DEFAULT_POLICIES)
    for role, allowed in (("operator", True), ("auditor", False), ("operator", True)):
        verdict = policies.decide('User::"p"', EXECUTE, SKILL, context(), entities(role=role))
        assert verdict.allowed is allowed


@settings(max_examples=500, deadline=None)
@given(st.text(max_size=80) | st.binary(max_size=80).map(lambda data: data.decode("latin-1")))
def test_any_text_is_a_policy_set_or_refused(text: str) -> None:
    try:
        policies = PolicySet.parse(text)
    except PolicyInvalid:
        return
    verdict = policies.decide('User::"p"', EXECUTE, SKILL, context(), entities())
    assert not verdict.allowed  # no random text grants anything


@settings(max_examples=300, deadline=None)
@given(principal=st.text(max_size=30), resource=st.text(max_size=30), text=st.text(max_size=60))
def test_any_question_is_answered(principal: str, resource: str, text: str) -> None:
    policies = PolicySet.parse(DEFAULT_POLICIES)
    for question in (
        (principal, EXECUTE, SKILL, context()),
        ('User::"p"', EXECUTE, resource, context()),
        ('User::"p"', text, SKILL, context()),
        ('User::"p"', EXECUTE, SKILL, text),
        (f'User::"{principal}"', EXECUTE, f'Skill::"{resource}"', context(workspace=text)),
    ):
        assert not policies.decide(*question, entities()).allowed
