from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from livery.manifest.capabilities import Capabilities
from livery.manifest.contract import (
    Contract,
    CostEstimate,
    Fixture,
    Runtime,
    instructions_contract,
    parse_contract,
    parse_contract_yaml,
)
from livery.manifest.diagnostics import LOADER_CODES
from livery.manifest.errors import ContractInvalid, UnknownCapability
from livery.manifest.skillmd import SkillMd

SKILL = SkillMd(name="add", description="Adds two numbers.")
GOOD = """apiVersion: livery/v1
version: 1.0.0
owner: livery
category: math
runtime: {kind: python, entry: scripts/skill.py:run, timeout_s: 5}
interface:
  input:
    type: object
    properties: {a: {type: number}, b: {type: number}}
    required: [a, b]
  output: {type: object}
capabilities:
  effects: [send]
cost: {estimate_usd: 0.000001, high_cost: true}
tests:
  fixtures:
    - {name: two and three, input: {a: 2, b: 3}, output: {sum: 5}, tolerance: 0.5}
  assertions:
    - {name: positive, pointer: /sum, op: gt, value: 0}
  budgets: {p95_ms: 10, cost_usd: 0}
release: {compatibility: backward, migration: none needed}
"""
MINIMAL: dict[str, Any] = {
    "apiVersion": "livery/v1",
    "version": "1.0.0",
    "runtime": {"kind": "python", "entry": "skill.py:run"},
    "interface": {"input": {}, "output": {}},
}


def test_a_full_contract() -> None:
    contract, diagnostics = parse_contract_yaml(GOOD, skill_md=SKILL)
    assert diagnostics == ()
    assert contract == Contract(
        skill_key="add",
        version="1.0.0",
        owner="livery",
        description="Adds two numbers.",
        category="math",
        runtime=Runtime("python", "scripts/skill.py:run", 5.0),
        input_schema={
            "type": "object",
            "properties": {"a": {"type": "number"}, "b": {"type": "number"}},
            "required": ["a", "b"],
        },
        output_schema={"type": "object"},
        capabilities=Capabilities(effects=("send",)),
        cost=CostEstimate(1, True),
        tests=(Fixture("two and three", {"a": 2, "b": 3}, {"sum": 5}, 0.5),),
        assertions=({"name": "positive", "pointer": "/sum", "op": "gt", "value": 0},),
        budgets={"p95_ms": 10, "cost_usd": 0},
        release={"compatibility": "backward", "migration": "none needed"},
        raw=yaml.safe_load(GOOD),
    )
    assert contract is not None
    assert contract.name == contract.skill_key


def test_loaded_or_written_is_the_same() -> None:
    written, _ = parse_contract_yaml(GOOD, skill_md=SKILL)
    assert parse_contract(yaml.safe_load(GOOD), SKILL) == written


def test_the_defaults_deny() -> None:
    contract = parse_contract(MINIMAL, SKILL)
    assert contract.capabilities == Capabilities()
    assert contract.runtime == Runtime("python", "skill.py:run", 30.0)
    assert contract.cost == CostEstimate(0, False)
    assert (contract.owner, contract.category) == ("", "general")
    assert (contract.tests, contract.steps, contract.release) == ((), (), {})


def test_without_skill_md_the_name_is_open() -> None:
    contract, _ = parse_contract_yaml(GOOD)
    assert contract is not None
    assert contract.skill_key == ""


@pytest.mark.parametrize(
    ("runtime", "steps", "timeout"),
    [
        ({"kind": "pipeline"}, [{"operator": "query", "view": "sessions"}], 30.0),
        ({"kind": "mcp", "entry": "github:create_issue"}, None, 30.0),
        ({"kind": "container", "entry": "scripts/plugin.py", "interface": 1}, None, 15.0),
        ({"kind": "instructions"}, None, 30.0),
    ],
)
def test_every_runtime(runtime: dict[str, Any], steps: Any, timeout: float) -> None:
    data = {**MINIMAL, "runtime": runtime, **({"steps": steps} if steps else {})}
    contract = parse_contract(data, SKILL)
    assert contract.runtime == Runtime(runtime["kind"], runtime.get("entry"), timeout)
    assert list(contract.steps) == (steps or [])


def test_instructions_need_no_interface() -> None:
    data = {key: MINIMAL[key] for key in ("apiVersion", "version")}
    contract = parse_contract({**data, "runtime": {"kind": "instructions"}}, SKILL)
    assert contract.input_schema == {"type": "object"}


@pytest.mark.parametrize(
    ("change", "pointers"),
    [
        ({"apiVersion": "livery/v2"}, ["/apiVersion"]),
        ({"version": "1.0"}, ["/version"]),
        ({"version": 1.0}, ["/version"]),
        ({"owner": ""}, ["/owner"]),
        ({"category": "Not A Slug"}, ["/category"]),
        ({"foo": 1}, ["/foo"]),
        ({"runtime": {"kind": "shell"}}, ["/runtime/kind"]),
        ({"runtime": {}}, ["/runtime"]),
        ({"runtime": "python"}, ["/runtime"]),
        ({"runtime": {"kind": "python"}}, ["/runtime/entry"]),
        ({"runtime": {"kind": "python", "entry": "os:system"}}, ["/runtime/entry"]),
        ({"runtime": {"kind": "python", "entry": "../x.py:run"}}, ["/runtime/entry"]),
        ({"runtime": {"kind": "python", "entry": "/x.py:run"}}, ["/runtime/entry"]),
        ({"runtime": {"kind": "python", "entry": "a/./x.py:run"}}, ["/runtime/entry"]),
        ({"runtime": {"kind": "python", "entry": "x.py:run()"}}, ["/runtime/entry"]),
        ({"runtime": {"kind": "mcp", "entry": "tool"}}, ["/runtime/entry"]),
        ({"runtime": {"kind": "container", "entry": "../x"}}, ["/runtime/entry"]),
        ({"runtime": {"kind": "instructions", "entry": "x"}}, ["/runtime/entry"]),
        ({"runtime": {"kind": "pipeline"}}, ["/steps"]),
        ({"runtime": {"kind": "pipeline"}, "steps": [{"operator": "exec"}]},
         ["/steps/0/operator"]),
        ({"steps": [{"operator": "query"}]}, ["/steps"]),
        ({"runtime": {**MINIMAL["runtime"], "timeout_s": 0}}, ["/runtime/timeout_s"]),
        ({"runtime": {**MINIMAL["runtime"], "timeout_s": 3601}}, ["/runtime/timeout_s"]),
        ({"runtime": {**MINIMAL["runtime"], "user": "root"}}, ["/runtime/user"]),
        ({"interface": None}, ["/interface"]),
        ({"interface": {"input": {}}}, ["/interface"]),
        ({"interface": {"input": {"type": "foo"}, "output": {"$ref": "http://x/y"}}},
         ["/interface/input/type", "/interface/output/$ref"]),
        ({"capabilities": []}, ["/capabilities"]),
        ({"capabilities": {"network": ["*"], "effects": ["pay"]}},
         ["/capabilities/effects/0", "/capabilities/network/0"]),
        ({"runtime": {"kind": "instructions"}, "capabilities": {"data": ["x"]}},
         ["/capabilities"]),
        ({"cost": {"estimate_usd": -1}}, ["/cost/estimate_usd"]),
        ({"tests": {"fixtures": [{"name": "x", "input": {}}]}}, ["/tests/fixtures/0"]),
        ({"tests": {"budgets": {"p95_ms": 0}}}, ["/tests/budgets/p95_ms"]),
        ({"tests": {"assertions": ["commutative"]}}, ["/tests/assertions/0"]),
        ({"tests": {"assertions": [{"name": "a", "pointer": "/x", "op": "eq"}]}},
         ["/tests/assertions/0"]),
        ({"tests": {"assertions": [{"name": "a", "pointer": "x", "op": "eq", "value": 1}]}},
         ["/tests/assertions/0/pointer"]),
        ({"tests": {"assertions": [{"name": "a", "pointer": "", "op": "is", "value": 1}]}},
         ["/tests/assertions/0/op"]),
        ({"tests": {"assertions": [{"name": "a", "pointer": "", "op": "lt", "value": "1"}]}},
         ["/tests/assertions/0/value"]),
        ({"tests": {"assertions": [{"name": "a", "pointer": "", "op": "in", "value": 1}]}},
         ["/tests/assertions/0/value"]),
        ({"tests": {"assertions": [{"name": "a", "pointer": "", "op": "exists", "value": 1}]}},
         ["/tests/assertions/0/value"]),
        ({"tests": {"assertions": [{"name": "a", "pointer": "", "op": "matches", "value": "("}]}},
         ["/tests/assertions/0/value"]),
        ({"tests": {"assertions": [{"name": "a", "pointer": "", "op": "matches", "value": "(?=x)"}]}},
         ["/tests/assertions/0/value"]),
        ({"release": {"compatibility": "maybe"}}, ["/release/compatibility"]),
        ({"owner": "a\0b"}, ["/owner"]),
        ({"cost": {"estimate_usd": float("nan")}}, ["/cost/estimate_usd"]),
        ({"owner": 5, "version": "x", "extra": 1}, ["/extra", "/owner", "/version"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_at_its_place(change: dict[str, Any], pointers: list[str]) -> None:
    with pytest.raises(ContractInvalid) as caught:
        parse_contract({**MINIMAL, **change}, SKILL)
    assert [item.pointer for item in caught.value.violations] == pointers


@pytest.mark.parametrize("missing", ["apiVersion", "version", "runtime", "interface"])
def test_required_members(missing: str) -> None:
    data = {key: value for key, value in MINIMAL.items() if key != missing}
    with pytest.raises(ContractInvalid) as caught:
        parse_contract(data, SKILL)
    assert missing in str([(item.pointer, item.message) for item in caught.value.violations])


@pytest.mark.parametrize("data", [None, [], "x", 5])
def test_what_is_no_mapping(data: Any) -> None:
    with pytest.raises(ContractInvalid):
        parse_contract(data, SKILL)


def test_an_unknown_capability_alone_has_its_own_code() -> None:
    with pytest.raises(UnknownCapability):
        parse_contract({**MINIMAL, "capabilities": {"nuclear": ["x"]}}, SKILL)
    with pytest.raises(ContractInvalid):
        parse_contract({**MINIMAL, "capabilities": {"nuclear": []}, "version": "x"}, SKILL)


def test_diagnostics_have_file_line_and_remedy() -> None:
    text = GOOD.replace("effects: [send]", "nuclear: [x]").replace("1.0.0", "1.0")
    contract, diagnostics = parse_contract_yaml(text + "extra: 1\n", "pack/contract.yaml")
    assert contract is None
    assert [(item.code, item.file, item.line) for item in diagnostics] == [
        ("unknown_capability", "pack/contract.yaml", 13),
        ("contract_invalid", "pack/contract.yaml", 22),
        ("contract_invalid", "pack/contract.yaml", 2),
    ]
    assert all(item.remedy and item.severity == "error" for item in diagnostics)


def test_yaml_faults_come_first_and_alone() -> None:
    contract, diagnostics = parse_contract_yaml("version: 010\nfoo: on\n")
    assert contract is None
    assert [item.line for item in diagnostics] == [1, 2]


def test_a_package_without_contract_has_no_capabilities() -> None:
    contract = instructions_contract(SKILL)
    assert contract.runtime.kind == "instructions"
    assert contract.capabilities == Capabilities()
    assert contract.version == "0.1.0"
    assert contract.skill_key == "add"


@pytest.mark.parametrize(
    ("written", "read"),
    [("2.1.0", "2.1.0"), ("1.0", "1.0.0"), ("v2", "2.0.0"), ("x", "0.1.0"), ("", "0.1.0")],
)
def test_an_instructions_version_may_stand_in_the_metadata(written: str, read: str) -> None:
    skill = SkillMd(name="x", metadata={"version": written})
    assert instructions_contract(skill).version == read


# 10,000 inputs of five kinds: a contract or diagnostics every time, never an exception.
MANY = settings(max_examples=2000, deadline=None)
BYTES = GOOD.encode()
WORDS = st.sampled_from(
    [
        *("apiVersion", "version", "runtime", "interface", "capabilities", "tests", ": ", "\n"),
        *("  ", "- ", "[", "]", "{", "}", ",", "'", '"', "|\n", ">", "&a ", "*a", "<<: ", "!!str "),
        *("!!python/name:os ", "? ", "---\n", "...\n", "%YAML 1.2\n", "#", "\t", "on", "010", "~"),
        *("1e999", "2026-01-01", "\0", "\ud800", "\ufeff", "\u2028", "x", "livery/v1", "1.0.0"),
    ]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["python", "livery/v1", "1.0.0", "object", "send", "http://x", "#", "$ref"])
)
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *(
                        "kind",
                        "entry",
                        "input",
                        "output",
                        "effects",
                        "llm",
                        "level",
                        "type",
                        "$ref",
                    ),
                    *("fixtures", "name", "operator", "estimate_usd", "level", "token_budget"),
                ]
            )
            | st.text(max_size=3),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


def check(source: str | bytes) -> None:
    contract, diagnostics = parse_contract_yaml(source, skill_md=SKILL)
    assert (contract is None) == bool(diagnostics)
    for item in diagnostics:
        assert item.code in LOADER_CODES
        assert item.message
        assert item.remedy
        assert item.line is not None
        assert item.line >= 1


@MANY
@given(st.binary(max_size=200))
def test_any_bytes(source: bytes) -> None:
    check(source)


@MANY
@given(st.text(max_size=100))
def test_any_text(source: str) -> None:
    check(source)


@MANY
@given(st.lists(WORDS, max_size=25).map("".join))
def test_any_soup_of_yaml(source: str) -> None:
    check(source)


@MANY
@given(st.integers(0, len(BYTES)), st.integers(0, 40), st.binary(max_size=6))
def test_any_edit_of_a_good_contract(start: int, length: int, patch: bytes) -> None:
    check(BYTES[:start] + patch + BYTES[start + length :])


@MANY
@given(st.dictionaries(st.sampled_from([*MINIMAL, "capabilities", "tests", "steps", "cost",
                                        "release", "owner"]), TREES, max_size=4))  # fmt: skip
def test_any_tree_in_place_of_a_member(change: dict[str, Any]) -> None:
    try:
        contract = parse_contract({**MINIMAL, **change}, SKILL)
    except (ContractInvalid, UnknownCapability) as fault:
        found = fault.violations
    else:
        assert isinstance(contract, Contract)
        return
    assert found
    assert all(item.pointer == "" or item.pointer.startswith("/") for item in found)
