"""Skill packages as the public writes them, from a seed: unexpected fields, lists, odd names, CRLF, long texts."""

import json
import random
from pathlib import Path

WORDS = [
    *(
        "review",
        "draft",
        "summarise",
        "translate",
        "table",
        "chart",
        "invoice",
        "ticket",
        "release",
        "branch",
    ),
    *(
        "test",
        "deploy",
        "query",
        "metric",
        "budget",
        "customer",
        "contract",
        "résumé",
        "données",
        "概要",
        "пример",
    ),
]


def text(rng: random.Random, words: int) -> str:
    """A sentence of so many words."""
    return " ".join(rng.choice(WORDS) for _ in range(words)).capitalize() + "."


def skill_md(rng: random.Random, name: str) -> bytes:
    """A SKILL.md that can be taken, written in one of the ways that public skills are written."""
    description = text(rng, rng.randint(8, 60)).replace(":", "")
    lines = [f"name: {name}", f"description: {description}"]
    for chance, line in (
        (0.3, "license: MIT"),
        (0.2, "version: 1.2.0"),
        (0.2, "author: Somebody <somebody@example.org>"),
        (0.15, "tags: [writing, review]"),
        (0.15, "tags:\n  - writing\n  - review"),
        (0.2, "allowed-tools: Read, Grep, Bash(git:*)"),
        (0.1, "allowed-tools:\n  - Read\n  - Write"),
        (0.2, 'metadata:\n  version: "1.0"\n  author: somebody'),
        (0.05, "compatibility: Needs git and a network connection."),
        (0.05, "model: some-model"),
        (0.05, "user-invocable: true"),
    ):
        key = line.partition(":")[0]
        if rng.random() < chance and not any(known.startswith(f"{key}:") for known in lines):
            lines.append(line)
    if not any(line.startswith("metadata") for line in lines) and rng.random() < 0.05:
        lines.append(
            f"metadata: {json.dumps({'agent': {'emoji': 'x', 'os': ['linux', 'darwin']}})}"
        )
    body = "\n\n".join(text(rng, rng.randint(20, 80)) for _ in range(rng.randint(2, 25)))
    whole = "\n".join(["---", *lines, "---", "", f"# {name}", "", body, ""])
    if rng.random() < 0.05:
        whole = whole.replace("\n", "\r\n")
    if rng.random() < 0.03:
        whole = "\ufeff" + whole
    return whole.encode()


def write_tree(root: Path, count: int, seed: int = 1) -> list[str]:
    """Write so many packages below `root`, in groups; returns their keys, in the order of their paths."""
    rng, keys = random.Random(seed), []
    for number in range(count):
        name = f"{rng.choice(WORDS[:15])}-{rng.choice(WORDS[:15])}-{number}"
        keys.append(name)
        # Some folders are not called as the skill is.
        folder = root / f"group-{number // 50:03d}" / (name if rng.random() < 0.9 else f"x{number}")
        folder.mkdir(parents=True)
        (folder / "SKILL.md").write_bytes(skill_md(rng, name))
        for index in range(rng.choice((0, 0, 1, 2, 4))):
            kind, suffix = rng.choice((("references", "md"), ("scripts", "py"), ("assets", "txt")))
            file = folder / kind / f"part-{index}.{suffix}"
            file.parent.mkdir(exist_ok=True)
            file.write_text("\n".join(text(rng, 12) for _ in range(rng.randint(5, 200))))
    return sorted(keys)
