"""What goes wrong with signing keys."""

from __future__ import annotations

from livery.manifest.errors import LiveryError


class SigningKeyError(LiveryError):
    """The signing keys cannot be used: missing, damaged, or readable by others."""

    code = "configuration_error"

    def __init__(self, message: str | None = None, *, remedy: str | None = None) -> None:
        super().__init__(type(self).code, message, remedy=remedy)
