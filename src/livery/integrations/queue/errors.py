"""Refusals of the queue."""

from livery.manifest.errors import LiveryError


class QueueSchemaUnknown(LiveryError):
    """The database's queue was made by a newer task engine than this one."""

    code = "configuration_error"


class QueueSchemaFailed(LiveryError):
    """A step of the task engine's schema did not run; the database is as it was before it."""

    code = "internal_error"
