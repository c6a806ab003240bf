import os
import py_compile
from pathlib import Path

import pytest
from pydantic import BaseModel

from livery.authoring import BaseToolContract, Context, Skill
from livery.authoring.loading import as_tool, load_entry, read_folder
from livery.authoring.testkit import make_context

SKILL = """from livery.authoring import skill
from .helper import VALUE

@skill("{name}")
def run() -> int:
    return VALUE

def plain(a: int) -> int:
    return a

SOMETHING = 3
"""


class Nothing(BaseModel):
    pass


class Seven(BaseToolContract):
    input_model = Nothing
    output_model = int

    def run(self, input: Nothing, ctx: Context) -> int:  # noqa: A002
        return 7


def package(folder: Path, name: str, value: int) -> Path:
    scripts = folder / name / "scripts"
    scripts.mkdir(parents=True)
    (scripts / "skill.py").write_text(SKILL.format(name=name))
    (scripts / "helper.py").write_text(f"VALUE = {value}\n")
    return folder / name


def test_two_packages_may_use_the_same_names(tmp_path: Path) -> None:
    ctx = make_context()
    tools = [
        load_entry(package(tmp_path, name, value), "scripts/skill.py:run")
        for name, value in (("one", 1), ("two", 2))
    ]
    assert [tool.call({}, ctx) for tool in tools] == [1, 2]
    assert [tool.contract["runtime"]["entry"] for tool in tools] == ["scripts/skill.py:run"] * 2


def test_a_change_is_seen_and_nothing_is_left_behind(tmp_path: Path) -> None:
    folder = package(tmp_path, "one", 1)
    before = [file.path for file in read_folder(folder)]
    assert load_entry(folder, "scripts/skill.py:run").call({}, make_context()) == 1
    (folder / "scripts" / "helper.py").write_text("VALUE = 7\n")
    assert load_entry(folder, "scripts/skill.py:run").call({}, make_context()) == 7
    assert [file.path for file in read_folder(folder)] == before
    assert not list(folder.rglob("*.pyc"))


def test_compiled_leftovers_never_run(tmp_path: Path) -> None:
    path = tmp_path / "skill.py"
    path.write_text("from livery.authoring import skill\n\n@skill()\ndef run() -> int: return 1\n")
    stat = path.stat()
    py_compile.compile(str(path))
    path.write_text(path.read_text().replace("return 1", "return 2"))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # the same size and time as compiled
    assert load_entry(tmp_path, "skill.py:run").call({}, make_context()) == 2
    assert [file.path for file in read_folder(tmp_path)] == ["skill.py"]


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("scripts/none.py:run", "names no file inside"),
        ("../outside.py:run", "names no file inside"),
        ("scripts/link.py:run", "names no file inside"),
        ("scripts:run", "names no file inside"),
        ("scripts/data.txt:run", "no Python file"),
        ("scripts/skill.py:none", "has no 'none'"),
        ("scripts/skill.py:", "has no ''"),
        ("scripts/skill.py:SOMETHING", "3 is no skill"),
    ],
)
def test_entries_that_name_no_skill(tmp_path: Path, entry: str, says: str) -> None:
    folder = package(tmp_path, "one", 1)
    (tmp_path / "outside.py").write_text("def run() -> int: return 1\n")
    (folder / "scripts" / "link.py").symlink_to(tmp_path / "outside.py")
    (folder / "scripts" / "data.txt").write_text("x")
    with pytest.raises(ValueError, match=says):
        load_entry(folder, entry)


def test_code_that_fails_is_not_half_loaded(tmp_path: Path) -> None:
    (tmp_path / "skill.py").write_text("raise RuntimeError('no')\n")
    for _ in range(2):
        with pytest.raises(RuntimeError, match="no"):
            load_entry(tmp_path, "skill.py:run")


def test_as_tool_takes_what_a_package_may_hold(tmp_path: Path) -> None:
    tool = load_entry(package(tmp_path, "one", 1), "scripts/skill.py:plain")
    assert tool.call({"a": 4}, make_context()) == 4
    assert as_tool(tool) is tool
    assert isinstance(tool, Skill)
    assert as_tool(Seven).call({}, make_context()) == 7


def test_folders_are_read_as_packages(tmp_path: Path) -> None:
    folder = package(tmp_path, "one", 1)
    (folder / "scripts" / "helper.py").chmod(0o755)
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "x.pyc").write_bytes(b"x")
    (folder / "link").symlink_to(tmp_path)
    files = {file.path: file for file in read_folder(folder)}
    assert list(files) == ["link", "scripts/helper.py", "scripts/skill.py"]
    assert files["link"].symlink
    assert files["scripts/helper.py"].executable
    assert not files["scripts/skill.py"].executable
    with pytest.raises(NotADirectoryError):
        read_folder(tmp_path / "none")
