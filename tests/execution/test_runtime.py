"""Whatever a skill does, a run ends with an envelope, and the platform goes on serving."""

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.support.platform import NewPlatform, Running
from tests.support.skills import NOTHING, certified, evaluate, package, run

INLINE, THREADED, HASTY, STRICT = "raise-inline", "raise-threaded", "raise-hasty", "raise-strict"
TIMEOUT_S = 0.5


@pytest.fixture(scope="module")
async def running(new_platform: NewPlatform) -> AsyncIterator[Running]:
    async with new_platform() as made:
        await certified(made, package(INLINE, p95_ms=5))
        await certified(made, package(THREADED))
        await certified(made, package(HASTY, timeout_s=TIMEOUT_S))
        await certified(made, package(STRICT, output={"type": "integer"}, p95_ms=5))
        yield made


async def adds(running: Running) -> None:
    assert (await run(running, "add", {"a": 2, "b": 3}))["result"] == 5


EXCEPTIONS = {
    "SystemExit": "raise SystemExit(3)",
    "KeyboardInterrupt": "raise KeyboardInterrupt",
    "GeneratorExit": "raise GeneratorExit",
    "BaseException": "raise BaseException",
    "CancelledError": "import asyncio; raise asyncio.CancelledError",
    "TimeoutError": "raise TimeoutError",
    "StopIteration": "raise StopIteration",
    "StopAsyncIteration": "raise StopAsyncIteration",
    "RecursionError": "def f(): return f()\nf()",
    "MemoryError": "raise MemoryError",
    "OverflowError": "2.0 ** 100000",
    "ZeroDivisionError": "1 / 0",
    "UnicodeDecodeError": "b'\\xff'.decode()",
    "ExceptionGroup": "raise ExceptionGroup('two', [ValueError(), KeyError()])",
    "SyntaxError": "this is no Python",
    "NameError": "nothing_like_it",
}


@pytest.mark.parametrize("key", [INLINE, THREADED])
@pytest.mark.parametrize("name", EXCEPTIONS)
async def test_any_exception_is_a_failed_run(running: Running, name: str, key: str) -> None:
    envelope = await evaluate(running, key, EXCEPTIONS[name])
    assert (envelope["status"], envelope["code"]) == ("failed", "provider_execution_failed")
    assert envelope["error"]["message"] == f"The skill raised {name}."
    async with running.http() as http:
        recorded = (await http.get(f"/v1/runs/{envelope['run_id']}")).json()
    assert recorded["envelope"] == envelope
    await adds(running)


@pytest.mark.parametrize("key", [INLINE, THREADED])
@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("raise type('sk-' + 'a1' * 12, (Exception,), {})", "provider_execution_failed"),
        ("raise type('x' * 100000, (Exception,), {})", "provider_execution_failed"),
        ("raise type('a\\nb', (Exception,), {})", "provider_execution_failed"),
        (
            "class M(type):\n    @property\n    def __name__(cls): raise SystemExit\n"
            "class E(Exception, metaclass=M): pass\nraise E",
            "provider_execution_failed",
        ),
        (
            "from livery.authoring import SkillFailed\nraise SkillFailed('Not today.', retryable=True)",
            "provider_execution_failed",
        ),
        (
            "from livery.authoring import SkillFailed\ne = SkillFailed('x')\ne.code = 'tool_ok'\nraise e",
            "provider_execution_failed",
        ),
        (
            "from livery.authoring import SkillFailed\ne = SkillFailed('x')\ne.code = 'no_such'\nraise e",
            "provider_execution_failed",
        ),
        (
            "from livery.authoring import SkillFailed\ne = SkillFailed('x')\ne.code = []\ne.message = object()\n"
            "e.details = {'x': object()}\ne.remedy = None\nraise e",
            "provider_execution_failed",
        ),
        (
            "from livery.authoring import SkillFailed\ne = SkillFailed('x')\ne.details = {'x': 'y' * 10**6}\nraise e",
            "provider_execution_failed",
        ),
        (
            "from livery.authoring import SkillFailed\ne = SkillFailed('x')\ndel e.code, e.message\n"
            "e.details = 5\nraise e",
            "provider_execution_failed",
        ),
        (
            "from livery.manifest.errors import LiveryError\nraise LiveryError('network_error', 'Away.')",
            "network_error",
        ),
        (
            "from livery.authoring import SkillFailed\n"
            "e = SkillFailed('x')\ne.message = 'the key is ' + 'sk-' + 'a1' * 12\n"
            "e.details = {'password': 'hunter2pw'}\nraise e",
            "provider_execution_failed",
        ),
    ],
)
async def test_an_exception_that_lies_is_a_failed_run(
    running: Running, key: str, code: str, expected: str
) -> None:
    envelope = await evaluate(running, key, code)
    assert (envelope["status"], envelope["code"]) == ("failed", expected), envelope
    assert len(str(envelope)) < 6000
    assert "a1" * 12 not in str(envelope)
    assert "hunter2pw" not in str(envelope)
    assert envelope["error"]["retryable"] is (
        "retryable=True" in code or expected == "network_error"
    )
    await adds(running)


OUTPUTS = {
    "an object": "result = object()",
    "a function": "result = print",
    "NaN": "result = float('nan')",
    "infinity": "result = {'a': [float('inf')]}",
    "a large integer": "result = 2**53",
    "a NUL": "result = 'a\\x00b'",
    "a lone surrogate": "result = '\\ud800'",
    "bytes that are no text": "result = b'\\xff'",
    "a list that holds itself": "result = []; result.append(result)",
    "an object that holds itself": "result = {}; result['a'] = result",
    "deep nesting": "result = []\nfor _ in range(100000): result = [result]",
    "more than a megabyte": "result = 'x' * (1024 * 1024 - 1)",
}


@pytest.mark.parametrize("key", [INLINE, THREADED])
@pytest.mark.parametrize("name", OUTPUTS)
async def test_an_output_that_is_no_output(running: Running, name: str, key: str) -> None:
    envelope = await evaluate(running, key, OUTPUTS[name])
    assert envelope["status"] == "failed", str(envelope)[:500]
    assert envelope["code"] in ("tool_output_invalid", "provider_execution_failed")
    assert envelope["result"] is None
    assert len(str(envelope)) < 5000
    await adds(running)


@pytest.mark.parametrize("key", [INLINE, THREADED])
async def test_the_largest_output(running: Running, key: str) -> None:
    envelope = await evaluate(running, key, "result = 'x' * (1024 * 1024 - 2)")
    assert envelope["code"] == "tool_ok"
    assert len(envelope["result"]) == 1024 * 1024 - 2


async def test_an_output_beside_its_schema(running: Running) -> None:
    assert (await evaluate(running, STRICT, "result = 1"))["result"] == 1
    envelope = await evaluate(running, STRICT, "result = 'one'")
    assert envelope["code"] == "tool_output_invalid"


@pytest.mark.parametrize("key", [INLINE, THREADED])
async def test_a_secret_in_the_output_is_redacted(running: Running, key: str) -> None:
    code = "result = {'password': 'hunter2pw', 'note': 'sk-' + 'a1' * 12, 'n': 1}"
    envelope = await evaluate(running, key, code)
    assert envelope["result"] == {"password": "[redacted]", "note": "[redacted]", "n": 1}


async def test_sleeping_skills_time_out_and_hold_no_one_up(running: Running) -> None:
    # More of them than there are threads, so that a pool of stuck threads would stop all others.
    calls = [evaluate(running, HASTY, "import time; time.sleep(30)") for _ in range(20)]
    envelopes = await asyncio.gather(*calls)
    assert {(item["status"], item["code"]) for item in envelopes} == {("failed", "timeout")}
    assert envelopes[0]["error"]["retryable"] is True
    assert (await evaluate(running, HASTY, "result = 'served'"))["result"] == "served"
    assert all(thread.daemon for thread in threading.enumerate() if thread.name == "skill")


async def test_an_endless_loop_is_stopped(running: Running) -> None:
    before = set(threading.enumerate())
    code = "while True:\n    try: pass\n    except Exception: pass"
    assert (await evaluate(running, HASTY, code))["code"] == "timeout"
    for _ in range(200):
        if not [t for t in threading.enumerate() if t.name == "skill" and t not in before]:
            return
        await asyncio.sleep(0.05)
    pytest.fail("the loop still runs")


async def test_a_slow_skill_on_the_loop_is_moved_to_a_thread(running: Running) -> None:
    code = "import threading; result = threading.current_thread().name"
    # A skill of its own: another test may have been slow on the loop before.
    await certified(running, package("raise-slow", p95_ms=5))
    assert (await evaluate(running, "raise-slow", code))["result"] == "MainThread"
    await evaluate(running, "raise-slow", "import time; time.sleep(1.1)")
    assert (await evaluate(running, "raise-slow", code))["result"] == "skill"


ASYNC = """
import asyncio
from livery.authoring import Context, skill

@skill("evaluate", version="1.0.0", description="Sleep.")
async def run(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "slept"
"""


async def test_async_skills(running: Running) -> None:
    slept = {"name": "short", "input": {"seconds": 0}, "output": "slept"}
    await certified(
        running, package("sleeper", ASYNC, fixtures=(slept,), timeout_s=TIMEOUT_S, p95_ms=5)
    )
    assert (await run(running, "sleeper", {"seconds": 0}))["result"] == "slept"
    envelope = await run(running, "sleeper", {"seconds": 60})
    assert (envelope["code"], envelope["status"]) == ("timeout", "failed")


OPEN = (
    "__import__('tests.support.evaluator', fromlist=['x']).reach"  # what no reader of syntax sees
)
IMPORTS = {
    "exits": ("raise SystemExit", "provider_execution_failed"),
    "sleeps": ("import time; time.sleep(30)", "timeout"),
    "opens": (f"{OPEN}('/etc/hostname')", "skill_capability_denied"),
    "opens and goes on": (
        f"try: {OPEN}('/etc/hostname')\nexcept Exception: seen = 1",
        "skill_capability_denied",
    ),
    "holds no skill": ("run = 5", "provider_execution_failed"),
    "is gone": ("del run", "provider_execution_failed"),
}


@pytest.mark.parametrize("name", IMPORTS)
async def test_code_outside_of_functions_is_held_to_the_same(running: Running, name: str) -> None:
    line, code = IMPORTS[name]
    source = f"{package('x')[2].data.decode()}\n{line}\n".replace('"x"', '"evaluate"')
    key = "import-" + name.replace(" ", "-")
    files = package(key, source, timeout_s=TIMEOUT_S)
    services = running.platform.services
    skill = await services.catalog.register(files, by="test")
    for _ in range(2):  # what was loaded halfway is not there the second time
        done = await services.certifier.certify(running.operator, skill.skill_key)
        assert done.status == "pending_certification"
        findings = [item for check in done.checks for item in check["findings"]]
        assert [item["code"] for item in findings] == [code], findings
    envelope = await run(running, key, {"code": "result = 1"})
    assert envelope["code"] == "skill_not_certified"
    await adds(running)


async def test_both_ways_give_the_same_envelope(running: Running) -> None:
    cases: list[str] = [NOTHING["input"]["code"], "1 / 0", "open('/etc/hostname')"]
    await certified(running, package("same-inline", p95_ms=5))
    await certified(running, package("same-threaded"))
    for code in cases:
        shown: list[dict[str, Any]] = []
        for key in ("same-inline", "same-threaded"):
            envelope = await evaluate(running, key, code)
            for member in ("run_id", "correlation_id", "usage", "digest", "skill_key", "tool_id"):
                envelope.pop(member)
            envelope["provenance"] = {
                k: v for k, v in envelope["provenance"].items() if k in ("input", "output")
            }
            shown.append(envelope)
        assert shown[0] == shown[1]
