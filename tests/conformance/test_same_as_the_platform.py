"""The test kit says what the platform says: the same calls, the same status and code."""

from typing import Any

import pytest
from tests.support.platform import Running
from tests.support.skills import EVALUATE, certified, package, run

from livery.authoring import testkit
from livery.execution.python.runtime import FIXTURE_NOW

# The output is any JSON but 13.
FILES = package(
    "same-here",
    EVALUATE,
    output={"not": {"const": 13}},
    capabilities={"data": ["sessions"]},
    timeout_s=2,
)
CASES: dict[str, tuple[Any, str, str]] = {
    "it returns": ({"code": "result = [1, 'a', None]"}, "succeeded", "tool_ok"),
    "no object": ([1], "denied", "tool_input_invalid"),
    "a NUL": ({"code": "\x00"}, "denied", "tool_input_invalid"),
    "its own error": (
        {"code": "from livery.authoring import SkillFailed\nraise SkillFailed('no')"},
        "failed",
        "provider_execution_failed",
    ),
    "any error": ({"code": "raise KeyError('hunter2')"}, "failed", "provider_execution_failed"),
    "it leaves": ({"code": "raise SystemExit(0)"}, "failed", "provider_execution_failed"),
    "a timeout of its own": ({"code": "raise TimeoutError"}, "failed", "provider_execution_failed"),
    "no time left": ({"code": "while True: pass"}, "failed", "timeout"),
    "what is not declared": (
        {"code": "ctx.credential('mail')"},
        "failed",
        "skill_capability_denied",
    ),
    "and it goes on": (
        {"code": "try:\n    ctx.storage.get('a', 'b')\nexcept Exception:\n    result = 1"},
        "failed",
        "skill_capability_denied",
    ),
    "what its contract forbids": ({"code": "result = 13"}, "failed", "tool_output_invalid"),
    "no number": ({"code": "result = float('nan')"}, "failed", "tool_output_invalid"),
    "beyond 2^53": ({"code": "result = 2 ** 60"}, "failed", "tool_output_invalid"),
}


@pytest.fixture(scope="module")
async def known(platform: Running, tmp_path_factory: pytest.TempPathFactory) -> Any:
    await certified(platform, FILES)
    folder = tmp_path_factory.mktemp("skills") / "same-here"
    for file in FILES:
        (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
        (folder / file.path).write_bytes(file.data)
    return folder


@pytest.mark.parametrize("case", CASES)
async def test_the_same_status_and_code(platform: Running, known: Any, case: str) -> None:
    given, status, code = CASES[case]
    there = await run(platform, "same-here", given)
    here = testkit.run(known, given, timeout_s=2).envelope.to_dict()
    for envelope in (here, there):
        assert (envelope["status"], envelope["code"]) == (status, code)
        assert "hunter2" not in repr(envelope)
    assert here.keys() == there.keys()
    assert (here["result"], here["provider_id"]) == (there["result"], "builtin")
    if status == "failed" and code != "tool_output_invalid":
        assert here["error"]["message"] == there["error"]["message"]
        assert here["error"]["category"] == there["error"]["category"]
        assert here["error"]["retryable"] == there["error"]["retryable"]


def test_fixtures_see_the_same_time() -> None:
    assert testkit.FIXTURE_NOW == FIXTURE_NOW
