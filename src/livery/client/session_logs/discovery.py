"""Finds session logs: in the places where the tools write, or in folders that are named."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import overload

from livery.client.session_logs.formats import Formats, built_in
from livery.client.session_logs.reader import Pending
from livery.client.session_logs.slices import unreadable
from livery.manifest.session_texts import clean_name

SETTING = "LIVERY_SESSION_LOGS"
"""Environment variable that names other folders (os.pathsep between them); only they are read."""

_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISDIR, "a link to a folder"),
)


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file to read: `label` is its path below the folder that was searched."""

    path: Path
    label: str
    size: int


@dataclass(frozen=True, slots=True)
class FoundLogs(Sequence[LogFile]):
    """The log files that were found, by label, and what could not be looked into, with reasons."""

    logs: tuple[LogFile, ...]
    unread: tuple[Pending, ...] = ()

    @overload
    def __getitem__(self, index: int) -> LogFile: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[LogFile, ...]: ...
    def __getitem__(self, index: int | slice) -> LogFile | tuple[LogFile, ...]:
        """Return a log, or some of them."""
        return self.logs[index]

    def __len__(self) -> int:
        return len(self.logs)


def find_logs(paths: Sequence[Path] = (), formats: Formats | None = None) -> FoundLogs:
    """Return the log files of `paths` (folders, searched for *.jsonl, or files), by label.

    Without paths those of LIVERY_SESSION_LOGS, else those in the home folder's usual places
    (CLAUDE_CONFIG_DIR and CODEX_HOME are respected). Symbolic links to folders are not followed;
    what cannot be listed or is no regular file is `unread`, and never opened. FileNotFoundError
    where a path that was named does not exist.
    """
    if not paths and (setting := os.environ.get(SETTING)):
        paths = [Path(part).expanduser() for part in setting.split(os.pathsep) if part]
    search = _Search()
    known = formats or built_in()
    if paths:
        for path in paths:
            search.named(path)
    else:
        for one in known.known:
            for root, pattern in one.places(Path.home()):
                search.usual(root, pattern)
    found = sorted(search.found.values(), key=lambda log: (log.label, str(log.path)))
    return FoundLogs(tuple(found), tuple(dict.fromkeys(search.unread)))


@dataclass(slots=True)
class _Search:
    found: dict[Path, LogFile] = field(default_factory=dict)
    unread: list[Pending] = field(default_factory=list)

    def named(self, path: Path) -> None:
        """Take a path that somebody named; raises FileNotFoundError where there is none."""
        root = path.absolute()
        try:
            mode = root.stat().st_mode
        except FileNotFoundError:
            raise FileNotFoundError(f"no such file or folder: {path}") from None
        except OSError as error:
            self.unread.append(unreadable(_label(root, root), error))
            return
        if stat.S_ISDIR(mode):
            self.folder(root, "**/*.jsonl")
        else:
            self.file(root, root)

    def usual(self, root: Path, pattern: str) -> None:
        """Take a place where a tool writes, if it is there."""
        root = root.absolute()
        try:
            there = stat.S_ISDIR(root.stat().st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            self.unread.append(unreadable(_label(root, root), error))
            return
        if there:
            self.folder(root, pattern)

    def folder(self, root: Path, pattern: str) -> None:
        """Take the logs below a folder."""
        for path in self._matches(root, pattern):
            self.file(path, root)

    def file(self, path: Path, root: Path) -> None:
        """Take one file, if it is a regular one."""
        if path in self.found:
            return
        label = _label(path, root)
        try:
            about = path.stat()
        except OSError as error:
            self.unread.append(unreadable(label, error))
            return
        if stat.S_ISREG(about.st_mode):
            self.found[path] = LogFile(path, label, about.st_size)
            return
        kind = next((name for known, name in _KINDS if known(about.st_mode)), "no file")
        self.unread.append(Pending(label, 0, f"is {kind}; not opened"))

    def _matches(self, root: Path, pattern: str) -> Iterator[Path]:
        prefix, suffix = pattern.rsplit("/", 1)[-1].split("*", 1)

        def closed(error: OSError) -> None:
            folder = Path(os.fsdecode(error.filename)) if error.filename else root
            self.unread.append(unreadable(_label(folder, root) + "/", error))

        for folder, _, entries in os.walk(root, onerror=closed):
            for entry in entries:
                if entry.startswith(prefix) and entry.endswith(suffix):
                    yield Path(folder, entry)


def _label(path: Path, root: Path) -> str:
    label = path.name if path == root else str(path.relative_to(root))
    text = label.encode("utf-8", "replace").decode()
    return clean_name("".join(c if c.isprintable() else "\ufffd" for c in text), 500, tail=True)
