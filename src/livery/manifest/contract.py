"""The skill contract: ``contract.yaml`` read into one immutable value."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from livery.manifest.canonical import NotIJson, check_ijson
from livery.manifest.capabilities import Capabilities
from livery.manifest.contract_schema import CONTRACT_SCHEMA
from livery.manifest.diagnostics import Diagnostic, diagnose
from livery.manifest.errors import ContractInvalid, LiveryError, UnknownCapability, Violation
from livery.manifest.schema import Validator, compile_schema
from livery.manifest.semver import SemVer, parse_semver
from livery.manifest.skillmd import SkillMd
from livery.manifest.yamldoc import load_yaml

__all__ = [
    "Contract",
    "CostEstimate",
    "Fixture",
    "Runtime",
    "SemVer",
    "instructions_contract",
    "parse_contract",
    "parse_contract_yaml",
    "parse_semver",
]

FILE: Final = "contract.yaml"
DEFAULT_TIMEOUT_S: Final = 30.0
CONTAINER_TIMEOUT_S: Final = 15.0
INSTRUCTIONS_VERSION: Final = "0.1.0"

_SHORT_VERSION = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?", re.ASCII)
_ENTRY_FILE = r"(?!\.)[\w.-]+(?:/(?!\.)[\w.-]+)*"
_ENTRIES: Final = {
    "python": (
        re.compile(rf"{_ENTRY_FILE}\.py:[A-Za-z_]\w*", re.ASCII),
        "must be file:function, for example scripts/skill.py:run",
    ),
    "mcp": (
        re.compile(r"[A-Za-z0-9][\w.-]*:[A-Za-z0-9][\w./-]*", re.ASCII),
        "must be provider:tool",
    ),
    "container": (
        re.compile(_ENTRY_FILE + r"(?::[A-Za-z_]\w*)?", re.ASCII),
        "must be a file of the package, for example scripts/plugin.py",
    ),
}


@dataclass(frozen=True, slots=True)
class Runtime:
    """What executes the skill; ``timeout_s`` is in seconds, ``entry`` depends on the kind."""

    kind: str
    entry: str | None = None
    timeout_s: float = DEFAULT_TIMEOUT_S


@dataclass(frozen=True, slots=True)
class CostEstimate:
    """What one run is expected to cost, in micro-USD."""

    estimate_usd_micros: int = 0
    high_cost: bool = False


@dataclass(frozen=True, slots=True)
class Fixture:
    """One input and the output it must give; numbers may differ by ``tolerance``."""

    name: str
    input: Any
    output: Any
    tolerance: float | None = None


@dataclass(frozen=True, slots=True)
class Contract:
    """What a skill promises. ``raw`` is the document as it was read."""

    skill_key: str
    version: str
    owner: str
    description: str
    category: str
    runtime: Runtime
    input_schema: Any
    output_schema: Any
    capabilities: Capabilities = field(default_factory=Capabilities)
    cost: CostEstimate = field(default_factory=CostEstimate)
    tests: tuple[Fixture, ...] = ()
    steps: tuple[dict[str, Any], ...] = ()
    assertions: tuple[Any, ...] = ()
    budgets: dict[str, Any] = field(default_factory=dict)
    release: dict[str, Any] = field(default_factory=dict)
    raw: dict[str, Any] = field(default_factory=dict)
    review_policy: str = "standing"

    @property
    def name(self) -> str:
        """The skill's name, which is its key."""
        return self.skill_key


def parse_contract(data: Mapping[str, Any], skill_md: SkillMd) -> Contract:
    """Read a contract that is already loaded.

    Raises ContractInvalid, or UnknownCapability when only the capabilities are at fault, with all
    violations and their pointers.
    """
    violations = _violations(data)
    if violations:
        codes = {violation.code for violation in violations}
        if codes == {"unknown_capability"}:
            raise UnknownCapability(violations=violations)
        raise ContractInvalid(violations=violations)
    return _build(dict(data), skill_md)


def parse_contract_yaml(
    text: str | bytes, file: str = FILE, skill_md: SkillMd | None = None
) -> tuple[Contract | None, tuple[Diagnostic, ...]]:
    """Read ``contract.yaml``. Never raises: a contract, or diagnostics with line and remedy."""
    doc = load_yaml(text)
    if doc.faults:
        return None, tuple(
            diagnose("contract_invalid", fault.message, file, fault.line) for fault in doc.faults
        )
    violations = _violations(doc.value)
    if violations:
        return None, tuple(
            diagnose(
                violation.code or "contract_invalid",
                f"{violation.pointer or 'the contract'}: {violation.message}",
                file,
                doc.line_of(violation.pointer),
            )
            for violation in violations
        )
    return _build(doc.value, skill_md or SkillMd()), ()


def instructions_contract(skill_md: SkillMd) -> Contract:
    """Return the contract of a package without ``contract.yaml``: instructions, no capabilities.

    Its version is ``metadata.version`` (``1.2`` is read as ``1.2.0``), else 0.1.0.
    """
    version = skill_md.metadata.get("version", "").removeprefix("v")
    if _SHORT_VERSION.fullmatch(version):
        version = ".".join([*version.split("."), "0", "0"][:3])
    try:
        parse_semver(version)
    except ValueError:
        version = INSTRUCTIONS_VERSION
    return Contract(
        skill_key=skill_md.name,
        version=version,
        owner="",
        description=skill_md.description,
        category="instructions",
        runtime=Runtime("instructions"),
        input_schema={"type": "object"},
        output_schema={"type": "object"},
    )


def read_fixtures(tests: Mapping[str, Any]) -> tuple[Fixture, ...]:
    """Return the fixtures of a ``tests`` member that fits TESTS_SCHEMA."""
    return tuple(
        Fixture(item["name"], item["input"], item["output"], item.get("tolerance"))
        for item in tests.get("fixtures", ())
    )


@lru_cache(maxsize=1)
def _contract_validator() -> Validator:
    return compile_schema(CONTRACT_SCHEMA)


def _violations(data: object) -> list[Violation]:
    """Return everything that is wrong, sorted by pointer: first the form, then the meaning."""
    try:
        check_ijson(data)
    except NotIJson as fault:
        return [Violation(fault.pointer, fault.reason)]
    if not isinstance(data, dict):
        return [Violation("", "must be a mapping of fields")]
    found = list(_contract_validator().violations(data))
    touched = {violation.pointer.split("/")[1] for violation in found if violation.pointer}
    if "version" in data and "version" not in touched:
        try:
            parse_semver(data["version"])
        except ValueError as fault:
            found.append(Violation("/version", str(fault)))
    if "runtime" in data and "runtime" not in touched:
        found.extend(_runtime_violations(data))
    if "interface" in data and "interface" not in touched:
        for side in ("input", "output"):
            found.extend(_nested(f"/interface/{side}", compile_schema, data["interface"][side]))
    if "tests" not in touched:
        found.extend(_pattern_violations(data.get("tests", {}).get("assertions", ())))
    if "capabilities" not in touched:
        found.extend(_nested("/capabilities", Capabilities.parse, data.get("capabilities")))
    return sorted(found, key=lambda item: (item.pointer, item.message))


def _pattern_violations(assertions: Sequence[Mapping[str, Any]]) -> list[Violation]:
    """Return the patterns of assertions that are none: held by the engine that will match them."""
    return [
        Violation(f"/tests/assertions/{index}/value", violation.message)
        for index, item in enumerate(assertions)
        if item["op"] == "matches"
        for violation in _nested("", compile_schema, {"pattern": item["value"]})
    ]


def _nested(pointer: str, parse: Any, value: object) -> list[Violation]:
    """Run a parser of a part and move its violations under ``pointer``."""
    try:
        parse(value)
    except LiveryError as fault:
        return [
            Violation(pointer + violation.pointer, violation.message, violation.code)
            for violation in fault.violations
        ]
    return []


def _runtime_violations(data: dict[str, Any]) -> list[Violation]:
    runtime: dict[str, Any] = data["runtime"]
    kind = runtime["kind"]
    found: list[Violation] = []
    if kind in _ENTRIES:
        form, message = _ENTRIES[kind]
        if not form.fullmatch(str(runtime.get("entry", ""))):
            found.append(Violation("/runtime/entry", message))
    elif "entry" in runtime:
        found.append(Violation("/runtime/entry", f"a {kind} skill has no entry"))
    if kind == "pipeline" and not data.get("steps"):
        found.append(Violation("/steps", "a pipeline needs at least one step"))
    if kind != "pipeline" and data.get("steps"):
        found.append(Violation("/steps", f"a {kind} skill has no steps"))
    if kind != "instructions" and "interface" not in data:
        found.append(Violation("/interface", "input and output schemas are required"))
    if kind == "instructions" and data.get("capabilities"):
        found.append(Violation("/capabilities", "an instructions skill has no capabilities"))
    return found


def _build(data: dict[str, Any], skill_md: SkillMd) -> Contract:
    """Build the value from a document that has no violations."""
    runtime = data["runtime"]
    interface = data.get("interface", {"input": {"type": "object"}, "output": {"type": "object"}})
    cost, tests = data.get("cost", {}), data.get("tests", {})
    default = CONTAINER_TIMEOUT_S if runtime["kind"] == "container" else DEFAULT_TIMEOUT_S
    return Contract(
        skill_key=skill_md.name,
        version=data["version"],
        owner=data.get("owner", ""),
        description=skill_md.description,
        category=data.get("category", "general"),
        runtime=Runtime(
            runtime["kind"], runtime.get("entry"), float(runtime.get("timeout_s", default))
        ),
        input_schema=interface["input"],
        output_schema=interface["output"],
        capabilities=Capabilities.parse(data.get("capabilities")),
        cost=CostEstimate(
            round(cost.get("estimate_usd", 0) * 1_000_000), cost.get("high_cost", False)
        ),
        tests=read_fixtures(tests),
        steps=tuple(data.get("steps", ())),
        assertions=tuple(tests.get("assertions", ())),
        budgets=tests.get("budgets", {}),
        release=data.get("release", {}),
        raw=data,
        review_policy=data.get("review_policy", "standing"),
    )
