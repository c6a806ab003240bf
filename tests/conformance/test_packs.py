"""Every built-in skill keeps what the platform promises for it, and answers as it is recorded.

`LIVERY_WRITE_SNAPSHOTS=1 pytest tests/conformance` writes the recorded envelopes; review them.
"""

from pathlib import Path

import pytest

from livery import packs
from livery.authoring.conformance import ToolConformance
from livery.authoring.testkit import read_package

SNAPSHOTS = Path(__file__).parent / "snapshots"
FOLDERS = sorted(f.parent for root in packs.__path__ for f in Path(root).rglob("SKILL.md"))
PYTHON = [f for f in FOLDERS if read_package(f)[0].contract.runtime.kind == "python"]


def _suite(folder: Path) -> type[ToolConformance]:
    name = "Test" + folder.name.title().replace("-", "")
    return type(name, (ToolConformance,), {"skill": folder, "snapshots": SNAPSHOTS})


for _found in PYTHON:
    globals()[_suite(_found).__name__] = _suite(_found)


def test_there_are_packs() -> None:
    assert {"add", "subtract", "multiply", "weekly-digest"} <= {folder.name for folder in PYTHON}


def test_no_recorded_envelope_is_of_nothing() -> None:
    kept = {file.stem for file in SNAPSHOTS.glob("*.json")}
    assert kept == {folder.name for folder in PYTHON} | {"word-count", "slug"}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_it_is_an_agent_skill(folder: Path) -> None:
    import skills_ref

    assert skills_ref.validate(folder) == []
