"""The built-in pipeline over the sample week, whose sessions are counted by hand in sample_week.md."""

from datetime import date
from pathlib import Path

from tests.support.platform import NewPlatform, Running
from tests.support.skills import run

from livery.cli.digest import ingest, make
from livery.cli.screen import Screen
from livery.client.session_logs.sample import write_sample_week

MONDAY = date(2026, 11, 9)


async def test_its_numbers_are_those_of_the_logs(new_platform: NewPlatform, tmp_path: Path) -> None:
    async with new_platform() as running:
        place = await _ingested(running, tmp_path)
        done = await run(running, "session-totals", {}, workspace=place)
    assert done["ok"], done
    found = done["result"]
    # s0 of the week before is a success of Claude Code too.
    counted = [
        (row["source"], row["total"], row["success"], row["failed"]) for row in found["by_source"]
    ]
    assert counted == [("claude-code", 7, 4, 2), ("codex", 2, 1, 0)]
    assert (found["sessions"], found["succeeded"], found["failed"]) == (9, 5, 2)
    assert "| claude-code | 7 | 4 | 2 |" in found["text"]
    [data] = done["provenance"]["data"]
    assert set(data["queries"]) == {"sessions"}
    lineage = done["provenance"]["lineage"]
    assert [(item["step"], item["deterministic"]) for item in lineage] == [
        ("by_source", False),
        ("overall", True),
        ("text", True),
        ("result", True),
    ]
    assert [item["name"] for item in done["artifacts"]] == ["session-totals.md"]


async def _ingested(running: Running, folder: Path) -> str:
    write_sample_week(folder, MONDAY)
    async with running.client() as client:
        place = await make.workspace_for(client, [folder], None)
        await ingest.ingest(client, Screen(), ingest.logs_of([folder]), place)
    return place
