"""What binds a name in Python's syntax, and where a name is still Python's own."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Sequence

_BUILTINS = frozenset(dir(builtins))
_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def bindings(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """(name, expression) for each name that a node gives a value that can be followed."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            yield from _unpacked(target, node.value)
    elif isinstance(node, ast.AnnAssign | ast.NamedExpr):
        if node.value is not None:
            yield from _unpacked(node.target, node.value)
    elif isinstance(node, ast.withitem) and node.optional_vars is not None:
        yield from _unpacked(node.optional_vars, node.context_expr)
    elif isinstance(node, ast.For | ast.AsyncFor | ast.comprehension) and isinstance(
        node.iter, ast.Tuple | ast.List | ast.Set
    ):
        for value in node.iter.elts:
            yield from _unpacked(node.target, value)
    elif isinstance(node, ast.arguments):
        places = [*node.posonlyargs, *node.args]
        pairs = list(zip(reversed(places), reversed(node.defaults), strict=False))
        for arg, default in [*pairs, *zip(node.kwonlyargs, node.kw_defaults, strict=True)]:
            if default is not None:
                yield arg.arg, default


def _unpacked(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple | ast.List) and isinstance(value, ast.Tuple | ast.List):
        for one, given in zip(target.elts, value.elts, strict=False):
            yield from _unpacked(one, given)


def rebound(node: ast.AST) -> Iterator[str]:
    """Names that a node gives a value of which nothing is known."""
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        yield node.target.id
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
        yield from _stored(node.target)
    elif isinstance(node, ast.Global | ast.Nonlocal):
        yield from node.names


def _stored(node: ast.AST) -> Iterator[str]:
    for item in ast.walk(node):
        if isinstance(item, ast.Name) and not isinstance(item.ctx, ast.Load):
            yield item.id


def builtin_names(tree: ast.Module, nodes: Sequence[ast.AST]) -> frozenset[int]:
    """The ids of the nodes that read one of Python's own names.

    A name that is only perhaps bound (`if False: open = None`) is Python's own still.
    """
    used = [
        node
        for node in nodes
        if isinstance(node, ast.Name) and node.id in _BUILTINS and isinstance(node.ctx, ast.Load)
    ]
    if not used:
        return frozenset()
    unbound = {
        node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Del)
    }
    own = _module_names(tree) - unbound
    shadowed: set[int] = set()
    for node in nodes:
        if isinstance(node, _Function):
            shadowed |= _shadowed_by(node)
    return frozenset(id(node) for node in used if node.id not in own and id(node) not in shadowed)


def _module_names(tree: ast.Module) -> set[str]:
    """Names that stand outside of functions, bound by a statement that is always run."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, _Definition):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.Assign):
            found |= {name for target in node.targets for name in _stored(target)}
    return found


def _shadowed_by(function: _Function) -> set[int]:
    """The nodes below a function whose name is a parameter or variable of it."""
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [arg for arg in (arguments.vararg, arguments.kwarg) if arg is not None]
    bound = {arg.arg for arg in every}
    body = [function.body] if isinstance(function, ast.Lambda) else function.body
    inside: list[ast.AST] = []
    stack: list[ast.AST] = list(body)
    while stack:
        node = stack.pop()
        inside.append(node)
        if isinstance(node, _Definition):
            bound.add(node.name)
            continue  # what it binds is its own
        if not isinstance(node, ast.Lambda):
            stack.extend(ast.iter_child_nodes(node))
    outer: set[str] = set()
    for node in inside:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            outer |= set(node.names)
    bound = (bound & _BUILTINS) - outer
    if not bound:
        return set()
    return {
        id(item)
        for node in body
        for item in ast.walk(node)
        if isinstance(item, ast.Name) and item.id in bound
    }
