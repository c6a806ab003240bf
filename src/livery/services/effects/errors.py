"""Refusals of effects."""

from livery.manifest.errors import LiveryError


class EffectNotFound(LiveryError):
    """There is no such effect, or not for this caller."""

    code = "not_found"


class NothingUnknown(LiveryError):
    """The run is not unknown: there is nothing to resolve."""

    code = "invalid_transition"


class EffectRefused(LiveryError):
    """The record does not take this effect (the run is over, or was not approved): nothing is sent."""

    code = "execution_error"


class CircuitOpen(LiveryError):
    """The target failed five times in a row: it rests for a minute. Nothing was sent."""

    code = "circuit_open"


class TooFast(LiveryError):
    """More requests to one target than its rate allows. Nothing was sent."""

    code = "workspace_run_quota"
