"""The check of the pure packages, against what it must catch and what it must let pass."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "tools" / "check_purity.py"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_purity", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


purity = load()

IMPURE = [
    # the file system
    ("open('x')", "uses open"),
    ("f = open", "uses open"),
    ("from builtins import open as o", "imports builtins"),
    ("import io", "imports io"),
    ("from io import open as o", "imports io"),
    ("from pathlib import Path", "imports pathlib.Path"),
    ("import pathlib as p\np.Path('x')", "uses pathlib.Path"),
    ("import tempfile", "imports tempfile"),
    ("import hashlib\nhashlib.file_digest(f, 'sha256')", "uses hashlib.file_digest"),
    ("import zoneinfo", "imports zoneinfo"),
    # the clock
    ("from datetime import datetime\ndatetime.now()", "reads the clock: .now"),
    ("from datetime import datetime, UTC\ndatetime.now(UTC)", "reads the clock: .now"),
    ("from datetime import datetime as D\nclock = D.now", "reads the clock: .now"),
    ("import datetime\ndatetime.datetime.now()", "reads the clock: .now"),
    ("import datetime as dt\ndt.datetime.utcnow()", "reads the clock: .utcnow"),
    ("import datetime as dt\nclock = dt.datetime\nclock.now", "reads the clock: .now"),
    ("import datetime as dt\nclock: type = dt.datetime\nclock.now", "reads the clock: .now"),
    ("import datetime as dt\n(c := dt.datetime).today\nf = c.now", "reads the clock: .now"),
    ("from datetime import date\ndate.today()", "reads the clock: .today"),
    ("def f(at): return type(at).now()", "reads the clock: .now()"),
    ("from datetime import datetime\ngetattr(datetime, 'now')()", "hides .now behind getattr"),
    ("import time", "imports time"),
    ("import time as t\nt.time()", "imports time"),
    ("from time import monotonic as m", "imports time"),
    # chance
    ("import random", "imports random"),
    ("from random import random", "imports random"),
    ("import secrets as s", "imports secrets"),
    ("from uuid import uuid4 as new_id", "imports uuid.uuid4"),
    ("import uuid\nuuid.uuid4()", "uses uuid.uuid4"),
    ("import uuid_utils as u\nu.uuid7()", "uses uuid_utils.uuid7"),
    # the system, the network, processes
    ("import os", "imports os"),
    ("import os.path as p", "imports os.path"),
    ("from os import environ", "imports os"),
    ("from os.path import exists", "imports os.path"),
    ("import sys", "imports sys"),
    ("import socket", "imports socket"),
    ("import json, socket as s", "imports socket"),
    ("from urllib.request import urlopen", "imports urllib.request"),
    ("import subprocess", "imports subprocess"),
    ("from subprocess import run", "imports subprocess"),
    ("import asyncio", "imports asyncio"),
    ("import threading", "imports threading"),
    ("import httpx", "imports httpx"),
    ("import asyncpg", "imports asyncpg"),
    # code that nobody can read beforehand
    ("import importlib", "imports importlib"),
    ("from importlib import import_module as load", "imports importlib"),
    ("import importlib.util", "imports importlib.util"),
    ("__import__('os')", "uses __import__"),
    ("load = __import__\nload('os')", "uses __import__"),
    ("__builtins__['open']('x')", "uses __builtins__"),
    ("f.__globals__['os']", "uses __globals__"),
    ("eval('1')", "uses eval"),
    ("exec('import os')", "uses exec"),
    ("run = exec", "uses exec"),
    ("compile('1', '', 'eval')", "uses compile"),
    ("import builtins as b\nb.open('x')", "imports builtins"),
    ("getattr(x, 'open')('y')", "hides .open behind getattr"),
    ("from datetime import *", "nothing can be checked"),
    # wherever it hides
    ("def f():\n    import os", "imports os"),
    ("class A:\n    x = [open(p) for p in ()]", "uses open"),
    ("try:\n    import orjson\nexcept ImportError:\n    import socket", "imports socket"),
    ("if TYPE_CHECKING:\n    import os", "imports os"),
    ("def f(read=open): ...", "uses open"),
    ("@eval\ndef f(): ...", "uses eval"),
    ("f'{open(1)}'", "uses open"),
    ("async def f():\n    async with open('x'): ...", "uses open"),
    ("print('x')", "uses print"),
    ("input()", "uses input"),
]

PURE = [
    "# open('x'); import os",
    "'''datetime.now() and import time'''",
    "from datetime import UTC, datetime, timedelta\ndatetime(2026, 1, 1, tzinfo=UTC)",
    "def decide(request, facts, now): return facts.now <= now",
    "class Breaker:\n    def open(self): return self.state\nBreaker().open()",
    "OPEN = 'open'\nbreaker.open",
    "import hashlib, hmac, json, re, math, uuid\nuuid.UUID(int=1)\nuuid.uuid5(n, 'x')",
    "from pathlib import PurePosixPath",
    "re.compile('x')",
    "import datetime\ndatetime.datetime.fromisoformat('2026-01-01')",
    "getattr(x, 'name')\ngetattr(x, name)",
]


@pytest.mark.parametrize(("source", "what"), IMPURE)
def test_catches(source: str, what: str) -> None:
    findings = purity.check_source(source)
    assert any(what in finding.what for finding in findings), findings


@pytest.mark.parametrize("source", PURE)
def test_lets_pass(source: str) -> None:
    assert purity.check_source(source) == []


def test_names_the_line() -> None:
    assert purity.check_source("x = 1\n\nimport os\n")[0].line == 3


def run(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(TOOL), *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


def test_the_real_tree_is_pure() -> None:
    done = run()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_one_breach_fails_the_command(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "good.py").write_text("X = 1\n")
    (tmp_path / "deep" / "bad.py").write_text("X = 1\nimport os\n")
    done = run(str(tmp_path))
    assert done.returncode == 1
    assert done.stdout == f"{tmp_path}/deep/bad.py:2: imports os\n"


@pytest.mark.parametrize("content", [None, "def broken(:\n"])
def test_nothing_to_check_is_no_success(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "bad.py").write_text(content)
    done = run(str(tmp_path))
    assert done.returncode == 2
    assert "check_purity:" in done.stderr
