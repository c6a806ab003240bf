"""What git ignores in the work trees that are loaded: it is no part of a package.

Git itself is asked, so that `.gitignore`, `.git/info/exclude` and the user's own excludes count as they do there, and
what was added in spite of them is in. What is merely untracked is in too: it is told as `dirty`. Where git cannot say
what it ignores, no package of the work tree is loaded.
"""

import os
import time
from pathlib import Path

from livery.cli.git import Answer, ask_git

TOTAL_S = 30.0
"""For all work trees of a load together: each may keep git waiting."""
ONE_S = 20.0
_MARKS = ("HEAD", "config", "index", "objects", "refs", "commondir")
_ASK = ("ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z", "--", ".")


class Ignored:
    """Files and folders that git ignores, of every work tree that is looked at.

    A folder that is named to be loaded is taken even where it is ignored as a whole, with all that is in it.
    """

    def __init__(self, *, all_files: bool = False) -> None:
        self.unasked: dict[str, str] = {}
        """Work trees of which git could not say what it ignores, and why."""
        self._all_files = all_files
        self._left_s = TOTAL_S
        self._answered: set[str] = set()
        self._paths: set[str] = set()
        self._seen: set[str] = set()
        self._root = ""

    def enter(self, root: Path) -> None:
        """Ask about the work tree that the folder to be loaded lies in, if it lies in one."""
        folder = Path(os.path.realpath(root))
        self._root = str(folder)
        self._seen.add(self._root)
        if any(_is_work_tree(parent) for parent in (folder, *folder.parents)):
            self._ask(self._root)

    def folder(self, path: Path) -> str:
        """A folder in the form that `has` takes; work trees inside of what is loaded are asked about first."""
        real = os.path.realpath(path)
        fresh = []
        for here in (Path(real), *Path(real).parents):
            if str(here) in self._seen or not here.is_relative_to(self._root or real):
                break
            fresh.append(here)
        for here in reversed(fresh):
            self._seen.add(str(here))
            if _is_work_tree(here):
                self._ask(str(here))
        return real

    def has(self, real: str) -> bool:
        """Whether git ignores this file or folder; its links are resolved, but for itself."""
        return real in self._paths

    def covers(self, path: Path) -> bool:
        """Whether git ignores this file or folder, or one that it lies in."""
        real = Path(self.folder(path.parent)) / path.name
        return any(str(item) in self._paths for item in (real, *real.parents))

    def unknown(self, path: Path) -> tuple[str, str] | None:
        """The work tree of this folder, or one inside that was met, of which git cannot say it; and why."""
        real = self.folder(path)
        for item, why in self.unasked.items():
            if Path(item).is_relative_to(real):
                return item, why
        for here in (Path(real), *Path(real).parents):
            if str(here) in self.unasked:
                return str(here), self.unasked[str(here)]
            if str(here) in self._answered:
                return None
        return None

    def _ask(self, folder: str) -> None:
        if self._all_files:
            return
        answer = self._git(folder, *_ASK)
        if answer.out is None and self._git(folder, "check-ignore", "-q", folder).out is not None:
            answer = Answer(
                b"./"
            )  # git cannot list what lies in a folder that it ignores as a whole
        if answer.out is None:
            self.unasked[folder] = answer.why
            return
        self._answered.add(folder)
        names = [os.fsdecode(name).rstrip("/") for name in answer.out.split(b"\0") if name]
        if "." not in names:
            self._paths.update(f"{folder}/{name}" for name in names)

    def _git(self, folder: str, *words: str) -> Answer:
        if self._left_s <= 0:
            return Answer(None, f"all work trees together took it more than {TOTAL_S:.0f} s")
        started = time.monotonic()
        answer = ask_git(Path(folder), *words, timeout_s=min(ONE_S, self._left_s))
        self._left_s -= time.monotonic() - started
        return answer


def _is_work_tree(folder: Path) -> bool:
    """Whether there is a `.git` that is or may be a repository: one with nothing of that in it is none."""
    mark = folder / ".git"
    if not mark.is_dir():
        return os.path.lexists(mark)
    return any(os.path.lexists(mark / name) for name in _MARKS)
