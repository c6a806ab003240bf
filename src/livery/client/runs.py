"""Runs: execute a skill, read what happened."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, cast

from livery.client.connection import Connection, segment
from livery.client.documents import Envelope, Run, RunDetail
from livery.client.errors import InputNotJson
from livery.manifest.canonical import NotIJson, check_ijson

RUN_TIMEOUT_S = 900.0
"""A run may take as long as its contract allows; the server ends it, not the client."""


def _written(body: Mapping[str, Any]) -> bytes:
    """The body as JSON. An input that is JSON and not I-JSON goes along: the platform refuses it, on record."""
    try:
        check_ijson(body["input"])
        return json.dumps(body).encode()
    except NotIJson as bad:
        fault = InputNotJson(bad.pointer, bad.reason)
    try:
        text = json.dumps(body).encode()
    except (TypeError, ValueError, RecursionError):
        raise fault from None
    if not _names_are_texts(body["input"]):  # JSON would write other names than were given
        raise fault
    return text


def _names_are_texts(value: Any) -> bool:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            if not all(isinstance(name, str) for name in item):
                return False
            stack.extend(item.values())
        elif isinstance(item, list | tuple):
            stack.extend(item)
    return True


class RunCalls(Connection):
    """Runs."""

    async def run(
        self,
        skill_key: str | None,
        input: Mapping[str, Any],  # noqa: A002 - the word of the contract
        *,
        binding: str | None = None,
        version: str | None = None,
        channel: str | None = None,
        hired_agent_id: str | None = None,
        workspace: str | None = None,
        dry_run: bool = False,
        approval_id: str | None = None,
        idempotency_key: str | None = None,
        wait: bool = True,
        wait_for_approval: bool = False,
    ) -> Envelope:
        """Execute a skill, or what the slot `binding` of the workspace is bound to, and return its envelope.

        A run that fails is an envelope with `ok` false. A run that is not admitted raises
        `RunDenied`, which carries the envelope; any other refusal raises `ApiProblem`; an input
        that JSON cannot write raises `InputNotJson`. With `wait` false the envelope may be that of
        a queued run. With `wait_for_approval` a call that lacks its approval answers the envelope of a run that
        waits for it (`awaiting_approval`).
        """
        body: dict[str, Any] = {"input": dict(input), "wait": wait}
        asked = {
            "skill_key": skill_key,
            "binding": binding,
            "version": version,
            "channel": channel,
            "hired_agent_id": hired_agent_id,
            "workspace": workspace,
            "dry_run": dry_run or None,
            "approval_id": approval_id,
            "wait_for_approval": wait_for_approval or None,
        }
        body.update({k: v for k, v in asked.items() if v is not None})
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        timeout = max(self.timeout, RUN_TIMEOUT_S) if wait else None
        found = await self.json(
            "POST",
            "/v1/runs",
            content=_written(body),
            headers={"Content-Type": "application/json", **headers},
            timeout=timeout,
        )
        return cast(Envelope, found)

    def iter_runs(
        self,
        *,
        status: str | None = None,
        code: str | None = None,
        skill_key: str | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[Run]:
        """Runs and denials, newest first, page by page."""
        return self.pages("/v1/runs", limit=limit, status=status, code=code, skill_key=skill_key)

    async def list_runs(
        self,
        *,
        status: str | None = None,
        code: str | None = None,
        skill_key: str | None = None,
        limit: int | None = 100,
    ) -> list[Run]:
        """The newest runs and denials."""
        found = self.iter_runs(status=status, code=code, skill_key=skill_key, limit=limit)
        return [run async for run in found]

    async def get_run(self, run_id: str) -> RunDetail:
        """One run with its input and its envelope."""
        return cast(RunDetail, await self.json("GET", f"/v1/runs/{segment(run_id)}"))
