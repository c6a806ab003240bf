"""Search, verify and checkpoint the record."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from livery.kernel import chain as evidence
from livery.manifest.errors import StatementInvalid
from livery.manifest.statement import (
    CHECKPOINT_PREDICATE_TYPE,
    make_statement,
    verify_dsse,
)
from livery.services.audit import checkpoints
from livery.services.audit.ports import AuditStore, Newest, Signer
from livery.services.audit.types import Chain, ChainState, Link, Mark, Position, Recorded

PAGE = 5000


def _tell_nobody(operation: str, result: str) -> None:
    """Nobody counts."""


class Audit:
    """The use cases of the record; the door has checked who may see it."""

    def __init__(
        self,
        store: AuditStore,
        signer: Signer,
        clock: Callable[[], datetime],
        newest: Newest,
        told: Callable[[str, str], None] = _tell_nobody,
    ) -> None:
        """`newest` is kept outside of the database.

        `told` hears of each operation and its result: verify (ok, broken), checkpoint, export (ok).
        """
        self._store = store
        self._signer = signer
        self._clock = clock
        self._newest = newest
        self._told = told

    async def search(
        self,
        workspaces: Sequence[UUID],
        *,
        before: Position | None = None,
        kind: str | None = None,
        subject_id: str | None = None,
        correlation_id: str | None = None,
        code: str | None = None,
        limit: int = 100,
    ) -> list[Recorded]:
        """Entries of these workspaces, newest first."""
        return await self._store.search(
            workspaces,
            before=before,
            kind=kind,
            subject_id=subject_id,
            correlation_id=correlation_id,
            code=code,
            limit=limit,
        )

    async def verify(self) -> list[ChainState]:
        """Walk every chain from its start, against its stored head and all signed checkpoints."""
        pins, broken, line = await self._pins()
        known = await self._store.chains()
        states = [await self._verify_one(chain, pins.pop(chain.chain_id, {})) for chain in known]
        states += [
            ChainState(f"checkpoint {at}", 0, "", ok=False, detail=detail) for at, detail in broken
        ]
        # A checkpoint vouches for a chain that is not there: it was removed.
        states += [
            ChainState(name, 0, "", ok=False, detail="a checkpoint vouches for it; it is gone")
            for name in pins
        ]
        states += line
        self._told("verify", "ok" if all(state.ok for state in states) else "broken")
        return states

    async def _verify_one(self, chain: Chain, pins: Mapping[int, bytes]) -> ChainState:
        stored = await self._links(chain)
        links, prev = [], evidence.genesis(chain.chain_id)
        for item in stored:
            links.append(
                evidence.Link(chain.chain_id, item.first_seq, item.last_seq, prev, item.hash)
            )
            prev = item.hash
        # The pure walk reads an iterable, so the entries of one chain are brought page by page.
        read = [entry async for entry in self._entries(chain)]
        beyond = read[-1].seq if read and read[-1].seq > chain.seq else 0
        entries = [_evidence(entry) for entry in read if entry.seq <= chain.seq]
        report = evidence.verify(chain.chain_id, links, entries, pinned=pins)
        detail = "whole" if report.ok else f"entry {_at(report)}: {_why(report)}"
        ok = report.ok
        if ok and (report.head.seq, report.head.hash) != (chain.seq, chain.head):
            ok, detail = False, f"the head says {chain.seq} entries, {report.head.seq} are there"
        if ok and beyond and not await self._reaches(chain, beyond):
            ok, detail = False, f"entry {beyond} lies behind the head"
        return ChainState(
            chain.chain_id, report.entries, report.head.hash.hex(), ok=ok, detail=detail
        )

    async def _entries(self, chain: Chain) -> AsyncIterator[Recorded]:
        after = 0
        while True:
            page = await self._store.entries(chain.chain_id, after, PAGE)
            for entry in page:
                yield entry
            if len(page) < PAGE or page[-1].seq > chain.seq:
                return
            after = page[-1].seq

    async def _links(self, chain: Chain) -> list[Link]:
        # What was appended since the head was read belongs to the next walk.
        stored = await self._store.links(chain.chain_id)
        return [item for item in stored if item.last_seq <= chain.seq]

    async def _reaches(self, chain: Chain, seq: int) -> bool:
        """Whether the head has moved on to an entry that a walk met behind it: entry and head are one commit."""
        now = {item.chain_id: item.seq for item in await self._store.chains()}
        return now.get(chain.chain_id, 0) >= seq

    async def export(
        self,
    ) -> tuple[Mapping[str, Any], AsyncIterator[tuple[Recorded, bytes | None]]]:
        """A checkpoint signed now, and every entry that it vouches for: none that is written meanwhile.

        With the last entry of a link comes the link's hash.
        """
        chains, statement = await self._sign()
        return statement, self._vouched(chains)

    async def _vouched(
        self, chains: Sequence[Chain]
    ) -> AsyncIterator[tuple[Recorded, bytes | None]]:
        for chain in chains:
            ends = {item.last_seq: item.hash for item in await self._links(chain)}
            async for entry in self._entries(chain):
                if entry.seq <= chain.seq:
                    yield entry, ends.get(entry.seq)
        self._told("export", "ok")

    async def position(self) -> int:
        """How many entries the record has; it only ever grows."""
        return sum(chain.seq for chain in await self._store.chains())

    async def checkpoint(self) -> Mapping[str, Any]:
        """Sign the heads of all chains; what was there at a checkpoint can never be removed unseen."""
        _, statement = await self._sign()
        return statement

    async def _sign(self) -> tuple[list[Chain], Mapping[str, Any]]:
        signed: list[tuple[list[Chain], Mapping[str, Any]]] = []
        marks: list[Mark] = []

        def sign(
            chains: list[Chain], count: int, before: Mapping[str, Any] | None
        ) -> Mapping[str, Any]:
            last = checkpoints.newer(
                checkpoints.last(before, count, self._signer.public_keys()), self._kept()
            )
            heads = [evidence.Head(item.chain_id, item.seq, item.head) for item in chains]
            payload = evidence.checkpoint(
                heads,
                self._clock(),
                number=last.number + 1 if last else 1,
                previous=last.sha256 if last else None,
            )
            subjects = [
                {"name": head.chain_id, "digest": {"sha256": head.hash.hex()}} for head in heads
            ]
            statement = self._signer.sign(
                make_statement(subjects, CHECKPOINT_PREDICATE_TYPE, payload)
            )
            signed.append((chains, statement))
            marks.append(Mark(last.number + 1 if last else 1, checkpoints.digest(statement)))
            return statement

        await self._store.add_checkpoint(sign)
        # Once it is committed: a copy that is behind the database shows less, one before it would show what is not so.
        self._newest.keep(marks[-1])
        self._told("checkpoint", "ok")
        return signed[-1]

    def _kept(self) -> Mark | None:
        try:
            return self._newest.read()
        except ValueError:
            return None

    async def checkpoints(self) -> ChainState:
        """Whether checkpoints are missing, by their count, the newest and this machine's copy of its number."""
        kept = checkpoints.look(self._newest.read)
        count, statement = await self._store.newest_checkpoint()
        return checkpoints.counted(count, statement, self._signer.public_keys(), kept)

    async def _pins(
        self,
    ) -> tuple[dict[str, dict[int, bytes]], list[tuple[int, str]], list[ChainState]]:
        """The heads that checkpoints vouch for, those that do not verify, by position, and their own chain."""
        # The copy is read first: what is signed meanwhile is in the database, and not yet missed.
        kept = checkpoints.look(self._newest.read)
        whole: list[checkpoints.Verified] = []
        keys = self._signer.public_keys()
        pins: dict[str, dict[int, bytes]] = {}
        broken: list[tuple[int, str]] = []
        for at, statement in enumerate(await self._store.checkpoints(), 1):
            try:
                predicate = verify_dsse(statement, keys).payload["predicate"]
                whole.append(checkpoints.verified(statement, predicate, at))
            except StatementInvalid as error:
                broken.append((at, error.message))
                continue
            for chain in predicate["chains"]:
                if chain["seq"] > 0:
                    pins.setdefault(chain["chain_id"], {})[chain["seq"]] = bytes.fromhex(
                        chain["head"]
                    )
        return pins, broken, checkpoints.walk(whole, kept)


def _evidence(entry: Recorded) -> evidence.Entry:
    return evidence.Entry(
        entry.chain_id,
        entry.seq,
        entry.at_us,
        entry.kind,
        str(entry.workspace_id),
        entry.subject_id,
        entry.code or None,
        entry.correlation_id or None,
        entry.body,
    )


def _at(report: evidence.ChainReport) -> int:
    return report.first_fault.seq if report.first_fault else 0


def _why(report: evidence.ChainReport) -> str:
    return report.first_fault.reason if report.first_fault else ""
