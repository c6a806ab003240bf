"""From a package folder to the skill in it."""

import sys
from hashlib import sha256
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from typing_extensions import override

from livery.authoring.base import BaseToolContract
from livery.authoring.skill import skill
from livery.authoring.tool import Tool
from livery.manifest.package import PackageFile
from livery.manifest.tree import LEFTOVER_FOLDERS, LEFTOVER_SUFFIXES
from livery.manifest.versioned import versioned_part


def read_folder(folder: Path) -> list[PackageFile]:
    """All files of a package folder, sorted by path; compiled leftovers and version control are no part of it.

    Raises:
        NotADirectoryError: there is no such folder.
    """
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is no folder")
    files = []
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if LEFTOVER_FOLDERS & set(inside.parts) or path.suffix in LEFTOVER_SUFFIXES:
            continue
        name = inside.as_posix()
        if versioned_part(name) is not None:
            continue
        if path.is_symlink():
            files.append(PackageFile(name, b"", symlink=True))
        elif path.is_file():
            executable = bool(path.stat().st_mode & 0o111)
            files.append(PackageFile(name, path.read_bytes(), executable))
    return files


def load_entry(folder: Path, entry: str) -> Tool:
    """Import the code of a package and return its skill.

    The code runs in this process with all its rights: only for packages that you trust. Every
    folder is imported under a name of its own, so that two packages may both hold `skill.py`.

    Raises:
        ValueError: the entry names no file inside the folder, or nothing that is a skill.
    """
    file, _, name = entry.partition(":")
    path = (folder / file).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise ValueError(f"the entry {entry!r} names no file inside {folder}")
    found = getattr(_import(path), name, None)
    if found is None:
        raise ValueError(f"{file} has no {name!r}")
    return as_tool(found)


def as_tool(thing: Any) -> Tool:
    """The skill that something is: a `@skill`, a `BaseToolContract` class, a typed function.

    Raises:
        ValueError: it is none of these.
    """
    if isinstance(thing, Tool):
        return thing
    if isinstance(thing, type) and issubclass(thing, BaseToolContract):
        return thing()
    if callable(thing) and hasattr(thing, "__code__"):
        made: Tool = skill()(thing)
        return made
    raise ValueError(f"{thing!r} is no skill: use @skill() or BaseToolContract")


class _SourceOnly(SourceFileLoader):
    """Never runs compiled leftovers: what was read is what runs."""

    @override
    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def _import(path: Path) -> ModuleType:
    if path.suffix != ".py":
        raise ValueError(f"{path.name} is no Python file")
    name = f"livery_skill_{sha256(str(path).encode()).hexdigest()[:16]}"
    for loaded in [known for known in sys.modules if known.startswith(f"{name}.")]:
        del sys.modules[loaded]
    # A package, so that `from .helper import x` finds the files beside it.
    spec = spec_from_file_location(
        name,
        path,
        loader=_SourceOnly(name, str(path)),
        submodule_search_locations=[str(path.parent)],
    )
    if spec is None or spec.loader is None:
        raise ValueError(f"{path.name} cannot be imported")
    module = module_from_spec(spec)
    kept = sys.dont_write_bytecode
    sys.dont_write_bytecode = True  # a package folder holds what was certified, nothing else
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    finally:
        sys.dont_write_bytecode = kept
    return module
