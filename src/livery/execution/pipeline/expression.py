"""JMESPath within a budget: `[@, @][] | [@, @][]` doubles with every part, and `join` multiplies."""

from __future__ import annotations

from typing import Any, Final

from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions
from jmespath.visitor import TreeInterpreter

from livery.authoring.errors import SkillFailed
from livery.execution.pipeline.budget import Budget, cells, size_of
from livery.execution.pipeline.plan import compiled

# What makes a list or an object of its own; the others hand on what is there.
_MAKERS: Final = frozenset(
    {
        "filter_projection",
        "multi_select_dict",
        "multi_select_list",
        "projection",
        "slice",
        "value_projection",
    }
)


def search(expression: str, value: Any, budget: Budget) -> Any:
    """The value of an expression; raises SkillFailed."""
    try:
        found = _Interpreter(budget).visit(compiled(expression).parsed, value)
    except JMESPathError as error:
        said = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
        raise SkillFailed(f"The expression fails: {said}") from None
    except (RecursionError, TypeError, ValueError, ArithmeticError) as error:
        raise SkillFailed(f"The expression fails: {type(error).__name__}") from None
    budget.check(found)
    return found


class _Interpreter(TreeInterpreter):
    def __init__(self, budget: Budget) -> None:
        super().__init__()
        self._budget = budget

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        self._budget.spend(1)
        made = super().visit(node, *args, **kwargs)
        if node["type"] in _MAKERS and isinstance(made, list | dict):
            self._budget.take(cells(len(made)) * (4 if isinstance(made, dict) else 1))
        return made

    def visit_flatten(self, node: Any, value: Any) -> Any:
        base = self.visit(node["children"][0], value)
        if not isinstance(base, list):
            return None
        self._budget.spend(len(base))
        self._budget.take(cells(sum(len(item) if isinstance(item, list) else 1 for item in base)))
        made: list[Any] = []
        for item in base:
            if isinstance(item, list):
                made.extend(item)
            else:
                made.append(item)
        return made

    def visit_comparator(self, node: Any, value: Any) -> Any:
        left, right = (self.visit(child, value) for child in node["children"])
        self._look(left)
        self._look(right)
        if node["value"] not in ("eq", "ne") and not (_ordered(left) and _ordered(right)):
            return None
        return self.COMPARATOR_FUNC[node["value"]](left, right)

    def visit_function_expression(self, node: Any, value: Any) -> Any:
        name = node["value"]
        given = [self.visit(child, value) for child in node["children"]]
        for item in given:
            self._look(item)
        self._budget.take(self._cost(name, given))
        return Functions().call_function(name, given)

    def _look(self, value: Any) -> None:
        if isinstance(value, str | list | dict):
            self._budget.look(value)

    def _cost(self, name: str, given: list[Any]) -> int:
        if name == "join" and len(given) == 2 and isinstance(given[1], list):
            glue = size_of(given[0]) if isinstance(given[0], str) else 0
            texts = [item for item in given[1] if isinstance(item, str)]
            return 4 * (glue * len(texts) + sum(len(text) for text in texts))
        if name == "to_string":
            # One character beyond the BMP is written as twelve.
            return 12 * sum(self._budget.weight(item) for item in given)
        return sum(self._shallow(item) for item in given)

    def _shallow(self, value: Any) -> int:
        if isinstance(value, str):
            return size_of(value)
        if isinstance(value, dict):
            return 4 * cells(len(value))
        return 2 * cells(len(value)) if isinstance(value, list) else 64


def _ordered(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)
