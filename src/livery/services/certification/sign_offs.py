"""Sign-offs: a named person other than the author says yes to a digest, where policy asks for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from livery.kernel.certification import CertifyQuestion, independent, may_certify
from livery.kernel.lifecycle import SKILL_VERSION
from livery.manifest.package import Package
from livery.services.audit.types import Entry
from livery.services.catalog.catalog import Catalog
from livery.services.catalog.types import Skill, Version
from livery.services.certification.ports import PolicySource, SignOffStore
from livery.services.certification.types import CheckFacts, CheckResult, Finding, SignOff
from livery.services.identity.access import require
from livery.services.identity.errors import Forbidden, Invalid
from livery.services.identity.types import Principal

NOTE_LIMIT = 2000


class SignOffs:
    """The use cases of sign-offs."""

    def __init__(
        self, catalog: Catalog, store: SignOffStore, clock: Callable[[], datetime]
    ) -> None:
        self._catalog = catalog
        self._store = store
        self._clock = clock

    async def add(
        self,
        caller: Principal,
        ref: str,
        version: str | None,
        note: str,
        correlation_id: str = "",
    ) -> tuple[Skill, Version, SignOff]:
        """Sign a version off, the newest where none is named. Again answers the sign-off that is there.

        Raises forbidden for its author, for a token that names nobody, and for any other role than approver and
        operator; invalid_transition for a version that nothing can certify any more.
        """
        require(caller, "approver", "operator")
        if not note.strip() or len(note) > NOTE_LIMIT:
            raise Invalid(message=f"A sign-off has a note of 1 to {NOTE_LIMIT} characters.")
        skill = await self._catalog.get(caller, ref)
        found = await self._catalog.version(skill, version)
        _refuse_author(caller, skill, found)
        SKILL_VERSION.advance(found.status, "certify")
        signed = SignOff(caller.label, note.strip(), self._clock())
        kept = await self._keep(skill, found, signed, correlation_id, str(caller.token_id))
        return skill, found, kept

    async def by_release(self, skill: Skill, found: Version, release: str) -> SignOff:
        """The platform's own release signs off what it ships; only seeding calls this, for the files it read itself."""
        signed = SignOff(f"release:{release}", "Part of this release.", self._clock())
        return await self._keep(skill, found, signed, "", None)

    async def of(
        self, caller: Principal, ref: str, version: str | None
    ) -> tuple[Skill, Version, list[SignOff]]:
        """The sign-offs of a version's digest, oldest first."""
        skill = await self._catalog.get(caller, ref)
        found = await self._catalog.version(skill, version)
        held = await self._store.of_version(
            skill.skill_id, found.version, found.digest, skill.workspace_id
        )
        return skill, found, held

    async def _keep(
        self, skill: Skill, found: Version, signed: SignOff, correlation: str, token: str | None
    ) -> SignOff:
        badge = f"{skill.skill_key}@{found.version}"
        body = {"digest": found.digest, "by": signed.approver, "note": signed.note}
        if token is not None:
            body["token_id"] = token
        entry = Entry(
            "skill.signed_off", skill.workspace_id, badge, body, correlation_id=correlation
        )
        return await self._store.add(skill.skill_id, found.version, found.digest, signed, entry)


def _refuse_author(caller: Principal, skill: Skill, found: Version) -> None:
    if independent(caller.label, found.created_by):
        return
    badge = f"{skill.skill_key}@{found.version}"
    if independent(caller.label, ""):
        raise Forbidden(
            message=f"{badge} was registered by {found.created_by}: somebody else signs it off.",
            remedy="Ask another approver; a second token of the same name is the same person.",
        )
    raise Forbidden(
        message=f"The token of {caller.label} names nobody, so its sign-off would have no name.",
        remedy="Make a token with a person's name: livery token new --role approver --name NAME",
    )


class ApprovalCheck:
    """Policy lets the version be certified: with a sign-off by a named person where it asks for one."""

    name = "approval"
    runs_code = False

    def __init__(self, policies: PolicySource) -> None:
        self._policies = policies

    async def verify(self, package: Package, facts: CheckFacts) -> CheckResult:
        """Ask `certify`; fails while a sign-off is missing, and names the command."""
        contract = package.contract
        approvers = tuple(item.approver for item in facts.sign_offs)
        question = CertifyQuestion(
            facts.skill_id,
            facts.skill_key,
            facts.version,
            facts.owner or contract.owner or "platform",
            contract.category,
            contract.runtime.kind,
            contract.capabilities,
            facts.author,
            approvers,
        )
        verdict = may_certify(await self._policies.active(), question)
        if verdict.allowed:
            counted = [name for name in approvers if independent(name, facts.author)]
            said = (
                f"signed off by {', '.join(counted)}" if counted else "policy asks for no sign-off"
            )
            return CheckResult(self.name, "pass", said)
        badge = f"{facts.skill_key}@{facts.version}"
        named = ", ".join(verdict.reasons)
        if verdict.waiting:
            finding = Finding(
                "approval_required",
                f"{badge} waits for a sign-off by someone other than {facts.author} ({named}).",
                remedy=f'livery skills sign-off {badge} --note "…", as an approver',
            )
            said = f"waiting for a sign-off by someone other than {facts.author}"
            return CheckResult(self.name, "fail", said, (finding,))
        finding = Finding("policy_denied", f"Policy does not let {badge} be certified: {named}.")
        return CheckResult(self.name, "fail", "denied by policy", (finding,))
