"""A load, as people read it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from livery.cli import look, skill_views
from livery.cli.text import count, line, short
from livery.client.skills import ref_of

MAX_LEFT_OUT = 5
MAX_SHOWN = 20
"""Refusals that are written out, and skills whose remarks are; the rest is counted."""


def loaded(document: Mapping[str, Any], *, certified: bool) -> list[RenderableType]:
    """The table of what is there now, and the panel of what is not."""
    parts: list[RenderableType] = []
    items = document["loaded"]
    alone = items[0].get("certification") if certified and len(items) == 1 else None
    if alone and not alone.get("error"):
        parts += skill_views.certification(alone)
    elif items:
        parts.append(_table(items))
        failed = [item for item in items if (item.get("certification") or {}).get("error")]
        for item in failed:
            error = item["certification"]["error"]
            parts.append(line(f"{item['key']}: {error['code']}: {error['message']}", look.BAD))
    if document["rejected"]:
        parts.append(rejections(document["rejected"], f"{len(document['rejected'])} REJECTED"))
    return parts


def _table(items: Sequence[Mapping[str, Any]]) -> RenderableType:
    table = look.listing(["Skill", "Version", "Status", "Digest", "Remarks"], keep=["Skill"])
    for item in items:
        said = Counter(said["code"] for said in item["diagnostics"])
        remarks = ", ".join(f"{code} ×{n}" if n > 1 else code for code, n in said.items())
        table.add_row(
            line(item["key"], "bold"),
            line(item["version"]),
            look.state(item["status"]),
            line(short(item["digest"]), look.SOFT),
            line(remarks or "–", look.WAIT if remarks else look.SOFT),
        )
    return table


def rejections(rejected: Sequence[Mapping[str, Any]], title: str) -> RenderableType:
    """Each with its place, what is wrong, and the way out."""
    parts: list[RenderableType] = []
    for item in rejected[:MAX_SHOWN]:
        if parts:
            parts.append(Text())
        parts.append(line(item["path"], "bold"))
        parts += [look.indented(diagnostic(said)) for said in item["diagnostics"][:5]]
        if len(item["diagnostics"]) > 5:
            parts.append(look.indented(line(f"and {len(item['diagnostics']) - 5} more", look.SOFT)))
    if len(rejected) > MAX_SHOWN:
        more = f"and {len(rejected) - MAX_SHOWN} more; all of them: --json"
        parts += [Text(), line(more, look.SOFT)]
    return look.alert(title, look.BAD, parts)


def diagnostic(said: Mapping[str, Any]) -> RenderableType:
    """`file:line  code  message`, and the remedy below."""
    place = f"{said['file']}:{said['line']}" if said.get("line") else str(said["file"])
    return Group(
        Text.assemble(line(place, look.SOFT), "  ", line(said["code"], look.WAIT)),
        look.indented(line(said["message"])),
        look.indented(line(f"→ {said['remedy']}", look.SOFT)),
    )


def summary(document: Mapping[str, Any], seconds: float, workspace: str | None = None) -> Text:
    """The last line."""
    items, rejected = document["loaded"], document["rejected"]
    remarks = sum(bool(item["diagnostics"]) for item in items)
    words = f"{len(items)} loaded"
    words += f" ({remarks} with remarks)" if remarks else ""
    words += f", {len(rejected)} rejected, {seconds:.1f} s"
    if items and not rejected and items[0]["status"] == "pending_certification":
        more = " …" if len(items) > 1 else ""
        named = f"{workspace}:{items[0]['key']}" if workspace else items[0]["key"]
        words += f". Next: livery skills certify {named}{more}"
    return line(words, look.SOFT)


def left_out(ignored: Sequence[str], versioned: Sequence[str]) -> Iterator[Text]:
    """What git ignores, and what it keeps for itself."""
    for names, why in ((ignored, "git ignores it"), (versioned, "it is version control's")):
        if names:
            more = f" and {len(names) - MAX_LEFT_OUT} more" if len(names) > MAX_LEFT_OUT else ""
            named = ", ".join(names[:MAX_LEFT_OUT])
            yield line(f"Left out, as {why}: {named}{more}", look.SOFT)


def remarks(items: Iterable[Mapping[str, Any]], total: int) -> RenderableType:
    """What the loader said of skills that are registered."""
    table = look.listing(["Skill", "Place", "Code", "Remark"], keep=["Skill"])
    shown = 0
    for item in items:
        for said in item["diagnostics"][:1]:
            place = f"{said['file']}:{said['line']}" if said.get("line") else str(said["file"])
            more = len(item["diagnostics"]) - 1
            words = said["message"] + (f" (and {more} more)" if more else "")
            table.add_row(
                line(f"{ref_of(item)}@{item['version']}"),
                line(place, look.SOFT),
                line(said["code"], look.WAIT),
                line(words, limit=160),
            )
        shown += 1
    if total <= shown:
        return table
    return Group(table, line(f"and {count(total - shown, 'skill')} more with remarks", look.SOFT))
