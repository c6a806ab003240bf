"""Names in Python's syntax, followed to where they come from: aliases, getattr, imports made at run time.

An over-approximation: a name stands for all that it is ever bound to, in whatever scope.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce

from livery.execution.scan_rules import HOLDERS, PATH_STEPS, PATHS
from livery.execution.scan_scopes import bindings, builtin_names, rebound
from livery.execution.scan_texts import Texts

CALL = "()"
"""`pathlib.Path()` is what a call of `pathlib.Path` gives."""
A_PATH = PATHS[0] + CALL
IMPORTERS = frozenset({"builtins.__import__", "importlib.import_module", "importlib.__import__"})
_ROUNDS, _MANY, _DEEP = 8, 64, 12
_Origins = frozenset[str]
_NONE: _Origins = frozenset()


class Names:
    """What the names of one module stand for: dotted names such as `os.path.join`, `ctx.http`, `builtins.open`."""

    def __init__(self, tree: ast.Module, nodes: Sequence[ast.AST]) -> None:
        self._known: dict[str, set[str]] = {}
        self._builtins = builtin_names(tree, nodes)
        self._memo: dict[int, _Origins] = {}
        self.modules: set[str] = set()
        for node in nodes:
            self._declare(node)
        pairs = [pair for node in nodes for pair in bindings(node)]
        self.texts = Texts(pairs, {name for node in nodes for name in rebound(node)})
        for _ in range(_ROUNDS):
            self._memo.clear()
            changed = [self._bind(name, value) for name, value in pairs]
            if not any(changed):
                break
        self._memo.clear()
        self.callees = frozenset(id(node.func) for node in nodes if isinstance(node, ast.Call))

    def holds_module(self, node: ast.AST) -> bool:
        """Say whether an expression may be a module that was imported, or something of the platform."""
        return any(
            origin in self.modules
            or origin in HOLDERS
            or origin.startswith("livery.")
            or origin.endswith(".__dict__")
            for origin in self.origins(node)
        )

    def _declare(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.name if alias.asname else alias.name.split(".")[0]
                self._known.setdefault(alias.asname or name, set()).add(name)
                self.modules.add(alias.name)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            for alias in node.names:
                full = held(f"{node.module}.{alias.name}")
                self._known.setdefault(alias.asname or alias.name, set()).add(full)
        elif isinstance(node, ast.arg) and (
            node.arg in ("ctx", "context") or _last(node.annotation) == "Context"
        ):
            self._known.setdefault(node.arg, set()).add("ctx")

    def _bind(self, name: str, value: ast.expr) -> bool:
        known = self._known.setdefault(name, set())
        new = {item for item in self.origins(value) if item.count(".") < _DEEP} - known
        if not new or len(known) > _MANY:
            return False
        known |= new
        return True

    def is_builtin(self, node: ast.Name) -> bool:
        """Say whether a name can be Python's own where it stands."""
        return id(node) in self._builtins

    def origins(self, node: ast.AST) -> _Origins:
        """The dotted names that an expression may stand for; none where that cannot be read."""
        known = self._memo.get(id(node))
        if known is None:
            known = self._memo[id(node)] = self._origins(node)
        return known

    def _origins(self, node: ast.AST) -> _Origins:
        if isinstance(node, ast.Name):
            found = set(self._known.get(node.id, ()))
            if node.id == "__builtins__":
                found.add("builtins")
            elif self.is_builtin(node):
                found.add(f"builtins.{node.id}")
            return frozenset(found)
        if isinstance(node, ast.Attribute):
            return frozenset(_step(owner, node.attr) for owner in self.origins(node.value))
        if isinstance(node, ast.Call):
            return self._called(node)
        if isinstance(node, ast.Subscript):
            return frozenset(self._subscripted(node))
        if isinstance(node, ast.NamedExpr | ast.Await | ast.Starred):
            return self.origins(node.value)
        if isinstance(node, ast.IfExp):
            return self.origins(node.body) | self.origins(node.orelse)
        if isinstance(node, ast.BoolOp):
            return self._any(node.values)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            return self._any([node.left, node.right]) & {A_PATH}
        return _NONE

    def _any(self, nodes: Iterable[ast.AST]) -> _Origins:
        return reduce(frozenset.union, (self.origins(node) for node in nodes), _NONE)

    def _called(self, node: ast.Call) -> _Origins:
        functions = self.origins(node.func)
        if functions & IMPORTERS:
            name = self.texts.argument(node, 0, "name")
            return frozenset([name]) if name else _NONE
        if not node.args:
            return frozenset(_result(item) for item in functions)
        if "builtins.getattr" in functions and len(node.args) > 1:
            name = self.texts.read(node.args[1])
            steps = (_step(owner, name) for owner in self.origins(node.args[0])) if name else ()
            return frozenset(steps)
        if "builtins.vars" in functions:
            return frozenset(f"{owner}.__dict__" for owner in self.origins(node.args[0]))
        return frozenset(_result(item) for item in functions)

    def _subscripted(self, node: ast.Subscript) -> Iterator[str]:
        key = self.texts.read(node.slice)
        for owner in self.origins(node.value) if key is not None else ():
            if owner == "sys.modules":
                yield str(key)
            elif owner == "builtins" or owner.endswith(".__dict__"):
                yield f"{owner.removesuffix('.__dict__')}.{key}"
            elif owner == "builtins.globals" + CALL:
                yield from ["builtins"] if key == "__builtins__" else self._known.get(str(key), ())


def held(name: str) -> str:
    """A dotted name without the modules that it only leads through: `random._os.system` is `os.system`."""
    parts = name.split(".")
    for index in range(len(parts) - 1, 0, -1):
        part = parts[index].lstrip("_")
        if part in HOLDERS and parts[0] not in ("ctx", "livery"):
            return ".".join([part, *parts[index + 1 :]])
    return name


def _step(owner: str, name: str) -> str:
    if owner == A_PATH:
        return A_PATH if name == "parent" else f"{owner}.{name}"
    return held(f"{owner}.{name}")


def _result(function: str) -> str:
    if function in PATHS:
        return A_PATH
    owner, _, name = function.rpartition(".")
    if name in PATH_STEPS and (owner == A_PATH or owner in PATHS):
        return A_PATH
    return function if function.endswith(CALL) else function + CALL


def _last(node: ast.AST | None) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return node.id if isinstance(node, ast.Name) else ""
