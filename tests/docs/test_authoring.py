"""docs/authoring.md is true: its commands, its example and its snippets are run as they stand."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.docs.generated import DOCS

TEXT = (DOCS / "authoring.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"<!-- run: ([\w.]+) -->\n```\w+\n(.*?)```", TEXT, re.DOTALL))
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("author")


def run(folder: Path, *command: object) -> str:
    env = {"PATH": f"{BIN}:/usr/local/bin:/usr/bin:/bin", "LIVERY_HOME": str(folder / "home")}
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("LIVERY_", "PYTEST_"))}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env=kept | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=250,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_from_nothing_to_a_certified_skill(folder: Path) -> None:
    said = run(folder, "/bin/sh", "-ec", BLOCKS["sh"])
    assert "certified" in said
    assert "hello-world" in said
    code = (folder / "slug" / "scripts" / "tool.py").read_text()
    assert f"```python\n{code}```" in TEXT
    assert len(code.splitlines()) <= 10


def test_the_other_commands(folder: Path) -> None:
    for command in ("update slug", "update slug --check", "check slug", "watch slug --once"):
        run(folder, BIN / "livery", "contracts", *command.split())


def test_the_example(folder: Path) -> None:
    (folder / "test_remember.py").write_text(BLOCKS["test_remember.py"])
    said = run(
        folder, BIN / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_remember.py"
    )
    assert re.search(r"\b1\d passed", said), said


def test_the_snippet(folder: Path) -> None:
    (folder / "here.py").write_text(BLOCKS["here.py"])
    assert run(folder, BIN / "python", "here.py").strip() == "hello-world"
