"""The probe is a package like any other; tests/execution shows it refused by the platform."""

from pathlib import Path

import pytest

import livery.packs.basics
from livery.authoring import contract_yaml
from livery.authoring.errors import CapabilityDenied
from livery.authoring.loading import load_entry
from livery.authoring.testkit import make_context, read_package, run_fixtures
from livery.manifest.yamldoc import load_yaml

PROBE = Path(livery.packs.basics.__file__).parent / "capability-probe"


def test_is_a_package_that_declares_nothing() -> None:
    package, diagnostics = read_package(PROBE)
    assert diagnostics == ()
    assert package.contract.capabilities.to_dict() == {}
    assert run_fixtures(PROBE).ok


def test_the_contract_is_what_the_code_derives() -> None:
    text = (PROBE / "contract.yaml").read_text(encoding="utf-8")
    assert text == contract_yaml(load_entry(PROBE, "scripts/skill.py:run"), load_yaml(text).value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("data", "sessions"),
        ("network", "https://example.com/x"),
        ("credentials", "smtp"),
        ("storage", "notes"),
        ("tools", "add"),
    ],
)
def test_the_test_kit_refuses_each_kind(kind: str, value: str) -> None:
    tool = load_entry(PROBE, "scripts/skill.py:run")
    with pytest.raises(CapabilityDenied):
        tool.call({"kind": kind, "value": value}, make_context())
