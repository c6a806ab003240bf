"""What python skills reach for: declared uses pass, all others are refused, recorded, and end no process."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.platform import NewPlatform, Running
from tests.support.skills import certified, evaluate, package

INLINE, THREADED, DECLARED, ASYNC = (
    "probe-inline",
    "probe-threaded",
    "probe-declared",
    "probe-async",
)
ASYNC_CODE = """
from typing import Any
from livery.authoring import Context, skill
from tests.support.evaluator import evaluate_async

@skill("evaluate", version="1.0.0", description="Evaluate.")
async def run(code: str, ctx: Context) -> Any:
    return await evaluate_async(code, ctx)
"""
GRANTS = {
    "data": ["sessions"],
    "network": ["example.com"],
    "credentials": ["smtp"],
    "storage": ["notes"],
    "tools": ["livery:add"],
}
SECRET = "sk-proj-" + "Zx9" * 10


@pytest.fixture(scope="module")
async def probes(new_platform: NewPlatform) -> AsyncIterator[Running]:
    async with new_platform() as running:
        await certified(running, package(INLINE, p95_ms=5))
        await certified(running, package(THREADED))
        await certified(running, package(DECLARED, capabilities=GRANTS))
        await certified(running, package(ASYNC, ASYNC_CODE))
        yield running


REFUSED = {
    "a file": "open('/etc/hostname')",
    "a file by a way around": f"open({str(Path(os.__file__).parent)!r} + '/../../../etc/hostname')",
    "a file by bytes": "open(b'/etc/hostname')",
    "a file by a path": "import pathlib; pathlib.Path('/etc/hostname').read_bytes()",
    "a file by the system": "import os; os.open('/etc/hostname', os.O_RDONLY)",
    "a file to write": "open('/tmp/livery-guard-test', 'w')",
    "a file to add to": "open('/tmp/livery-guard-test', 'a')",
    "a file of the library to write": "import os; open(os.__file__, 'r+')",
    "a file of the library, by flags": "import os; os.open(os.__file__, os.O_RDWR)",
    "a folder": "import os; os.listdir('/etc')",
    "a folder scan": "import os; list(os.scandir('/etc'))",
    "a new folder": "import os; os.mkdir('/tmp/livery-guard-test')",
    "a removal": "import os; os.remove('/tmp/livery-guard-test')",
    "a link": "import os; os.symlink('/etc/hostname', '/tmp/livery-guard-test')",
    "a temporary file": "import tempfile; tempfile.NamedTemporaryFile()",
    "a database file": "import sqlite3; sqlite3.connect('/tmp/livery-guard-test.db')",
    "a socket": "import socket; socket.create_connection(('127.0.0.1', 1))",
    "a socket, raw": "import socket; socket.socket().connect(('127.0.0.1', 1))",
    "a datagram": "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 1))",
    "a listening socket": "import socket; socket.socket().bind(('127.0.0.1', 0))",
    "a name lookup": "import socket; socket.getaddrinfo('localhost', 80)",
    "an old name lookup": "import socket; socket.gethostbyname('localhost')",
    "a URL": "import urllib.request; urllib.request.urlopen('http://127.0.0.1:1')",
    "a process": "import subprocess; subprocess.run(['true'])",
    "a shell": "import os; os.system('true')",
    "a pipe": "import os; os.popen('true')",
    "a fork": "import os; os.fork()",
    "a kill": "import os; os.kill(os.getpid(), 0)",
    "a thread": "import threading; threading.Thread(target=print).start()",
    "a pool": "import concurrent.futures as c; c.ThreadPoolExecutor().submit(print)",
    "a native library": "import ctypes; ctypes.CDLL('libc.so.6')",
    "a native function": "import ctypes; ctypes.CDLL(None).getpid",
    "a view": "ctx.data.query('sessions', [], ['count'])",
    "a credential": "ctx.credential('smtp')",
    "a host": "ctx.http.request('GET', 'https://example.com/')",
    "a namespace": "ctx.storage.get('notes', 'x')",
    "a namespace to write": "ctx.storage.set('notes', 'x', 1)",
    "a skill": "ctx.call('add', {'a': 1, 'b': 2})",
    "something that is no text": "ctx.credential(['smtp'])",
}
SWALLOWED = """
result = 'went on'
try:
    open('/etc/hostname')
except BaseException:
    pass
"""


@pytest.mark.parametrize("key", [INLINE, THREADED, ASYNC])
@pytest.mark.parametrize("use", REFUSED)
async def test_undeclared_is_refused_and_recorded(probes: Running, use: str, key: str) -> None:
    envelope = await evaluate(probes, key, REFUSED[use])
    assert (envelope["code"], envelope["status"], envelope["ok"]) == (
        "skill_capability_denied",
        "failed",
        False,
    ), envelope
    assert envelope["error"]["category"] == "policy"
    assert envelope["error"]["details"]["remedy"]
    async with probes.http() as http:
        recorded = (await http.get(f"/v1/runs/{envelope['run_id']}")).json()
    assert (recorded["code"], recorded["status"]) == ("skill_capability_denied", "failed")
    assert recorded["envelope"] == envelope
    assert not Path("/tmp/livery-guard-test").exists()


@pytest.mark.parametrize("key", [INLINE, THREADED])
async def test_a_swallowed_refusal_still_fails_the_run(probes: Running, key: str) -> None:
    envelope = await evaluate(probes, key, SWALLOWED)
    assert (envelope["code"], envelope["result"]) == ("skill_capability_denied", None)
    assert "/etc/hostname" in envelope["error"]["message"]


@pytest.mark.parametrize("key", [INLINE, THREADED, ASYNC])
@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("import statistics; result = statistics.mean([1, 2, 3])", 2),
        ("import wave, tomllib; result = tomllib.loads('a = 1')", {"a": 1}),
        ("import zoneinfo; result = str(zoneinfo.ZoneInfo('Europe/Berlin'))", "Europe/Berlin"),
        ("import decimal; result = str(decimal.Decimal('0.1') * 3)", "0.3"),
        ("result = ctx.now.tzinfo is not None", True),
        ("ctx.log.info('hello', run_id='not mine', event='x'); result = 1", 1),
        ("result = open(0, closefd=False).fileno()", 0),
    ],
)
async def test_what_needs_no_capability_passes(
    probes: Running, key: str, code: str, result: Any
) -> None:
    envelope = await evaluate(probes, key, code)
    assert (envelope["code"], envelope["result"]) == ("tool_ok", result), envelope


async def test_declared_uses_get_further(probes: Running) -> None:
    envelope = await evaluate(
        probes, DECLARED, "result = ctx.data.query('sessions', [], ['total'])"
    )
    assert envelope["code"] == "tool_ok", envelope
    assert envelope["provenance"]["data"][0]["queries"]
    # Declared, they get further than undeclared: to a vault, a host and a skill that are not there.
    for code in (
        "ctx.credential('smtp')",
        "ctx.http.request('GET', 'https://example.com/x')",
        "ctx.storage.get('notes', 'x')",
        "ctx.call('add', {})",
    ):
        envelope = await evaluate(probes, DECLARED, code)
        assert envelope["status"] == "failed", envelope
        assert envelope["code"] != "skill_capability_denied", envelope


@pytest.mark.parametrize(
    "code",
    [
        "ctx.data.query('messages', [], ['messages'])",
        "ctx.credential('slack')",
        "ctx.http.request('GET', 'https://evil.example/')",
        "ctx.http.request('GET', 'https://example.com.evil.example/')",
        "ctx.http.request('GET', 'https://example.com@evil.example/')",
        "ctx.http.request('GET', 'https://user:hunter2pw@example.com/')",
        "ctx.http.request('GET', 'https://example.com:8443/')",
        "ctx.http.request('GET', 'https://EXAMPLE.com.:443/')",
        "ctx.storage.get('other', 'x')",
        "ctx.call('subtract', {})",
        "open('/etc/hostname')",
    ],
)
async def test_a_grant_covers_nothing_beside_it(probes: Running, code: str) -> None:
    envelope = await evaluate(probes, DECLARED, code)
    assert envelope["code"] == "skill_capability_denied", envelope
    assert "hunter2pw" not in str(envelope)


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://example.com", "//example.com", "x"])
async def test_only_http_goes_out(probes: Running, url: str) -> None:
    envelope = await evaluate(probes, DECLARED, f"ctx.http.request('GET', {url!r})")
    assert envelope["code"] == "provider_execution_failed"
    assert "http" in envelope["error"]["message"]


@pytest.mark.parametrize("key", [INLINE, THREADED])
@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("ctx.artifact('a/b', 'text/plain', 'x')", "plain name"),
        ("ctx.artifact('', 'text/plain', 'x')", "plain name"),
        ("ctx.artifact('n' * 201, 'text/plain', 'x')", "plain name"),
        ("ctx.artifact('a\\nb', 'text/plain', 'x')", "printable"),
        ("ctx.artifact(S, 'text/plain', 'x')", "secret"),
        ("ctx.artifact('a', 'text/html\\r\\nSet-Cookie: a=b', 'x')", "media type"),
        ("ctx.artifact('a', 'html', 'x')", "media type"),
        ("ctx.artifact('a', 'text/plain', 5)", "neither"),
        ("ctx.artifact('a', 'text/plain', '\\ud800')", "UTF-8"),
        ("ctx.artifact('a', 'application/json', {'a': float('nan')})", "JSON"),
        ("ctx.artifact('a', 'application/json', {'password': 'hunter2pw'})", "raw secret"),
        ("ctx.artifact('a', 'text/plain', 'key ' + S)", "raw secret"),
        ("ctx.artifact('a', 'image/png', b'\\xff\\x00 ' + S.encode())", "raw secret"),
        ("ctx.artifact('a', 'text/plain', b'x' * (10 * 1024 * 1024 + 1))", "at most"),
        ("[ctx.artifact(str(n), 'text/plain', 'x') for n in range(21)]", "at most 20"),
        ("[ctx.artifact('a', 'text/plain', 'x') for _ in range(2)]", "before"),
    ],
)
async def test_artifacts_that_are_refused(probes: Running, key: str, code: str, says: str) -> None:
    envelope = await evaluate(probes, key, f"S = 'sk-proj-' + 'Zx9' * 10\n{code}")
    assert envelope["code"] == "provider_execution_failed", envelope
    assert says in envelope["error"]["message"], envelope
    assert SECRET not in str(envelope)
    assert envelope["artifacts"] == []


async def test_what_only_reads_like_a_secret_is_taken_out_of_a_text(probes: Running) -> None:
    """A line of a log is quoted by many skills: it must neither leak nor end the run."""
    code = (
        "ref = ctx.artifact('a', 'text/plain', 'password=hunter2pw failed')\n"
        "assert ref.size == len('password=[redacted] failed')"
    )
    envelope = await evaluate(probes, THREADED, code)
    assert envelope["ok"], envelope


async def test_an_artifact_at_the_limits_is_kept(probes: Running) -> None:
    code = "[ctx.artifact('n' * 199 + chr(97 + n), 'text/plain; charset=utf-8', 'x' * 9) for n in range(20)]"
    envelope = await evaluate(probes, THREADED, code)
    assert envelope["ok"], envelope
    assert len(envelope["artifacts"]) == 20
