"""What `livery new` writes keeps the same promises, and the real platform certifies it."""

import atexit
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from tests.support.platform import Running
from tests.support.skills import certified, run

from livery.authoring.conformance import ToolConformance
from livery.authoring.loading import read_folder
from livery.cli.scaffold import write_skill, write_tool

SNAPSHOTS = Path(__file__).parent / "snapshots"
HOME = Path(tempfile.mkdtemp(prefix="livery-scaffolds-"))
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
write_skill(HOME, "word-count", "me")
write_tool(HOME, "slug", "me")


class TestSkill(ToolConformance):
    skill = HOME / "word-count"
    snapshots = SNAPSHOTS


class TestTool(ToolConformance):
    skill = HOME / "slug"
    snapshots = SNAPSHOTS


@pytest.mark.parametrize("name", ["word-count", "slug"])
def test_the_reference_validator_takes_it(name: str) -> None:
    command = [Path(sys.executable).with_name("agentskills"), "validate", HOME / name]
    assert subprocess.run(command, check=False, timeout=60).returncode == 0


@pytest.mark.parametrize(
    ("name", "result"),
    [("word-count", {"words": 3, "longest": "one"}), ("slug", "one-two-two")],
)
async def test_the_platform_certifies_and_runs_it(
    platform: Running, name: str, result: object
) -> None:
    await certified(platform, read_folder(HOME / name))
    envelope = await run(platform, name, {"text": "one two two"})
    assert (envelope["code"], envelope["result"]) == ("tool_ok", result)
