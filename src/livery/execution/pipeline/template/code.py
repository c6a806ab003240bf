"""What a template is compiled to: code that pays for every turn, branch and part."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jinja2 import nodes as tree
from jinja2.compiler import CodeGenerator, operators


class Code(CodeGenerator):
    """Writes, into what a template becomes, where it pays."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._paying: set[int] = set()

    def visit(self, node: tree.Node, *args: Any, **kwargs: Any) -> Any:
        """An expression; one that has to pay does so first."""
        if id(node) not in self._paying:
            return super().visit(node, *args, **kwargs)
        self._paying.discard(id(node))
        self.write(f"(environment.budget.spend({_own(node)}) and ")
        super().visit(node, *args, **kwargs)
        self.write(")")
        return None

    def blockvisit(self, nodes: Iterable[tree.Node], frame: Any) -> None:
        """A body."""
        # Every turn of a loop, branch, macro and block comes through here.
        body = list(nodes)
        self.writeline(f"environment.budget.spend({1 + sum(map(_own, body))})")
        super().blockvisit(body, frame)

    def visit_For(self, node: tree.For, frame: Any) -> None:  # noqa: N802
        """A loop, whose condition pays at each try."""
        if node.test is not None:  # a loop that leaves everything out has no turn
            self._paying.add(id(node.test))
        super().visit_For(node, frame)

    def visit_Concat(self, node: tree.Concat, frame: Any) -> None:  # noqa: N802
        """`a ~ b`."""
        self.write("environment.joined((")
        for item in node.nodes:
            self.visit(item, frame)
            self.write(", ")
        self.write("))")

    def visit_Compare(self, node: tree.Compare, frame: Any) -> None:  # noqa: N802
        """`a < b`, of values that were looked at."""
        self.write("(")
        self._looked(node.expr, frame)
        for operand in node.ops:
            self.write(f" {operators[operand.op]} ")
            self._looked(operand.expr, frame)
        self.write(")")

    def visit_Dict(self, node: tree.Dict, frame: Any) -> None:  # noqa: N802
        """`{a: b}`, with keys that were looked at."""
        self.write("{")
        for pair in node.items:
            self._looked(pair.key, frame)
            self.write(": ")
            self.visit(pair.value, frame)
            self.write(", ")
        self.write("}")

    def visit_Getitem(self, node: tree.Getitem, frame: Any) -> None:  # noqa: N802
        """`a[b]`; a slice is a copy, which pays."""
        if not isinstance(node.arg, tree.Slice):
            super().visit_Getitem(node, frame)
            return
        self.write("environment.sliced(")
        self.visit(node.node, frame)
        for part in (node.arg.start, node.arg.stop, node.arg.step):
            self.write(", ")
            if part is None:
                self.write("None")
            else:
                self.visit(part, frame)
        self.write(")")

    def _looked(self, node: tree.Expr, frame: Any) -> None:
        self.write("environment.looked(")
        self.visit(node, frame)
        self.write(")")

    def _output_child_to_const(self, node: Any, frame: Any, finalize: Any) -> str:
        if not isinstance(node, tree.TemplateData):
            raise tree.Impossible
        return super()._output_child_to_const(node, frame, finalize)


def _own(node: tree.Node) -> int:
    """The parts of a statement that are evaluated with it, and not in a body of its own."""
    inner = (
        child
        for child in node.iter_child_nodes()
        if not isinstance(child, tree.Stmt) or isinstance(child, tree.Output)
    )
    return 1 + sum(map(_own, inner))
