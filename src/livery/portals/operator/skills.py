"""The catalog, and one skill: its certificate, contract, versions and runs."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from livery.client.documents import Certificate, Run, Skill, SkillDetail, SkillVersion
from livery.client.livery_client import LiveryClient
from livery.client.release_documents import Impact, Use
from livery.portals.operator.documents import whole, wholes
from livery.portals.operator.door import Door, is_htmx
from livery.portals.operator.paging import window
from livery.portals.ui.format import days_left

STATUSES = ("certified", "pending_certification", "draft", "deprecated", "revoked")
TABS = ("certificate", "contract", "versions", "runs")
LAST_RUNS = 5
SEEN_RUNS = 100
NAMED_USES = 20
"""Uses that the page names; their numbers are always whole."""
_KINDS = {
    "agent_type": "Agent types",
    "binding": "Bindings",
    "hired_agent": "Hired agents denied on the next call",
    "job_role": "Job roles",
}


async def catalog(request: Request) -> Response:
    """Every skill with its state; `q` and `status` narrow it. For htmx, the table alone."""
    asked = request.query_params
    q, status = asked.get("q", "").strip()[:200], asked.get("status", "")
    status = status if status in STATUSES else ""
    shown = window(request)
    door = Door.of(request)
    async with door.client(request) as platform:
        listed = await platform.list_skills(
            status=status or None, q=q or None, limit=shown.limit + 1
        )
    found: list[Skill] = wholes(Skill, listed)
    template = "operator/skills_table.html" if is_htmx(request) else "operator/skills.html"
    return door.page(
        request,
        template,
        skills=found[: shown.limit],
        counts=Counter(skill["status"] for skill in found[: shown.limit]),
        more=shown.more(request, len(found)),
        q=q,
        status_asked=status,
        statuses=STATUSES,
    )


async def one(request: Request) -> Response:
    """One skill; `tab` and `version` choose what of it."""
    key = request.path_params["key"]
    asked = request.query_params.get("tab")
    tab = asked if asked in TABS else TABS[0]
    door = Door.of(request)
    async with door.client(request) as platform:
        answered, ran = await asyncio.gather(
            platform.get_skill(key), platform.list_runs(skill_key=key, limit=SEEN_RUNS)
        )
        skill, runs = _detail(answered), wholes(Run, ran)
        version = chosen_version(skill, request.query_params.get("version"))
        used = await _uses(platform, key, skill, version["version"]) if tab == TABS[0] else None
    return door.page(
        request,
        "operator/skill.html",
        skill=skill,
        version=version,
        certificate=version["certificate"],
        channels=_channels_of(skill, version["version"]),
        expires=_expires(version, door),
        impact=impact(used) if used else None,
        runs=runs if tab == "runs" else runs[:LAST_RUNS],
        run_count=f"{len(runs)}{'+' if len(runs) == SEEN_RUNS else ''}",
        tab=tab,
    )


def chosen_version(skill: SkillDetail, asked: str | None) -> SkillVersion:
    """The version to show: the one asked for, else production's, else the newest."""
    for wanted in (asked, skill["channels"].get("production"), skill["version"]):
        for version in skill["versions"]:
            if version["version"] == wanted:
                return version
        if asked is not None:
            raise HTTPException(404, f"{skill['skill_key']} has no version {asked[:40]}.")
    return {
        "version": skill["version"],
        "digest": skill["digest"],
        "status": skill["status"],
        "created_at": skill["created_at"],
        "certificate": None,
    }


def impact(found: Impact) -> dict[str, Any]:
    """What revoking a version would stop: how many of each kind, and which by name."""
    kinds = {"hired_agent": 0, **(found["kinds"] or {})}
    uses: list[Use] = wholes(Use, found["uses"] or [])
    # The agents first: theirs are the calls that end.
    uses.sort(key=lambda use: use["kind"] != "hired_agent")
    return {
        "kinds": [(_KINDS.get(kind, kind), kinds[kind]) for kind in sorted(kinds, key=_by_weight)],
        "uses": uses[:NAMED_USES],
        "unnamed": max(0, len(uses) - NAMED_USES),
    }


async def _uses(platform: LiveryClient, key: str, skill: SkillDetail, version: str) -> Impact:
    """Who uses a version, as `livery skills impact` says it; nobody, where there is no version yet."""
    found: Mapping[str, Any] = await platform.impact(key, version) if skill["versions"] else {}
    used: Impact = whole(Impact, found)
    return used


def _by_weight(kind: str) -> tuple[bool, str]:
    return kind != "hired_agent", kind


def _detail(answered: SkillDetail) -> SkillDetail:
    skill: SkillDetail = whole(SkillDetail, answered)
    skill["channels"] = skill["channels"] or {}
    skill["capabilities"] = skill["capabilities"] or {}
    skill["versions"] = wholes(SkillVersion, skill["versions"] or [])
    for version in skill["versions"]:
        if version["certificate"]:
            version["certificate"] = whole(Certificate, version["certificate"])
    return skill


def _channels_of(skill: SkillDetail, version: str) -> list[str]:
    return sorted(name for name, held in skill["channels"].items() if held == version)


def _expires(version: SkillVersion, door: Door) -> str:
    certificate = version["certificate"]
    now = datetime.fromtimestamp(door.settings.clock(), UTC)
    return days_left(certificate["expires_at"], now) if certificate else ""
