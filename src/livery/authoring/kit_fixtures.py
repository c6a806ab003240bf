"""The test kit's contexts, and the fixtures of a package. Authors import `testkit`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from livery.authoring.context import HttpResponse
from livery.authoring.fixtures import compare
from livery.authoring.kit_context import Held, KitContext, KitData, KitHttp, KitStorage, Rows
from livery.authoring.loading import as_tool, load_entry, read_folder
from livery.authoring.tool import Tool
from livery.manifest.capabilities import Capabilities
from livery.manifest.contract import Contract, Fixture
from livery.manifest.diagnostics import Diagnostic
from livery.manifest.errors import ContractInvalid, Violation
from livery.manifest.package import Package, parse_package

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
"""Time of every run in the kit unless told otherwise."""

FIXTURE_NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
"""Time that fixtures see, here as in certification."""


def make_context(
    capabilities: Capabilities | Mapping[str, Any] | None = None,
    *,
    data: Mapping[str, Rows] | None = None,
    now: datetime = NOW,
    credentials: Mapping[str, Any] | None = None,
    responses: Mapping[str, HttpResponse] | None = None,
    skills: Mapping[str, Any] | None = None,
) -> KitContext:
    """A context in memory that allows what is declared, and nothing else.

    Args:
        capabilities: what the skill declares, parsed or as in ``contract.yaml``; nothing by
            default.
        data: view -> its rows, or a function of the query's arguments that gives them. Rows are
            filtered, grouped by the dimensions, and measures are summed.
        now: time of the run, aware.
        credentials: kind -> secret.
        responses: ``"GET https://host/path"`` -> what the service answers.
        skills: key -> the skill that `call` reaches: a `Tool`, or anything `as_tool` takes.

    Raises:
        ValueError: `now` has no time zone.
    """
    declared = (
        capabilities
        if isinstance(capabilities, Capabilities)
        else Capabilities.parse(dict(capabilities or {}))
    )
    if now.tzinfo is None:
        raise ValueError("now needs a time zone")
    held = Held(declared)
    return KitContext(
        held,
        now=now,
        data=KitData(held, data or {}),
        http=KitHttp(held, responses or {}),
        storage=KitStorage(held),
        credentials=credentials or {},
        skills={key: as_tool(tool) for key, tool in (skills or {}).items()},
    )


def fixture_context(contract: Contract) -> KitContext:
    """What a fixture sees in certification: the declared capabilities, and empty data views."""
    views: dict[str, Rows] = dict.fromkeys(contract.capabilities.data, ())
    ctx = make_context(contract.capabilities, data=views, now=FIXTURE_NOW)
    ctx.dry_run = True  # a fixture has no effect: it runs like a dry run, here and in certification
    return ctx


@dataclass(frozen=True, slots=True)
class FixtureResult:
    """One fixture: equal or not, the output, the first difference or error in words."""

    name: str
    ok: bool
    output: Any
    detail: str
    largest_difference: float
    error: BaseException | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class FixtureReport:
    """All fixtures of a package. A package without fixtures has proven nothing and is not ok."""

    results: tuple[FixtureResult, ...]

    @property
    def ok(self) -> bool:
        """Did all fixtures pass, and was there one?"""
        return bool(self.results) and all(result.ok for result in self.results)

    @property
    def summary(self) -> str:
        """One line: how many passed, and the largest difference between two numbers."""
        passed = sum(result.ok for result in self.results)
        largest = max((result.largest_difference for result in self.results), default=0.0)
        return f"{passed} of {len(self.results)} fixtures, largest difference {largest:g}"


def read_package(folder: Path | str) -> tuple[Package, tuple[Diagnostic, ...]]:
    """Read a package folder as the platform does.

    Raises:
        ContractInvalid: it cannot be taken; the violations say why.
        NotADirectoryError: there is no such folder.
    """
    path = Path(folder)
    package, diagnostics = parse_package(read_folder(path), folder=path.name)
    if package is None:
        raise ContractInvalid(
            message=f"{path.name} is no package that the platform takes",
            violations=[
                Violation("", f"{item.file}:{item.line or 1}: {item.message}", item.code)
                for item in diagnostics
            ],
        )
    return package, diagnostics


def run_fixtures(
    folder: Path | str, context: Callable[[Contract], KitContext] | None = None
) -> FixtureReport:
    """Run every fixture of a `python` package in this process, each with a fresh context.

    Args:
        folder: the package.
        context: makes the context from the contract; `fixture_context` by default.

    Raises:
        ContractInvalid: the folder is no package, or not one of the `python` runtime.
        ValueError: the entry is no skill.
    """
    package, _ = read_package(folder)
    contract = package.contract
    if contract.runtime.kind != "python" or contract.runtime.entry is None:
        raise ContractInvalid(message=f"{contract.name} is no python skill: nothing to call")
    tool = load_entry(Path(folder), contract.runtime.entry)
    make = context or fixture_context
    return FixtureReport(
        tuple(run_fixture(tool, fixture, make(contract)) for fixture in contract.tests)
    )


def run_fixture(tool: Tool, fixture: Fixture, ctx: KitContext) -> FixtureResult:
    """Run one fixture; an exception of the skill is a failed fixture, not an error of the kit."""
    try:
        output = tool.call(fixture.input, ctx)
    except (Exception, SystemExit) as error:
        said = f"{type(error).__name__}: {error}"
        return FixtureResult(fixture.name, False, None, said, 0.0, error)
    found = compare(fixture.output, output, fixture.tolerance)
    return FixtureResult(fixture.name, found.ok, output, found.detail, found.largest_difference)
