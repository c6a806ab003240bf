"""A skill and its certification, as people read them."""

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from livery.cli import look
from livery.cli.text import line, moment, short
from livery.client.documents import Certified, Check, Skill, SkillDetail
from livery.client.skills import ref_of


def badge(skill: Skill) -> str:
    """The text of the mark: `key@version`."""
    return f"{ref_of(skill)}@{skill['version']}"


def row(skill: Skill) -> tuple[Text, ...]:
    """One line of the catalog."""
    return (
        line(ref_of(skill), "bold"),
        line(skill["version"]),
        look.state(skill["status"]),
        standing(skill.get("certificate")),
        line(skill.get("category") or "–", look.SOFT),
        line(skill.get("description") or "", limit=160),
    )


def standing(certificate: Mapping[str, Any] | None) -> Text:
    """What a certificate is worth, and for how long: `valid, 12 d`; the reason where it is worth nothing."""
    if certificate is None:
        return Text("none", style=look.SOFT)
    state = look.state(certificate["state"])
    if certificate["state"] == "valid" and "days_left" in certificate:
        return Text.assemble(state, (f", {certificate['days_left']} d", look.SOFT))
    named = ", ".join(certificate.get("drifted") or [])
    return Text.assemble(state, (f": {named}", look.SOFT)) if named else state


def certification(certified: Certified) -> list[RenderableType]:
    """What certifying found, and what to do next."""
    name = f"{certified['key']}@{certified['version']}"
    parts: list[RenderableType] = [look.mark(name, certified["status"]), Text()]
    parts.append(_checks(certified["checks"]))
    certificate = certified.get("certificate")
    expires = moment(certificate["expires_at"]) + " UTC" if certificate else None
    parts += [Text(), look.facts([("Digest", certified["digest"]), ("Expires", expires)])]
    if certified["status"] == "certified":
        parts.append(line(f"Next: livery run {certified['key']} --input '{{…}}'", look.SOFT))
    return parts


def _checks(checks: list[Check]) -> RenderableType:
    grid = look.facts([])
    grid.columns[0].style = ""
    colours = {"pass": look.GOOD, "fail": look.BAD}
    for check in checks:
        said = line(check.get("summary") or "")
        for finding in check.get("findings") or []:
            said = Text("\n").join([said, *_finding(finding)])
        colour = colours.get(check["verdict"], look.WAIT)
        grid.add_row(Text.assemble(look.sign(colour), "  ", line(check["name"])), said)
    return grid


def _finding(finding: Any) -> list[Text]:
    """A finding, where it is, and what names it to somebody who answers for it."""
    if not isinstance(finding, dict):
        return [line(finding, look.SOFT)]
    place = ":".join(str(finding[key]) for key in ("file", "line") if finding.get(key) is not None)
    head = " ".join(filter(None, (finding.get("severity"), place)))
    said = [
        line(f"{head}  {finding.get('message')}" if head else finding.get("message"), look.SOFT)
    ]
    hushed = finding.get("suppressed")
    if hushed:
        said.append(line(f"  suppressed by {hushed['by']}: {hushed['reason']}", look.SOFT))
    elif finding.get("fingerprint"):
        said.append(line(f"  {finding.get('rule')} {finding['fingerprint']}", look.SOFT))
    elif finding.get("remedy"):
        said.append(line(f"  Way out: {finding['remedy']}", look.SOFT))
    return said


def detail(skill: SkillDetail) -> list[RenderableType]:
    """A skill with its contract, versions and certificates."""
    parts: list[RenderableType] = [
        look.heading(skill["name"], look.mark(badge(skill), skill["status"])),
        line(skill["description"], look.SOFT, limit=1024),
        Text(),
    ]
    granted = {k: v for k, v in (skill.get("capabilities") or {}).items() if v}
    channels = ", ".join(f"{k} → {v}" for k, v in (skill.get("channels") or {}).items())
    parts.append(
        look.facts(
            [
                ("Key", skill["skill_key"]),
                ("Workspace", skill.get("workspace")),
                ("Category", skill.get("category") or None),
                ("Owner", skill.get("owner") or None),
                ("Digest", skill.get("digest") or None),
                ("Channels", channels or None),
                ("May use", _capabilities(granted)),
            ]
        )
    )
    table = look.listing(["Version", "Status", "Certificate", "Expires (UTC)", "Digest"])
    for version in skill.get("versions") or []:
        certificate = version.get("certificate")
        table.add_row(
            line(version["version"], "bold"),
            look.state(version["status"]),
            standing(certificate),
            Text(moment(certificate["expires_at"]) if certificate else "–"),
            line(short(version["digest"]), look.SOFT),
        )
    parts += [Text(), table]
    diagnostics = skill.get("diagnostics") or []
    parts += [line(f"{d.get('code')}: {d.get('message')}", look.WAIT) for d in diagnostics]
    return parts


def _capabilities(granted: dict[str, object]) -> str:
    if not granted:
        return "nothing but its input"
    names = (
        f"{kind}: {', '.join(map(str, what)) if isinstance(what, list | tuple) else what}"
        for kind, what in granted.items()
    )
    return "\n".join(names)
