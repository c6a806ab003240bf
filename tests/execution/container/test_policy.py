"""What preflight and language policy let through, and what they do not: by syntax, never by words."""

import pytest
from tests.support.docker import plugin

from livery.execution.container.policy.judge import LevelPolicy
from livery.execution.container.policy.tables import LEVELS
from livery.manifest.errors import LiveryError

LANGUAGE, PREFLIGHT, INVALID = (
    "security_language_policy_denied",
    "security_preflight_denied",
    "plugin_contract_invalid",
)
RUN = "def run(payload, *, session_id, agent_id, skill_name):\n    return {'display': ''}\n"


def codes(code: str, level: str = "strict", **more: object) -> list[str]:
    return [item.code for item in LevelPolicy(level).findings(plugin(code + "\n" + RUN, **more))]  # type: ignore[arg-type]


HONEST = [
    '"""eval( exec( __import__("os") subprocess.run( in a docstring."""',
    "text = 'eval(1); getattr(__builtins__, x)'  # eval(",
    "evaluate = max; evaluate(1, 2)",
    "import re; found = re.compile('x')",
    "import json, math, statistics, datetime, collections, decimal, itertools",
    "from urllib.parse import urlsplit",
    "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int = 0",
    "class A:\n    def __init__(self): self.x = 1\n    def __len__(self): return 1",
    "'{} {name}'.format(1, name=2)",
    "def name(x): return getattr(x, 'name', None)",
]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("code", HONEST)
def test_honest_code_passes(code: str, level: str) -> None:
    assert codes(code, level) == []


@pytest.mark.parametrize(
    "code",
    [
        "import os.path, pathlib, tempfile, io",
        "open('/output/report.csv', 'w').write('x')",
        "import os; os.makedirs('/tmp/x', exist_ok=True); os.path.join('a', 'b')",
    ],
)
def test_files_are_for_the_container_to_hold(code: str) -> None:
    assert codes(code, "baseline") == codes(code, "strict") == []
    assert codes(code, "paranoid")


# (code, the lowest level that refuses it, what it says)
REFUSED = [
    ("eval('1')", "baseline", LANGUAGE),
    ("exec('x = 1')", "baseline", LANGUAGE),
    ("run_it = eval", "baseline", LANGUAGE),
    ("list(map(eval, ['1']))", "baseline", LANGUAGE),
    ("ｅｖａｌ('1')", "baseline", LANGUAGE),
    ("compile('1', '', 'eval')", "baseline", LANGUAGE),
    ("getattr(__builtins__, 'ev' + 'al')('1')", "baseline", LANGUAGE),
    ("__builtins__['eval']", "baseline", LANGUAGE),
    ("__import__('o' + 's')", "baseline", LANGUAGE),
    ("().__class__.__base__.__subclasses__()", "baseline", LANGUAGE),
    ("getattr((), '__subclasses__')", "baseline", LANGUAGE),
    ("(lambda: 0).__globals__", "baseline", LANGUAGE),
    ("(lambda: 0).__code__.co_code", "baseline", LANGUAGE),
    ("def f(): yield\nf().gi_frame.f_back", "baseline", LANGUAGE),
    ("try: 1 / 0\nexcept Exception as e: e.__traceback__.tb_frame", "baseline", LANGUAGE),
    ("from functools import reduce\nreduce(getattr, ['a'], 1)", "baseline", LANGUAGE),
    ("match 1:\n    case int(__globals__=g): pass", "baseline", LANGUAGE),
    ("import ctypes", "baseline", LANGUAGE),
    ("from ctypes import CDLL as x", "baseline", LANGUAGE),
    ("import marshal", "baseline", LANGUAGE),
    ("import runpy", "baseline", LANGUAGE),
    ("import timeit; timeit.timeit('1')", "baseline", LANGUAGE),
    ("import sys; sys._getframe()", "baseline", LANGUAGE),
    ("import sys as s; t = s; t._getframe()", "baseline", LANGUAGE),
    ("import socket", "baseline", PREFLIGHT),
    ("import urllib.request", "baseline", PREFLIGHT),
    ("from http import client", "baseline", PREFLIGHT),
    ("import mmap", "baseline", PREFLIGHT),
    ("import os; os.unshare(1)", "baseline", PREFLIGHT),
    ("getattr(1, 'a' + 'b')", "strict", LANGUAGE),
    ("globals()['x']", "strict", LANGUAGE),
    ("vars(1)", "strict", LANGUAGE),
    ("(1).__class__", "strict", LANGUAGE),
    ("(1).__dict__", "strict", LANGUAGE),
    ("'{0.__class__}'.format(1)", "strict", LANGUAGE),
    ("import importlib; importlib.import_module('os')", "strict", LANGUAGE),
    ("import pickle", "strict", LANGUAGE),
    ("import builtins", "strict", LANGUAGE),
    ("import inspect", "strict", LANGUAGE),
    ("import gc", "strict", LANGUAGE),
    ("import sys; sys.modules['os']", "strict", LANGUAGE),
    ("import typing; typing.sys.modules", "strict", LANGUAGE),
    ("from typing import sys; sys.modules", "strict", LANGUAGE),
    ("from operator import attrgetter", "strict", LANGUAGE),
    ("from math import *", "strict", LANGUAGE),
    ("import subprocess", "strict", PREFLIGHT),
    ("import multiprocessing.pool", "strict", PREFLIGHT),
    ("import os; os.system('id')", "strict", PREFLIGHT),
    ("import os as o; run_it = o; run_it.system('id')", "strict", PREFLIGHT),
    ("from os import fork as f", "strict", PREFLIGHT),
    ("import os; getattr(os, 'system')", "strict", PREFLIGHT),
    ("import logging; logging.threading", "strict", PREFLIGHT),
    ("import signal", "strict", PREFLIGHT),
    ("import threading", "strict", PREFLIGHT),
    ("if False:\n    def f():\n        import subprocess", "strict", PREFLIGHT),
    ("import os", "paranoid", PREFLIGHT),
    ("import logging", "paranoid", PREFLIGHT),
    ("import numpy", "paranoid", PREFLIGHT),
    ("open('x')", "paranoid", LANGUAGE),
    ("setattr(1, 'x', 2)", "paranoid", LANGUAGE),
    ("type(1)", "paranoid", LANGUAGE),
    ("class A:\n    def f(self): return self.__weakref__", "paranoid", LANGUAGE),
]


@pytest.mark.parametrize(("code", "lowest", "said"), REFUSED)
def test_refused_from_its_level_on(code: str, lowest: str, said: str) -> None:
    at = LEVELS.index(lowest)
    for level in LEVELS[:at]:
        assert codes(code, level) == [], level
    for level in LEVELS[at:]:
        assert said in codes(code, level), level


@pytest.mark.parametrize(
    "data",
    [
        b"this is no Python",
        b"def run(:",
        b"x = '\xff'",
        b"# -*- coding: utf-7 -*-\nx = 1",
        b"# -*- coding: latin-1 -*-\nx = 1",
        b"x = 1\x00",
        b"(" * 5000 + b")" * 5000,
        b"x = " + b"-" * 100_000 + b"1",
        b"# " + b"x" * (1 << 20),
    ],
)
@pytest.mark.parametrize("level", LEVELS)
def test_what_cannot_be_read_is_refused(data: bytes, level: str) -> None:
    found = LevelPolicy(level).findings(plugin(RUN, extra={"scripts/other.py": data}))
    assert [(item.code, item.file) for item in found] == [(LANGUAGE, "scripts/other.py")]


def test_a_declared_host_opens_the_modules_for_it() -> None:
    hosts = {"network": ["api.example.com"]}
    for level in LEVELS:
        assert codes("import urllib.request", level, capabilities=hosts) == []


def test_every_python_file_is_read() -> None:
    found = LevelPolicy().findings(plugin(RUN, extra={"lib/deep/x.py": b"\n\nimport ctypes"}))
    assert [(item.code, item.file, item.line) for item in found] == [(LANGUAGE, "lib/deep/x.py", 3)]


def test_files_of_its_own_may_be_imported() -> None:
    code = "import helper\nfrom helper import *\nfrom . import helper as h\nhelper.x\n" + RUN
    for level in LEVELS:
        assert (
            LevelPolicy(level).findings(plugin(code, extra={"scripts/helper.py": b"x = 1"})) == []
        )


def test_a_file_does_not_hide_a_module_by_its_name() -> None:
    found = LevelPolicy().findings(
        plugin("import ctypes\n" + RUN, extra={"scripts/ctypes.py": b""})
    )
    assert [item.code for item in found] == [LANGUAGE]


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("scripts/fast.so", b"x"),
        ("scripts/x.pyc", b"x"),
        ("scripts/x.pth", b"import os"),
        ("assets/tool", b"\x7fELF\x02"),
        ("assets/tool", b"#!/bin/sh\n"),
        ("assets/lib.whl", b"PK"),
    ],
)
def test_nothing_that_runs_by_itself(path: str, data: bytes) -> None:
    found = LevelPolicy("baseline").findings(plugin(RUN, extra={path: data}))
    assert [(item.code, item.file) for item in found] == [(PREFLIGHT, path)]


@pytest.mark.parametrize(
    ("code", "runtime", "said"),
    [
        ("x = 1", {}, INVALID),
        ("run = max", {}, INVALID),
        ("async def run(payload, *, session_id, agent_id, skill_name): ...", {}, INVALID),
        ("def run(payload): ...", {}, INVALID),
        ("def run(payload, more, *, session_id, agent_id, skill_name): ...", {}, INVALID),
        ("def run(payload, *, session_id, agent_id, skill_name, more): ...", {}, INVALID),
        ("def run(*, session_id, agent_id, skill_name): ...", {}, INVALID),
        (RUN, {"language": "ruby"}, LANGUAGE),
        (RUN, {"entry": "scripts/plugin.py:main"}, INVALID),
    ],
)
def test_the_interface_is_looked_at(code: str, runtime: dict[str, object], said: str) -> None:
    assert [item.code for item in LevelPolicy().findings(plugin(code, runtime=runtime))] == [said]


@pytest.mark.parametrize(
    "head",
    [
        "def run(payload, *, session_id, agent_id, skill_name): ...",
        "def run(payload, session_id, agent_id, skill_name): ...",
        "def run(payload, **about): ...",
        "def run(payload, more=1, *, skill_name, **rest): ...",
        "def run(*payload, **about): ...",
    ],
)
def test_signatures_that_fit(head: str) -> None:
    assert LevelPolicy().findings(plugin(head)) == []


def test_interface_1_must_be_said() -> None:
    package = plugin(RUN)
    del package.contract.raw["runtime"]["interface"]
    assert [item.code for item in LevelPolicy().findings(package)] == [INVALID]


def test_there_is_no_fourth_level() -> None:
    with pytest.raises(LiveryError, match="baseline, strict, paranoid"):
        LevelPolicy("none")
