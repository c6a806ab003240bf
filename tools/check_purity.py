"""Check that `kernel/` and `manifest/` stay pure: no clock, file, socket, process or chance.

    python tools/check_purity.py [FOLDER ...]

Reads the syntax tree, so that aliases are seen and comments are not. It stops accidents in our own
code; it is no sandbox. Prints `file:line: what` and ends with 1 where something is found.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

DEFAULT = ("src/livery/kernel", "src/livery/manifest")

_MODULES = """
    time random secrets os io socket socketserver ssl select selectors subprocess importlib
    builtins runpy imp pkgutil sys ctypes tempfile shutil glob fileinput mmap fcntl signal
    threading multiprocessing concurrent asyncio queue sched http urllib ftplib smtplib
    sqlite3 dbm shelve pickle marshal code codeop platform getpass locale logging
    zoneinfo posix nt _io _socket _random _thread httpx requests asyncpg psycopg duckdb
    anyio trio uvloop
"""
BANNED_MODULES = frozenset(_MODULES.split())
# Parts of banned modules that only compute.
PURE_PARTS = frozenset({"urllib.parse"})
# From modules that are otherwise pure: these members are not.
BANNED_MEMBERS = {
    "pathlib": {"Path", "PosixPath", "WindowsPath"},
    "uuid": {"uuid1", "uuid4", "uuid6", "uuid7", "uuid8", "getnode"},
    "uuid_utils": {"uuid1", "uuid4", "uuid6", "uuid7"},
    "hashlib": {"file_digest"},
    "numpy": {"random"},
}
_NAMES = """
    open eval exec compile __import__ input breakpoint print globals __builtins__ __loader__
    __spec__
"""
BANNED_NAMES = frozenset(_NAMES.split())
CLOCKS = frozenset({"now", "utcnow", "today"})
CLOCK_OWNERS = frozenset({"datetime.datetime", "datetime.date"})


class Finding(NamedTuple):
    """One breach: where, and what."""

    line: int
    what: str


class _Purity(ast.NodeVisitor):
    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.names: dict[str, str] = {}  # local name -> dotted origin

    def found(self, node: ast.expr | ast.stmt, what: str) -> None:
        self.findings.append(Finding(node.lineno, what))

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            top = alias.name.partition(".")[0]
            if top in BANNED_MODULES:
                self.found(node, f"imports {alias.name}")
            self.names[alias.asname or top] = alias.name if alias.asname else top

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        if module in PURE_PARTS:
            return
        if node.level == 0 and module.partition(".")[0] in BANNED_MODULES:
            self.found(node, f"imports {module}")
        for alias in node.names:
            if alias.name == "*":
                self.found(node, f"imports everything from {module}: nothing can be checked")
            elif alias.name in BANNED_MEMBERS.get(module, ()):
                self.found(node, f"imports {module}.{alias.name}")
            self.names[alias.asname or alias.name] = f"{module}.{alias.name}"

    def visit_Assign(self, node: ast.Assign) -> None:
        self._rename(node.targets, node.value)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._rename([node.target], node.value)
        self.generic_visit(node)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self._rename([node.target], node.value)
        self.generic_visit(node)

    def _rename(self, targets: list[ast.expr], value: ast.expr | None) -> None:
        origin = self._origin(value) if value is not None else None
        for target in targets:
            if isinstance(target, ast.Name) and origin is not None:
                self.names[target.id] = origin

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load) and node.id in BANNED_NAMES:
            self.found(node, f"uses {node.id}")

    def visit_Attribute(self, node: ast.Attribute) -> None:
        owner = self._origin(node.value)
        if node.attr in {"utcnow", "today"} or (node.attr in CLOCKS and owner in CLOCK_OWNERS):
            self.found(node, f"reads the clock: .{node.attr}")
        elif node.attr in BANNED_MEMBERS.get(owner or "", ()):
            self.found(node, f"uses {owner}.{node.attr}")
        elif node.attr in {"__builtins__", "__globals__", "__subclasses__"}:
            self.found(node, f"uses {node.attr}")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        # Nothing pure has a method `now`: whatever it is called on, it reads a clock.
        if isinstance(node.func, ast.Attribute) and node.func.attr == "now":
            owner = self._origin(node.func.value)
            if owner not in CLOCK_OWNERS:  # else visit_Attribute says it
                self.found(node, "reads the clock: .now()")
        if isinstance(node.func, ast.Name) and node.func.id == "getattr" and len(node.args) > 1:
            name = node.args[1]
            hidden = CLOCKS | BANNED_NAMES | BANNED_MODULES
            if isinstance(name, ast.Constant) and name.value in hidden:
                self.found(node, f"hides .{name.value} behind getattr")
        self.generic_visit(node)

    def _origin(self, node: ast.expr) -> str | None:
        if isinstance(node, ast.Name):
            return self.names.get(node.id)
        if isinstance(node, ast.Attribute):
            owner = self._origin(node.value)
            return None if owner is None else f"{owner}.{node.attr}"
        return None


def check_source(source: str) -> list[Finding]:
    """Every breach in one module, by line."""
    visitor = _Purity()
    visitor.visit(ast.parse(source))
    return sorted(set(visitor.findings))


def check_folders(folders: list[Path]) -> Iterator[tuple[Path, Finding]]:
    """Every breach below the folders.

    Raises:
        FileNotFoundError: a folder holds no Python file: the check would prove nothing.
    """
    for folder in folders:
        modules = sorted(folder.rglob("*.py"))
        if not modules:
            raise FileNotFoundError(f"{folder} holds no Python file")
        for module in modules:
            for finding in check_source(module.read_text(encoding="utf-8")):
                yield module, finding


def main(arguments: list[str]) -> int:
    """Check the folders; 0 pure, 1 not, 2 nothing to check."""
    try:
        findings = list(check_folders([Path(name) for name in arguments or DEFAULT]))
    except (FileNotFoundError, SyntaxError) as error:
        print(f"check_purity: {error}", file=sys.stderr)
        return 2
    for module, finding in findings:
        print(f"{module}:{finding.line}: {finding.what}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
