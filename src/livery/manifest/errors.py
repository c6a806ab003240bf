"""The one error base: every refusal states its code, message, status and remedy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from livery.manifest.codes import Category, info
from livery.manifest.denylist import redact, redact_text

PROBLEM_BASE: Final = "https://livery.dev/problems/"
"""Prefix of the ``type`` member of a problem document (an identifier, not a page to fetch)."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One fault at one place: ``pointer`` is a JSON pointer (RFC 6901, "" is the document)."""

    pointer: str
    message: str
    code: str | None = None

    def to_dict(self) -> dict[str, str]:
        """Return ``{pointer, message, code?}``, without secrets."""
        member = {"pointer": redact_text(self.pointer), "message": redact_text(self.message)}
        if self.code is not None:
            member["code"] = self.code
        return member


class LiveryError(Exception):
    """A refusal or failure with a code of ``livery.manifest.codes``.

    Subclasses set the class attribute ``code`` and are raised without naming it again.
    KeyError when the code is unknown: that is a fault of the program.
    """

    code: str = "internal_error"

    def __init__(
        self,
        code: str | None = None,
        message: str | None = None,
        *,
        violations: Iterable[Violation] = (),
        details: Mapping[str, Any] | None = None,
        remedy: str | None = None,
    ) -> None:
        about = info(code or type(self).code)
        self.code = about.code
        self.message = redact_text(message) if message else about.message
        self.status = about.status
        self.category = about.category or Category.INTERNAL
        self.remedy = remedy or about.remedy
        self.retryable = about.retryable
        self.violations = tuple(violations)
        self.details: dict[str, Any] = dict(redact(details)) if details else {}
        super().__init__(self.message)

    def problem(self, correlation_id: str, instance: str | None = None) -> dict[str, Any]:
        """Return the RFC 9457 document: type, title, status, detail, code, category,
        correlation_id, violations, remedy, and instance and details where there are any.
        """
        document: dict[str, Any] = {
            "type": PROBLEM_BASE + self.code,
            "title": info(self.code).message,
            "status": self.status,
            "detail": self.message,
            "code": self.code,
            "category": str(self.category),
            "correlation_id": correlation_id,
            "violations": [violation.to_dict() for violation in self.violations],
            "remedy": self.remedy,
        }
        if instance is not None:
            document["instance"] = instance
        if self.details:
            document["details"] = self.details
        return document


class ContractInvalid(LiveryError):
    """A contract, schema or package is not valid; the violations say where."""

    code = "contract_invalid"


class UnknownCapability(LiveryError):
    """A contract names a capability outside the closed vocabulary."""

    code = "unknown_capability"


class StatementInvalid(LiveryError):
    """A signed statement does not verify, or is not the statement that was asked for."""

    code = "statement_invalid"
