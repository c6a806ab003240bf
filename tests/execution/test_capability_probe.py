"""The built-in probe: certified by the seed, refused for each kind when it reaches."""

import pytest
from tests.support.platform import Running
from tests.support.skills import run


async def test_is_certified_and_asks_for_nothing(platform: Running) -> None:
    async with platform.http() as http:
        shown = (await http.get("/v1/skills/capability-probe")).json()
    assert (shown["status"], shown["capabilities"]) == ("certified", {})
    envelope = await run(platform, "capability-probe", {"kind": "none", "value": ""})
    assert envelope["result"] == "nothing asked"


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("data", "sessions"),
        ("network", "https://example.com/x"),
        ("credentials", "smtp"),
        ("storage", "notes"),
        ("tools", "add"),
        ("filesystem", "/etc/hostname"),
        ("filesystem", "notes.txt"),
    ],
)
async def test_each_kind_is_refused(platform: Running, kind: str, value: str) -> None:
    envelope = await run(platform, "capability-probe", {"kind": kind, "value": value})
    assert envelope["code"] == "skill_capability_denied", envelope
    assert (envelope["status"], envelope["result"]) == ("failed", None)
    assert kind in envelope["error"]["message"]
    assert f"capabilities.{kind}" in envelope["error"]["details"]["remedy"]
