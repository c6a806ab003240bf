"""What the process says when it ends: 0 done, 1 failed, 2 usage, 3 denied, 4 needs approval, 74 answer not written."""

from collections.abc import Mapping
from typing import Any

from livery.client import ApiProblem, RunDenied
from livery.client.endings import DENIED_CATEGORIES, ending
from livery.manifest.errors import LiveryError

DONE, FAILED, USAGE, DENIED, NEEDS_APPROVAL, INTERRUPTED = 0, 1, 2, 3, 4, 130
OUTPUT_LOST = 74
"""The answer could not be written (EX_IOERR of sysexits.h): what was asked may be done all the same."""
_REFUSED_STATUSES = frozenset({401, 403, 429})
_OF_ENDING = {"done": DONE, "failed": FAILED, "denied": DENIED, "needs_approval": NEEDS_APPROVAL}


class UsageError(LiveryError):
    """The command line cannot be understood."""

    code = "validation_error"

    def __init__(self, message: str, remedy: str = "See --help.") -> None:
        super().__init__(self.code, message, remedy=remedy)


def of_envelope(envelope: Mapping[str, Any]) -> int:
    """The exit code of a result envelope."""
    return _OF_ENDING[ending(envelope)]


def of_error(error: LiveryError) -> int:
    """The exit code of an error."""
    if isinstance(error, UsageError):
        return USAGE
    if error.code == "approval_required":
        return NEEDS_APPROVAL
    if isinstance(error, RunDenied) and of_envelope(error.envelope) == DENIED:
        return DENIED
    if isinstance(error, ApiProblem) and error.status in _REFUSED_STATUSES:
        return DENIED
    return DENIED if error.category in DENIED_CATEGORIES else FAILED
