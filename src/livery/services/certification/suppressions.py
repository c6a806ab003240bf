"""Suppressions: a named person answers for a finding, with a reason that stays in the evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from livery.kernel.certification import independent
from livery.kernel.lifecycle import SKILL_VERSION
from livery.manifest.package import parse_package
from livery.services.audit.types import Entry
from livery.services.catalog.catalog import Catalog, refused
from livery.services.catalog.types import Skill, Version
from livery.services.certification.facts import FactsReader
from livery.services.certification.ports import Check, SuppressionStore
from livery.services.certification.types import Finding, Suppression
from livery.services.identity.access import require
from livery.services.identity.errors import AlreadyExists, Forbidden, Invalid, NotFound
from livery.services.identity.types import Principal

LEAST, MOST = 10, 2000
"""Characters of a reason."""


class Suppressions:
    """The use cases of suppressions. `checks` are those whose findings can be answered for."""

    def __init__(
        self,
        catalog: Catalog,
        store: SuppressionStore,
        facts: FactsReader,
        checks: Sequence[Check],
    ) -> None:
        self._catalog = catalog
        self._store = store
        self._facts = facts
        self._checks = tuple(checks)

    async def add(
        self,
        caller: Principal,
        ref: str,
        version: str | None,
        fingerprint: str,
        reason: str,
        correlation_id: str = "",
    ) -> tuple[Skill, Version, Finding]:
        """Answer for a finding of a version, the newest where none is named; returns it as it is then recorded.

        The version is looked at anew, so that nobody answers for what is not there. Raises forbidden for the author
        and for any role but approver and operator, not_found where no finding has this fingerprint, already_exists
        where somebody answered, and validation_error for a short reason and for what is critical.
        """
        require(caller, "approver", "operator")
        reason = reason.strip()
        if not LEAST <= len(reason) <= MOST:
            raise Invalid(message=f"A reason has {LEAST} to {MOST} characters.")
        skill = await self._catalog.get(caller, ref)
        found = await self._catalog.version(skill, version)
        badge = f"{skill.skill_key}@{found.version}"
        if not independent(caller.label, found.created_by):
            raise Forbidden(
                message=f"{badge} was registered by {found.created_by}: somebody else answers for it.",
                remedy="Ask another approver; a second token of the same name is the same person.",
            )
        if found.status != "certified":
            SKILL_VERSION.advance(found.status, "certify")
        finding = await self._finding(skill, found, fingerprint)
        given = Suppression(reason, caller.label)
        body = {
            "digest": found.digest,
            "fingerprint": fingerprint,
            "rule": finding.rule,
            "severity": finding.severity,
            "message": finding.message,
            "file": finding.file,
            "line": finding.line,
            "reason": reason,
            "by": caller.label,
        }
        entry = Entry(
            "finding.suppressed", skill.workspace_id, badge, body, correlation_id=correlation_id
        )
        if not await self._store.add(skill.skill_id, found.version, fingerprint, given, entry):
            raise AlreadyExists(message=f"Somebody answered for {fingerprint} of {badge} already.")
        return skill, found, finding

    async def of(
        self, caller: Principal, ref: str, version: str | None
    ) -> tuple[Skill, Version, Mapping[str, Suppression]]:
        """What is suppressed of a version: fingerprint -> suppression."""
        skill = await self._catalog.get(caller, ref)
        found = await self._catalog.version(skill, version)
        held = await self._store.of_version(skill.skill_id, found.version, skill.workspace_id)
        return skill, found, held

    async def _finding(self, skill: Skill, found: Version, fingerprint: str) -> Finding:
        package, diagnostics = parse_package(
            await self._catalog.package(found.digest, skill.workspace_id)
        )
        if package is None:
            raise refused(diagnostics)
        facts = await self._facts.of(skill, found)
        for check in self._checks:
            for item in (await check.verify(package, facts)).findings:
                if item.fingerprint != fingerprint:
                    continue
                if item.severity == "critical":
                    raise Invalid(
                        message=f"A critical finding cannot be suppressed: {item.message}",
                        remedy=item.remedy or "Remove what the finding names.",
                    )
                return item
        raise NotFound(
            message=f"{skill.skill_key}@{found.version} has no finding {fingerprint[:64]!r}.",
            remedy="Certify it: each finding that can be suppressed shows its fingerprint.",
        )
