"""The decision: a pure function of request, facts and time.

Every door ends here, and a run begins only with the `Permit` that this module alone can make.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from livery.kernel.certification import drift_sentence
from livery.kernel.outward import refused_target
from livery.kernel.policy import Entities, PolicySet, PolicyVerdict
from livery.kernel.standing import StandingApproval, admitting, is_standing
from livery.manifest.canonical import NotIJson, canonical_json
from livery.manifest.capabilities import Capabilities, CapabilityUse, closure
from livery.manifest.denylist import find_secret
from livery.manifest.errors import Violation
from livery.manifest.schema import Validator


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked: who calls which skill, where, with what."""

    principal: str  # Cedar uid, e.g. 'Agent::"…"'
    workspace: str
    args: Any
    dry_run: bool = False
    approval_id: str | None = None
    role: str = ""  # of the caller, for words


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """The newest certificate of the version's digest; `drifted` names what it rests on that is another now."""

    state: str  # valid | stale | revoked; anything else is why it counts for nothing
    expires_at: datetime
    drifted: tuple[str, ...] = ()
    pins: Mapping[str, Any] = field(default_factory=dict)
    """What it pins of the world outside of the package, such as the tool of a remote server."""


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the decision depends on besides the request; immutable, kept with the execution contract.

    `required` is what the contract declares, `granted` the ceiling of the caller (None: no ceiling).
    `estimate` is in micro-USD.
    """

    skill_key: str
    version: str
    digest: str
    version_status: str
    certificate: CertificateFacts | None
    runtime_bound: bool
    entitled: bool
    agent_status: str | None
    kill_switch: str | None
    required: Capabilities
    granted: Capabilities | None
    input_schema: Validator
    policies: PolicySet
    entities: Entities
    resource: str
    estimate: int
    stale_may_run: bool = False
    code_grant: str | None = None
    """`always_allow` or `deny`: what somebody decided about just this code, for just this caller."""
    code_asks: bool = False
    """This code runs only where a grant admits it, or an approval of the call does."""
    standing: tuple[StandingApproval, ...] = ()
    """The standing approvals of this caller's scope, digest and policy."""
    review_policy: str = "standing"
    private_targets: frozenset[str] = frozenset()
    """Hosts, with or without port, that the operator allows although they are private."""


class Permit:
    """Proof that the kernel allowed this call; the journal begins nothing without one."""

    __slots__ = ("approval_id", "args_hash", "args_json", "digest", "estimate", "policies")

    def __init__(
        self,
        key: object,
        args_json: bytes,
        args_hash: str,
        facts: Facts,
        approval_id: str | None,
        policies: tuple[str, ...],
    ) -> None:
        if key is not _KERNEL:
            raise TypeError("Only livery.kernel.decide makes a Permit.")
        self.args_json = args_json
        self.args_hash = args_hash
        self.digest = facts.digest
        # A dry run has no effect, but it runs: it is metered like any other.
        self.estimate = facts.estimate
        self.approval_id = approval_id
        self.policies = policies


_KERNEL = object()


@dataclass(frozen=True, slots=True)
class Denial:
    """A refusal: its code, the reasons in words, and where in the input. `approval_required` asks for an approval."""

    code: str
    reasons: tuple[str, ...]
    violations: tuple[Violation, ...] = ()
    args_json: bytes | None = None
    args_hash: str | None = None
    policies: tuple[str, ...] = ()
    """The policies that denied, or that want an approval besides the floor."""
    remedy: str | None = None
    """The way out, where the code's own is not the best one."""


Decision = Permit | Denial


def decide(
    request: Request, facts: Facts, now: datetime, *, integrity: str | None = None
) -> Decision:
    """Decide one call. `integrity` says what is wrong with the code on disk, None where its digest holds.

    The order is fixed, so that one call always gets one code: switches, standing of the skill, input, secrets,
    capabilities, policy, target, approval. Budget and approval are settled by the journal inside the transaction.
    """
    standing = _standing(facts, now)
    if standing is not None:
        return standing
    if integrity is not None:
        return Denial("security_hash_mismatch", (integrity,))
    try:
        args_json = canonical_json(request.args)
    except NotIJson as error:
        violation = Violation(error.pointer, error.reason)
        return Denial(
            "tool_input_invalid", (f"{error.pointer or '/'}: {error.reason}",), (violation,)
        )
    args_hash = "sha256:" + sha256(args_json).hexdigest()
    refusal = _input(request, facts) or _capabilities(facts)
    if refusal is None:
        return _policy(request, facts, args_json, args_hash, now)
    if refusal.code == "secret_in_payload":
        return refusal  # what held a secret is not kept, not even its hash
    return Denial(refusal.code, refusal.reasons, refusal.violations, args_json, args_hash)


def _standing(facts: Facts, now: datetime) -> Denial | None:
    if facts.kill_switch is not None:
        return Denial("kill_switch", (facts.kill_switch,))
    if facts.agent_status is not None and facts.agent_status not in ("active", "degraded"):
        return Denial("agent_paused", (f"The hired agent is {facts.agent_status}.",))
    if not facts.entitled:
        return Denial(
            "skill_not_allowed", (f"The hired agent is not entitled to {facts.skill_key}.",)
        )
    if facts.version_status == "revoked":
        return Denial("skill_revoked", (f"{facts.skill_key}@{facts.version} was revoked.",))
    certificate = facts.certificate
    if facts.version_status not in ("certified", "deprecated"):
        return Denial(
            "skill_not_certified",
            (f"{facts.skill_key}@{facts.version} is {facts.version_status}, not certified.",),
        )
    if certificate is None:
        return Denial(
            "skill_not_certified",
            (f"{facts.skill_key}@{facts.version} has no certificate for this code.",),
        )
    if certificate.state == "revoked":
        return Denial(
            "skill_revoked", (f"The certificate of {facts.skill_key}@{facts.version} was revoked.",)
        )
    if certificate.expires_at <= now:
        return Denial(
            "skill_not_certified",
            (f"The certificate expired at {certificate.expires_at.isoformat()}.",),
        )
    if certificate.state == "stale" and not facts.stale_may_run:
        return Denial(
            "skill_not_certified",
            (drift_sentence(certificate.drifted, f"{facts.skill_key}@{facts.version}"),),
        )
    if certificate.state not in ("valid", "stale"):
        return Denial("skill_not_certified", (f"The certificate is {certificate.state}.",))
    if not facts.runtime_bound:
        return Denial("executor_unbound", (f"No executor runs {facts.skill_key} here.",))
    if facts.code_grant not in (None, "always_allow"):
        return Denial(
            "approval_denied", (f"This code of {facts.skill_key} was denied here, once for all.",)
        )
    return None


def _asks(facts: Facts) -> bool:
    return facts.code_asks and facts.code_grant != "always_allow"


def _input(request: Request, facts: Facts) -> Denial | None:
    # The denylist first: a schema violation must never quote a secret.
    pointer = find_secret(request.args)
    if pointer is not None:
        return Denial(
            "secret_in_payload",
            (f"The input holds a raw secret at {pointer}.",),
            (Violation(pointer, "a raw secret; pass a credential_ref instead"),),
        )
    if facts.input_schema.is_valid(request.args):
        return None
    violations = facts.input_schema.violations(request.args)
    return Denial(
        "tool_input_invalid",
        tuple(f"{violation.pointer or '/'}: {violation.message}" for violation in violations[:5]),
        violations,
    )


def _capabilities(facts: Facts) -> Denial | None:
    if facts.granted is None:
        return None
    missing = closure(facts.granted, _uses(facts.required))
    if not missing:
        return None
    named = ", ".join(f"{use.kind}:{use.value}" for use in missing)
    return Denial("skill_capability_denied", (f"The caller is not granted {named}.",))


def _uses(required: Capabilities) -> list[CapabilityUse]:
    kinds = ("tools", "data", "network", "credentials", "effects", "storage", "filesystem")
    return [CapabilityUse(kind, value) for kind in kinds for value in getattr(required, kind)]


def _policy(
    request: Request, facts: Facts, args_json: bytes, args_hash: str, now: datetime
) -> Decision:
    """What the policies say, under the floor: whatever they permit, an effect has an approval or does not begin."""
    effect = bool(facts.required.effects) or is_standing(request.approval_id)
    needed = _asks(facts) or (effect and not request.dry_run)
    approval = _approval(request, facts, now)
    approved = approval is not None
    verdict = _ask(request, facts, approved)
    if verdict.allowed and (approved or not needed):
        # A dry run has no effect, so it uses up no approval, unless the code itself had to be admitted.
        used = approval if needed or not request.dry_run else None
        return _target(request, facts, args_json, args_hash) or Permit(
            _KERNEL, args_json, args_hash, facts, used, verdict.policies
        )
    asking = verdict.policies if not verdict.allowed else ()
    if needed and not approved and not verdict.errors:
        # Would an approval be enough? Only then is one asked for.
        verdict = _ask(request, facts, approved=True)
        if verdict.allowed:
            code, reason = _wanting(request, facts)
            wanting = Denial(code, (reason,), (), args_json, args_hash, asking)
            return _target(request, facts, args_json, args_hash) or wanting
    if verdict.errors:
        reasons = tuple(f"A policy could not be evaluated: {error}" for error in verdict.errors)
    else:
        who = f"the role {request.role}" if request.role else "this caller"
        nobody = f"no policy permits {who} to run {facts.skill_key}"
        reasons = (f"Denied by policy: {', '.join(verdict.policies) or nobody}.",)
    return Denial("policy_denied", reasons, (), args_json, args_hash, verdict.policies)


def _approval(request: Request, facts: Facts, now: datetime) -> str | None:
    """The approval that this call comes with: the one it names, or a standing one that admits it.

    A standing approval admits an effect, never code.
    """
    named = request.approval_id
    if named is not None and not is_standing(named):
        return named
    if not facts.standing or request.dry_run or _asks(facts):
        return None
    return admitting(facts.standing, facts.required, facts.review_policy, request.args, now, named)


def _target(request: Request, facts: Facts, args_json: bytes, args_hash: str) -> Denial | None:
    """A target that will be refused is refused before anybody is asked, and before an approval is used up."""
    if request.dry_run or not facts.required.network:
        return None
    found = refused_target(facts.required, request.args, facts.private_targets)
    if found is None:
        return None
    said, remedy, pointer = found
    if pointer is None:
        return Denial("provider_policy_denied", (said,), (), args_json, args_hash, remedy=remedy)
    violation = Violation(pointer, said)
    reason = f"{pointer}: {said}"
    return Denial(
        "tool_input_invalid", (reason,), (violation,), args_json, args_hash, remedy=remedy
    )


def _ask(request: Request, facts: Facts, approved: bool) -> PolicyVerdict:
    return facts.policies.decide(
        request.principal,
        'Action::"execute"',
        facts.resource,
        _context(request.workspace, facts.estimate, request.dry_run, approved),
        facts.entities,
    )


def _wanting(request: Request, facts: Facts) -> tuple[str, str]:
    if is_standing(request.approval_id):
        # It ran out, was revoked, or is for another target, version, policy or caller.
        return "approval_invalid", f"{request.approval_id} does not admit this call, or no longer."
    if facts.required.effects and not request.dry_run:
        named = ", ".join(facts.required.effects)
        reason = f"The effect {named} needs an approval of exactly these arguments."
        return "approval_required", reason
    reason = f"The code of {facts.skill_key} needs an approval of this call, or a grant."
    return "approval_required", reason


def _context(workspace: str, estimate: int, dry_run: bool, approved: bool) -> str:
    # Written by hand because it is asked on every call; workspace is a UUID, so nothing needs escaping.
    flags = (
        f'"dry_run":{"true" if dry_run else "false"},"approved":{"true" if approved else "false"}'
    )
    return (
        f'{{"workspace":{{"__entity":{{"type":"Workspace","id":"{workspace}"}}}},'
        f'"estimate_usd_micros":{estimate},{flags}}}'
    )
