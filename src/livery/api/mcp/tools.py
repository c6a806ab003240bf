"""What the agent's door does: list the entitled skills, run one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import structlog

from livery.api.http.services import Services
from livery.api.mcp import shape
from livery.api.mcp.approvals import Asked, Undecided, decided
from livery.manifest.contract import instructions_contract, parse_contract
from livery.manifest.errors import LiveryError
from livery.manifest.skillmd import SkillMd
from livery.services.identity.types import Principal
from livery.services.runs.types import Call

PRINCIPAL = "livery_principal"
"""The member of the ASGI scope that holds the agent behind the token."""
_log = structlog.get_logger("livery.mcp")


class Tools:
    """The tools of whichever hired agent asks."""

    def __init__(self, services: Services, portal_url: str = "") -> None:
        self._services = services
        self._portal_url = portal_url
        self._running: set[asyncio.Task[Any]] = set()

    async def list(self, caller: Principal) -> list[dict[str, Any]]:
        """Exactly the skills that the agent is entitled to, in the version that a call would run."""
        catalog = self._services.catalog
        tools = []
        for agent in await self._services.hiring.list(caller):
            for entitled in agent.skills:
                skill = await catalog.seen_from(agent.workspace_id, str(entitled.skill_id))
                version = await catalog.version(skill, entitled.version)
                words = SkillMd(name=skill.skill_key, description=skill.description)
                contract = (
                    parse_contract(version.contract, words)
                    if version.contract
                    else instructions_contract(words)
                )
                tools.append(shape.tool(contract, skill.name, skill.description, version.digest))
        return tools

    async def call(
        self,
        caller: Principal,
        name: str,
        arguments: Mapping[str, Any] | None,
        meta: Mapping[str, Any],
        correlation_id: str,
        asked: Asked = Asked(),  # noqa: B008 - frozen
    ) -> dict[str, Any]:
        """Run a skill as the agent, through the kernel as every other door does; never raises."""
        try:
            approval_id = _member(meta, "approval-id")
            if approval_id is None and asked.state is not None:
                approval_id = await decided(self._services.approvals, caller, asked)
            call = Call(
                caller,
                name.replace("\x00", "\ufffd"),
                dict(arguments or {}),
                approval_id=approval_id,
                idempotency_key=_member(meta, "idempotency-key"),
                correlation_id=correlation_id,
            )
            return await self._whole(call)
        except Undecided as waiting:
            url = self._url(waiting.approval_id)
            return shape.ask(waiting.approval_id, "Nobody has decided yet.", url)
        except LiveryError as error:
            request_id = getattr(error, "approval_request_id", None)
            url = self._url(request_id) if request_id else ""
            if request_id and asked.opens_urls:
                return shape.ask(request_id, error.message, url)
            return shape.refusal(error, correlation_id, url)
        except Exception as error:
            # The text of an unknown error may hold anything; only its type leaves.
            _log.error("internal_error", error=type(error).__name__, correlation_id=correlation_id)
            return shape.refusal(LiveryError("internal_error"), correlation_id)

    def _url(self, approval_id: str) -> str:
        return f"{self._portal_url}/approvals/{quote(approval_id, safe='')}"

    async def _whole(self, call: Call) -> dict[str, Any]:
        # A client that goes away ends its request, not the run: what was begun is settled.
        run = asyncio.create_task(self._services.runner.run(call))
        self._running.add(run)
        run.add_done_callback(self._done)
        return shape.result(await asyncio.shield(run))

    def _done(self, run: asyncio.Task[Any]) -> None:
        self._running.discard(run)
        if not run.cancelled():
            run.exception()  # seen: nobody may be left to look at it

    async def settled(self) -> None:
        """Wait for the runs whose callers went away."""
        if self._running:
            await asyncio.wait(self._running)


def _member(meta: Mapping[str, Any], name: str) -> str | None:
    value = meta.get(shape.META + name)
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= 255:
        raise LiveryError("validation_error", f"_meta {shape.META}{name} is a text of 1 to 255.")
    return value
