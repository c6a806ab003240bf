"""What hides from the reader what code does: code made at run time, ways behind the interpreter, our own insides."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from livery.execution.scan_names import CALL, IMPORTERS, Names, held
from livery.execution.scan_rules import DUNDERS, DYNAMIC, SENSITIVE

_Hidden = Iterator[tuple[str, str, int]]
_OURS = ("livery.", "livery_skill_")
_OPEN = "livery.authoring"
_MAKERS = frozenset(
    {"chr", "bytes", "bytearray", "reversed", "b64decode", "unhexlify", "fromhex", "decode"}
)


def hidden(nodes: Sequence[ast.AST], names: Names) -> _Hidden:
    """(rule, what was seen, line) for each thing that hides what the code does."""
    steps = {id(node.value) for node in nodes if isinstance(node, ast.Attribute)}
    steps |= _followed(nodes, names)
    for node in nodes:
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Subscript):
            for rule, message in _reached(node, names, value=id(node) not in steps):
                yield rule, message, line
        for rule, message in (*_imported(node), *_patched(node, names)):
            yield rule, message, line


def _followed(nodes: Sequence[ast.AST], names: Names) -> set[int]:
    """Places where a module as a value is followed on: `o = os`, `getattr(os, "name")`."""
    found: set[int] = set()
    for node in nodes:
        if isinstance(node, ast.Assign | ast.NamedExpr | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if node.value is not None and all(isinstance(item, ast.Name) for item in targets):
                found.add(id(node.value))
        elif isinstance(node, ast.Call) and node.args:
            called = names.origins(node.func)
            if "builtins.vars" in called or (
                "builtins.getattr" in called
                and len(node.args) > 1
                and names.texts.read(node.args[1]) is not None
            ):
                found.add(id(node.args[0]))
    return found


def _reached(node: ast.expr, names: Names, *, value: bool) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id == "__builtins__":
        yield "interpreter-internals", "__builtins__ leads behind the interpreter."
    if isinstance(node, ast.Attribute):
        if node.attr in DUNDERS:
            yield "interpreter-internals", f"{node.attr} leads behind the interpreter."
        if node.attr.startswith("_") and any(
            item == "ctx" or item.startswith("ctx.") for item in names.origins(node.value)
        ):
            yield "platform-internals", f"{node.attr} is an inner part of the context."
    if isinstance(node, ast.Call):
        yield from _called(node, names)
    for origin in sorted(names.origins(node)):
        if isinstance(node, ast.Call) and origin.endswith(CALL):
            continue
        if _dynamic(origin, node, names):
            yield (
                "dynamic-code",
                f"{origin.removeprefix('builtins.')} makes or finds code at run time.",
            )
        elif (
            origin in SENSITIVE and value and not isinstance(getattr(node, "ctx", None), ast.Store)
        ):
            yield "module-as-value", f"The module {origin} goes around as a value."
        elif origin.startswith(_OURS) and not _is_open(origin) and not isinstance(node, ast.Name):
            yield "platform-internals", f"{origin} is an inner part of the platform."


def _dynamic(origin: str, node: ast.expr, names: Names) -> bool:
    if isinstance(node, ast.Name) and not origin.startswith("builtins."):
        return False  # it was imported or bound at a place that is a finding itself
    if origin == "builtins.__import__":
        return id(node) not in names.callees
    if isinstance(node, ast.Name) and not names.is_builtin(node):
        return False
    return origin in DYNAMIC or any(origin.startswith(f"{item}.") for item in DYNAMIC)


def _called(node: ast.Call, names: Names) -> Iterator[tuple[str, str]]:
    called = names.origins(node.func)
    if called & IMPORTERS and names.texts.argument(node, 0, "name") is None:
        yield "dynamic-code", "A module is imported whose name is made at run time."
    if called & {"builtins.getattr", "builtins.setattr", "builtins.delattr"} and len(node.args) > 1:
        name = names.texts.read(node.args[1])
        if name is None and (names.holds_module(node.args[0]) or _made(node.args[1])):
            yield "dynamic-code", "An attribute is taken whose name is made at run time."
        elif name in DUNDERS:
            yield "interpreter-internals", f"{name} leads behind the interpreter."
    if called & {"operator.attrgetter", "operator.methodcaller"}:
        for argument in node.args:
            text = names.texts.read(argument)
            if text is None or any(part in DUNDERS for part in text.split(".")):
                yield "dynamic-code", "attrgetter is given a name that cannot be read."
    if isinstance(node.func, ast.Attribute) and node.func.attr in ("format", "format_map"):
        text = names.texts.read(node.func.value) or ""
        if any(name in text for name in DUNDERS):
            yield "interpreter-internals", "A format text leads behind the interpreter."
    if "builtins.vars" in called and node.args and names.holds_module(node.args[0]):
        yield "dynamic-code", "vars() of a module finds code at run time."


def _made(node: ast.expr) -> bool:
    """Whether a name is put together so that nobody reads it: from characters, from bytes, backwards."""
    for item in ast.walk(node):
        if isinstance(item, ast.Call):
            name = (
                item.func.attr
                if isinstance(item.func, ast.Attribute)
                else getattr(item.func, "id", "")
            )
            if name in _MAKERS:
                return True
        if isinstance(item, ast.Name) and item.id == "chr":
            return True
        if isinstance(item, ast.Slice) and isinstance(item.step, ast.UnaryOp):
            return True
    return False


def _imported(node: ast.AST) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Import):
        wanted = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
        wanted = [held(f"{node.module}.{alias.name}") for alias in node.names]
    else:
        return
    for name in wanted:
        owner, _, last = name.rpartition(".")
        if last == "*" and owner in (*SENSITIVE, "io", "pathlib"):
            yield "dynamic-code", f"from {owner} import * hides what is used."
        elif name in DYNAMIC or any(name.startswith(f"{item}.") for item in DYNAMIC):
            yield "dynamic-code", f"{name} makes or finds code at run time."
        elif name.startswith(_OURS) and not _is_open(name):
            yield "platform-internals", f"{name} is an inner part of the platform."


def _is_open(name: str) -> bool:
    return name == _OPEN or name.startswith(f"{_OPEN}.")


def _patched(node: ast.AST, names: Names) -> Iterator[tuple[str, str]]:
    """Changes of what all skills of this process share."""
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign | ast.Delete):
        targets = node.targets
    elif isinstance(node, ast.AugAssign | ast.AnnAssign):
        targets = [node.target]
    elif isinstance(node, ast.Call) and names.origins(node.func) & {
        "builtins.setattr",
        "builtins.delattr",
    }:
        if node.args and names.holds_module(node.args[0]):
            yield "module-patched", "A module that others use is changed."
        return
    for target in targets:
        if isinstance(target, ast.Attribute | ast.Subscript) and names.holds_module(target.value):
            yield "module-patched", "A module that others use is changed."
