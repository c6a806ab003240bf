"""What code can reach, by the dotted name that it is reached under."""

from __future__ import annotations

from typing import Final

_NETWORK = (
    "socket ssl http urllib urllib3 httpx requests aiohttp websockets ftplib smtplib imaplib poplib telnetlib"
    " nntplib xmlrpc socketserver asyncpg psycopg psycopg2 redis pymongo boto3 paramiko grpc _socket _ssl select"
    " selectors asyncore asynchat webbrowser antigravity"
)
_PROCESS = (
    "subprocess multiprocessing ctypes cffi pty threading _thread concurrent.futures signal faulthandler gc"
    " importlib.util importlib.machinery code codeop runpy posix nt _posixsubprocess _ctypes _winapi pipes popen2"
    " asyncio.subprocess resource fcntl pip ensurepip venv site pkgutil zipimport pdb bdb trace timeit profile"
    " cProfile doctest logging.config logging.handlers"
)
_FILESYSTEM = (
    "shutil tempfile sqlite3 dbm shelve fileinput glob mmap zipapp duckdb pyarrow polars _io linecache py_compile"
    " compileall"
)
MODULES: Final = {
    **dict.fromkeys(_NETWORK.split(), "network"),
    **dict.fromkeys(_PROCESS.split(), "process"),
    **dict.fromkeys(_FILESYSTEM.split(), "filesystem"),
}
"""Modules whose import is a use of a capability, with all below them."""

PURE: Final = ("urllib.parse", "urllib.error", "http.HTTPStatus")

_OS_PROCESS = (
    "system popen fork forkpty kill killpg posix_spawn posix_spawnp putenv unsetenv environ environb getenv getenvb"
    " chdir fchdir chroot dup dup2 pipe pipe2 abort _exit setuid setgid seteuid setegid setreuid setregid setsid nice"
    " startfile openpty memfd_create pidfd_open"
)
_OS_FILES = (
    "open remove unlink rename renames replace mkdir makedirs rmdir removedirs chmod chown link symlink truncate"
    " listdir scandir walk utime fwalk fdopen read write pread pwrite sendfile stat lstat access readlink mkfifo mknod"
    " getxattr setxattr listxattr removexattr statvfs path.exists path.lexists path.isfile path.isdir path.islink"
    " path.getsize path.getmtime path.getatime path.getctime path.samefile path.ismount"
)
_FILES = (
    "io.open io.open_code io.FileIO builtins.open codecs.open gzip.open bz2.open lzma.open tarfile.open tokenize.open"
    " logging.FileHandler"
)
_ASYNC_PROCESS = "create_subprocess_exec create_subprocess_shell to_thread"
_ASYNC_NETWORK = "open_connection start_server open_unix_connection start_unix_server"
FUNCTIONS: Final = {
    **{f"os.{name}": "process" for name in _OS_PROCESS.split()},
    **{f"os.{name}": "filesystem" for name in _OS_FILES.split()},
    **dict.fromkeys(_FILES.split(), "filesystem"),
    **{f"asyncio.{name}": "process" for name in _ASYNC_PROCESS.split()},
    **{f"asyncio.{name}": "network" for name in _ASYNC_NETWORK.split()},
}
"""Single names that are a use of a capability, in modules that are harmless otherwise."""

STARTS: Final = ("os.exec", "os.spawn", "os.posix_spawn")
"""Families of functions that start a process."""

METHODS: Final = {
    "create_connection": "network",
    "create_datagram_endpoint": "network",
    "create_unix_connection": "network",
    "create_unix_server": "network",
    "subprocess_exec": "process",
    "subprocess_shell": "process",
    "run_in_executor": "process",
}
"""Names that only an event loop has, whatever the loop is called."""

PATHS: Final = ("pathlib.Path", "pathlib.PosixPath", "pathlib.WindowsPath")
_PATH_METHODS = (
    "open read_text read_bytes write_text write_bytes unlink mkdir rmdir touch rename replace iterdir glob rglob"
    " symlink_to hardlink_to chmod walk stat lstat exists is_file is_dir is_symlink"
)
PATH_METHODS: Final = frozenset(_PATH_METHODS.split())
_PATH_STEPS = "joinpath resolve absolute expanduser with_name with_suffix with_stem cwd home"
PATH_STEPS: Final = frozenset(_PATH_STEPS.split())
"""Methods of a path that give a path."""

_HOLDERS = "os sys io builtins importlib subprocess socket ctypes shutil posix nt threading multiprocessing"
HOLDERS: Final = frozenset(_HOLDERS.split())
"""Modules that other modules hold as well: `random._os` is `os`."""

_SENSITIVE = "os sys builtins importlib inspect"
SENSITIVE: Final = frozenset(_SENSITIVE.split())
"""Modules that may not go around as values: what is then done with them cannot be read."""

_DYNAMIC = (
    "builtins.eval builtins.exec builtins.compile builtins.breakpoint builtins.__import__ builtins.__dict__"
    " os.__dict__ sys.__dict__ importlib.__dict__ sys._getframe sys._current_frames sys.modules sys.meta_path"
    " sys.path_hooks sys.path_importer_cache sys.path sys.settrace sys.setprofile sys.addaudithook sys.remote_exec"
    " sys.monitoring inspect.currentframe inspect.stack inspect.trace inspect.getattr_static types.FunctionType"
    " types.CodeType types.LambdaType marshal.load marshal.loads pickle.load pickle.loads pickle.Unpickler"
    " _pickle.load _pickle.loads dill.load dill.loads cloudpickle.load cloudpickle.loads importlib.reload"
    " importlib.abc importlib._bootstrap importlib._bootstrap_external importlib.__import__"
)
DYNAMIC: Final = frozenset(_DYNAMIC.split())
"""What makes code, or looks behind it: nobody can say what a skill does that uses these."""

_DUNDERS = (
    "__globals__ __subclasses__ __builtins__ __code__ __closure__ __mro__ __bases__ __base__ __getattribute__"
    " __loader__ __spec__ __reduce_ex__ __import__ __self__ __wrapped__ __traceback__ f_globals f_builtins f_locals"
    " f_back f_code gi_frame gi_code cr_frame cr_code ag_frame ag_code tb_frame"
)
DUNDERS: Final = frozenset(_DUNDERS.split())
"""Attributes that lead from any value to the interpreter behind it."""

REMEDY: Final = {
    "network": "Use the context: ctx.http reaches the declared hosts.",
    "filesystem": "Use the context: ctx.artifact keeps an output, and the input comes as an argument.",
    "process": "A python skill starts nothing; code that must run another program is a container skill.",
}
