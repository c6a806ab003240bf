import pytest

from livery.manifest.diagnostics import Diagnostic, diagnose, has_errors


def test_a_diagnostic_says_where_and_the_way_out() -> None:
    finding = diagnose("invalid_name", "Foo is no name", "SKILL.md", 2)
    assert finding.to_dict() == {
        "code": "invalid_name",
        "message": "Foo is no name",
        "remedy": "Use 1-64 of a-z, 0-9 and single hyphens, equal to the folder's name.",
        "file": "SKILL.md",
        "line": 2,
        "severity": "error",
    }
    assert diagnose("ineligible", "x", "f", remedy="Do y.").remedy == "Do y."


def test_only_loader_codes_are_diagnostics() -> None:
    with pytest.raises(ValueError, match="tool_ok is no loader code"):
        diagnose("tool_ok", "x", "f")


def test_only_errors_keep_a_package_out() -> None:
    warning = diagnose("invalid_name", "x", "f", severity="warning")
    assert not has_errors([warning])
    assert has_errors((warning, Diagnostic("ineligible", "x", "y", "f")))
    assert not has_errors([])


def test_a_diagnostic_repeats_no_secret() -> None:
    assert "hunter2" not in diagnose("ineligible", "DB_PASSWORD=hunter2 is set", "f").message
