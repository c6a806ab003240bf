"""Why a process did not come up, in the error of `livery up`."""

from pathlib import Path

import pytest

from livery.entrypoints.settings import Settings
from livery.entrypoints.startup import last_words
from livery.entrypoints.supervisor import supervise
from livery.manifest.errors import LiveryError

PANEL = """older line
┏━ configuration_error ━━━━━━━━━┓
┃ none.yaml cannot be read: No  ┃
┃ such file or directory.       ┃
┃                               ┃
┃ Way out  See docs/scanners.md ┃
┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ""),
        ("a\nb\n\nc\nd\n", "It said last: b / c / d"),
        ('x\n{"detail": "none.yaml cannot be read."}\n', "It said last: none.yaml cannot be read."),
        ("1\n[2]\n", "It said last: 1 / [2]"),
        (
            PANEL,
            "It said last: none.yaml cannot be read: No such file or directory."
            " Way out  See docs/scanners.md",
        ),
    ],
)
def test_the_sentence_of_the_problem_is_told(text: str, said: str) -> None:
    assert last_words(text) == said


async def test_a_broken_scanners_file_is_said_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVERY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LIVERY_SCANNERS", str(tmp_path / "none.yaml"))
    started: list[str] = []
    with pytest.raises(LiveryError, match=r"none\.yaml cannot be read") as refused:
        await supervise(Settings.read(), started.append)
    assert (refused.value.code, started) == ("configuration_error", [])
