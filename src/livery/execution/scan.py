"""What the code of a package uses, read from its syntax: uses that can be seen must be declared.

What hides a use from the reader (code or names made at run time, ways behind the interpreter) is a finding itself;
what still cannot be seen is refused at run time.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator

from livery.authoring.context import SKILL_PROVIDER
from livery.execution.scan_hidden import hidden
from livery.execution.scan_names import A_PATH, CALL, Names, held
from livery.execution.scan_rules import (
    FUNCTIONS,
    METHODS,
    MODULES,
    PATH_METHODS,
    PATHS,
    PURE,
    REMEDY,
    STARTS,
)
from livery.manifest.capabilities import Capabilities, CapabilityUse, closure
from livery.manifest.package import Package
from livery.manifest.urls import host_of
from livery.services.certification.types import Finding

MAX_SOURCE = 2 * 1024 * 1024
"""Bytes of one file that are read; a larger one is a finding."""
_Seen = Iterator[tuple[CapabilityUse, int]]
_ROOTS = frozenset(
    {"os", "io", "asyncio", "codecs", "gzip", "bz2", "lzma", "tarfile", "tokenize", "logging"}
)


class SyntaxScan:
    """See services.certification.ports.CapabilityScan."""

    def undeclared(self, package: Package) -> tuple[Finding, ...]:
        """Uses that the contract does not declare or that are hidden; a file that is no Python is a finding too."""
        findings: list[Finding] = []
        for file in package.files:
            if file.path.endswith((".py", ".pyw")):
                findings += _file(file.path, file.data, package.contract.capabilities)
        return tuple(findings)


def _file(path: str, data: bytes, declared: Capabilities) -> list[Finding]:
    if len(data) > MAX_SOURCE:
        return [_unreadable(f"more than {MAX_SOURCE} bytes", path, None)]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of code that is only looked at
            tree = ast.parse(data)
        nodes = list(ast.walk(tree))
        names = Names(tree, nodes)
        found = _undeclared(nodes, names, path, declared)
        for rule, message, line in hidden(nodes, names):
            found.setdefault(
                (rule, line, message),
                Finding(
                    "security_preflight_denied",
                    message,
                    path,
                    line,
                    "Write out what is used, so that it can be read, or do without.",
                    severity="high",
                    rule=rule,
                ),
            )
    except (Exception, RecursionError, MemoryError) as error:
        where: int | None = getattr(error, "lineno", None)
        return [_unreadable(getattr(error, "msg", None) or type(error).__name__, path, where)]
    return [found[key] for key in sorted(found, key=lambda key: (key[1], key[0], key[2]))]


def _unreadable(what: str, path: str, line: int | None) -> Finding:
    return Finding(
        "contract_invalid",
        f"This is no Python: {what}.",
        path,
        line,
        severity="high",
        rule="unreadable",
    )


def _undeclared(
    nodes: list[ast.AST], names: Names, path: str, declared: Capabilities
) -> dict[tuple[str, int, str], Finding]:
    found: dict[tuple[str, int, str], Finding] = {}
    for node in nodes:
        for use, line in _of_context(node, names):
            if closure(declared, [use]):
                found[use.kind, line, use.value] = Finding(
                    "underdeclared_capability",
                    f"The code uses {use.kind} {use.value!r}, which is not declared.",
                    path,
                    line,
                    f"Declare it under capabilities.{use.kind} in contract.yaml, or do not use it.",
                    severity="high",
                    rule="undeclared",
                )
        for use, line in (*_imports(node, names), *_uses(node, names)):
            # Hosts and folders are held to the declared ones at run time; a process never is declared.
            if use.kind == "process" or not getattr(declared, use.kind):
                found[use.kind, line, use.value] = Finding(
                    "underdeclared_capability",
                    f"{use.value} is used, but {use.kind} is not declared.",
                    path,
                    line,
                    REMEDY[use.kind],
                    severity="high",
                    rule="undeclared",
                )
    return found


def _of_context(node: ast.AST, names: Names) -> _Seen:
    """Calls on the context whose value can be read."""
    if not isinstance(node, ast.Call):
        return
    for owner, name in _callees(node, names):
        texts = names.texts
        if name == "request" and owner == "http":
            url = texts.argument(node, 1, "url")
            if url is not None:
                yield CapabilityUse("network", _host(url)), node.lineno
        elif name == "query" and owner == "data":
            yield from _use("data", texts.argument(node, 0, "view"), node)
        elif name == "credential" and owner in ("ctx", "context"):
            yield from _use("credentials", texts.argument(node, 0, "kind"), node)
        elif name in ("get", "set", "delete") and owner == "storage":
            yield from _use("storage", texts.argument(node, 0, "namespace"), node)
        elif name == "call" and owner in ("ctx", "context"):
            key = texts.argument(node, 0, "skill_key")
            yield from _use("tools", key and f"{SKILL_PROVIDER}:{key}", node)


def _callees(node: ast.Call, names: Names) -> set[tuple[str, str]]:
    """(last name of the owner, name) of what is called, under its own name and under those it stands for."""
    found = {
        (origin.split(".")[-2], origin.split(".")[-1])
        for origin in names.origins(node.func)
        if origin.startswith("ctx.")
    }
    if isinstance(node.func, ast.Attribute):
        owner = node.func.value
        last = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
        found.add((last, node.func.attr))
    return found


def _use(kind: str, value: str | None, node: ast.Call) -> _Seen:
    if value is not None:
        yield CapabilityUse(kind, value), node.lineno


def _host(url: str) -> str:
    try:
        return host_of(url)
    except ValueError:
        return url


def _imports(node: ast.AST, names: Names) -> _Seen:
    if isinstance(node, ast.Import):
        wanted = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
        wanted = [held(f"{node.module}.{alias.name}") for alias in node.names]
    elif isinstance(node, ast.Call) and not isinstance(node.func, ast.Lambda):
        # What was imported at run time: `__import__("socket")`, whatever that is called here.
        wanted = [] if _is_step(node, names) else sorted(names.origins(node))
    else:
        return
    for name in wanted:
        if name.endswith(CALL):
            continue
        known = _module(name)
        if known is not None:
            yield CapabilityUse(MODULES[known], known), getattr(node, "lineno", 0)
        elif isinstance(node, ast.ImportFrom) and (kind := _function(name)) is not None:
            yield CapabilityUse(kind, name), node.lineno


def _is_step(node: ast.Call, names: Names) -> bool:
    return "builtins.getattr" in names.origins(node.func)


def _module(name: str) -> str | None:
    """The listed module that a dotted name lies in."""
    parts = name.split(".")
    prefixes = [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
    if any(prefix in PURE for prefix in prefixes):
        return None
    return next((prefix for prefix in prefixes if prefix in MODULES), None)


def _function(name: str) -> str | None:
    """The capability that a single function is a use of."""
    if name.startswith(STARTS):
        return "process"
    parts = name.split(".")
    prefixes = (".".join(parts[:end]) for end in range(2, len(parts) + 1))
    return next((FUNCTIONS[prefix] for prefix in prefixes if prefix in FUNCTIONS), None)


def _uses(node: ast.AST, names: Names) -> _Seen:
    if isinstance(node, ast.Name):
        if node.id == "open" and names.is_builtin(node):
            yield CapabilityUse("filesystem", "open()"), node.lineno
        return
    if isinstance(node, ast.Attribute):
        if node.attr in METHODS and not names.origins(node):
            yield CapabilityUse(METHODS[node.attr], f"{node.attr}()"), node.lineno
    elif not isinstance(node, ast.Subscript | ast.Call) or (
        isinstance(node, ast.Call) and not _is_step(node, names)
    ):
        return
    for name in sorted(names.origins(node)):
        owner, _, last = name.rpartition(".")
        if (owner == A_PATH or owner in PATHS) and last in PATH_METHODS:
            yield CapabilityUse("filesystem", f"Path.{last}()"), node.lineno
            continue
        kind = _function(name)
        if kind is not None:
            yield CapabilityUse(kind, f"{_short(name)}()"), node.lineno
            continue
        known = _module(name)
        if known is not None and not _imported(known, names):
            yield CapabilityUse(MODULES[known], known), node.lineno


def _imported(module: str, names: Names) -> bool:
    """Whether the import of this module is a finding already."""
    return any(name == module or name.startswith(module + ".") for name in names.modules)


def _short(name: str) -> str:
    parts = name.split(".")
    return ".".join(parts[:3] if parts[1:2] == ["path"] else parts[:2])
