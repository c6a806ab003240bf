"""SKILL.md as the Agent Skills specification defines it (agentskills.io): read leniently,
reported strictly.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from livery.manifest.diagnostics import Diagnostic, Severity, diagnose, has_errors
from livery.manifest.requirements import Requirement, read_requirements
from livery.manifest.slugs import is_slug, slugify
from livery.manifest.yamldoc import YamlDoc, load_yaml

FILE: Final = "SKILL.md"
FIELDS: Final = ("name", "description", "license", "compatibility", "metadata", "allowed-tools")
MAX_DESCRIPTION: Final = 1024
MAX_COMPATIBILITY: Final = 500
MAX_BYTES: Final = 1024 * 1024
MAX_ALIASES: Final = 16
_MAX_UNKNOWN: Final = 20

_MALFORMED: Final = "malformed_frontmatter"


@dataclass(frozen=True, slots=True)
class SkillMd:
    """A SKILL.md: its fields (empty where absent or unreadable), its body, what is wrong with it.

    ``allowed_tools`` is a request of the author, never a grant. ``aliases`` are other names that the
    author claims (``metadata.aliases``), as slugs. Errors among the diagnostics keep
    the skill out; warnings say what the reference validator would refuse.
    """

    name: str = ""
    description: str = ""
    license: str | None = None
    compatibility: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    allowed_tools: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    body: str = ""
    requirements: tuple[Requirement, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def ok(self) -> bool:
        """Say whether the skill can be taken."""
        return not has_errors(self.diagnostics)

    @property
    def conforms(self) -> bool:
        """Say whether the file conforms to the specification without any remark."""
        return not self.diagnostics


def parse_skill_md(text: str | bytes, folder: str | None = None) -> SkillMd:
    """Read a SKILL.md; ``folder`` is the name its folder has, where known. Never raises."""
    decoded = _decode(text)
    if decoded is None:
        return _refused("is not UTF-8 text of at most 1 MiB")
    split = _split(decoded)
    if split is None:
        return _refused("must start with frontmatter between two lines `---`")
    front, body = split
    doc = load_yaml(front, all_text=True)
    if doc.faults:
        return SkillMd(
            body=body,
            diagnostics=tuple(
                diagnose(_MALFORMED, fault.message, FILE, fault.line + 1) for fault in doc.faults
            ),
        )
    if not isinstance(doc.value, dict):
        return _refused("the frontmatter must be a mapping of fields", body)
    return _Reader(doc, folder).read(body)


def split_frontmatter(text: str) -> tuple[str, str] | None:
    """Return frontmatter and body of a SKILL.md, line ends as ``\\n``; None where there is no frontmatter."""
    decoded = _decode(text)
    return _split(decoded) if decoded is not None else None


def _decode(text: str | bytes) -> str | None:
    if len(text) > MAX_BYTES:
        return None
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError:
            return None
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


def _split(text: str) -> tuple[str, str] | None:
    first, found, rest = text.partition("\n")
    if not found or first.rstrip() != "---":
        return None
    lines = rest.split("\n")
    for index, line in enumerate(lines):
        if line.rstrip() == "---":
            return "\n".join(lines[:index]), "\n".join(lines[index + 1 :]).lstrip("\n")
    return None


def _refused(message: str, body: str = "") -> SkillMd:
    return SkillMd(body=body, diagnostics=(diagnose(_MALFORMED, message, FILE, 1),))


class _Reader:
    """Turns the frontmatter's mapping into fields and collects what is wrong."""

    def __init__(self, doc: YamlDoc, folder: str | None) -> None:
        self.doc = doc
        self.data: dict[str, Any] = doc.value
        self.folder = folder
        self.found: list[Diagnostic] = []

    def read(self, body: str) -> SkillMd:
        """Read every field; the order of the diagnostics is the order of the fields."""
        name = self._name()
        description = self._text("description", MAX_DESCRIPTION, required=True)
        licence = self._text("license", None)
        compatibility = self._text("compatibility", MAX_COMPATIBILITY)
        metadata = self._metadata()
        tools = self._tools()
        unknown = [key for key in self.data if key not in FIELDS]
        for key in unknown[:_MAX_UNKNOWN]:
            message = f"the field {key[:64]!r} is not allowed"
            self._say(key, message, severity="warning", remedy="Move it below `metadata`.")
        self._style(self.doc.flow, "flow style ([a], {a: b})", "Write one entry a line.")
        self._style(self.doc.tags, "tags (!!str)", "Leave the tag out.")
        return SkillMd(
            name=name,
            description=description or "",
            license=licence,
            compatibility=compatibility,
            metadata=metadata,
            allowed_tools=tools,
            aliases=self._aliases(name),
            body=body,
            requirements=read_requirements(self.doc, 1),
            diagnostics=tuple(self.found),
        )

    def _style(self, lines: list[int], what: str, remedy: str) -> None:
        for line in lines[:1]:
            message = f"the reference validator refuses {what}"
            self.found.append(
                diagnose(_MALFORMED, message, FILE, line + 1, severity="warning", remedy=remedy)
            )

    def _say(
        self,
        key: str,
        message: str,
        code: str = _MALFORMED,
        severity: Severity = "error",
        remedy: str | None = None,
    ) -> None:
        line = self.doc.line_of("/" + key.replace("~", "~0").replace("/", "~1")) + 1
        self.found.append(diagnose(code, message, FILE, line, severity=severity, remedy=remedy))

    def _name(self) -> str:
        name = self.data.get("name")
        if not isinstance(name, str) or not name:
            self._say("name", "the field name is missing or no text", "invalid_name")
            return ""
        if not is_slug(name):
            self._say("name", f"{name[:80]!r} is no valid name", "invalid_name")
        elif self.folder is not None and name != self.folder:
            self._say(
                "name",
                f"the name {name} differs from the folder {self.folder[:80]}",
                "invalid_name",
                "warning",
            )
        return name

    def _text(self, key: str, limit: int | None, *, required: bool = False) -> str | None:
        value = self.data.get(key)
        if value is None:
            if required:
                self._say(key, f"the field {key} is missing")
            return None
        if not isinstance(value, str) or not value.strip():
            severity: Severity = "error" if required else "warning"
            self._say(key, f"{key} must be a text that is not empty", severity=severity)
            return None
        if limit is not None and len(value) > limit:
            # Public skills do this; the file stays as it is, what is listed is cut.
            message = f"{key} has {len(value)} characters, {limit} are allowed"
            self._say(key, message, severity="warning")
            return value[: limit - 1] + "…"
        return value

    def _aliases(self, name: str) -> tuple[str, ...]:
        metadata = self.data.get("metadata")
        claimed = metadata.get("aliases") if isinstance(metadata, dict) else None
        given = claimed if claimed is not None else self.data.get("aliases")
        if isinstance(given, str):
            given = given.replace(",", " ").split()
        texts = [item for item in given if isinstance(item, str)] if isinstance(given, list) else []
        slugs = dict.fromkeys(slugify(item[:200]) for item in texts[:MAX_ALIASES] if item.strip())
        return tuple(slug for slug in slugs if slug != name)

    def _metadata(self) -> dict[str, str]:
        value = self.data.get("metadata")
        # Where public skills write it, and where the specification has a place for it.
        version = self.data.get("version")
        top = {"version": version} if isinstance(version, str) and version else {}
        if value is None or value == "":
            return top
        if not isinstance(value, dict):
            self._say("metadata", "metadata must map texts to texts", severity="warning")
            return top
        kept = {key: member for key, member in value.items() if isinstance(member, str)}
        if len(kept) != len(value):
            self._say("metadata", "metadata must map texts to texts", severity="warning")
        return top | kept

    def _tools(self) -> tuple[str, ...]:
        value = self.data.get("allowed-tools")
        if value is None:
            return ()
        if isinstance(value, str):
            return _split_tools(value)
        self._say("allowed-tools", "allowed-tools must be one text", severity="warning")
        if isinstance(value, list):
            return tuple(entry for entry in value if isinstance(entry, str) and entry)
        return ()


def _split_tools(text: str) -> tuple[str, ...]:
    """Split at spaces and commas outside parentheses: ``Bash(git add:*), Read`` has two."""
    tools: list[str] = []
    current, depth = "", 0
    for char in text:
        depth += (char == "(") - (char == ")" and depth > 0)
        if depth == 0 and (char.isspace() or char == ","):
            tools.append(current)
            current = ""
        else:
            current += char
    tools.append(current)
    return tuple(tool for tool in tools if tool)
