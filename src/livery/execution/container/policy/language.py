"""One file's syntax held against a level's tables."""

from __future__ import annotations

import ast
import io
import sys
import tokenize
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from livery.execution.container.policy import tables
from livery.execution.container.policy.tables import denies

LANGUAGE, PREFLIGHT = "security_language_policy_denied", "security_preflight_denied"
_MAX_BYTES: Final = 1024 * 1024
_REFLECTION: Final = frozenset(["getattr", "setattr", "delattr", "hasattr"])


@dataclass(frozen=True, slots=True)
class Fault:
    """What a line says that it may not say; `code` is one of the two."""

    code: str
    message: str
    line: int | None


@dataclass(frozen=True, slots=True)
class Ask:
    """What a file is held against: the level, whether hosts are declared, which modules are the package's own."""

    level: str
    network: bool
    own: frozenset[str]


def faults(data: bytes, ask: Ask) -> list[Fault]:
    """All faults of one file. What cannot be read is a fault."""
    try:
        if len(data) > _MAX_BYTES:
            raise ValueError("it is larger than 1 MiB")
        # Another encoding could show the reader other words than the interpreter.
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        if encoding not in ("utf-8", "utf-8-sig"):
            raise ValueError("it is not UTF-8")
        if b"\x00" in data:
            raise ValueError("it holds NUL bytes")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(data)
            nodes = list(ast.walk(tree))
        aliases = _aliases(nodes)
        called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
        found = {fault for node in nodes for fault in _of(node, ask, aliases)}
        found |= {fault for node in nodes for fault in _handed_on(node, called)}
    except (Exception, RecursionError, MemoryError) as error:
        what = getattr(error, "msg", None) or (
            str(error) if type(error) is ValueError else type(error).__name__
        )
        return [
            Fault(
                LANGUAGE, f"This cannot be read as Python: {what}.", getattr(error, "lineno", None)
            )
        ]
    return sorted(found, key=lambda fault: (fault.line or 0, fault.code, fault.message))


def _aliases(nodes: list[ast.AST]) -> Mapping[str, str]:
    """Names that stand for a module or a part of one, anywhere in the file."""
    found: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                found[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    # `o = os`, `p = o.path`: as often as names are handed on.
    pairs = [
        (target.id, node.value)
        for node in nodes
        if isinstance(node, ast.Assign | ast.NamedExpr | ast.AnnAssign) and node.value is not None
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    ]
    for _ in range(8):
        more = {
            name: dotted for name, value in pairs if (dotted := _dotted(value, found)) is not None
        }
        if all(found.get(name) == dotted for name, dotted in more.items()):
            break
        found.update(more)
    return found


def _dotted(node: ast.AST, aliases: Mapping[str, str]) -> str | None:
    """`o.path.join` with `import os as o`: os.path.join; None where it starts with no module."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in aliases:
        return None
    return ".".join([aliases[node.id], *reversed(parts)])


def _of(node: ast.AST, ask: Ask, aliases: Mapping[str, str]) -> Iterator[Fault]:
    line = getattr(node, "lineno", None)
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield from _module(alias.name, ask, line)
    elif isinstance(node, ast.ImportFrom):
        yield from _import_from(node, ask, line)
    elif isinstance(node, ast.Name):
        if isinstance(node.ctx, ast.Load):
            yield from _name(node.id, ask, line)
    elif isinstance(node, ast.Attribute):
        yield from _attribute(node.attr, ask, line)
        dotted = _dotted(node, aliases)
        if dotted is not None:
            yield from _member(dotted, ask, line)
            yield from _through(dotted, ask, line)
    elif isinstance(node, ast.Call):
        yield from _call(node, ask, aliases)
    elif isinstance(node, ast.MatchClass):
        for name in node.kwd_attrs:  # `case object(__class__=c)` reads an attribute
            yield from _attribute(name, ask, line)


def _import_from(node: ast.ImportFrom, ask: Ask, line: int | None) -> Iterator[Fault]:
    if node.level:
        return  # a file of the package
    module = node.module or ""
    for alias in node.names:
        if alias.name == "*":
            yield from _module(module, ask, line)
            if ask.level != "baseline" and module.partition(".")[0] not in ask.own:
                yield Fault(LANGUAGE, f"from {module} import * hides what is used.", line)
        else:
            dotted = f"{module}.{alias.name}"
            yield from _module(dotted, ask, line)
            yield from _member(dotted, ask, line)
            yield from _through(dotted, ask, line)
            yield from _attribute(alias.name, ask, line)


def _module(name: str, ask: Ask, line: int | None) -> Iterator[Fault]:
    top = name.partition(".")[0]
    if top in ask.own:
        return
    names = set(tables.prefixes(name))
    network = bool(names & tables.NETWORK_MODULES) and not names & tables.NO_NETWORK_IN
    if denies(tables.LANGUAGE_MODULES, name, ask.level):
        yield Fault(LANGUAGE, f"{name} makes or loads code, or looks behind the language.", line)
    elif denies(tables.PREFLIGHT_MODULES, name, ask.level):
        yield Fault(PREFLIGHT, f"{name} reaches beyond a plugin's own process.", line)
    elif network and not ask.network:
        yield Fault(
            PREFLIGHT, f"{name} is used, but no host is declared under capabilities.network.", line
        )
    elif ask.level == "paranoid" and not network and not names & tables.PARANOID_IMPORTS:
        yield Fault(PREFLIGHT, f"{name} is not on the list of modules for paranoid.", line)


def _member(dotted: str, ask: Ask, line: int | None) -> Iterator[Fault]:
    if dotted.partition(".")[0] in ask.own:
        return
    if denies(tables.LANGUAGE_CALLS, dotted, ask.level):
        yield Fault(LANGUAGE, f"{dotted} looks behind the language.", line)
    elif denies(tables.PREFLIGHT_CALLS, dotted, ask.level):
        yield Fault(PREFLIGHT, f"{dotted} reaches beyond a plugin's own process.", line)


def _through(dotted: str, ask: Ask, line: int | None) -> Iterator[Fault]:
    """`typing.sys.modules`: a module that another one has imported is reached through it."""
    parts = dotted.split(".")
    if parts[0] in ask.own:
        return
    for begin in range(1, len(parts)):
        if parts[begin] in sys.stdlib_module_names:
            rest = ".".join(parts[begin:])
            yield from _module(rest, ask, line)
            yield from _member(rest, ask, line)


def _handed_on(node: ast.AST, called: set[int]) -> Iterator[Fault]:
    """`reduce(getattr, names, x)`: what is got is not written here."""
    if (
        isinstance(node, ast.Name)
        and node.id in _REFLECTION
        and isinstance(node.ctx, ast.Load)
        and id(node) not in called
    ):
        yield Fault(
            LANGUAGE, f"{node.id} is handed on, so that its use cannot be read.", node.lineno
        )


def _name(name: str, ask: Ask, line: int | None) -> Iterator[Fault]:
    if denies(tables.LANGUAGE_NAMES, name, ask.level):
        yield Fault(LANGUAGE, f"{name} runs or reaches what cannot be read here.", line)


def _attribute(name: str, ask: Ask, line: int | None) -> Iterator[Fault]:
    dunder = name.startswith("__") and name.endswith("__")
    if denies(tables.LANGUAGE_ATTRIBUTES, name, ask.level) or (
        ask.level == "paranoid" and dunder and name not in tables.PLAIN_DUNDERS
    ):
        yield Fault(LANGUAGE, f".{name} leads behind the language.", line)


def _call(node: ast.Call, ask: Ask, aliases: Mapping[str, str]) -> Iterator[Fault]:
    func, line = node.func, node.lineno
    if isinstance(func, ast.Name) and func.id in _REFLECTION:
        yield from _reflection(node, func.id, ask, aliases)
    elif (
        isinstance(func, ast.Attribute)
        and func.attr in ("format", "format_map")
        and isinstance(func.value, ast.Constant)
        and isinstance(func.value.value, str)
        and "__" in func.value.value
        and ask.level != "baseline"
    ):
        yield Fault(
            LANGUAGE, "A format that reads dunder attributes leads behind the language.", line
        )


def _reflection(node: ast.Call, func: str, ask: Ask, aliases: Mapping[str, str]) -> Iterator[Fault]:
    """`getattr(x, "name")` is read as `x.name`; a name that is made at run time cannot be read."""
    given = node.args[1] if len(node.args) > 1 else None
    if any(isinstance(item, ast.Starred) for item in node.args) or given is None:
        yield Fault(LANGUAGE, f"{func} with arguments that cannot be read.", node.lineno)
    elif isinstance(given, ast.Constant) and isinstance(given.value, str):
        yield from _attribute(given.value, ask, node.lineno)
        owner = _dotted(node.args[0], aliases)
        if owner is not None:
            yield from _member(f"{owner}.{given.value}", ask, node.lineno)
    elif ask.level != "baseline" or _dotted(node.args[0], aliases) is not None:
        yield Fault(LANGUAGE, f"{func} with a name that is made at run time.", node.lineno)
