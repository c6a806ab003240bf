"""Is a package what its contract says? The check behind `livery contracts` and the test kit.

It runs the package's code in this process; `checking` does the same in a child with a time limit.
"""

import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from livery.authoring.kit_fixtures import FixtureResult, fixture_context, run_fixture
from livery.authoring.loading import load_entry, read_folder
from livery.authoring.snapshot import with_kept
from livery.authoring.tool import Tool
from livery.manifest.canonical import join_pointer
from livery.manifest.package import CONTRACT_YAML, Package, PackageFile, parse_package
from livery.manifest.testfiles import is_test_file
from livery.manifest.yamldoc import load_yaml

DEFAULT_ENTRIES: Final = ("scripts/skill.py:run", "scripts/tool.py:run")
MAX_DIFFERENCES: Final = 20


@dataclass(frozen=True, slots=True)
class Verdict:
    """One check: `ok` is None for a remark. `file` is the path in the package, `line` 1-based."""

    name: str
    ok: bool | None
    detail: str
    file: str | None = None
    line: int | None = None

    @property
    def said(self) -> str:
        """The detail behind its place: `scripts/skill.py:7: …`."""
        if self.file is None:
            return self.detail
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.detail}"

    def to_dict(self) -> dict[str, Any]:
        """The verdict as JSON."""
        return {
            "name": self.name,
            "ok": self.ok,
            "detail": self.detail,
            "file": self.file,
            "line": self.line,
        }


@dataclass(slots=True)
class FolderReport:
    """What a check found: `about` is ``key@version``, `derived` the contract that the code makes.

    A report in which nothing was proven is not ok.
    """

    folder: str
    about: str = ""
    verdicts: list[Verdict] = field(default_factory=list)
    derived: dict[str, Any] | None = None

    @property
    def ok(self) -> bool:
        """Whether something was proven and nothing was refuted."""
        found = [verdict.ok for verdict in self.verdicts]
        return True in found and False not in found

    def add(
        self, name: str, ok: bool | None, detail: str, place: tuple[str, int | None] | None = None
    ) -> None:
        """Record one check."""
        self.verdicts.append(Verdict(name, ok, detail, *(place or (None, None))))

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON: `{ok, kind, about, checks: [{name, ok, detail, file, line}]}`."""
        checks = [verdict.to_dict() for verdict in self.verdicts]
        return {"ok": self.ok, "kind": "package", "about": self.about, "checks": checks}


def check_folder(folder: Path) -> FolderReport:
    """Check one package here: can it be taken, is the contract the code's, do fixtures pass.

    Never raises, but runs the package's code in this process.
    """
    report = FolderReport(str(folder), folder.resolve().name)
    try:
        files = read_folder(folder)
    except OSError as failed:
        report.add("package", False, str(failed.strerror or failed))
        return report
    package, diagnostics = parse_package(files, folder=folder.resolve().name)
    for found in diagnostics:
        bad = package is None and found.severity == "error"
        report.add(found.code, False if bad else None, found.message, (found.file, found.line))
    if package is None:
        return report
    contract = package.contract
    report.about = f"{contract.name}@{contract.version}"
    report.add("package", True, report.about)
    if contract.runtime.kind == "python":
        _check_code(report, folder, package)
    elif _has_code(files):
        report.add("contract", False, "there is code, and no contract.yaml that promises for it")
    return report


def derive(folder: Path, entry: str | None = None) -> dict[str, Any]:
    """The contract that the code of a package makes, without tests and release. Runs the code.

    Args:
        folder: the package.
        entry: ``file.py:name``; by default the first of DEFAULT_ENTRIES that is there.

    Raises:
        ValueError: there is no such code, or it is no skill; and whatever the code raises.
    """
    there = [e for e in DEFAULT_ENTRIES if (folder / e.partition(":")[0]).is_file()]
    return load_entry(folder, entry or (there or DEFAULT_ENTRIES)[0]).contract


def differences(written: Any, derived: Any) -> list[tuple[str, str]]:
    """Where a written contract is not the derived one: (JSON pointer, what differs in words)."""
    return list(_differences(written, derived, ()))


def _differences(written: Any, derived: Any, path: tuple[Any, ...]) -> Iterator[tuple[str, str]]:
    if isinstance(written, Mapping) and isinstance(derived, Mapping):
        for key in [*written, *(key for key in derived if key not in written)]:
            where = (*path, key)
            if key not in derived:
                yield join_pointer(*where), "contract.yaml has it, the code does not"
            elif key not in written:
                yield join_pointer(*where), "the code has it, contract.yaml does not"
            else:
                yield from _differences(written[key], derived[key], where)
    elif written != derived or isinstance(written, bool) is not isinstance(derived, bool):
        said = f"contract.yaml says {_short(written)}, the code says {_short(derived)}"
        yield join_pointer(*path), said


def place_of(error: BaseException, folder: Path) -> tuple[str, int | None] | None:
    """File in the package and line where an exception comes from; None for one from elsewhere."""
    root = folder.resolve()
    places = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename:
        places.append((error.filename, error.lineno))
    for file, line in reversed(places):
        path = Path(file).resolve()
        if path.is_relative_to(root):
            return path.relative_to(root).as_posix(), line
    return None


def _check_code(report: FolderReport, folder: Path, package: Package) -> None:
    contract = package.contract
    try:
        tool = load_entry(folder, contract.runtime.entry or "")
        report.derived = tool.contract
    except (Exception, SystemExit) as broken:  # a skill's code may raise anything
        report.add("code", False, _sentence(broken), place_of(broken, folder))
        return
    _check_contract(report, package, tool)
    lines = _fixture_lines(package.files)
    for fixture in contract.tests:
        result = run_fixture(tool, fixture, fixture_context(contract))
        place = place_of(result.error, folder) if result.error else None
        place = place or (None if result.ok else lines.get(fixture.name))
        report.add("fixture", result.ok, _said(result), place)
    if not contract.tests:
        report.add("fixture", None, "there are none, so certification will refuse it")


def _check_contract(report: FolderReport, package: Package, tool: Tool) -> None:
    raw = package.contract.raw
    found = differences(raw, with_kept(tool.contract, raw))
    doc = load_yaml(next(f.data for f in package.files if f.path == CONTRACT_YAML))
    for pointer, what in found[:MAX_DIFFERENCES]:
        report.add("contract", False, f"{pointer}: {what}", (CONTRACT_YAML, doc.line_of(pointer)))
    if len(found) > MAX_DIFFERENCES:
        report.add("contract", False, f"and {len(found) - MAX_DIFFERENCES} more differences")
    if found:
        report.add("contract", None, f"to take them over: livery contracts update {report.folder}")
    else:
        report.add("contract", True, "as the code")
    if tool.about.name != package.contract.name:
        said = f"the code says {tool.about.name!r}, SKILL.md {package.contract.name!r}"
        report.add("name", False, said, ("SKILL.md", None))
    else:
        report.add("name", True, tool.about.name)


def _fixture_lines(files: tuple[PackageFile, ...]) -> dict[str, tuple[str, int | None]]:
    """Where each fixture stands, by its name."""
    places: dict[str, tuple[str, int | None]] = {}
    for file in files:
        if file.path == CONTRACT_YAML or is_test_file(file.path):
            doc = load_yaml(file.data)
            inside = "/tests/fixtures" if file.path == CONTRACT_YAML else "/fixtures"
            value = doc.value.get("tests") if file.path == CONTRACT_YAML else doc.value
            for index, fixture in enumerate((value or {}).get("fixtures") or ()):
                places[fixture["name"]] = (file.path, doc.line_of(f"{inside}/{index}"))
    return places


def _has_code(files: list[PackageFile]) -> bool:
    return not any(file.path == CONTRACT_YAML for file in files) and any(
        file.path.endswith(".py") and b"livery.authoring" in file.data for file in files
    )


def _said(result: FixtureResult) -> str:
    return f"{result.name}: {result.detail or 'as expected'}"


def _sentence(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else text[:119] + "…"
