"""A package held against the policy: its files, its entry, and every line of Python in it."""

from __future__ import annotations

import ast
import sys
import warnings
from dataclasses import dataclass
from typing import Protocol

from livery.execution.container.policy.language import LANGUAGE, PREFLIGHT, Ask, Fault, faults
from livery.execution.container.policy.tables import BINARY_MAGIC, BINARY_SUFFIXES, LEVELS
from livery.manifest.errors import LiveryError
from livery.manifest.package import Package, PackageFile
from livery.services.certification.types import Finding

INVALID = "plugin_contract_invalid"
_ORDER = (INVALID, LANGUAGE, PREFLIGHT)
_REMEDY = {
    INVALID: "See docs/plugins.md for the interface of a plugin.",
    LANGUAGE: "Write it plainly, or ask the operator for a lower LIVERY_SANDBOX_POLICY.",
    PREFLIGHT: "Declare what you need under capabilities, or leave it to the platform.",
}
_ARGUMENTS = ("session_id", "agent_id", "skill_name")


class Policy(Protocol):
    """Says what is wrong with a package; the empty list lets it through to the container."""

    def findings(self, package: Package) -> list[Finding]:
        """All findings, the gravest first. Findings have the code that the call is denied with."""


@dataclass(frozen=True, slots=True)
class LevelPolicy:
    """`baseline`, `strict` or `paranoid`; raises LiveryError (configuration_error) for another name."""

    level: str = "strict"

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise LiveryError(
                "configuration_error",
                f"LIVERY_SANDBOX_POLICY is {self.level[:40]!r}; it must be one of {', '.join(LEVELS)}.",
            )

    def findings(self, package: Package) -> list[Finding]:
        """See Policy."""
        found = [_finding(fault, "contract.yaml") for fault in interface_faults(package)]
        ask = Ask(self.level, bool(package.contract.capabilities.network), _own(package))
        for file in package.files:
            found += [_finding(fault, file.path) for fault in _of_file(file, ask)]
        return sorted(found, key=lambda item: _ORDER.index(item.code))


@dataclass(frozen=True, slots=True)
class UnsafeNoPolicy:
    """Lets every code through, for proofs that the container holds it; the interface is still looked at."""

    def findings(self, package: Package) -> list[Finding]:
        """See Policy."""
        return [_finding(fault, "contract.yaml") for fault in interface_faults(package)]


def interface_faults(package: Package) -> list[Fault]:
    """What the contract's runtime or the entry lacks of interface 1."""
    contract = package.contract
    runtime = contract.raw.get("runtime", {})
    found = []
    if runtime.get("interface") != 1:
        found.append(Fault(INVALID, "A plugin says `interface: 1` under runtime.", None))
    if runtime.get("language", "python") != "python":
        found.append(
            Fault(LANGUAGE, "Plugins are written in Python; no other language is allowed.", None)
        )
    entry, _, function = (contract.runtime.entry or "").partition(":")
    if function not in ("", "run") or not entry.endswith(".py"):
        found.append(
            Fault(INVALID, "The entry of a plugin is a Python file with a function `run`.", None)
        )
        return found
    data = next((file.data for file in package.files if file.path == entry), b"")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            body = ast.parse(data).body
    except (Exception, RecursionError, MemoryError):
        return found  # the language policy says it; without one the container does
    runs = [node for node in body if isinstance(node, ast.FunctionDef) and node.name == "run"]
    if not runs:
        found.append(Fault(INVALID, f"{entry} has no function `run`.", None))
    elif not _takes(runs[-1].args):
        said = "`run` must take (payload, *, session_id, agent_id, skill_name)."
        found.append(Fault(INVALID, said, runs[-1].lineno))
    return found


def _takes(args: ast.arguments) -> bool:
    """Whether a call with one positional argument and the three names fits."""
    positional = [*args.posonlyargs, *args.args]
    by_name = {item.arg for item in (*args.args[1:], *args.kwonlyargs)}
    needed = {item.arg for item in positional[1 : len(positional) - len(args.defaults)]}
    needed |= {
        item.arg
        for item, default in zip(args.kwonlyargs, args.kw_defaults, strict=True)
        if default is None
    }
    one = bool(positional) or args.vararg is not None
    all_names = args.kwarg is not None or by_name >= set(_ARGUMENTS)
    return one and all_names and needed <= set(_ARGUMENTS)


def _own(package: Package) -> frozenset[str]:
    """Names that import a file of the package: those beside the entry, unless the standard library has them."""
    folder = (package.contract.runtime.entry or "").rpartition("/")[0]
    prefix = f"{folder}/" if folder else ""
    inside = [
        file.path.removeprefix(prefix) for file in package.files if file.path.startswith(prefix)
    ]
    names = {path.partition("/")[0].removesuffix(".py") for path in inside if path.endswith(".py")}
    return frozenset(names - set(sys.stdlib_module_names))


def _of_file(file: PackageFile, ask: Ask) -> list[Fault]:
    if file.path.endswith((".py", ".pyw", ".pyi")):
        return faults(file.data, ask)
    if file.path.lower().endswith(BINARY_SUFFIXES) or file.data.startswith(BINARY_MAGIC):
        return [
            Fault(
                PREFLIGHT, "A plugin brings Python source only, nothing that runs by itself.", None
            )
        ]
    if file.executable and ask.level != "baseline":
        return [Fault(PREFLIGHT, "A file that is no Python is marked as executable.", None)]
    return []


def _finding(fault: Fault, path: str) -> Finding:
    return Finding(fault.code, fault.message, path, fault.line, _REMEDY[fault.code])
