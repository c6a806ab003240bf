"""The files of a new skill: a working one, to be changed."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from livery.cli.exits import UsageError
from livery.manifest.errors import LiveryError
from livery.manifest.slugs import is_slug, slugify

SKILL_MD = """\
---
name: {name}
description: {description}
metadata:
  owner: {owner}
---

# {title}

Say here when an agent should use this skill, and give an example.

`{{"text": "one two two"}}` gives `{{"words": 3, "longest": "one"}}`.
"""
SKILL_PY = '''\
"""{title}."""

from pydantic import BaseModel

from livery.authoring import skill


class Counted(BaseModel):
    words: int
    longest: str


@skill("{name}", version="0.1.0", owner="{owner}")
def run(text: str) -> Counted:
    """{description}"""
    words = text.split()
    return Counted(words=len(words), longest=max(words, key=len, default=""))
'''
CASES_YAML = """\
# Evidence for the certificate: each input must give its output. Write expected values by hand.
fixtures:
  - name: three words
    input:
      text: one two two
    output:
      words: 3
      longest: one
  - name: nothing to count
    input:
      text: ""
    output:
      words: 0
      longest: ""
"""
TEST_PY = '''\
"""Run with: pytest {name}."""

from pathlib import Path

from livery.authoring import testkit

FOLDER = Path(__file__).parents[1]


def test_the_fixtures_pass():
    report = testkit.run_fixtures(FOLDER)
    assert report.ok, report.summary
'''
TOOL_MD = """\
---
name: {name}
description: {description}
metadata:
  owner: {owner}
---

# {title}

`{{"text": "Hello, World!"}}` gives `"hello-world"`.
"""
TOOL_PY = '''\
import re

from livery.authoring import skill


@skill("{name}", version="0.1.0", owner="{owner}")
def run(text: str) -> str:
    """{description}"""
    return "-".join(re.findall("[a-z0-9]+", text.lower()))
'''
TOOL_TESTS: dict[str, Any] = {
    "tests": {
        "fixtures": [
            {"name": "a title", "input": {"text": "Hello, World!"}, "output": "hello-world"},
            {"name": "nothing", "input": {"text": "!?"}, "output": ""},
        ]
    }
}
TOOL_DESCRIPTION = "Turn a title into a slug for an address. Use when a name must go into a URL."
_OWNER = re.compile(r"\w[\w@.+ -]{0,98}\w|\w")  # the same word in YAML and in Python
DESCRIPTION = "Count the words of a text. Use when a text must be measured, not guessed."


RULE = (
    "a name has 1 to 64 characters, a-z, 0-9 and single hyphens, and begins and ends with a letter"
    " or digit"
)


def write_skill(parent: Path, name: str, owner: str) -> list[Path]:
    """Write the package `parent/name` and return its files. Raises `UsageError`.

    Nothing that exists is overwritten. `contract.yaml` is derived from the code.
    """
    words = scaffold_words(name, owner, DESCRIPTION)
    code = name.replace("-", "_")
    files = {
        "SKILL.md": SKILL_MD.format(**words),
        "scripts/skill.py": SKILL_PY.format(**words),
        "tests/cases.yaml": CASES_YAML,
        # Its own name: pytest takes no two files of one name from folders without packages.
        f"tests/test_{code}.py": TEST_PY.format(**words),
    }
    return write_package(parent / name, files)


def write_tool(parent: Path, name: str, owner: str) -> list[Path]:
    """Write a tool of ten lines, its SKILL.md and contract.yaml; otherwise as `write_skill`."""
    words = scaffold_words(name, owner, TOOL_DESCRIPTION)
    files = {"SKILL.md": TOOL_MD.format(**words), "scripts/tool.py": TOOL_PY.format(**words)}
    return write_package(parent / name, files, TOOL_TESTS)


def write_package(
    folder: Path, files: Mapping[str, str], existing: dict[str, Any] | None = None
) -> list[Path]:
    """Write a new folder with these files and the contract of its code, or nothing at all.

    Raises `UsageError` where the folder is there or cannot be written, `LiveryError`
    (`contract_invalid`) where the code is no skill. Runs the code.
    """
    try:
        folder.mkdir(parents=True)
    except FileExistsError as exists:
        raise UsageError(f"{folder} is there already.", "Choose another name.") from exists
    except OSError as failed:
        raise UsageError(f"Cannot make {folder}: {failed.strerror}.") from failed
    try:
        written = [_write(folder / path, text) for path, text in files.items()]
        return [*written, _write(folder / "contract.yaml", contract_text(folder, existing))]
    except OSError as failed:
        shutil.rmtree(folder, ignore_errors=True)
        raise UsageError(f"Cannot write into {folder}: {failed.strerror}.") from failed
    except BaseException:
        shutil.rmtree(folder)  # ours: it was not there before
        raise


def checked_name(name: str) -> str:
    """A skill's name, or `UsageError` with the rule."""
    if not is_slug(name):
        raise UsageError(f"{name!r} is no skill name: {RULE}.", f"Try: {slugify(name)}")
    return name


def scaffold_words(name: str, owner: str, description: str) -> dict[str, str]:
    """What the templates say; `UsageError` for a name or an owner that is none."""
    if not _OWNER.fullmatch(owner):
        raise UsageError(f"{owner!r} is no owner: a name or an address, on one line.")
    return {
        "name": checked_name(name),
        "title": name.replace("-", " ").capitalize(),
        "description": description,
        "owner": owner,
    }


def contract_text(folder: Path, existing: dict[str, Any] | None = None) -> str:
    """What `contract.yaml` of the package should say, derived from its code; see `write_package`.

    The parts that people write (`tests`, `release`) are taken from `existing`.
    """
    from livery.authoring.contracts import derive
    from livery.authoring.snapshot import mapping_yaml, with_kept

    try:
        return mapping_yaml(with_kept(derive(folder), existing))
    except Exception as broken:  # a skill's code may raise anything
        raise LiveryError(
            "contract_invalid",
            f"the code in {folder} is no skill: {type(broken).__name__}: {broken}",
            remedy="Mend the code: a function with @skill() and annotations.",
        ) from broken


def _write(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path
