"""Certify a version: run the checks, sign what they found."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from livery.kernel.certification import independent
from livery.kernel.lifecycle import SKILL_VERSION
from livery.manifest.canonical import canonical_hash
from livery.manifest.package import Package, parse_package
from livery.manifest.statement import TEST_RESULT_TYPE, make_statement
from livery.services.audit.ports import Signer
from livery.services.audit.types import Entry
from livery.services.catalog.catalog import Catalog, refused
from livery.services.catalog.types import Skill, Version
from livery.services.certification.drift import Standing
from livery.services.certification.facts import FactsReader
from livery.services.certification.findings import summarised
from livery.services.certification.ports import CertificateStore, Check, Progress, RuntimeScan
from livery.services.certification.types import (
    CERTIFIED_FOR,
    Certificate,
    Certification,
    CheckFacts,
    CheckResult,
)
from livery.services.identity.access import require
from livery.services.identity.types import Principal

LIFETIME = timedelta(days=90)
_ISSUED = ("certified", "deprecated")
"""Statuses of a version that was certified, and may run while its certificate counts."""


class Certifier:
    """The use case of certification."""

    def __init__(
        self,
        catalog: Catalog,
        store: CertificateStore,
        checks: Sequence[Check],
        signer: Signer,
        clock: Callable[[], datetime],
        new_id: Callable[[], UUID],
        facts: FactsReader,
        standing: Standing,
        runtimes: RuntimeScan | None = None,
    ) -> None:
        if not checks:
            raise ValueError("A pipeline without checks would certify anything.")
        self._catalog = catalog
        self._store = store
        self._checks = tuple(checks)
        self._signer = signer
        self._clock = clock
        self._new_id = new_id
        self._facts = facts
        self._standing = standing
        self._runtimes = runtimes

    async def certify(
        self, caller: Principal, ref: str, version: str | None = None, correlation_id: str = ""
    ) -> Certification:
        """Certify a version, the newest where none is named. Certifying again answers the same certificate."""
        skill, found = await self.admit(caller, ref, version)
        return await self.run(skill, found, by=caller.label, correlation_id=correlation_id)

    async def admit(
        self, caller: Principal, ref: str, version: str | None
    ) -> tuple[Skill, Version]:
        """What this caller asks to certify, the newest version where none is named; refuses who may not."""
        require(caller, "operator", "approver")
        skill = await self._catalog.get(caller, ref)
        return skill, await self._catalog.version(skill, version)

    async def held(self, skill: Skill, found: Version) -> Certification | None:
        """What certifying would answer without running a check: the valid certificate that is there.

        Raises the refusal where the version cannot be certified at all.
        """
        kept = await self._store.newest(skill.skill_id, found.version, skill.workspace_id)
        held = self._standing.of(kept) if kept is not None else None
        if (
            found.status in _ISSUED
            and held is not None
            and held.state == "valid"
            and await self._still(held, found)
        ):
            return Certification(
                skill.skill_key, found.version, found.digest, found.status, held.checks, held
            )
        SKILL_VERSION.advance(found.status, "certify")
        return None

    async def _still(self, held: Certificate, found: Version) -> bool:
        """Whether what it pins of the world outside is as it was; what cannot be asked now counts as that."""
        pins = pinned(held.checks)
        if not pins or self._runtimes is None:
            return True
        _, now = await self._runtimes.look(await self._package(found))
        return not now or dict(now) == pins

    async def run(
        self,
        skill: Skill,
        found: Version,
        *,
        by: str,
        correlation_id: str = "",
        progress: Progress | None = None,
    ) -> Certification:
        """Certify without asking who may; used by `certify` and, at first start, by the platform.

        `progress` hears of each check before it begins and once more before the certificate is signed; what it
        raises ends the certification, with nothing issued.
        """
        held = await self.held(skill, found)
        if held is not None:
            return held
        now = self._clock()
        package = await self._package(found)
        facts = await self._facts.of(skill, found)
        owner = CERTIFIED_FOR.set(skill.workspace_id)
        try:
            checks = await self._run_checks(package, facts, progress)
        finally:
            CERTIFIED_FOR.reset(owner)
        if any(check["verdict"] == "fail" for check in checks):
            # The row says that it was certified once; what that was worth is over, and nothing took its place.
            status = "stale" if found.status == "certified" else found.status
            return Certification(skill.skill_key, found.version, found.digest, status, checks, None)
        basis = self._standing.basis.of(package.contract.runtime.kind)
        contract = package.contract.raw
        certificate = self._sign(skill, found, checks, now, by, basis, facts, contract)
        body = {
            "version": found.version,
            "digest": found.digest,
            "certificate_id": str(certificate.certificate_id),
            "key_id": certificate.key_id,
            "expires_at": certificate.expires_at.isoformat(),
            "by": by,
        }
        entry = Entry(
            "skill.certified",
            skill.workspace_id,
            f"{skill.skill_key}@{found.version}",
            body,
            correlation_id=correlation_id,
        )
        await self._store.issue(certificate, entry)
        after = SKILL_VERSION.advance(found.status, "certify")
        return Certification(
            skill.skill_key, found.version, found.digest, after, checks, certificate
        )

    async def _run_checks(
        self, package: Package, facts: CheckFacts, progress: Progress | None
    ) -> tuple[dict[str, Any], ...]:
        done: list[dict[str, Any]] = []
        total = len(self._checks)
        refused = False
        for check in self._checks:
            if refused and check.runs_code:
                continue  # nothing runs that was refused when it was read
            if progress is not None:
                await progress(check.name, tuple(done), total)
            result = await _timed(check, package, facts)
            refused |= result.verdict == "fail" and not check.runs_code
            done.append(asdict(result))
        if progress is not None:
            await progress(None, tuple(done), total)
        return tuple(done)

    async def _package(self, found: Version) -> Package:
        files = await self._catalog.package(found.digest, found.workspace_id)
        # Megabytes may have to be read: the loop serves others meanwhile.
        package, diagnostics = await asyncio.to_thread(parse_package, files)
        if package is None:
            raise refused(diagnostics)
        return package

    def _sign(
        self,
        skill: Skill,
        found: Version,
        checks: tuple[dict[str, Any], ...],
        now: datetime,
        by: str,
        basis: dict[str, str],
        facts: CheckFacts,
        contract: Mapping[str, Any],
    ) -> Certificate:
        expires = now + LIFETIME
        names = {
            verdict: [check["name"] for check in checks if check["verdict"] == verdict]
            for verdict in ("pass", "warn", "fail")
        }
        predicate = {
            "result": "WARNED" if names["warn"] else "PASSED",
            "configuration": [_configured(name, value) for name, value in basis.items()],
            "passedTests": names["pass"],
            "warnedTests": names["warn"],
            "failedTests": names["fail"],
            "livery": {
                "skill_key": skill.skill_key,
                "version": found.version,
                "digest": found.digest,
                "certified_at": now.isoformat(),
                "expires_at": expires.isoformat(),
                "certified_by": by,
                "author": facts.author,
                "sign_offs": [
                    {
                        "approver": item.approver,
                        "note": item.note,
                        "signed_at": item.signed_at.isoformat(),
                    }
                    for item in facts.sign_offs
                    if independent(item.approver, facts.author)
                ],
                "basis": basis,
                "contract": canonical_hash(dict(contract)),
                "checks": [summarised(check) for check in checks],
                **({"pins": pinned(checks)} if pinned(checks) else {}),
            },
        }
        subject = [
            {
                "name": f"{skill.skill_key}@{found.version}",
                "digest": {"sha256": found.digest.removeprefix("sha256:")},
            }
        ]
        statement = self._signer.sign(make_statement(subject, TEST_RESULT_TYPE, predicate))
        return Certificate(
            self._new_id(),
            skill.skill_id,
            found.version,
            found.digest,
            "valid",
            self._signer.keyid,
            now,
            expires,
            checks,
            statement,
            basis,
        )

    async def newest(self, skill: Skill, version: str) -> Certificate | None:
        """The newest certificate of a version."""
        held = await self._store.newest(skill.skill_id, version, skill.workspace_id)
        return self._standing.of(held) if held is not None else None

    async def of_skill(self, skill: Skill) -> dict[str, Certificate]:
        """The newest certificate of each version."""
        held = await self._store.of_skill(skill.skill_id, skill.workspace_id)
        return {item.version: self._standing.of(item) for item in held}

    async def of_skills(self, skills: Sequence[Skill]) -> dict[UUID, Certificate]:
        """The newest certificate of the newest version of each skill that has one."""
        homes = sorted({skill.workspace_id for skill in skills})
        held = await self._store.of_skills([skill.skill_id for skill in skills], homes)
        return {skill_id: self._standing.of(item) for skill_id, item in held.items()}


def pinned(checks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the checks saw of the world outside of the package, to be held to from now on."""
    found: dict[str, Any] = {}
    for check in checks:
        found |= (check.get("evidence") or {}).get("pins") or {}
    return found


def _configured(name: str, value: str) -> dict[str, Any]:
    # An in-toto resource descriptor: what has a hash carries it as its digest.
    if value.startswith("sha256:"):
        return {"name": name, "digest": {"sha256": value.removeprefix("sha256:")}}
    return {"name": name, "annotations": {"value": value}}


async def _timed(check: Check, package: Package, facts: CheckFacts) -> CheckResult:
    started = time.perf_counter()
    result = await check.verify(package, facts)
    return replace(result, duration_ms=round((time.perf_counter() - started) * 1000, 3))
