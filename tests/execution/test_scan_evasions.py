"""Ways around a reader of syntax, each of them found; honest code beside them, which passes."""

import pytest
from tests.execution.test_scan import scanned

UNDECLARED, HIDDEN = "underdeclared_capability", "security_preflight_denied"
EVASIONS = {
    # code: (code of a finding, a word of its message, its line)
    "import os as o\no.system('x')": (UNDECLARED, "os.system", 2),
    "from os import system as s\ns('x')": (UNDECLARED, "os.system", 1),
    "import os\nf = os.system\nf('x')": (UNDECLARED, "os.system", 2),
    "import os\np = q = os\nq.popen('x')": (UNDECLARED, "os.popen", 3),
    "import os\nlist(map(os.remove, ['x']))": (UNDECLARED, "os.remove", 2),
    "import os\ngetattr(os, 'system')('x')": (UNDECLARED, "os.system", 2),
    "import os\ngetattr(os, 'sys' + 'tem')('x')": (UNDECLARED, "os.system", 2),
    "import os\ngetattr(os, 'metsys'[::-1])('x')": (UNDECLARED, "os.system", 2),
    "import os\ngetattr(os, ''.join(['sys', 'tem']))('x')": (UNDECLARED, "os.system", 2),
    "import os\nn = 'system'\ngetattr(os, n)('x')": (UNDECLARED, "os.system", 3),
    "import os\ng = getattr\ng(os, 'system')('x')": (UNDECLARED, "os.system", 3),
    "import os\ndef f(n):\n    getattr(os, n)('x')": (HIDDEN, "run time", 3),
    "import os\nvars(os)['system']('x')": (UNDECLARED, "os.system", 2),
    "import os\nos.__dict__['system']('x')": (UNDECLARED, "os.system", 2),
    "import sys\nsys.modules['os'].system('x')": (UNDECLARED, "os.system", 2),
    "import random\nrandom._os.system('x')": (UNDECLARED, "os.system", 2),
    "from random import _os\n_os.system('x')": (UNDECLARED, "os.system", 2),
    "import os.path as p\np.os.system('x')": (UNDECLARED, "os.system", 2),
    "from os import *\nsystem('x')": (HIDDEN, "import *", 1),
    "import os\nfor m in [os]:\n    m.system('x')": (UNDECLARED, "os.system", 3),
    "import os\ndef f(m): m.system('x')\nf(os)": (HIDDEN, "as a value", 3),
    "import os\nd = {'o': os}": (HIDDEN, "as a value", 2),
    "import os\nclass A: ...\nA.o = os": (HIDDEN, "as a value", 3),
    "import os\nprint(os.environ['HOME'])": (UNDECLARED, "os.environ", 2),
    "from os import environ": (UNDECLARED, "os.environ", 1),
    "import os\nos.getenv('HOME')": (UNDECLARED, "os.getenv", 2),
    "import posix\nposix.system('x')": (UNDECLARED, "posix", 1),
    "__import__('os').system('x')": (UNDECLARED, "os.system", 1),
    "__import__('so'[::-1]).system('x')": (UNDECLARED, "os.system", 1),
    "i = __import__\ni('os').system('x')": (UNDECLARED, "os.system", 2),
    "def f(n): __import__(n)": (HIDDEN, "run time", 1),
    "import importlib\ndef f(n): importlib.import_module(n)": (HIDDEN, "run time", 2),
    "from importlib import import_module as i\ni('subprocess')": (UNDECLARED, "subprocess", 2),
    "import importlib\nimportlib.reload": (HIDDEN, "importlib.reload", 2),
    "eval('1')": (HIDDEN, "eval", 1),
    "e = eval\ne('1')": (HIDDEN, "eval", 1),
    "exec(compile('1', '', 'exec'))": (HIDDEN, "exec", 1),
    "map(exec, ['1'])": (HIDDEN, "exec", 1),
    "if False: eval = None\neval('1')": (HIDDEN, "eval", 2),
    "def f(eval): ...\neval('1')": (HIDDEN, "eval", 2),
    "import builtins\nbuiltins.eval('1')": (HIDDEN, "eval", 2),
    "import builtins as b\ngetattr(b, 'ev' 'al')('1')": (HIDDEN, "eval", 2),
    "getattr(__builtins__, 'open')('x')": (HIDDEN, "__builtins__", 1),
    "__builtins__['eval']('1')": (HIDDEN, "__builtins__", 1),
    "globals()['__builtins__']": (HIDDEN, "as a value", 1),
    "𝘦𝘷𝘢𝘭('1')": (HIDDEN, "eval", 1),
    "().__class__.__base__.__subclasses__()": (HIDDEN, "__subclasses__", 1),
    "getattr((), '__cla' + 'ss__').__mro__": (HIDDEN, "__mro__", 1),
    "def f(): ...\nf.__globals__['os']": (HIDDEN, "__globals__", 2),
    "def f(): ...\ngetattr(f, '__glo' 'bals__')": (HIDDEN, "__globals__", 2),
    "print.__self__": (HIDDEN, "__self__", 1),
    "try: 1/0\nexcept Exception as e: e.__traceback__.tb_frame": (HIDDEN, "tb_frame", 2),
    "import sys\nsys._getframe(0)": (HIDDEN, "sys._getframe", 2),
    "from sys import modules": (HIDDEN, "sys.modules", 1),
    "import sys\nsys.path.append('/tmp')": (HIDDEN, "sys.path", 2),
    "import inspect\ninspect.currentframe()": (HIDDEN, "inspect.currentframe", 2),
    "import operator\noperator.attrgetter('f.__globals__')": (HIDDEN, "attrgetter", 2),
    "import operator, os\noperator.attrgetter('system')(os)": (HIDDEN, "as a value", 2),
    "'{0.__init__.__globals__}'.format(x)": (HIDDEN, "format", 1),
    "import marshal, types\ntypes.FunctionType(marshal.loads(b''), {})": (HIDDEN, "marshal", 2),
    "import pickle\npickle.loads(b'')": (HIDDEN, "pickle.loads", 2),
    "def f(x, n): getattr(x, ''.join(map(chr, n)))": (HIDDEN, "run time", 1),
    "import json\njson.loads = None": (HIDDEN, "changed", 2),
    "import json\nsetattr(json, 'loads', None)": (HIDDEN, "changed", 2),
    "from livery.execution.guard import trusted": (HIDDEN, "platform", 1),
    "import livery\nlivery.execution.guard.trusted()": (HIDDEN, "platform", 2),
    "def f(ctx): ctx._capabilities": (HIDDEN, "_capabilities", 1),
    "def f(c: Context): c.http._session": (HIDDEN, "_session", 1),
    "o = open\no('x')": (UNDECLARED, "open()", 1),
    "import io as i\ni.open('x')": (UNDECLARED, "io.open", 2),
    "from io import FileIO as F\nF('x')": (UNDECLARED, "io.FileIO", 1),
    "import codecs\ncodecs.open('x')": (UNDECLARED, "codecs.open", 2),
    "from pathlib import Path as P\nP('x').read_text()": (UNDECLARED, "Path.read_text", 2),
    "import pathlib\np = pathlib.Path('x') / 'y'\np.parent.resolve().unlink()": (
        UNDECLARED, "Path.unlink", 3),
    "from pathlib import Path\nPath.read_text(Path('x'))": (UNDECLARED, "Path.read_text", 2),
    "import os\nos.path.exists('/etc/passwd')": (UNDECLARED, "os.path.exists", 2),
    "import asyncio\nasyncio.create_subprocess_shell('x')": (UNDECLARED, "create_subprocess", 2),
    "async def f(loop): await loop.create_connection(g, 'h', 1)": (
        UNDECLARED, "create_connection", 1),
    "import asyncio\nasyncio.subprocess.PIPE": (UNDECLARED, "subprocess", 2),
    "import _socket": (UNDECLARED, "_socket", 1),
    "def f(ctx):\n    h = ctx.http\n    h.request('GET', 'https://evil.example')": (
        UNDECLARED, "evil.example", 3),
    "def f(c: Context): c.credential('slack')": (UNDECLARED, "slack", 1),
    "def f(ctx): ctx.http.request('GET', 'https://evil' + '.example/x')": (
        UNDECLARED, "evil.example", 1),
    "def f(ctx): getattr(ctx, 'credential')('slack')": (UNDECLARED, "slack", 1),
}  # fmt: skip
HONEST = [
    '"""Never call eval("1") or os.system(x) here."""',
    "# exec(open('x').read())",
    "text = 'getattr(__builtins__, \"eval\")'",
    "def f(row, name): return getattr(row, name)",
    "def f(row, name): return getattr(row, f'total_{name}', None)",
    "import os.path\nos.path.join('a', os.path.basename('b'))",
    "import os\nos.sep.join(['a'])",
    "import re\nre.compile('x').match('y')",
    "import json\njson.loads('{}')['os']",
    "import ast\nast.literal_eval('1')",
    "def evaluate(eval): return eval + 1",
    "def f(open, high, low, close): return open - close",
    "candles = [{'open': 1}]\nsum(c['open'] for c in candles)",
    "import pandas as pd\npd.DataFrame().eval('a + b')",
    "class Model:\n    def compile(self): ...\nModel().compile()",
    "import numpy as np\nnp.select([1], [2])\nnp.random.default_rng(1)",
    "import sys\nsys.maxsize, sys.version_info",
    "import io\nio.StringIO('x').read()",
    "from pathlib import PurePosixPath as P\nP('a/b').name",
    "from pathlib import Path\nPath('a/b').suffix",
    "import asyncio\nasync def f(): await asyncio.gather(asyncio.sleep(0))",
    "import functools\n@functools.lru_cache\ndef f(): ...",
    "from dataclasses import dataclass, asdict\n@dataclass\nclass A: x: int = 1\nasdict(A())",
    "self.__class__.__name__\ntype(x).__name__\nx.__dict__\n__name__ == '__main__'",
    "class A:\n    def __init__(self): super().__init__()\n    def __reduce__(self): return ()",
    "import decimal\ndecimal.getcontext().prec = 10",
    "import logging\nlogging.getLogger('x').info('y')",
    "'{0.name} {total:.2f}'.format(x, total=1)",
    "import operator\nsorted([], key=operator.attrgetter('name.first'))",
    "d = {}\nd.update(vars())\nlocals()",
    "from livery.authoring import Context, skill\nimport livery.authoring as la",
    "def run(ctx): return ctx.data.query('x', [], []) if False else ctx.now",
    "from typing import Any, Annotated\nimport datetime as dt\ndt.datetime(2026, 1, 1)",
    "settings = {}\nsettings['path'] = 1\nsettings.path = 2",
]  # fmt: skip


@pytest.mark.parametrize("code", EVASIONS)
def test_a_way_around_is_found(code: str) -> None:
    expected, word, line = EVASIONS[code]
    found = scanned(code)
    assert any(
        (item.code, item.line) == (expected, line) and word in item.message for item in found
    ), found
    assert all(item.severity == "high" and item.rule and item.remedy for item in found)


@pytest.mark.parametrize("code", HONEST)
def test_honest_code_passes(code: str) -> None:
    found = scanned(code, {"data": ["x"]})
    assert found == ()
