"""Refusals of job roles."""

from livery.manifest.errors import LiveryError


class RoleNotFound(LiveryError):
    """There is no such job role or version, or not for this caller."""

    code = "not_found"


class RoleExists(LiveryError):
    """The key is taken."""

    code = "already_exists"


class RoleInvalid(LiveryError):
    """What the role should consist of does not fit."""

    code = "validation_error"


class RoleBusy(LiveryError):
    """Others keep changing the role at this moment."""

    code = "invalid_transition"
