"""The recent weekly digests, so that a page can lead to any of them."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from livery.client.documents import Run
from livery.client.errors import ApiProblem
from livery.client.livery_client import LiveryClient
from livery.portals.operator.documents import wholes
from livery.portals.ui.format import period

DIGEST_SKILL, DIGEST_NAME = "weekly-digest", "digest.json"
RECENT = 20
"""Digests that are offered; older ones are reached through their runs."""


@dataclass(frozen=True, slots=True)
class Made:
    """One digest: the artifact, whose it is, what it is of, when it was made (RFC 3339)."""

    artifact_id: str
    workspace: str
    period: str
    created_at: str | None


async def newest(platform: LiveryClient) -> str:
    """The id of the newest digest that this person sees; empty where there is none."""
    made = await _made(platform)
    return made[0][0] if made else ""


async def recent(platform: LiveryClient) -> list[Made]:
    """The newest digests that this person sees, newest first, `RECENT` at most."""
    made = await _made(platform)
    periods = await asyncio.gather(*(_period(platform, run["run_id"]) for _, run in made))
    return [
        Made(artifact, str(run["workspace"] or ""), days, run["created_at"])
        for (artifact, run), days in zip(made, periods, strict=True)
    ]


async def _made(platform: LiveryClient) -> list[tuple[str, Run]]:
    """The newest digests, each as the id of its artifact and its run."""
    found = await platform.list_runs(skill_key=DIGEST_SKILL, status="succeeded", limit=RECENT)
    runs: list[Run] = wholes(Run, found)
    return [(artifact, run) for run in runs if (artifact := _digest_of(run))]


def _digest_of(run: Run) -> str:
    """The id of the digest that a run made; empty where it made none."""
    for artifact in run["artifacts"] or []:
        if artifact["name"] == DIGEST_NAME:
            return artifact["artifact_id"]
    return ""


async def _period(platform: LiveryClient, run_id: str) -> str:
    """The days of a digest: a list of runs does not carry them, the run's result does."""
    try:
        run = await platform.get_run(run_id)
    except ApiProblem as refused:
        if refused.status == 401:
            raise
        return ""
    envelope: Mapping[str, Any] = run.get("envelope") or {}
    result = envelope.get("result")
    days = result.get("period") if isinstance(result, Mapping) else None
    return period(days) if isinstance(days, Mapping) else ""
