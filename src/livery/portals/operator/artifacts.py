"""Artifacts: the digest as a page, a chart as a picture, anything else as text or a download."""

import asyncio
import json
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from livery.client.documents import Artifact
from livery.client.errors import ApiProblem
from livery.client.livery_client import LiveryClient
from livery.portals.operator import digest, recent
from livery.portals.operator.documents import whole
from livery.portals.operator.door import Door
from livery.portals.operator.recent import DIGEST_NAME, DIGEST_SKILL
from livery.portals.ui.chart import THEMES
from livery.portals.ui.format import CLIPPED, clip, pretty
from livery.portals.ui.shield import SANDBOX

CHART_SUFFIX = ".vl.json"
SHOWN = 256 * 1024
"""Bytes of a text artifact that a page fetches to show; a larger one is a download."""


async def newest_digest(request: Request) -> Response:
    """The newest weekly digest, or how to get the first one."""
    door = Door.of(request)
    async with door.client(request) as platform:
        newest = await recent.newest(platform)
    if newest:
        return RedirectResponse(f"/artifacts/{quote(newest, safe='')}", 303)
    return door.page(request, "operator/digest_none.html")


async def one(request: Request) -> Response:
    """One artifact. The mark's state is the provenance's, checked for this page."""
    door = Door.of(request)
    artifact_id = request.path_params["artifact_id"]
    async with door.client(request) as platform:
        found, state = await asyncio.gather(
            platform.get_artifact(artifact_id), _state(platform, artifact_id)
        )
        artifact: Artifact = whole(Artifact, found)
        content = b""
        if _is_text(artifact) and (artifact["size"] or 0) <= SHOWN:
            content = await platform.artifact_content(artifact_id)
        report = _digest(artifact, content)
        if report:
            chart, workspace, others = await asyncio.gather(
                _chart_of(platform, artifact),
                _workspace_of(platform, artifact),
                recent.recent(platform),
            )
    shared: dict[str, Any] = {"artifact": artifact, "state": state, "badge": _badge(artifact)}
    if report:
        return door.page(
            request,
            "operator/digest.html",
            path="/digest",
            report=digest.view(report),
            chart=chart,
            workspace=workspace,
            recent=others,
            **shared,
        )
    return door.page(
        request,
        "operator/artifact.html",
        path="/runs",
        text=_readable(artifact, content),
        chart=artifact_id if str(artifact["name"]).endswith(CHART_SUFFIX) else None,
        **shared,
    )


async def _workspace_of(platform: LiveryClient, artifact: Artifact) -> str:
    """Whose it is: an artifact names its run, and the run its workspace."""
    try:
        return str((await platform.get_run(artifact["run_id"])).get("workspace") or "")
    except ApiProblem:
        return ""


async def picture(request: Request) -> Response:
    """A chart artifact as SVG, in a sandbox of its own: it can show, it can do nothing."""
    door = Door.of(request)
    artifact_id, theme = request.path_params["artifact_id"], request.query_params.get("theme")
    async with door.client(request) as platform:
        artifact = await platform.get_artifact(artifact_id)
        if not artifact["name"].endswith(CHART_SUFFIX):
            raise HTTPException(404, "This artifact is no chart.")
        spec = await platform.artifact_content(artifact_id)
    svg = await door.charts.svg(artifact["sha256"], spec, theme if theme in THEMES else THEMES[0])
    return Response(svg, media_type="image/svg+xml", headers={"Content-Security-Policy": SANDBOX})


async def download(request: Request) -> Response:
    """The artifact's bytes, as a file and never as a page."""
    door = Door.of(request)
    artifact_id = request.path_params["artifact_id"]
    async with door.client(request) as platform:
        artifact = await platform.get_artifact(artifact_id)
        content = await platform.artifact_content(artifact_id)
    return attachment(content, artifact["name"])


def attachment(content: bytes, name: str) -> Response:
    """Bytes that a browser saves under a plain name, whatever they claim to be."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in name)
    return Response(
        content,
        media_type="application/octet-stream",
        headers={
            "Content-Disposition": f'attachment; filename="{plain.lstrip(".")[-120:] or "file"}"',
            "Content-Security-Policy": SANDBOX,
        },
    )


async def _state(platform: LiveryClient, artifact_id: str) -> str:
    try:
        return str((await platform.artifact_provenance(artifact_id)).get("state") or "unverified")
    except ApiProblem as refused:
        if refused.status == 401:
            raise
        return "unverified"


async def _chart_of(platform: LiveryClient, artifact: Artifact) -> str | None:
    """The id of the chart that the same run made beside the digest."""
    beside = await platform.list_artifacts(run_id=artifact["run_id"], limit=100)
    charts = [other["artifact_id"] for other in beside if other["name"].endswith(CHART_SUFFIX)]
    return charts[0] if charts else None


def _digest(artifact: Artifact, content: bytes) -> dict[str, Any] | None:
    if artifact["skill_key"] != DIGEST_SKILL or artifact["name"] != DIGEST_NAME:
        return None
    with suppress(ValueError, RecursionError):
        found = json.loads(content)
        if isinstance(found, dict):
            return found
    return None


def _readable(artifact: Artifact, content: bytes) -> str:
    """The text of an artifact; JSON is indented, whatever else is as it is."""
    if str(artifact["name"]).endswith(".json"):
        with suppress(ValueError, RecursionError):
            return pretty(json.loads(content))
    return clip(content.decode("utf-8", "replace"), CLIPPED)


def _is_text(artifact: Artifact) -> bool:
    kind = str(artifact["media_type"] or "").partition(";")[0].strip()
    return kind.startswith("text/") or kind.endswith(("json", "yaml", "markdown"))


def _badge(artifact: Artifact) -> str:
    return f"{artifact['skill_key']}@{artifact['skill_version']}"
