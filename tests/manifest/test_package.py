import hashlib
import json
import random
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livery.manifest import files as names
from livery.manifest import package as module
from livery.manifest.errors import ContractInvalid
from livery.manifest.package import PackageFile, package_digest, parse_package, path_faults

SKILL_MD = b"---\nname: add\ndescription: Adds two numbers.\n---\nAdd.\n"
CONTRACT = b"""apiVersion: livery/v1
version: 1.0.0
runtime: {kind: python, entry: scripts/skill.py:run}
interface: {input: {type: object}, output: {type: object}}
capabilities: {tools: ["github:issue"]}
tests: {fixtures: [{name: one, input: {a: 1}, output: {}}]}
"""
FILES = [
    PackageFile("SKILL.md", SKILL_MD),
    PackageFile("contract.yaml", CONTRACT),
    PackageFile("scripts/skill.py", b"def run(input, ctx): return {}\n", True),
]


def with_file(path: str, data: bytes = b"x", **more: bool) -> list[PackageFile]:
    kept = [file for file in FILES if file.path != path]
    return [*kept, PackageFile(path, data, **more)]


def codes(files: list[PackageFile]) -> list[tuple[str, str, str]]:
    _, found = parse_package(files, folder="add")
    return [(item.severity, item.code, item.file) for item in found]


def test_the_digest_by_hand() -> None:
    """The formula of the contracts document, written out for two files."""
    first = hashlib.sha256(b"A").hexdigest()
    second = hashlib.sha256(b"B").hexdigest()
    document = (
        f'[{{"executable":false,"path":"a.txt","sha256":"{first}"}},'
        f'{{"executable":true,"path":"b/c.sh","sha256":"{second}"}}]'
    )
    expected = "sha256:" + hashlib.sha256(document.encode()).hexdigest()
    assert package_digest([PackageFile("b/c.sh", b"B", True), PackageFile("a.txt", b"A")]) == (
        expected
    )


def test_paths_are_nfc_and_sorted_by_their_bytes() -> None:
    composed = unicodedata.normalize("NFC", "e\u0301.txt")
    names = [composed, "z.txt", "Z.txt".lower() + "2", "a/b", "a-b", "\U0001f600", "\uff5e"]
    files = [PackageFile(name, name.encode()) for name in names]
    entries = sorted(
        (
            {"path": n, "sha256": hashlib.sha256(n.encode()).hexdigest(), "executable": False}
            for n in names
        ),
        key=lambda entry: entry["path"].encode("utf-8"),  # type: ignore[union-attr, attr-defined]
    )
    text = json.dumps(entries, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    expected = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    assert package_digest(files) == expected
    decomposed = [PackageFile("e\u0301.txt", composed.encode()), *files[1:]]
    assert package_digest(decomposed) == expected


def test_any_change_changes_the_digest_and_order_does_not() -> None:
    base = package_digest(FILES)
    assert package_digest(reversed(FILES)) == base
    changed = [
        with_file("SKILL.md", SKILL_MD + b" "),
        with_file("scripts/skill.py", FILES[2].data, executable=False),
        with_file("new.txt", b""),
        FILES[:2],
        [*FILES[:2], PackageFile("scripts/skil.py", FILES[2].data, True)],
    ]
    digests = {package_digest(files) for files in changed}
    assert len(digests) == len(changed)
    assert base not in digests


def test_the_dependency_lock_is_part_of_a_python_skill_only() -> None:
    plain, _ = parse_package(FILES)
    locked, _ = parse_package(FILES, dependency_lock="sha256:aa")
    other, _ = parse_package(FILES, dependency_lock="sha256:bb")
    assert plain is not None
    assert locked is not None
    assert other is not None
    assert plain.digest == package_digest(FILES)
    assert locked.digest == package_digest(FILES, {"dependency_lock": "sha256:aa"})
    assert len({plain.digest, locked.digest, other.digest}) == 3
    text = [FILES[0]]
    assert parse_package(text, dependency_lock="sha256:aa") == parse_package(text)


@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,3}(/[a-z]{1,3})?", fullmatch=True).filter(
            lambda path: path.count("/") == 1
        ),
        st.tuples(st.binary(max_size=4), st.booleans()),
        min_size=1,
        max_size=5,
    ),
    st.randoms(use_true_random=False),
)
def test_equal_files_have_one_digest_and_no_others(
    tree: dict[str, tuple[bytes, bool]], rng: random.Random
) -> None:
    files = [PackageFile(path, data, bit) for path, (data, bit) in tree.items()]
    digest = package_digest(files)
    rng.shuffle(files)
    assert package_digest(files) == digest
    victim = files[0]
    flipped = PackageFile(victim.path, victim.data, not victim.executable)
    assert package_digest([flipped, *files[1:]]) != digest
    longer = PackageFile(victim.path, victim.data + b"!", victim.executable)
    assert package_digest([longer, *files[1:]]) != digest


def test_a_good_package() -> None:
    package, diagnostics = parse_package(FILES, folder="add")
    assert diagnostics == ()
    assert package is not None
    assert [file.path for file in package.files] == [
        "SKILL.md",
        "contract.yaml",
        "scripts/skill.py",
    ]
    assert package.contract.skill_key == package.skill_md.name == "add"
    assert package.digest == package_digest(FILES)


def test_without_contract_it_is_instructions_without_capabilities() -> None:
    skill_md = SKILL_MD.replace(b"---\nAdd", b"allowed-tools: Bash(rm:*)\n---\nAdd")
    package, diagnostics = parse_package([PackageFile("SKILL.md", skill_md)])
    assert diagnostics == ()
    assert package is not None
    assert package.contract.runtime.kind == "instructions"
    assert package.contract.capabilities.to_dict() == {}


BAD_PATHS = [
    *("", "/etc/passwd", "../x", "a/../b", "a/./b", "./a", "a//b", "a/", "a\\b", "C:x", "a\0b"),
    *("a\nb", "a\u202eb", "a\u200bb", "\ud800", "x" * 513, "a /b", "a.", "a./b", "..", "\ufeffx"),
    "a\u2028b",
]


@pytest.mark.parametrize("path", BAD_PATHS)
def test_paths_that_are_refused(path: str) -> None:
    package, diagnostics = parse_package(with_file(path))
    assert package is None
    assert [item.code for item in diagnostics] == ["contract_invalid"]
    diagnostics[0].message.encode()  # can be printed
    assert len(diagnostics[0].message) < 300
    with pytest.raises(ContractInvalid):
        package_digest(with_file(path))


@pytest.mark.parametrize("path", ["x" * 512, "a/b/c.txt", ".hidden", "ünï.md", "a b.txt", "日本"])
def test_paths_that_are_taken(path: str) -> None:
    package, diagnostics = parse_package(with_file(path))
    assert package is not None
    assert diagnostics == ()


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("a.txt", "a.txt"),
        ("a.txt", "A.TXT"),
        ("stra\u00dfe", "STRASSE"),
        ("e\u0301", "\u00e9"),
        ("\ufb01le", "file"),
        ("a", "a/b"),
        ("A", "a/b/c"),
    ],
)
def test_two_names_that_are_one_to_some_systems(left: str, right: str) -> None:
    files = [*FILES, PackageFile(left, b"1"), PackageFile(right, b"2")]
    package, diagnostics = parse_package(files)
    assert package is None
    assert len(diagnostics) == 1


def test_symlinks_are_refused() -> None:
    package, diagnostics = parse_package(with_file("link", symlink=True))
    assert package is None
    assert diagnostics[0].message == "link is a symlink"


def test_sizes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [PackageFile(f"f{number}", b"") for number in range(module.MAX_FILES + 1)]
    assert [item.file for item in parse_package(many)[1]] == ["."]
    monkeypatch.setattr(names, "MAX_FILE_BYTES", 500)
    assert "larger than 500" in parse_package(with_file("big", b"x" * 501))[1][0].message
    monkeypatch.setattr(module, "MAX_PACKAGE_BYTES", 100)
    assert "larger than 100" in parse_package(FILES)[1][0].message


def test_what_is_missing_or_wrong_is_told() -> None:
    assert codes(FILES[1:]) == [("error", "missing_skill_md", "SKILL.md")]
    assert codes(with_file("SKILL.md", b"# no")) == [("error", "malformed_frontmatter", "SKILL.md")]
    assert codes(with_file("contract.yaml", b"[]")) == [
        ("error", "contract_invalid", "contract.yaml")
    ]
    assert codes(FILES[:2]) == [("error", "contract_invalid", "contract.yaml")]


def test_a_pipeline_needs_no_entry() -> None:
    text = CONTRACT.replace(b"{kind: python, entry: scripts/skill.py:run}", b"{kind: pipeline}")
    text += b"steps: [{operator: query}]\n"
    package, diagnostics = parse_package(with_file("contract.yaml", text), folder="add")
    assert diagnostics == ()
    assert package is not None
    assert package.contract.steps == ({"operator": "query"},)


def test_a_folder_of_another_name_is_a_warning() -> None:
    package, diagnostics = parse_package(FILES, folder="other")
    assert package is not None
    assert [(item.severity, item.code) for item in diagnostics] == [("warning", "invalid_name")]


def test_allowed_tools_are_a_request_and_never_a_grant() -> None:
    skill_md = SKILL_MD.replace(b"---\nAdd", b"allowed-tools: github:issue Bash\n---\nAdd")
    package, diagnostics = parse_package(with_file("SKILL.md", skill_md), folder="add")
    assert package is not None
    assert package.contract.capabilities.tools == ("github:issue",)
    assert [(item.severity, item.code) for item in diagnostics] == [
        ("warning", "underdeclared_capability")
    ]
    assert "asks for Bash," in diagnostics[0].message


def test_fixtures_of_test_files_are_added_in_order() -> None:
    files = [
        *FILES,
        PackageFile("tests/b.yaml", b"fixtures: [{name: three, input: 3, output: 3}]"),
        PackageFile("tests/a.yml", b"fixtures: [{name: two, input: 2, output: 2}]"),
        PackageFile("tests/deep/c.yaml", b"not: [read"),
        PackageFile("tests/notes.txt", b"not read"),
    ]
    package, diagnostics = parse_package(files, folder="add")
    assert diagnostics == ()
    assert package is not None
    assert [fixture.name for fixture in package.contract.tests] == ["one", "two", "three"]


@pytest.mark.parametrize(
    ("data", "line", "message"),
    [
        (b"fixtures: [", 1, "not YAML"),
        (b"[]", 1, "the file: "),
        (b"fixtures:\n  - {name: x, input: 1}\n", 2, "/fixtures/0"),
        (b"fixtures:\n  - {name: one, input: 1, output: 1}\n", 2, "the fixture one is twice"),
        (b"more: 1", 1, "/more: is not allowed"),
    ],
)
def test_a_bad_test_file_keeps_the_package_out(data: bytes, line: int, message: str) -> None:
    package, diagnostics = parse_package([*FILES, PackageFile("tests/x.yaml", data)])
    assert package is None
    assert [(item.code, item.file) for item in diagnostics] == [
        ("contract_invalid", "tests/x.yaml")
    ]
    assert diagnostics[0].line == line
    assert message in diagnostics[0].message


PATHS = st.sampled_from([*BAD_PATHS, "SKILL.md", "contract.yaml", "tests/a.yaml", "skill.py"])
DATA = st.sampled_from([SKILL_MD, CONTRACT, b"", b"fixtures: []"]) | st.binary(max_size=20)


@given(
    st.lists(
        st.builds(PackageFile, PATHS | st.text(max_size=6), DATA, st.booleans(), st.booleans()),
        max_size=6,
    ),
    st.text(max_size=4) | st.none(),
)
def test_any_files_give_a_package_or_errors(files: list[PackageFile], folder: str | None) -> None:
    package, diagnostics = parse_package(files, folder=folder)
    assert (package is None) == any(item.severity == "error" for item in diagnostics)
    if package is not None:
        assert path_faults(files) == []
