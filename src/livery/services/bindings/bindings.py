"""Bind a slot of a workspace to a certified version, and take one step back."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime

from livery.manifest.errors import Violation
from livery.services.audit.types import Entry
from livery.services.bindings.errors import BindingInvalid, BindingNotFound, NoFormerBinding
from livery.services.bindings.ports import BindingStore
from livery.services.bindings.types import Binding, Change, Move, Target
from livery.services.catalog.catalog import Catalog
from livery.services.catalog.errors import SkillChainUncertified, SkillNotFound
from livery.services.catalog.types import Standing
from livery.services.catalog.uses import offender
from livery.services.identity.access import Access, require
from livery.services.identity.types import Principal, Workspace

_SLOT = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_MAX_SLOT = 128
_TRIES = 20
CHANNELS = ("staging", "production")


class Bindings:
    """The use cases of bindings."""

    def __init__(
        self,
        store: BindingStore,
        catalog: Catalog,
        access: Access,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._access = access
        self._clock = clock

    async def list(self, caller: Principal, workspace: str | None) -> list[Binding]:
        """What is bound in a workspace; without one, in all that this caller sees."""
        if workspace is None:
            return await self._store.bindings(await self._access.visible(caller))
        home = await self._access.workspace(caller, workspace)
        return await self._store.bindings([home.workspace_id])

    async def get(
        self, caller: Principal, workspace: str | None, slot: str
    ) -> tuple[Binding, Sequence[Move]]:
        """What fills a slot now, with its history, newest first."""
        home = await self._access.workspace(caller, workspace)
        found = await self._get(home, slot)
        return found, await self._store.moves(home.workspace_id, slot)

    async def target(self, caller: Principal, workspace: str | None, slot: str) -> Target:
        """What a call through a slot is a call of."""
        home = await self._access.workspace(caller, workspace)
        return (await self._get(home, slot)).target

    async def bind(
        self,
        caller: Principal,
        workspace: str | None,
        slot: str,
        skill: str,
        *,
        version: str | None = None,
        channel: str | None = None,
        correlation_id: str = "",
    ) -> Binding:
        """Fill a slot with a certified version, or with what a channel names. Raises SkillChainUncertified."""
        require(caller, "operator", "customer_admin")
        if len(slot) > _MAX_SLOT or not _SLOT.fullmatch(slot):
            raise BindingInvalid(
                message=f"{slot[:_MAX_SLOT]!r} is no slot: a-z and 0-9 in parts joined by . _ or -.",
                violations=[Violation("/slot", "such as weekly_digest.main")],
            )
        if (version is None) == (channel is None) or channel not in (None, *CHANNELS):
            raise BindingInvalid(
                message="A slot is bound to a version or to a channel, staging or production.",
                violations=[Violation("/version", "one of version and channel")],
            )
        home = await self._access.workspace(caller, workspace)
        try:
            found = await self._catalog.seen_from(home.workspace_id, skill)
        except SkillNotFound as error:
            message = f"{skill!r}: there is no such skill"
            raise SkillChainUncertified(
                violations=[Violation("/skill", message, error.code)]
            ) from None
        target = Target(found.skill_id, found.skill_key, version, channel)
        stood = await self._fill(caller, home, slot, "bind", target, None, correlation_id)
        if stood is None or not stood.certified:
            raise _refused(target, stood)
        return await self._get(home, slot)

    async def roll_back(
        self, caller: Principal, workspace: str | None, slot: str, correlation_id: str = ""
    ) -> Binding:
        """Fill a slot with what it held before. Once more goes one step further back, never forward again.

        Raises NoFormerBinding, or SkillChainUncertified where what it held before cannot run any more.
        """
        require(caller, "operator", "customer_admin")
        home = await self._access.workspace(caller, workspace)
        for _ in range(_TRIES):
            now = await self._get(home, slot)
            target = former(await self._store.moves(home.workspace_id, slot))
            if target is None:
                raise NoFormerBinding(message=f"{slot} held nothing before {now.target.badge}.")
            stood = await self._fill(
                caller, home, slot, "roll_back", target, now.move_id, correlation_id
            )
            if stood is not None and not stood.runs:
                raise _refused(target, stood)
            if stood is not None:
                return await self._get(home, slot)
        raise NoFormerBinding(message=f"{slot} is being moved by others; try again.")

    async def unbind(
        self, caller: Principal, workspace: str | None, slot: str, correlation_id: str = ""
    ) -> None:
        """Leave a slot empty; its history begins anew with what is bound next."""
        require(caller, "operator", "customer_admin")
        home = await self._access.workspace(caller, workspace)
        entry = Entry(
            "binding.removed",
            home.workspace_id,
            slot,
            {"slot": slot, "by": caller.label},
            correlation_id=correlation_id,
        )
        if not await self._store.empty(home.workspace_id, slot, caller.label, entry):
            raise _nothing(slot)

    async def _get(self, home: Workspace, slot: str) -> Binding:
        found = await self._store.bindings([home.workspace_id], slot)
        if not found:
            raise _nothing(slot)
        return found[0]

    async def _fill(
        self,
        caller: Principal,
        home: Workspace,
        slot: str,
        kind: str,
        target: Target,
        expected: int | None,
        correlation_id: str,
    ) -> Standing | None:
        body = {
            "slot": slot,
            "skill_key": target.skill_key,
            "version": target.version,
            "channel": target.channel,
            "by": caller.label,
        }
        entry = Entry(
            "binding.set" if kind == "bind" else "binding.rolled_back",
            home.workspace_id,
            slot,
            body,
            correlation_id=correlation_id,
        )
        at = self._clock()
        change = Change(home.workspace_id, slot, kind, target, caller.label, at, expected)
        return await self._store.fill(change, entry)


def former(moves: Sequence[Move]) -> Target | None:
    """What a slot held before, from its history, newest first: each bind is a step forward, each rollback one back."""
    held: list[Target] = []
    for move in reversed(moves):
        if move.kind == "bind":
            held.append(move.target)
        elif move.kind == "roll_back":
            held.pop()
        else:
            held.clear()
    return held[-2] if len(held) > 1 else None


def _nothing(slot: str) -> BindingNotFound:
    return BindingNotFound(message=f"Nothing is bound to {slot[:_MAX_SLOT]!r}.")


def _refused(target: Target, stood: Standing | None) -> SkillChainUncertified:
    where = "/version" if target.version else "/channel"
    if stood is None or not stood.version:
        message = f"The channel {target.channel} of {target.skill_key} is not set"
        return SkillChainUncertified(
            message=f"{message}.", violations=[Violation(where, message, "not_found")]
        )
    violation = offender(stood, where)
    return SkillChainUncertified(message=f"{violation.message}.", violations=[violation])
