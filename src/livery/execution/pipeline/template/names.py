"""What a template may name: parts of the language, filters, tests, methods. What is not here is refused."""

from __future__ import annotations

from typing import Final

from jinja2 import nodes as tree

NODES: Final = (
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
FREE: Final = (
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
PLAIN: Final = (
    "capitalize", "dictsort", "groupby", "items", "lower", "map", "max", "min", "reject", "rejectattr", "reverse",
    "select", "selectattr", "sort", "striptags", "title", "trim", "truncate", "unique", "upper", "urlencode",
    "wordcount", "xmlattr",
)  # fmt: skip
TESTS: Final = (
    "boolean", "defined", "divisibleby", "even", "false", "float", "integer", "iterable", "lower", "mapping", "none",
    "number", "odd", "sameas", "sequence", "string", "true", "undefined", "upper",
)  # fmt: skip
COMPARISONS: Final = (
    "!=", "<", "<=", "==", ">", ">=", "eq", "equalto", "ge", "greaterthan", "gt", "in", "le", "lessthan", "lt", "ne",
)  # fmt: skip
TEXT: Final = frozenset((
    "capitalize", "casefold", "center", "count", "endswith", "find", "format", "index", "isalnum", "isalpha",
    "isascii", "isdecimal", "isdigit", "isidentifier", "islower", "isnumeric", "isprintable", "isspace",
    "istitle", "isupper", "join", "ljust", "lower", "lstrip", "partition", "removeprefix", "removesuffix",
    "replace", "rfind", "rindex", "rjust", "rpartition", "rsplit", "rstrip", "split", "splitlines",
    "startswith", "strip", "swapcase", "title", "upper", "zfill",
))  # fmt: skip
MAPPING: Final = frozenset({"get", "items", "keys", "values"})
SEQUENCE: Final = frozenset({"count", "index"})
LOOP: Final = frozenset((
    "changed", "cycle", "depth", "depth0", "first", "index", "index0", "last", "length", "nextitem", "previtem",
    "revindex", "revindex0",
))  # fmt: skip
SCALARS: Final = (str, int, float, bool, type(None))
