"""The documents hold: links lead somewhere, and what they list is all there is."""

import re
import tomllib
from pathlib import Path

import pytest
from tests.docs.generated import DOCS, ROOT

_DOCUMENTS = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_IMAGE = re.compile(r'<img[^>]+src="([^"]+)"')
_SETTING = re.compile(r"\bLIVERY_[A-Z][A-Z_]*[A-Z]\b")
_PATH = re.compile(
    r"`((?:src|tests|docs|tools|web|benchmarks)/(?:[\w.-]+/)*(?:[\w-]+\.\w+)?|[\w-]+\.lock)`"
)
# CONTRIBUTING's examples: made by following it.
_EXAMPLE = re.compile(r"goals|NNNN")
# The rows of the feature table of the design.
_FEATURES = [
    *(f"C{n}" for n in range(1, 6)),
    *(f"Z{n}" for n in range(1, 5)),
    *(f"H{n}" for n in range(1, 10)),
    *(f"E{n}" for n in range(1, 14)),
    *(f"A{n}" for n in range(1, 8)),
    *(f"O{n}" for n in range(1, 5)),
    *(f"D{n}" for n in range(1, 9)),
    *(f"R{n}" for n in range(1, 7)),
]
_AGENTIC_SKILLS_TOP_10 = [f"AST{n:02}" for n in range(1, 11)]


def _named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("document", _DOCUMENTS, ids=_named)
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for target in _LINK.findall(text) + _IMAGE.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, part = target.partition("#")
        found = (document.parent / name).resolve() if name else document
        assert found.exists(), f"{target} leads nowhere"
        if part and found.suffix == ".md":
            headings = re.findall(r"^#+ (.+)$", found.read_text(encoding="utf-8"), re.MULTILINE)
            assert part in map(_anchor, headings), f"{target}: no such heading"


@pytest.mark.parametrize("document", _DOCUMENTS, ids=_named)
def test_files_that_are_named_exist(document: Path) -> None:
    for name in _PATH.findall(document.read_text(encoding="utf-8")):
        places = [ROOT / name, document.parent / name, DOCS / name]
        there = any(place.is_file() or any(place.glob("*")) for place in places)
        assert there or _EXAMPLE.search(name), f"there is no {name}"


def test_decisions_are_indexed() -> None:
    index = (DOCS / "decisions" / "README.md").read_text(encoding="utf-8")
    records = sorted(path.name for path in (DOCS / "decisions").glob("[0-9]*.md"))
    assert records
    assert sorted(set(re.findall(r"\((\d{4}-[\w-]+\.md)\)", index))) == records
    numbers = [name[:4] for name in records]
    assert len(set(numbers)) == len(numbers)


def test_settings_are_documented() -> None:
    said = set(_SETTING.findall((DOCS / "settings.md").read_text(encoding="utf-8")))
    read = {
        name
        for source in (ROOT / "src").rglob("*.py")
        for name in _SETTING.findall(source.read_text(encoding="utf-8"))
    }
    assert read - said == set()
    rest = [*(ROOT / "tests").rglob("*.py"), ROOT / ".ci" / "run", ROOT / "Makefile"]
    used = read | {name for path in rest for name in _SETTING.findall(path.read_text("utf-8"))}
    assert said - used == set()


def test_every_feature_has_one_row() -> None:
    rows = re.findall(r"^\| ([A-Z]\d+) \|", (DOCS / "features.md").read_text("utf-8"), re.MULTILINE)
    assert rows == sorted(set(rows), key=rows.index)
    assert sorted(rows) == sorted(_FEATURES)


def test_every_row_says_how_it_stands() -> None:
    for row in (DOCS / "features.md").read_text("utf-8").splitlines():
        if re.match(r"\| [A-Z]\d+ \|", row):
            state, proof = (part.strip() for part in row.split("|")[3:5])
            assert re.match(r"(works|thin:|not yet)", state), row
            assert state.startswith("not yet") or "`" in proof, f"nothing proves it: {row}"


def test_every_dependency_has_its_line() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    asked = [
        *project["project"]["dependencies"],
        *(item for extra in project["project"]["optional-dependencies"].values() for item in extra),
        *project["dependency-groups"]["dev"],
    ]
    wanted = [re.split(r"[\[<>=;~! ]", item)[0] for item in asked]
    text = (DOCS / "dependencies.md").read_text("utf-8")
    assert sorted(re.findall(r"^\| `([\w-]+)` \|", text, re.MULTILINE)) == sorted(wanted)


def test_every_risk_has_its_row() -> None:
    text = (DOCS / "security.md").read_text("utf-8")
    assert re.findall(r"^\| (AST\d\d) ", text, re.MULTILINE) == _AGENTIC_SKILLS_TOP_10
