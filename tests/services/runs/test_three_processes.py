"""Three processes on one database call a skill while it is revoked: every call begun afterwards is refused, in each.

Order is told by events, not by clocks: who revokes makes a file once the revocation is acknowledged, and each process
looks for it right before each call.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.services.runs import caller
from tests.support.platform import Running


async def start(running: Running, key: str, acknowledged: Path, *, deaf: bool) -> Any:
    order = {
        "home": str(running.settings.home), "dsn": running.urls.api, "token": running.token, "skill": key,
        "acknowledged": str(acknowledged), "deaf": deaf,
    }  # fmt: skip
    return await asyncio.create_subprocess_exec(
        sys.executable, str(caller.__file__), json.dumps(order),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def line(process: Any) -> str:
    found: bytes = await asyncio.wait_for(process.stdout.readline(), 60)
    if not found:
        pytest.fail((await process.stderr.read()).decode()[-2000:])
    return found.decode().strip()


@pytest.mark.parametrize(("key", "in_flight"), [("add", "finish"), ("multiply", "withhold")])
async def test_no_call_begun_after_the_revocation_succeeds(
    platform: Running, tmp_path: Path, key: str, in_flight: str
) -> None:
    acknowledged = tmp_path / "acknowledged"
    # The third hears of no epoch's end: what it begins is compared in the database all the same.
    processes = [await start(platform, key, acknowledged, deaf=number == 2) for number in range(3)]
    try:
        assert [await line(process) for process in processes] == ["ready"] * 3
        catalog = platform.platform.services.catalog
        await catalog.revoke(
            platform.operator, key, None, "A fault was found.", in_flight=in_flight
        )
        acknowledged.touch()
        seen = [json.loads(await line(process)) for process in processes]
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
            await process.wait()
    for events in seen:
        before = [code for after, code in events if not after]
        later = [code for after, code in events if after]
        assert "tool_ok" in before
        assert set(before) <= {"tool_ok", "skill_revoked"}
        assert len(later) >= caller.CALLS_AFTER * caller.LOOPS
        assert set(later) == {"skill_revoked"}
