"""What a loader says about a package: never an exception, always a place and a way out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from livery.manifest.codes import info
from livery.manifest.denylist import redact_text

Severity = Literal["error", "warning", "info"]

LOADER_CODES: Final = (
    "missing_skill_md",
    "malformed_frontmatter",
    "invalid_name",
    "underdeclared_capability",
    "unknown_capability",
    "command_alias_collision",
    "ineligible",
    "missing_required_tools",
    "precedence_conflict",
    "contract_invalid",
)
"""All codes that a diagnostic can have."""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding about one package.

    ``file`` is the path inside the package, ``line`` is 1-based (None when the finding is about
    the whole file). An ``error`` keeps the package out of the catalog, a ``warning`` does not.
    """

    code: str
    message: str
    remedy: str
    file: str
    line: int | None = None
    severity: Severity = "error"

    def to_dict(self) -> dict[str, Any]:
        """Return the diagnostic as a JSON object with the fields in their order."""
        return {
            "code": self.code,
            "message": self.message,
            "remedy": self.remedy,
            "file": self.file,
            "line": self.line,
            "severity": self.severity,
        }


def diagnose(
    code: str,
    message: str,
    file: str,
    line: int | None = None,
    *,
    severity: Severity = "error",
    remedy: str | None = None,
) -> Diagnostic:
    """Make a diagnostic, without secrets in its message; the remedy defaults to its code's own.

    Raises ValueError for a code that is no loader code.
    """
    if code not in LOADER_CODES:
        raise ValueError(f"{code} is no loader code")
    return Diagnostic(code, redact_text(message), remedy or info(code).remedy, file, line, severity)


def has_errors(diagnostics: tuple[Diagnostic, ...] | list[Diagnostic]) -> bool:
    """Say whether any of the diagnostics keeps the package out."""
    return any(item.severity == "error" for item in diagnostics)
