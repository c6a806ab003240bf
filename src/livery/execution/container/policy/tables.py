"""The tables of the three levels. A name is denied by the lowest level that lists it and by all above.

`LANGUAGE` names ways to reach what the syntax does not show, `PREFLIGHT` ways to reach what a plugin has no
business with. Modules are matched by prefix: `os` names `os.path` too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

LEVELS: Final = ("baseline", "strict", "paranoid")


def _all(names: str) -> frozenset[str]:
    return frozenset(names.split())


def _each(names: str, level: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), level)


LANGUAGE_MODULES: Final = {
    **_each(
        "ctypes _ctypes cffi _cffi_backend code codeop runpy zipimport imp _imp marshal _posixsubprocess timeit"
        " cProfile profile doctest pydoc",
        "baseline",
    ),
    **_each(
        "builtins importlib pkgutil pickle _pickle shelve dill cloudpickle gc inspect sysconfig site"
        " _frozen_importlib _frozen_importlib_external _testcapi _xxsubinterpreters _interpreters opcode dis"
        " unittest logging.config lib2to3 distutils idlelib tkinter turtle test",
        "strict",
    ),
    **_each("types weakref operator functools.partialmethod copyreg ast symtable", "paranoid"),
}
"""Modules that make or load code, or look behind the language."""

LANGUAGE_NAMES: Final = {
    **_each("eval exec compile __import__ __builtins__ __loader__ __spec__ breakpoint", "baseline"),
    **_each("globals locals vars", "strict"),
    **_each("setattr delattr dir type object super help open", "paranoid"),
}
"""Built-in names, in whatever place they stand: `run = eval` is a use. `getattr` has rules of its own."""

LANGUAGE_ATTRIBUTES: Final = {
    **_each(
        "__subclasses__ __globals__ __builtins__ __code__ __closure__ __bases__ __base__ __mro__ mro"
        " __getattribute__ __import__ __loader__ __spec__ __reduce__ __reduce_ex__ f_globals f_locals f_builtins"
        " f_back f_code gi_frame gi_code cr_frame cr_code ag_frame ag_code tb_frame co_code",
        "baseline",
    ),
    **_each(
        "__dict__ __class__ __getattr__ __setattr__ __delattr__ __func__ __self__ __wrapped__ __module__ __slots__"
        " __defaults__ __kwdefaults__ __set_name__ __class_getitem__ __subclasshook__ __init_subclass__"
        " __mro_entries__ __prepare__ __instancecheck__ __subclasscheck__ __traceback__ __context__ __cause__",
        "strict",
    ),
}
"""Attributes that lead from a value to the interpreter. Paranoid denies every dunder but the plain ones."""

PLAIN_DUNDERS: Final = _all(
    "__init__ __name__ __doc__ __len__ __iter__ __next__ __contains__ __getitem__ __setitem__ __eq__ __ne__ __lt__"
    " __le__ __gt__ __ge__ __hash__ __repr__ __str__ __enter__ __exit__ __add__ __sub__ __mul__ __post_init__"
    " __bool__ __call__ __all__ __version__"
)

PREFLIGHT_MODULES: Final = {
    **_each("pty fcntl mmap posix nt _posixshmem resource faulthandler ptrace", "baseline"),
    **_each(
        "subprocess multiprocessing signal _signal sched threading _thread concurrent asyncio.subprocess pwd grp"
        " crypt spwd termios tty curses readline syslog dbm webbrowser venv ensurepip pip setuptools socketserver"
        " pdb bdb trace tracemalloc atexit",
        "strict",
    ),
    **_each(
        "os sys io shutil tempfile glob fileinput pathlib sqlite3 platform asyncio", "paranoid"
    ),
}
"""Modules that reach other processes, devices or the machine."""

NETWORK_MODULES: Final = _all(
    "socket _socket ssl http urllib urllib3 httpx requests aiohttp websockets websocket ftplib smtplib imaplib"
    " poplib telnetlib nntplib xmlrpc asyncpg psycopg psycopg2 redis pymongo boto3 botocore paramiko grpc select"
    " selectors"
)
"""Denied by every level unless the contract declares hosts."""
NO_NETWORK_IN: Final = frozenset(["urllib.parse", "urllib.error", "http.HTTPStatus"])

PREFLIGHT_CALLS: Final = {
    **_each("os.ptrace os.setns os.unshare os.chroot os.mknod os.mkfifo os.pidfd_open", "baseline"),
    **_each(
        "os.system os.popen os.fork os.forkpty os.kill os.killpg os.posix_spawn os.posix_spawnp os.execl os.execle"
        " os.execlp os.execlpe os.execv os.execve os.execvp os.execvpe os.spawnl os.spawnle os.spawnlp os.spawnlpe"
        " os.spawnv os.spawnve os.spawnvp os.spawnvpe os.abort os._exit os.setsid os.setuid os.setgid os.seteuid"
        " os.setegid os.setreuid os.setregid os.setresuid os.setresgid os.setgroups os.setpriority os.nice"
        " os.symlink os.link os.dup os.dup2 os.pipe os.write os.fdopen os.closerange os.sched_setaffinity"
        " os.sched_setscheduler os.memfd_create os.chmod os.chown os.lchown os.fchmod os.fchown os.environb"
        " os.putenv os.unsetenv os.register_at_fork os.openpty os.getppid"
        " time.clock_settime time.clock_settime_ns time.pthread_getcpuclockid",
        "strict",
    ),
}
"""Functions of modules that are otherwise allowed."""

LANGUAGE_CALLS: Final = {
    **_each("sys._getframe sys._current_frames sys.settrace sys.setprofile", "baseline"),
    **_each(
        "sys.modules sys.meta_path sys.path_hooks sys.path_importer_cache sys.path sys.addaudithook sys.excepthook"
        " sys.unraisablehook sys.displayhook sys.call_tracing sys.set_asyncgen_hooks sys.setrecursionlimit"
        " operator.attrgetter operator.methodcaller types.FunctionType types.CodeType types.ModuleType"
        " types.LambdaType types.CellType functools.partialmethod typing.get_type_hints typing.ForwardRef",
        "strict",
    ),
}
"""The same, for what looks behind the language."""

PARANOID_IMPORTS: Final = _all(
    "__future__ abc array base64 binascii bisect calendar cmath collections colorsys contextlib copy csv dataclasses"
    " datetime decimal difflib enum fractions functools hashlib heapq hmac html itertools json math numbers random"
    " re secrets statistics string struct textwrap time typing unicodedata uuid zlib zoneinfo urllib.parse"
)
"""All that a plugin may import under paranoid, beside files of its own and, with hosts declared, NETWORK_MODULES."""

BINARY_SUFFIXES: Final = (
    ".so", ".pyd", ".dll", ".dylib", ".exe", ".pyc", ".pyo", ".pth", ".egg", ".whl", ".pyz", ".jar", ".o", ".a",
)  # fmt: skip
BINARY_MAGIC: Final = (
    b"\x7fELF",
    b"MZ",
    b"\xcf\xfa\xed\xfe",
    b"\xfe\xed\xfa",
    b"\xca\xfe\xba\xbe",
    b"!<arch>",
    b"#!",
)
"""A file that starts so can be run; `#!` is allowed for `.py` files."""


def denies(table: dict[str, str], name: str, level: str) -> bool:
    """Whether a table denies a dotted name, or one of its prefixes, on this level."""
    reach = LEVELS.index(level)
    return any(LEVELS.index(table[item]) <= reach for item in prefixes(name) if item in table)


def prefixes(name: str) -> Iterable[str]:
    """`a.b.c`: a, a.b, a.b.c."""
    parts = name.split(".")
    return (".".join(parts[:end]) for end in range(1, len(parts) + 1))
