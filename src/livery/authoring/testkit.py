"""Try a skill without a platform: all that an author's own tests need.

The same rule as in execution: what was not declared raises `CapabilityDenied`.

    from livery.authoring import testkit

    def test_it_greets():
        tried = testkit.run(greet, {"name": "Ada"})
        assert tried.ok and tried.result == "Hello Ada"

    def test_the_contract():
        testkit.assert_contract("skills/greet")
"""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from livery.authoring.context import ArtifactRef
from livery.authoring.contracts import check_folder
from livery.authoring.kit_context import KitContext
from livery.authoring.kit_fixtures import (
    FIXTURE_NOW,
    NOW,
    FixtureReport,
    FixtureResult,
    fixture_context,
    make_context,
    read_package,
    run_fixture,
    run_fixtures,
)
from livery.authoring.loading import as_tool, load_entry
from livery.authoring.outcome import run_envelope
from livery.authoring.tool import Tool
from livery.manifest.contract import Contract
from livery.manifest.envelope import Envelope
from livery.manifest.errors import ContractInvalid

__all__ = [
    "FIXTURE_NOW",
    "NOW",
    "FixtureReport",
    "FixtureResult",
    "KitContext",
    "Tried",
    "assert_contract",
    "fixture_context",
    "load",
    "make_context",
    "read_package",
    "run",
    "run_fixture",
    "run_fixtures",
]

Skill = Tool | type[Tool] | Callable[..., Any] | Path | str
"""A skill in any form: a `Tool`, a `BaseToolContract` class, a typed function, a folder."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One call of a skill: its envelope, and the context that remembers what it did."""

    envelope: Envelope
    ctx: KitContext

    @property
    def ok(self) -> bool:
        """Did it succeed?"""
        return self.envelope.ok

    @property
    def code(self) -> str:
        """`tool_ok`, or why it did not succeed."""
        return self.envelope.code

    @property
    def result(self) -> Any:
        """What it returned; None where it did not succeed."""
        return self.envelope.result

    @property
    def artifacts(self) -> dict[str, tuple[ArtifactRef, bytes]]:
        """Name -> reference and bytes of what it wrote."""
        return self.ctx.artifacts

    @property
    def effects(self) -> list[dict[str, Any]]:
        """`{kind, what}` of all that left it, in order."""
        return self.ctx.effects


def run(
    skill: Skill,
    input: Any,  # noqa: A002 - the word of the contract
    *,
    ctx: KitContext | None = None,
    timeout_s: float | None = None,
    **world: Any,
) -> Tried:
    """Call a skill under its contract, as the platform would, and return what came of it.

    Args:
        skill: the skill in any form; of a folder its contract.yaml counts, as on the platform.
        input: the JSON value.
        ctx: the context; by default one with the declared capabilities and `world` behind it.
        timeout_s: longest time, seconds; the contract's by default.
        world: what `make_context` takes: data, now, credentials, responses, skills.

    Raises:
        ContractInvalid: the folder is no package, or not one of the `python` runtime.
        ValueError: the thing is no skill.
    """
    tool = load(skill)
    if ctx is None:
        ctx = make_context(tool.about.capabilities, **world)
    return Tried(run_envelope(tool, input, ctx, timeout_s=timeout_s), ctx)


def load(skill: Skill) -> Tool:
    """The `Tool` that something is; see `run`. Runs the code of a folder in this process."""
    if not isinstance(skill, Path | str):
        return as_tool(skill)
    package, _ = read_package(skill)
    contract = package.contract
    if contract.runtime.kind != "python" or contract.runtime.entry is None:
        raise ContractInvalid(message=f"{contract.name} is no python skill: nothing to call")
    return _under(contract, load_entry(Path(skill), contract.runtime.entry))


def _under(contract: Contract, tool: Tool) -> Tool:
    """The tool under a written contract, whatever the code says of itself."""
    held, interface = copy(tool), copy(tool.interface)
    for compiled in ("input_validator", "output_validator"):
        vars(interface).pop(compiled, None)
    interface.input_schema, interface.output_schema = contract.input_schema, contract.output_schema
    held.interface = interface
    held.about = replace(
        tool.about,
        name=contract.name,
        version=contract.version,
        capabilities=contract.capabilities,
        timeout_s=contract.runtime.timeout_s,
    )
    return held


def assert_contract(folder: Path | str) -> None:
    """The package is one that the platform takes, its contract is its code's, its fixtures pass.

    A package without fixtures has proven nothing. Runs the code in this process.

    Raises:
        AssertionError: it is not so; each line names the file, the line and the fault.
    """
    report = check_folder(Path(folder))
    faults = [verdict.said for verdict in report.verdicts if verdict.ok is False]
    if not any(verdict.name == "fixture" and verdict.ok for verdict in report.verdicts):
        faults.append("no fixture passed")
    assert not faults, f"{report.about}:\n" + "\n".join(f"  {fault}" for fault in faults)
