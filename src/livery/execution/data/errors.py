"""What can be wrong with a query of the semantic layer."""

from __future__ import annotations

from livery.manifest.errors import LiveryError


class QueryInvalid(LiveryError):
    """The query names no view, dimension or measure of the semantic layer, or is out of bounds."""

    code = "validation_error"


class WindowUnreadable(LiveryError):
    """The facts of the data window could not be read."""

    code = "internal_error"
