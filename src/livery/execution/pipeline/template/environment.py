"""The language of a template: what may be said, named and called."""

from __future__ import annotations

from collections.abc import Callable
from types import BuiltinMethodType, MethodType
from typing import Any, Final

from jinja2 import StrictUndefined, TemplateSyntaxError, Undefined
from jinja2 import nodes as tree
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS
from jinja2.runtime import LoopContext, Macro
from jinja2.tests import TESTS as JINJA_TESTS
from jinja2.utils import Cycler, Joiner, Namespace

from livery.execution.pipeline.budget import Budget, TooMuch
from livery.execution.pipeline.template.code import Code
from livery.execution.pipeline.template.filters import Filters
from livery.execution.pipeline.template.formats import Formatted
from livery.execution.pipeline.template.names import (
    COMPARISONS,
    FREE,
    LOOP,
    MAPPING,
    NODES,
    PLAIN,
    SCALARS,
    SEQUENCE,
    TESTS,
    TEXT,
)

MAX_NODES: Final = 20_000


class Environment(Filters):
    """The language of a template; serves one rendering."""

    code_generator_class = Code

    def __init__(self, budget: Budget) -> None:
        # Not optimized: what is constant would be made while the template is compiled, into its code.
        super().__init__(
            undefined=StrictUndefined,
            autoescape=False,
            keep_trailing_newline=True,
            optimized=False,
            cache_size=0,
            finalize=self._printed,
        )
        self.intercepted_binops = frozenset({"+", "*", "**", "%"})
        self.budget = budget
        self.filters = {
            **{name: FILTERS[name] for name in FREE},
            **{name: self._paid(FILTERS[name]) for name in PLAIN},
            **self._own_filters(),
        }
        self.tests = {
            **{name: JINJA_TESTS[name] for name in TESTS},
            **{name: self._compared(JINJA_TESTS[name]) for name in COMPARISONS},
        }
        self.globals = {
            "range": self._range,
            "dict": self._dict,
            "namespace": Namespace,
            "cycler": Cycler,
            "joiner": Joiner,
        }
        self._callable = tuple(self.globals.values())

    def _parse(self, source: str, name: Any, filename: Any) -> tree.Template:
        found = super()._parse(source, name, filename)
        waiting: list[tree.Node] = [found]
        count = 0
        while waiting:
            node = waiting.pop()
            count += 1
            if count > MAX_NODES:
                raise TooMuch(f"The template has more than {MAX_NODES} parts.")
            if not isinstance(node, NODES):
                raise TemplateSyntaxError(
                    f"a template here has no {type(node).__name__.lower()}", node.lineno
                )
            waiting.extend(node.iter_child_nodes())
        self.budget.spend(count)
        return found

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A method where it is listed, else the member."""
        if isinstance(obj, dict) and attribute not in MAPPING:
            return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """A member, by a key that is cheap to hash."""
        if not isinstance(argument, (*SCALARS, Undefined)):
            self.looked(argument)
        return super().getitem(obj, argument)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Only what is listed."""
        match obj:
            case str():
                known = attr in TEXT
            case dict():
                known = attr in MAPPING
            case tuple():
                known = attr in SEQUENCE or attr in getattr(obj, "_fields", ())
            case list():
                known = attr in SEQUENCE
            case LoopContext():
                known = attr in LOOP
            case Cycler():
                known = attr in ("current", "next", "reset")
            case Namespace() | Undefined():
                known = True
            case _:
                known = False
        return known and super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """str.format within the budget; there is no format_map."""
        if isinstance(value, BuiltinMethodType) and isinstance(value.__self__, str):
            if value.__name__ == "format":
                return Formatted(self, value.__self__)
            if value.__name__ == "format_map":
                raise SecurityError("format_map is not for templates")
        return None

    def call(self, context: Any, obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Macros, listed functions and listed methods."""
        self.budget.spend(1)
        if isinstance(obj, BuiltinMethodType):
            kwargs.pop("_loop_vars", None)
            kwargs.pop("_block_vars", None)
            return self._method(obj.__self__, obj.__name__, args, kwargs)
        listed = isinstance(obj, Macro | LoopContext | Joiner | Undefined | Formatted) or any(
            obj is item or obj == item for item in self._callable if type(obj) is type(item)
        )
        if not listed and isinstance(obj, MethodType):
            owner, name = obj.__self__, obj.__name__
            listed = (isinstance(owner, LoopContext) and name in LOOP) or (
                isinstance(owner, Cycler) and name in ("next", "reset")
            )
        if not listed:
            raise SecurityError(f"a {type(obj).__name__} is not called here")
        self.budget.take(64 * (1 + len(args) + len(kwargs)))
        if not isinstance(obj, Macro):
            for item in args:
                self.looked(item)
        return context.call(obj, *args, **kwargs)

    def _method(self, owner: Any, name: str, args: Any, kwargs: Any) -> Any:
        for item in args:
            self.looked(item)
        match owner:
            case str() if name in TEXT:
                return self._text_method(owner, name, args, kwargs)
            case dict() if name == "get":
                return owner.get(*args, **kwargs)
            case dict() if name in MAPPING:
                self.budget.take(self._shallow(owner))
                return list(getattr(owner, name)(*args, **kwargs))
            case list() | tuple() if name in SEQUENCE:
                self.looked(owner)
                return getattr(owner, name)(*args, **kwargs)
        raise SecurityError(f"{name} is not called here")
