"""Refusals of policies."""

from livery.manifest.errors import LiveryError


class PolicyNotFound(LiveryError):
    """There is no such version."""

    code = "not_found"
