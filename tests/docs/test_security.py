"""docs/security.md: every risk of the OWASP table has its control, and a test that shows it and exists."""

import re

import pytest
from tests.docs.generated import DOCS, exists

ROWS = re.findall(r"^\| (AST\d\d) (.*)\|$", (DOCS / "security.md").read_text("utf-8"), re.MULTILINE)


def test_every_risk_is_there_once() -> None:
    assert [row for row, _ in ROWS] == [f"AST{number:02}" for number in range(1, 11)]


@pytest.mark.parametrize(("row", "text"), ROWS, ids=[row for row, _ in ROWS])
def test_its_tests_exist(row: str, text: str) -> None:
    cells = [cell.strip() for cell in text.split("|")]
    assert len(cells) == 4, cells  # risk, here, tests, not yet
    proofs = re.findall(r"`([^`]+)`", cells[2])
    assert proofs, f"{row} has no test"
    for proof in proofs:
        assert "::" in proof, f"{proof} names no test"
        assert exists(proof), f"{row}: there is no {proof}"


def test_what_does_not_exist_is_seen() -> None:
    here = "tests/docs/test_security.py"
    assert exists(f"{here}::test_every_risk_is_there_once")
    assert not exists(f"{here}::test_of_nobody")
    assert not exists("tests/docs/nowhere.py::test_every_risk_is_there_once")


@pytest.mark.parametrize(
    "proof", re.findall(r"`(tests/[^`]+)`", (DOCS / "security.md").read_text("utf-8"))
)
def test_whatever_it_names_exists(proof: str) -> None:
    assert exists(proof), proof
