"""What can go wrong between Livery and its PostgreSQL."""

from livery.manifest.errors import LiveryError


class DatabaseStartFailed(LiveryError):
    """The embedded PostgreSQL did not start; the message carries the end of its log."""

    code = "internal_error"


class DatabaseVersionMismatch(LiveryError):
    """The data folder was made by another major version of PostgreSQL."""

    code = "configuration_error"


class DatabaseHomeRefused(LiveryError):
    """A folder or key of the embedded PostgreSQL is not safe or not usable."""

    code = "configuration_error"


class DatabaseUrlRefused(LiveryError):
    """The external database URL cannot be used."""

    code = "configuration_error"


class UnsafeDatabaseRole(LiveryError):
    """A process was given a database role that row-level security does not bind."""

    code = "configuration_error"


class DatabasePasswordLost(LiveryError):
    """A role exists, but the password kept in LIVERY_HOME does not open it."""

    code = "configuration_error"
