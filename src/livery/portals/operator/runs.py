"""Runs and denials: the list, and one run with its envelope, its reason and the way out."""

from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from livery.client.documents import Run, RunDetail
from livery.client.endings import ending, way_out
from livery.manifest.codes import CODES
from livery.portals.operator.documents import whole, wholes
from livery.portals.operator.door import Door, is_htmx
from livery.portals.operator.paging import window

STATUSES = (
    "succeeded", "failed", "denied", "unknown", "awaiting_approval", "running", "queued",
    "canceled",
)  # fmt: skip
TROUBLED = frozenset({"denied", "failed", "unknown"})


async def listing(request: Request) -> Response:
    """Runs, newest first; `status` and `skill_key` narrow them. For htmx, the table alone."""
    asked = request.query_params
    status = asked.get("status", "") if asked.get("status") in STATUSES else ""
    skill_key = asked.get("skill_key", "").strip()[:100]
    shown = window(request)
    door = Door.of(request)
    async with door.client(request) as platform:
        found = await platform.list_runs(
            status=status or None, skill_key=skill_key or None, limit=shown.limit + 1
        )
    runs: list[Run] = wholes(Run, found)
    template = "operator/runs_table.html" if is_htmx(request) else "operator/runs.html"
    return door.page(
        request,
        template,
        runs=runs[: shown.limit],
        counts=Counter(run["status"] for run in runs[: shown.limit]),
        more=shown.more(request, len(runs)),
        status_asked=status,
        skill_key=skill_key,
        statuses=STATUSES,
    )


async def one(request: Request) -> Response:
    """One run: what was asked, what came out, and if it was refused, why and what to do."""
    door = Door.of(request)
    async with door.client(request) as platform:
        found = await platform.get_run(request.path_params["run_id"])
    run: RunDetail = whole(RunDetail, found)
    return door.page(
        request,
        "operator/run.html",
        run=run,
        envelope=run["envelope"] or {},
        mark_href=_proof(run),
        trouble=trouble(run),
    )


def _proof(run: RunDetail) -> str:
    """Where the mark of a run leads: its first artifact's provenance, else its certificate."""
    artifacts = run["artifacts"] or []
    if artifacts:
        return f"/artifacts/{quote(artifacts[0]['artifact_id'], safe='')}/provenance"
    version = quote(run["skill_version"] or "", safe="")
    return f"/skills/{quote(run['skill_key'], safe='')}?tab=certificate&version={version}"


def trouble(run: RunDetail) -> dict[str, Any] | None:
    """Why a run did not succeed and the way out, as the terminal says it.

    None where it did succeed, or is still under way.
    """
    if run["status"] not in TROUBLED:
        return None
    envelope: Mapping[str, Any] = run["envelope"] or {}
    error = envelope.get("error") or {}
    known = CODES.get(run["code"])
    title, tone = _title(run["status"], envelope)
    details = error.get("details")
    if isinstance(details, Mapping):  # the way out has a line of its own
        details = {name: value for name, value in details.items() if name != "remedy"}
    return {
        "title": title,
        "tone": tone,
        "code": run["code"],
        "reason": run["reason"] or error.get("message") or (known.message if known else ""),
        "remedy": way_out(envelope) or (known.remedy if known else ""),
        "details": details,
    }


def _title(status: str, envelope: Mapping[str, Any]) -> tuple[str, str]:
    """The word for how it ended, and its tone: a run may fail because it was denied something."""
    if status == "unknown":
        return "Unknown", "warning"
    ended = ending(envelope) if envelope else status
    if ended == "needs_approval":
        return "Needs approval", "warning"
    return ended.capitalize(), "error"
