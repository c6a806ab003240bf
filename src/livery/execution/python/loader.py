"""Import a package's code from verified bytes: never from a path, never from a .pyc."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import re
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

from livery.authoring.loading import as_tool
from livery.authoring.tool import Tool
from livery.execution.guard import trusted
from livery.manifest.package import PackageFile

_PREFIX = "livery_skill_"
_LANGCHAIN = re.compile(rb"^[ \t]*(?:from|import)[ \t][^\n#]*\blangchain", re.MULTILINE)


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Serves the modules of all loaded packages. Their names start with the digest, so they never mix."""

    def __init__(self) -> None:
        self._sources: dict[str, tuple[str, bytes, bool]] = {}

    def add(self, root: str, files: Sequence[PackageFile]) -> None:
        self._sources[root] = ("", b"", True)
        for file in files:
            if not file.path.endswith(".py"):
                continue
            parts = file.path[:-3].split("/")
            for depth in range(1, len(parts)):
                self._sources.setdefault(".".join([root, *parts[:depth]]), ("", b"", True))
            name, is_package = [root, *parts], False
            if parts[-1] == "__init__":
                name, is_package = name[:-1], True
            self._sources[".".join(name)] = (file.path, file.data, is_package)

    def find_spec(
        self,
        fullname: str,
        path: object = None,  # noqa: ARG002 - the protocol of importlib
        target: object = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        if not fullname.startswith(_PREFIX) or fullname not in self._sources:
            return None
        origin, _, is_package = self._sources[fullname]
        return importlib.util.spec_from_loader(
            fullname, self, origin=origin or fullname, is_package=is_package
        )

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:  # noqa: ARG002
        return None

    def exec_module(self, module: ModuleType) -> None:
        path, source, _ = self._sources[module.__name__]
        module.__file__ = path
        exec(compile(source, path or module.__name__, "exec", dont_inherit=True), module.__dict__)  # noqa: S102


_finder = _Finder()


def load(digest: str, files: Sequence[PackageFile], entry: str) -> Tool:
    """The skill at `file.py:name` of a verified package; raises ValueError or what its code raises on import."""
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
    root = _root(digest)
    _finder.add(root, files)
    path, _, name = entry.partition(":")
    module = importlib.import_module(".".join([root, *path.removesuffix(".py").split("/")]))
    found = getattr(module, name, None)
    if found is None:
        raise ValueError(f"{path} has no {name!r}")
    return as_tool(found)


def imports_langchain(files: Sequence[PackageFile]) -> bool:
    """Whether a module of the package imports LangChain, or our way to it."""
    return any(file.path.endswith(".py") and _LANGCHAIN.search(file.data) for file in files)


def warm_langchain() -> None:
    """Let an installed LangChain do its late imports, unguarded: they are its own, not the skill's.

    Where it is not installed, the skill's own import says so. On a thread without a running loop.
    """
    with trusted():
        try:
            from livery.authoring.langchain_warm import warm
        except ImportError:
            return
        warm()


def unload(digest: str) -> None:
    """Forget the modules of a package, so that loading it runs its code again."""
    root = _root(digest)
    for name in [name for name in sys.modules if name == root or name.startswith(root + ".")]:
        del sys.modules[name]


def _root(digest: str) -> str:
    return _PREFIX + digest.removeprefix("sha256:")[:32]
