"""Refusals of identity."""

from livery.manifest.errors import LiveryError


class Unauthenticated(LiveryError):
    """No token, or one that is unknown, expired or revoked."""

    code = "unauthenticated"


class Forbidden(LiveryError):
    """The caller's role does not allow this."""

    code = "forbidden"


class NotFound(LiveryError):
    """It does not exist, or not for this caller."""

    code = "not_found"


class AlreadyExists(LiveryError):
    """Something with this name is there already."""

    code = "already_exists"


class Invalid(LiveryError):
    """The request does not fit."""

    code = "validation_error"
