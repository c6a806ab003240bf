"""What a certificate rests on, and what becomes of it when that changes or its time is over."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from livery.kernel.certification import drift
from livery.services.audit.types import Entry
from livery.services.certification.ports import CertificateSweepStore, Keyring
from livery.services.certification.types import Certificate

ENGINE = "livery-certification/2"


class Basis:
    """What this platform certifies by, now.

    Args:
        checks: the names of the checks, in their order.
        scanners: the fingerprint of the scanner policy: rules, versions and settings of all that looks at code.
        dependencies: the fingerprint of what a python skill may import besides its package.
        sandbox: the fingerprint of the policy that plugins are judged by.
    """

    def __init__(
        self,
        checks: Sequence[str],
        scanners: Callable[[], str],
        dependencies: Callable[[], str],
        sandbox: Callable[[], str] | None = None,
    ) -> None:
        self._checks = " ".join(checks)
        self._scanners = scanners
        self._dependencies = dependencies
        self._sandbox = sandbox

    def of(self, runtime: str) -> dict[str, str]:
        """The basis of a certificate for a skill of this runtime; only code of ours imports dependencies."""
        found = {"engine": ENGINE, "checks": self._checks, "scanners": self._scanners()}
        if runtime == "python":
            found["dependencies"] = self._dependencies()
        if runtime == "container" and self._sandbox is not None:
            found["sandbox"] = self._sandbox()
        return found


@dataclass(frozen=True, slots=True)
class Standing:
    """Says what a certificate is worth now: the basis of this platform, retired keys and the clock are asked."""

    basis: Basis
    keys: Keyring
    clock: Callable[[], datetime]

    def of(self, certificate: Certificate) -> Certificate:
        """The certificate in its state of now: `valid`, `stale` with what drifted, `expired` or `revoked`."""
        if certificate.state == "revoked":
            return certificate
        retired = self.keys.retired().get(certificate.key_id)
        if retired is not None:
            reason = f"its key {certificate.key_id[:16]} was retired: {retired}"
            return replace(certificate, state="revoked", reason=reason)
        if certificate.state == "expired" or certificate.expires_at <= self.clock():
            return replace(certificate, state="expired")
        then = certificate.basis
        # Only python skills rest on dependencies. Without a basis on record all of it has changed.
        runtime = "python" if "dependencies" in then or not then else "instructions"
        if "sandbox" in then:
            runtime = "container"
        drifted = drift(then, self.basis.of(runtime))
        if drifted or certificate.state == "stale":
            return replace(certificate, state="stale", drifted=drifted)
        return replace(certificate, state="valid")


def days_left(certificate: Certificate, now: datetime) -> int:
    """Whole days until it expires, 0 where it has."""
    return max(0, math.floor((certificate.expires_at - now) / timedelta(days=1)))


class CertificateSweep:
    """Finds certificates that went stale or ran out, and puts each on the record once.

    Nothing waits for it: every decision asks what the certificate is worth at that moment.
    """

    def __init__(self, store: CertificateSweepStore, standing: Standing) -> None:
        self._store = store
        self._standing = standing

    async def sweep(self, workspaces: Sequence[UUID]) -> list[Certificate]:
        """Look at the newest certificate of each version in use; returns those whose state was moved."""
        moved = []
        for badge, workspace_id, held in await self._store.in_use(workspaces):
            found = self._standing.of(held)
            if found.state == held.state or found.state not in ("stale", "expired"):
                continue
            if await self._store.move(held, found.state, _entry(found, badge, workspace_id)):
                moved.append(found)
        return moved


def _entry(found: Certificate, badge: str, workspace_id: UUID) -> Entry:
    body: Mapping[str, object] = {
        "certificate_id": str(found.certificate_id),
        "digest": found.digest,
        "expires_at": found.expires_at.isoformat(),
        **({"drifted": list(found.drifted)} if found.state == "stale" else {}),
    }
    return Entry(f"certificate.{found.state}", workspace_id, badge, body)
