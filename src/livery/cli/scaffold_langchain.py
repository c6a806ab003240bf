"""A package around a LangChain tool."""

import importlib.util
import json
import sys
import sysconfig
from pathlib import Path

from livery.cli.exits import UsageError
from livery.cli.scaffold import checked_name, scaffold_words, write_package

_FORM = "Write MODULE:NAME, for example: my_tools:search"
CODE = '''\
"""A LangChain tool as a skill."""

from livery.authoring.langchain import from_langchain

from {module} import {name} as tool

run = from_langchain(tool, key="{key}", version="0.1.0", owner="{owner}")
'''
SKILL_MD = """\
---
name: {name}
description: {description}
metadata:
  owner: {owner}
---

# {title}

A LangChain tool under contract. Say here when an agent should use it, and give an example.
"""


def write_langchain(parent: Path, key: str, owner: str, source: str) -> list[Path]:
    """Write the package `parent/key` around the tool ``module:name`` and return its files.

    A module that is one file of the author's own is copied into the package, whose digest covers
    it; an installed one is imported, and must be installed where the skill runs. Fixtures are left
    to the author: only they know what is right. Raises `UsageError`, or `LiveryError` where the
    thing is no tool. Runs the module.
    """
    words = scaffold_words(checked_name(key), owner, "-")
    module, colon, name = source.partition(":")
    if not (colon and name.isidentifier() and all(p.isidentifier() for p in module.split("."))):
        raise UsageError(f"{source!r} names no LangChain tool.", _FORM)
    copied = _own_file(module)
    files = {
        "scripts/skill.py": CODE.format(
            module=f".{module}" if copied else module, name=name, key=key, owner=owner
        )
    }
    if copied is not None:
        files[f"scripts/{module}.py"] = copied
    written = write_package(parent / key, files)
    page = parent / key / "SKILL.md"
    words["description"] = json.dumps(_description(parent / key), ensure_ascii=False)
    page.write_text(SKILL_MD.format(**words), encoding="utf-8")
    return [page, *written]


def _own_file(module: str) -> str | None:
    """The text of a module of the author's own, None for an installed one. Raises `UsageError`."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        spec = None
    finally:
        sys.path.remove(here)
    if spec is None or spec.origin is None:
        raise UsageError(f"There is no module {module!r}.", _FORM)
    origin = Path(spec.origin)
    places = (sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    if spec.origin in {"built-in", "frozen"} or any(origin.is_relative_to(p) for p in places):
        return None
    if "." in module or spec.submodule_search_locations or module == "skill":
        raise UsageError(
            f"{module} cannot be copied into the package.",
            "Put the tool into one file of its own, not called skill.py; or install its package.",
        )
    return origin.read_text(encoding="utf-8")


def _description(folder: Path) -> str:
    from livery.authoring.loading import load_entry

    return load_entry(folder, "scripts/skill.py:run").about.description
