"""Uses that can be seen in the syntax are found with file and line; nothing that a file holds crashes the reader."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.skills import package

from livery.execution.scan import SyntaxScan
from livery.manifest.package import PackageFile, parse_package
from livery.packs import __file__ as packs
from livery.services.certification.types import Finding

GRANTS = {
    "data": ["sessions"],
    "network": ["example.com"],
    "credentials": ["smtp"],
    "storage": ["notes"],
    "tools": ["livery:add"],
    "filesystem": ["input"],
}


def scanned(code: str | bytes, capabilities: Any = None) -> tuple[Finding, ...]:
    files = package("scanned", capabilities=capabilities)
    data = code if isinstance(code, bytes) else code.encode("utf-8", "surrogatepass")
    kept = [file for file in files if file.path != "scripts/skill.py"]
    made, diagnostics = parse_package([*kept, PackageFile("scripts/skill.py", data)])
    assert made is not None, diagnostics
    return SyntaxScan().undeclared(made)


VISIBLE = {
    # code: (kind, what the message names, line)
    "ctx.data.query('messages', [], [])": ("data", "messages", 1),
    "\n\ndata.query(view='messages')": ("data", "messages", 3),
    "def f(context):\n    context.credential('slack')": ("credentials", "slack", 2),
    "ctx.credential(kind='slack')": ("credentials", "slack", 1),
    "ctx.storage.get('other', 'k')": ("storage", "other", 1),
    "ctx.storage.set('other', 'k', 1)": ("storage", "other", 1),
    "ctx.storage.delete(namespace='other', key='k')": ("storage", "other", 1),
    "ctx.call('subtract', {})": ("tools", "livery:subtract", 1),
    "ctx.http.request('GET', 'https://evil.example/x')": ("network", "evil.example", 1),
    "ctx.http.request(method='GET', url='https://evil.example:8443')": (
        "network",
        "evil.example:8443",
        1,
    ),
    "ctx.http.request('GET', 'https://example.com@evil.example')": (
        "network",
        "example.com@evil.example",
        1,
    ),
    "URL = 'https://evil.example'\nctx.http.request('GET', URL)": ("network", "evil.example", 2),
    "ctx.http.request('GET', 'file:///etc/passwd')": ("network", "file:///etc/passwd", 1),
}
UNDECLARED_ONLY = {
    "open('x')": ("filesystem", "open()", 1),
    "import os\nos.remove('x')": ("filesystem", "os.remove()", 2),
    "from os import remove": ("filesystem", "os.remove", 1),
    "from pathlib import Path\nPath('x').read_text()": ("filesystem", "Path.read_text()", 2),
    "import pathlib\npathlib.Path('x').open()": ("filesystem", "Path.open()", 2),
    "import io\nio.open('x')": ("filesystem", "io.open()", 2),
    "import sqlite3": ("filesystem", "sqlite3", 1),
    "from tempfile import mkdtemp": ("filesystem", "tempfile", 1),
    "import socket": ("network", "socket", 1),
    "import urllib.request": ("network", "urllib", 1),
    "from urllib import request": ("network", "urllib", 1),
    "from http.client import HTTPConnection": ("network", "http", 1),
    "import httpx as h": ("network", "httpx", 1),
    "__import__('requests')": ("network", "requests", 1),
    "import importlib\nimportlib.import_module('socket')": ("network", "socket", 2),
}
NEVER = {
    "import subprocess": ("process", "subprocess", 1),
    "import json, subprocess as s": ("process", "subprocess", 1),
    "def f():\n    if 1:\n        from multiprocessing import Pool": (
        "process",
        "multiprocessing",
        3,
    ),
    "import ctypes.util": ("process", "ctypes", 1),
    "import threading": ("process", "threading", 1),
    "from concurrent.futures import ThreadPoolExecutor": ("process", "concurrent.futures", 1),
    "import os\nos.system('true')": ("process", "os.system()", 2),
    "import os\nos.execvp('true', [])": ("process", "os.execvp()", 2),
    "from os import fork": ("process", "os.fork", 1),
}


@pytest.mark.parametrize("code", [*VISIBLE, *UNDECLARED_ONLY, *NEVER])
def test_an_undeclared_use_is_found_with_its_line(code: str) -> None:
    kind, named, line = {**VISIBLE, **UNDECLARED_ONLY, **NEVER}[code]
    findings = scanned(code)
    assert [item.code for item in findings] == ["underdeclared_capability"], findings
    found = findings[0]
    assert (found.file, found.line) == ("scripts/skill.py", line)
    assert kind in found.message
    assert named in found.message
    assert found.remedy


@pytest.mark.parametrize("code", [*VISIBLE, *NEVER])
def test_other_grants_do_not_cover_it(code: str) -> None:
    assert len(scanned(code, GRANTS)) == 1


@pytest.mark.parametrize(
    "code",
    [
        *UNDECLARED_ONLY,
        "ctx.data.query('sessions', [], [])",
        "ctx.credential('smtp')",
        "ctx.storage.get('notes', 'k')",
        "ctx.call('add', {})",
        "ctx.http.request('GET', 'https://example.com/a?b')",
        "ctx.http.request('GET', 'https://example.com:443/')",
        "URL = 'http://EXAMPLE.com'\nctx.http.request('GET', URL)",
    ],
)
def test_a_declared_use_passes(code: str) -> None:
    assert scanned(code, GRANTS) == ()


@pytest.mark.parametrize(
    "code",
    [
        "",
        "# open('x')",
        "'open(x)'",
        "from urllib.parse import urlsplit",
        "import urllib.parse",
        "from http import HTTPStatus",
        "import os.path, os\nos.path.join('a', 'b')",
        "import re, json, math, datetime, statistics, decimal, asyncio",
        "table.open()\nzipped.read_bytes()",
        "d = {}\nd.get('x')\nd.set('y')",
        "cache.get('x', 'y')",
        "db.query('x')",
        "client.request('GET', 'https://x')",
        "from .open import query",
        "from . import socket",
        "ctx.data.query(view, [], [])",
        "def opened(): ...\nopened('x')",
    ],
)
def test_nothing_is_found_where_nothing_is(code: str) -> None:
    assert scanned(code) == ()


def test_every_use_is_named_once_and_in_order() -> None:
    code = "import subprocess\nctx.credential('a'); ctx.credential('a')\nctx.credential('b')\n\nopen('x')\n"
    shown = [(item.line, item.message.split(",")[0]) for item in scanned(code)]
    assert shown == [
        (1, "subprocess is used"),
        (2, "The code uses credentials 'a'"),
        (3, "The code uses credentials 'b'"),
        (5, "open() is used"),
    ]


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("def f(:\n", 1),
        ("x = 1\n  y = 2", 2),
        ("\x00", None),
        ("x = 1\x00", None),
        (b"\xff\xfe", None),
        (b"# coding: no-such\n", None),
        (b"# coding: rot13\nk = 1\n", None),
        (b"# coding: utf-7\n+AAAAA-\n", None),
        (b"# coding: idna\nx\n", None),
        (b"\xef\xbb\xbf\xef\xbb\xbfx", None),
        ("x = '\ud800'", None),
        ("(" * 100_000, None),
        ("[" * 300 + "]" * 300, None),
        ("-" * 100_000 + "1", None),
        ("not " * 50_000 + "1", None),
        ("x" + ".a" * 50_000, None),
        ("f(" * 90 + ")" * 90, None),
        ("1+" * 50_000 + "1", None),
        ("lambda: " * 20_000 + "1", None),
        ("x = " + "9" * 10_000, None),
        ("if 1:\n" + "".join(" " * n + "if 1:\n" for n in range(1, 200)), None),
        ("print 'old'", 1),
        ("f'{'", None),
        ("match x:\n case [" + "[" * 90 + "]" * 90 + "]: 1", None),
    ],
)
def test_what_is_no_python_is_a_finding_or_nothing(code: str | bytes, line: int | None) -> None:
    findings = scanned(code)
    assert {item.code for item in findings} <= {"contract_invalid"}
    assert len(findings) <= 1
    if line is not None:
        assert findings[0].line == line
    assert all(len(item.message) < 300 for item in findings)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda t: t.encode("utf-8", "ignore")))
def test_any_bytes_give_findings_or_nothing(data: bytes) -> None:
    for item in scanned(data):
        assert item.file == "scripts/skill.py"


def test_only_python_is_read() -> None:
    extra = {"references/x.md": b"open('x')", "scripts/data.json": b"{", "assets/x.pyx": b"open("}
    made, _ = parse_package(package("scanned", extra=extra))
    assert made is not None
    assert SyntaxScan().undeclared(made) == ()


def test_the_built_in_packs_declare_what_they_use() -> None:
    from pathlib import Path

    from livery.authoring.loading import read_folder

    skills = sorted(Path(packs).parent.glob("*/*/SKILL.md"))
    assert len(skills) >= 5
    for skill_md in skills:
        made, _ = parse_package(read_folder(skill_md.parent))
        assert made is not None
        assert SyntaxScan().undeclared(made) == (), skill_md.parent.name
