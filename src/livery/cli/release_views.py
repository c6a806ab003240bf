"""Impact, channels and differences, as people read them."""

import json
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from livery.cli import look
from livery.cli.text import count, line, moment, number, text
from livery.client.documents import SkillVersion
from livery.client.release_documents import (
    ChannelMove,
    Difference,
    FileChange,
    Impact,
    InterfaceChange,
    ValueChange,
)

_SHOWN = 20
_KINDS = {"job_role": "job role", "hired_agent": "hired agent", "agent_type": "agent type"}


def impact(found: Impact, what: str) -> list[RenderableType]:
    """Who is concerned: how many, which kinds, and each by name."""
    if not found["count"]:
        return [Text.assemble(look.sign(look.GOOD), "  ", line(f"Nobody uses {what}."))]
    kinds = ", ".join(count(n, _KINDS.get(kind, kind)) for kind, n in found["kinds"].items())
    parts: list[RenderableType] = [
        Text.assemble(look.sign(look.WAIT), "  ", line(f"{what} is used by {kinds}:", "bold"))
    ]
    table = look.listing(["Kind", "Name", "Workspace", "Version", "Follows"])
    for use in found["uses"][:_SHOWN]:
        table.add_row(
            line(_KINDS.get(use["kind"], use["kind"])),
            line(use["name"], "bold"),
            line(use["workspace"]),
            line(use["version"] or "–"),
            line(use["channel"] or "–", look.SOFT),
        )
    parts.append(table)
    if found["count"] > _SHOWN:
        parts.append(line(f"and {found['count'] - _SHOWN} more: see --json", look.SOFT))
    return parts


def versions(found: list[SkillVersion]) -> RenderableType:
    """The versions of a skill, newest first."""
    columns = ["Version", "Status", "Channels", "Certificate", "Expires (UTC)", "Registered (UTC)"]
    table = look.listing(columns, keep=["Version"])
    for item in found:
        certificate = item.get("certificate")
        table.add_row(
            line(item["version"], "bold"),
            look.state(item["status"]),
            line(", ".join(item.get("channels") or []) or "–"),
            look.state(certificate["state"]) if certificate else Text("none", style=look.SOFT),
            Text(moment(certificate["expires_at"]) if certificate else "–"),
            Text(moment(item["created_at"])),
        )
    return table


def moves(found: list[ChannelMove]) -> RenderableType:
    """The moves of channels, newest first."""
    table = look.listing(["When (UTC)", "Channel", "Move", "By", "Reason"])
    for item in found:
        before = item["previous"] or "nothing"
        step = "rolled back" if item["kind"] == "roll_back" else "promoted"
        table.add_row(
            Text(moment(item["moved_at"])),
            line(item["channel"], "bold"),
            line(f"{step}: {before} → {item['version']}"),
            line(item["moved_by"]),
            line(item["reason"] or "–", look.SOFT),
        )
    return table


def difference(found: Difference) -> list[RenderableType]:
    """What differs, the verdict first, what matters most next."""
    verdict, ways = found["verdict"], f"{found['from']['version']} → {found['to']['version']}"
    colour = look.BAD if verdict["needs"] else look.GOOD if verdict["compatible"] else look.WAIT
    parts: list[RenderableType] = [
        look.heading(f"{found['skill_key']} {ways}"),
        Text.assemble(look.sign(colour), "  ", line(verdict["sentence"], "bold", limit=2000)),
    ]
    parts += _section("Capabilities", _capabilities(found))
    parts += _section(f"Interface: {found['interface']['verdict']}", _interface(found))
    for title, changes in (
        ("Budgets", found["budgets"]),
        ("Runtime", found["runtime"]),
        ("Contract", found["contract"]),
    ):
        parts += _section(title, [_value(item) for item in changes])
    instructions = found["instructions"]
    parts += _section("Instructions", [_file(instructions)] if instructions else [])
    parts += _section("Files", [_file(item) for item in found["files"]])
    shown = [instructions] if instructions else []
    for item in [*shown, *found["files"]]:
        if item.get("diff"):
            parts += [Text(), *_lines(item["diff"])]
    return parts


def _section(title: str, rows: list[Text]) -> list[RenderableType]:
    if not rows:
        return []
    return [Text(), Text(title, style="bold"), *(look.indented(row) for row in rows)]


def _capabilities(found: Difference) -> list[Text]:
    gained = found["capabilities"]["added"]
    rows = [Text.assemble(("+ ", "bold red"), line(item, "bold red")) for item in gained]
    return rows + [
        Text.assemble(("- ", look.GOOD), line(item)) for item in found["capabilities"]["removed"]
    ]


def _interface(found: Difference) -> list[Text]:
    def row(item: InterfaceChange, colour: str) -> Text:
        return Text.assemble(look.sign(colour), " ", line(item["message"], limit=1000))

    interface = found["interface"]
    rows = [row(item, look.BAD) for item in interface["breaks"]]
    return rows + [row(item, look.GOOD) for item in interface["changes"]]


def _value(item: ValueChange) -> Text:
    return line(f"{item['name']}: {_words(item['before'])} → {_words(item['after'])}")


def _words(value: Any) -> str:
    if value is None:
        return "none"
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return shown if len(shown) <= 120 else f"{shown[:119]}…"


def _file(item: FileChange) -> Text:
    added, gone = item.get("lines_added"), item.get("lines_removed")
    counts = "no text" if added is None else f"+{number(added)} -{number(gone)}"
    sign = {"added": "+", "removed": "-"}.get(item["change"], "~")
    return Text.assemble(f"{sign} ", line(item["path"]), "  ", (counts, look.SOFT))


def _lines(diff: str) -> list[Text]:
    styles = {"+": "green", "-": "red", "@": "cyan"}
    return [text(row, styles.get(row[:1], "")) for row in diff.split("\n")]
