"""Parts of the documents that are made from the program.

`LIVERY_WRITE_DOCS=1 pytest tests/docs` writes them anew.
"""

import ast
import os
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
_BEGIN, _END = "<!-- made by tests/docs -->", "<!-- end -->"


@cache
def tests_of(path: Path) -> frozenset[str]:
    """The names of the functions in a file."""
    tree = ast.parse(path.read_text("utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds))


def exists(proof: str) -> bool:
    """Whether `path` or `path::test` is there."""
    name, _, function = proof.partition("::")
    path = ROOT / name
    return path.exists() and (not function or function in tests_of(path))


def check(document: Path, lines: list[str]) -> None:
    """The marked part of `document` is `lines`; written where LIVERY_WRITE_DOCS is set."""
    text = document.read_text(encoding="utf-8")
    before, _, rest = text.partition(_BEGIN)
    found, _, after = rest.partition(_END)
    assert after, f"{document} has no part between {_BEGIN} and {_END}"
    if os.environ.get("LIVERY_WRITE_DOCS"):
        made = "\n".join(lines)
        document.write_text(f"{before}{_BEGIN}\n\n{made}\n\n{_END}{after}", encoding="utf-8")
        return
    assert found.strip().splitlines() == lines, "LIVERY_WRITE_DOCS=1 pytest tests/docs writes it"
