"""An audit hook for code that runs in our process: files, sockets and processes only as declared.

It stops accidents, not malice: code in our process could undo it. A stranger's code runs in a container.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

from livery.authoring.errors import CapabilityDenied

_PROCESS = (
    "os.system os.exec os.posix_spawn os.spawn os.fork os.forkpty os.kill os.killpg os.putenv os.unsetenv os.chdir"
    " os.fchdir os.startfile subprocess.Popen pty.spawn signal.pthread_kill resource.setrlimit resource.prlimit"
    " sys.addaudithook sys.settrace sys.setprofile sys.remote_exec"
)
_NETWORK = (
    "socket.connect socket.bind socket.sendto socket.sendmsg socket.getaddrinfo socket.gethostbyname"
    " socket.gethostbyaddr socket.getnameinfo socket.getservbyname socket.sethostname urllib.Request"
    " http.client.connect ftplib.connect smtplib.connect imaplib.open poplib.connect telnetlib.Telnet.open"
    " nntplib.connect webbrowser.open"
)
_FILESYSTEM = (
    "os.remove os.rename os.mkdir os.rmdir os.chmod os.chown os.lchmod os.chflags os.link os.symlink os.truncate"
    " os.utime os.mkfifo os.mknod os.getxattr os.listxattr os.setxattr os.removexattr os.lockf"
    " shutil.rmtree shutil.copyfile shutil.copytree shutil.move shutil.chown shutil.make_archive"
    " shutil.unpack_archive tempfile.mkstemp tempfile.mkdtemp sqlite3.connect glob.glob pathlib.Path.glob"
    " pathlib.Path.rglob mmap.__new__"
)
_REFUSED = {
    **{event: ("process", event) for event in _PROCESS.split()},
    **{event: ("network", event) for event in _NETWORK.split()},
    **{event: ("filesystem", event) for event in _FILESYSTEM.split()},
    # Work on another thread would go on unguarded, and behind the end of the run.
    "_thread.start_new_thread": ("process", "a thread"),
    "_thread.start_joinable_thread": ("process", "a thread"),
    "ctypes.dlsym": ("process", "a native function"),
    "ctypes.dlsym/handle": ("process", "a native function"),
}
_CODE = (".py", ".pyc", ".so", ".pyd", ".zip")
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_SHOWN = 200


class Watch:
    """What a run was refused, also where the skill swallowed the error."""

    __slots__ = ("refused",)

    def __init__(self) -> None:
        self.refused: CapabilityDenied | None = None

    def refuse(self, kind: str, value: str) -> CapabilityDenied:
        """The error to raise; the first one is kept."""
        error = CapabilityDenied(kind, value[:_SHOWN])
        if self.refused is None:
            self.refused = error
        return error


_guarded: ContextVar[Watch | None] = ContextVar("livery_guarded", default=None)
_state = {"installed": False}


def install() -> None:
    """Add the hook to this process, once; it does nothing outside of `guarded`."""
    if not _state["installed"]:
        _state["installed"] = True
        _readable()
        sys.addaudithook(_hook)
        if sys.version_info < (3, 12):  # no event tells of a new thread
            _tell_of_threads()


def _tell_of_threads() -> None:
    start = threading.Thread.start

    def told(self: threading.Thread) -> None:
        _hook("_thread.start_new_thread", ())
        start(self)

    threading.Thread.start = told  # type: ignore[method-assign]


@contextmanager
def guarded(watch: Watch) -> Iterator[None]:
    """Skill code runs inside; `trusted` parts of the context step out."""
    token = _guarded.set(watch)
    try:
        yield
    finally:
        _guarded.reset(token)


@contextmanager
def trusted() -> Iterator[None]:
    """Our own code that a skill called through its context."""
    token = _guarded.set(None)
    try:
        yield
    finally:
        _guarded.reset(token)


def _hook(event: str, args: tuple[object, ...]) -> None:
    refused = _REFUSED.get(event)
    if refused is not None:
        watch = _guarded.get()
        if watch is not None:
            raise watch.refuse(*refused)
    elif event in ("open", "os.listdir", "os.scandir", "ctypes.dlopen"):
        watch = _guarded.get()
        if watch is not None:
            _check(watch, event, args)


def _check(watch: Watch, event: str, args: tuple[object, ...]) -> None:
    given = args[0] if args else None
    if isinstance(given, int):
        return  # a descriptor that is open already
    name = os.fsdecode(given) if isinstance(given, bytes | str | os.PathLike) else ""
    if event == "ctypes.dlopen":
        if name:
            raise watch.refuse("process", f"the native library {name}")
        return  # what `import ctypes` does; finding a function in it is refused
    if event != "open":
        if not _in_library(name or "."):
            raise watch.refuse("filesystem", name or ".")
        return
    if not _writes(args):
        if _in_library(name) or (name.endswith(_CODE) and _importable(name)):
            return  # Python itself reads its library and time zones
    elif "__pycache__" in name:
        # The import goes on; only its bytecode is not kept.
        raise PermissionError(f"a skill writes no bytecode: {name[:_SHOWN]}")
    raise watch.refuse("filesystem", name)


def _writes(args: tuple[object, ...]) -> bool:
    mode, flags = (*args[1:3], None, None)[:2]
    if isinstance(mode, str):
        return bool(set(mode) & set("wax+"))
    return not isinstance(flags, int) or bool(flags & _WRITES)


def _in_library(name: str) -> bool:
    return _real(name).startswith(_readable())


def _importable(name: str) -> bool:
    real = _real(name)
    return any(folder and real.startswith(_real(folder) + os.sep) for folder in sys.path)


def _real(name: str) -> str:
    # Links are followed and `..` is resolved: a name that only begins like the library is not in it.
    return os.path.realpath(name)


@cache
def _readable() -> tuple[str, ...]:
    kinds = ("stdlib", "platstdlib", "purelib", "platlib")
    folders = {sysconfig.get_path(kind) for kind in kinds}
    folders |= {sysconfig.get_path(kind, vars={"base": sys.base_prefix}) for kind in kinds}
    folders |= {"/usr/share/zoneinfo"}
    return tuple(sorted({os.path.realpath(folder) + os.sep for folder in folders if folder}))
