"""The floor: no effect begins without an approval, whatever the policies say; and they can only take away."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kernel.test_decide import NOW, WORKSPACE, code, facts, graph, request

from livery.kernel.decide import Denial, Permit, Request, decide
from livery.kernel.policy import DEFAULT_POLICIES, PolicySet, PolicyVerdict
from livery.kernel.policy_cases import check_cases, require_floor, run_cases
from livery.manifest.capabilities import EFFECTS, Capabilities

# What somebody might write to get around the approval: each permits the operator's call of the skill "s".
SPARING = {
    "everything": "permit (principal, action, resource);",
    "one skill by its key": DEFAULT_POLICIES.replace(
        "unless { resource.effects.isEmpty()", 'unless { resource.key == "s" || resource.effects.isEmpty()'
    ),
    "one skill by its id": 'permit (principal, action, resource == Skill::"s");',
    "one caller": 'permit (principal == User::"p", action, resource);',
    "one role": 'permit (principal in Role::"operator", action, resource);',
    "one runtime": 'permit (principal, action, resource) when { resource is Skill && resource.runtime == "python" };',
    "the unapproved only": 'permit (principal, action == Action::"execute", resource) when { !context.approved };',
    "one workspace": 'permit (principal, action == Action::"execute", resource)'
    f' when {{ context.workspace == Workspace::"{WORKSPACE}" }};',
    "small sums": 'permit (principal, action == Action::"execute", resource)'
    " when { context.estimate_usd_micros < 1000000 };",
    "no forbid": DEFAULT_POLICIES.replace('@id("effects-need-an-approval")\nforbid', '@id("x")\npermit'),
}  # fmt: skip


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize("name", SPARING)
def test_no_policy_spares_an_effect_its_approval(name: str, effect: str) -> None:
    policies = PolicySet.parse(SPARING[name])
    declared = Capabilities.parse({"effects": [effect]})
    known = facts(policies=policies, required=declared, entities=graph((effect,)))
    # The text does permit it: without the floor this call would begin.
    assert code(request(), facts(policies=policies, entities=graph((effect,)))) is None
    denial = decide(request(), known, NOW)
    assert isinstance(denial, Denial)
    if name == "the unapproved only":  # with an approval it is denied, so nobody is asked in vain
        assert denial.code == "policy_denied"
        return
    assert denial.code == "approval_required"
    assert denial.reasons == (f"The effect {effect} needs an approval of exactly these arguments.",)
    permit = decide(request(approval_id="APR-1"), known, NOW)
    assert isinstance(permit, Permit)
    assert permit.approval_id == "APR-1"


@pytest.mark.parametrize("name", SPARING)
def test_the_floor_goes_by_the_contract_and_not_by_what_the_policies_are_told(name: str) -> None:
    """Entities that say a skill has no effects do not lift the floor."""
    known = facts(
        policies=PolicySet.parse(SPARING[name]),
        required=Capabilities.parse({"effects": ["send"]}),
        entities=graph(()),
    )
    assert code(request(), known) in ("approval_required", "policy_denied")


PARTS = [
    *SPARING.values(),
    'forbid (principal, action == Action::"execute", resource) unless { context.approved };',
    'forbid (principal, action == Action::"execute", resource) when { context.approved };',
    'forbid (principal, action == Action::"execute", resource) when { context.dry_run };',
    'forbid (principal, action, resource) when { resource is Skill && resource.effects.contains("send") };',
    'permit (principal, action == Action::"execute", resource) when { context.dry_run };',
    "forbid (principal, action, resource);",
]
PARSED = [PolicySet.parse(part) for part in PARTS]
BOTH = {
    (i, j): PolicySet.parse(
        f"{PARTS[i]}\n{PARTS[j]}".replace("@id(", "@note(")  # ids must not repeat
    )
    for i in range(len(PARTS))
    for j in range(i, len(PARTS), 3)
}


@settings(max_examples=1500, deadline=None)
@given(
    st.sampled_from(list(BOTH)),
    st.lists(st.sampled_from(EFFECTS), max_size=3, unique=True),
    st.booleans(),
    st.none() | st.sampled_from(["APR-1", ""]),
    st.booleans(),
    st.sampled_from([None, "always_allow"]),
)
def test_a_permit_of_an_effect_always_carries_an_approval(
    which: Any, effects: list[str], dry: bool, approval: str | None, asks: bool, grant: str | None
) -> None:
    declared = Capabilities.parse({"effects": effects})
    known = facts(
        policies=BOTH[which],
        required=declared,
        entities=graph(tuple(effects)),
        code_asks=asks,
        code_grant=grant,
    )
    asked = Request('User::"p"', WORKSPACE, {"a": 1}, dry, approval, "operator")
    decision = decide(asked, known, NOW)
    if isinstance(decision, Permit):
        if effects and not dry:
            assert decision.approval_id == approval is not None
        # Policies only take away: all together permitted it, and without the floor nothing more is permitted.
        verdict = known.policies.decide(
            asked.principal, 'Action::"execute"', known.resource,
            f'{{"workspace":{{"__entity":{{"type":"Workspace","id":"{WORKSPACE}"}}}},'
            f'"estimate_usd_micros":{known.estimate},"dry_run":{str(dry).lower()},'
            f'"approved":{str(approval is not None).lower()}}}',
            known.entities,
        )  # fmt: skip
        assert verdict.allowed
    elif decision.code == "approval_required":
        assert approval is None
        assert (effects and not dry) or (asks and grant != "always_allow")
        # Nobody is asked in vain: with an approval it is permitted.
        assert isinstance(decide(replace(asked, approval_id="APR-9"), known, NOW), Permit)


class Counting:
    """Counts what the policies are asked."""

    def __init__(self, inner: PolicySet) -> None:
        self.inner, self.asked = inner, 0

    def decide(self, *question: Any) -> PolicyVerdict:
        self.asked += 1
        return self.inner.decide(*question)


@pytest.mark.parametrize(
    ("asked", "effects"),
    [
        (request(), ()),
        (request(dry_run=True), ("send",)),
        (request(approval_id="APR-1"), ("send",)),
    ],
)
def test_what_is_allowed_costs_one_question(asked: Request, effects: tuple[str, ...]) -> None:
    counting: Any = Counting(PolicySet.parse(DEFAULT_POLICIES))
    declared = Capabilities.parse({"effects": list(effects)})
    known = facts(policies=counting, required=declared, entities=graph(effects))
    assert isinstance(decide(asked, known, NOW), Permit)
    assert counting.asked == 1


def test_a_caller_whom_nothing_permits_hears_of_the_role_and_not_of_the_effect() -> None:
    sending = {
        "required": Capabilities.parse({"effects": ["send"]}),
        "entities": graph(("send",), role="author"),
    }
    denial = decide(request(role="author"), facts(**sending), NOW)
    assert isinstance(denial, Denial)
    assert denial.code == "policy_denied"
    assert denial.reasons == ("Denied by policy: no policy permits the role author to run s.",)
    assert code(request(role="author", dry_run=True), facts(**sending)) is None
    nameless = decide(request(), facts(policies=PolicySet.parse("")), NOW)
    assert isinstance(nameless, Denial)
    assert nameless.reasons == ("Denied by policy: no policy permits this caller to run s.",)


def test_which_policy_asks_is_named_beside_the_floor() -> None:
    sending = {
        "required": Capabilities.parse({"effects": ["send"]}),
        "entities": graph(("send",)),
    }
    denial = decide(request(), facts(**sending), NOW)
    assert isinstance(denial, Denial)
    assert denial.policies == ("effects-need-an-approval",)
    spared = decide(
        request(), facts(**sending, policies=PolicySet.parse(SPARING["everything"])), NOW
    )
    assert isinstance(spared, Denial)
    assert (spared.code, spared.policies) == ("approval_required", ())


def test_cases_and_previews_answer_as_the_kernel_does() -> None:
    """A text that spares a skill by its key passes the cases that are made up; a run of it still asks."""
    text = SPARING["one skill by its key"]
    require_floor(PolicySet.parse(text))  # that check knows no keys: it cannot find this
    case = {
        "name": "the spared skill asks",
        "role": "operator",
        "skill": {"key": "s", "effects": ["send"]},
    }
    [result] = run_cases(PolicySet.parse(text), check_cases([{**case, "expect": "approval"}]))
    assert (result.got, result.ok) == ("approval", True)
    [plain] = run_cases(
        PolicySet.parse(text), check_cases([{**case, "approved": True, "expect": "allow"}])
    )
    assert plain.ok
