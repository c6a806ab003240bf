"""Test files of a package (``tests/*.yaml``): more fixtures beside those of the contract."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from livery.manifest.contract import Fixture, read_fixtures
from livery.manifest.contract_schema import FIXTURES_SCHEMA
from livery.manifest.diagnostics import Diagnostic, diagnose
from livery.manifest.schema import Validator, compile_schema
from livery.manifest.yamldoc import YamlDoc, load_yaml


def is_test_file(path: str) -> bool:
    """Say whether a path of a package is a test file: directly in ``tests/``, YAML."""
    folder, _, name = path.rpartition("/")
    return folder == "tests" and name.endswith((".yaml", ".yml"))


def parse_test_file(
    data: bytes, path: str, taken: Iterable[str] = ()
) -> tuple[tuple[Fixture, ...], tuple[Diagnostic, ...]]:
    """Read one test file. Never raises: fixtures, or diagnostics with their lines.

    A fixture whose name is among ``taken`` is refused: evidence is listed by name.
    """
    doc = load_yaml(data)
    found = [diagnose("contract_invalid", item.message, path, item.line) for item in doc.faults]
    if not found:
        found = _diagnostics(doc, path)
    if found:
        return (), tuple(found)
    fixtures = read_fixtures(doc.value)
    names = set(taken)
    for index, fixture in enumerate(fixtures):
        if fixture.name in names:
            line = doc.line_of(f"/fixtures/{index}")
            found.append(
                diagnose("contract_invalid", f"the fixture {fixture.name} is twice", path, line)
            )
        names.add(fixture.name)
    return (() if found else fixtures), tuple(found)


@lru_cache(maxsize=1)
def _validator() -> Validator:
    return compile_schema(FIXTURES_SCHEMA)


def _diagnostics(doc: YamlDoc, path: str) -> list[Diagnostic]:
    return [
        diagnose(
            "contract_invalid",
            f"{item.pointer or 'the file'}: {item.message}",
            path,
            doc.line_of(item.pointer),
        )
        for item in _validator().violations(doc.value)
    ]
