"""Ten thousand generated packages: never an exception, always a package or an error, never long."""

import json
import random
import time
from collections import Counter
from typing import Any

from tests.loader.malformed import CONTRACT, HEAD

from livery.manifest.conform import conform
from livery.manifest.diagnostics import LOADER_CODES, has_errors
from livery.manifest.eligibility import Installation, eligibility
from livery.manifest.package import Package, PackageFile, parse_package
from livery.manifest.tree import split_tree

COUNT = 10_000
LONGEST_S = 5.0
"""Never near: it is there so that a package that takes minutes is found, on any machine."""
ODD = [
    "\x00", "\ufeff", "\u202e", "\u2028", "\ud800", "\U0010ffff", "é", "e\u0301", "概", "😀", "\t", "\r", "\x1b[31m",
    "\x85",
    "'", '"', "---", "...", "- ", ": ", "# ", "&a ", "*a", "!!python/object:os.system ", "!<x> ", "<<: ", "? ", "| ",
    "> ", "%YAML 9.9\n", "{{", "}}", "[[", "]]", ",", "@", "`", "\\", "~", "null", "yes", "010", "0x1F", "1e999",
    ".nan", "2026-01-01", "9" * 400, "a" * 70_000,
]  # fmt: skip
FIELDS = [
    "name", "description", "license", "compatibility", "metadata", "allowed-tools", "version", "aliases", "tags", "os",
    "apiVersion", "runtime", "interface", "capabilities", "tests", "release", "steps", "cost", "owner", "category",
]  # fmt: skip


def value(rng: random.Random, depth: int = 0) -> Any:
    """Any value, of the wrong type as often as not."""
    kind = rng.randrange(10 if depth < 4 else 6)
    if kind < 3:
        return "".join(rng.choice([rng.choice(ODD), "word ", "x"]) for _ in range(rng.randrange(6)))
    if kind == 3:
        return rng.choice([0, -1, 2**70, 1.5, True, False, None])
    if kind == 4:
        return rng.choice(
            ["1.0.0", "add", "scripts/skill.py:run", "python", "livery/v1", "object", "linux"]
        )
    if kind == 5:
        return {"type": rng.choice(["object", "string", [], None, {"$ref": "#"}])}
    if kind < 8:
        return [value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {rng.choice(FIELDS): value(rng, depth + 1) for _ in range(rng.randrange(4))}


def nested(rng: random.Random) -> str:
    """Deep, wide, or a bomb of aliases."""
    kind, size = rng.randrange(6), rng.randrange(1, 3_000)
    if kind == 0:
        return rng.choice(["[", "{a: ", "- ", "? ", "a: {", "!!x ", "&x "]) * size
    if kind == 1:
        return "\n".join(" " * n + "a:" for n in range(min(size, 400)))
    if kind == 2:
        laughs = ["a0: &a0 [lol, lol]"]
        laughs += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
        return "\n".join(laughs)
    if kind == 3:
        return "\n".join(f"k{n}: v" for n in range(size * 8))
    if kind == 4:
        return "name: " + rng.choice(ODD) * size
    return "\n".join(f"- {rng.choice(ODD)}" for _ in range(size))


def mutated(rng: random.Random, text: str) -> bytes:
    """A good text with some of it changed."""
    data = bytearray(text.encode())
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(4)
        if kind == 0:
            data[at:at] = rng.choice(ODD).encode("utf-8", "surrogatepass")
        elif kind == 1:
            del data[at : at + rng.randrange(1, 20)]
        elif kind == 2 and data:
            data[at % len(data)] = rng.randrange(256)
        else:
            data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 9)))
    return bytes(data)


def yaml_like(rng: random.Random) -> str:
    lines = []
    for _ in range(rng.randrange(1, 8)):
        given = value(rng)
        written = (
            json.dumps(given, ensure_ascii=rng.random() < 0.5) if rng.random() < 0.7 else str(given)
        )
        lines.append(f"{rng.choice(FIELDS)}: {written}")
    return "\n".join(lines)


def document(rng: random.Random, good: str) -> bytes:
    kind = rng.randrange(8)
    if kind < 3:
        return mutated(rng, good)
    if kind < 6:
        text = yaml_like(rng)
    elif kind == 6:
        text = nested(rng)
    else:
        text = "".join(rng.choice(ODD) for _ in range(rng.randrange(30)))
    return text.encode("utf-8", "surrogatepass")


def packages(rng: random.Random) -> list[PackageFile]:
    """A package that looks like one, more or less."""
    good = HEAD.format(name="add") + "license: MIT\nmetadata:\n  version: 1.0.0\n---\nbody\n"
    head = document(rng, good)
    if rng.random() < 0.5 and not head.startswith(b"---"):
        head = b"---\nname: add\ndescription: x\n" + head + b"\n---\n"
    files = [PackageFile("SKILL.md", head)]
    if rng.random() < 0.4:
        files.append(PackageFile("contract.yaml", document(rng, CONTRACT)))
    if rng.random() < 0.6:
        files.append(PackageFile("scripts/skill.py", b"def run(): ...\n"))
    for _ in range(rng.choice((0, 0, 0, 0, 1, 2))):
        name = rng.choice(
            ["tests/a.yaml", "a/b", "A/b", "a", "skill.md", *ODD[:20], "x" * 600, "../x", "/x"]
        )
        files.append(
            PackageFile(name, document(rng, CONTRACT), rng.random() < 0.2, rng.random() < 0.05)
        )
    rng.shuffle(files)
    return files


def test_ten_thousand_packages() -> None:
    rng, outcomes = random.Random(20261121), Counter[str]()
    here = Installation("0.1.0", "linux")
    slowest = 0.0
    for number in range(COUNT):
        files = packages(rng)
        start = time.process_time()
        package, found = parse_package(files, folder="add")
        slowest = max(slowest, time.process_time() - start)
        outcomes["taken" if package else "refused"] += 1
        outcomes.update({item.code for item in found})
        assert (package is None) == has_errors(found), number
        for item in found:
            assert item.code in LOADER_CODES
            assert item.message
            assert item.remedy
            assert item.line is None or item.line >= 1
            json.dumps(item.to_dict()).encode()
        assert len(found) <= 50
        if package is not None:
            check_taken(package, here)
    assert slowest < LONGEST_S
    assert outcomes["taken"] > COUNT // 20, outcomes
    assert outcomes["refused"] > COUNT // 4, outcomes
    told = {"malformed_frontmatter", "invalid_name", "contract_invalid", "unknown_capability"}
    assert told <= outcomes.keys(), outcomes


def check_taken(package: Package, here: Installation) -> None:
    """What is taken can be listed, judged and exported."""
    eligibility(package, here, lambda _: False)
    assert 1 <= len(package.skill_md.description) <= 1024
    done = conform(package.files)
    again, found = parse_package(done.files, folder=package.skill_md.name)
    assert again is not None, found
    if done.changes:
        assert [
            item for item in found if item.file == "SKILL.md" and item.severity == "error"
        ] == []


def test_trees_of_any_shape() -> None:
    rng = random.Random(7)
    parts = ["a", "b", "SKILL.md", "skill.md", "c", "é", "x y", "SKILL.MD"]
    for _ in range(2_000):
        paths = {
            "/".join(rng.choices(parts, k=rng.randint(1, 6))) for _ in range(rng.randint(1, 12))
        }
        found = split_tree(PackageFile(path, b"x") for path in paths)
        roots = [item.root for item in found]
        wanted = {
            path.rpartition("/")[0] for path in paths if path.rpartition("/")[2] == "SKILL.md"
        }
        assert len(set(roots)) == len(roots)
        assert wanted <= set(roots)
        for item in found:
            if item.root in wanted and item.fault is None:
                prefix = f"{item.root}/" if item.root else ""
                inside = {path for path in paths if path.startswith(prefix)}
                assert {prefix + file.path for file in item.files} == inside
