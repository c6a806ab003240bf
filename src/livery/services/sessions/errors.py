"""What can be wrong with a batch of session facts."""

from __future__ import annotations

from livery.manifest.errors import LiveryError


class BatchInvalid(LiveryError):
    """The batch is not what a reader of session logs produces; nothing of it was stored."""

    code = "validation_error"


class BatchTooLarge(LiveryError):
    """The batch is larger than allowed."""

    code = "payload_too_large"
