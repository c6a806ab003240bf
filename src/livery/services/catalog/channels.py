"""Channels: promote a certified version to one, and roll it back in one step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from livery.kernel.lifecycle import InvalidTransition
from livery.manifest.canonical import canonical_json
from livery.manifest.errors import LiveryError, StatementInvalid, Violation
from livery.manifest.statement import make_statement, subject, verify_dsse
from livery.services.audit.ports import Signer
from livery.services.audit.types import Entry
from livery.services.catalog.catalog import Catalog
from livery.services.catalog.errors import NotPromotable, Revoked
from livery.services.catalog.impact import Impact, Impacts
from livery.services.catalog.ports import ChannelStore, Proof, Proofs
from livery.services.catalog.types import Move, Skill, Version
from livery.services.identity.access import require
from livery.services.identity.errors import Invalid
from livery.services.identity.types import Principal

CHANNELS: Final = ("staging", "production")
SUMMARY_TYPE: Final = "https://slsa.dev/verification_summary/v1"
VERIFIER: Final = "https://livery.dev/verifier/v1"
LEVEL: Final = "CERTIFIED_BY_LIVERY"
RULE: Final = (
    "A channel names a version that is certified, and whose newest certificate is signed by this platform, covers its"
    " digest, is valid and has not expired."
)
"""The policy that a move is verified by; its hash is in the statement."""
_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Moved:
    """A channel as it is now; `fresh` is False where it was there already and nothing was done."""

    skill: Skill
    move: Move
    impact: Impact
    fresh: bool = True


class Channels:
    """The use cases of channels."""

    def __init__(
        self,
        catalog: Catalog,
        store: ChannelStore,
        proofs: Proofs,
        impacts: Impacts,
        signer: Signer,
        clock: Callable[[], datetime],
    ) -> None:
        self._catalog = catalog
        self._store = store
        self._proofs = proofs
        self._impacts = impacts
        self._signer = signer
        self._clock = clock

    async def promote(
        self,
        caller: Principal,
        ref: str,
        version: str | None,
        channel: str,
        reason: str | None = None,
        correlation_id: str = "",
    ) -> Moved:
        """Point a channel at a version, the newest where none is named. What is there already stays as it is.

        Raises skill_revoked, skill_not_certified (no valid certificate), invalid_transition (deprecated).
        """
        require(caller, "operator", "approver")
        _known(channel)
        for _ in range(_TRIES):
            skill = await self._catalog.get(caller, ref)
            found = await self._catalog.version(skill, version)
            impact = await self._impacts.of(caller, skill, channel=channel)
            history = await self._store.moves(skill, channel, 1)
            proof = (await self._proofs(skill)).get(found.version)
            proof = self._promotable(found, proof)
            if history and history[0].version == found.version:
                return Moved(skill, history[0], impact, fresh=False)
            before = history[0].version if history else None
            move = self._move(caller, skill, found, proof, channel, before, "promote", reason)
            if await self._store.move(
                move, proof.certificate_id, _entry(skill, move, found, impact, correlation_id)
            ):
                return Moved(skill, move, impact)
        raise _busy(channel)

    async def roll_back(
        self,
        caller: Principal,
        ref: str,
        channel: str,
        reason: str | None = None,
        correlation_id: str = "",
    ) -> Moved:
        """Point a channel at the version before the present one that may still run; again goes one further back.

        Raises invalid_transition where there is none, with why not for each.
        """
        require(caller, "operator", "approver")
        _known(channel)
        for _ in range(_TRIES):
            skill = await self._catalog.get(caller, ref)
            impact = await self._impacts.of(caller, skill, channel=channel)
            history = await self._store.moves(skill, channel, None)
            found, proof = await self._previous(skill, channel, history)
            before = history[0].version
            move = self._move(caller, skill, found, proof, channel, before, "roll_back", reason)
            if await self._store.move(
                move, proof.certificate_id, _entry(skill, move, found, impact, correlation_id)
            ):
                return Moved(skill, move, impact)
        raise _busy(channel)

    async def history(
        self, caller: Principal, ref: str, channel: str | None = None, limit: int = 100
    ) -> tuple[Skill, dict[str, str], list[Move]]:
        """A skill, what its channels name, and their moves, newest first."""
        if channel is not None:
            _known(channel)
        skill = await self._catalog.get(caller, ref)
        _, channels = await self._catalog.versions(skill)
        return skill, channels, await self._store.moves(skill, channel, limit)

    async def _previous(
        self, skill: Skill, channel: str, history: Sequence[Move]
    ) -> tuple[Version, Proof]:
        if not history:
            raise InvalidTransition(message=f"{skill.skill_key} has no version in {channel}.")
        versions = {item.version: item for item in (await self._catalog.versions(skill))[0]}
        proofs = await self._proofs(skill)
        refused: list[Violation] = []
        for version in reversed(trail(history)[:-1]):
            if version == history[0].version:
                continue
            try:
                return versions[version], self._runnable(versions[version], proofs.get(version))
            except LiveryError as fault:
                refused.append(Violation("/version", fault.message, fault.code))
        message = f"{skill.skill_key} has no earlier version in {channel} that may still run."
        raise InvalidTransition(
            message=message,
            violations=refused,
            remedy="Promote another certified version: `livery skills promote`.",
        )

    def _promotable(self, found: Version, proof: Proof | None) -> Proof:
        if found.status == "deprecated":
            raise InvalidTransition(
                message=f"{_name(found)} is deprecated: it is kept for those who have it.",
                remedy="Promote a certified version.",
            )
        return self._runnable(found, proof)

    def _runnable(self, found: Version, proof: Proof | None) -> Proof:
        """The certificate by which a version may run; its signature is asked, a row alone certifies nothing."""
        if found.status == "revoked":
            raise Revoked(message=f"{_name(found)} was revoked: {found.reason or 'no reason'}.")
        if found.status not in ("certified", "deprecated") or proof is None:
            raise NotPromotable(message=f"{_name(found)} is {found.status}, not certified.")
        if proof.state == "revoked":
            raise Revoked(message=f"The certificate of {_name(found)} was revoked.")
        if proof.state != "valid":
            raise NotPromotable(message=f"The certificate of {_name(found)} is {proof.state}.")
        try:
            signed = verify_dsse(proof.statement, self._signer.public_keys())
        except StatementInvalid as fault:
            raise NotPromotable(
                message=f"The certificate of {_name(found)} does not verify: {fault.message}"
            ) from None
        if not signed.covers(found.digest):
            raise NotPromotable(message=f"The certificate of {_name(found)} is of other code.")
        return proof

    def _move(
        self,
        caller: Principal,
        skill: Skill,
        found: Version,
        proof: Proof,
        channel: str,
        before: str | None,
        kind: str,
        reason: str | None,
    ) -> Move:
        now = self._clock()
        predicate = {
            "verifier": {"id": VERIFIER},
            "timeVerified": now.isoformat().replace("+00:00", "Z"),
            "resourceUri": f"livery:skill/{_name(found)}",
            "policy": {
                "uri": "https://livery.dev/policies/promotion/v1",
                "digest": {"sha256": sha256(RULE.encode()).hexdigest()},
            },
            "inputAttestations": [
                {
                    "uri": f"livery:certificate/{proof.certificate_id}",
                    "digest": {"sha256": sha256(canonical_json(dict(proof.statement))).hexdigest()},
                }
            ],
            "verificationResult": "PASSED",
            "verifiedLevels": [LEVEL],
            "livery_channel": channel,
            "livery_previous": before,
            "livery_kind": kind,
            "livery_movedBy": caller.label,
        }
        statement = make_statement([subject(_name(found), found.digest)], SUMMARY_TYPE, predicate)
        return Move(
            skill.skill_id,
            skill.workspace_id,
            channel,
            found.version,
            before,
            kind,
            caller.label,
            reason,
            self._signer.sign(statement),
            now,
        )


def trail(history: Sequence[Move]) -> list[str]:
    """The versions that lead to where a channel is, oldest first: a promotion adds one, a roll back takes some away."""
    found: list[str] = []
    for move in reversed(history):
        if move.kind == "roll_back":
            while found and found[-1] != move.version:
                found.pop()
        if not found or found[-1] != move.version:
            found.append(move.version)
    return found


def _known(channel: str) -> None:
    if channel not in CHANNELS:
        raise Invalid(
            message=f"There is no channel {channel!r}; one of: {', '.join(CHANNELS)}.",
            violations=(Violation("/channel", f"one of: {', '.join(CHANNELS)}"),),
        )


def _entry(skill: Skill, move: Move, found: Version, impact: Impact, correlation_id: str) -> Entry:
    body: Mapping[str, object] = {
        "channel": move.channel,
        "version": move.version,
        "digest": found.digest,
        "previous": move.previous,
        "reason": move.reason,
        "impact": impact.told(),
        "by": move.moved_by,
    }
    kind = "skill.promoted" if move.kind == "promote" else "skill.rolled_back"
    return Entry(kind, skill.workspace_id, _name(found), body, correlation_id=correlation_id)


def _name(found: Version) -> str:
    return f"{found.skill_key}@{found.version}"


def _busy(channel: str) -> InvalidTransition:
    return InvalidTransition(message=f"{channel} was moved by others meanwhile; repeat the call.")
