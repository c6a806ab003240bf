"""Refusals of bindings."""

from livery.manifest.errors import LiveryError


class BindingNotFound(LiveryError):
    """Nothing is bound to this slot, or not for this caller."""

    code = "not_found"


class BindingInvalid(LiveryError):
    """The slot or what should fill it does not fit."""

    code = "validation_error"


class NoFormerBinding(LiveryError):
    """The slot has nothing to go back to, or others keep moving it."""

    code = "invalid_transition"
