"""Test cases of a policy: what it must decide, written beside it. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from livery.kernel.policy import Entities, PolicySet, PolicyVerdict
from livery.manifest.capabilities import EFFECTS
from livery.manifest.errors import LiveryError, Violation
from livery.manifest.schema import compile_schema

_HOME: Final = "00000000-0000-0000-0000-0000000000a1"
_ELSEWHERE: Final = "00000000-0000-0000-0000-0000000000a2"
_WHO: Final = "00000000-0000-0000-0000-0000000000b1"
_SKILL: Final = "00000000-0000-0000-0000-0000000000c1"
_ROLES: Final = (
    "operator", "approver", "author", "auditor", "customer_admin", "customer_member", "agent",
)  # fmt: skip
EXPECT: Final = ("allow", "deny", "approval")

CASE_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 200},
        "role": {"enum": list(_ROLES)},
        "own_workspace": {"type": "boolean"},
        "entitled": {"type": "boolean"},
        "skill": {
            "type": "object",
            "properties": {
                "key": {"type": "string"},
                "owner": {"type": "string"},
                "category": {"type": "string"},
                "runtime": {"type": "string"},
                "effects": {"type": "array", "items": {"type": "string"}},
            },
            "additionalProperties": False,
        },
        "estimate_usd_micros": {"type": "integer", "minimum": 0},
        "dry_run": {"type": "boolean"},
        "approved": {"type": "boolean"},
        "expect": {"enum": list(EXPECT)},
    },
    "required": ["name", "role", "expect"],
    "additionalProperties": False,
}
_SCHEMA: Final = compile_schema({"type": "array", "maxItems": 500, "items": CASE_SCHEMA})


class CasesInvalid(LiveryError):
    """The cases are not well formed."""

    code = "contract_invalid"


class CasesFail(LiveryError):
    """The policy decides some cases otherwise than they say; the violations name each."""

    code = "policy_denied"


@dataclass(frozen=True, slots=True)
class Question:
    """One question to a policy set, with its entities."""

    principal: str
    resource: str
    workspace: str
    estimate: int
    dry_run: bool
    approved: bool
    effects: tuple[str, ...]
    entities: Entities


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What a case expected, and what the policy answered by which of its rules."""

    name: str
    expect: str
    got: str
    policies: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Is it as expected?"""
        return self.expect == self.got


def answer(policies: PolicySet, question: Question) -> tuple[str, tuple[str, ...]]:
    """`allow`, `deny` or `approval` (an approval is all that is missing), and the rules that decided.

    As the kernel decides: an effect without an approval is never allowed, whatever the policies permit.
    """
    verdict = _ask(policies, question, question.approved)
    missing = bool(question.effects) and not question.approved and not question.dry_run
    if verdict.allowed and not missing:
        return "allow", verdict.policies
    if missing and not verdict.errors:
        approved = _ask(policies, question, approved=True)
        if approved.allowed:
            return "approval", verdict.policies
        verdict = approved
    return "deny", verdict.policies or verdict.errors


def _ask(policies: PolicySet, question: Question, approved: bool) -> PolicyVerdict:
    context = {
        "workspace": {"__entity": {"type": "Workspace", "id": question.workspace}},
        "estimate_usd_micros": question.estimate,
        "dry_run": question.dry_run,
        "approved": approved,
    }
    return policies.evaluate(
        question.principal,
        'Action::"execute"',
        question.resource,
        json.dumps(context),
        question.entities,
    )


def check_cases(cases: object) -> list[dict[str, Any]]:
    """The cases, well formed; raises CasesInvalid with every fault and its pointer."""
    violations = _SCHEMA.violations(cases)
    if violations:
        raise CasesInvalid(message="The test cases are not well formed.", violations=violations)
    assert isinstance(cases, list)
    return cases


def run_cases(policies: PolicySet, cases: Sequence[Mapping[str, Any]]) -> list[CaseResult]:
    """Decide each case."""
    results = []
    for case in cases:
        got, named = answer(policies, _question(case))
        results.append(CaseResult(case["name"], case["expect"], got, named))
    return results


def require_cases(policies: PolicySet, cases: Sequence[Mapping[str, Any]]) -> None:
    """Raise CasesFail where a case is decided otherwise."""
    failed = [
        (index, result) for index, result in enumerate(run_cases(policies, cases)) if not result.ok
    ]
    if failed:
        raise CasesFail(
            message=f"{len(failed)} of {len(cases)} cases are decided otherwise.",
            violations=[
                Violation(
                    f"/cases/{index}",
                    f"{result.name}: expected {result.expect}, got {result.got}"
                    + (f" by {', '.join(result.policies)}" if result.policies else ""),
                )
                for index, result in failed
            ],
        )


FLOOR: Final = tuple(
    {
        "name": f"{role} does {effect} without an approval",
        "role": role,
        "skill": {"effects": [effect]},
        "expect": "deny",
    }
    for role in _ROLES
    for effect in EFFECTS
)


def require_floor(policies: PolicySet) -> None:
    """Raise CasesFail where an effect would need no approval by these policies alone.

    The floor of `kernel.decide` asks for one all the same: this tells whoever writes a policy that it does not hold.
    """
    open_ways = []
    for case in FLOOR:
        verdict = _ask(policies, _question(case), approved=False)
        if verdict.allowed:
            open_ways.append((case["name"], verdict.policies))
    if open_ways:
        raise CasesFail(
            message="Effects would need no approval by these policies.",
            violations=[
                Violation("/text", f"{name}: permitted by {', '.join(named)}")
                for name, named in open_ways[:20]
            ],
            remedy='Keep the policy with @id("effects-need-an-approval").',
        )


def _question(case: Mapping[str, Any]) -> Question:
    role, skill = case["role"], case.get("skill", {})
    home = {"type": "Workspace", "id": _HOME if case.get("own_workspace", True) else _ELSEWHERE}
    what = {
        "uid": {"type": "Skill", "id": _SKILL},
        "attrs": {
            "key": skill.get("key", "some-skill"),
            "owner": skill.get("owner", "livery"),
            "category": skill.get("category", "general"),
            "runtime": skill.get("runtime", "python"),
            "effects": skill.get("effects", []),
        },
        "parents": [],
    }
    who: dict[str, Any] = {"parents": [{"type": "Role", "id": role}]}
    if role == "agent":
        entitled = [{"__entity": {"type": "Skill", "id": _SKILL}}]
        attrs = {
            "workspace": {"__entity": home},
            "entitled": entitled if case.get("entitled", True) else [],
        }
        who |= {"uid": {"type": "Agent", "id": _WHO}, "attrs": attrs}
    else:
        customer = role.startswith("customer_")
        attrs = {"workspace": {"__entity": home}} if customer else {}
        who |= {"uid": {"type": "User", "id": _WHO}, "attrs": attrs}
    return Question(
        f'{who["uid"]["type"]}::"{_WHO}"',
        f'Skill::"{_SKILL}"',
        _HOME,
        case.get("estimate_usd_micros", 0),
        case.get("dry_run", False),
        case.get("approved", False),
        tuple(skill.get("effects", [])),
        Entities.parse([who, what]),
    )
