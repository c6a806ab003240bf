"""Named queries: SQL lives in .sql files, each statement under a line `-- name: its_name`."""

import re
from collections.abc import Iterable, Mapping
from importlib.resources import files
from types import MappingProxyType

from livery.manifest.errors import LiveryError

_NAME = re.compile(r"^--\s*name:\s*(.*?)\s*$")
_LEGAL = re.compile(r"^[a-z][a-z0-9_]*$")


class SqlFileInvalid(LiveryError):
    """A file of named queries is not well formed."""

    code = "internal_error"


def load_queries(package: str, filename: str) -> Mapping[str, str]:
    """The queries of `filename` in `package`, by name, in the order of the file.

    Raises:
        SqlFileInvalid: a name twice, a query without a name or a name without a query.
        FileNotFoundError: there is no such file.
    """
    text = files(package).joinpath(filename).read_text(encoding="utf-8")
    return MappingProxyType(parse_queries(text, filename))


def merge_queries(package: str, filenames: Iterable[str]) -> Mapping[str, str]:
    """The queries of several files, by name. A name in two of them is an error; see `load_queries`."""
    merged: dict[str, str] = {}
    for filename in filenames:
        found = load_queries(package, filename)
        if twice := merged.keys() & found.keys():
            raise SqlFileInvalid(message=f"{filename}: also named elsewhere: {', '.join(twice)}")
        merged |= found
    return MappingProxyType(merged)


def parse_queries(text: str, filename: str = "queries") -> dict[str, str]:
    """As `load_queries`, from text; `filename` is named in errors."""
    bodies: dict[str, list[str]] = {}
    current: list[str] | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        where = f"{filename}, line {number}"
        if named := _NAME.match(line):
            name = named[1]
            if not _LEGAL.match(name):
                raise SqlFileInvalid(message=f"{where}: {name!r} is not a name (a-z, 0-9, _)")
            if name in bodies:
                raise SqlFileInvalid(message=f"{where}: a second query is named {name}")
            current = bodies[name] = []
        elif current is not None:
            current.append(line)
        elif _has_sql(line):
            raise SqlFileInvalid(message=f"{where}: SQL before the first `-- name:`")
    for name, lines in bodies.items():
        if not any(_has_sql(line) for line in lines):
            raise SqlFileInvalid(message=f"{filename}: the query {name} is empty")
    return {name: "\n".join(lines).strip() for name, lines in bodies.items()}


def _has_sql(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("--")
