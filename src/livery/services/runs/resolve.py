"""Compile execution contracts, and keep them until something changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from livery.kernel.approval import Person
from livery.kernel.certification import drift, may_run_stale
from livery.kernel.decide import CertificateFacts, Facts
from livery.kernel.policy import Entities, PolicySet
from livery.kernel.standing import StandingApproval
from livery.manifest.canonical import NotIJson, canonical_hash
from livery.manifest.capabilities import Capabilities
from livery.manifest.contract import Contract, instructions_contract, parse_contract
from livery.manifest.errors import StatementInvalid
from livery.manifest.schema import Validator, compile_schema
from livery.manifest.skillmd import SkillMd
from livery.manifest.statement import verify_dsse
from livery.services.identity.access import Access
from livery.services.identity.errors import Unauthenticated
from livery.services.identity.types import AuthorizedWorkspaceId, Principal
from livery.services.runs.code_hash import code_hash, pinned_image
from livery.services.runs.errors import RunNotFound
from livery.services.runs.ports import Basis, ContractStore, Executors, Keyring
from livery.services.runs.types import Call, ExecutionContract, Granted, Resolved

_LIMIT = 4096
_INLINE_MS = 5.0


class Resolver:
    """Call -> execution contract. The cache is only a speed-up: begin compares epochs inside the transaction."""

    def __init__(
        self,
        store: ContractStore,
        access: Access,
        executors: Executors,
        keys: Keyring,
        basis: Basis,
        images: Callable[[Contract], str] | None = None,
        private_targets: frozenset[str] = frozenset(),
    ) -> None:
        """`images` names the image, by its id, that a container skill runs in here, and the engine's runtime;
        `private_targets` are those that the operator of this process allows."""
        self._private_targets = private_targets
        self._images = images or pinned_image
        self._store = store
        self._access = access
        self._executors = executors
        self._keys = keys
        self._basis = basis
        self._contracts: dict[tuple[object, ...], ExecutionContract] = {}
        self._policies: dict[str, PolicySet] = {}
        self._schemas: dict[tuple[str, str], Validator] = {}

    def forget(self) -> None:
        """Drop everything compiled from facts that may have changed."""
        self._contracts.clear()

    async def resolve(self, call: Call) -> ExecutionContract:
        """The contract of a call; raises not_found, unauthenticated."""
        agent = call.principal.hired_agent_id or call.hired_agent_id
        if call.hired_agent_id is not None and call.hired_agent_id != agent:
            raise RunNotFound(message="There is no such hired agent for this token.")
        key = (
            call.principal.token_id,
            call.workspace,
            agent,
            call.skill,
            call.version,
            call.channel,
        )
        contract = self._contracts.get(key)
        if contract is not None:
            return contract
        if not all(_storable(text) for text in (call.skill, call.version, call.channel)):
            raise RunNotFound(message="There is no skill or version of that name.")
        workspace_id = await self._access.authorize(call.principal, call.workspace)
        resolved = await self._store.resolve(call, workspace_id, agent)
        if resolved is None:
            wanted = f"{call.skill}@{call.version or call.channel}".removesuffix("@None")
            raise RunNotFound(message=f"There is no skill {wanted!r} for this caller.")
        if not resolved.token_alive:
            raise Unauthenticated
        contract = self._compile(call.principal, workspace_id, agent, resolved)
        await self._executors.prepare(contract)
        if len(self._contracts) >= _LIMIT:
            self._contracts.clear()
        self._contracts[key] = contract
        return contract

    async def recompile(
        self, call: Call, workspace_id: AuthorizedWorkspaceId, agent: UUID | None
    ) -> ExecutionContract | None:
        """What a recorded call would be decided by now, whoever's token it was; for explanations, never to run."""
        found = await self._store.resolve(call, workspace_id, agent)
        if found is None:
            return None
        contract = self._compile(call.principal, workspace_id, agent, found)
        await self._executors.prepare(contract)
        return contract

    def _compile(
        self,
        principal: Principal,
        workspace_id: AuthorizedWorkspaceId,
        agent: UUID | None,
        found: Resolved,
    ) -> ExecutionContract:
        skill_md = SkillMd(name=found.skill_key)
        contract = (
            parse_contract(found.contract, skill_md)
            if found.contract
            else instructions_contract(skill_md)
        )
        capabilities = contract.capabilities
        runtime = contract.runtime.kind
        provider = self._executors.provider(runtime)
        policies = self._policy(found.policy_text)
        certificate = self._certificate(found, runtime)
        entities = _entities(principal, workspace_id, agent, found, runtime, capabilities)
        resource = f'Skill::"{found.skill_id}"'
        code = code_hash(
            found,
            contract,
            policy_hash=policies.hash,
            workspace_id=workspace_id,
            agent=agent,
            image=self._images(contract) if runtime == "container" else "",
            basis=self._basis.of(runtime),
        )
        facts = Facts(
            skill_key=found.skill_key,
            version=found.version,
            digest=found.digest,
            version_status=found.version_status,
            certificate=certificate,
            runtime_bound=provider is not None,
            entitled=found.entitled,
            agent_status=found.agent_status,
            kill_switch=found.kill_switch,
            required=capabilities,
            granted=None,
            input_schema=self._schema(found.digest, "input", contract),
            policies=policies,
            entities=entities,
            resource=resource,
            estimate=contract.cost.estimate_usd_micros,
            code_grant=found.code_grants.get(code),
            standing=_standing(principal, found, policies.hash),
            review_policy=contract.review_policy,
            private_targets=self._private_targets,
            # A plugin is a stranger's code: an agent runs it where a person has admitted it.
            code_asks=runtime == "container" and agent is not None,
            stale_may_run=certificate is not None
            and certificate.state == "stale"
            and may_run_stale(
                policies, principal.uid, resource, str(workspace_id), certificate.drifted, entities
            ),
        )
        return ExecutionContract(
            workspace_id=workspace_id,
            hired_agent_id=agent,
            skill_key=found.skill_key,
            version=found.version,
            digest=found.digest,
            certificate_id=str(found.certificate_id or ""),
            badge=f"{found.skill_key}@{found.version}",
            policy_hash=policies.hash,
            contract=contract,
            capabilities=capabilities,
            output_schema=self._schema(found.digest, "output", contract),
            facts=facts,
            timeout_s=contract.runtime.timeout_s,
            runtime=runtime,
            entry=contract.runtime.entry or "",
            inline=capabilities == Capabilities()
            and 0 < float(contract.budgets.get("p95_ms", 0)) <= _INLINE_MS,
            global_epoch=found.global_epoch,
            local_epoch=found.local_epoch,
            provider_id=provider or "",
            tool_id=(contract.runtime.entry or "") if provider == "mcp" else found.skill_key,
            skill_id=found.skill_id,
            security_hash=code,
            owned=found.owned,
        )

    def _certificate(self, found: Resolved, runtime: str) -> CertificateFacts | None:
        """What the certificate says, by its signature: a row alone certifies nothing."""
        if found.certificate_state is None or found.certificate_expires_at is None:
            return None
        try:
            verified = verify_dsse(found.certificate_statement or {}, self._keys.public_keys())
            signed_for = verified.payload["subject"][0]["digest"]["sha256"]
            about = verified.payload["predicate"]["livery"]
            expires = datetime.fromisoformat(about["expires_at"])
            then, pins = dict(about.get("basis") or {}), dict(about.get("pins") or {})
            contract, held = about.get("contract"), canonical_hash(dict(found.contract))
        except (StatementInvalid, NotIJson, KeyError, TypeError, ValueError):
            return CertificateFacts("not signed by this platform", found.certificate_expires_at)
        if "sha256:" + signed_for != found.digest:
            return CertificateFacts("that of other code", found.certificate_expires_at)
        expires = min(expires, found.certificate_expires_at)
        # One without the contract's hash has no basis either: it is stale.
        if contract is not None and contract != held:
            return CertificateFacts("that of another contract", expires)
        retired = self._keys.retired()
        if all(keyid in retired for keyid in verified.keyids):
            keyid = verified.keyids[0]
            reason = retired[keyid].rstrip(".")
            state = f"signed by key {keyid[:16]}, which was retired: {reason}"
            return CertificateFacts(state, expires)
        state = found.certificate_state
        drifted = drift(then, self._basis.of(runtime))
        return CertificateFacts(
            "stale" if state == "valid" and drifted else state, expires, drifted, pins
        )

    def _policy(self, text: str) -> PolicySet:
        known = self._policies.get(text)
        if known is None:
            known = self._policies[text] = PolicySet.parse(text)
        return known

    def _schema(self, digest: str, side: str, contract: Contract) -> Validator:
        known = self._schemas.get((digest, side))
        if known is None:
            schema = contract.input_schema if side == "input" else contract.output_schema
            known = self._schemas[digest, side] = compile_schema(schema)
        return known


def _standing(
    principal: Principal, found: Resolved, policy_hash: str
) -> tuple[StandingApproval, ...]:
    """The standing approvals that may admit this caller: of this policy and, with four eyes, by somebody else."""
    caller = principal.person
    return tuple(
        item.approval
        for item in found.standing
        if item.policy_hash == policy_hash
        and not (found.four_eyes and caller.same_as(_grantor(item)))
    )


def _grantor(item: Granted) -> Person:
    return Person(str(item.token_id), item.by.partition(":")[2], "", item.hand, item.makers)


def _storable(text: str | None) -> bool:
    """Whether PostgreSQL can be asked for this text: no NUL, no lone surrogate."""
    return text is None or ("\x00" not in text and text.encode("utf-8", "ignore").decode() == text)


def _entities(
    principal: Principal,
    workspace_id: UUID,
    agent: UUID | None,
    found: Resolved,
    runtime: str,
    capabilities: Capabilities,
) -> Entities:
    skill = {"type": "Skill", "id": str(found.skill_id)}
    home = {"type": "Workspace", "id": str(principal.workspace_id or workspace_id)}
    if principal.hired_agent_id is not None:
        entitled = [
            {"__entity": {"type": "Skill", "id": str(item)}} for item in found.entitled_skills
        ]
        who = {
            "uid": {"type": "Agent", "id": str(agent)},
            "attrs": {"workspace": {"__entity": home}, "entitled": entitled},
        }
    else:
        attrs = {"workspace": {"__entity": home}} if principal.workspace_id else {}
        who = {"uid": {"type": "User", "id": str(principal.token_id)}, "attrs": attrs}
    who["parents"] = [{"type": "Role", "id": principal.role}]
    what = {
        "uid": skill,
        "attrs": {
            "key": found.skill_key,
            "owner": found.owner,
            "category": found.category,
            "runtime": runtime,
            "effects": list(capabilities.effects),
        },
        "parents": [],
    }
    return Entities.parse([who, what])
