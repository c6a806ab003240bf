"""What differs between two versions: interface, capabilities, budgets, runtime, instructions, files."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from livery.kernel.compatibility import Break, breaks, eased, same_line
from livery.manifest.canonical import canonical_json
from livery.manifest.contract import Contract
from livery.manifest.package import Package, PackageFile, parse_package
from livery.manifest.semver import parse_semver
from livery.manifest.skillmd import FILE as SKILL_MD
from livery.services.catalog.catalog import Catalog, refused
from livery.services.catalog.errors import SkillNotFound
from livery.services.catalog.releases import right_version
from livery.services.catalog.types import Skill, Version
from livery.services.identity.types import Principal

MAX_TEXT: Final = 400_000
"""Characters of two files above which they are not compared line by line."""
MAX_LINES: Final = 5_000
MAX_DIFF: Final = 60_000
"""Characters of one file's diff that are shown."""
_APART: Final = frozenset({"version", "interface", "capabilities", "runtime"})
"""Members of a contract that have a place of their own in the difference."""


@dataclass(frozen=True, slots=True)
class FileChange:
    """`change` is `added`, `removed` or `changed`; line counts are None where the file is no text, or too large.

    `diff` is the unified diff where it was asked for.
    """

    path: str
    change: str
    lines_added: int | None
    lines_removed: int | None
    diff: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One value that is another now; None where there was, or is, none."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Difference:
    """Everything that differs. `needs` is the version that the newer one would need to be, None where it is right."""

    breaks: tuple[Break, ...]
    eased: tuple[Break, ...]
    capabilities_added: tuple[str, ...]
    capabilities_removed: tuple[str, ...]
    budgets: tuple[Change, ...]
    runtime: tuple[Change, ...]
    contract: tuple[Change, ...]
    instructions: FileChange | None
    files: tuple[FileChange, ...]
    needs: str | None
    sentence: str

    @property
    def compatible(self) -> bool:
        """May the newer one take the older one's place unseen?"""
        return not self.breaks


class Differences:
    """Compares versions of the catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def of(
        self,
        caller: Principal,
        ref: str,
        old: str | None = None,
        new: str | None = None,
        *,
        diffs: bool = False,
    ) -> tuple[Skill, Version, Version, Difference]:
        """The difference from `old` to `new`. Without `new` the newest; without `old` what production names, or else
        the newest certified one before it, or the one before it. `diffs` adds unified diffs of text files."""
        skill = await self._catalog.get(caller, ref)
        known, channels = await self._catalog.versions(skill)
        later = await self._catalog.version(skill, new)
        earlier = (
            await self._catalog.version(skill, old)
            if old is not None
            else _before(known, later, channels)
        )
        if earlier is None:
            raise SkillNotFound(
                message=f"{skill.skill_key}@{later.version} has no version before it to compare with."
            )
        first, second = await self._package(earlier), await self._package(later)
        versions = [item.version for item in known]
        found = await asyncio.to_thread(
            difference, first, second, earlier.version, later.version, versions, diffs=diffs
        )
        return skill, earlier, later, found

    async def _package(self, found: Version) -> Package:
        files = await self._catalog.package(found.digest, found.workspace_id)
        package, diagnostics = parse_package(files)
        if package is None:
            raise refused(diagnostics)
        return package


def difference(
    old: Package,
    new: Package,
    before: str,
    after: str,
    known: Sequence[str] = (),
    *,
    diffs: bool = False,
) -> Difference:
    """Compare two packages, registered as the versions `before` and `after` beside the `known` ones. Pure."""
    interfaces = _interface(old.contract), _interface(new.contract)
    broken = breaks(*interfaces)
    had, has = _granted(old.contract), _granted(new.contract)
    files = file_changes(old.files, new.files, diffs=diffs)
    gained = tuple(sorted(has - had))
    needs = None
    if broken and same_line(parse_semver(before), parse_semver(after)):
        needs = str(right_version(before, known))
    return Difference(
        breaks=broken,
        eased=eased(*interfaces),
        capabilities_added=gained,
        capabilities_removed=tuple(sorted(had - has)),
        budgets=_changes(old.contract.budgets, new.contract.budgets),
        runtime=_changes(old.contract.raw.get("runtime"), new.contract.raw.get("runtime")),
        contract=_changes(_rest(old.contract), _rest(new.contract)),
        instructions=next((item for item in files if item.path == SKILL_MD), None),
        files=tuple(item for item in files if item.path != SKILL_MD),
        needs=needs,
        sentence=_sentence(old, new, before, after, broken, needs, gained),
    )


def _before(
    known: Sequence[Version], later: Version, channels: Mapping[str, str]
) -> Version | None:
    produced = channels.get("production")
    for item in known:
        if item.version == produced != later.version:
            return item
    mine = parse_semver(later.version)
    lower = [item for item in known if parse_semver(item.version) < mine]
    certified = [item for item in lower if item.status in ("certified", "deprecated")]
    return next(iter(certified or lower), None)


def _interface(contract: Contract) -> Mapping[str, Any]:
    return {"input": contract.input_schema, "output": contract.output_schema}


def _granted(contract: Contract) -> set[str]:
    """Capabilities, one by one: `network api.example.org`, `llm small (2000 tokens)`."""
    found = set()
    for kind, value in contract.capabilities.to_dict().items():
        if isinstance(value, Mapping):
            found.add(f"{kind} {value['level']} ({value['token_budget']} tokens)")
        else:
            found |= {f"{kind} {item}" for item in value or ()}
    return found


def _rest(contract: Contract) -> dict[str, Any]:
    rest = {word: value for word, value in contract.raw.items() if word not in _APART}
    tests = dict(rest.pop("tests", None) or {})
    return {**rest, **{f"tests.{word}": tests[word] for word in tests if word != "budgets"}}


def _changes(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> tuple[Change, ...]:
    old, new = old or {}, new or {}
    return tuple(
        Change(name, old.get(name), new.get(name))
        for name in sorted({*old, *new})
        if canonical_json(old.get(name)) != canonical_json(new.get(name))
    )


def file_changes(
    old: Sequence[PackageFile], new: Sequence[PackageFile], *, diffs: bool = False
) -> list[FileChange]:
    """The files that differ, by path. Their bytes decide, and whether they are executable."""
    before = {file.path: file for file in old}
    after = {file.path: file for file in new}
    found = []
    for path in sorted({*before, *after}):
        was, now = before.get(path), after.get(path)
        if was and now and (was.data, was.executable) == (now.data, now.executable):
            continue
        change = "changed" if was and now else "added" if now else "removed"
        found.append(_compared(path, change, was, now, diffs=diffs))
    return found


def _compared(
    path: str, change: str, was: PackageFile | None, now: PackageFile | None, *, diffs: bool
) -> FileChange:
    first, second = _text(was), _text(now)
    if first is None or second is None or len(first) + len(second) > MAX_TEXT:
        return FileChange(path, change, None, None)
    before, after = first.splitlines(), second.splitlines()
    if max(len(before), len(after)) > MAX_LINES:
        return FileChange(path, change, None, None)
    lines = list(difflib.unified_diff(before, after, path, path, lineterm="", n=3))
    body = lines[2:]
    added = sum(line.startswith("+") for line in body)
    shown = "\n".join(lines)
    if len(shown) > MAX_DIFF:
        shown = f"{shown[:MAX_DIFF]}\n… {len(shown) - MAX_DIFF} characters more"
    gone = sum(line.startswith("-") for line in body)
    return FileChange(path, change, added, gone, shown if diffs else None)


def _text(file: PackageFile | None) -> str | None:
    if file is None:
        return ""
    try:
        text = file.data.decode()
    except UnicodeDecodeError:
        return None
    return None if "\x00" in text else text


def _sentence(
    old: Package,
    new: Package,
    before: str,
    after: str,
    broken: Sequence[Break],
    needs: str | None,
    gained: Sequence[str],
) -> str:
    if old.digest == new.digest:
        return f"{before} and {after} are the same package."
    line = "minor" if parse_semver(before).major == 0 else "major"
    if needs is not None:
        said = f"Breaking: what {before} promised needs a new {line}; {after} would be right as {needs}."
    elif broken:
        said = f"Breaking, and {after} says so: it is in another line than {before}."
    else:
        said = f"Compatible: {after} can take the place of {before}."
    return f"{said} It asks for more: {', '.join(gained)}." if gained else said
