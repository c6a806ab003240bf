"""Jinja within a budget: what a template may name is listed here, and what could grow pays before it grows.

The sandbox of Jinja keeps templates from the objects behind the values. It does not keep `{{ 'a' * 2000000000 }}` from
taking the memory of the process; this does. An environment serves one rendering.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import update_wrapper
from types import BuiltinMethodType, MethodType
from typing import Any, Final

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, Undefined
from jinja2 import nodes as tree
from jinja2.compiler import CodeGenerator, operators
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS, make_attrgetter, sync_do_slice
from jinja2.runtime import LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedFormatter
from jinja2.tests import TESTS
from jinja2.utils import Cycler, Joiner, Namespace, htmlsafe_json_dumps
from markupsafe import escape

from livery.authoring.errors import SkillFailed
from livery.execution.pipeline.budget import Budget, TooMuch, cells, size_of

MAX_TEXT: Final = 1024 * 1024
MAX_RANGE: Final = 100_000
MAX_BITS: Final = 4096
MAX_NODES: Final = 20_000

_NODES: Final = (
    tree.Template,
    tree.Output,
    tree.For,
    tree.If,
    tree.Macro,
    tree.CallBlock,
    tree.FilterBlock,
    tree.With,
    tree.Scope,
    tree.ExprStmt,
    tree.Assign,
    tree.AssignBlock,
    tree.BinExpr,
    tree.UnaryExpr,
    tree.Name,
    tree.NSRef,
    tree.Literal,
    tree.CondExpr,
    tree.Filter,
    tree.Test,
    tree.Call,
    tree.Getitem,
    tree.Getattr,
    tree.Slice,
    tree.Concat,
    tree.Compare,
    tree.Helper,
)
# Filters of Jinja as they are, whose work and result are no larger than a few times what they are given. Not among
# them: random (a rendering follows from its inputs), urlize, pprint, attr, and what has a method here.
_FREE: Final = (
    "abs",
    "count",
    "d",
    "default",
    "filesizeformat",
    "first",
    "float",
    "last",
    "length",
)
_PLAIN: Final = (
    "capitalize", "dictsort", "groupby", "items", "lower", "map", "max", "min", "reject", "rejectattr", "reverse",
    "select", "selectattr", "sort", "striptags", "title", "trim", "truncate", "unique", "upper", "urlencode",
    "wordcount", "xmlattr",
)  # fmt: skip
_TESTS: Final = (
    "boolean", "defined", "divisibleby", "even", "false", "float", "integer", "iterable", "lower", "mapping", "none",
    "number", "odd", "sameas", "sequence", "string", "true", "undefined", "upper",
)  # fmt: skip
_COMPARISONS: Final = (
    "!=", "<", "<=", "==", ">", ">=", "eq", "equalto", "ge", "greaterthan", "gt", "in", "le", "lessthan", "lt", "ne",
)  # fmt: skip
_TEXT: Final = frozenset((
    "capitalize", "casefold", "center", "count", "endswith", "find", "format", "index", "isalnum", "isalpha",
    "isascii", "isdecimal", "isdigit", "isidentifier", "islower", "isnumeric", "isprintable", "isspace",
    "istitle", "isupper", "join", "ljust", "lower", "lstrip", "partition", "removeprefix", "removesuffix",
    "replace", "rfind", "rindex", "rjust", "rpartition", "rsplit", "rstrip", "split", "splitlines",
    "startswith", "strip", "swapcase", "title", "upper", "zfill",
))  # fmt: skip
_MAPPING: Final = frozenset({"get", "items", "keys", "values"})
_SEQUENCE: Final = frozenset({"count", "index"})
_LOOP: Final = frozenset((
    "changed", "cycle", "depth", "depth0", "first", "index", "index0", "last", "length", "nextitem", "previtem",
    "revindex", "revindex0",
))  # fmt: skip
_SCALARS: Final = (str, int, float, bool, type(None))


def render(template: str, scope: Mapping[str, Any], budget: Budget) -> str:
    """A template, over `input`, `steps` and `value`; raises SkillFailed."""
    try:
        parts, size = [], 0
        for part in _Environment(budget).from_string(template).generate(**scope):
            size += len(part)
            if size > MAX_TEXT:
                raise TooMuch(f"The text has more than {MAX_TEXT} characters.")
            if part:
                budget.take(size_of(part))
                parts.append(part)
        return "".join(parts)
    except (
        TemplateError,
        SyntaxError,
        RecursionError,
        MemoryError,
        TypeError,
        ValueError,
        LookupError,
        AttributeError,
        ArithmeticError,
    ) as error:
        raise SkillFailed(
            f"The template fails: {type(error).__name__}: {str(error)[:200]}"
        ) from None


class _Code(CodeGenerator):
    """Writes, into what a template becomes, where it pays."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._paying: set[int] = set()

    def visit(self, node: tree.Node, *args: Any, **kwargs: Any) -> Any:
        if id(node) not in self._paying:
            return super().visit(node, *args, **kwargs)
        self._paying.discard(id(node))
        self.write(f"(environment.budget.spend({_own(node)}) and ")
        super().visit(node, *args, **kwargs)
        self.write(")")
        return None

    def blockvisit(self, nodes: Iterable[tree.Node], frame: Any) -> None:
        # Every turn of a loop, branch, macro and block comes through here.
        body = list(nodes)
        self.writeline(f"environment.budget.spend({1 + sum(map(_own, body))})")
        super().blockvisit(body, frame)

    def visit_For(self, node: tree.For, frame: Any) -> None:  # noqa: N802
        if node.test is not None:  # a loop that leaves everything out has no turn
            self._paying.add(id(node.test))
        super().visit_For(node, frame)

    def visit_Concat(self, node: tree.Concat, frame: Any) -> None:  # noqa: N802
        self.write("environment.joined((")
        for item in node.nodes:
            self.visit(item, frame)
            self.write(", ")
        self.write("))")

    def visit_Compare(self, node: tree.Compare, frame: Any) -> None:  # noqa: N802
        self.write("(")
        self._looked(node.expr, frame)
        for operand in node.ops:
            self.write(f" {operators[operand.op]} ")
            self._looked(operand.expr, frame)
        self.write(")")

    def visit_Dict(self, node: tree.Dict, frame: Any) -> None:  # noqa: N802
        self.write("{")
        for pair in node.items:
            self._looked(pair.key, frame)
            self.write(": ")
            self.visit(pair.value, frame)
            self.write(", ")
        self.write("}")

    def visit_Getitem(self, node: tree.Getitem, frame: Any) -> None:  # noqa: N802
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


_RUN: Final = re.compile("[0-9]+")
_PERCENT: Final = re.compile(r"[#0\- +]*([0-9]+|\*)?(?:\.([0-9]+|\*)?)?[hlL]?(.?)", re.DOTALL)


def _percents(text: str) -> Iterator[tuple[int, int, str]]:
    """Of each field of a %-format: what its width and precision say, how many of them are arguments, its conversion."""
    at = text.find("%")
    while at >= 0:
        at += 1
        if text[at : at + 1] == "(":
            depth = 0
            while at < len(text):
                depth += {"(": 1, ")": -1}.get(text[at], 0)
                at += 1
                if depth == 0:
                    break
        found = _PERCENT.match(text, at)
        if found is None:
            return
        sizes = [item for item in found.groups()[:2] if item]
        yield sum(_digits(item) for item in sizes if item != "*"), sizes.count("*"), found[3]
        at = text.find("%", max(found.end(), at))


def _digits(text: str) -> int:
    return int(text) if len(text) < 12 else 10**12


def _number(value: Any) -> int:
    """How large a number is that something is made as large as; what is none is refused by what takes it."""
    return abs(value) if isinstance(value, int) else 0


def _bits(count: int) -> None:
    if count > MAX_BITS:
        raise TooMuch(f"A number has at most {MAX_BITS} bits.")


def _is_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise TypeError("only texts are joined by a text")


def _repeated(many: Any, times: int) -> int:
    count = len(many) * max(times, 0)
    if isinstance(many, str):
        if count > MAX_TEXT:
            raise TooMuch(f"The text has more than {MAX_TEXT} characters.")
        return 64 + 4 * count
    return cells(count)


def _own(node: tree.Node) -> int:
    """The parts of a statement that are evaluated with it, and not in a body of its own."""
    inner = (
        child
        for child in node.iter_child_nodes()
        if not isinstance(child, tree.Stmt) or isinstance(child, tree.Output)
    )
    return 1 + sum(map(_own, inner))


class _Formatter(SandboxedFormatter):
    """str.format, whose fields pay."""

    def __init__(self, env: _Environment) -> None:
        super().__init__(env)
        self._budget = env.budget

    def format_field(self, value: Any, format_spec: str) -> Any:
        wide = sum(_digits(run) for run in _RUN.findall(format_spec))
        self._budget.take(4 * (self._budget.weight(value) + wide) + 1400)  # 1e308 as {:f}
        return super().format_field(value, format_spec)

    def convert_field(self, value: Any, conversion: Any) -> Any:
        if conversion is not None:
            self._budget.take(12 * self._budget.weight(value))
        return super().convert_field(value, conversion)


class _Environment(ImmutableSandboxedEnvironment):
    code_generator_class = _Code

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
        own: dict[str, Callable[..., Any]] = {
            "batch": self._batch,
            "center": self._center,
            "e": self._escape,
            "escape": self._escape,
            "forceescape": self._escape,
            "format": self._format,
            "indent": self._indent,
            "int": self._int,
            "join": self._join,
            "list": self._list,
            "replace": self._replace,
            "round": self._round,
            "safe": self._string,
            "slice": self._slice,
            "string": self._string,
            "sum": self._sum,
            "tojson": self._tojson,
            "wordwrap": self._wordwrap,
        }
        self.filters = {
            **{name: FILTERS[name] for name in _FREE},
            **{name: self._paid(FILTERS[name]) for name in _PLAIN},
            **own,
        }
        self.tests = {
            **{name: TESTS[name] for name in _TESTS},
            **{name: self._compared(TESTS[name]) for name in _COMPARISONS},
        }
        self.globals = {
            "range": self._range,
            "dict": self._dict,
            "namespace": Namespace,
            "cycler": Cycler,
            "joiner": Joiner,
        }
        self._callable = tuple(self.globals.values())

    # The language
    def _parse(self, source: str, name: Any, filename: Any) -> tree.Template:
        found = super()._parse(source, name, filename)
        waiting: list[tree.Node] = [found]
        count = 0
        while waiting:
            node = waiting.pop()
            count += 1
            if count > MAX_NODES:
                raise TooMuch(f"The template has more than {MAX_NODES} parts.")
            if not isinstance(node, _NODES):
                raise TemplateSyntaxError(
                    f"a template here has no {type(node).__name__.lower()}", node.lineno
                )
            waiting.extend(node.iter_child_nodes())
        self.budget.spend(count)
        return found

    def concat(self, parts: Iterable[str]) -> str:
        """The text of a macro or a block."""
        kept = list(parts)
        self.budget.take(sum(map(size_of, kept)))
        return "".join(kept)

    def joined(self, parts: Iterable[Any]) -> str:
        """`a ~ b`."""
        return self.concat(map(self._string, parts))

    def sliced(self, value: Any, start: Any, stop: Any, step: Any) -> Any:
        """`a[1:3]`, which is a copy."""
        part = slice(start, stop, step)
        if isinstance(value, str | list | tuple):
            # Of a text, no more than the whole.
            self.budget.room(self._shallow(value))
        return self._made(value[part])

    def looked(self, value: Any) -> Any:
        """A value that will be compared or hashed, which takes as long as it is large."""
        if isinstance(value, str | list | tuple | dict):
            self.budget.look(value)
        return value

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Arithmetic, which grows."""
        take = self.budget.take
        match operator, left, right:
            case "%", str(), _:
                return self._format_with(left, right)
            case "*", (str() | list() | tuple()) as many, int() as times:
                take(_repeated(many, times))
            case "*", int() as times, (str() | list() | tuple()) as many:
                take(_repeated(many, times))
            case "*", int(), int():
                _bits(left.bit_length() + right.bit_length())
            case "**", int(), int():
                _bits(left.bit_length() * max(right, -right))
            case "+", str(), str():
                take(size_of(left) + size_of(right))
            case "+", (list() | tuple()), (list() | tuple()):
                take(cells(len(left) + len(right)))
            case _, (int() | float()), (int() | float()):
                pass
            case _ if isinstance(left, Undefined) or isinstance(right, Undefined):
                pass  # says itself what it is
            case _:
                raise TypeError(
                    f"{type(left).__name__} {operator} {type(right).__name__} is not calculated"
                )
        return super().call_binop(context, operator, left, right)

    # Names
    def getattr(self, obj: Any, attribute: str) -> Any:
        """A method where it is listed, else the member."""
        if isinstance(obj, dict) and attribute not in _MAPPING:
            return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """A member, by a key that is cheap to hash."""
        if not isinstance(argument, (*_SCALARS, Undefined)):
            self.looked(argument)
        return super().getitem(obj, argument)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Only what is listed."""
        match obj:
            case str():
                known = attr in _TEXT
            case dict():
                known = attr in _MAPPING
            case tuple():
                known = attr in _SEQUENCE or attr in getattr(obj, "_fields", ())
            case list():
                known = attr in _SEQUENCE
            case LoopContext():
                known = attr in _LOOP
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
                return _Formatted(self, value.__self__)
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
        listed = isinstance(obj, Macro | LoopContext | Joiner | Undefined | _Formatted) or any(
            obj is item or obj == item for item in self._callable if type(obj) is type(item)
        )
        if not listed and isinstance(obj, MethodType):
            owner, name = obj.__self__, obj.__name__
            listed = (isinstance(owner, LoopContext) and name in _LOOP) or (
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
            case str() if name in _TEXT:
                return self._text_method(owner, name, args, kwargs)
            case dict() if name == "get":
                return owner.get(*args, **kwargs)
            case dict() if name in _MAPPING:
                self.budget.take(self._shallow(owner))
                return list(getattr(owner, name)(*args, **kwargs))
            case list() | tuple() if name in _SEQUENCE:
                self.looked(owner)
                return getattr(owner, name)(*args, **kwargs)
        raise SecurityError(f"{name} is not called here")

    def _text_method(self, text: str, name: str, args: Any, kwargs: Any) -> Any:
        room = self.budget.room
        match name:
            case "replace":
                return self._replace(text, *args, **kwargs)
            case "join":
                [items] = args
                return self._joined([_is_text(item) for item in self._listed(items)], text)
            case "center" | "ljust" | "rjust" | "zfill":
                room(size_of(text) + 4 * sum(map(_number, args)))
            case "split" | "rsplit" | "splitlines":
                room(96 * len(text))
            case _:
                room(4 * size_of(text))
        return self._made(getattr(text, name)(*args, **kwargs))

    # Values
    def _printed(self, value: Any) -> Any:
        return value if isinstance(value, str | Undefined) else self._string(value)

    def _string(self, value: Any) -> str:
        if isinstance(value, str | Undefined):
            return str(value)
        size = self.budget.weight(value)
        if size > 2 * MAX_TEXT:
            raise TooMuch(f"The text has more than {MAX_TEXT} characters.")
        self.budget.room(64 + 12 * size)
        return str(self._made(str(value)))

    def _shallow(self, value: Any) -> int:
        match value:
            case str():
                return size_of(value)
            case list() | tuple() | range():
                return cells(len(value))
            case dict():
                return 2 * cells(len(value)) + 64 * len(value)
        return 0

    def _made(self, value: Any) -> Any:
        """Pay for what was made, whose parts may have been made with it."""
        self.budget.take(self._shallow(value))
        if isinstance(value, list | tuple):
            for item in value:
                self.budget.take(self._shallow(item))
        return value

    def _listed(self, value: Any) -> list[Any]:
        """A list of what a value has, each paid for as it comes."""
        if isinstance(value, list):
            return value
        if not isinstance(value, str | tuple | dict | range | Iterator | Undefined):
            raise TypeError(f"a {type(value).__name__} has no items")
        made = []
        for item in value:
            self.budget.spend(1)
            self.budget.take(8 + (self._shallow(item) if isinstance(value, str | Iterator) else 0))
            made.append(item)
        return made

    def _paid(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A filter of Jinja that pays by what it is given, and whose result is there when it returns."""
        first = int(hasattr(function, "jinja_pass_arg"))

        def paid(*args: Any, **kwargs: Any) -> Any:
            need = 0
            for item in (*args[first:], *kwargs.values()):
                need += self._shallow(item) * 4
                self.looked(item)
            if args[first:] and isinstance(args[first], str):
                need += 32 * len(args[first])  # most of them take a text apart
            elif args[first:] and not isinstance(args[first], _SCALARS):
                self.budget.spend(need // 32)
            self.budget.room(need)
            made = function(*args, **kwargs)
            if isinstance(made, Iterator):
                return self._listed(made)
            return self._made(str(made) if isinstance(made, str) else made)

        return update_wrapper(paid, function)

    def _compared(self, function: Any) -> Callable[..., Any]:
        def compared(left: Any, right: Any) -> Any:
            return function(self.looked(left), self.looked(right))

        return compared

    # Functions
    def _range(self, *args: int) -> range:
        made = range(*args)
        if len(made) > MAX_RANGE:
            raise TooMuch(f"A range has at most {MAX_RANGE} numbers.")
        return made

    def _dict(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        for item in args:
            self.looked(item)
            self.budget.take(self._shallow(item))
        self.budget.take(128 * (1 + len(kwargs)))
        return dict(*args, **kwargs)

    def _format(self, value: Any, *args: Any, **kwargs: Any) -> str:
        if args and kwargs:
            raise TypeError("positional or keyword arguments, not both")
        return self._format_with(self._string(value), kwargs or args)

    def _format_with(self, text: str, given: Any) -> str:
        """`text % given`."""
        items = given if isinstance(given, tuple) else (given,)
        each = sum(map(self.budget.weight, items))
        starred = sum(map(_number, items))
        need = len(text)
        for width, stars, conversion in _percents(text):
            part = each * (12 if conversion in "ra" else 1)
            need += width + stars * starred + part + 350  # 1e308 as %f
        self.budget.room(64 + 4 * need)
        return str(self._made(text % given))

    def _center(self, value: Any, width: int = 80) -> str:
        return str(self._text_method(self._string(value), "center", (width,), {}))

    def _escape(self, value: Any) -> str:
        text = self._string(value)
        self.budget.room(6 * size_of(text))
        return str(self._made(str(escape(text))))

    def _indent(
        self, value: Any, width: int | str = 4, first: bool = False, blank: bool = False
    ) -> str:
        text = self._string(value)
        wide = len(width) if isinstance(width, str) else _number(width)
        self.budget.room(96 * len(text))
        self.budget.room(96 * len(text) + 4 * (2 + len(text.splitlines())) * wide)
        return str(self._made(FILTERS["indent"](text, width, first, blank)))

    def _int(self, value: Any, default: Any = 0, base: int = 10) -> Any:
        if isinstance(value, str):
            _bits(4 * len(value))
        return FILTERS["int"](value, default, base)

    def _join(self, value: Any, d: Any = "", attribute: Any = None) -> str:
        items = self._listed(value)
        if attribute is not None:
            items = list(map(make_attrgetter(self, attribute), items))
        return self._joined([self._string(item) for item in items], self._string(d))

    def _joined(self, items: list[str], glue: str) -> str:
        self.budget.spend(len(items))
        self.budget.take(4 * (sum(map(len, items)) + len(items) * len(glue)) + 64)
        return glue.join(items)

    def _list(self, value: Any) -> list[Any]:
        listed = self._listed(value)
        if listed is value:
            self.budget.take(cells(len(listed)))
        return list(listed)

    def _batch(self, value: Any, linecount: int, fill_with: Any = None) -> list[Any]:
        items = self._listed(value)
        self.budget.room(cells(len(items)) + 8 * _number(linecount))
        return self._listed(FILTERS["batch"](items, linecount, fill_with))

    def _slice(self, value: Any, slices: int, fill_with: Any = None) -> list[Any]:
        items = self._listed(value)
        self.budget.spend(_number(slices))
        return self._listed(sync_do_slice(items, slices, fill_with))

    def _replace(self, value: Any, old: Any, new: Any, count: int | None = None) -> str:
        text, this, that = self._string(value), self._string(old), self._string(new)
        times = text.count(this)
        if count is not None and count >= 0:
            times = min(times, count)
        self.budget.room(64 + 4 * (len(text) + times * len(that)))
        return str(self._made(text.replace(this, that, -1 if count is None else count)))

    def _round(self, value: Any, precision: int = 0, method: Any = "common") -> Any:
        if _number(precision) > 300:
            raise ValueError("a precision is at most 300")
        return FILTERS["round"](value, precision, method)

    def _sum(self, value: Any, attribute: Any = None, start: Any = 0) -> Any:
        items = self._listed(value)
        if attribute is not None:
            items = list(map(make_attrgetter(self, attribute), items))
        self.budget.spend(len(items))
        if isinstance(start, list):
            made = list(self._list(start))
            for item in items:
                if not isinstance(item, list):
                    raise TypeError("lists are added to lists")
                self.budget.take(8 * len(item))
                made += item
            return made
        total = start
        for item in items:
            total = self.call_binop(None, "+", total, item)
        return total

    def _tojson(self, value: Any, indent: int | None = None) -> str:
        self.budget.room(12 * self.budget.weight(value))
        if indent is not None and not 0 <= indent <= 16:
            raise ValueError("an indent is 0 to 16")
        parts = []
        for part in json.JSONEncoder(sort_keys=True, indent=indent).iterencode(value):
            self.budget.take(8 + len(part))
            parts.append(part)
        text = "".join(parts)
        self.budget.room(12 * len(text))
        return str(self._made(str(htmlsafe_json_dumps(text, dumps=str))))

    def _wordwrap(
        self,
        value: Any,
        width: int = 79,
        break_long_words: bool = True,
        wrapstring: str | None = None,
        break_on_hyphens: bool = True,
    ) -> str:
        text = self._string(value)
        self.budget.room(96 * len(text) + 4 * len(text) * len(wrapstring or "\n"))
        wrap = FILTERS["wordwrap"]
        made = wrap(self, text, width, break_long_words, wrapstring, break_on_hyphens)
        return str(self._made(str(made)))


class _Formatted:
    """`'{:>3}'.format` of one text."""

    def __init__(self, environment: _Environment, text: str) -> None:
        self._environment, self._text = environment, text

    def __call__(self, *args: Any, **kwargs: Any) -> str:
        self._environment.budget.take(size_of(self._text))
        return _Formatter(self._environment).vformat(self._text, args, kwargs)
