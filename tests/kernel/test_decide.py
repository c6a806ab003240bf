"""The decision: one call, one code, in a fixed order; and an answer to anything that can be asked."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livery.kernel.decide import CertificateFacts, Denial, Facts, Permit, Request, decide
from livery.kernel.policy import DEFAULT_POLICIES, Entities, PolicySet
from livery.manifest.capabilities import Capabilities
from livery.manifest.codes import CODES
from livery.manifest.schema import compile_schema

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
WORKSPACE = "01a1fcbe-ad51-71f1-8569-a7b48eb2405f"
SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer"}},
    "required": ["a"],
}
WRITES = Capabilities.parse({"effects": ["write"]})
ALLOW = PolicySet.parse(DEFAULT_POLICIES)
FORBID = PolicySet.parse(DEFAULT_POLICIES + '@id("closed") forbid (principal, action, resource);')
ERRING = PolicySet.parse(
    DEFAULT_POLICIES
    + 'forbid (principal, action == Action::"execute", resource)'
    + " when { context.estimate_usd_micros * 9223372036854775807 > 0 };"
)


def graph(effects: tuple[str, ...], role: str = "operator") -> Entities:
    skill = {
        "key": "s",
        "owner": "o",
        "category": "c",
        "runtime": "python",
        "effects": list(effects),
    }
    return Entities.parse(
        [
            {
                "uid": {"type": "User", "id": "p"},
                "attrs": {},
                "parents": [{"type": "Role", "id": role}],
            },
            {"uid": {"type": "Skill", "id": "s"}, "attrs": skill, "parents": []},
        ]
    )


PLAIN, WRITING = graph(()), graph(("write",))


def facts(**changes: Any) -> Facts:
    made = Facts(
        skill_key="s",
        version="1.0.0",
        digest="sha256:d",
        version_status="certified",
        certificate=CertificateFacts("valid", NOW + timedelta(days=1)),
        runtime_bound=True,
        entitled=True,
        agent_status=None,
        kill_switch=None,
        required=Capabilities(),
        granted=None,
        input_schema=compile_schema(SCHEMA),
        policies=ALLOW,
        entities=PLAIN,
        resource='Skill::"s"',
        estimate=250_000,
    )
    return replace(made, **changes)


def request(args: Any = None, **changes: Any) -> Request:
    return Request('User::"p"', WORKSPACE, {"a": 1} if args is None else args, **changes)


def code(asked: Request, known: Facts, **more: Any) -> str | None:
    decision = decide(asked, known, NOW, **more)
    return decision.code if isinstance(decision, Denial) else None


def test_what_is_in_order_is_permitted() -> None:
    permit = decide(request({"a": 1, "b": [True, None]}), facts(), NOW)
    assert isinstance(permit, Permit)
    text = b'{"a":1,"b":[true,null]}'
    assert permit.args_json == text
    assert permit.args_hash == "sha256:" + sha256(text).hexdigest()
    assert (permit.digest, permit.estimate, permit.approval_id) == ("sha256:d", 250_000, None)
    assert permit.policies == ("staff-execute",)


def test_a_dry_run_is_metered_and_uses_up_no_approval() -> None:
    permit = decide(request(dry_run=True, approval_id="APR-1"), facts(), NOW)
    assert isinstance(permit, Permit)
    assert (permit.estimate, permit.approval_id) == (facts().estimate, None)


# Every fault, in the order in which one of them gives the code: facts, request, integrity.
FAULTS: list[tuple[str, dict[str, Any], dict[str, Any], str | None]] = [
    ("kill_switch", {"kill_switch": "fire"}, {}, None),
    ("agent_paused", {"agent_status": "paused"}, {}, None),
    ("skill_not_allowed", {"entitled": False}, {}, None),
    ("skill_revoked", {"version_status": "revoked"}, {}, None),
    ("skill_not_certified", {"version_status": "pending_certification"}, {}, None),
    (
        "skill_revoked",
        {"certificate": CertificateFacts("revoked", NOW - timedelta(days=1))},
        {},
        None,
    ),
    ("skill_not_certified", {"certificate": CertificateFacts("valid", NOW)}, {}, None),
    (
        "skill_not_certified",
        {"certificate": CertificateFacts("stale", NOW + timedelta(days=1))},
        {},
        None,
    ),
    ("executor_unbound", {"runtime_bound": False}, {}, None),
    ("security_hash_mismatch", {}, {}, "scripts/skill.py was changed"),
    ("tool_input_invalid", {}, {"args": {"a": "\x00", "token": "x"}}, None),
    ("secret_in_payload", {}, {"args": {"a": "text", "token": "x"}}, None),
    ("tool_input_invalid", {}, {"args": {"a": "text"}}, None),
    ("skill_capability_denied", {"required": WRITES, "granted": Capabilities()}, {}, None),
    ("policy_denied", {"policies": ERRING}, {}, None),
    ("approval_required", {"required": WRITES, "entities": WRITING}, {}, None),
]


@pytest.mark.parametrize("first", range(len(FAULTS)))
def test_the_first_fault_in_order_gives_the_code(first: int) -> None:
    expected, changes, asked, integrity = FAULTS[first]
    assert code(request(**asked), facts(**changes), integrity=integrity) == expected
    # With every later fault beside it the code stays.
    for _, more, also, broken in FAULTS[first + 1 :]:
        changes = {**more, **changes}
        asked = {**also, **asked}
        integrity = integrity or broken
        assert code(request(**asked), facts(**changes), integrity=integrity) == expected


def test_every_code_is_a_code_of_the_contract() -> None:
    for expected, *_ in FAULTS:
        assert CODES[expected].status in (403, 409, 422)


@pytest.mark.parametrize("status", ["draft", "pending_certification", "deleted", "", "certified "])
def test_only_certified_and_deprecated_versions_run(status: str) -> None:
    assert code(request(), facts(version_status=status)) == "skill_not_certified"
    assert code(request(), facts(version_status="deprecated")) is None
    assert code(request(), facts(certificate=None)) == "skill_not_certified"


def test_a_certificate_ends_at_its_moment() -> None:
    tick = timedelta(microseconds=1)
    for expires, expected in (
        (NOW - tick, "skill_not_certified"),
        (NOW, "skill_not_certified"),
        (NOW + tick, None),
    ):
        assert code(request(), facts(certificate=CertificateFacts("valid", expires))) == expected


def test_a_stale_certificate_runs_where_policy_says_so() -> None:
    stale = CertificateFacts("stale", NOW + timedelta(days=1))
    assert code(request(), facts(certificate=stale)) == "skill_not_certified"
    assert code(request(), facts(certificate=stale, stale_may_run=True)) is None
    expired = CertificateFacts("stale", NOW)
    assert code(request(), facts(certificate=expired, stale_may_run=True)) == "skill_not_certified"
    strange = CertificateFacts("suspended", NOW + timedelta(days=1))
    assert code(request(), facts(certificate=strange, stale_may_run=True)) == "skill_not_certified"


@pytest.mark.parametrize(
    ("status", "expected"),
    [("active", None), ("degraded", None), (None, None), ("paused", "agent_paused"), ("ended", "agent_paused"),
     ("draft", "agent_paused"), ("", "agent_paused"), ("ACTIVE", "agent_paused")],
)  # fmt: skip
def test_the_agent(status: str | None, expected: str | None) -> None:
    assert code(request(), facts(agent_status=status)) == expected


def test_effects_need_an_approval_only_where_that_would_be_enough() -> None:
    writing = {"required": WRITES, "entities": WRITING}
    assert code(request(), facts(**writing)) == "approval_required"
    assert code(request(approval_id="APR-1"), facts(**writing)) is None
    assert code(request(dry_run=True), facts(**writing)) is None
    # Forbidden whatever is approved: nobody is asked in vain.
    assert code(request(), facts(**writing, policies=FORBID)) == "policy_denied"
    assert code(request(), facts(**writing, estimate=100_000_001)) == "policy_denied"
    denial = decide(request(), facts(**writing), NOW)
    assert isinstance(denial, Denial)
    assert denial.args_hash == "sha256:" + sha256(b'{"a":1}').hexdigest()
    assert denial.reasons == ("The effect write needs an approval of exactly these arguments.",)


def test_a_policy_that_errs_denies() -> None:
    denial = decide(request(), facts(policies=ERRING), NOW)
    assert isinstance(denial, Denial)
    assert denial.code == "policy_denied"
    assert denial.reasons[0].startswith("A policy could not be evaluated:")
    assert code(request(), facts(policies=FORBID)) == "policy_denied"
    assert code(request(), facts(policies=PolicySet.parse(""))) == "policy_denied"


def test_a_ceiling_names_what_is_beyond_it() -> None:
    required = Capabilities.parse({"effects": ["send", "write"], "network": ["example.com"]})
    granted = Capabilities.parse({"effects": ["send"]})
    denial = decide(request(), facts(required=required, granted=granted), NOW)
    assert isinstance(denial, Denial)
    assert denial.reasons == ("The caller is not granted network:example.com, effects:write.",)
    within = facts(required=WRITES, granted=WRITES, entities=PLAIN)
    assert code(request(approval_id="APR-1"), within) is None


def test_a_secret_is_in_no_part_of_the_denial() -> None:
    secret = "sk-" + "a1" * 12
    for args in (
        {"a": 1, "note": secret},
        {"a": secret},
        {"a": 1, secret: 1},
        {"a": 1, "password": "hunter2-x"},
    ):
        denial = decide(request(args), facts(), NOW)
        assert isinstance(denial, Denial)
        assert denial.code == "secret_in_payload"
        assert (denial.args_json, denial.args_hash) == (None, None)
        assert secret not in repr(denial)
        assert "hunter2" not in repr(denial)


def test_the_decision_is_a_function() -> None:
    known, asked = facts(), request({"a": "x"})
    assert decide(asked, known, NOW) == decide(asked, known, NOW)


ODD = (
    st.sampled_from(
        ["\x00", "\ud800", "\uffff", "a\x00b", "sk-" + "a1" * 12, "🦊", "__proto__", "\u202e", ""]
    )
    | st.integers(-(2**80), 2**80)
    | st.sampled_from(
        [2**53, 2**53 - 1, -(2**53), 10**400, math.nan, math.inf, -math.inf, -0.0, 5e-324, 1e308]
    )
    | st.floats()
    | st.booleans()
    | st.none()
    | st.text(st.characters(codec=None), max_size=20)
    | st.binary(max_size=8)
    | st.just(object())
    | st.sets(st.integers(), max_size=2)
    | st.tuples(st.integers())
    | st.datetimes()
)
KEYS = (
    st.text(st.characters(codec=None), max_size=8)
    | st.sampled_from(["a", "token", "password", "a\x00", "\ud800", "credential_ref", "__class__"])
    | st.integers()
    | st.none()
)
ARGS = st.recursive(
    ODD,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def answered(asked: Request, known: Facts) -> None:
    decision = decide(asked, known, NOW)
    assert isinstance(decision, Permit | Denial)
    if isinstance(decision, Denial):
        assert decision.code in CODES
        assert decision.reasons


@settings(max_examples=4000, deadline=None)
@given(ARGS)
def test_any_arguments_are_decided(args: Any) -> None:
    answered(Request('User::"p"', WORKSPACE, args), facts())


ANYTHING = facts(input_schema=compile_schema(True), required=WRITES, entities=WRITING)


@settings(max_examples=2000, deadline=None)
@given(
    st.dictionaries(st.text(max_size=6), ARGS, max_size=5),
    st.booleans(),
    st.none() | st.text(max_size=10),
)
def test_any_arguments_of_any_skill_are_decided(
    args: Any, dry_run: bool, approval_id: str | None
) -> None:
    answered(Request('User::"p"', WORKSPACE, args, dry_run, approval_id), ANYTHING)


TEXT = st.text(st.characters(codec=None), max_size=20) | st.sampled_from(
    ['"', "\\", '"}', "\x00", "\ud800", "::"]
)


@settings(max_examples=2500, deadline=None)
@given(TEXT, TEXT, TEXT, st.integers(0, 2**70))
def test_any_caller_is_decided(
    principal: str, workspace: str, resource: str, estimate: int
) -> None:
    known = facts(resource=resource, estimate=estimate)
    for who in (principal, f'User::"{principal}"'):
        answered(Request(who, workspace, {"a": 1}), known)
        decision = decide(Request(who, workspace, {"a": 1}), known, NOW)
        assert isinstance(decision, Denial) or estimate <= 100_000_000


@settings(max_examples=1500, deadline=None)
@given(
    st.sampled_from(["certified", "deprecated", "revoked", "draft", "?"]),
    st.none() | st.builds(CertificateFacts, st.sampled_from(["valid", "stale", "revoked", "?"]),
                          st.datetimes(timezones=st.just(UTC))),
    st.booleans(), st.booleans(), st.none() | st.text(max_size=6), st.none() | st.text(max_size=6), st.booleans(),
)  # fmt: skip
def test_any_standing_is_decided(
    status: str, certificate: Any, bound: bool, entitled: bool, agent: Any, switch: Any, stale: bool
) -> None:
    known = facts(
        version_status=status, certificate=certificate, runtime_bound=bound, entitled=entitled,
        agent_status=agent, kill_switch=switch, stale_may_run=stale,
    )  # fmt: skip
    answered(request(), known)
    sound = (
        switch is None
        and agent in (None, "active", "degraded")
        and entitled
        and status in ("certified", "deprecated")
        and certificate is not None
        and certificate.expires_at > NOW
        and (certificate.state == "valid" or (certificate.state == "stale" and stale))
        and bound
    )
    assert isinstance(decide(request(), known, NOW), Permit) is sound


@pytest.mark.parametrize("shape", ["list", "dict"])
def test_arguments_that_go_too_deep_or_round_are_decided(shape: str) -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep] if shape == "list" else {"a": deep}
    assert code(request({"a": deep}), facts()) == "tool_input_invalid"
    ring: Any = [] if shape == "list" else {}
    ring.append(ring) if shape == "list" else ring.update(a=ring)
    assert code(request(ring), facts()) == "tool_input_invalid"


def test_ten_thousand() -> None:
    asked = (
        test_any_arguments_are_decided, test_any_arguments_of_any_skill_are_decided, test_any_caller_is_decided,
        test_any_standing_is_decided,
    )  # fmt: skip
    assert sum(test._hypothesis_internal_use_settings.max_examples for test in asked) >= 10_000


def test_code_that_was_denied_once_for_all_does_not_run() -> None:
    assert code(request(), facts(code_grant="deny")) == "approval_denied"
    assert code(request(approval_id="APR-1"), facts(code_grant="deny")) == "approval_denied"
    assert code(request(dry_run=True), facts(code_grant="deny")) == "approval_denied"
    # What is not known is no permission.
    assert code(request(), facts(code_grant="run_once")) == "approval_denied"
    assert code(request(), facts(code_grant="deny", runtime_bound=False)) == "executor_unbound"


def test_code_that_asks_runs_with_a_grant_or_an_approval_of_the_call() -> None:
    asks = {"code_asks": True}
    assert code(request(), facts(**asks)) == "approval_required"
    assert code(request(dry_run=True), facts(**asks)) == "approval_required"
    assert code(request(), facts(**asks, code_grant="always_allow")) is None
    permit = decide(request(approval_id="APR-1"), facts(**asks), NOW)
    assert isinstance(permit, Permit)
    assert permit.approval_id == "APR-1"
    # The code runs in a dry run too: the approval that admits it is used up by that.
    permit = decide(request(approval_id="APR-1", dry_run=True), facts(**asks), NOW)
    assert isinstance(permit, Permit)
    assert permit.approval_id == "APR-1"
    # Nobody is asked in vain.
    assert code(request(), facts(**asks, policies=FORBID)) == "policy_denied"


def test_a_grant_of_code_covers_no_effect() -> None:
    granted = {"required": WRITES, "entities": WRITING, "code_grant": "always_allow"}
    for asks in (True, False):
        assert code(request(), facts(**granted, code_asks=asks)) == "approval_required"
        assert code(request(dry_run=True), facts(**granted, code_asks=asks)) is None
    assert code(request(), facts(code_grant="always_allow")) is None
