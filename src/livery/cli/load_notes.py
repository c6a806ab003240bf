"""The end of the list of skills: what the loader said of them, and what the last load refused."""

from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from rich.console import RenderableType
from rich.text import Text

from livery.cli import last_load, load_views, look
from livery.cli.text import count, line, moment
from livery.client import ApiProblem, LiveryClient
from livery.client.packages import SkillDiagnostics
from livery.client.skills import ref_of

T = TypeVar("T")
MAX_REMARKS = 1000
MAX_LINES = 10


async def beside(client: LiveryClient, asked: Awaitable[T]) -> tuple[T, list[SkillDiagnostics]]:
    """What was asked, and the remarks on registered skills; a server that has none is not asked again."""
    found = await asked
    try:
        return found, [item async for item in client.skill_diagnostics(limit=MAX_REMARKS)]
    except ApiProblem:
        return found, []


def document(notes: Sequence[SkillDiagnostics], home: Path) -> dict[str, Any]:
    """For programs: beside the items."""
    return {"diagnostics": list(notes), "last_load": last_load.last(home)}


def shown(
    notes: Sequence[SkillDiagnostics], skills: Sequence[Any], home: Path
) -> list[RenderableType]:
    """For people: the first remarks on the skills that are listed, and the refusals of the last load."""
    parts: list[RenderableType] = []
    listed = {ref_of(skill) for skill in skills}
    mine = [item for item in notes if ref_of(item) in listed]
    if mine:
        parts += [Text(), line("What the loader said", "bold")]
        parts.append(load_views.remarks(mine[:MAX_LINES], len(mine)))
    last = last_load.last(home)
    if last and last["rejected"]:
        many = count(int(last.get("count") or len(last["rejected"])), "package")
        title = f"LAST LOAD · {moment(last.get('at'))} UTC · {many} rejected"
        parts += [Text(), load_views.rejections(last["rejected"][:5], title)]
        parts.append(line(f"Again: livery skills add {last.get('path')}", look.SOFT))
    return parts
