import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import livery.packs.basics
from livery.authoring import SkillFailed, contract_yaml
from livery.authoring.loading import load_entry, read_folder
from livery.authoring.testkit import make_context, read_package, run_fixtures
from livery.authoring.tool import Tool
from livery.manifest.package import PackageFile, package_digest
from livery.manifest.yamldoc import load_yaml

PACK = Path(livery.packs.basics.__file__).parent
NAMES = ["add", "multiply", "subtract"]
LIMIT = 2**53 - 1
OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
}
TOOLS: dict[str, Tool] = {name: load_entry(PACK / name, "scripts/skill.py:run") for name in NAMES}
INTEGER = st.integers(-LIMIT, LIMIT)
NUMBER = INTEGER | st.floats(-LIMIT, LIMIT)


def test_the_pack_holds_what_it_says() -> None:
    found = sorted(path.parent.name for path in PACK.glob("*/SKILL.md"))
    assert found == sorted([*NAMES, "capability-probe"])


@pytest.mark.parametrize("name", NAMES)
def test_is_a_package_without_any_remark(name: str) -> None:
    package, diagnostics = read_package(PACK / name)
    assert diagnostics == ()
    assert package.skill_md.conforms
    assert package.skill_md.name == package.contract.name == name
    assert package.contract.version == "1.0.0"
    assert package.contract.owner == "livery"
    assert package.contract.category == "math"
    assert package.contract.capabilities.to_dict() == {}
    assert [file.path for file in package.files] == [
        "SKILL.md",
        "contract.yaml",
        "scripts/skill.py",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_the_contract_is_what_the_code_derives(name: str) -> None:
    text = (PACK / name / "contract.yaml").read_text(encoding="utf-8")
    assert text == contract_yaml(TOOLS[name], load_yaml(text).value)
    package, _ = read_package(PACK / name)
    assert package.skill_md.description == TOOLS[name].about.description
    assert TOOLS[name].about.name == name


@pytest.mark.parametrize("name", NAMES)
def test_the_fixtures_pass(name: str) -> None:
    report = run_fixtures(PACK / name)
    assert report.ok, report.results
    assert len(report.results) >= 5


@pytest.mark.parametrize("name", NAMES)
def test_fixtures_are_right_in_exact_arithmetic(name: str) -> None:
    package, _ = read_package(PACK / name)
    for fixture in package.contract.tests:
        a, b = (Fraction(str(fixture.input[key])) for key in "ab")
        assert OPERATIONS[name](a, b) == Fraction(str(fixture.output)), fixture.name


@pytest.mark.parametrize("name", NAMES)
@given(a=INTEGER, b=INTEGER)
def test_integers_stay_exact_integers(name: str, a: int, b: int) -> None:
    exact = OPERATIONS[name](a, b)
    if abs(exact) > LIMIT:
        with pytest.raises(SkillFailed, match=r"beyond \+-\(2\^53 - 1\)"):
            TOOLS[name].call({"a": a, "b": b}, make_context())
    else:
        result = TOOLS[name].call({"a": a, "b": b}, make_context())
        assert (result, type(result)) == (exact, int)


@pytest.mark.parametrize("name", NAMES)
@given(a=NUMBER, b=NUMBER)
def test_any_numbers_give_a_number_or_a_clear_error(name: str, a: float, b: float) -> None:
    try:
        result = TOOLS[name].call({"a": a, "b": b}, make_context())
    except SkillFailed as error:
        assert "beyond" in error.message  # noqa: PT017
    else:
        assert abs(result) <= LIMIT
        exact = OPERATIONS[name](Fraction(a), Fraction(b))
        # floats round once or twice (an integer operand is rounded first)
        scale = max(abs(Fraction(a)), abs(Fraction(b)), abs(exact), Fraction(1))
        assert abs(Fraction(result) - exact) <= scale * Fraction(4, 2**53)
        assert math.isfinite(result)


def test_one_changed_byte_changes_the_digest() -> None:
    files = read_folder(PACK / "add")
    digest = package_digest(files)
    for index, file in enumerate(files):
        changed = PackageFile(file.path, file.data[:-1] + b"X", file.executable)
        assert package_digest([*files[:index], changed, *files[index + 1 :]]) != digest
