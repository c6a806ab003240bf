"""Stop and let go: kill switches per agent, workspace and all; pause and resume."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from livery.kernel.lifecycle import HIRED_AGENT
from livery.services import PLATFORM
from livery.services.audit.types import Entry
from livery.services.control.errors import SwitchNotEngaged, TargetNotFound
from livery.services.control.ports import ControlStore
from livery.services.control.types import SCOPES, AgentState, KillSwitch
from livery.services.identity.access import Access, require
from livery.services.identity.errors import Invalid
from livery.services.identity.types import Principal

_REASON = 1000


class Control:
    """The use cases of control."""

    def __init__(self, store: ControlStore, access: Access, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._access = access
        self._clock = clock

    async def engage(
        self,
        caller: Principal,
        scope: str,
        target: str | None,
        reason: str,
        correlation_id: str = "",
    ) -> KillSwitch:
        """Stop everything in a scope. A customer's admin stops their own workspace and agents, an operator all."""
        found, home = await self._target(caller, scope, target)
        switch = KillSwitch(scope, found, home, _said(reason), caller.label, self._clock())
        body = {
            "scope": scope,
            "target": str(found),
            "reason": switch.reason,
            "by": caller.label,
        }
        await self._store.engage(
            switch, _entry("kill_switch.engaged", home, found, body, correlation_id)
        )
        return switch

    async def release(
        self,
        caller: Principal,
        scope: str,
        target: str | None,
        reason: str,
        correlation_id: str = "",
    ) -> None:
        """Let a scope run again. What an operator engaged, a customer does not release."""
        found, home = await self._target(caller, scope, target)
        held = next(
            (
                item
                for item in await self._store.switches(await self._access.visible(caller))
                if (item.scope, item.target) == (scope, found)
            ),
            None,
        )
        if held is None:
            raise SwitchNotEngaged(message=f"The kill switch of this {scope} is not engaged.")
        if held.engaged_by.startswith("operator:"):
            require(caller, "operator")
        body = {"scope": scope, "target": str(found), "reason": _said(reason), "by": caller.label}
        entry = _entry("kill_switch.released", home, found, body, correlation_id)
        if not await self._store.release(scope, found, [home], entry):
            raise SwitchNotEngaged(message=f"The kill switch of this {scope} is not engaged.")

    async def switches(self, caller: Principal) -> list[KillSwitch]:
        """The engaged switches that concern this caller."""
        return await self._store.switches([PLATFORM, *await self._access.visible(caller)])

    async def pause(
        self, caller: Principal, agent: str, reason: str, correlation_id: str = ""
    ) -> AgentState:
        """Pause a hired agent: its next call is refused with `agent_paused`."""
        return await self._move(caller, agent, "pause", reason, correlation_id)

    async def resume(
        self, caller: Principal, agent: str, reason: str, correlation_id: str = ""
    ) -> AgentState:
        """Let a paused agent work again."""
        return await self._move(caller, agent, "resume", reason, correlation_id)

    async def _move(
        self, caller: Principal, ref: str, event: str, reason: str, correlation_id: str
    ) -> AgentState:
        require(caller, "operator", "customer_admin")
        agent = await self._agent(caller, ref)
        status = HIRED_AGENT.advance(agent.status, event)
        body = {"name": agent.name, "reason": _said(reason), "by": caller.label}
        entry = _entry(
            f"agent.{event}d", agent.workspace_id, agent.hired_agent_id, body, correlation_id
        )
        if not await self._store.move(agent, event, status, entry):
            return await self._move(caller, ref, event, reason, correlation_id)
        return AgentState(agent.hired_agent_id, agent.workspace_id, agent.name, status)

    async def _agent(self, caller: Principal, ref: str) -> AgentState:
        agent = await self._store.agent(ref, await self._access.visible(caller))
        if agent is None:
            raise TargetNotFound(message=f"There is no hired agent {ref!r}.")
        return agent

    async def _target(self, caller: Principal, scope: str, target: str | None) -> tuple[UUID, UUID]:
        """The target's id and the workspace that it belongs to."""
        if scope not in SCOPES:
            raise Invalid(message=f"A scope is one of {', '.join(SCOPES)}.")
        if scope == "all":
            require(caller, "operator")
            return PLATFORM, PLATFORM
        require(caller, "operator", "customer_admin")
        if scope == "workspace":
            home = await self._access.workspace(caller, target)
            return home.workspace_id, home.workspace_id
        if not target:
            raise Invalid(message="Name the agent.")
        agent = await self._agent(caller, target)
        return agent.hired_agent_id, agent.workspace_id


def _said(reason: str) -> str:
    text = reason.strip()
    if not text:
        raise Invalid(message="Say why: the reason is on record, and shown to whoever is stopped.")
    return text[:_REASON]


def _entry(
    kind: str, home: UUID, subject: UUID, body: dict[str, Any], correlation_id: str
) -> Entry:
    return Entry(kind, home, str(subject), body, correlation_id=correlation_id)
