"""Refusals of control."""

from livery.manifest.errors import LiveryError


class TargetNotFound(LiveryError):
    """There is no such workspace or agent for this caller."""

    code = "not_found"


class SwitchNotEngaged(LiveryError):
    """The switch is not engaged."""

    code = "invalid_transition"
