"""Packages that are malformed, each for one reason: files, the code that must be told, the file and line of it.

`where` is None where the line means nothing. Severity `error` keeps the package out, `warning` lets it in.
"""

from dataclasses import dataclass
from typing import Final

HEAD: Final = "---\nname: {name}\ndescription: For tests.\n"
CONTRACT: Final = """apiVersion: livery/v1
version: 1.0.0
owner: tests
runtime: {kind: python, entry: scripts/skill.py:run}
interface: {input: {type: object}, output: {type: object}}
"""
CODE: Final = "def run():\n    return {}\n"


@dataclass(frozen=True)
class Case:
    """`{name}` in a text is the folder's name."""

    name: str
    files: dict[str, str | bytes]
    code: str
    where: tuple[str, int | None] | None = None
    severity: str = "error"


def md(name: str, text: str | bytes, code: str, line: int | None, severity: str = "error") -> Case:
    return Case(name, {"SKILL.md": text}, code, ("SKILL.md", line), severity)


def front(
    name: str, more: str, line: int, severity: str, code: str = "malformed_frontmatter"
) -> Case:
    return md(name, HEAD + more + "---\nbody\n", code, line, severity)


def contract(
    name: str, text: str | bytes, line: int | None, code: str = "contract_invalid"
) -> Case:
    files = {"SKILL.md": HEAD + "---\n", "contract.yaml": text, "scripts/skill.py": CODE}
    return Case(name, files, code, ("contract.yaml", line))


def changed(
    name: str, old: str, new: str, line: int | None, code: str = "contract_invalid"
) -> Case:
    assert old in CONTRACT
    return contract(name, CONTRACT.replace(old, new), line, code)


def extra(name: str, files: dict[str, str | bytes], code: str, file: str, line: int | None = None,
          severity: str = "error") -> Case:  # fmt: skip
    base: dict[str, str | bytes] = {"SKILL.md": HEAD + "---\n"}
    return Case(name, base | files, code, (file, line), severity)


MALFORMED: Final = "malformed_frontmatter"
FRONTMATTER = [
    md("fm-empty", "", MALFORMED, 1),
    md("fm-no-frontmatter", "# A skill\n", MALFORMED, 1),
    md("fm-no-end", "---\nname: fm-no-end\ndescription: x\n", MALFORMED, 1),
    md("fm-blank-line-first", "\n---\nname: x\ndescription: x\n---\n", MALFORMED, 1),
    md("fm-list", "---\n- a\n- b\n---\n", MALFORMED, 1),
    md("fm-scalar", "---\njust text\n---\n", MALFORMED, 1),
    md("fm-nothing", "---\n---\n", MALFORMED, 1),
    md("fm-broken-flow", "---\nname: [\n---\n", MALFORMED, None),
    md("fm-colon", "---\nname: {name}\ndescription: Use when: asked\n---\n", MALFORMED, 3),
    md("fm-tab", "---\nname: {name}\ndescription:\tx\n\tmore: y\n---\n", MALFORMED, 4),
    md("fm-twice", "---\nname: a\nname: b\ndescription: x\n---\n", MALFORMED, 3),
    md("fm-alias", "---\nname: &a x\ndescription: *a\n---\n", MALFORMED, 2),
    md("fm-laughs", "---\na: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n---\n", MALFORMED, 2),
    md("fm-python-tag", "---\nname: !!python/object/apply:os.system [id]\n---\n", MALFORMED, 2),
    md("fm-merge", "---\nname: x\n<<: *y\n---\n", MALFORMED, 3),
    md("fm-nul", "---\nname: {name}\ndescription: a\x00b\n---\n", MALFORMED, None),
    md("fm-latin-1", b"---\nname: x\ndescription: caf\xe9\n---\n", MALFORMED, 1),
    md("fm-utf-16", "---\nname: x\ndescription: x\n---\n".encode("utf-16"), MALFORMED, 1),
    md("fm-deep", "---\nname: {name}\ndescription: x\nmetadata: " + "[" * 90 + "\n---\n", MALFORMED, 4),
    md("fm-huge", "---\nname: {name}\ndescription: x\n---\n" + "x" * 2**20, MALFORMED, 1),
    md("fm-wide", "---\nname: {name}\n" + "".join(f"k{n}: v\n" for n in range(11_000)) + "---\n",
       MALFORMED, None),
    md("fm-no-description", "---\nname: {name}\n---\n", MALFORMED, None),
    md("fm-empty-description", "---\nname: {name}\ndescription: ''\n---\n", MALFORMED, 3),
    md("fm-list-description", "---\nname: {name}\ndescription:\n  - a\n  - b\n---\n", MALFORMED, 3),
    md("fm-map-description", "---\nname: {name}\ndescription: {a: b}\n---\n", MALFORMED, 3),
    front("fm-unknown-field", "author: me\n", 4, "warning"),
    front("fm-tags", "tags: [a, b]\n", 4, "warning"),
    front("fm-license-list", "license:\n  - MIT\n", 4, "warning"),
    front("fm-metadata-text", "metadata: text\n", 4, "warning"),
    front("fm-metadata-nested", "metadata:\n  a:\n    b: c\n", 4, "warning"),
    front("fm-tools-list", "allowed-tools:\n  - Read\n", 4, "warning"),
    front("fm-tag-style", "license: !!str MIT\n", 4, "warning"),
    front("fm-empty-compatibility", "compatibility:\n", 4, "warning"),
    front("fm-long-compatibility", f"compatibility: {'x' * 501}\n", 4, "warning"),
    md("fm-long-description", f"---\nname: {{name}}\ndescription: {'x' * 1500}\n---\n", MALFORMED, 3, "warning"),
]  # fmt: skip
NAMES = [
    md("nm-missing", "---\ndescription: x\n---\n", "invalid_name", None),
    md("nm-empty", "---\nname: ''\ndescription: x\n---\n", "invalid_name", 2),
    md("nm-list", "---\nname: [a]\ndescription: x\n---\n", "invalid_name", 2),
    md("nm-spaces", "---\nname: My Skill\ndescription: x\n---\n", "invalid_name", 2),
    md("nm-upper", "---\nname: NM-upper\ndescription: x\n---\n", "invalid_name", 2),
    md("nm-underscore", "---\nname: nm_underscore\ndescription: x\n---\n", "invalid_name", 2),
    md("nm-hyphens", "---\nname: nm--x\ndescription: x\n---\n", "invalid_name", 2),
    md("nm-edge", "---\nname: nm-edge-\ndescription: x\n---\n", "invalid_name", 2),
    md("nm-long", f"---\nname: {'x' * 65}\ndescription: x\n---\n", "invalid_name", 2),
    md("nm-unicode", "---\nname: übung\ndescription: x\n---\n", "invalid_name", 2),
    md("nm-invisible", "---\nname: \"nm\\u200b\"\ndescription: x\n---\n", "invalid_name", 2),
    md("nm-path", "---\nname: ../x\ndescription: x\n---\n", "invalid_name", 2),
    md("nm-other-folder", "---\nname: nm-another\ndescription: x\n---\n", "invalid_name", 2, "warning"),
]  # fmt: skip
CONTRACTS = [
    contract("ct-empty", "", 1),
    contract("ct-list", "[]\n", 1),
    contract("ct-broken", "a: [\n", None),
    contract("ct-latin-1", b"owner: caf\xe9\n", 1),
    contract("ct-anchor", "a: &x 1\nb: *x\n", 1),
    contract("ct-python-tag", "a: !!python/name:os.system\n", 1),
    contract("ct-nul", "a: \"x\\0y\"\n", None),
    contract("ct-deep", "a: " + "[" * 90, 1),
    contract("ct-huge", "a: " + "x" * 300_000, 1),
    changed("ct-api", "livery/v1", "livery/v9", 1),
    changed("ct-version", "1.0.0", "1.0", 2),
    changed("ct-version-text", "1.0.0", "newest", 2),
    changed("ct-unknown-field", "owner: tests", "color: red", 3),
    changed("ct-runtime", "kind: python", "kind: perl", 4),
    changed("ct-entry-form", "scripts/skill.py:run", "../skill.py:run", 4),
    changed("ct-entry-missing", "scripts/skill.py:run", "scripts/other.py:run", None),
    changed("ct-no-interface", "interface:", "x-interface:", None),
    changed("ct-bad-schema", "{type: object}, output", "{type: objekt}, output", 5),
    changed("ct-remote-ref", "{type: object}, output", "{$ref: 'https://example.org/x'}, output", 5),
    changed("ct-yes", "owner: tests", "owner: yes", 3),
    changed("ct-number-beyond", "owner: tests", "cost: {estimate_usd: 9007199254740993}", 3),
    changed("ct-steps", "owner: tests", "steps: [{operator: query}]", 3),
    changed("ct-capabilities-list", "owner: tests", "capabilities: [network]", 3),
    changed("ct-network-url", "owner: tests", "capabilities: {network: ['https://example.org/x']}", 3),
    changed("ct-effect", "owner: tests", "capabilities: {effects: [destroy]}", 3),
    changed("ct-teleport", "owner: tests", "capabilities: {teleport: [home]}", 3, "unknown_capability"),
    changed("ct-mcp-undeclared", "kind: python, entry: scripts/skill.py:run", "kind: mcp, entry: 'github:issue'", 4,
            "underdeclared_capability"),
    changed("ct-perl", "kind: python, entry: scripts/skill.py:run",
            "kind: container, entry: scripts/skill.py, language: perl", 4, "ineligible"),
    Case("ct-tools-asked",
         {"SKILL.md": HEAD + "allowed-tools: Read\n---\n", "contract.yaml": CONTRACT, "scripts/skill.py": CODE},
         "underdeclared_capability", ("SKILL.md", None), "warning"),
    Case("ct-tools-missing",
         {"SKILL.md": HEAD + "---\n", "contract.yaml": CONTRACT + "capabilities:\n  tools:\n    - 'jira:search'\n",
          "scripts/skill.py": CODE},
         "missing_required_tools", ("contract.yaml", 8), "warning"),
    Case("ct-tests-broken",
         {"SKILL.md": HEAD + "---\n", "contract.yaml": CONTRACT, "scripts/skill.py": CODE, "tests/a.yaml": "a: 1\n"},
         "contract_invalid", ("tests/a.yaml", 1)),
]  # fmt: skip
SURROUNDINGS = [
    front("su-mac", "metadata:\n  os: macos\n", 5, "error", "ineligible"),
    front("su-block", 'metadata: {"agent": {"os": ["darwin", "win32"]}}\n', 4, "error", "ineligible"),
    front("su-newer", "compatibility: Needs Livery >= 99.1\n", 4, "error", "ineligible"),
    front("su-program", "metadata:\n  programs: no-such-program-here\n", 5, "warning", "missing_required_tools"),
    front("su-bins", 'metadata: {"agent": {"requires": {"bins": ["no-such-bin"]}}}\n', 4, "warning",
          "missing_required_tools"),
    front("su-alias", "metadata:\n  aliases: weekly_digest\n", 2, "error", "command_alias_collision"),
]  # fmt: skip
FILES = [
    Case("fl-lower-case", {"skill.md": HEAD + "---\n"}, "missing_skill_md", ("skill.md", None)),
    Case("fl-mixed-case", {"Skill.MD": HEAD + "---\n"}, "missing_skill_md", ("Skill.MD", None)),
    extra("fl-archive", {"assets/x.bin": b"PK\x03\x04rest"}, "contract_invalid", "assets/x.bin", None, "warning"),
    extra("fl-backslash", {"a\\b.txt": "x"}, "contract_invalid", "a\\b.txt"),
    extra("fl-colon", {"c:x.txt": "x"}, "contract_invalid", "c:x.txt"),
    extra("fl-dot", {"a./b.txt": "x"}, "contract_invalid", "a./b.txt"),
    extra("fl-case", {"A.txt": "x", "a.txt": "y"}, "contract_invalid", "a.txt"),
    extra("fl-unicode-case", {"stra\u00dfe": "x", "STRASSE": "y"}, "contract_invalid", "stra\u00dfe"),
    extra("fl-invisible", {"a\u202eb.txt": "x"}, "contract_invalid", "a\\u202eb.txt"),
    extra("fl-newline", {"a\nb.txt": "x"}, "contract_invalid", "a\\nb.txt"),
    Case("fl-repository",
         {"SKILL.md": HEAD + "---\n", "r/HEAD": "ref: refs/heads/x\n", "r/config": "[core]\n\tfsmonitor = touch PWN\n",
          "r/objects/x": "", "r/refs/x": ""}, "contract_invalid", ("r/HEAD", None)),
    extra("fl-large", {"big.bin": b"x" * (16 * 2**20 + 1)}, "contract_invalid", "big.bin"),
    extra("fl-many", {f"f/{n}": "" for n in range(2_001)}, "contract_invalid", "."),
]  # fmt: skip
CASES: Final = [*FRONTMATTER, *NAMES, *CONTRACTS, *SURROUNDINGS, *FILES]
