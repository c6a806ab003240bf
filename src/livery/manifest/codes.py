"""Every problem and result code of the platform, with its category, HTTP status and way out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from livery.manifest._code_table import ROWS


class Category(StrEnum):
    """Whose fault a failure is; decides who is told and whether a retry makes sense."""

    INPUT = "input"
    POLICY = "policy"
    QUOTA = "quota"
    PROVIDER = "provider"
    TIMEOUT = "timeout"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class CodeInfo:
    """What one code means.

    ``status`` is the HTTP status when the code ends a request as a problem. ``message`` is one
    sentence, ``remedy`` the way out. ``retryable`` says that the same call may succeed later
    without a change. ``tool_ok`` is no failure; its category is None.
    """

    code: str
    category: Category | None
    status: int
    message: str
    remedy: str
    retryable: bool


CODES: Final[Mapping[str, CodeInfo]] = MappingProxyType(
    {
        code: CodeInfo(
            code, Category(category) if category else None, status, message, remedy, retryable
        )
        for code, category, status, retryable, message, remedy in ROWS
    }
)
"""All codes by name."""


def info(code: str) -> CodeInfo:
    """Return the description of ``code``; KeyError for a code that the platform does not have."""
    return CODES[code]
