"""What certification decides purely: whether policy lets a version be certified, and what its evidence rests on."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from livery.kernel.policy import Entities, PolicySet, PolicyVerdict
from livery.manifest.capabilities import Capabilities

_PLATFORM = 'Platform::"certification"'
_BASIS_WORDS = {
    "engine": "the certification engine",
    "checks": "the set of checks",
    "scanners": "the scanner policy",
    "dependencies": "the installed dependencies",
}


@dataclass(frozen=True, slots=True)
class CertifyQuestion:
    """A version whose checks have run. `author` and `approvers` are labels, `role:name`."""

    skill_id: str
    skill_key: str
    version: str
    owner: str
    category: str
    runtime: str
    capabilities: Capabilities
    author: str
    approvers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CertifyVerdict:
    """`waiting`: policy would let it be certified if somebody other than the author signed it off."""

    allowed: bool
    waiting: bool
    reasons: tuple[str, ...]


def may_certify(policies: PolicySet, question: CertifyQuestion) -> CertifyVerdict:
    """Ask `certify`. A sign-off counts where it is by another person than the author; agents sign nothing off."""
    signed = any(independent(approver, question.author) for approver in question.approvers)
    verdict = _ask(policies, question, signed_off=signed)
    if verdict.allowed:
        return CertifyVerdict(True, False, verdict.policies)
    if verdict.errors:
        reasons = tuple(f"A policy could not be evaluated: {error}" for error in verdict.errors)
        return CertifyVerdict(False, False, reasons)
    waiting = not signed and _ask(policies, question, signed_off=True).allowed
    return CertifyVerdict(False, waiting, verdict.policies or ("no policy permits it",))


def may_run_stale(
    policies: PolicySet,
    principal: str,
    resource: str,
    workspace: str,
    drifted: Sequence[str],
    entities: Entities,
) -> bool:
    """Ask `run_stale`: whether this caller may run a version whose certificate is stale."""
    context = {
        "workspace": {"__entity": {"type": "Workspace", "id": workspace}},
        "drifted": list(drifted),
    }
    question = (principal, 'Action::"run_stale"', resource, json.dumps(context), entities)
    return policies.evaluate(*question).allowed


def independent(approver: str, author: str) -> bool:
    """Whether two labels name two people. Role, case, width, spaces and invisible characters make no other person.

    A name that is only the role's (a token made without one) names nobody.
    """
    role, _, name = approver.partition(":")
    person, writer = _person(name), _person(author.partition(":")[2] or author)
    return bool(person) and person not in (_person(role), writer)


def drift(then: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """What a certificate rests on that is another now: the names of what differs, sorted. No basis is all of it."""
    return tuple(sorted(name for name in now if then.get(name) != now[name]))


def drift_sentence(drifted: Sequence[str], badge: str) -> str:
    """Why a certificate is stale, and the way out."""
    named = ", ".join(_BASIS_WORDS.get(name, name) for name in drifted)
    cause = f"{named} changed since it was signed" if named else "what it rested on has changed"
    return f"The certificate of {badge} is stale: {cause}. Certify it again: livery skills certify {badge}"


def _person(name: str) -> str:
    plain = unicodedata.normalize("NFKC", name).casefold()
    return "".join(char for char in plain if char.isalnum())


def _ask(policies: PolicySet, question: CertifyQuestion, *, signed_off: bool) -> PolicyVerdict:
    uid = {"type": "Skill", "id": question.skill_id}
    can = question.capabilities
    entities = Entities.parse(
        [
            {
                "uid": uid,
                "attrs": {
                    "key": question.skill_key,
                    "owner": question.owner,
                    "category": question.category,
                    "runtime": question.runtime,
                    "effects": list(can.effects),
                },
                "parents": [],
            }
        ]
    )
    context = {
        "version": question.version,
        "author": question.author,
        "approvers": list(question.approvers),
        "signed_off": signed_off,
        "has_code": question.runtime != "instructions",
        "credentials": list(can.credentials),
        "network": list(can.network),
        "data": list(can.data),
    }
    resource = f'Skill::"{question.skill_id}"'
    # Asked once a certification: the bare evaluation, so that the memo stays the hot path's.
    return policies.evaluate(
        _PLATFORM, 'Action::"certify"', resource, json.dumps(context), entities
    )
